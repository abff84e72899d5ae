"""Exact sums, against fractions and math.fsum."""

from __future__ import annotations

import math
import pickle
import statistics
from fractions import Fraction

import numpy as np
import pytest

from ludwig.features.moments import BLOCK, UNIT, Moments

RNG = np.random.default_rng(0)
TINY, HUGE = 5e-324, 1.7976931348623157e308
SAMPLES = {
    "normal": RNG.normal(size=3000),
    "far from zero": 1.7e9 + RNG.random(2000),
    "integers": RNG.integers(-1000, 1000, 2000).astype(float),
    "float32": RNG.normal(size=2000).astype(np.float32).astype(float),
    "of all magnitudes": RNG.normal(size=400) * 10.0 ** RNG.uniform(-320, 300, 400),
    "wide within a block": np.exp(RNG.normal(size=2000) * 40),
    "denormal": RNG.integers(-50, 50, 300) * TINY,
    "the ends": np.array([HUGE, -HUGE, HUGE, TINY, -TINY, 0.0, -0.0, 1.0, 2.0**400, 2.0**-400, -(2.0**-401)]),
    "one": np.array([0.1]),
    "constant": np.full(1000, 0.1),
    "none": np.empty(0),
}


@pytest.fixture(params=SAMPLES)
def values(request):
    return SAMPLES[request.param]


def test_sums_are_exact(values):
    moments, fractions = Moments.of(values), [Fraction(value) for value in values]
    assert Fraction(moments.total) * Fraction(2) ** UNIT == sum(fractions)
    assert Fraction(moments.squares) * Fraction(4) ** UNIT == sum(value**2 for value in fractions)


def test_mean_and_deviation_are_correctly_rounded(values):
    moments, fractions = Moments.of(values), [Fraction(value) for value in values]
    assert moments.count == len(values)
    if len(values):
        mean = sum(fractions) / len(fractions)
        assert moments.mean == float(mean)
        assert moments.std == statistics.pstdev(fractions, mean)  # which rounds once, too
        assert (moments.low, moments.high) == (values.min(), values.max())


def test_the_sum_is_that_of_fsum():
    values = SAMPLES["wide within a block"]
    assert float(Fraction(Moments.of(values).total) * Fraction(2) ** UNIT) == math.fsum(values)


def test_nothing_is_lost_to_cancellation():
    values = np.array([1e15 + 1, 1e15 + 2, 1e15 + 3])
    assert Moments.of(values).std == math.sqrt(2 / 3)


def test_any_partition_and_any_order_give_the_same():
    values = np.concatenate([*SAMPLES.values(), RNG.normal(size=2 * BLOCK + 7)])
    whole = Moments.of(values)
    for _ in range(5):
        parts = np.split(RNG.permutation(values), np.sort(RNG.integers(0, len(values), 6)))
        merged = Moments()
        for part in parts:
            merged = Moments.of(part).merge(merged)
        assert merged == whole
    assert pickle.loads(pickle.dumps(whole)) == whole


def test_repeated_values_count_as_often_as_they_occur():
    values, counts = np.array([0.1, -3.0, 1e300, 7.0]), np.array([5, 1, 2, 130])
    assert Moments.of_counted(values, counts) == Moments.of(np.repeat(values, counts))


def test_no_numbers_have_a_mean_and_a_deviation_of_zero():
    assert (Moments().mean, Moments().std) == (0.0, 0.0)
    assert Moments.of(np.empty(0)) == Moments()


def test_zero_has_no_sign():
    moments = Moments.of(np.array([-0.0, -0.0]))
    assert [math.copysign(1, value) for value in (moments.low, moments.high, moments.mean)] == [1, 1, 1]
