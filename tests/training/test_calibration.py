import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from ludwig.api import LudwigModel


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    signal = draw.normal(size=300)
    noisy = signal + 2 * draw.normal(size=300)
    return pd.DataFrame({"x": signal, "u": draw.normal(size=300), "y": np.where(noisy > 0, "a", "b")})


def config(calibration: bool) -> dict:
    inputs = [{"name": name, "type": "number", "encoder": {"type": "ple", "output_size": 16}} for name in ("x", "u")]
    output = {"name": "y", "type": "category", "calibration": calibration}
    return {
        "input_features": inputs,
        "output_features": [output],
        "trainer": {"epochs": 15, "early_stop": -1, "learning_rate": 0.01},
    }


def test_the_temperature_is_the_one_with_the_least_loss_on_validation(table):
    plain, warm = LudwigModel(config(False)), LudwigModel(config(True))
    validation = plain.train(dataset=table, output_directory=None).preprocessed_data.validation_set
    warm.train(dataset=table, output_directory=None)
    temperature = warm.model.outputs["y"].temperature.item()

    _, predicted, _ = plain.evaluate(validation, collect_predictions=True, return_type=dict)
    logits = np.log(predicted["y"]["probabilities"])
    target = validation.frame.column("y").numpy()

    def loss(t: float) -> float:
        scaled = np.exp(logits / t)
        return log_loss(target, scaled / scaled.sum(1, keepdims=True))

    best = minimize_scalar(loss, bounds=(0.05, 50), method="bounded").x
    assert temperature == pytest.approx(best, rel=0.02)


def test_the_temperature_is_saved_with_the_model(table, tmp_path):
    model = LudwigModel(config(True))
    model.train(dataset=table, output_directory=None)
    model.save(str(tmp_path))
    again = LudwigModel.load(str(tmp_path))
    assert again.model.outputs["y"].temperature == model.model.outputs["y"].temperature
    pd.testing.assert_frame_equal(again.predict(table)[0], model.predict(table)[0])
