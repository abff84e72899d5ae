"""Quantiles, against numpy."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from ludwig.features import sketch
from ludwig.features.sketch import Sketch

RNG = np.random.default_rng(0)
PLACES = np.linspace(0, 1, 257)
LARGE = {
    "normal": RNG.normal(size=250_000),
    "skewed": np.exp(RNG.normal(size=250_000) * 5),
    "far from zero": 1.7e9 + RNG.random(250_000) * 1e6,
    "half zeros": np.where(RNG.random(250_000) < 0.5, 0.0, RNG.normal(size=250_000)),
    "of all magnitudes": RNG.normal(size=250_000) * 10.0 ** RNG.uniform(-320, 300, 250_000),
}


def parts(values: np.ndarray, count: int) -> list[np.ndarray]:
    return np.split(RNG.permutation(values), np.sort(RNG.integers(0, len(values), count - 1)))


def merged(chunks: list[np.ndarray]) -> Sketch:
    tallies = [Sketch.of(chunk) for chunk in chunks]
    while len(tallies) > 1:
        one, two = (tallies.pop(RNG.integers(len(tallies))) for _ in range(2))
        tallies.append(one.merge(two))
    return tallies[0]


def state(one: Sketch) -> tuple[bytes, bytes, int]:
    return one.keys.tobytes(), one.counts.tobytes(), one.dropped


def brute_force(values: np.ndarray, limit: int) -> int:
    """The least number of bits without which few enough distinct values are left."""
    bits = values.view(np.uint64)
    return next(drop for drop in range(64) if len(np.unique(bits >> np.uint64(drop))) <= limit)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 257, 1000, 99_999, 100_000])
def test_quantiles_of_few_values_are_those_of_numpy_to_the_last_bit(size):
    values = RNG.normal(size=size) * 10.0 ** RNG.integers(-5, 5, size)
    assert Sketch.of(values).quantiles(PLACES).tolist() == np.quantile(values, PLACES).tolist()
    assert merged(parts(values, 5)).quantiles(PLACES).tolist() == np.quantile(values, PLACES).tolist()


def test_few_distinct_values_are_exact_however_often_they_occur():
    values = RNG.integers(0, 1000, 300_000) / 100
    one = merged(parts(values, 7))
    assert one.error == 0
    assert one.quantiles(PLACES).tolist() == np.quantile(values, PLACES).tolist()
    distinct, counts = np.unique(values, return_counts=True)
    assert one.mode() == distinct[counts.argmax()]


@pytest.mark.parametrize("name", LARGE)
def test_quantiles_of_many_values_are_off_by_less_than_the_error(name):
    values = LARGE[name]
    one, expected = Sketch.of(values), np.quantile(values, PLACES)
    assert 0 < one.error <= 2.0**-4
    apart = np.abs(one.quantiles(PLACES) - expected)
    # between two neighbours of unlike sign an error counts against them, not against what lies between
    nearby = np.maximum(*(np.abs(np.quantile(values, PLACES, method=end)) for end in ("lower", "higher")))
    smallest = 2.0**-1022 * one.error  # below it, numbers have less than a mantissa
    assert (apart <= one.error * nearby + smallest).all()


@pytest.mark.parametrize("name", LARGE)
def test_any_partition_and_any_order_give_the_same(name):
    whole = state(Sketch.of(LARGE[name]))
    for count in (2, 9):
        assert state(merged(parts(LARGE[name], count))) == whole


@pytest.mark.parametrize("size", [50, 3000, 20_000])
def test_the_fewest_bits_are_dropped(monkeypatch, size):
    monkeypatch.setattr(sketch, "LIMIT", 2000)
    for scale in (1.0, 1e-6, 1e12):
        values = np.concatenate([RNG.normal(size=size) * scale, RNG.integers(-9, 9, size), [0.0, -0.0]])
        for one in (Sketch.of(values), merged(parts(values, 6))):
            assert one.dropped == brute_force(values, 2000)
            assert len(one.keys) <= 2000
            assert one.counts.sum() == len(values)


def test_zero_has_no_sign():
    one = Sketch.of(np.array([-0.0, 0.0, -0.0, 1.0, 1.0]))
    assert one.distinct()[0].tolist() == [0.0, 1.0]
    assert one.distinct()[1].tolist() == [3, 2]
    assert math.copysign(1, one.mode()) == 1


def test_the_mode_of_several_is_the_least():
    assert Sketch.of(np.array([3.0, -1.0, 3.0, -1.0, 7.0])).mode() == -1


def test_its_size_is_bounded():
    one = merged(parts(LARGE["normal"], 4))
    assert len(one.keys) <= sketch.LIMIT
    assert state(pickle.loads(pickle.dumps(one))) == state(one)
