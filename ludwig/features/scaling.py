"""Between a column's own units and what a network sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ludwig.error import InputDataError


@dataclasses.dataclass(frozen=True)
class Scaling:
    """A map from a column's own units to what a network sees, and back: log1p where asked for, then shift and scale.

    With a bound, which only inputs have, what is scaled approaches it smoothly and is not mapped back: s becomes
    s / sqrt(1 + (s / bound)^2), as in Holzmueller et al. 2024, "Better by Default", arXiv:2407.04491.
    """

    shift: float = 0.0
    scale: float = 1.0
    log: bool = False
    least: float = 0.0  # in place of what has no logarithm: the least of the training split
    bound: float | None = None

    def apply(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Own units to scaled."""
        scaled = np.log1p(np.where(values <= -1, self.least, values)) if self.log else values
        scaled = scaled - self.shift
        scaled /= self.scale
        return scaled if self.bound is None else scaled / np.hypot(1, scaled / self.bound)

    def undo(self, values: Tensor) -> Tensor:
        """Scaled to own units."""
        own = values * self.scale + self.shift
        return own.expm1() if self.log else own

    def bounded(self, values: Tensor, bound: Callable[[Tensor], Tensor]) -> Tensor:
        """Scaled values after a map of numbers in their own units."""
        own = bound(self.undo(values))
        return ((own.log1p() if self.log else own) - self.shift) / self.scale

    def standardised(self, mean: float, std: float) -> Scaling:
        """Further scaled by the mean and the standard deviation of scaled values."""
        return dataclasses.replace(self, shift=self.shift + self.scale * mean, scale=self.scale * (std or 1.0))


def single_precision(scaled: NDArray[np.floating], own: NDArray[np.floating], where: str) -> NDArray[np.float32]:
    """Numbers as networks compute with them; `own` are the same in the column's units, `where` names the column.

    Raises:
        InputDataError: Some are beyond what 32 bits hold, so that predictions would not be finite.
    """
    with np.errstate(over="ignore"):
        values: NDArray[np.float32] = scaled.astype(np.float32)
    infinite = np.isinf(values)
    if infinite.any():
        raise InputDataError(
            f"The {where} has {infinite.sum()} numbers that are too large for 32 bits once they are normalised, such "
            f"as {own[infinite][0]:g}. Replace them, or make them missing."
        )
    return values
