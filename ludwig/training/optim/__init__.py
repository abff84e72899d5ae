"""What turns gradients into better weights."""

from ludwig.training.optim import (  # noqa: F401  (importing registers)
    bitsandbytes_optimizers,
    package_optimizers,
    torch_optimizers,
)
from ludwig.training.optim.base import OPTIMIZERS, Optimizer

__all__ = ["OPTIMIZERS", "Optimizer"]
