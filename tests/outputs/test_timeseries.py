import numpy as np
import pytest
import torch

from ludwig.nn.signal import Shape, Signal

COLUMN = np.random.default_rng(0).normal(200.0, 30.0, 64)
BOUNDS = [{"clip": [190, 210]}, {"activation": "relu"}, {"multiplier": 2.0}]


@pytest.mark.parametrize("bounds", BOUNDS)
def test_the_decoder_bounds_numbers_in_own_units(built, bounds):
    preprocessing = {"horizon": 2}
    output, _ = built("timeseries", COLUMN, Shape("vector", 4), preprocessing=preprocessing, decoder=bounds)
    plain, _ = built("timeseries", COLUMN, Shape("vector", 4), preprocessing=preprocessing)
    plain.load_state_dict(output.state_dict())
    combined = Signal.vector(10 * torch.randn(50, 4))
    found, free = (each.complete(each(combined, {})).predictions for each in (output, plain))
    expected = {
        "clip": free.clamp(190, 210),
        "activation": free.relu(),
        "multiplier": free * 2,
    }[next(iter(bounds))]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
    assert not torch.allclose(found, free)
