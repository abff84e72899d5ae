"""The decision threshold of a binary output is that with the best metric on the validation split."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError
from ludwig.training.thresholds import SCORES, best_threshold

BY_SKLEARN = {
    "f1": metrics.f1_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "accuracy": metrics.accuracy_score,
    "matthews_corrcoef": metrics.matthews_corrcoef,
}


@pytest.mark.parametrize("metric", SCORES)
@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_is_better_by_scikit_learn(metric, seed):
    draw = np.random.default_rng(seed)
    truth = draw.random(80) < 0.3
    probabilities = np.round(np.clip(0.35 * truth + 0.5 * draw.random(80), 0, 1), 2)  # some are equal
    found = best_threshold(probabilities, truth, metric)
    score = BY_SKLEARN[metric]
    assert found["score"] == pytest.approx(score(truth, probabilities >= found["threshold"]))
    assert found["before"] == pytest.approx(score(truth, probabilities >= 0.5))
    others = [score(truth, probabilities >= at) for at in np.linspace(0.001, 0.999, 400)]
    assert found["score"] >= max(others) - 1e-9


def test_of_equally_good_thresholds_that_nearest_to_a_half_is_taken():
    truth = np.array([False, False, True, True])
    assert best_threshold(np.array([0.1, 0.2, 0.8, 0.9]), truth, "accuracy")["threshold"] == pytest.approx(0.5)
    assert best_threshold(np.full(4, 0.7), truth, "f1")["threshold"] == pytest.approx(0.35)  # all are true


def table(rows: int = 900) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "y": x + draw.normal(size=rows) > 1.8})  # one row in ten is true


def config(**options: object) -> dict:
    return {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "y", "type": "binary", **options}],
        "trainer": {"epochs": 10},
    }


@pytest.mark.parametrize("calibration", [False, True])
def test_it_is_chosen_saved_reported_and_used(tmp_path, calibration):
    model = LudwigModel(config(threshold="auto", calibration=calibration))
    results = model.train(table(), output_directory=str(tmp_path))
    report = json.loads((Path(results.output_directory) / "training_report.json").read_text())["thresholds"]["y"]
    validation = results.preprocessed_data.validation_set
    _, predicted, _ = model.evaluate(validation, collect_predictions=True, return_type=dict)
    truth = validation.frame.column("y").numpy() > 0
    probability = predicted["y"]["probabilities"]
    probability = probability[:, 1] if probability.ndim == 2 else probability
    assert report["metric"] == "f1"
    assert 0 < report["threshold"] < 0.5
    assert report["score"] > report["before"]
    assert report["score"] == pytest.approx(metrics.f1_score(truth, probability >= report["threshold"]))
    loaded = LudwigModel.load(str(Path(results.output_directory) / "model"))
    data = table()
    found, expected = loaded.predict(data)[0], model.predict(data)[0]
    pd.testing.assert_frame_equal(found, expected)
    of_true = found["y_probabilities_True"]
    assert found["y_predictions"].tolist() == (of_true >= np.float32(report["threshold"])).tolist()
    statistics = loaded.evaluate(data)[0]["y"]
    assert statistics["recall"] == pytest.approx(metrics.recall_score(data.y, found["y_predictions"].astype(bool)))


def test_a_split_of_one_class_leaves_it_at_a_half(caplog):
    data = table()
    data["split"] = np.where(data.y, 0, np.arange(len(data)) % 3)
    model = LudwigModel(config(threshold="auto"), logging_level=logging.WARNING)
    model.train(data, output_directory=None)
    assert float(model.model.outputs["y"].threshold) == 0.5
    assert "stays 0.5. All rows of the split have the same target" in caplog.text


def test_a_metric_without_an_automatic_threshold_is_a_fault():
    with pytest.raises(ConfigValidationError, match=r"threshold_metric: Has no effect: the threshold is 0.4"):
        LudwigModel(config(threshold=0.4, threshold_metric="accuracy"))
