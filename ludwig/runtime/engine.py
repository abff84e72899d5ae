"""How a step runs on its device: arithmetic, backward, clipping, the optimizer, other processes.

On one process in float32 it is a thin shell.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ludwig.runtime.console import logger_of
from ludwig.runtime.distributed import ALONE, Workers

logger = logger_of(__name__)

_AS_IT_IS: AbstractContextManager[object] = nullcontext()
MEMORY_SHARE = 0.5  # of the free memory of a GPU that a resident table may take

Precision = Literal["float32", "bfloat16", "float16"]


@dataclasses.dataclass(frozen=True)
class Clipping:
    """Bounds on gradients; None does not bound."""

    norm_of_all: float | None = None
    norm_of_each: float | None = None
    value: float | None = None


def precision_of(asked: bool | str, device: torch.device) -> Precision:
    """The arithmetic of `use_mixed_precision` on this device.

    True is bfloat16 where the device computes in it, else float16. A CPU is many times slower in float16 than in
    float32, so it takes bfloat16 instead.
    """
    if asked is False:
        return "float32"
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        return "float16" if asked == "float16" or (asked is True and not able) else "bfloat16"
    if asked == "float16":
        logger.warning("A %s is slow in float16: use_mixed_precision takes bfloat16 there.", device.type)
    return "bfloat16"


class Engine:
    """Device, arithmetic and processes of a run."""

    def __init__(
        self,
        device: torch.device,
        precision: Precision = "float32",
        workers: Workers = ALONE,
        generator: torch.Generator | None = None,
    ) -> None:
        """`generator`: what the run draws from, on the device; None for the generators of the process."""
        self.device, self.workers, self.generator = device, workers, generator
        self.dtype: torch.dtype = getattr(torch, precision)
        # Small gradients are zero in float16: they are computed of a loss that is scaled up (arXiv:1710.03740).
        self.scaler = torch.amp.GradScaler(device.type) if precision == "float16" else None

    def autocast(self) -> AbstractContextManager[object]:
        """The arithmetic of a forward pass."""
        return _AS_IT_IS if self.dtype == torch.float32 else torch.autocast(self.device.type, self.dtype)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.workers.is_main

    def place(self, model: nn.Module) -> None:
        """Moves the model to the device; images lie there with their channels last, as its kernels want them."""
        model.to(self.device)
        if self.device.type == "cuda":
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def has_room_for(self, nbytes: int) -> bool:
        """Whether a table of this size may live on the device."""
        if self.device.type != "cuda":
            return True
        free, _ = torch.cuda.mem_get_info(self.device)
        return nbytes < free * MEMORY_SHARE

    def synchronize(self) -> None:
        """Waits until the device has done all its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    # -- a step: backward, gathered, clip, step

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of the loss."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]

    def gather(self, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> None:
        """Adds up the gradients of all processes, unscaled."""
        if self.workers.count > 1:
            for parameter in parameters:
                if parameter.grad is None:  # this process had no rows, another one may have had some
                    parameter.grad = torch.zeros_like(parameter)
            self.workers.all_reduce_sum([parameter.grad for parameter in parameters if parameter.grad is not None])
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def clip(self, parameters: Sequence[Tensor], clipping: Clipping | None) -> Tensor:
        """Bounds the gradients in place, without waiting for the device; gives the norm that all had together: []."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        norm = _norm(gradients, self.device)
        if clipping is None:
            return norm
        if clipping.norm_of_all is not None:
            _shorten(gradients, norm, clipping.norm_of_all)
        if clipping.norm_of_each is not None:
            for gradient in gradients:
                _shorten([gradient], _norm([gradient], self.device), clipping.norm_of_each)
        if clipping.value is not None:
            nn.utils.clip_grad_value_(parameters, clipping.value)
        return norm

    def step(self, optimizer: torch.optim.Optimizer, norm: Tensor) -> bool | Tensor:
        """Moves the weights unless the gradients are not finite, and returns whether they are finite.

        On a GPU nobody waits for the answer where the kernel itself can leave the weights as they are.
        """
        if self.scaler is not None:
            self.scaler.step(optimizer)
            self.scaler.update()
            return norm.isfinite()
        if self.device.type == "cuda" and getattr(optimizer, "_step_supports_amp_scaling", False):
            fused: Any = optimizer
            finite = norm.isfinite()
            fused.found_inf = (~finite).float()
            optimizer.step()
            return finite
        is_finite = math.isfinite(norm.item())
        if is_finite:
            optimizer.step()
        return is_finite


def _norm(gradients: list[Tensor], device: torch.device) -> Tensor:
    if not gradients:
        return torch.zeros((), device=device)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return norm


def _shorten(gradients: list[Tensor], norm: Tensor, bound: float) -> None:
    if gradients:
        torch._foreach_mul_(gradients, (bound / (norm + 1e-6)).clamp_max(1.0))
