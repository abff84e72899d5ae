"""What all decoders share that generate a sequence of tokens one after the other.

B = rows of the batch, M = steps of the signal, T = steps of the target, S = steps of the longest sequence,
C = tokens of the vocabulary, H = size of a step of the signal, D = size of a hidden vector
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ludwig.decoders.base import Decoder
from ludwig.nn.generation import Generated, State, beam_search, greedy
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import param

Reduction = Literal["sum", "mean", "avg", "max", "concat", "last"]


class Generator(Decoder):
    """A decoder that reads the signal and the tokens so far, and gives the logits of the next token.

    In training the tokens so far are those of the target (teacher forcing). In evaluation the logits are computed in
    the same way, so that loss and perplexity are those of the target; the predicted tokens are generated without it.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Decoder.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "sequence"})
        reads_target: ClassVar[bool] = True
        ends: ClassVar[bool] = True

        beam_width: int = param(
            1,
            min=1,
            help="Beam width of the beam search; 1 is greedy decoding. Raise it for quality, at a cost.",
        )
        beam_length_penalty: float = param(
            1.0,
            min=0.0,
            help="Length penalty of the beam search: exponent of the length that scores are divided by. 0 prefers "
            "short sequences.",
        )

    config: Config

    def __init__(self, config: Config, shape: Shape, size: int, longest: int, end: int) -> None:
        """`longest`: tokens of the longest target, its end included; `end`: the token that ends a sequence."""
        super().__init__(config, shape, size)
        self.config, self.longest, self.end = config, longest, end
        self.memory_size = self.fc_stack.output_size  # H

    def promise(self, size: int) -> None:
        """The size of the hidden vectors, one for each token."""
        self.hidden_shape = Shape("sequence", size, self.longest)

    @abstractmethod
    def begun(self, memory: Tensor, mask: Tensor) -> State:
        """The state before the first token: [B, M, H], [B, M] -> each [B, ...]."""

    @abstractmethod
    def advanced(self, tokens: Tensor, state: State, place: int) -> tuple[Tensor, State]:
        """Hidden vectors after each of the tokens, the first of which is at this place: [B, T] -> [B, T, D]."""

    def forward(self, signal: Signal, target: Tensor | None = None) -> Prediction:
        """`target`: token ids, below zero behind the end: [B, T]."""
        memory, mask = self.memory_of(signal)
        begun = self.begun(memory, mask)
        generated = None if self.training and target is not None else self._generated(begun, len(memory))
        if target is None:
            assert generated is not None
            hidden = self._hidden(self.with_start(generated.ids), begun)
            there = generated.ids >= 0
            return Prediction(None, hidden, generated.ids, generated.probabilities, mask=there)
        hidden = self.hidden_of_target(self.with_start(target), begun)  # [B, T, D]
        ids, shares = (None, None) if generated is None else (generated.ids, generated.probabilities)
        return Prediction(self.head(hidden), hidden, ids, shares, mask=target >= 0)

    def hidden_of_target(self, tokens: Tensor, begun: State) -> Tensor:
        """Hidden vectors before each token of the target: [B, T], which begins with the start -> [B, T, D]."""
        return self._hidden(tokens, begun)

    def _hidden(self, tokens: Tensor, begun: State) -> Tensor:
        return self.advanced(tokens, begun, 0)[0]

    def memory_of(self, signal: Signal) -> tuple[Tensor, Tensor]:
        """What is attended to; a vector is a sequence of one step: [B, M, H], [B, M]."""
        values = self.fc_stack(signal.values, signal.mask)
        if signal.mask is not None:
            return values, signal.mask
        return values.unsqueeze(1), torch.ones(len(values), 1, dtype=torch.bool, device=values.device)

    def with_start(self, target: Tensor) -> Tensor:
        """The tokens that stand before those of the target; the start is one behind the vocabulary: [B, T]."""
        return torch.cat([self._start(target).unsqueeze(1), target[:, :-1].clamp_min(0).long()], dim=1)

    def _start(self, like: Tensor) -> Tensor:
        return like.new_full((len(like),), self.size, dtype=torch.long)  # [B]

    def _generated(self, begun: State, rows: int) -> Generated:
        def step(tokens: Tensor, state: State, place: int) -> tuple[Tensor, State]:
            hidden, after = self.advanced(tokens.unsqueeze(1), state, place)  # [B, 1, D]
            return self.head(hidden).squeeze(1), after  # [B, C]

        start, width = self._start(begun[0]), self.config.beam_width
        with torch.no_grad():
            if width == 1:
                return greedy(step, begun, start, self.end, self.longest)
            penalty = self.config.beam_length_penalty
            return beam_search(step, begun, start, self.end, self.longest, width=width, length_penalty=penalty)


class TokenHead(nn.Module):
    """Embeddings of the tokens and of the start, and the linear map from hidden vectors to logits."""

    def __init__(self, tokens: int, embedding_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens + 1, embedding_size)
        nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)
        self.linear = nn.Linear(hidden_size, tokens)

    def forward(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.linear(hidden)
        return logits  # [B, T, C]
