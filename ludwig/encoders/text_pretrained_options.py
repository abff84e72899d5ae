"""Options of architectures that several families of pretrained text encoders share.

They describe a network that is trained from random weights: pretrained ones have their own description.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from ludwig.schema import param

Activation = Literal["gelu", "relu", "silu", "gelu_new"]
TowerActivation = Literal["gelu", "relu", "silu", "gelu_new", "quick_gelu", "gelu_pytorch_tanh"]
RELATIVE = ("relative_key", "relative_key_query")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SizeOptions:
    """The size of a stack of transformer layers."""

    hidden_size: int = param(768, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
    num_hidden_layers: int = param(12, min=1, help="Number of transformer layers. Used without use_pretrained.")
    num_attention_heads: int = param(
        12, min=1, help="Number of attention heads, which must divide the hidden size. Used without use_pretrained."
    )
    intermediate_size: int = param(3072, min=1, help="Size of the feed-forward layers. Used without use_pretrained.")
    initializer_range: float = param(
        0.02, min=0, help="Standard deviation of the initial weights. Used without use_pretrained."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerOptions(SizeOptions):
    """A stack of transformer layers like those of BERT."""

    hidden_act: Activation = param(
        "gelu", help="Activation function of the feed-forward layers. Used without use_pretrained."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormEpsilon:
    """The layer normalisation of networks like BERT."""

    layer_norm_eps: float = param(1e-12, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropoutOptions:
    """Dropout of the layers."""

    hidden_dropout_prob: float = param(
        0.1, min=0, max=1, help="Dropout rate of states. Raise it against overfitting. Used without use_pretrained."
    )
    attention_probs_dropout_prob: float = param(
        0.1, min=0, max=1, help="Dropout rate of attention weights. Used without use_pretrained."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PositionOptions:
    """A table of positions."""

    max_position_embeddings: int = param(
        512, min=1, help="Maximum number of positions: longer texts are truncated. Used without use_pretrained."
    )
    type_vocab_size: int = param(
        2, min=1, help="Number of token types (segments), of which one is used. Used without use_pretrained."
    )
    pad_token_id: int = param(
        0, min=0, help="Id of padding, with a pretrained tokenizer; a fitted vocabulary has its own."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PositionKind:
    """How positions enter attention."""

    position_embedding_type: Literal["absolute", "relative_key", "relative_key_query"] = param(
        "absolute", help="Position embeddings: absolute; relative ones are not in the library transformers any more."
    )

    def faults_of_positions(self) -> list[tuple[str, str]]:
        """(parameter, message) of embeddings that the library does not have."""
        if self.position_embedding_type not in RELATIVE:
            return []
        text = "The library transformers has only absolute position embeddings since version 5. Received: "
        return [("position_embedding_type", f"{text}'{self.position_embedding_type}'. Use absolute, or deberta.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierDropout:
    """Dropout of a head that this library has in decoders of its own."""

    classifier_dropout: float | None = param(
        None, min=0, max=1, help="Dropout rate of the library's classification head, which is not used here."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarkerOptions:
    """The tokens that begin and end a text."""

    bos_token_id: int = param(0, min=0, help="Id of the token that begins a text, with a pretrained tokenizer.")
    eos_token_id: int = param(2, min=0, help="Id of the token that ends a text, with a pretrained tokenizer.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RobertaOptions(LayerOptions, NormEpsilon, DropoutOptions, MarkerOptions, PositionOptions):
    """The architecture of RoBERTa, whose positions count from behind the id of padding."""

    layer_norm_eps: float = param(1e-5, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")
    max_position_embeddings: int = param(
        514, min=3, help="Maximum number of positions, of which padding takes 2. Used without use_pretrained."
    )
    type_vocab_size: int = param(
        1, min=1, help="Number of token types (segments), of which one is used. Used without use_pretrained."
    )
    pad_token_id: int = param(
        1, min=0, help="Id of padding, with a pretrained tokenizer; a fitted vocabulary has its own."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TowerOptions(SizeOptions):
    """The architecture of a network of texts that was trained beside one of images."""

    hidden_act: TowerActivation = param(
        "quick_gelu", help="Activation function of the feed-forward layers. Used without use_pretrained."
    )
    attention_dropout: float = param(
        0.0, min=0, max=1, help="Dropout rate of attention weights. Used without use_pretrained."
    )
    pad_token_id: int = param(
        1, min=0, help="Id of padding, with a pretrained tokenizer; a fitted vocabulary has its own."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GptOptions:
    """The architecture of the first generative networks."""

    n_positions: int = param(
        1024, min=1, help="Maximum number of positions: longer texts are truncated. Used without use_pretrained."
    )
    n_ctx: int = param(
        1024, min=1, help="Context length, where it is less than n_positions. Used without use_pretrained."
    )
    n_embd: int = param(768, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
    n_layer: int = param(12, min=1, help="Number of transformer layers. Used without use_pretrained.")
    n_head: int = param(
        12, min=1, help="Number of attention heads, which must divide n_embd. Used without use_pretrained."
    )
    resid_pdrop: float = param(
        0.1, min=0, max=1, help="Dropout rate of the residual connections. Used without use_pretrained."
    )
    embd_pdrop: float = param(0.1, min=0, max=1, help="Dropout rate of the embeddings. Used without use_pretrained.")
    attn_pdrop: float = param(0.1, min=0, max=1, help="Dropout rate of attention. Used without use_pretrained.")
    layer_norm_epsilon: float = param(1e-5, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")
    initializer_range: float = param(
        0.02, min=0, help="Standard deviation of the initial weights. Used without use_pretrained."
    )


def pretrained_model(usual: str) -> Any:
    """The option `pretrained_model_name_or_path` of a family, with its usual pretrained model."""
    return param(
        usual,
        help="Pretrained model of the family: a local folder or a Hugging Face Hub id. Its tokenizer reads the column.",
    )


def pooled() -> Any:
    """The option `reduce_output` of a family whose class token is trained to stand for a text."""
    return param(
        "cls_pooled",
        help="Reduction of the tokens' states to one vector: cls_pooled (the class token), mean, last, sum ...; null "
        "keeps all tokens.",
    )
