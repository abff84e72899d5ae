"""Distributions over classes as targets."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics
from torch.nn.functional import cross_entropy

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError, InputDataError, LudwigWarning
from ludwig.losses import LOSSES
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape

COLUMN = [[0.5, 0.25, 0.25], "1 0 0", [1, 1, 2], [0.0, 0.1, 0.9]]
SHARES = np.array([[0.5, 0.25, 0.25], [1, 0, 0], [0.25, 0.25, 0.5], [0.0, 0.1, 0.9]])
VOCAB = {"vocab": ["a", "b", "c"]}


def test_cells_are_distributions_and_the_loss_is_the_cross_entropy_with_them(built):
    output, target = built("category_distribution", COLUMN, Shape("vector", 4), preprocessing=VOCAB)
    np.testing.assert_allclose(target, SHARES, rtol=1e-6)
    logits = torch.randn(4, 3)
    expected = cross_entropy(logits, torch.tensor(SHARES, dtype=torch.float32))
    torch.testing.assert_close(output.loss_of(Prediction(logits, logits), target), expected)
    scores = output.scoreboard()
    complete = output.complete(Prediction(logits, logits))
    scores.update(complete, target)
    truth = SHARES.argmax(1)
    assert scores.compute()["accuracy"] == pytest.approx(metrics.accuracy_score(truth, complete.predictions))


@pytest.mark.parametrize("name", ["focal", "poly", "sparsemax", "entmax15", "corn"])
def test_other_losses_are_the_expected_loss_of_a_class(name):
    loss = LOSSES.get(name, "category_distribution").Config().build(("a", "b", "c"))
    logits, shares = torch.randn(4, 3), torch.tensor(SHARES, dtype=torch.float32)
    of_class = torch.stack([loss.rows(logits, torch.full((4,), place), logits) for place in range(3)], 1)
    weights = [loss.row_weights(torch.full((4,), place)) for place in range(3)]
    weights = torch.stack([torch.ones(4) if each is None else each for each in weights], 1) * shares
    torch.testing.assert_close(loss.rows(logits, shares, logits), (of_class * weights).sum(1) / weights.sum(1))
    torch.testing.assert_close(loss.row_weights(shares), weights.sum(1))


def test_what_is_no_distribution_is_not_read(built):
    for odd in ("0 0 0", "-1 1 1", "0.5 0.5", "a b c"):
        with pytest.raises(InputDataError, match="feature 'y' has 2 cells of 3"):
            built("category_distribution", [odd, "1 0 0", odd], Shape("vector", 4), preprocessing=VOCAB)
    with pytest.warns(LudwigWarning, match="one cell of 2"):
        built("category_distribution", ["0 0 0", "1 0 0"], Shape("vector", 4), preprocessing=VOCAB)


def test_the_vocabulary_must_be_given():
    config = {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "votes", "type": "category_distribution"}],
    }
    with pytest.raises(ConfigValidationError, match=r"preprocessing\.vocab"):
        LudwigModel(config)


def votes(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.uniform(-2, 2, rows)
    weights = np.exp(np.stack([x, 0 * x, -x], 1))
    return pd.DataFrame({"x": x, "votes": (weights / weights.sum(1, keepdims=True)).tolist()})


def test_distributions_are_trained_and_a_reload_predicts_the_same(tmp_path):
    model = LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}],
            "output_features": [{"name": "votes", "type": "category_distribution", "preprocessing": VOCAB}],
            "trainer": {"train_steps": 150, "learning_rate": 0.01},
        }
    )
    results = model.train(votes(600, 0), output_directory=str(tmp_path))
    new = votes(200, 1)
    stats, predictions, _ = model.evaluate(new, collect_predictions=True, collect_overall_stats=True)
    assert stats["votes"]["accuracy"] > 0.9
    assert len(stats["votes"]["confusion_matrix"]) == 3
    truth, found = np.array([*new.votes]), np.array([*predictions.votes_probabilities])
    assert np.abs(found - truth).mean() < 0.05 < np.abs(truth - truth.mean(0)).mean() / 3
    assert predictions.votes_probability.tolist() == pytest.approx(found.max(1).tolist())
    np.testing.assert_allclose(predictions.votes_probabilities_b, found[:, 1], rtol=1e-6)
    again = LudwigModel.load(f"{results.output_directory}/model").predict(new[["x"]])[0]
    pd.testing.assert_frame_equal(again, model.predict(new[["x"]])[0])
