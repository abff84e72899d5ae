import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score

from ludwig.metrics.base import METRICS, Setting
from ludwig.nn.prediction import Prediction

CLASSES = 4
DRAW = np.random.default_rng(0)
TRUE = DRAW.integers(-1, CLASSES - 1, (6, 5, 7))  # the last class does not occur
FOUND = np.where(DRAW.random(TRUE.shape) < 0.6, TRUE.clip(0), DRAW.integers(0, CLASSES - 1, TRUE.shape))
KNOWN = TRUE >= 0


def computed(name: str, weights: torch.Tensor | None = None) -> float:
    metric = METRICS.get(name, "image")(Setting(classes=CLASSES))
    for rows in (slice(0, 4), slice(4, 6)):
        found = Prediction(None, torch.zeros(0), torch.from_numpy(FOUND[rows]).to(torch.int16))
        metric.update(found, torch.from_numpy(TRUE[rows]).to(torch.int8), None if weights is None else weights[rows])
    return metric.compute()


def test_pixel_accuracy_is_that_of_the_known_pixels():
    assert computed("pixel_accuracy") == pytest.approx(accuracy_score(TRUE[KNOWN], FOUND[KNOWN]))


@pytest.mark.parametrize("name", ["mean_iou", "jaccard"])
def test_mean_iou_is_the_macro_average_of_the_classes_that_occur(name):
    expected = jaccard_score(TRUE[KNOWN], FOUND[KNOWN], average="macro")
    assert computed(name) == pytest.approx(expected)


def test_pixels_count_by_the_weight_of_their_row():
    weights = torch.tensor([0.0, 1.0, 2.0, 1.0, 0.5, 3.0])
    pixels = weights.numpy()[:, None, None].repeat(5, 1).repeat(7, 2)[KNOWN]
    expected = jaccard_score(TRUE[KNOWN], FOUND[KNOWN], average="macro", sample_weight=pixels)
    assert computed("mean_iou", weights) == pytest.approx(expected)
    assert computed("pixel_accuracy", weights) == pytest.approx(
        accuracy_score(TRUE[KNOWN], FOUND[KNOWN], sample_weight=pixels)
    )


def test_without_a_known_pixel_there_is_no_metric():
    for name in ("mean_iou", "pixel_accuracy"):
        metric = METRICS.get(name, "image")(Setting(classes=2))
        assert metric.compute() is None
        metric.update(Prediction(None, torch.zeros(0), torch.zeros(1, 2, 2)), torch.full((1, 2, 2), -1))
        assert metric.compute() is None
