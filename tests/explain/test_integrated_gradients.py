"""Attributions against formulas, and that they add up to predictions, for all types of inputs."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.error import ArgumentError, InputDataError, LudwigWarning, NotTrainedError
from ludwig.explain import ExplanationsResult, predict_function
from ludwig.explain.captum import IntegratedGradientsExplainer
from tests.explain.conftest import EFFECTS, table

SPREAD = 0.02  # of the predictions: how far sums may be from them where a network has kinks


def explained(model: LudwigModel, rows: pd.DataFrame, sample: pd.DataFrame, target: str) -> ExplanationsResult:
    return IntegratedGradientsExplainer(model, rows, sample, target).explain()


def arrays(result: ExplanationsResult) -> np.ndarray:
    """[rows, labels, inputs]"""
    return np.stack([row.to_array() for row in result.row_explanations])


def sums(result: ExplanationsResult) -> np.ndarray:
    """What attributions and expected values add up to: [rows, labels]."""
    return np.stack([row.expected_values + row.to_array().sum(1) for row in result.row_explanations])


def slopes(model: LudwigModel) -> list[float]:
    """The weight of each number, from predictions of two rows that differ by 1."""
    predict, row = predict_function(model, "y"), table(1).assign(x1=0.0, x2=2.0)
    return [float((predict(row.assign(**{name: row[name] + 1})) - predict(row))[0]) for name in ("x1", "x2")]


# -- formulas


def test_of_a_linear_model_they_are_weights_by_differences(line):
    rows, sample = table(100, 1), table(200, 2)
    found = arrays(explained(line, rows, sample, "y"))[:, 0]
    for place, (name, weight) in enumerate(zip(("x1", "x2"), slopes(line), strict=True)):
        np.testing.assert_allclose(found[:, place], weight * (rows[name] - sample[name].mean()), atol=1e-4)


def test_they_are_those_of_the_process_that_made_the_data(line):
    rows, sample = table(100, 1), table(200, 2)
    result = explained(line, rows, sample, "y")
    found, effects = arrays(result)[:, 0], rows["c"].map(EFFECTS) - sample["c"].map(EFFECTS).mean()
    np.testing.assert_allclose(found[:, 0], 3 * (rows["x1"] - sample["x1"].mean()), atol=0.15)
    np.testing.assert_allclose(found[:, 1], 0, atol=0.1)
    np.testing.assert_allclose(found[:, 2], effects, atol=0.15)
    assert [*result.importances().index] == ["x1", "c", "x2"]
    np.testing.assert_allclose(result.importances()["x1"], np.abs(found[:, 0]).mean(), rtol=1e-5)
    np.testing.assert_allclose(
        result.expected_values, 3 * sample["x1"].mean() + sample["c"].map(EFFECTS).mean(), atol=0.1
    )


def test_of_logistic_regression_they_divide_the_difference_as_the_logits(logistic):
    """Along the line all logits grow together, so each input has the share of the probability that it has of them."""
    rows, sample = table(40, 1), table(200, 2)
    result = explained(logistic, rows, sample, "high")
    found = arrays(result)
    base, probabilities = result.expected_values, predict_function(logistic, "high")(rows)
    np.testing.assert_allclose(found.sum(2), probabilities - base, atol=1e-4)
    logits = np.log(probabilities[:, 1] / probabilities[:, 0])
    without = predict_function(logistic, "high")(rows.assign(x1=sample["x1"].mean()))
    parts = logits - np.log(without[:, 1] / without[:, 0])  # what x1 adds to the logit
    whole = logits - np.log(base[1] / base[0])
    np.testing.assert_allclose(found[:, 1, 0], (probabilities[:, 1] - base[1]) * parts / whole, atol=1e-3)


def test_false_is_true_with_the_other_sign(logistic):
    result = explained(logistic, table(10), table(50), "high")
    row = result.row_explanations[0]
    assert row.labels == ("no", "yes")
    assert sum(result.expected_values) == pytest.approx(1)
    np.testing.assert_array_equal(row.to_array()[0], -row.to_array()[1])
    assert row.to_array().dtype == np.float32 and row.to_array().shape == (2, 3)


def test_shuffled_weights_give_other_explanations(line):
    """A sanity check of Adebayo et al. 2018, "Sanity Checks for Saliency Maps", arXiv:1810.03292."""
    other, generator = copy.deepcopy(line), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in other.model.parameters():
            weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=generator)].view_as(weight))
    rows = table(50, 1)
    before, after = (explained(each, rows, rows, "y").importances() for each in (line, other))
    assert before.idxmax() == "x1"
    assert np.abs(before - after[before.index]).max() > 0.5


# -- every type of input, several outputs, ensembles

WORDS = ("red", "green", "blue", "good", "bad")
INPUTS: list[dict[str, Any]] = [
    {"name": "number", "type": "number"},
    {"name": "again", "column": "number", "type": "number", "encoder": {"type": "periodic"}},
    {"name": "binary", "type": "binary"},
    {"name": "category", "type": "category"},
    {"name": "set", "type": "set"},
    {"name": "bag", "column": "set", "type": "bag"},
    {"name": "vector", "type": "vector"},
    {"name": "date", "type": "date"},
    {"name": "text", "type": "text"},
    {"name": "sequence", "type": "sequence"},
    {"name": "series", "type": "timeseries"},
]


def of_all_types(rows: int = 60) -> pd.DataFrame:
    draw = np.random.default_rng(0)

    def texts(most: int) -> list[str]:
        return [" ".join(draw.choice(WORDS, draw.integers(1, most))) for _ in range(rows)]

    found = pd.DataFrame(
        {
            "number": np.where(draw.random(rows) < 0.1, np.nan, draw.normal(size=rows)),
            "binary": draw.choice(["yes", "no"], rows),
            "category": draw.choice(list("abc"), rows),
            "set": texts(4),
            "vector": [" ".join(map(str, row)) for row in draw.normal(size=(rows, 3)).round(3)],
            "date": pd.date_range("2020-01-01", periods=rows).astype(str),
            "text": texts(9),
            "sequence": texts(6),
            "series": [" ".join(map(str, row)) for row in draw.normal(size=(rows, 5)).round(3)],
        }
    )
    good = found["text"].str.count("good") - found["text"].str.count("bad")
    return found.assign(y=good, kind=np.select([good > 0, good < 0], ["up", "down"], "even"))


def trained(inputs: list[dict[str, Any]], **options: Any) -> LudwigModel:
    outputs = [{"name": "y", "type": "number"}, {"name": "kind", "type": "category", "dependencies": ["y"]}]
    trainer = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01}
    model = LudwigModel({"input_features": inputs, "output_features": outputs, "trainer": trainer, **options})
    model.train(of_all_types(), output_directory=None)
    return model


@pytest.fixture(scope="module")
def ensemble() -> LudwigModel:
    return trained(INPUTS, ensemble_size=2)


@pytest.mark.parametrize("target", ["y", "kind"])
def test_they_add_up_to_predictions(ensemble, target):
    rows = of_all_types()[:10]
    result = explained(ensemble, rows, of_all_types(), target)
    predicted = predict_function(ensemble, target)(rows).reshape(10, -1)
    np.testing.assert_allclose(sums(result), predicted, atol=SPREAD * predicted.std())
    whole = result.global_explanation
    assert whole.feature_names == tuple(feature["name"] for feature in INPUTS)
    assert (whole.to_array() > 0).all()


def test_tokens_add_up_to_their_text_where_the_encoder_keeps_them():
    text = {"name": "text", "type": "text", "encoder": {"type": "embed", "embedding_size": 8, "reduce_output": None}}
    model = trained([text, INPUTS[2]], combiner={"type": "sequence_concat"})
    rows = of_all_types()[:8]
    result = explained(model, rows, of_all_types(), "y")
    predicted = predict_function(model, "y")(rows)
    np.testing.assert_allclose(sums(result)[:, 0], predicted, atol=1e-4)
    for row, written in zip(result.row_explanations, rows["text"], strict=True):
        of_text, of_binary = row.label_explanations[0].feature_attributions
        assert of_text.feature_name == "text" and of_binary.token_attributions is None
        assert [word for word, _ in of_text.token_attributions] == written.split()
        assert sum(value for _, value in of_text.token_attributions) == pytest.approx(of_text.attribution, abs=1e-5)
    values: dict[str, list[float]] = {word: [] for word in WORDS}
    for row in result.row_explanations:
        for word, value in row.label_explanations[0].feature_attributions[0].token_attributions:
            values[word].append(value)
    assert np.mean(values["good"]) > np.mean(values["bad"])


# -- rows as they come, and what stays as it was


def test_one_explanation_a_row_whatever_the_index(line):
    rows = table(5, 3).drop(columns=["y", "high"])
    whole = arrays(explained(line, rows, table(), "y"))
    odd = rows.set_axis(list("zyxwv"), axis=0)
    np.testing.assert_array_equal(whole, arrays(explained(line, odd, table(), "y")))
    np.testing.assert_allclose(whole[3:4], arrays(explained(line, rows[3:4], table(), "y")), atol=1e-5)


def test_rows_that_cannot_be_used_have_no_numbers():
    strategy = {"preprocessing": {"missing_value_strategy": "drop_row"}}
    model = LudwigModel(
        {
            "input_features": [{"name": "x1", "type": "number", **strategy}],
            "output_features": [{"name": "y", "type": "number"}],
            "trainer": {"epochs": 1},
        }
    )
    model.train(table(), output_directory=None)
    rows = table(4)
    rows.loc[1, "x1"] = None
    with pytest.warns(LudwigWarning, match="dropped"):
        result = explained(model, rows, table(), "y")
    assert np.isnan(arrays(result)[:, 0, 0]).tolist() == [False, True, False, False]
    assert np.isfinite(result.importances()["x1"])


def test_the_process_and_the_model_stay_as_they_were(line):
    weights = {name: weight.clone() for name, weight in line.collect_weights()}
    rows = table(5)
    with torch.inference_mode():
        before = torch.random.get_rng_state()
        within = arrays(explained(line, rows, table(50), "y"))
        assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(within, arrays(explained(line, rows, table(50), "y")))
    assert all(torch.equal(weight, weights[name]) for name, weight in line.collect_weights())
    assert all(weight.grad is None for weight in line.model.parameters())


# -- bad input


def test_an_output_that_is_not_there(line):
    with pytest.raises(ArgumentError, match=r"no output feature 'Y'. Did you mean 'y'\?"):
        IntegratedGradientsExplainer(line, table(), table(), "Y")


def test_an_output_without_a_class_or_a_number():
    config = {
        "input_features": INPUTS[:1],
        "output_features": [{"name": "set", "type": "set"}],
        "trainer": {"epochs": 1},
    }
    model = LudwigModel(config)
    model.train(of_all_types(), output_directory=None)
    for explain in (
        lambda: IntegratedGradientsExplainer(model, None, None, "set"),
        lambda: predict_function(model, "set"),
    ):
        with pytest.raises(ArgumentError, match=r"'set' is of type set. Choose .* binary, category"):
            explain()


def test_tables_that_do_not_do(line):
    with pytest.raises(InputDataError, match="no column 'x1'"):
        explained(line, table().drop(columns="x1"), table(), "y")
    with pytest.raises(InputDataError, match="inputs_df must have rows"):
        explained(line, table()[:0], table(), "y")
    with pytest.raises(InputDataError, match="sample_df must have rows"):
        explained(line, table(), table()[:0], "y")
    with pytest.raises(ArgumentError, match="sample_df must be a table"):
        IntegratedGradientsExplainer(line, table(), None, "y")


def test_models_that_cannot_be_explained(line):
    with pytest.raises(NotTrainedError, match="train"):
        IntegratedGradientsExplainer(LudwigModel(line.config), table(), table(), "y")
    with pytest.raises(ArgumentError, match="must be a LudwigModel. Received: str"):
        IntegratedGradientsExplainer("model", table(), table(), "y")


def test_a_label_that_is_not_there(logistic):
    result = explained(logistic, table(5), table(50), "high")
    with pytest.raises(ArgumentError, match=r"no label 'yess'. Did you mean 'yes'\? It has: no, yes"):
        result.importances("yess")
