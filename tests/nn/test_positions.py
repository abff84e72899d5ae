"""Positions against their formula."""

import math

import pytest

from ludwig.nn.positions import sinusoids


def test_positions_are_sines_and_cosines():
    found = sinusoids(5, 7)
    assert found.shape == (5, 7)
    assert found[3, 4].item() == pytest.approx(math.sin(3 / 10000 ** (4 / 7)), rel=1e-5)
    assert found[3, 5].item() == pytest.approx(math.cos(3 / 10000 ** (4 / 7)), rel=1e-5)
