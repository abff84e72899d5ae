"""Optimizer sections and what they make."""

from __future__ import annotations

import dataclasses
import inspect
import math

import pytest
import torch
from torch import nn

from ludwig.training.optim import OPTIMIZERS, Optimizer

EVERY = {name: cls for _, name, cls in OPTIMIZERS}


@pytest.fixture(params=sorted(EVERY))
def optimizer(request: pytest.FixtureRequest) -> type[Optimizer]:
    return EVERY[request.param]


def test_its_options_are_arguments_of_the_class_that_does_the_work(optimizer):
    works = optimizer.Config.works
    if isinstance(works, str):
        pytest.importorskip(works.partition(":")[0].partition(".")[0])
    arguments = inspect.signature(optimizer.Config().implementation()).parameters
    assert {field.name for field in dataclasses.fields(optimizer.Config)} <= set(arguments)


def test_weight_decay_is_announced_where_there_is_some(optimizer):
    if "weight_decay" not in {field.name for field in dataclasses.fields(optimizer.Config)}:
        assert not optimizer.Config().shrinks_weights
    else:
        assert not optimizer.Config(weight_decay=0.0).shrinks_weights
        assert optimizer.Config(weight_decay=0.1).shrinks_weights


# One step from weight 2 with gradient 0.5, learning rate 0.1 and the options given, by the papers' formulas. The first
# step of Adam's kin goes by the sign of the gradient, as both moving averages are corrected to the gradient itself.
FIRST_STEPS = {
    "sgd": ({"weight_decay": 0.2}, 2 - 0.1 * (0.5 + 0.2 * 2)),
    "adam": ({}, 2 - 0.1),
    "adamw": ({"weight_decay": 0.2}, 2 * (1 - 0.1 * 0.2) - 0.1),
    "adamax": ({}, 2 - 0.1),
    "adagrad": ({"initial_accumulator_value": 0.75}, 2 - 0.1 * 0.5 / math.sqrt(0.75 + 0.25)),
    "adadelta": ({"rho": 0.5, "eps": 0.125}, 2 - 0.1 * 0.5 * math.sqrt(0.125 / (0.5 * 0.25 + 0.125))),
    "rmsprop": ({"alpha": 0.75}, 2 - 0.1 * 0.5 / math.sqrt(0.25 * 0.25)),
    "radam": ({}, 2 - 0.1 * 0.5),  # plain momentum, as the variance is unknown
    "lion": ({"weight_decay": 0.2}, 2 * (1 - 0.1 * 0.2) - 0.1),
}


@pytest.mark.parametrize("name", FIRST_STEPS)
def test_a_first_step_is_that_of_the_paper(name):
    if name == "lion":
        pytest.importorskip("bitsandbytes")
    options, expected = FIRST_STEPS[name]
    weight = nn.Parameter(torch.full((3,), 2.0))
    weight.grad = torch.full((3,), 0.5)
    EVERY[name].Config(**options).make([weight], 0.1).step()
    torch.testing.assert_close(weight.detach(), torch.full((3,), expected), rtol=1e-5, atol=1e-6)


def test_one_fused_kernel_updates_floating_weights_on_a_cpu():
    weight = nn.Parameter(torch.ones(3))
    assert EVERY["adam"].Config().make([weight], 0.1).defaults["fused"]
    assert EVERY["sgd"].Config(momentum=0.9).make([weight], 0.1).defaults["fused"]
    assert not EVERY["adamax"].Config().make([weight], 0.1).defaults.get("fused")  # torch has no such kernel


def test_sgd_with_momentum_is_not_fused_on_a_gpu():
    assert EVERY["sgd"].Config().fuses_on_gpu and not EVERY["sgd"].Config(momentum=0.9).fuses_on_gpu
    assert EVERY["adam"].Config().fuses_on_gpu
