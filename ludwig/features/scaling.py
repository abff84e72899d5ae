"""Between a column's own units and what a network sees."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


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
