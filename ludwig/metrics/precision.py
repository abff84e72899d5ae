"""Sums that stay right over millions of rows."""

from __future__ import annotations

from torch import Tensor


def exact(values: Tensor) -> Tensor:
    """In double precision; Apple's GPUs have single precision only."""
    return values.float() if values.device.type == "mps" else values.double()
