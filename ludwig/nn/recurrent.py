"""Recurrent layers. Padding on the right never changes the result, in either direction.

B = rows of the batch, T = steps, I = size that comes in, H = size of a state, G = gates of a cell
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.error import ConfigValidationError
from ludwig.nn.activation import GATED, ActivationName, activation
from ludwig.nn.dropout import Dropout
from ludwig.nn.initializer import InitializerSpec, initialize

CellName = Literal["rnn", "lstm", "gru"]
State = tuple[Tensor, ...]  # what a cell hands on to the next step, the part that it shows first: each [B, H]
Squash = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class RecurrentSpec:
    """Stacked recurrent layers. `dropout` is of what comes into a layer, `recurrent_dropout` of the state."""

    state_size: int = 256
    cell_type: CellName = "rnn"
    num_layers: int = 1
    bidirectional: bool = False
    activation: ActivationName | None = "tanh"
    recurrent_activation: ActivationName | None = "sigmoid"
    use_bias: bool = True
    unit_forget_bias: bool = True
    weights_initializer: InitializerSpec = "xavier_uniform"
    recurrent_initializer: InitializerSpec = "orthogonal"
    bias_initializer: InitializerSpec = "zeros"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0


def _rnn(ours: Tensor, handed: Tensor, state: State, act: Squash, gate: Squash) -> State:
    """h' = act(W x + U h)."""
    return (act(ours + handed),)


def _lstm(ours: Tensor, handed: Tensor, state: State, act: Squash, gate: Squash) -> State:
    """Source: Hochreiter & Schmidhuber 1997, "Long Short-Term Memory", with the forget gate of Gers et al. 2000."""
    into, forget, new, out = (ours + handed).chunk(4, dim=-1)
    memory = gate(forget) * state[1] + gate(into) * act(new)
    return gate(out) * act(memory), memory


def _gru(ours: Tensor, handed: Tensor, state: State, act: Squash, gate: Squash) -> State:
    """Source: Cho et al. 2014, arXiv:1406.1078; the reset gate acts after the matrix, as in cuDNN."""
    ours_gates, ours_new = ours.tensor_split([2 * state[0].shape[-1]], dim=-1)
    handed_gates, handed_new = handed.tensor_split([2 * state[0].shape[-1]], dim=-1)
    reset, update = gate(ours_gates + handed_gates).chunk(2, dim=-1)
    new = act(ours_new + reset * handed_new)
    return ((1 - update) * new + update * state[0],)


@dataclass(frozen=True)
class _Cell:
    """One step of a cell, and torch's own layer, which owns the weights and is quick where it is allowed to run."""

    layer: Callable[[int, int, bool, str | None], nn.RNNBase]
    step: Callable[[Tensor, Tensor, State, Squash, Squash], State]
    gates: int
    parts: int  # of the state
    activations: tuple[str, ...]  # those that torch's layer knows
    forget_gate: int | None = None


def _torch_rnn(size: int, state: int, bias: bool, name: str | None) -> nn.RNNBase:
    return nn.RNN(size, state, bias=bias, batch_first=True, nonlinearity="relu" if name == "relu" else "tanh")


def _torch_lstm(size: int, state: int, bias: bool, name: str | None) -> nn.RNNBase:
    return nn.LSTM(size, state, bias=bias, batch_first=True)


def _torch_gru(size: int, state: int, bias: bool, name: str | None) -> nn.RNNBase:
    return nn.GRU(size, state, bias=bias, batch_first=True)


_CELLS: dict[str, _Cell] = {
    "rnn": _Cell(_torch_rnn, _rnn, 1, 1, ("tanh", "relu")),
    "lstm": _Cell(_torch_lstm, _lstm, 4, 2, ("tanh",), forget_gate=1),
    "gru": _Cell(_torch_gru, _gru, 3, 1, ("tanh",)),
}


class _Direction(nn.Module):
    """One layer read from left to right: [B, T, I] -> [B, T, H]."""

    def __init__(self, input_size: int, spec: RecurrentSpec) -> None:
        super().__init__()
        self.cell = _CELLS[spec.cell_type]
        self.state_size, self.recurrent_dropout = spec.state_size, Dropout(spec.recurrent_dropout)
        self.layer = self.cell.layer(input_size, spec.state_size, spec.use_bias, spec.activation)
        has_gates = self.cell.gates > 1
        self.act = activation(spec.activation)
        self.gate = activation(spec.recurrent_activation if has_gates else None)
        self.is_standard = spec.activation in self.cell.activations and (
            spec.recurrent_activation == "sigmoid" or not has_gates
        )
        _start(self.layer, self.cell, spec)

    def forward(self, values: Tensor) -> Tensor:
        if self.is_standard and not (self.training and self.recurrent_dropout.rate):
            states: Tensor = self.layer(values)[0]
            return states  # [B, T, H]
        return self._step_by_step(values)

    def _step_by_step(self, values: Tensor) -> Tensor:
        """One mask of dropped units for all steps (Gal & Ghahramani 2016, arXiv:1512.05287, section 4)."""
        weights = dict(self.layer.named_parameters())
        ours = functional.linear(values, weights["weight_ih_l0"], weights.get("bias_ih_l0"))  # [B, T, G * H]
        zeros = ours.new_zeros(len(values), self.state_size)  # [B, H]
        kept = self.recurrent_dropout(torch.ones_like(zeros))
        state: State = (zeros,) * self.cell.parts
        shown = []
        for step in ours.unbind(1):
            before = state[0] * kept
            handed = functional.linear(before, weights["weight_hh_l0"], weights.get("bias_hh_l0"))  # [B, G * H]
            state = self.cell.step(step, handed, state, self.act, self.gate)
            shown.append(state[0])
        return torch.stack(shown, dim=1)  # [B, T, H]


def _start(layer: nn.RNNBase, cell: _Cell, spec: RecurrentSpec) -> None:
    """Each gate starts by itself. Torch keeps two biases a cell; the second starts at zero."""
    for weight in layer.get_parameter("weight_ih_l0").chunk(cell.gates):
        initialize(weight, spec.weights_initializer)
    for weight in layer.get_parameter("weight_hh_l0").chunk(cell.gates):
        initialize(weight, spec.recurrent_initializer)
    if not spec.use_bias:
        return
    nn.init.zeros_(layer.get_parameter("bias_hh_l0"))
    for gate, bias in enumerate(layer.get_parameter("bias_ih_l0").chunk(cell.gates)):
        remembers = spec.unit_forget_bias and gate == cell.forget_gate  # Jozefowicz et al. 2015, section 3.3
        initialize(bias, "ones" if remembers else spec.bias_initializer)


class Recurrent(nn.Module):
    """Recurrent layers: [B, T, I] -> the states of the last layer [B, T, H * directions], zero where the mask is.

    The layers run as torch's own wherever the activations are the standard ones and no recurrent dropout is at work;
    the reversed direction reads each row from its own last step, which needs no packing and can be exported.
    """

    def __init__(self, input_size: int, spec: RecurrentSpec) -> None:
        super().__init__()
        for name in (spec.activation, spec.recurrent_activation):
            if name in GATED:
                raise ConfigValidationError(
                    f"A recurrent layer cannot use the activation '{name}', which halves its input. "
                    "Choose another one, such as tanh."
                )
        self.output_size, self.dropout = spec.state_size * (2 if spec.bidirectional else 1), Dropout(spec.dropout)
        sizes = [input_size] + [self.output_size] * (spec.num_layers - 1)
        self.ahead = nn.ModuleList(_Direction(size, spec) for size in sizes)
        self.back = nn.ModuleList(_Direction(size, spec) for size in sizes if spec.bidirectional)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(states [B, T, H * directions], the state after the last step of each direction [B, H * directions])."""
        lengths = mask.sum(1)  # [B]
        order = _reversed_order(lengths, values.shape[1]) if self.back else None
        runs = [values]
        for place, ahead in enumerate(self.ahead):
            values = self.dropout(values)
            runs = [ahead(values)]  # [B, T, H]
            if order is not None:
                runs.append(self.back[place](_reordered(values, order)))  # [B, T, H], in reversed order
                values = torch.cat([runs[0], _reordered(runs[1], order)], dim=-1)  # [B, T, 2H]
            else:
                values = runs[0]
        last = torch.cat([_at_the_end(run, lengths) for run in runs], dim=-1)  # [B, H * directions]
        return values.masked_fill(~mask.unsqueeze(-1), 0.0), last


def _reversed_order(lengths: Tensor, steps: int) -> Tensor:
    """Where each step of the reversed rows comes from; padding stays where it is: [B, T]. It is its own inverse."""
    place = torch.arange(steps, device=lengths.device)
    ends = lengths.unsqueeze(1)
    return torch.where(place < ends, ends - 1 - place, place)


def _reordered(values: Tensor, order: Tensor) -> Tensor:
    return values.gather(1, order.unsqueeze(-1).expand_as(values))  # [B, T, H]


def _at_the_end(states: Tensor, lengths: Tensor) -> Tensor:
    """The state after each row's last step, zero for a row of no steps: [B, T, H] -> [B, H]."""
    place = (lengths - 1).clamp_min(0).view(-1, 1, 1).expand(-1, 1, states.shape[-1])
    return states.gather(1, place).squeeze(1).masked_fill((lengths == 0).unsqueeze(-1), 0.0)
