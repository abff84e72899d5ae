"""Pretrained encoders taken from networks that generate texts, and those of any family.

B = rows of the batch, T = tokens of the longest text, E = size of a token's embedding, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from torch import Tensor

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.text_pretrained_base import PretrainedEncoder, PretrainedTextEncoder, TextReduction
from ludwig.encoders.text_pretrained_options import GptOptions, pretrained_model
from ludwig.pretrained.loading import Description
from ludwig.pretrained.names import resolved
from ludwig.pretrained.parameters import ModelParameters
from ludwig.schema import param


@ENCODERS.register("gpt", kinds=("text",))
class GptEncoder(PretrainedTextEncoder):
    """GPT, the first generative pretrained transformer: each token has seen those before it.

    Use it to compare with; newer networks are better. It costs 117 million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Radford et al. 2018, "Improving Language Understanding by Generative Pre-Training".

    ```yaml
    name: review
    type: text
    encoder:
      type: gpt
      reduce_output: last
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(GptOptions, PretrainedTextEncoder.Config):
        family = "openai-gpt"
        class_token_is_first = False

        pretrained_model_name_or_path: str | None = pretrained_model("openai-gpt")
        n_positions: int = param(
            40478, min=1, help="Maximum number of positions, unless n_ctx is less. Used without use_pretrained."
        )
        n_ctx: int = param(512, min=1, help="Context length: longer texts are truncated. Used without use_pretrained.")
        afn: Literal["gelu", "relu", "silu"] = param(
            "gelu", help="Activation function of the feed-forward layers. Used without use_pretrained."
        )

        def architecture_options(self) -> dict[str, Any]:
            return {**super().architecture_options(), "n_positions": min(self.n_positions, self.n_ctx)}


@ENCODERS.register("gpt2", kinds=("text",))
class Gpt2Encoder(PretrainedTextEncoder):
    """GPT-2: a generative transformer, each of whose tokens has seen those before it.

    Use it with `reduce_output: last` or `mean`, best fine-tuned. It costs 124 million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".

    ```yaml
    name: review
    type: text
    encoder:
      type: gpt2
      reduce_output: last
      adapter:
        type: lora
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(GptOptions, PretrainedTextEncoder.Config):
        family = "gpt2"
        class_token_is_first = False

        pretrained_model_name_or_path: str | None = pretrained_model("gpt2")
        n_inner: int | None = param(
            None, min=1, help="Size of the feed-forward layers; null for 4 n_embd. Used without use_pretrained."
        )
        activation_function: Literal["relu", "silu", "gelu", "tanh", "gelu_new"] = param(
            "gelu_new", help="Activation function of the feed-forward layers. Used without use_pretrained."
        )
        scale_attn_weights: bool = param(
            True, help="Whether attention is divided by the root of the heads' size. Used without use_pretrained."
        )

        def architecture_options(self) -> dict[str, Any]:
            return {**super().architecture_options(), "n_positions": min(self.n_positions, self.n_ctx)}


@ENCODERS.register("t5", kinds=("text",))
class T5Encoder(PretrainedTextEncoder):
    """The encoder of T5, a network pretrained to turn texts into texts.

    Use it with `reduce_output: mean`. It has no bound on the length of a text, by its relative positions. It costs 35
    million weights in its usual (small) size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
    arXiv:1910.10683.

    ```yaml
    name: review
    type: text
    encoder:
      type: t5
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedTextEncoder.Config):
        family = "t5"
        library_names = {"layer_norm_eps": "layer_norm_epsilon"}

        pretrained_model_name_or_path: str | None = pretrained_model("t5-small")
        d_model: int = param(512, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
        d_kv: int = param(64, min=1, help="Size of an attention head. Used without use_pretrained.")
        d_ff: int = param(2048, min=1, help="Size of the feed-forward layers. Used without use_pretrained.")
        num_layers: int = param(6, min=1, help="Number of transformer layers. Used without use_pretrained.")
        num_decoder_layers: int = param(6, min=1, help="Number of layers of the decoder, which is not used here.")
        num_heads: int = param(8, min=1, help="Number of attention heads. Used without use_pretrained.")
        relative_attention_num_buckets: int = param(
            32, min=1, help="Number of buckets of relative positions. Used without use_pretrained."
        )
        dropout_rate: float = param(
            0.1, min=0, max=1, help="Dropout rate. Raise it against overfitting. Used without use_pretrained."
        )
        layer_norm_eps: float = param(1e-6, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")
        initializer_factor: float = param(
            1.0, min=0, help="Factor of the initial weights, usually 1. Used without use_pretrained."
        )
        feed_forward_proj: Literal["relu", "gated-gelu"] = param(
            "relu", help="Feed-forward layers: relu, or gated-gelu as in version 1.1. Used without use_pretrained."
        )


@ENCODERS.register("xlnet", kinds=("text",))
class XlnetEncoder(PretrainedTextEncoder):
    """XLNet: pretrained to predict the tokens of a text in any order, with relative positions.

    Use it to compare with; it takes longer than BERT. It costs 117 million weights in its usual size. Its class token
    stands at the end of a text: `reduce_output: last` takes it.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Yang et al. 2019, "XLNet", arXiv:1906.08237.

    ```yaml
    name: review
    type: text
    encoder:
      type: xlnet
      reduce_output: last
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedTextEncoder.Config):
        family = "xlnet"
        class_token_is_first = False
        unused = ("mask_emb", "seg_embed", "r_s_bias")  # of its pretraining, and of texts of several segments

        pretrained_model_name_or_path: str | None = pretrained_model("xlnet-base-cased")
        d_model: int = param(768, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
        n_layer: int = param(12, min=1, help="Number of transformer layers. Used without use_pretrained.")
        n_head: int = param(
            12, min=1, help="Number of attention heads, which must divide d_model. Used without use_pretrained."
        )
        d_inner: int = param(3072, min=1, help="Size of the feed-forward layers. Used without use_pretrained.")
        ff_activation: Literal["gelu", "relu", "silu", "gelu_new"] = param(
            "gelu", help="Activation function of the feed-forward layers. Used without use_pretrained."
        )
        untie_r: bool = param(
            True, help="Whether layers have biases of relative positions of their own. Used without use_pretrained."
        )
        attn_type: Literal["bi"] = param("bi", help="Attention: bi, in both directions. Used without use_pretrained.")
        initializer_range: float = param(
            0.02, min=0, help="Standard deviation of the initial weights. Used without use_pretrained."
        )
        layer_norm_eps: float = param(1e-12, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")
        dropout: float = param(
            0.1, min=0, max=1, help="Dropout rate. Raise it against overfitting. Used without use_pretrained."
        )
        mem_len: int | None = param(
            None, min=1, help="Number of states kept from one text part to the next, which is not used here."
        )
        reuse_len: int | None = param(
            None, min=1, help="Number of tokens kept from one text part to the next, which is not used here."
        )
        use_mems_eval: bool = param(True, help="Whether states are kept in evaluation, with mem_len.")
        use_mems_train: bool = param(False, help="Whether states are kept in training, with mem_len.")
        bi_data: bool = param(False, help="Whether pretraining read texts in two directions, which is not used here.")
        clamp_len: int = param(
            -1,
            help="Maximum relative position, beyond which all count alike; -1 for none. Used without use_pretrained.",
        )
        same_length: bool = param(
            False, help="Whether each token sees equally many tokens. Used without use_pretrained."
        )
        summary_type: Literal["last", "first", "mean", "cls_index", "attn"] = param(
            "last", help="Summary of the library's classification head, which is not used here: see reduce_output."
        )
        summary_use_proj: bool = param(True, help="Whether that summary has a projection, which is not used here.")
        summary_activation: str = param("tanh", help="Activation function of that summary, which is not used here.")
        summary_last_dropout: float = param(
            0.1, min=0, max=1, help="Dropout rate of that summary, which is not used here."
        )
        start_n_top: int = param(5, min=1, help="Answers of the library's question answering head, not used here.")
        end_n_top: int = param(5, min=1, help="Ends of those answers, which are not used here.")
        pad_token_id: int = param(
            5, min=0, help="Id of padding, with a pretrained tokenizer; a fitted vocabulary has its own."
        )
        bos_token_id: int = param(1, min=0, help="Id of the token that begins a text, with a pretrained tokenizer.")
        eos_token_id: int = param(2, min=0, help="Id of the token that ends a text, with a pretrained tokenizer.")


@ENCODERS.register("auto_transformer", kinds=("text",))
class AutoTransformerEncoder(PretrainedTextEncoder):
    """Any pretrained network of the library transformers that reads texts.

    Use it for families that have no encoder of their own here, such as MPNet, Flaubert, CTRL or multilingual E5. With
    `use_pretrained: false` the architecture of the named model is trained from random weights.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    ```yaml
    name: review
    type: text
    encoder:
      type: auto_transformer
      pretrained_model_name_or_path: intfloat/multilingual-e5-small
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedTextEncoder.Config):
        pass


@ENCODERS.register("llm", kinds=("text",))
class LlmEncoder(PretrainedEncoder):
    """A pretrained language model as an encoder: the last layer's state of the last token, which has seen all others.

    Use it where texts need knowledge of the world and time does not matter; an adapter fine-tunes it. It costs as much
    as reading the text by that model, and is frozen without an adapter.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: the last token's state as in Wang et al. 2024, "Improving Text Embeddings with Large Language Models",
    arXiv:2401.00368.

    ```yaml
    name: review
    type: text
    encoder:
      type: llm
      base_model: HuggingFaceTB/SmolLM2-135M
      adapter:
        type: lora
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedEncoder.Config):
        class_token_is_first = False
        named_by = "base_model"

        base_model: str | None = param(
            None, help="Pretrained base model: a local folder, a Hugging Face Hub id, or a preset."
        )
        reduce_output: TextReduction | None = param(
            "last", help="Reduction of the tokens' states to one vector: last, mean, sum ...; null keeps all tokens."
        )

        model_parameters: ModelParameters | None = param(
            None, help="Parameters of the base model beside its weights: RoPE scaling and NEFTune noise; null for none."
        )

        @property
        def source(self) -> str | None:
            return None if self.base_model is None else resolved(self.base_model)

        @property
        def changes(self) -> ModelParameters:
            """The section of these parameters, which null leaves as they are."""
            return self.model_parameters or ModelParameters()

        @property
        def stretch(self) -> float:
            return self.changes.stretch

        def _read(self, place: str) -> Description:
            return self.changes.applied(super()._read(place))

        def faults(self) -> list[tuple[str, str]]:
            if self.base_model is None:
                return [("base_model", "Needs a folder, a hub id or a preset of a language model. Set it.")]
            faults = [(f"model_parameters.{name}", text) for name, text in self.changes.faults()]
            scaling = self.changes.rope_scaling
            if scaling is not None and scaling.rope_type == "dynamic":
                text = "Must be linear: with dynamic the embedding of a text changes with the others of its batch."
                faults.append(("model_parameters.rope_scaling.rope_type", text))
            if self.changes.neftune_noise_alpha and self.adapter is None:
                text = "Has no effect: a frozen base model is not fine-tuned. Set an adapter, or remove it."
                faults.append(("model_parameters.neftune_noise_alpha", text))
            return [*super().faults(), *faults]

    config: Config

    def _known(self, ids: Tensor, mask: Tensor) -> dict[str, Any]:
        known, changes = super()._known(ids, mask), self.config.changes
        if not self.training or not changes.neftune_noise_alpha:
            return known
        embeddings = self.network.get_input_embeddings()(known.pop("input_ids"))  # [B, T, E]
        return {**known, "inputs_embeds": changes.noisy(embeddings, known["attention_mask"])}
