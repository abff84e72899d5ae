"""Between a column's own units and what a network sees."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ludwig.error import InputDataError


@dataclasses.dataclass(frozen=True)
class Scaling:
    """A map from a column's own units to what a network sees, and back."""

    shift: float = 0.0
    scale: float = 1.0
    log: bool = False

    def apply(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Own units to scaled."""
        if self.log:
            known = np.where(values <= -1, self.shift, values)  # which have no logarithm: the least of training's
            logs: NDArray[np.floating] = np.log1p(known)
            return logs
        scaled = values - self.shift
        scaled /= self.scale
        return scaled

    def undo(self, values: Tensor) -> Tensor:
        """Scaled to own units."""
        return values.expm1() if self.log else values * self.scale + self.shift


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
