"""Pretrained encoders that see a text from both sides: BERT and its kin.

B = rows of the batch, T = tokens of the longest text, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.text_pretrained_base import PretrainedTextEncoder, TextReduction
from ludwig.encoders.text_pretrained_options import (
    ClassifierDropout,
    DropoutOptions,
    LayerOptions,
    MarkerOptions,
    NormEpsilon,
    PositionKind,
    PositionOptions,
    RobertaOptions,
    pooled,
    pretrained_model,
)
from ludwig.schema import param


@ENCODERS.register("bert", kinds=("text",))
class BertEncoder(PretrainedTextEncoder):
    """BERT, a pretrained transformer encoder. By default it is frozen, and its class token is the text's vector.

    Use it for English texts of up to 512 tokens where there are few labelled rows; `trainable: true` or an adapter
    fine-tunes it. It costs 110 million weights in its usual size; sentence models of the same architecture, such as
    all-MiniLM-L6-v2, are smaller and better frozen, with `reduce_output: mean`.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Devlin et al. 2019, "BERT", arXiv:1810.04805.

    ```yaml
    name: review
    type: text
    encoder:
      type: bert
      pretrained_model_name_or_path: sentence-transformers/all-MiniLM-L6-v2
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(
        LayerOptions,
        NormEpsilon,
        DropoutOptions,
        PositionKind,
        PositionOptions,
        ClassifierDropout,
        PretrainedTextEncoder.Config,
    ):
        family = "bert"

        pretrained_model_name_or_path: str | None = pretrained_model("bert-base-uncased")
        reduce_output: TextReduction | None = pooled()

        def faults(self) -> list[tuple[str, str]]:
            return [*super().faults(), *self.faults_of_positions()]


@ENCODERS.register("albert", kinds=("text",))
class AlbertEncoder(PretrainedTextEncoder):
    """ALBERT: BERT whose layers share their weights.

    Use it where memory is short: it has 12 million weights in its usual size, and takes as long as BERT.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Lan et al. 2020, "ALBERT", arXiv:1909.11942.

    ```yaml
    name: review
    type: text
    encoder:
      type: albert
      trainable: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(
        LayerOptions,
        NormEpsilon,
        DropoutOptions,
        MarkerOptions,
        PositionKind,
        PositionOptions,
        PretrainedTextEncoder.Config,
    ):
        family = "albert"

        pretrained_model_name_or_path: str | None = pretrained_model("albert-base-v2")
        reduce_output: TextReduction | None = pooled()
        embedding_size: int = param(128, min=1, help="Size of the embedding of a token. Used without use_pretrained.")
        num_hidden_groups: int = param(
            1, min=1, help="Number of groups of layers that share their weights. Used without use_pretrained."
        )
        inner_group_num: int = param(
            1, min=1, help="Number of layers within each repetition of a group. Used without use_pretrained."
        )
        hidden_act: Literal["gelu", "relu", "silu", "gelu_new"] = param(
            "gelu_new", help="Activation function of the feed-forward layers. Used without use_pretrained."
        )
        hidden_dropout_prob: float = param(
            0.0, min=0, max=1, help="Dropout rate of states. Raise it against overfitting. Used without use_pretrained."
        )
        attention_probs_dropout_prob: float = param(
            0.0, min=0, max=1, help="Dropout rate of attention weights. Used without use_pretrained."
        )
        classifier_dropout_prob: float = param(
            0.1, min=0, max=1, help="Dropout rate of the library's classification head, which is not used here."
        )
        bos_token_id: int = param(2, min=0, help="Id of the token that begins a text, with a pretrained tokenizer.")
        eos_token_id: int = param(3, min=0, help="Id of the token that ends a text, with a pretrained tokenizer.")

        def faults(self) -> list[tuple[str, str]]:
            return [*super().faults(), *self.faults_of_positions()]


@ENCODERS.register("roberta", kinds=("text",))
class RobertaEncoder(PretrainedTextEncoder):
    """RoBERTa: BERT, pretrained for longer on more texts.

    Use it as the first choice for fine-tuning on English texts. It costs 125 million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Liu et al. 2019, "RoBERTa", arXiv:1907.11692.

    ```yaml
    name: review
    type: text
    encoder:
      type: roberta
      adapter:
        type: lora
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RobertaOptions, PretrainedTextEncoder.Config):
        family = "roberta"

        pretrained_model_name_or_path: str | None = pretrained_model("roberta-base")
        reduce_output: TextReduction | None = pooled()


@ENCODERS.register("xlmroberta", kinds=("text",))
class XlmRobertaEncoder(PretrainedTextEncoder):
    """XLM-RoBERTa: RoBERTa, pretrained on texts of 100 languages.

    Use it for texts of several languages, or of one that has no network of its own. It costs 278 million weights in its
    usual size, most of them embeddings.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Conneau et al. 2020, "Unsupervised Cross-lingual Representation Learning at Scale", arXiv:1911.02116.

    ```yaml
    name: review
    type: text
    encoder:
      type: xlmroberta
      trainable: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RobertaOptions, PretrainedTextEncoder.Config):
        family = "xlm-roberta"

        pretrained_model_name_or_path: str | None = pretrained_model("xlm-roberta-base")
        reduce_output: TextReduction | None = pooled()
        add_pooling_layer: bool = param(
            True, help="Whether a layer over the class token follows, with cls_pooled; false takes its state as it is."
        )

    config: Config

    def keeps_pooler(self) -> bool:
        return super().keeps_pooler() and self.config.add_pooling_layer


@ENCODERS.register("camembert", kinds=("text",))
class CamembertEncoder(PretrainedTextEncoder):
    """CamemBERT: RoBERTa, pretrained on French texts.

    Use it for French. It costs 111 million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Martin et al. 2020, "CamemBERT: a Tasty French Language Model", arXiv:1911.03894.

    ```yaml
    name: avis
    type: text
    encoder:
      type: camembert
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RobertaOptions, ClassifierDropout, PositionKind, PretrainedTextEncoder.Config):
        family = "camembert"

        pretrained_model_name_or_path: str | None = pretrained_model("camembert-base")

        def faults(self) -> list[tuple[str, str]]:
            return [*super().faults(), *self.faults_of_positions()]


@ENCODERS.register("distilbert", kinds=("text",))
class DistilBertEncoder(PretrainedTextEncoder):
    """DistilBERT: half of BERT's layers, trained to give what BERT gives.

    Use it in place of BERT where time is short: it takes about half as long. It costs 66 million weights in its usual
    size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Sanh et al. 2019, "DistilBERT", arXiv:1910.01108.

    ```yaml
    name: review
    type: text
    encoder:
      type: distilbert
      trainable: true
      reduce_output: cls_pooled
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedTextEncoder.Config):
        family = "distilbert"

        pretrained_model_name_or_path: str | None = pretrained_model("distilbert-base-uncased")
        max_position_embeddings: int = param(
            512, min=1, help="Maximum number of positions: longer texts are truncated. Used without use_pretrained."
        )
        sinusoidal_pos_embds: bool = param(
            False, help="Whether positions are sines and cosines that are not trained. Used without use_pretrained."
        )
        n_layers: int = param(6, min=1, help="Number of transformer layers. Used without use_pretrained.")
        n_heads: int = param(
            12, min=1, help="Number of attention heads, which must divide dim. Used without use_pretrained."
        )
        dim: int = param(768, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
        hidden_dim: int = param(3072, min=1, help="Size of the feed-forward layers. Used without use_pretrained.")
        dropout: float = param(
            0.1, min=0, max=1, help="Dropout rate of states. Raise it against overfitting. Used without use_pretrained."
        )
        attention_dropout: float = param(
            0.1, min=0, max=1, help="Dropout rate of attention weights. Used without use_pretrained."
        )
        activation: Literal["gelu", "relu", "silu", "gelu_new"] = param(
            "gelu", help="Activation function of the feed-forward layers. Used without use_pretrained."
        )
        initializer_range: float = param(
            0.02, min=0, help="Standard deviation of the initial weights. Used without use_pretrained."
        )
        qa_dropout: float = param(
            0.1, min=0, max=1, help="Dropout rate of the library's question answering head, which is not used here."
        )
        seq_classif_dropout: float = param(
            0.2, min=0, max=1, help="Dropout rate of the library's classification head, which is not used here."
        )


@ENCODERS.register("electra", kinds=("text",))
class ElectraEncoder(PretrainedTextEncoder):
    """ELECTRA: BERT, pretrained to find the tokens of a text that were replaced.

    Use it for a small network that is fine-tuned: it costs 14 million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Clark et al. 2020, "ELECTRA", arXiv:2003.10555.

    ```yaml
    name: review
    type: text
    encoder:
      type: electra
      trainable: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(
        LayerOptions,
        NormEpsilon,
        DropoutOptions,
        PositionKind,
        PositionOptions,
        ClassifierDropout,
        PretrainedTextEncoder.Config,
    ):
        family = "electra"

        pretrained_model_name_or_path: str | None = pretrained_model("google/electra-small-discriminator")
        embedding_size: int = param(128, min=1, help="Size of the embedding of a token. Used without use_pretrained.")
        hidden_size: int = param(256, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
        num_attention_heads: int = param(
            4, min=1, help="Number of attention heads, which must divide the hidden size. Used without use_pretrained."
        )
        intermediate_size: int = param(
            1024, min=1, help="Size of the feed-forward layers. Used without use_pretrained."
        )

        def faults(self) -> list[tuple[str, str]]:
            return [*super().faults(), *self.faults_of_positions()]
