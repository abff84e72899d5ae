"""The contract of an optimizer: a section of the config becomes an optimizer of torch's kind.

The learning rate is the trainer's, never the optimizer's.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from ludwig.error import MissingExtraError
from ludwig.nn.sharded import is_sharded
from ludwig.schema import Component, Registry

OptimizerClass = type[torch.optim.Optimizer]
Group = dict[str, Any]  # of weights that are updated with options of their own
Weights = Sequence[nn.Parameter] | Sequence[Group]


class Optimizer(Component):
    """The section `trainer.optimizer`. All options of its Config are arguments of the class that does the work."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        works: ClassVar[OptimizerClass | str]  # the class, or "module:class" of a package that is imported when used
        extra: ClassVar[str] = "llm"  # the extra that brings this package
        needs_closure: ClassVar[bool] = False  # its step computes the loss again, several times
        is_averaged: ClassVar[bool] = False  # it is evaluated with other weights than those that it updates
        is_elementwise: ClassVar[bool] = False  # it moves each number of a weight by its own gradient alone

        @property
        def sets_its_rate(self) -> bool:
            """Whether the learning rate is its own and not the trainer's."""
            return False

        @property
        def shrinks_weights(self) -> bool:
            """Whether it has weight decay."""
            return False

        @property
        def fuses_on_gpu(self) -> bool:
            """Whether the fused kernel of its class, if there is one, may be used on a GPU."""
            return True

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

        def make(self, weights: Weights, rate: float) -> torch.optim.Optimizer:
            """The optimizer over the weights or groups of them, in one fused kernel where torch offers it.

            Raises:
                MissingExtraError: The package that does the work is not installed.
            """
            options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
            works = self.implementation()
            if self._can_fuse(works, weights):
                options["fused"] = True
            return works(weights, **{"lr": rate, **options})

        def implementation(self) -> OptimizerClass:
            """The class that does the work.

            Raises:
                MissingExtraError: Its package is not installed.
            """
            if not isinstance(self.works, str):
                return self.works
            module, _, name = self.works.partition(":")
            try:
                found: OptimizerClass = getattr(importlib.import_module(module), name)
            except ImportError as error:
                raise MissingExtraError(module.partition(".")[0], self.extra, f"The optimizer {name}") from error
            return found

        def _can_fuse(self, works: OptimizerClass, weights: Weights) -> bool:
            lists = [each["params"] if isinstance(each, dict) else [each] for each in weights]
            if any(is_sharded(weight) for each in lists for weight in each):  # few kernels know of shards
                return False
            kinds = {(weight.is_floating_point(), weight.device.type) for each in lists for weight in each}
            has_kernel = "fused" in inspect.signature(works).parameters and kinds <= {(True, "cpu"), (True, "cuda")}
            return has_kernel and (self.fuses_on_gpu or (True, "cuda") not in kinds)


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")
