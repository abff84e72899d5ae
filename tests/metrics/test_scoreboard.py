import math

import pytest
import torch

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.metrics.scoreboard import Scoreboard
from ludwig.nn.prediction import Prediction

NAMES = ("mean_squared_error", "mean_absolute_error", "r2")


@pytest.fixture
def board():
    return lambda: Scoreboard({name: METRICS.get(name, "number")(Setting()) for name in NAMES})


def predicted(numbers: torch.Tensor) -> Prediction:
    return Prediction(numbers, numbers, predictions=numbers)


def test_all_metrics_see_all_batches(board):
    scores = board()
    scores.update(predicted(torch.tensor([1.0, 2.0])), torch.tensor([0.0, 2.0]))
    scores.update(predicted(torch.tensor([5.0])), torch.tensor([4.0]))
    expected = {"mean_squared_error": 2 / 3, "mean_absolute_error": 2 / 3, "r2": 1 - 2 / 8}
    assert scores.compute() == pytest.approx(expected)


def test_boards_merge(board):
    first, second, whole = board(), board(), board()
    target, answers = torch.randn(20), torch.randn(20)
    first.update(predicted(answers[:9]), target[:9])
    second.update(predicted(answers[9:]), target[9:])
    whole.update(predicted(answers), target)
    first.merge(second)
    assert first.compute() == pytest.approx(whole.compute())


def test_what_cannot_be_computed_is_left_out(board):
    scores = board()
    assert scores.compute() == {}
    scores.update(predicted(torch.ones(1)), torch.zeros(1))
    assert scores.compute() == {"mean_squared_error": 1.0, "mean_absolute_error": 1.0}


def test_what_is_no_number_stays(board):
    scores = board()
    scores.update(predicted(torch.tensor([1.0, math.nan])), torch.tensor([0.0, 1.0]))
    assert all(math.isnan(value) for value in scores.compute().values())
    assert set(scores.compute()) == set(NAMES)
