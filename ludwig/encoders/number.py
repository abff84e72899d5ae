"""Encoders of number columns. They take a whole group of columns at once and give one token per column.

B = rows of the batch, C = columns of the group, K = bins or frequencies, H = size of a token
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.number import NumberFacts
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param


def _edges(given: list[float] | None, bins: int, facts: Sequence[NumberFacts]) -> Tensor:
    """The edges of the bins in normalised units: [C, K + 1], ascending."""
    if given is None:
        return torch.stack([fact.quantiles(bins + 1) for fact in facts])
    own = torch.tensor(given, dtype=torch.float64).numpy()
    return torch.stack([torch.from_numpy(fact.scaling.apply(own)).float() for fact in facts])


def _edge_faults(name: str, edges: list[float] | None) -> list[tuple[str, str]]:
    if edges is None or (len(edges) >= 2 and edges == sorted(set(edges))):
        return []
    return [(name, f"Must be two or more numbers in ascending order. Received: {edges}.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """What the encoders of number columns give."""

    output_size: int = param(256, min=1, help="Output size: that of the token of a column.")


@ENCODERS.register("ple", kinds=("number",))
class PiecewiseLinearEncoder(Encoder):
    """Piecewise-linear encoding: how far a number fills each bin of its column's range, then a linear map.

    Use it as the first choice for tabular data with skewed numbers or sharp thresholds; it often brings networks close
    to boosted trees. It costs `num_bins * output_size` weights a column.

    Takes a group of columns [B, C]; gives tokens [B, C, output_size].

    Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning", arXiv:2203.05556,
    eq. 1; other than there, nothing grows beyond the outer edges.

    ```yaml
    name: income
    type: number
    encoder:
      type: ple
      num_bins: 32
      output_size: 16
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TokenOptions, Encoder.Config):
        grouped: ClassVar[bool] = True
        num_bins: int = param(
            64, min=1, help="Number of bins, of equal mass in the training split. Raise it for sharper thresholds."
        )
        ple_bin_edges: list[float] | None = param(
            None, help="Edges of the bins, ascending, in the column's own units; null for quantiles."
        )

        def faults(self) -> list[tuple[str, str]]:
            return _edge_faults("ple_bin_edges", self.ple_bin_edges)

    edges: Tensor  # [C, K + 1]

    def __init__(self, config: Config, facts: Sequence[NumberFacts]) -> None:
        super().__init__(config, facts)
        self.register_buffer("edges", _edges(config.ple_bin_edges, config.num_bins, facts), persistent=False)
        columns, bins = len(facts), self.edges.shape[1] - 1
        bound = bins**-0.5
        self.weight = nn.Parameter(torch.empty(columns, bins, config.output_size).uniform_(-bound, bound))  # [C, K, H]
        self.bias = nn.Parameter(torch.zeros(columns, config.output_size))  # [C, H]
        self.shape = Shape("tokens", config.output_size, columns)

    def forward(self, numbers: Tensor) -> Signal:
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        width = (high - low).clamp_min(torch.finfo(numbers.dtype).eps)  # a constant column has bins of no width
        filled = ((numbers.unsqueeze(-1) - low) / width).clamp(0, 1)  # [B, C, K]
        filled = filled.nan_to_num(0.0)  # a missing number fills no bin
        return Signal.tokens(torch.einsum("bck,ckh->bch", filled, self.weight) + self.bias)  # [B, C, H]


@ENCODERS.register("periodic", kinds=("number",))
class PeriodicEncoder(Encoder):
    """Periodic embedding: sines and cosines of trained frequencies, then a linear map and a ReLU, each column its own.

    Use it where a target swings with a number or bends often along it; `sigma` decides how often at first, so tune it.
    It costs `2 * num_frequencies * output_size` weights a column.

    Takes a group of columns [B, C]; gives tokens [B, C, output_size].

    Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning", arXiv:2203.05556,
    eq. 2 and the "PLR" variant.

    ```yaml
    name: hour
    type: number
    encoder:
      type: periodic
      num_frequencies: 16
      sigma: 0.1
      output_size: 16
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TokenOptions, Encoder.Config):
        grouped: ClassVar[bool] = True
        num_frequencies: int = param(64, min=1, help="Number of frequencies of a column.")
        sigma: float = param(
            1.0,
            above=0,
            help="Standard deviation of the initial frequencies. Raise it for targets that change fast along a number, "
            "lower it against overfitting.",
        )

    def __init__(self, config: Config, facts: Sequence[NumberFacts]) -> None:
        super().__init__(config, facts)
        columns, count = len(facts), config.num_frequencies
        self.frequencies = nn.Parameter(torch.randn(columns, count) * config.sigma)  # [C, K]
        bound = (2 * count) ** -0.5
        self.weight = nn.Parameter(torch.empty(columns, 2 * count, config.output_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(columns, config.output_size).uniform_(-bound, bound))  # [C, H]
        self.shape = Shape("tokens", config.output_size, columns)

    def forward(self, numbers: Tensor) -> Signal:
        known = numbers.nan_to_num(0.0, posinf=0.0, neginf=0.0)
        angles = 2 * math.pi * known.unsqueeze(-1) * self.frequencies  # [B, C, K]
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)  # [B, C, 2K]
        return Signal.tokens((torch.einsum("bck,ckh->bch", waves, self.weight) + self.bias).relu())  # [B, C, H]


@ENCODERS.register("bins", kinds=("number",))
class BinsEncoder(Encoder):
    """A trainable embedding of the bin that a number falls into, of bins that cut a column into parts of equal mass.

    Use it where a number is a code or acts in steps; what lies within one bin becomes alike, so `ple` is the better
    first choice. It costs `num_bins * output_size` weights a column, and a look-up.

    Takes a group of columns [B, C]; gives tokens [B, C, output_size].

    Source: discretisation by quantiles with a table of embeddings; arXiv:2203.05556 compares it with `ple`.

    ```yaml
    name: age
    type: number
    encoder:
      type: bins
      bins_bin_edges: [0, 18, 30, 65, 120]
      output_size: 8
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TokenOptions, Encoder.Config):
        grouped: ClassVar[bool] = True
        num_bins: int = param(
            32, min=1, help="Number of bins, of equal mass in the training split. Raise it for sharper thresholds."
        )
        bins_bin_edges: list[float] | None = param(
            None, help="Edges of the bins, ascending, in the column's own units; null for quantiles."
        )

        def faults(self) -> list[tuple[str, str]]:
            return _edge_faults("bins_bin_edges", self.bins_bin_edges)

    inner: Tensor  # [C, K - 1], the edges between bins
    first: Tensor  # [C]

    def __init__(self, config: Config, facts: Sequence[NumberFacts]) -> None:
        super().__init__(config, facts)
        edges = _edges(config.bins_bin_edges, config.num_bins, facts)
        self.register_buffer("inner", edges[:, 1:-1].contiguous(), persistent=False)
        columns, bins = len(facts), edges.shape[1] - 1
        self.register_buffer("first", torch.arange(columns) * bins, persistent=False)
        self.table = nn.Embedding(columns * bins, config.output_size)
        self.shape = Shape("tokens", config.output_size, columns)

    def forward(self, numbers: Tensor) -> Signal:
        known = numbers.nan_to_num(0.0)
        places = torch.searchsorted(self.inner, known.T.contiguous()).T  # [B, C]
        return Signal.tokens(self.table(places + self.first))  # [B, C, H]
