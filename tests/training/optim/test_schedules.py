"""Each schedule against that of torch, or against a formula where torch has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from ludwig.training.optim.schedules import LearningRateScheduler, Span

STEPS = 60
SPAN = Span(total_steps=STEPS, steps_per_round=12)
BASE = 0.3


def rates(span: Span = SPAN, base: float = BASE, **options: object) -> list[float]:
    section = LearningRateScheduler(**options)
    return [section.rate(base, step, span) for step in range(span.total_steps)]


def of_torch(make) -> list[float]:
    """What a scheduler of torch sets before each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = make(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("options", "make"),
    [
        ({"decay": None}, lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        ({"decay": "linear"}, lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, total_iters=STEPS)),
        ({"decay": "polynomial", "polynomial_power": 3.0}, lambda o: lr_scheduler.PolynomialLR(o, STEPS, power=3.0)),
        ({"decay": "cosine", "t_0": 20}, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 20)),
        ({"decay": "cosine"}, lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 12)),
        (
            {"decay": "cosine", "t_0": 7, "t_mult": 2, "eta_min": 0.05},
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 7, 2, 0.05),
        ),
    ],
)
def test_it_is_that_of_torch(options, make):
    assert rates(**options) == pytest.approx(of_torch(make), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_one_cycle_is_that_of_torch(share):
    # torch puts its top at step `pct_start * total - 1` and its end at `total - 1`; ours lie at 60 `share` and 60
    ours = rates(decay="one_cycle", max_lr=1.0, pct_start=share, div_factor=20.0, final_div_factor=500.0)
    there = {"total_steps": STEPS + 1, "pct_start": (share * STEPS + 1) / (STEPS + 1)}
    theirs = of_torch(lambda o: lr_scheduler.OneCycleLR(o, 1.0, **there, div_factor=20.0, final_div_factor=500.0))
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert (ours[0], ours[round(share * STEPS)]) == pytest.approx((1 / 20, 1.0))


def test_one_cycle_ends_at_its_first_rate_over_the_last_factor():
    options = LearningRateScheduler(decay="one_cycle")  # its top is the base rate
    assert options.rate(BASE, STEPS, SPAN) == pytest.approx(BASE / 25 / 1e4)
    assert options.rate(BASE, 10 * STEPS, SPAN) == pytest.approx(BASE / 25 / 1e4)


@pytest.mark.parametrize("staircase", [False, True])
def test_exponential_decay_is_its_formula(staircase):
    exponents = [1 + step / 10 for step in range(STEPS)]
    expected = [BASE * 0.5 ** (math.ceil(e) if staircase else e) for e in exponents]
    found = rates(decay="exponential", decay_rate=0.5, decay_steps=10, staircase=staircase)
    assert found == pytest.approx(expected)


def test_inverse_square_root_is_its_formula():
    found = rates(decay="inverse_sqrt", inverse_sqrt_warmup_steps=16)
    assert found == pytest.approx([BASE / math.sqrt(max(step, 16)) for step in range(STEPS)])


def test_wsd_climbs_stays_and_falls_to_nothing():
    found = rates(decay="wsd", wsd_warmup_fraction=0.1, wsd_stable_fraction=0.5, wsd_decay_fraction=0.4)
    assert found[:6] == pytest.approx([BASE * (step + 1) / 6 for step in range(6)])
    assert found[6:36] == [BASE] * 30
    assert found[36:] == pytest.approx([BASE * (1 - (step - 36) / 24) for step in range(36, 60)])


@pytest.mark.parametrize(
    "fractions", [(0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)]
)
def test_wsd_may_leave_out_any_of_its_parts(fractions):
    climbs, stays, falls = (round(share * STEPS) for share in fractions)
    names = ("wsd_warmup_fraction", "wsd_stable_fraction", "wsd_decay_fraction")
    found = rates(decay="wsd", **dict(zip(names, fractions, strict=True)))
    up, down = np.arange(1, climbs + 1) / max(climbs, 1), 1 - np.arange(falls) / max(falls, 1)
    assert found == pytest.approx(BASE * np.concatenate([up, np.ones(stays), down]))


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"warmup_fraction": 0.25}, 15),
        ({"warmup_fraction": 1.0}, 60),
        ({"warmup_evaluations": 2}, 24),
        ({"warmup_fraction": 0.1, "warmup_evaluations": 2}, 24),  # the longer one
    ],
)
def test_warm_up_climbs_in_a_line_and_joins_the_decay(options, steps):
    found = rates(decay="linear", **options)
    assert found[:steps] == pytest.approx([BASE * (step + 1) / steps for step in range(steps)])
    rest = STEPS - steps
    assert found[steps:] == pytest.approx([BASE * (1 - step / rest) for step in range(rest)])


DECAYS = ["linear", "exponential", "cosine", "one_cycle", "inverse_sqrt", "polynomial", "wsd"]


@pytest.mark.parametrize("decay", [None, *DECAYS])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_runs_have_a_rate(decay, steps):
    span = Span(total_steps=steps, steps_per_round=1)
    for step in range(steps + 2):  # a run may go on beyond what was planned
        rate = LearningRateScheduler(decay=decay).rate(BASE, step, span)
        assert 0 <= rate <= BASE


@pytest.mark.parametrize("options", [{"pct_start": 0.0}, {"pct_start": 1.0}])
def test_one_cycle_may_only_climb_or_only_fall(options):
    found = rates(decay="one_cycle", **options)
    assert all(0 < rate <= BASE + 1e-12 for rate in found)
    assert found == sorted(found, reverse=options["pct_start"] == 0)


def test_a_warm_up_that_is_longer_than_the_run_only_climbs():
    found = rates(warmup_evaluations=100, decay="linear")
    assert found == pytest.approx([BASE * (step + 1) / 1200 for step in range(STEPS)])


@pytest.mark.parametrize("decay", [None, *DECAYS])
def test_it_depends_on_nothing_but_the_step(decay):
    section = LearningRateScheduler(decay=decay, warmup_fraction=0.1)
    forwards = [section.rate(BASE, step, SPAN) for step in range(STEPS)]
    backwards = [section.rate(BASE, step, SPAN) for step in reversed(range(STEPS))]
    assert forwards == backwards[::-1]
