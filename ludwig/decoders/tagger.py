"""A class for each step of a sequence.

B = rows of the batch, T = steps, H = size of a step of the signal, A = size of the attention, C = classes
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.nn.transformer import Attention
from ludwig.schema import param


@DECODERS.register("tagger", kinds=("sequence", "text"))
class Tagger(Decoder):
    """Sequence labelling: the logits of a tag for each step of the input.

    Use it where every token has a label, as in part-of-speech tagging or named entities in BIO notation. The input
    needs an encoder with `reduce_output: null`, and a row's tags are as many as its tokens. It costs `H * classes`
    weights.

    Takes a sequence [B, T, H]; gives [B, T, C].

    Source of the option `use_attention`: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762.

    ```yaml
    name: parts_of_speech
    type: sequence
    decoder:
      type: tagger
      num_fc_layers: 1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Decoder.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"sequence"})
        reads_target: ClassVar[bool] = True
        labels_steps: ClassVar[bool] = True

        use_bias: bool = param(True, help="Whether the head (the output layer) adds a bias.")
        use_attention: bool = param(
            False, help="Self-attention over the steps before the head, so that a tag depends on the whole sequence."
        )
        attention_embedding_size: int = param(
            256, min=1, help="Embedding size of the self-attention: that of its hidden vectors."
        )
        attention_num_heads: int = param(
            8, min=1, help="Number of attention heads; attention_embedding_size must be divisible by it."
        )

        def faults(self) -> list[tuple[str, str]]:
            size, heads = self.attention_embedding_size, self.attention_num_heads
            if self.use_attention and size % heads:
                text = f"Must be divisible by attention_num_heads, which is {heads}. Received: {size}."
                return [*super().faults(), ("attention_embedding_size", text)]
            return super().faults()

    def __init__(self, config: Config, shape: Shape, size: int, longest: int, end: int) -> None:
        """`longest`: steps of the longest target; `end`: the token that is no tag."""
        super().__init__(config, shape, size)
        self.end, width = end, self.fc_stack.output_size
        self.into = self.attention = None
        if config.use_attention:
            self.into = nn.Linear(width, config.attention_embedding_size)
            self.attention = Attention(config.attention_embedding_size, config.attention_num_heads)
            width = config.attention_embedding_size
        self.linear = nn.Linear(width, size, bias=config.use_bias)
        self.hidden_shape = Shape("sequence", width, shape.count)

    def head(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.linear(hidden)
        return logits  # [B, T, C]

    def forward(self, signal: Signal, target: Tensor | None = None) -> Prediction:
        """With a target the steps are as many as it has: a step without a tag does not count."""
        mask = signal.mask
        assert mask is not None
        hidden = self.fc_stack(signal.values, mask)  # [B, T, H]
        if self.into is not None and self.attention is not None:
            hidden = self.into(hidden)  # [B, T, A]
            hidden = hidden + self.attention(hidden, mask=mask)
        if target is not None:
            missing = target.shape[1] - hidden.shape[1]
            hidden, mask = pad(hidden, (0, 0, 0, missing)), pad(mask, (0, missing))  # cuts where it is negative
        logits = self.head(hidden.masked_fill(~mask.unsqueeze(-1), 0.0))
        if self.training:
            return Prediction(logits, hidden, mask=mask)
        no_tag = torch.arange(logits.shape[-1], device=logits.device) == self.end
        best = logits.masked_fill(no_tag, -torch.inf).softmax(-1).max(-1)  # [B, T]
        ids, shares = best.indices.masked_fill(~mask, -1), best.values.masked_fill(~mask, 1.0)
        return Prediction(logits, hidden, ids, shares, mask=mask)
