"""Numbers.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ludwig.columns.dense import Dense
from ludwig.error import InputDataError, counted
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally, first_few
from ludwig.features.cells import Flags, Numbers
from ludwig.features.invalid import InvalidOptions
from ludwig.features.missing import NEIGHBOURS, filled_from_neighbours
from ludwig.features.moments import Moments
from ludwig.features.number_cells import TIMES, floats_of
from ludwig.features.scaling import Scaling, single_precision
from ludwig.features.sketch import Sketch
from ludwig.runtime.console import logger_of
from ludwig.schema import param

logger = logger_of(__name__)

Strategy = Literal["fill_with_const", "fill_with_mode", "fill_with_mean", "bfill", "ffill", "drop_row"]
InputStrategy = Literal["keep", Strategy]
TargetNormalization = Literal["zscore", "minmax", "log1p", "iq"]
Normalization = Literal["robust", TargetNormalization]

GRID = 257  # quantiles that are kept of a column
BOUND = 3.0  # of robust numbers, in interquartile ranges from the median


@dataclasses.dataclass(frozen=True)
class NumberFacts(Facts):
    """Fitted preprocessing state of a number column."""

    mean: float
    std: float
    min: float
    max: float
    fill: float  # in place of a missing cell
    outlier_fill: float
    normalization: Normalization | None
    grid: tuple[float, ...]  # GRID quantiles, evenly spaced, in own units; see Sketch for their error
    normalized_mean: float = 0.0  # of a target after normalisation, which is then standardised, so that losses and
    normalized_std: float = 1.0  # learning rates do not depend on it
    keeps_missing: bool = False  # whether missing cells reach the encoder, as NaN

    @property
    def scaling(self) -> Scaling:
        """How the column is normalised; a constant column is only shifted."""
        return self.normalized.standardised(self.normalized_mean, self.normalized_std)

    @property
    def normalized(self) -> Scaling:
        """The normalisation alone."""
        q1, q2, q3 = self.quartiles
        return {
            None: Scaling(),
            "zscore": Scaling(self.mean, self.std or 1.0),
            "minmax": Scaling(self.min, (self.max - self.min) or 1.0),
            "iq": Scaling(q2, (q3 - q1) or 1.0),
            "robust": Scaling(q2, (q3 - q1) or (self.max - self.min) / 2 or 1.0, bound=BOUND),
            "log1p": Scaling(log=True, least=self.min),
        }[self.normalization]

    @property
    def median(self) -> float:
        return float(self.scaling.apply(np.array([self.grid[GRID // 2]]))[0])

    @property
    def quartiles(self) -> tuple[float, float, float]:
        return self.grid[GRID // 4], self.grid[GRID // 2], self.grid[GRID * 3 // 4]

    def quantiles(self, count: int) -> Tensor:
        """`count` evenly spaced quantiles of the normalised values, ascending: [count]."""
        places = np.linspace(0, 1, GRID)
        own = np.interp(np.linspace(0, 1, count), places, self.grid)
        return torch.from_numpy(self.scaling.apply(own).astype(np.float32)).nan_to_num(0.0)

    def to_json(self) -> dict[str, Any]:
        q1, q2, q3 = self.quartiles
        return {**vars(self), "grid": list(self.grid), "q1": q1, "q2": q2, "q3": q3}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        known = {field.name: raw[field.name] for field in dataclasses.fields(cls) if field.name in raw}
        return cls(**{**known, "grid": tuple(raw["grid"])})


class NumberTally(Tally):
    """Moments and distribution of the numbers that are there, the moments of their logarithms where these are asked
    for, and how many cells are missing; its size is bounded by the sketch's."""

    def __init__(self, moments: Moments, sketch: Sketch, logs: Moments, missing: int) -> None:
        self.moments, self.sketch, self.logs, self.missing = moments, sketch, logs, missing

    def merge(self, other: Self) -> Self:
        moments, logs = self.moments.merge(other.moments), self.logs.merge(other.logs)
        return type(self)(moments, self.sketch.merge(other.sketch), logs, self.missing + other.missing)

    @classmethod
    def of(cls, values: NDArray[np.float64], *, with_logs: bool = False, missing: int = 0) -> Self:
        """The tally of finite numbers: [N], and of so many cells beside them that are missing."""
        sketch = Sketch.of(values)
        is_exact = sketch.dropped == 0  # then the distinct values are all there is to add up
        moments = Moments.of_counted(*sketch.distinct()) if is_exact else Moments.of(values)
        logs = Moments.of(np.log1p(values[values > -1])) if with_logs else Moments()
        return cls(moments, sketch, logs, missing)


@FEATURES.register("number", aliases=("numerical",))
class NumberFeature(Feature[Numbers, NumberTally, NumberFacts]):
    """Number feature: a numeric column, normalised by statistics of the training split.

    Use it for measurements and counts; codes without an order are categories. By default an input is scaled by median
    and quartiles and bounded, so that outliers do no harm, and a missing cell reaches the encoder as such. A batch is
    [B], NaN where a missing cell is kept.

    ```yaml
    name: income
    type: number
    preprocessing:
      normalization: log1p
      missing_value_strategy: keep
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        missing_value_strategy: InputStrategy = param(
            "keep",
            help="Strategy for missing values: keep leaves them to the encoder, as missing (the median where training "
            "has none); the others are imputation, such as fill_with_mean or bfill, and drop_row.",
        )
        fill_value: float = param(0.0, help="Fill value of missing cells, with fill_with_const.")
        normalization: Normalization | None = param(
            "robust",
            help="Normalisation (feature scaling): robust scales by median and quartiles, bounded at 3; iq is without "
            "a bound; zscore standardises, minmax scales to 0..1, log1p tames long tails; null for none.",
        )
        outlier_strategy: Strategy | None = param(
            None, help="Strategy for outliers: what replaces them, as for missing values; null keeps them."
        )
        outlier_threshold: float | None = param(
            3.0,
            min=0,
            help="Outlier threshold: distance from the mean in standard deviations (z-score). Lower it to treat "
            "more cells as outliers.",
        )

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )
        normalization: TargetNormalization | None = param(
            "zscore",
            help="Normalisation (feature scaling): zscore standardises, minmax scales to 0..1, iq by median and "
            "quartiles, log1p tames long tails; null for none. A target is standardised after any of them.",
        )

    kind = "number"
    facts_type = NumberFacts
    default_encoder = "ple"
    is_textual = False
    may_hold_times = True

    def parse(self, column: pd.Series) -> Numbers:
        return Numbers(floats_of(column, self.where, self.config.max_invalid_share))

    def tally(self, cells: Numbers) -> NumberTally:
        missing = cells.missing()
        values = cells.values[~missing] if missing.any() else cells.values
        with_logs = self.target and self.config.normalization == "log1p"
        known = values.astype(np.float64, copy=False)
        return NumberTally.of(known, with_logs=with_logs, missing=len(cells.values) - len(known))

    def finish(self, tally: NumberTally) -> NumberFacts:
        self.refuse_all_missing(tally.moments.count)
        if tally.moments.count == 0:
            tally = NumberTally.of(np.zeros(1), missing=tally.missing)
        moments, options = tally.moments, self.config
        self._refuse_unfit(moments.low, moments.high)
        facts = NumberFacts(
            mean=moments.mean,
            std=moments.std,
            min=moments.low,
            max=moments.high,
            fill=self._fill(options.missing_value_strategy, tally),
            outlier_fill=self._fill(options.outlier_strategy, tally),
            normalization=options.normalization,
            grid=_grid(tally),
            keeps_missing=options.missing_value_strategy == "keep" and tally.missing > 0,
        )
        return facts if not self.target else _standardised(facts, tally)

    def _refuse_unfit(self, low: float, high: float) -> None:
        if low == high and self.target:
            raise InputDataError(
                f"The {self.where} is constant in the training split (always {low:g}), so there is nothing to learn. "
                "Name another column, or give more rows."
            )
        if low == high:
            logger.warning("The %s is constant in the training split, so it carries no information.", self.where)
        if self.config.normalization == "log1p" and low <= -1:
            raise InputDataError(
                f"The {self.where} is normalised by log1p, which needs numbers above -1. Its smallest is {low:g}. "
                "Set preprocessing.normalization to zscore."
            )

    def _fill(self, strategy: str | None, tally: NumberTally) -> float:
        if strategy == "fill_with_const":
            return float(self.config.fill_value)
        if strategy == "fill_with_mode":
            return tally.sketch.mode()
        if strategy == "keep":  # where training has no missing cell to learn from
            return float(tally.sketch.quantiles(np.array([0.5]))[0])
        return tally.moments.mean  # also where a neighbour is asked for and there is none

    def encode(self, cells: Numbers, facts: NumberFacts) -> Encoded:
        values, dropped = cells.values, None
        if not facts.keeps_missing:
            values, dropped = self._filled(values, cells.missing(), self.config.missing_value_strategy, facts.fill)
        if self.config.outlier_strategy is not None and self.config.outlier_threshold is not None:
            outliers = np.abs(values - facts.mean) > self.config.outlier_threshold * facts.std
            values, gone = self._filled(values, outliers, self.config.outlier_strategy, facts.outlier_fill)
            dropped = gone if dropped is None else dropped if gone is None else dropped | gone
        scaled = single_precision(facts.scaling.apply(values), values, self.where)
        return Encoded(Dense(torch.from_numpy(scaled)), dropped)

    @staticmethod
    def _filled(
        values: NDArray[np.floating], missing: Flags, strategy: str, fill: float
    ) -> tuple[NDArray[np.floating], Flags | None]:
        if not missing.any():
            return values, None
        if strategy in NEIGHBOURS and not missing.all():
            return filled_from_neighbours(Numbers(values), missing, strategy).values, None
        return np.where(missing, fill, values), missing if strategy == "drop_row" else None

    def facts_of_config(self) -> NumberFacts:
        grid = tuple(np.linspace(-2, 2, GRID).tolist())
        return NumberFacts(0.0, 1.0, -2.0, 2.0, 0.0, 0.0, self.config.normalization, grid)

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: NumberFacts) -> dict[str, Any]:
        return {key: numbers.astype(np.float64) for key, numbers in predicted.items()}


class SampleWeightFeature(NumberFeature):
    """How much each row counts in losses and metrics: numbers of at least 0, by their mean in the training split.

    A row of weight 2 counts as two rows of weight 1, one of weight 0 not at all. A row without a weight is left out.
    """

    @staticmethod
    def of(column: str) -> SampleWeightFeature:
        """The feature of a column of the data."""
        return SampleWeightFeature(NumberFeature.Config(normalization=None, missing_value_strategy="drop_row"), column)

    @property
    def role(self) -> str:
        return "sample weight"

    @property
    def where(self) -> str:
        return f"{self.role} '{self.name}'"

    def parse(self, column: pd.Series) -> Numbers:
        values = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
        if pd.api.types.infer_dtype(values, skipna=True) in (*TIMES, "complex"):  # pandas would make numbers of them
            numbers = np.full(len(column), np.nan)
        else:
            numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        fits = column.isna().to_numpy() | (np.isfinite(numbers) & (numbers >= 0))
        if not fits.all():
            raise InputDataError(
                f"The {self.where} must be a number of at least 0 in each row. It is not in {(~fits).sum()} of "
                f"{counted(len(fits), 'row')}: {first_few(column[~fits].tolist())}. Mend them; 0 leaves a row out."
            )
        return Numbers(numbers)

    def encode(self, cells: Numbers, facts: NumberFacts) -> Encoded:
        return super().encode(Numbers(cells.values / facts.mean), facts)

    def _refuse_unfit(self, low: float, high: float) -> None:
        if not high > 0:
            raise InputDataError(
                f"The {self.where} is above 0 in no row of the training split, so that none counts. Name another "
                "column in trainer.sample_weight, or remove it."
            )


def _standardised(facts: NumberFacts, tally: NumberTally) -> NumberFacts:
    """With what a target needs beyond its normalisation, unless it is to stay as it is."""
    if facts.normalization is None:
        return facts
    mean, std = tally.logs.mean, tally.logs.std
    if facts.normalization != "log1p":
        shift, scale = facts.normalized.shift, facts.normalized.scale
        mean, std = (facts.mean - shift) / scale, facts.std / scale
    return dataclasses.replace(facts, normalized_mean=mean, normalized_std=std or 1.0)


def _grid(tally: NumberTally) -> tuple[float, ...]:
    """GRID quantiles, evenly spaced; the first and the last are the exact ends of the range."""
    low, high = tally.moments.low, tally.moments.high
    inner = tally.sketch.quantiles(np.linspace(0, 1, GRID))[1:-1]
    return (low, *np.clip(inner, low, high).tolist(), high)
