"""Optimizers: torch's own, each with the knobs that the config names.

A section is a table row: the class of torch that does the work and the fields of the config. The learning rate is the
trainer's, never the optimizer's.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from ludwig.schema import Component, Registry, param
from ludwig.training.muon import MuonWithAdamW

Betas = tuple[float, float]


class Optimizer(Component):
    """The section `trainer.optimizer`."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        torch_class: ClassVar[type[torch.optim.Optimizer]]
        needs_closure: ClassVar[bool] = False  # its step computes the loss again, several times

        def make(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
            """The optimizer over the parameters, in one fused kernel where torch offers it."""
            knobs = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
            weights = list(parameters)
            if _can_fuse(self.torch_class, weights):
                knobs["fused"] = True
            return self.torch_class(weights, **{"lr": learning_rate, **knobs})


OPTIMIZERS: Registry[Optimizer] = Registry("optimizer")


def _can_fuse(torch_class: type[torch.optim.Optimizer], weights: list[nn.Parameter]) -> bool:
    offers = "fused" in inspect.signature(torch_class).parameters
    return offers and all(weight.is_floating_point() and weight.device.type in ("cpu", "cuda") for weight in weights)


def _declare(
    name: str, torch_class: type[torch.optim.Optimizer], *, needs_closure: bool = False, **knobs: tuple[Any, Any]
) -> None:
    fields = [(knob, hint, declared) for knob, (hint, declared) in knobs.items()]
    config = dataclasses.make_dataclass("Config", fields, bases=(Optimizer.Config,), frozen=True, kw_only=True)
    config.__module__, config.__qualname__ = __name__, f"{torch_class.__name__}Optimizer.Config"
    config.torch_class, config.needs_closure = torch_class, needs_closure  # type: ignore[attr-defined]
    doc = (torch_class.__doc__ or "").strip().split("\n")[0] or f"`torch.optim.{torch_class.__name__}`."
    OPTIMIZERS.register(name)(
        type(f"{torch_class.__name__}Optimizer", (Optimizer,), {"Config": config, "__doc__": doc})
    )


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
_AMSGRAD = "Whether the largest second moment so far is used (arXiv:1904.09237)."

_declare(
    "sgd",
    torch.optim.SGD,
    momentum=_momentum(),
    weight_decay=_decay(),
    dampening=(float, param(0.0, min=0, help="Share by which a gradient counts less in the momentum.")),
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
    needs_closure=True,
    max_iter=(int, param(20, min=1, help="Iterations of a step.")),
    max_eval=(int | None, param(None, min=1, help="Evaluations of a step; null for 1.25 times max_iter.")),
    tolerance_grad=(float, param(1e-7, min=0, help="A step ends when the gradient is smaller.")),
    tolerance_change=(float, param(1e-9, min=0, help="A step ends when weights or loss change less.")),
    history_size=(int, param(100, min=1, help="How many updates are kept.")),
    line_search_fn=(Literal["strong_wolfe"] | None, param(None, help="How the length of an update is found.")),
)
_declare(
    "muon",
    MuonWithAdamW,
    momentum=(float, param(0.95, min=0, max=1, help="Share of the last update that is kept.")),
    nesterov=(bool, param(True, help=_NESTEROV)),
)
