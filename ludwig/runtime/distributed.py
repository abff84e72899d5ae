"""Several processes that train one model, as `torchrun` starts them. One process is the absence of special cases."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

V = TypeVar("V")


class Workers:
    """The processes of a run, seen from one of them; this class itself is a process that works alone."""

    rank = 0
    count = 1
    holds_shard = False  # whether each process holds rows of its own, and not those of all

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks for all."""
        return self.rank == 0

    def all_reduce_sum(self, tensors: Sequence[Tensor]) -> None:
        """Puts into each tensor its sum over all processes. All give tensors of the same shapes."""

    def all_reduce_mean(self, tensors: Sequence[Tensor]) -> None:
        """Puts into each floating point tensor its mean over all processes."""
        numbers = [tensor for tensor in tensors if tensor.is_floating_point()] if self.count > 1 else []
        if numbers:
            self.all_reduce_sum(numbers)
            torch._foreach_div_(numbers, self.count)

    def gather(self, value: V) -> list[V]:
        """The values of all processes, by rank."""
        return [value]

    def broadcast(self, value: V) -> V:
        """The value of the main process."""
        return value

    def rows_of_all(self, own: int) -> int:
        """How many rows all processes train on; where each holds a shard, as if all were as long as the longest."""
        return max(self.gather(own)) * self.count if self.holds_shard else own

    def part_of(self, rows: int) -> slice:
        """The rows that this process looks at where all together look at each once."""
        return slice(rows * self.rank // self.count, rows * (self.rank + 1) // self.count)

    def barrier(self) -> None:
        """Goes on when all processes have come this far."""


class Group(Workers):
    """The processes of a torch process group."""

    def __init__(self, *, holds_shard: bool) -> None:
        self.rank, self.count, self.holds_shard = dist.get_rank(), dist.get_world_size(), holds_shard

    def all_reduce_sum(self, tensors: Sequence[Tensor]) -> None:
        kinds: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            kinds.setdefault(tensor.dtype, []).append(tensor)
        for alike in kinds.values():  # one message a dtype: many small ones wait for each other
            whole = torch.cat([tensor.reshape(-1) for tensor in alike])
            dist.all_reduce(whole)
            parts = torch.split(whole, [tensor.numel() for tensor in alike])
            torch._foreach_copy_(alike, [part.view_as(t) for part, t in zip(parts, alike, strict=True)])

    def gather(self, value: V) -> list[V]:
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def broadcast(self, value: V) -> V:
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def barrier(self) -> None:
        dist.barrier()


ALONE = Workers()


def workers_of(device: torch.device, *, holds_shard: bool = False) -> Workers:
    """The processes that `torchrun` started together with this one; over NCCL on GPUs, over gloo elsewhere.

    Args:
        holds_shard: Whether this process holds rows of its own, and not those of all.
    """
    if not dist.is_available() or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return ALONE
    if not dist.is_initialized():
        on_gpu = device.type == "cuda"
        if on_gpu:
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if on_gpu else "gloo")
        atexit.register(dist.destroy_process_group)
    return Group(holds_shard=holds_shard)
