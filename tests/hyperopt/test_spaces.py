"""The values of each space, against what its words promise."""

from __future__ import annotations

import math
import statistics

import optuna
import pytest

from ludwig.hyperopt.config import SPACES
from ludwig.schema import load


def space(kind: str, **options):
    config = load(SPACES.get(kind).Config, options)
    assert config.faults() == []
    return config.build()


def draws(made, count: int = 400) -> list:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [made.value(study.ask({"x": made.distribution()}).params["x"]) for _ in range(count)]


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def test_numbers_lie_between_their_bounds_and_are_uniform():
    found = draws(space("uniform", lower=-1, upper=3))
    assert min(found) >= -1 and max(found) < 3
    assert statistics.mean(found) == pytest.approx(1, abs=0.2)  # (a + b) / 2, sd (b - a) / sqrt(12 n) = 0.06


def test_logarithms_are_uniform():
    found = draws(space("loguniform", lower=1e-4, upper=1e-1))
    assert min(found) >= 1e-4 and max(found) <= 1e-1
    assert sum(value < 10**-2.5 for value in found) == pytest.approx(200, abs=40)


@pytest.mark.parametrize(
    ("kind", "options", "values"),
    [
        ("quniform", {"lower": 0.05, "upper": 0.5, "q": 0.1}, {0.1, 0.2, 0.3, 0.4, 0.5}),
        ("qloguniform", {"lower": 1, "upper": 9, "q": 2}, {2, 4, 6, 8}),
        ("randint", {"lower": 2, "upper": 5}, {2, 3, 4}),
        ("qrandint", {"lower": 30, "upper": 128, "q": 32}, {32, 64, 96, 128}),
        ("lograndint", {"lower": 1, "upper": 4}, {1, 2, 3}),
        ("qlograndint", {"lower": 16, "upper": 64, "q": 16}, {16, 32, 48, 64}),
        ("choice", {"categories": ["a", [1, 2], {"type": "b"}]}, None),
        ("choice", {"categories": [1, True, 1.5, None]}, None),
        ("grid_search", {"values": [1, 2]}, {1, 2}),
    ],
)
def test_values_are_these_and_no_others(kind, options, values):
    made = space(kind, **options)
    found = draws(made, 200)
    expected = list(values) if values else options["categories"]
    for value in expected:
        assert any(type(each) is type(value) and each == value for each in found) or values
        assert made.takes(value)
        assert made.value(made.raw(value)) == value
    if values:
        assert set(found) == values
        assert not made.takes(min(values) - 100)


@pytest.mark.parametrize("kind", ["randn", "qrandn"])
def test_normal_draws_have_their_moments(kind):
    made = space(kind, mean=5, sd=2, **({"q": 0.5} if kind == "qrandn" else {}))
    found = draws(made)
    assert statistics.mean(found) == pytest.approx(5, abs=0.4)  # sd / sqrt(n) = 0.1
    assert statistics.stdev(found) == pytest.approx(2, abs=0.3)
    assert made.value(made.raw(6.5)) == pytest.approx(6.5)
    if kind == "qrandn":
        assert all(math.isclose(value * 2, round(value * 2)) for value in found)


@pytest.mark.parametrize(
    ("kind", "options", "option"),
    [
        ("uniform", {"lower": 2, "upper": 2}, "upper"),
        ("loguniform", {"lower": 0, "upper": 2}, "lower"),
        ("randint", {"lower": 5, "upper": 1}, "upper"),
        ("qrandint", {"lower": 5, "upper": 7, "q": 4}, "q"),
        ("quniform", {"lower": 0.1, "upper": 0.2, "q": 0.5}, "q"),
        ("choice", {"categories": []}, "categories"),
        ("grid_search", {"values": [1, 1]}, "values"),
    ],
)
def test_spaces_without_values_are_refused(kind, options, option):
    assert [name for name, _ in load(SPACES.get(kind).Config, options).faults()] == [option]
