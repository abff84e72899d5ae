"""How a step runs on its device: arithmetic, backward, clipping, the optimizer, other processes.

On one process in float32 it is a thin shell.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ludwig.error import ConfigValidationError
from ludwig.nn.sharded import local_of
from ludwig.runtime.console import logger_of
from ludwig.runtime.distributed import ALONE, Workers
from ludwig.runtime.placement import Parallel, reshard, sharded, summing

logger = logger_of(__name__)

_AS_IT_IS: AbstractContextManager[object] = nullcontext()
MEMORY_SHARE = 0.5  # of the free memory of a GPU that a resident table may take

M = TypeVar("M", bound=nn.Module)
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
        parallel: Parallel = "ddp",
    ) -> None:
        """Args:
        generator: What the run draws from, on the device; None for the generators of the process.
        parallel: How several processes hold the network: each the whole of it, or a shard.
        """
        self.device, self.workers, self.generator = device, workers, generator
        self.dtype: torch.dtype = getattr(torch, precision)
        self.shards = parallel == "fsdp" and workers.count > 1
        if self.shards and precision == "float16":
            raise ConfigValidationError("trainer.use_mixed_precision: 'fsdp' needs bfloat16, as this device has not.")
        # Small gradients are zero in float16: they are computed of a loss that is scaled up (arXiv:1710.03740).
        self.scaler = torch.amp.GradScaler(device.type) if precision == "float16" else None

    def autocast(self) -> AbstractContextManager[object]:
        """The arithmetic of a forward pass."""
        return _AS_IT_IS if self.dtype == torch.float32 else torch.autocast(self.device.type, self.dtype)

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.workers.is_main

    def place(self, model: M) -> M:
        """The model on the device, to be trained; images lie there with their channels last, as its kernels want them.

        It is the same model; where processes hold shards it is a copy in shards.
        """
        if self.shards:
            return sharded(model, self.device, self.workers.count)
        model.to(self.device)
        if self.device.type == "cuda":
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model

    def summing(self, module: nn.Module) -> DistributedDataParallel | None:
        """The module with gradients that are summed over processes during backward; None where nothing is to be."""
        return None if self.shards or self.workers.count == 1 else summing(module)

    def reshard(self, model: nn.Module) -> None:
        """Called between a forward pass without a backward pass and a change of the weights."""
        if self.shards:
            reshard(model)

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

    def gather(
        self, parameters: Sequence[Tensor], optimizer: torch.optim.Optimizer, *, is_summed: bool = False
    ) -> None:
        """Adds up the gradients of all processes, unscaled.

        Args:
            is_summed: The backward pass has added them up already, as it always does with shards.
        """
        if self.workers.count > 1 and not is_summed and not self.shards:
            for parameter in parameters:
                if parameter.grad is None:  # this process had no rows, another one may have had some
                    parameter.grad = torch.zeros_like(parameter)
            self.workers.all_reduce_sum([parameter.grad for parameter in parameters if parameter.grad is not None])
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def clip(self, parameters: Sequence[Tensor], clipping: Clipping | None) -> Tensor:
        """Bounds the gradients in place, without waiting for the device; gives the norm that all had together: []."""
        gradients = [local_of(parameter.grad) for parameter in parameters if parameter.grad is not None]
        norms = self._norms(gradients)
        norm: Tensor = torch.linalg.vector_norm(norms)
        if clipping is None:
            return norm
        if clipping.norm_of_all is not None:
            _shorten(gradients, norm, clipping.norm_of_all)
        if clipping.norm_of_each is not None:
            norms = norms if clipping.norm_of_all is None else self._norms(gradients)
            for gradient, own in zip(gradients, norms.unbind(), strict=True):
                _shorten([gradient], own, clipping.norm_of_each)
        if clipping.value is not None and gradients:
            torch._foreach_clamp_min_(gradients, -clipping.value)
            torch._foreach_clamp_max_(gradients, clipping.value)
        return norm

    def _norms(self, gradients: list[Tensor]) -> Tensor:
        """The norm of each gradient, of all its shards: [P]."""
        if not gradients:
            return torch.zeros(0, device=self.device)
        norms = torch.stack(torch._foreach_norm(gradients))
        if not self.shards:
            return norms
        squares = norms.square()
        self.workers.all_reduce_sum([squares])
        return squares.sqrt()

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


def _shorten(gradients: list[Tensor], norm: Tensor, bound: float) -> None:
    if gradients:
        torch._foreach_mul_(gradients, (bound / (norm + 1e-6)).clamp_max(1.0))
