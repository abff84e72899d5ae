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


QUANTILES = [0.1, 0.5, 0.9]


def test_the_loss_of_quantiles_is_the_pinball_loss_of_the_known_steps(built):
    preprocessing = {"horizon": 2}
    output, target = built("timeseries", COLUMN, Shape("vector", 4), preprocessing=preprocessing, quantiles=QUANTILES)
    plain, _ = built("timeseries", COLUMN, Shape("vector", 4), preprocessing=preprocessing)
    prediction = output(Signal.vector(torch.randn(64, 4)), {})
    logits = prediction.logits.detach().numpy()  # [64, 2, 1 + 3]
    assert logits.shape == (64, 2, 4)
    errors = target.numpy()[..., None] - logits[..., 1:]
    pinball = np.where(errors > 0, np.array(QUANTILES) * errors, (np.array(QUANTILES) - 1) * errors)
    known = ~np.isnan(target.numpy()).all(1)  # the last row has no future
    expected = np.nanmean(pinball[known].mean(-1), axis=1).mean()
    alone = plain.loss_of(type(prediction)(prediction.logits[..., 0], prediction.hidden), target)
    np.testing.assert_allclose(float((output.loss_of(prediction, target) - alone).detach()), expected, rtol=1e-5)


def test_quantiles_never_cross_and_are_in_own_units(built):
    output, _ = built("timeseries", COLUMN, Shape("vector", 4), preprocessing={"horizon": 3}, quantiles=QUANTILES)
    complete = output.complete(output(Signal.vector(10 * torch.randn(50, 4)), {}))
    assert complete.quantiles.shape == (50, 3, 3)
    assert (complete.quantiles.diff(dim=-1) >= 0).all()
    answers = output.answers(complete)
    assert [*answers] == ["predictions", "quantile_0.1", "quantile_0.5", "quantile_0.9"]
    scaling = output.facts.scaling
    torch.testing.assert_close(answers["quantile_0.5"], scaling.undo(output.final(complete).logits[..., 2].double()))
