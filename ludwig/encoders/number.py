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

RESOLUTION = 8 * torch.finfo(torch.float32).eps  # a bin below it, relative to its edges, has no width
BINS, ALL_BINS = (24, 4), 16_384  # automatic bins of a column, at most and at least, and of all columns
SIZE, ALL_SIZES = 8, 4096  # of an automatic token without the number, and of the tokens of all columns
START = 0.5  # spread of what the linear map gives at first for a number that fills all bins


def _edges(given: list[float] | None, bins: int, facts: Sequence[NumberFacts]) -> Tensor:
    """The edges of the bins in normalised units: [C, K + 1], ascending."""
    if given is None:
        return torch.stack([fact.quantiles(bins + 1) for fact in facts])
    own = torch.tensor(given, dtype=torch.float64).numpy()
    return torch.stack([torch.from_numpy(fact.scaling.apply(own)).float() for fact in facts])


def _missing(facts: Sequence[NumberFacts], size: int) -> nn.Parameter | None:
    """The token of a missing number: [C, H]; None where no column of the group keeps missing cells."""
    return nn.Parameter(torch.zeros(len(facts), size)) if any(fact.keeps_missing for fact in facts) else None


def _known(numbers: Tensor) -> Tensor:
    """The numbers, 0 where one is missing or infinite: these would make all gradients NaN."""
    return numbers.nan_to_num(0.0, posinf=0.0, neginf=0.0)


def _with_missing(tokens: Tensor, numbers: Tensor, missing: nn.Parameter | None) -> Signal:
    """The tokens [B, C, H]; for missing ones of the numbers [B, C] the token of a missing number."""
    return Signal.tokens(tokens if missing is None else torch.where(numbers.isnan().unsqueeze(-1), missing, tokens))


def _edge_faults(name: str, edges: list[float] | None) -> list[tuple[str, str]]:
    if edges is None or (len(edges) >= 2 and edges == sorted(set(edges))):
        return []
    return [(name, f"Must be two or more numbers in ascending order. Received: {edges}.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """What the encoders of number columns give."""

    takes_missing: ClassVar[bool] = True
    output_size: int = param(256, min=1, help="Output size: that of the token of a column.")


@ENCODERS.register("ple", kinds=("number",))
class PiecewiseLinearEncoder(Encoder):
    """Piecewise-linear encoding: how far a number fills each bin of its column's range, then a linear map, with the
    number itself beside it. Bins of no width, which columns of few values have, are left out; a missing number has a
    trained token of its own.

    Use it as the first choice for tabular data: it catches thresholds, which brings networks close to boosted trees. It
    costs `num_bins * output_size` weights a column.

    Takes a group of columns [B, C]; gives tokens [B, C, output_size], one larger with the number itself.

    Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning", arXiv:2203.05556,
    eq. 1; other than there, nothing but the number itself grows beyond the outer edges.

    ```yaml
    name: income
    type: number
    encoder:
      type: ple
      num_bins: 48
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        grouped: ClassVar[bool] = True
        takes_missing: ClassVar[bool] = True
        num_bins: int | None = param(
            None,
            min=1,
            help="Number of bins, of equal mass in the training split; null for 24, and fewer with more than 600 "
            "columns. Raise it for sharper thresholds.",
        )
        output_size: int | None = param(
            None,
            min=1,
            help="Output size: that of the linear map of a column's bins; null for 8, and less where there are more "
            "than 450 such columns.",
        )
        with_number: bool = param(True, help="Whether the number itself is one more entry of the token.")
        ple_bin_edges: list[float] | None = param(
            None, help="Edges of the bins, ascending, in the column's own units; null for quantiles."
        )

        def faults(self) -> list[tuple[str, str]]:
            return _edge_faults("ple_bin_edges", self.ple_bin_edges)

        def bins_of(self, columns: int) -> int:
            """Bins of a column in a group of so many: wide tables are bounded in time and memory."""
            most, least = BINS
            return max(min(most, ALL_BINS // columns), least) if self.num_bins is None else self.num_bins

        def size_of(self, columns: int) -> int:
            """What the linear map gives for a column in a group of so many."""
            return max(min(SIZE, ALL_SIZES // columns - 1), 1) if self.output_size is None else self.output_size

    config: Config
    low: Tensor  # [C, K], where bins begin
    per_width: Tensor  # [C, K], one by the width of a bin; 0 for a bin that is left out

    def __init__(self, config: Config, facts: Sequence[NumberFacts]) -> None:
        super().__init__(config, facts)
        edges = _edges(config.ple_bin_edges, config.bins_of(len(facts)), facts)  # [C, K + 1]
        low, width = edges[:, :-1], edges.diff(dim=1)
        has_width = width > RESOLUTION * edges.abs().clamp_min(1e-12)[:, 1:]
        self.register_buffer("low", low.contiguous(), persistent=False)
        self.register_buffer("per_width", torch.where(has_width, 1 / width, 0.0), persistent=False)
        (columns, bins), width_of_map = low.shape, config.size_of(len(facts))
        spread = START / has_width.sum(1).clamp_min(1).sqrt()[:, None, None]
        start = torch.randn(columns, bins, width_of_map) * spread * has_width.unsqueeze(-1)
        self.weight = nn.Parameter(start)  # [C, K, H]
        self.bias = nn.Parameter(torch.zeros(columns, width_of_map))  # [C, H]
        size = width_of_map + config.with_number
        self.missing = _missing(facts, size)
        self.shape = Shape("tokens", size, columns)

    def forward(self, numbers: Tensor) -> Signal:
        known = _known(numbers).unsqueeze(-1)  # [B, C, 1]
        filled = ((known - self.low) * self.per_width).clamp(0, 1)  # [B, C, K]
        tokens = torch.baddbmm(self.bias.unsqueeze(1), filled.transpose(0, 1), self.weight).transpose(0, 1)  # [B, C, H]
        if self.config.with_number:
            tokens = torch.cat([known, tokens], dim=-1)  # [B, C, 1 + H]
        return _with_missing(tokens, numbers, self.missing)


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
        self.missing = _missing(facts, config.output_size)
        self.shape = Shape("tokens", config.output_size, columns)

    def forward(self, numbers: Tensor) -> Signal:
        angles = 2 * math.pi * _known(numbers).unsqueeze(-1) * self.frequencies  # [B, C, K]
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)  # [B, C, 2K]
        tokens = (torch.einsum("bck,ckh->bch", waves, self.weight) + self.bias).relu()  # [B, C, H]
        return _with_missing(tokens, numbers, self.missing)


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
        self.missing = _missing(facts, config.output_size)
        self.shape = Shape("tokens", config.output_size, columns)

    def forward(self, numbers: Tensor) -> Signal:
        places = torch.searchsorted(self.inner, _known(numbers).T.contiguous()).T  # [B, C]
        return _with_missing(self.table(places + self.first), numbers, self.missing)  # [B, C, H]
