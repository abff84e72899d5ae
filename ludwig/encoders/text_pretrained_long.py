"""Pretrained encoders of newer attention: for long texts, and by relative positions.

B = rows of the batch, T = tokens of the longest text, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.text_pretrained_base import PretrainedTextEncoder, TextReduction
from ludwig.encoders.text_pretrained_options import LayerOptions, RobertaOptions, pooled, pretrained_model
from ludwig.schema import param

Activation = Literal["gelu", "relu", "silu", "tanh", "gelu_fast", "mish", "linear", "sigmoid", "gelu_new"]


@ENCODERS.register("modernbert", kinds=("text",))
class ModernBertEncoder(PretrainedTextEncoder):
    """ModernBERT: BERT with rotary positions, local attention in most layers and newer training texts.

    Use it for English texts of up to 8192 tokens, for code, and as the best network of this size to fine-tune. It costs
    149 million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Warner et al. 2024, "Smarter, Better, Faster, Longer", arXiv:2412.13663.

    ```yaml
    name: report
    type: text
    preprocessing:
      max_sequence_length: 2048
    encoder:
      type: modernbert
      trainable: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LayerOptions, PretrainedTextEncoder.Config):
        family = "modernbert"
        library_names = {
            "hidden_act": "hidden_activation",
            "layer_norm_eps": "norm_eps",
            "hidden_dropout_prob": "mlp_dropout",
        }

        pretrained_model_name_or_path: str | None = pretrained_model("answerdotai/ModernBERT-base")
        reduce_output: TextReduction | None = pooled()
        num_hidden_layers: int = param(22, min=1, help="Number of transformer layers. Used without use_pretrained.")
        intermediate_size: int = param(
            1152, min=1, help="Size of the feed-forward layers. Used without use_pretrained."
        )
        hidden_dropout_prob: float = param(
            0.0, min=0, max=1, help="Dropout rate of the feed-forward layers. Used without use_pretrained."
        )
        max_position_embeddings: int = param(
            8192, min=1, help="Maximum number of positions: longer texts are truncated. Used without use_pretrained."
        )
        layer_norm_eps: float = param(1e-5, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")
        pad_token_id: int = param(
            50283, min=0, help="Id of padding, with a pretrained tokenizer; a fitted vocabulary has its own."
        )


@ENCODERS.register("deberta", kinds=("text",))
class DebertaEncoder(PretrainedTextEncoder):
    """DeBERTa (version 2 and 3): attention to contents and to relative positions apart.

    Use it where quality matters more than time: it is among the best networks to fine-tune, and takes about twice as
    long as BERT. It costs 184 million weights in the base size of version 3.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Sources: He et al. 2021, "DeBERTa", arXiv:2006.03654, and "DeBERTaV3", arXiv:2111.09543.

    ```yaml
    name: review
    type: text
    encoder:
      type: deberta
      pretrained_model_name_or_path: microsoft/deberta-v3-base
      trainable: true
      reduce_output: cls_pooled
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedTextEncoder.Config):
        family = "deberta-v2"

        pretrained_model_name_or_path: str | None = pretrained_model("tasksource/deberta-base-long-nli")
        hidden_size: int = param(1536, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
        num_hidden_layers: int = param(24, min=1, help="Number of transformer layers. Used without use_pretrained.")
        num_attention_heads: int = param(
            24, min=1, help="Number of attention heads, which must divide the hidden size. Used without use_pretrained."
        )
        intermediate_size: int = param(
            6144, min=1, help="Size of the feed-forward layers. Used without use_pretrained."
        )
        hidden_act: Activation = param(
            "gelu", help="Activation function of the feed-forward layers. Used without use_pretrained."
        )
        hidden_dropout_prob: float = param(
            0.1, min=0, max=1, help="Dropout rate of states. Raise it against overfitting. Used without use_pretrained."
        )
        attention_probs_dropout_prob: float = param(
            0.1, min=0, max=1, help="Dropout rate of attention weights. Used without use_pretrained."
        )
        max_position_embeddings: int = param(
            512, min=1, help="Maximum number of positions: longer texts are truncated. Used without use_pretrained."
        )
        type_vocab_size: int = param(
            0, min=0, help="Number of token types (segments), of which one is used. Used without use_pretrained."
        )
        layer_norm_eps: float = param(1e-12, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")
        relative_attention: bool = param(
            True, help="Whether attention depends on relative positions. Used without use_pretrained."
        )
        initializer_range: float = param(
            0.02, min=0, help="Standard deviation of the initial weights. Used without use_pretrained."
        )
        max_relative_positions: int = param(
            -1, help="Maximum relative position; -1 for max_position_embeddings. Used without use_pretrained."
        )
        pad_token_id: int = param(
            0, min=0, help="Id of padding, with a pretrained tokenizer; a fitted vocabulary has its own."
        )
        position_biased_input: bool = param(
            False, help="Whether absolute positions are added to the embeddings too. Used without use_pretrained."
        )
        pos_att_type: list[str] = param(
            lambda: ["p2c", "c2p"],
            help="Relative attention: p2c (position to content), c2p (content to position). Used without "
            "use_pretrained.",
        )
        pooler_hidden_size: int = param(
            1536, min=1, help="Size of the pooler of the library's classification head, which is not used here."
        )
        pooler_dropout: float = param(
            0.0, min=0, max=1, help="Dropout rate of the pooler of the library's classification head, not used here."
        )
        pooler_hidden_act: Activation = param(
            "gelu", help="Activation function of the pooler of the library's classification head, not used here."
        )
        position_buckets: int = param(
            256, min=1, help="Number of buckets of relative positions. Used without use_pretrained."
        )
        share_att_key: bool = param(
            True, help="Whether contents and positions share their projections. Used without use_pretrained."
        )
        norm_rel_ebd: Literal["layer_norm", "none"] = param(
            "layer_norm", help="Normalisation of the embeddings of relative positions. Used without use_pretrained."
        )


@ENCODERS.register("longformer", kinds=("text",))
class LongformerEncoder(PretrainedTextEncoder):
    """Longformer: RoBERTa with attention to a window of neighbours, and from the first token to all.

    Use it for texts of up to 4096 tokens, whose cost grows with their length and not with its square. It costs 149
    million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Beltagy, Peters & Cohan 2020, "Longformer", arXiv:2004.05150.

    ```yaml
    name: report
    type: text
    preprocessing:
      max_sequence_length: 4096
    encoder:
      type: longformer
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RobertaOptions, PretrainedTextEncoder.Config):
        family = "longformer"

        pretrained_model_name_or_path: str | None = pretrained_model("allenai/longformer-base-4096")
        reduce_output: TextReduction | None = pooled()
        attention_window: list[int] | int = param(
            512,
            min=2,
            help="Attention window: an even number of tokens, one or one a layer. Used without use_pretrained.",
        )
        sep_token_id: int = param(2, min=0, help="Id of the token between texts, with a pretrained tokenizer.")
        max_position_embeddings: int = param(
            4098, min=3, help="Maximum number of positions, of which padding takes 2. Used without use_pretrained."
        )

        def faults(self) -> list[tuple[str, str]]:
            windows = self.attention_window if isinstance(self.attention_window, list) else [self.attention_window]
            odd = [window for window in windows if window % 2]
            own = [("attention_window", f"Must be even. Received: {odd[0]}.")] if odd else []
            return [*super().faults(), *own]
