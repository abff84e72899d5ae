"""How losses are weighed: each method against its formula."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError
from ludwig.training.optim.balancing import BALANCERS, Balancer, BalancingOptions, balancer_of


def made(method: str, losses: int = 2, **options: object) -> Balancer:
    details = {f"loss_balancing_{name}": value for name, value in options.items()}
    found = balancer_of(BalancingOptions(loss_balancing=method, **details), losses)
    assert found is not None
    return found


def unused() -> Tensor:
    raise AssertionError("this method needs no gradients")


def weights(balancer: Balancer, losses: list[float], gram: list[list[float]] | None = None) -> list[float]:
    products = unused if gram is None else lambda: torch.tensor(gram)
    return balancer(torch.tensor(losses), products).tolist()


def test_nothing_is_balanced_with_one_loss_or_without_a_method():
    assert balancer_of(BalancingOptions(), 3) is None
    assert balancer_of(BalancingOptions(loss_balancing="famo"), 1) is None


def test_log_transform_weighs_by_the_slope_of_the_logarithm():
    loss = torch.tensor([0.5, 3.0], requires_grad=True)
    torch.log1p(loss).sum().backward()
    assert weights(made("log_transform"), [0.5, 3.0]) == pytest.approx(loss.grad.tolist())


def test_uncertainty_finds_the_variance_whose_weight_is_one_over_the_loss():
    balancer = made("uncertainty", lr=0.05)
    for _ in range(400):
        found = weights(balancer, [0.2, 7.0])
    assert found == pytest.approx([1 / 0.2, 1 / 7.0], rel=0.02)
    assert balancer.log_variance.tolist() == pytest.approx([math.log(0.2), math.log(7)], abs=0.02)


def test_famo_weighs_by_one_over_the_loss_at_first():
    assert weights(made("famo"), [1.0, 4.0]) == pytest.approx([2 * 0.8, 2 * 0.2])


def test_famo_turns_to_the_output_that_falls_more_slowly():
    balancer = made("famo", lr=0.05)
    for step in range(50):
        fast, slow = 0.9**step, 0.99**step
        weights(balancer, [fast, slow])
    shares = balancer.logits.softmax(0)
    assert shares[1] > shares[0] + 0.2


def test_gradnorm_makes_gradients_of_one_norm():
    balancer = made("gradnorm", 3, alpha=0.0, lr=0.01)
    norms = np.array([1.0, 2.0, 4.0])
    for _ in range(600):
        found = weights(balancer, [1.0, 1.0, 1.0], np.diag(norms**2).tolist())
    lengths = np.array(found) * norms
    assert lengths == pytest.approx([lengths.mean()] * 3, rel=0.05)
    assert sum(found) == pytest.approx(3)


def test_gradnorm_raises_the_weight_of_slow_outputs():
    balancer = made("gradnorm", lr=0.003)
    weights(balancer, [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    for _ in range(800):
        found = weights(balancer, [0.25, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    # eq. 2: a quarter of one loss is left and all of the other, 0.4 and 1.6 of their mean; 1.6 ** 1.5 is out of reach
    assert found == pytest.approx([0.4**1.5, 2 - 0.4**1.5], rel=0.03)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_nash_of_gradients_at_right_angles_makes_them_of_one_length(scale):
    found = weights(made("nash_mtl"), [1.0, 1.0], [[scale, 0.0], [0.0, 4 * scale]])
    assert found == pytest.approx([2 * 2 / 3, 2 * 1 / 3], rel=1e-3)  # as 1 / norm


def test_nash_solves_its_equation():
    draw = np.random.default_rng(0)
    gradients = draw.normal(size=(3, 8))
    gram = gradients @ gradients.T
    found = np.array(weights(made("nash_mtl", 3), [1.0, 2.0, 3.0], gram.tolist()))
    products = found * (gram @ found)  # the same for all, whatever the scale
    assert products == pytest.approx([products.mean()] * 3, rel=1e-3)


@pytest.mark.parametrize("gram", [[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]], [[1.0, -1.0], [-1.0, 1.0]]])
def test_nash_bears_gradients_that_are_alike_opposite_or_nothing(gram):
    assert weights(made("nash_mtl"), [1.0, 1.0], gram) == pytest.approx([1, 1], rel=1e-3)


def test_pareto_mixes_the_preference_with_the_worst_output():
    balancer = made("pareto_mtl", 3, preference_vector=[2, 1, 1], tchebycheff_weight=0.25)
    # weighted losses 0.5 * 1, 0.25 * 4, 0.25 * 1: the second is worst
    assert weights(balancer, [1.0, 4.0, 1.0]) == pytest.approx([3 * 0.5 * 0.75, 3 * 0.25, 3 * 0.25 * 0.75])


@pytest.mark.parametrize("method", BALANCERS)
def test_losses_that_are_no_numbers_change_nothing(method):
    balancer = made(method)
    gram = [[1.0, 0.2], [0.2, 2.0]]
    for step in range(3):
        before = weights(balancer, [1.0 / (step + 1), 2.0], gram)
    state = {name: value.clone() for name, value in balancer.state_dict().items()}
    assert weights(balancer, [math.nan, 1.0], gram) == before
    assert weights(balancer, [1.0, math.inf], gram) == before
    assert all(torch.equal(value, state[name]) for name, value in balancer.state_dict().items())


@pytest.mark.parametrize("method", BALANCERS)
def test_a_resumed_balancer_goes_on_equally(method):
    one, two = made(method), made(method)
    gram = [[1.0, 0.2], [0.2, 2.0]]
    for step in range(3):
        weights(one, [1.0 / (step + 1), 2.0], gram)
    two.load_state_dict(one.state_dict())
    assert weights(two, [0.3, 1.7], gram) == weights(one, [0.3, 1.7], gram)


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=300)
    return pd.DataFrame({"x": x, "y": np.where(x > 0, "p", "q"), "z": 2 * x + 1})


def model(**trainer: object) -> LudwigModel:
    outputs = [{"name": "y", "type": "category"}, {"name": "z", "type": "number"}]
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}],
            "output_features": outputs,
            "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8},
            "trainer": {"epochs": 6, "batch_size": 32, "learning_rate": 0.02, **trainer},
        }
    )


@pytest.mark.parametrize("method", BALANCERS)
def test_a_model_is_trained_on_all_of_its_outputs(method):
    stats = model(loss_balancing=method).train(table(), output_directory=None).train_stats
    assert stats.validation["y"]["accuracy"][-1] > 0.9
    assert stats.validation["z"]["r2"][-1] > 0.8


def test_the_loss_that_is_reported_is_not_weighed():
    stats = model(loss_balancing="famo").train(table(), output_directory=None).train_stats.training
    reported = np.array(stats["y"]["loss"]) + np.array(stats["z"]["loss"])
    assert stats["combined"]["loss"] == pytest.approx(reported.tolist())


@pytest.mark.parametrize("vector", [[1.0], [1.0, 2.0, 3.0], [0.0, 0.0]])
def test_a_preference_is_one_number_an_output(vector):
    with pytest.raises(ConfigValidationError, match=r"trainer\.loss_balancing_preference_vector: "):
        model(loss_balancing="pareto_mtl", loss_balancing_preference_vector=vector)
