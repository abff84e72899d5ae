"""Recurrent generation of sequences, with attention.

B = rows of the batch, M = steps of the signal, T = steps of the target, L = layers, P = parts of a cell's state,
H = size of a step of the signal, D = size of a hidden vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ludwig.decoders.base import DECODERS
from ludwig.decoders.generation import Generator, Reduction, TokenHead
from ludwig.nn.dropout import Draws
from ludwig.nn.generation import State
from ludwig.nn.recurrent import CellName
from ludwig.nn.reduce import SequenceReducer
from ludwig.nn.signal import Shape
from ludwig.schema import param

LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
PARTS = {"rnn": 1, "lstm": 2, "gru": 1}  # of the state
BATCHES_OF_A_DECAY = 100


@DECODERS.register("generator", kinds=("sequence", "text"))
class RecurrentGenerator(Generator):
    """A recurrent network that generates tokens one after the other and attends to the steps of the signal.

    Use it for sequences whose length differs from that of the input: translation, normalisation of spelling, short
    summaries. The combined signal should be a sequence (an encoder with `reduce_output: null`), so that there are steps
    to attend to; a vector works too. A generated token costs one step of the network, `beam_width` times.

    Takes a sequence [B, M, H] or a vector [B, H]; gives logits [B, T, C] of the target's tokens and the generated ones.

    Source: Luong, Pham & Manning 2015, "Effective Approaches to Attention-based Neural Machine Translation",
    arXiv:1508.04025, section 3.1; scheduled sampling: Bengio et al. 2015, arXiv:1506.03099.

    ```yaml
    name: translation
    type: text
    decoder:
      type: generator
      cell_type: lstm
      beam_width: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Generator.Config):
        cell_type: CellName = param("gru", help="Type of the recurrent cell: rnn, lstm or gru.")
        num_layers: int = param(1, min=1, help="Number of stacked recurrent layers.")
        state_size: int = param(256, min=1, help="Hidden size: that of a recurrent layer's state.")
        embedding_size: int = param(256, min=1, help="Size of the embedding of a token.")
        reduce_input: Reduction = param(
            "sum", help="Reduction of the signal's steps to the vector from which the first state is computed."
        )
        teacher_forcing_decay: Literal["none", "linear", "exponential"] = param(
            "none",
            help="Scheduled sampling: how the share of teacher forcing falls in training; none feeds the target's "
            "tokens always.",
        )
        teacher_forcing_decay_rate: float = param(
            0.01, min=0.0, max=1.0, help="Decay rate of teacher forcing for every 100 training batches."
        )

    config: Config
    batches: Tensor  # [], how many batches were trained, where teacher forcing decays

    def __init__(self, config: Config, shape: Shape, size: int, longest: int, end: int) -> None:
        super().__init__(config, shape, size, longest, end)
        width, self.parts = config.state_size, PARTS[config.cell_type]
        self.reducer = SequenceReducer(config.reduce_input, self.memory_size, shape.count)
        self.first = nn.Linear(self.reducer.output_size, self.parts * config.num_layers * width)
        layer = LAYERS[config.cell_type]
        self.layers = layer(config.embedding_size, width, num_layers=config.num_layers, batch_first=True)
        self.keys = nn.Linear(self.memory_size, width)
        self.join = nn.Linear(width + self.memory_size, width)
        self.tokens = TokenHead(size, config.embedding_size, width)
        self.coins = Coins()
        if config.teacher_forcing_decay != "none":
            self.register_buffer("batches", torch.zeros(()))
        self.promise(width)

    def head(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.tokens(hidden)
        return logits  # [B, T, C]

    def begun(self, memory: Tensor, mask: Tensor) -> State:
        shape = (-1, self.parts, self.config.num_layers, self.config.state_size)
        state = self.first(self.reducer(memory, mask)).tanh().view(shape)  # [B, P, L, D]
        return state, self.keys(memory), memory, mask

    def advanced(self, tokens: Tensor, state: State, place: int) -> tuple[Tensor, State]:
        recurrent, keys, memory, mask = state
        parts = [part.transpose(0, 1).contiguous() for part in recurrent.unbind(1)]  # P of [L, B, D]
        outputs, after = self.layers(self.tokens.embedding(tokens), parts[0] if self.parts == 1 else tuple(parts))
        context = _context(outputs, keys, memory, mask)  # [B, T, H]
        hidden = self.join(torch.cat([outputs, context], dim=-1)).tanh()  # [B, T, D]
        kept = torch.stack([after] if self.parts == 1 else [*after], dim=0).permute(2, 0, 1, 3)  # [B, P, L, D]
        return hidden, (kept, keys, memory, mask)

    def hidden_of_target(self, tokens: Tensor, begun: State) -> Tensor:
        if not self.training or self.config.teacher_forcing_decay == "none":
            return super().hidden_of_target(tokens, begun)
        share = self._share_of_teacher_forcing()
        self.batches += 1
        found, state, fed = [], begun, tokens[:, 0]
        for place in range(tokens.shape[1]):
            hidden, state = self.advanced(fed.unsqueeze(1), state, place)  # [B, 1, D]
            found.append(hidden)
            if place + 1 < tokens.shape[1]:
                own = self.head(hidden).squeeze(1).argmax(-1)  # [B]
                fed = torch.where(self.coins(share, own), tokens[:, place + 1], own)
        return torch.cat(found, dim=1)  # [B, T, D]

    def _share_of_teacher_forcing(self) -> Tensor:
        """How probable it is that the target's token is fed and not the network's own: []."""
        decay = self.config.teacher_forcing_decay_rate * self.batches / BATCHES_OF_A_DECAY
        return (1 - decay).clamp_min(0) if self.config.teacher_forcing_decay == "linear" else (-decay).exp()


def _context(asking: Tensor, keys: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
    """The memory's mean by attention; zeros for a row without steps: [B, T, H]."""
    scores = asking @ keys.transpose(1, 2) * keys.shape[-1] ** -0.5  # [B, T, M]
    there = mask.unsqueeze(1)
    weights = scores.masked_fill(~there, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(~there, 0.0)
    context: Tensor = weights @ memory.masked_fill(~mask.unsqueeze(-1), 0.0)
    return context


class Coins(Draws):
    """One coin for each row, which shows true with a probability: [B]."""

    def forward(self, share: Tensor, like: Tensor) -> Tensor:
        device = like.device if self.generator is None else self.generator.device
        return torch.rand(len(like), generator=self.generator, device=device).to(like.device) < share
