import numpy as np
import torch
from sklearn.metrics import mean_pinball_loss

from ludwig.nn.quantiles import ascending, pinball


def test_quantiles_never_cross_whatever_the_numbers_are():
    free = torch.randn(200, 3, 7) * 30
    assert (ascending(free).diff(dim=-1) >= 0).all()
    torch.testing.assert_close(ascending(free)[..., 0], free[..., 0])


def test_the_pinball_loss_is_that_of_scikit_learn():
    target, quantiles = torch.randn(100), torch.randn(100, 3)
    levels = torch.tensor([0.1, 0.5, 0.95])
    found = pinball(quantiles, target, levels).mean(0)
    expected = [mean_pinball_loss(target, quantiles[:, i], alpha=float(level)) for i, level in enumerate(levels)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_its_least_value_is_at_the_quantile():
    target, levels = torch.randn(20_000), torch.tensor([0.05, 0.5, 0.8])
    tried = torch.linspace(-3, 3, 601)
    losses = torch.stack([pinball(at.expand(len(target), 3), target, levels).mean(0) for at in tried])  # [601, 3]
    np.testing.assert_allclose(tried[losses.argmin(0)], np.quantile(target, levels), atol=0.02)
