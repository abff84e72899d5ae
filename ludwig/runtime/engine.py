"""How a step runs on a device: backward, clip, step. On one process in float32 it is a thin shell."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)

_AS_IT_IS: AbstractContextManager[object] = nullcontext()
MEMORY_SHARE = 0.5  # of the free memory of a GPU that a resident table may take


@dataclasses.dataclass(frozen=True)
class Clipping:
    """Bounds on gradients; None does not bound."""

    norm_of_all: float | None = None
    norm_of_each: float | None = None
    value: float | None = None


class Engine:
    """Device and arithmetic of a run."""

    def __init__(self, device: torch.device, mixed_precision: bool = False) -> None:
        """`mixed_precision`: bfloat16 where it is safe; on a GPU only, since a CPU gains little."""
        self.device = device
        self.mixed = mixed_precision and device.type == "cuda"
        if mixed_precision and not self.mixed:
            logger.info("use_mixed_precision is for GPUs; on %s everything is computed in float32.", device.type)

    def autocast(self) -> AbstractContextManager[object]:
        """The arithmetic of a forward pass."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.mixed else _AS_IT_IS

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return True

    def place(self, model: nn.Module) -> None:
        """Moves the model to the device."""
        model.to(self.device)

    def has_room_for(self, nbytes: int) -> bool:
        """Whether a table of this size may live on the device."""
        if self.device.type != "cuda":
            return True
        free, _ = torch.cuda.mem_get_info(self.device)
        return nbytes < free * MEMORY_SHARE

    def clip(self, parameters: Sequence[Tensor], clipping: Clipping) -> None:
        """Bounds the gradients in place, without waiting for the device."""
        if clipping.norm_of_all is not None:
            _clip_norm_of_all(parameters, clipping.norm_of_all)
        if clipping.norm_of_each is not None:
            for parameter in parameters:
                _clip_norm_of_all([parameter], clipping.norm_of_each)
        if clipping.value is not None:
            nn.utils.clip_grad_value_(parameters, clipping.value)


def _clip_norm_of_all(parameters: Sequence[Tensor], bound: float) -> None:
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    torch._foreach_mul_(gradients, (bound / (norm + 1e-6)).clamp_max(1.0))
