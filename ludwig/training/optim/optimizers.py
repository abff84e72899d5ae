"""Optimizers: those of torch and of other well-kept packages, each with the options that the config names.

A section is a table row: the class that does the work and the fields of the config. The learning rate is the
trainer's, never the optimizer's.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from ludwig.error import MissingExtraError
from ludwig.schema import Component, Registry, param
from ludwig.training.optim.muon import MuonWithAdamW

Betas = tuple[float, float]
OptimizerClass = type[torch.optim.Optimizer]
Group = dict[str, Any]  # of weights that are moved in one manner


class Optimizer(Component):
    """The section `trainer.optimizer`."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        works: ClassVar[OptimizerClass | str]  # the class, or "module:class" of a package that is imported when used
        extra: ClassVar[str] = "llm"  # the extra that brings this package
        needs_closure: ClassVar[bool] = False  # its step computes the loss again, several times
        is_averaged: ClassVar[bool] = False  # it is judged by other weights than those that it moves

        @property
        def sets_its_rate(self) -> bool:
            """Whether the learning rate is its own and not the trainer's."""
            return False

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

        def make(self, weights: Sequence[nn.Parameter] | Sequence[Group], rate: float) -> torch.optim.Optimizer:
            """The optimizer over the weights or groups of them, in one fused kernel where torch offers it.

            Raises:
                MissingExtraError: The package that does the work is not installed.
            """
            options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
            works = _resolved(self.works, self.extra)
            if _can_fuse(works, weights, options):
                options["fused"] = True
            return works(weights, **{"lr": rate, **options})


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")


def _resolved(works: OptimizerClass | str, extra: str) -> OptimizerClass:
    if not isinstance(works, str):
        return works
    module, _, name = works.partition(":")
    try:
        found: OptimizerClass = getattr(importlib.import_module(module), name)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(package, extra, f"The optimizer {name}") from error
    return found


def _can_fuse(
    works: OptimizerClass, weights: Sequence[nn.Parameter] | Sequence[Group], options: Mapping[str, Any]
) -> bool:
    lists = [each["params"] if isinstance(each, dict) else [each] for each in weights]
    kinds = {(weight.is_floating_point(), weight.device.type) for each in lists for weight in each}
    if works is torch.optim.SGD and options["momentum"] and (True, "cuda") in kinds:
        return False  # where its first step is left out, its next one reads momentum that nobody wrote
    return "fused" in inspect.signature(works).parameters and kinds <= {(True, "cpu"), (True, "cuda")}


def _declare(name: str, works: OptimizerClass | str, **options: tuple[Any, Any]) -> None:
    title = "".join(word.title() for word in name.split("_"))
    fields = [(option, hint, declared) for option, (hint, declared) in options.items()]
    config = dataclasses.make_dataclass("Config", fields, bases=(Optimizer.Config,), frozen=True, kw_only=True)
    config.__module__, config.__qualname__ = __name__, f"{title}Optimizer.Config"
    config.works = works  # type: ignore[attr-defined]
    doc = f"`{works if isinstance(works, str) else f'{works.__module__}.{works.__qualname__}'}`."
    OPTIMIZERS.register(name)(type(f"{title}Optimizer", (Optimizer,), {"Config": config, "__doc__": doc}))


def _betas(default: Betas = (0.9, 0.999)) -> tuple[Any, Any]:
    return Betas, param(default, min=0, max=1, help="Decay of the running means of gradients and of their squares.")


def _decay(default: float = 0.0) -> tuple[Any, Any]:
    return float, param(default, min=0, help="Share by which weights shrink, times the learning rate.")


def _eps(default: float = 1e-8) -> tuple[Any, Any]:
    return float, param(default, min=0, help="Small number that keeps divisions finite.")


def _momentum(default: float = 0.0) -> tuple[Any, Any]:
    return float, param(default, min=0, help="Share of the last update that is kept.")


def _flag(text: str) -> tuple[Any, Any]:
    return bool, param(False, help=text)


_NESTEROV = "Whether the momentum looks ahead."
_DAMPENING = "Share by which a gradient counts less in the momentum."
_AMSGRAD = "Whether the largest second moment so far is used (arXiv:1904.09237)."

_declare(
    "sgd",
    torch.optim.SGD,
    momentum=_momentum(),
    weight_decay=_decay(),
    dampening=(float, param(0.0, min=0, help=_DAMPENING)),
    nesterov=_flag(_NESTEROV),
)
_declare("adam", torch.optim.Adam, betas=_betas(), eps=_eps(), weight_decay=_decay(), amsgrad=_flag(_AMSGRAD))
_declare("adamw", torch.optim.AdamW, betas=_betas(), eps=_eps(), weight_decay=_decay(), amsgrad=_flag(_AMSGRAD))
_declare(
    "adadelta",
    torch.optim.Adadelta,
    rho=(float, param(0.9, min=0, max=1, help="Decay of the running mean of squared gradients.")),
    eps=_eps(1e-6),
    weight_decay=_decay(),
)
_declare(
    "adagrad",
    torch.optim.Adagrad,
    initial_accumulator_value=(float, param(0.0, min=0, help="Where the sum of squared gradients starts.")),
    lr_decay=(float, param(0.0, min=0, help="How fast the learning rate falls.")),
    weight_decay=_decay(),
    eps=_eps(1e-10),
)
_declare("adamax", torch.optim.Adamax, betas=_betas(), eps=_eps(), weight_decay=_decay())
_declare(
    "nadam",
    torch.optim.NAdam,
    betas=_betas(),
    eps=_eps(),
    weight_decay=_decay(),
    momentum_decay=(float, param(0.004, min=0, help="Decay of the momentum.")),
)
_declare("radam", torch.optim.RAdam, betas=_betas(), eps=_eps(), weight_decay=_decay())
_declare(
    "rmsprop",
    torch.optim.RMSprop,
    momentum=_momentum(),
    eps=_eps(),
    weight_decay=_decay(),
    alpha=(float, param(0.99, min=0, help="Decay of the running mean of squared gradients.")),
    centered=_flag("Whether gradients are divided by their variance instead."),
)
_declare(
    "lbfgs",
    torch.optim.LBFGS,
    max_iter=(int, param(20, min=1, help="Iterations of a step.")),
    max_eval=(int | None, param(None, min=1, help="Evaluations of a step; null for 1.25 times max_iter.")),
    tolerance_grad=(float, param(1e-7, min=0, help="A step ends when the gradient is smaller.")),
    tolerance_change=(float, param(1e-9, min=0, help="A step ends when weights or loss change less.")),
    history_size=(int, param(100, min=1, help="How many updates are kept.")),
    line_search_fn=(Literal["strong_wolfe"] | None, param(None, help="How the length of an update is found.")),
)
OPTIMIZERS.get("lbfgs").Config.needs_closure = True
_declare(
    "muon",
    MuonWithAdamW,
    momentum=(float, param(0.95, min=0, max=1, help="Share of the last update that is kept.")),
    nesterov=(bool, param(True, help=_NESTEROV)),
)


@OPTIMIZERS.register("adafactor")
class AdafactorOptimizer(Optimizer):
    """`transformers.optimization.Adafactor`: second moments as rows and columns (Shazeer & Stern, arXiv:1804.04235)."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Optimizer.Config):
        works = "transformers.optimization:Adafactor"

        lr: float | None = param(None, min=0, help="Its own learning rate; null for one that follows from the step.")
        scale_parameter: bool = param(True, help="Whether steps are in proportion to the size of the weights.")
        relative_step: bool = param(True, help="Whether the learning rate follows from the step alone.")
        warmup_init: bool = param(False, help="Whether that rate climbs at first.")

        @property
        def sets_its_rate(self) -> bool:
            return self.relative_step or self.lr is not None

        def faults(self) -> list[tuple[str, str]]:
            if self.lr is not None and self.relative_step:
                return [("lr", "Has no effect with relative_step: set relative_step to false, or lr to null.")]
            if self.warmup_init and not self.relative_step:
                return [("warmup_init", "Needs relative_step.")]
            return []

        def make(self, weights: Sequence[nn.Parameter] | Sequence[Group], rate: float) -> torch.optim.Optimizer:
            own = None if self.relative_step else rate if self.lr is None else self.lr
            steps = {"relative_step": self.relative_step, "warmup_init": self.warmup_init}
            works: Any = _resolved(self.works, self.extra)
            optimizer: torch.optim.Optimizer = works(weights, lr=own, scale_parameter=self.scale_parameter, **steps)
            return optimizer


_declare(
    "schedule_free_adamw",
    "schedulefree:AdamWScheduleFree",
    betas=_betas(),
    weight_decay=_decay(),
    warmup_steps=(int, param(0, min=0, help="Steps in which the rate climbs from zero.")),
)
OPTIMIZERS.get("schedule_free_adamw").Config.extra = "optimizers"
OPTIMIZERS.get("schedule_free_adamw").Config.is_averaged = True

# Of bitsandbytes: states of 8 bits, or in paged memory (Dettmers et al. 2021, arXiv:2110.02861).
_BITS = "bitsandbytes.optim"
_BIAS_CORRECTION = "Whether the first steps are corrected for means that start at zero."

for _name, _class in (
    ("adam_8bit", "Adam8bit"),
    ("paged_adam", "PagedAdam"),
    ("paged_adam_8bit", "PagedAdam8bit"),
    ("adamw_8bit", "AdamW8bit"),
    ("paged_adamw", "PagedAdamW"),
    ("paged_adamw_8bit", "PagedAdamW8bit"),
):
    _declare(_name, f"{_BITS}:{_class}", betas=_betas(), eps=_eps(), weight_decay=_decay(), amsgrad=_flag(_AMSGRAD))
for _name, _class in (
    ("lion", "Lion"),
    ("lion_8bit", "Lion8bit"),
    ("paged_lion", "PagedLion"),
    ("paged_lion_8bit", "PagedLion8bit"),
):
    _declare(_name, f"{_BITS}:{_class}", betas=_betas(), weight_decay=_decay())
for _name, _class in (("lamb", "LAMB"), ("lamb_8bit", "LAMB8bit")):
    _declare(
        _name,
        f"{_BITS}:{_class}",
        bias_correction=(bool, param(True, help=_BIAS_CORRECTION)),
        betas=_betas(),
        eps=_eps(),
        weight_decay=_decay(),
        amsgrad=_flag(_AMSGRAD),
        adam_w_mode=(bool, param(True, help="Whether weights shrink apart from the gradient, as in AdamW.")),
        max_unorm=(float, param(1.0, min=0, max=1, help="Bound on the norm of an update, against that of the weight.")),
    )
for _name, _class in (("lars", "LARS"), ("lars_8bit", "LARS8bit")):
    _declare(
        _name,
        f"{_BITS}:{_class}",
        momentum=(float, param(0.9, above=0, max=1, help="Share of the last update that is kept.")),
        dampening=(float, param(0.0, min=0, max=1, help=_DAMPENING)),
        weight_decay=_decay(),
        nesterov=_flag(_NESTEROV),
        max_unorm=(float, param(1.0, min=0, max=1, help="Bound on the norm of an update, against that of the weight.")),
    )
_declare(
    "sgd_8bit",
    f"{_BITS}:SGD8bit",
    momentum=(float, param(0.9, above=0, max=1, help="Share of the last update that is kept; it needs some.")),
    dampening=(float, param(0.0, min=0, help=_DAMPENING)),
    weight_decay=_decay(),
    nesterov=_flag(_NESTEROV),
)
_declare("adagrad_8bit", f"{_BITS}:Adagrad8bit", weight_decay=_decay(), eps=_eps(1e-10))
_declare(
    "rmsprop_8bit",
    f"{_BITS}:RMSprop8bit",
    alpha=(float, param(0.99, min=0, help="Decay of the running mean of squared gradients.")),
    eps=_eps(),
    weight_decay=_decay(),
    momentum=_momentum(),
)
