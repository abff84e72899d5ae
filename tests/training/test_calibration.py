import json
import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize, minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor

from ludwig.api import LudwigModel
from ludwig.columns.dense import Dense
from ludwig.columns.frame import Frame
from ludwig.error import ConfigValidationError
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape
from ludwig.outputs import OUTPUTS, Output
from ludwig.schema import load
from ludwig.training.calibration import calibrate

CPU = torch.device("cpu")
METHODS = [("binary", "temperature"), ("binary", "vector")]
METHODS += [("category", method) for method in ("temperature", "vector", "matrix")]


# -- a model whose logits are given


@dataclass
class Given:
    """A model of one output, which reads its logits from the frame."""

    output: Output

    @property
    def outputs(self) -> dict[str, Output]:
        return {"y": self.output}

    def eval(self) -> None:
        self.output.eval()

    def predict(self, batch: Frame) -> dict[str, Prediction]:
        logits = batch.column("logits")
        return {"y": self.output.complete(Prediction(logits, logits))}

    def target(self, name: str, batch: Frame) -> Tensor:
        return self.output.target(batch.column(name))


def output_of(kind: str, classes: int = 2, members: int = 0, **options: Any) -> Output:
    config = load(OUTPUTS.get(kind, "ecd").Config, {"name": "y", **options})
    feature = config.feature(config.preprocessing, "y", target=True)
    column = pd.Series(["no", "yes"] * 3 if kind == "binary" else [str(place) for place in range(classes)] * 2)
    shape = Shape("members", 4, members) if members else Shape("vector", 4)
    return config.build(shape, {}, feature.finish(feature.tally(feature.parse(column))))


def taught(output: Output, logits: Tensor, target: Tensor, batch_size: int = 100) -> dict[str, Any]:
    """Calibrates and returns the report."""
    frame = Frame.of({"logits": Dense(logits), "y": Dense(target)})
    found = calibrate(Given(output), frame, batch_size, CPU)["y"]
    assert json.loads(json.dumps(found)) == found
    return found


def numbers(output: Output, *names: str) -> list[Any]:
    return [output.get_buffer(name).numpy() for name in names]


def probabilities(output: Output, logits: Tensor) -> np.ndarray:
    return output.complete(Prediction(logits.double(), logits)).probabilities.numpy()


def error_by_hand(shares: np.ndarray, target: np.ndarray) -> float:
    """Guo et al. 2017, eq. 3; of yes or no, the probability of yes is evaluated."""
    confidence, hits = (shares, target > 0) if shares.ndim == 1 else (shares.max(1), shares.argmax(1) == target)
    places = np.ceil(confidence * 15).clip(1, 15)
    return sum(abs((hits - confidence)[places == place].sum()) for place in range(1, 16)) / len(target)


@pytest.fixture(scope="module")
def sure() -> dict[str, tuple[Tensor, Tensor]]:
    """Logits that are three times as large as they should be, with what is true."""
    torch.manual_seed(0)
    yes, several = torch.randn(1200) + 0.3, 1.5 * torch.randn(1200, 4)
    truth = torch.rand(1200) < yes.sigmoid()
    classes = torch.multinomial(several.softmax(1), 1).squeeze(1)
    return {"binary": (3 * yes, truth.to(torch.uint8)), "category": (3 * several, classes.to(torch.int8))}


# -- what is fitted


@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_a_classifier_that_is_too_sure_is_mended(sure, kind, method):
    logits, target = sure[kind]
    output, plain = (output_of(kind, 4, calibration=option) for option in (method, False))
    found = taught(output, logits, target)
    before, after = (probabilities(one, logits) for one in (plain, output))
    errors, losses = found["expected_calibration_error"], found["negative_log_likelihood"]
    assert (found["method"], found["kept"], found["reason"], found["rows"]) == (method, True, None, 1200)
    assert errors["before"] == pytest.approx(error_by_hand(before, target.numpy()), rel=1e-4)
    assert errors["after"] == pytest.approx(error_by_hand(after, target.numpy()), rel=1e-4)
    assert losses["before"] == pytest.approx(log_loss(target, before), rel=1e-4)
    assert losses["after"] == pytest.approx(log_loss(target, after), rel=1e-4)
    assert errors["before"] > 0.1
    assert errors["after"] < errors["before"] / 2
    assert losses["after"] < losses["before"] - 0.1


@pytest.mark.parametrize("kind", ["binary", "category"])
def test_the_temperature_is_the_one_with_the_least_loss(sure, kind):
    logits, target = sure[kind]
    output = output_of(kind, 4, calibration="temperature")
    taught(output, logits, target)
    both = logits if kind == "category" else torch.stack([torch.zeros_like(logits), logits], 1)

    def loss(t: float) -> float:
        return torch.nn.functional.cross_entropy(both.double() / t, target.long()).item()

    best = minimize_scalar(loss, bounds=(0.05, 50), method="bounded", options={"xatol": 1e-8}).x
    assert numbers(output, "temperature") == [pytest.approx(best, rel=1e-4)]


def test_yes_or_no_has_the_slope_and_the_bias_of_a_logistic_regression(sure):
    logits, target = sure["binary"]
    output = output_of("binary", calibration="vector")
    taught(output, logits, target)
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(logits.double().numpy()[:, None], target.numpy())
    factor, bias = numbers(output, "calibration_factor", "calibration_bias")
    assert factor == pytest.approx(expected.coef_.item(), rel=1e-3)
    assert bias == pytest.approx(expected.intercept_.item(), abs=1e-3)


def test_vector_scaling_is_the_optimum_of_scipy(sure):
    logits, target = (values.double() for values in sure["category"])
    output = output_of("category", 4, calibration="vector")
    found = taught(output, logits.float(), target.to(torch.int8))
    ids, rows = target.long().numpy(), np.arange(1200)

    def loss(free: np.ndarray) -> float:
        scaled = logits.numpy() * free[:4] + free[4:]
        top = scaled.max(1, keepdims=True)
        return float((np.log(np.exp(scaled - top).sum(1)) + top[:, 0] - scaled[rows, ids]).mean())

    best = minimize(loss, np.r_[np.ones(4), np.zeros(4)], method="BFGS")
    factor, bias = numbers(output, "calibration_factor", "calibration_bias")
    np.testing.assert_allclose(factor, best.x[:4], rtol=5e-3)
    np.testing.assert_allclose(bias - bias.mean(), best.x[4:] - best.x[4:].mean(), atol=5e-3)
    assert found["negative_log_likelihood"]["after"] == pytest.approx(best.fun, rel=1e-5)


def test_a_matrix_finds_classes_that_were_swapped():
    torch.manual_seed(0)
    logits = 2 * torch.randn(3000, 3)
    target = torch.multinomial(logits[:, [1, 0, 2]].softmax(1), 1).squeeze(1).to(torch.int8)
    after = {}
    for method in ("vector", "matrix"):
        output = output_of("category", 3, calibration=method)
        after[method] = taught(output, logits, target)["negative_log_likelihood"]["after"]
    ideal = torch.nn.functional.cross_entropy(logits[:, [1, 0, 2]], target.long()).item()
    assert after["matrix"] == pytest.approx(ideal, abs=0.01)
    assert after["vector"] > ideal + 0.1
    (matrix,) = numbers(output, "calibration_matrix")
    centred = matrix - matrix.mean(0)  # what all classes share changes no probability
    expected = np.eye(3)[[1, 0, 2]] - 1 / 3
    np.testing.assert_allclose(centred, expected, atol=0.15)


def test_a_matrix_of_few_rows_is_held_back():
    torch.manual_seed(0)
    logits = torch.randn(4030, 10)
    target = torch.multinomial(logits.softmax(1), 1).squeeze(1).to(torch.int8)
    held_out = logits[30:], target[30:].long()
    output = output_of("category", 10, calibration="matrix")
    taught(output, logits[:30], target[:30])
    after = log_loss(held_out[1], probabilities(output, held_out[0]), labels=range(10))
    free = LogisticRegression(C=np.inf, max_iter=300).fit(logits[:30].numpy(), target[:30].numpy())
    shares = np.full((4000, 10), 1e-9)
    shares[:, free.classes_] = free.predict_proba(held_out[0].numpy())
    without_penalty = log_loss(held_out[1], shares / shares.sum(1, keepdims=True), labels=range(10))
    assert after < torch.nn.functional.cross_entropy(*held_out).item() + 0.3 < without_penalty


def test_a_temperature_leaves_the_best_class_as_it_is(sure):
    logits, target = sure["category"]
    output = output_of("category", 4, calibration=True)
    taught(output, logits, target)
    assert output.complete(Prediction(logits, logits)).predictions.tolist() == logits.argmax(1).tolist()
    assert output.temperature > 2


@pytest.mark.parametrize("loss", ["corn", "sparsemax", "entmax15", "poly", "focal"])
def test_it_is_the_probabilities_of_the_loss_that_are_mended(sure, loss):
    logits, target = sure["category"]
    output, plain = (output_of("category", 4, loss={"type": loss}, calibration=option) for option in (True, False))
    found = taught(output, logits, target)["negative_log_likelihood"]
    shares = torch.from_numpy(probabilities(plain, logits.double())).gather(1, target.long()[:, None])
    assert found["before"] == pytest.approx(-shares.clamp_min(2**-52).log().mean().item(), rel=1e-4)
    assert found["after"] < found["before"]


def test_weights_of_classes_do_not_count():
    torch.manual_seed(0)
    logits = torch.randn(500, 3)
    target = torch.multinomial((logits / 2).softmax(1), 1).squeeze(1).to(torch.int8)
    outputs = [output_of("category", 3, calibration="vector", loss={"class_weights": w}) for w in (None, [9.0, 1, 1])]
    for output in outputs:
        taught(output, logits, target)
    assert numbers(outputs[0], "calibration_bias")[0] == pytest.approx(numbers(outputs[1], "calibration_bias")[0])


@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_of_members_the_mean_of_their_probabilities_is_mended(sure, kind, method):
    logits, target = sure[kind]
    torch.manual_seed(1)
    members = logits.unsqueeze(1) + torch.randn(1200, 3, *logits.shape[1:])
    output, plain = (output_of(kind, 4, members=3, calibration=option) for option in (method, False))
    found = taught(output, members, target)["negative_log_likelihood"]
    assert found["before"] == pytest.approx(log_loss(target, probabilities(plain, members)), rel=1e-4)
    assert found["after"] == pytest.approx(log_loss(target, probabilities(output, members)), rel=1e-4)
    assert found["after"] < found["before"] - 0.1
    if method == "temperature":
        share = torch.sigmoid if kind == "binary" else lambda values: values.softmax(-1)

        def loss(t: float) -> float:
            return log_loss(target, share(members.double() / t).mean(1).numpy())

        best = minimize_scalar(loss, bounds=(0.5, 20), method="bounded", options={"xatol": 1e-8}).x
        assert numbers(output, "temperature") == [pytest.approx(best, rel=1e-3)]


@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_batches_and_earlier_calibrations_do_not_matter(sure, kind, method):
    logits, target = sure[kind]
    one, two = (output_of(kind, 4, calibration=method) for _ in range(2))
    first = taught(one, logits, target, batch_size=7)
    taught(two, logits[:50] * 9, target[:50])
    assert taught(two, logits, target, batch_size=5000) == first
    for name in one.scaling.names:
        assert torch.equal(one.get_buffer(name), two.get_buffer(name))


# -- rows that teach little


@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_rows_without_target_or_with_broken_logits_are_left_out(sure, kind, method):
    logits, target = (values.clone() for values in sure[kind])
    target = target.float() if kind == "binary" else target
    target[5::10] = math.nan if kind == "binary" else -1
    logits[1::10] = math.nan
    logits[2::10] = math.inf
    known = (target >= 0) & logits.view(1200, -1).isfinite().all(1)
    one, two = (output_of(kind, 4, calibration=method) for _ in range(2))
    found = taught(one, logits, target)
    assert found["rows"] == 840
    assert found == taught(two, logits[known], target[known])
    for name in one.scaling.names:
        assert torch.equal(one.get_buffer(name), two.get_buffer(name))


@pytest.mark.parametrize(("kind", "method"), METHODS)
@pytest.mark.parametrize(
    ("rows", "text"),
    [(slice(0, 0), "0 rows with a known target"), (slice(0, 2), "2 rows with"), (None, "the same target")],
)
def test_a_useless_split_is_reported_and_changes_nothing(sure, caplog, kind, method, rows, text):
    logits, target = sure[kind]
    chosen = target == 1 if rows is None else rows
    output, plain = (output_of(kind, 4, calibration=option) for option in (method, False))
    taught(output, logits, target)
    with caplog.at_level(logging.WARNING):
        found = taught(output, logits[chosen], target[chosen])
    assert "'y' is not calibrated" in caplog.text
    assert text in caplog.text
    assert text in found["reason"]
    assert not found["kept"]
    assert found["expected_calibration_error"]["after"] == found["expected_calibration_error"]["before"]
    np.testing.assert_array_equal(probabilities(output, logits), probabilities(plain, logits))


def test_a_calibration_that_makes_things_worse_is_not_kept(sure, caplog, monkeypatch):
    logits, target = sure["category"]
    output = output_of("category", 4, calibration=True)
    monkeypatch.setattr("ludwig.training.calibration._learned", lambda *_: {"temperature": torch.tensor(0.01)})
    with caplog.at_level(logging.WARNING):
        found = taught(output, logits, target)
    assert "'y' is not calibrated. The negative log-likelihood would get worse." in caplog.text
    assert not found["kept"]
    assert found["negative_log_likelihood"]["after"] == found["negative_log_likelihood"]["before"]
    assert output.temperature == 1


@pytest.mark.parametrize(("kind", "method"), METHODS)
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_rows_without_a_fault_or_with_huge_logits_end_somewhere(kind, method, size):
    torch.manual_seed(0)
    target = torch.arange(60) % (2 if kind == "binary" else 4)
    logits = (2.0 * target - 1) if kind == "binary" else torch.eye(4)[target]
    wrong = logits.clone()
    wrong[0] = -wrong[0]
    for values in (logits, wrong):
        output = output_of(kind, 4, calibration=method)
        found = taught(output, size * values, target.to(torch.int8))
        assert found["negative_log_likelihood"]["after"] <= found["negative_log_likelihood"]["before"] + 1e-6
        assert all(bool(output.get_buffer(name).isfinite().all()) for name in output.scaling.names)
        assert all(np.abs(value).max() < 1e5 for value in numbers(output, *output.scaling.names))


def test_without_calibration_nothing_is_predicted():
    assert calibrate(Given(output_of("binary")), Frame.of({}), 10, CPU) == {}


# -- through a training


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    signal = draw.normal(size=300)
    noisy = signal + 2 * draw.normal(size=300)
    return pd.DataFrame({"x": signal, "u": draw.normal(size=300), "y": np.where(noisy > 0, "a", "b")})


def config(calibration: bool | str, kind: str = "category", **trainer: Any) -> dict[str, Any]:
    inputs = [{"name": name, "type": "number", "encoder": {"type": "ple", "output_size": 16}} for name in ("x", "u")]
    output = {"name": "y", "type": kind, "calibration": calibration}
    return {
        "input_features": inputs,
        "output_features": [output],
        "trainer": {"epochs": 15, "early_stop": -1, "learning_rate": 0.01, **trainer},
    }


def test_the_temperature_is_the_one_with_the_least_loss_on_validation(table):
    one_network = {"combiner": "concat"}  # with members the temperature is that of each, before their mean
    plain, warm = (LudwigModel({**config(calibration), **one_network}) for calibration in (False, True))
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


@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_calibration_is_saved_with_the_model(table, tmp_path, kind, method):
    model = LudwigModel(config(method, kind, epochs=3))
    model.train(dataset=table, output_directory=None)
    model.save(str(tmp_path))
    again = LudwigModel.load(str(tmp_path))
    assert again.config["output_features"][0]["calibration"] == method
    (one, two) = (each.model.outputs["y"] for each in (model, again))
    names = one.scaling.names
    assert any(not torch.equal(one.get_buffer(name), one.scaling.identity()[name]) for name in names)
    assert all(torch.equal(one.get_buffer(name), two.get_buffer(name)) for name in names)
    pd.testing.assert_frame_equal(again.predict(table)[0], model.predict(table)[0])


def test_the_calibration_error_can_select_the_best_model(table):
    options = {"validation_field": "y", "validation_metric": "expected_calibration_error", "epochs": 3}
    model = LudwigModel(config(False, **options))
    found = model.train(dataset=table, output_directory=None).train_stats["validation"]["y"]
    assert len(found["expected_calibration_error"]) == 3
    assert all(0 <= value <= 1 for value in found["expected_calibration_error"])


@pytest.mark.parametrize(("kind", "option"), [("binary", "matrix"), ("category", "plat"), ("binary", 1)])
def test_a_method_that_the_output_does_not_have_is_a_fault_of_the_config(kind, option):
    with pytest.raises(ConfigValidationError, match=r"output_features\[0\].*calibration"):
        LudwigModel(config(option, kind))


def test_the_files_of_a_run_report_the_calibration(tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=400)
    data = pd.DataFrame({"x": x, "y": np.where(x + draw.normal(size=400) > 0, "p", "q")})
    outputs = [{"name": "y", "type": "binary", "calibration": True}]
    config = {"input_features": [{"name": "x", "type": "number"}], "output_features": outputs}
    LudwigModel({**config, "trainer": {"epochs": 2}}).train(data, output_directory=str(tmp_path), skip_save_log=True)
    run = tmp_path / "api_experiment_run"
    for file in ("training_statistics.json", "training_report.json"):
        found = json.loads((run / file).read_text())["calibration"]["y"]
        assert (found["method"], found["rows"]) == ("temperature", 40)
        assert set(found["expected_calibration_error"]) == {"before", "after"}
    assert "expected calibration error before" in (run / "model_card.md").read_text()


@pytest.mark.parametrize("kind", ["binary", "category"])
def test_the_reported_loss_is_that_of_the_reported_probabilities(kind):
    draw = np.random.default_rng(0)
    x = draw.normal(size=400)
    table = pd.DataFrame({"x": x, "y": np.where(x + draw.normal(size=400) > 0, "yes", "no")})
    outputs = [{"name": "y", "type": kind, "calibration": True}]
    config = {"input_features": [{"name": "x", "type": "number"}], "output_features": outputs}
    model = LudwigModel({**config, "trainer": {"epochs": 4, "learning_rate": 0.05}})
    model.train(table, output_directory=None)
    shares = model.predict(table)[0][["y_probabilities_no", "y_probabilities_yes"]]
    found = model.evaluate(table)[0]["y"]["loss"]
    assert found == pytest.approx(log_loss(table["y"], shares, labels=["no", "yes"]), rel=1e-4)
    assert abs(float(next(iter(model.model.outputs.values())).calibrated(torch.ones(1, 2))[0, 0]) - 1) > 1e-3
