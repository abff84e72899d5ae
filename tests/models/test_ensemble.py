"""Deep ensembles: networks of one config that predict together."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import log_loss

from ludwig.api import LudwigModel
from ludwig.config import load_config
from ludwig.features.base import Facts
from ludwig.models.assets import Assets
from ludwig.models.ecd.ensemble import DeepEnsemble
from ludwig.training import build


def table(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x, word = draw.normal(size=rows), draw.choice(["a", "b", "c"], rows)
    y = np.sin(2 * x) + (word == "b") + 0.3 * draw.normal(size=rows)
    return pd.DataFrame({"x": x, "word": word, "y": y, "yes": y > 0.3, "kind": np.where(y > 1, "high", "low")})


def config(size: int = 3, output: str = "y", kind: str = "number", **sections: object) -> dict:
    return {
        "input_features": [{"name": "x", "type": "number"}, {"name": "word", "type": "category"}],
        "output_features": [{"name": output, "type": kind}],
        "ensemble_size": size,
        "trainer": {"train_steps": 60},
        **sections,
    }


def trained(settings: dict, data: pd.DataFrame | None = None, folder: str | None = None) -> LudwigModel:
    model = LudwigModel(settings)
    model.train(table() if data is None else data, output_directory=folder)
    return model


def alone(model: LudwigModel, number: int, settings: dict) -> LudwigModel:
    """A model of one network, with the weights of one of the ensemble."""
    single = trained(settings | {"ensemble_size": 1, "trainer": {"train_steps": 1}})
    prefix = f"ensemble.{number}." if number else ""
    weights = dict(model.collect_weights())
    single.model.load_weights({name: weights[prefix + name] for name, _ in single.collect_weights()})
    return single


@pytest.mark.parametrize("combiner", ["tabm", "concat"])
def test_it_predicts_the_mean_of_its_networks(combiner):
    settings = config(combiner={"type": combiner, "num_fc_layers": 1})
    model, new = trained(settings), table(50, seed=1)
    each = [alone(model, number, settings).predict(new)[0]["y_predictions"] for number in range(3)]
    assert np.std(each, axis=0).mean() > 1e-3  # they differ
    np.testing.assert_allclose(model.predict(new)[0]["y_predictions"], np.mean(each, axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("output", "kind"), [("yes", "binary"), ("kind", "category")])
def test_probabilities_are_the_mean_and_the_loss_is_theirs(output, kind):
    settings = config(output=output, kind=kind)
    model, new = trained(settings), table(200, seed=1)
    column = f"{output}_probabilities_{'True' if kind == 'binary' else 'high'}"
    each = [alone(model, number, settings).predict(new)[0][column] for number in range(3)]
    shares = model.predict(new)[0][column]
    np.testing.assert_allclose(shares, np.mean(each, axis=0), rtol=1e-4, atol=1e-5)
    truth = new[output] if kind == "binary" else new[output] == "high"
    assert model.evaluate(new)[0][output]["loss"] == pytest.approx(log_loss(truth, shares), rel=1e-4)


def test_networks_begin_differently_and_one_network_is_what_it_was():
    numbers = {"input_features": [{"name": "x", "type": "number"}]}
    parsed = load_config(config(size=2, **numbers))
    facts: dict[str, Facts] = {
        spec.name: spec.feature.facts_of_config() for side in parsed.resolve(Assets()) for spec in side
    }
    ensemble = build(parsed, facts, seed=3)
    assert isinstance(ensemble, DeepEnsemble)
    single = build(load_config(config(size=1, **numbers)), facts, seed=3)
    weights, own = ensemble.weights(), single.weights()
    assert all(torch.equal(weights[name], own[name]) for name in own)  # the first has the draws of a single one
    name = "output_features.y.decoder.linear.weight"
    assert not torch.equal(weights[name], weights[f"ensemble.1.{name}"])
    assert len(weights) == 2 * len(own)


def test_it_is_saved_loaded_resumed_and_calibrated(tmp_path):
    settings = config(output="yes", kind="binary")
    settings["output_features"][0] |= {"calibration": True, "threshold": "auto"}
    model = LudwigModel(settings)
    results = model.train(table(), output_directory=str(tmp_path))
    new = table(100, seed=1)
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    pd.testing.assert_frame_equal(loaded.predict(new)[0], model.predict(new)[0])
    again = LudwigModel(settings)
    again.train(table(), output_directory=str(tmp_path), model_resume_path=results.output_directory)
    pd.testing.assert_frame_equal(again.predict(new)[0], model.predict(new)[0])


def test_quantiles_weights_texts_and_several_outputs_go_with_it():
    data = table(300).assign(text=lambda t: t.word + " and more", w=1.5)
    settings = config(size=2, trainer={"train_steps": 30, "sample_weight": "w", "refit": True, "modality_dropout": 0.1})
    settings["input_features"].append({"name": "text", "type": "text"})
    settings["output_features"] = [
        {"name": "y", "type": "number", "quantiles": [0.1, 0.9]},
        {"name": "kind", "type": "category", "dependencies": ["y"]},
    ]
    model = trained(settings, data)
    found = model.predict(data)[0]
    assert (found["y_quantile_0.1"] <= found["y_quantile_0.9"]).all()
    assert model.evaluate(data)[0]["kind"]["accuracy"] > 0.6


def test_an_ensemble_fits_better_than_its_networks():
    data, new = table(300), table(2000, seed=5)
    settings = config(size=4, trainer={"train_steps": 150, "early_stop": -1})
    model = trained(settings, data)
    joint = model.evaluate(new)[0]["y"]["mean_squared_error"]
    each = [alone(model, number, settings).evaluate(new)[0]["y"]["mean_squared_error"] for number in range(4)]
    assert joint < np.mean(each)
