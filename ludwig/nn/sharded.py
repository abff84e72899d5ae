"""Tensors of which each process holds a shard (DTensors of torch), beside those that are whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def is_sharded(tensor: Tensor) -> bool:
    """Whether it is a DTensor, whose module takes long to import where nothing is sharded."""
    return hasattr(tensor, "full_tensor")


def in_shards(module: nn.Module) -> bool:
    """Whether a network has sharded weights."""
    return any(is_sharded(weight) for weight in module.parameters())


def most_of_all(count: int, module: nn.Module) -> int:
    """The largest such number of the processes that hold the network's shards; they all ask together."""
    if not in_shards(module):
        return count
    found: list[int] = [0] * dist.get_world_size()
    dist.all_gather_object(found, count)
    return max(found)


def local_of(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor, in the same memory."""
    whole: Any = tensor.detach()
    found: Tensor = whole.to_local() if is_sharded(tensor) else whole
    return found


def full(tensor: Tensor) -> Tensor:
    """The whole tensor; of a sharded one a copy in the memory of the CPU, for which all processes must ask together."""
    own: Any = tensor.detach()
    found: Tensor = own.full_tensor().cpu() if is_sharded(tensor) else own
    return found


def sharded_like(whole: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, which all processes have alike, in shards as another tensor of its shape has them."""
    if not is_sharded(like) or is_sharded(whole) or whole.shape != like.shape:
        return whole
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    return distribute_tensor(whole.to(like.device, like.dtype), like.device_mesh, like.placements)


def copy_all(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    """Writes tensors into others that are sharded alike; torch has no such operation for DTensors."""
    torch._foreach_copy_([local_of(target) for target in targets], [local_of(source) for source in sources])


def full_tree(value: Any) -> Any:
    """The same dicts and lists with every sharded tensor whole."""
    if isinstance(value, Tensor):
        return full(value) if is_sharded(value) else value
    if isinstance(value, dict):
        return {key: full_tree(entry) for key, entry in value.items()}
    return type(value)(full_tree(entry) for entry in value) if isinstance(value, list | tuple) else value
