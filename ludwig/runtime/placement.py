"""How a network lies on the devices of a run: whole on each of them, or in shards.

With DDP every process has all weights, and the gradients are exchanged. With FSDP2 every process has a shard of each
weight, of its gradient and of the optimizer's state, and gathers the weights of one part of the network after the
other when it needs them. Source: Zhao et al. 2023, "PyTorch FSDP", arXiv:2304.11277.
"""

from __future__ import annotations

import copy
from typing import Any, Literal, Protocol, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils._pytree import tree_map_only

Parallel = Literal["ddp", "fsdp"]


class Shardable(Protocol):
    """A network that knows which of its parts are gathered together."""

    @property
    def passes(self) -> tuple[str, ...]: ...
    def sharding_units(self) -> list[nn.Module]: ...


M = TypeVar("M", bound=nn.Module)


def sharded(model: M, device: torch.device, count: int) -> M:
    """A copy of the network in shards, by the same names; the network itself stays whole, to take the weights back.

    What is no part of a unit stays gathered from the forward to the backward pass, since the loss may read it.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

    copied: nn.Module = copy.deepcopy(model).to(device)
    mesh = init_device_mesh(device.type, (count,))
    units = cast(Shardable, copied).sharding_units()
    for unit in [*units, copied]:
        unit.register_forward_hook(_without_views)
    for unit in units:
        fully_shard(unit, mesh=mesh, reshard_after_forward=True)
    fully_shard(copied, mesh=mesh, reshard_after_forward=False)
    for method in cast(Shardable, copied).passes:
        register_fsdp_forward_method(copied, method)
    for part in copied.modules():
        if isinstance(part, FSDPModule):  # sums, since each loss is its rows' share of the loss of all processes
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)
    return cast(M, copied)


def _without_views(module: nn.Module, inputs: Any, output: Any) -> Any:
    """FSDP2 warns of views: an operation in place on one would pass by the hook that it hangs on the output."""
    return tree_map_only(Tensor, lambda each: each.clone() if each._is_view() else each, output)


def reshard(model: nn.Module) -> None:
    """Frees gathered weights, which are old ones as soon as the shards change."""
    from torch.distributed.fsdp import FSDPModule

    for part in model.modules():
        if isinstance(part, FSDPModule):
            part.reshard()


def summing(module: nn.Module) -> DistributedDataParallel:
    """The module in torch's DDP, whose backward pass adds up the gradients of all processes while it still runs.

    Buffers stay as each process has them: running statistics become those of all at evaluations.
    """
    # Parts of a network may rest in a step, as in stochastic depth or where this process has no rows.
    wrapped = DistributedDataParallel(
        module, forward_sync_buffers=False, find_unused_parameters=True, gradient_as_bucket_view=True
    )
    # DDP alone takes the mean; it refuses hooks with postponed annotations, hence the lambda.
    wrapped.register_comm_hook(None, lambda _, bucket: _sum(bucket))
    return wrapped


def _sum(bucket: Any) -> torch.futures.Future[Tensor]:
    work: Any = dist.all_reduce(bucket.buffer(), async_op=True)
    future: torch.futures.Future[Tensor] = work.get_future().then(lambda done: done.value()[0])
    return future
