"""Model soups are means of the best evaluations' weights, kept only where they are no worse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.training import checkpoints
from ludwig.training.optim.averaging import greedy_soup, in_their_place, mean_of, uniform_soup


def one(value: float, count: int = 0) -> dict[str, torch.Tensor]:
    return {"w": torch.tensor([float(value), 2.0 * value]), "count": torch.tensor(count)}


def near(goal: float):
    """The nearer the first number is to the goal, the better."""
    return lambda weights: (True, -abs(float(weights["w"][0]) - goal), 0.0)


def test_a_mean_is_that_of_each_number_and_counters_are_of_the_first():
    mean = mean_of([one(1, 5), one(2, 7), one(6, 9)])
    assert mean["w"].tolist() == [3, 6]
    assert mean["count"].item() == 5


@pytest.mark.parametrize(("goal", "expected", "taken"), [(3.0, 3.0, [0, 1, 2]), (1.0, 1.0, [0])])
def test_a_uniform_soup_is_kept_where_it_is_no_worse_than_the_best(goal, expected, taken):
    soup, places = uniform_soup([one(1), one(2), one(6)], near(goal))
    assert (soup["w"][0].item(), places) == (expected, taken)


def test_a_greedy_soup_takes_what_helps():
    # 1, then (1 + 8) / 2 = 4.5 is worse, (1 + 3) / 2 = 2 is right, (1 + 3 + 2) / 3 = 2 too
    soup, places = greedy_soup([one(1), one(8), one(3), one(2)], near(2.0))
    assert (soup["w"][0].item(), places) == (2.0, [0, 2, 3])


def test_weights_come_back_bit_for_bit_also_after_an_error():
    weights = [torch.rand(5) / 3]
    before = weights[0].clone()
    with pytest.raises(ValueError, match="inside"), in_their_place(weights, [torch.zeros(5)]):
        assert weights[0].sum() == 0
        raise ValueError("inside")
    assert torch.equal(weights[0], before)


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=300)
    return pd.DataFrame({"x": x, "y": np.sin(2 * x) + 0.3 * draw.normal(size=300)})


def model(**trainer: object) -> LudwigModel:
    options = {"epochs": 12, "batch_size": 32, "learning_rate": 0.02, "early_stop": -1, **trainer}
    combiner = {"type": "concat", "num_fc_layers": 1, "output_size": 16}
    inputs, outputs = [{"name": "x", "type": "number"}], [{"name": "y", "type": "number"}]
    return LudwigModel({"input_features": inputs, "output_features": outputs, "combiner": combiner, "trainer": options})


@pytest.mark.parametrize("kind", ["uniform", "greedy"])
def test_a_souped_model_is_no_worse_on_the_validation_split(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "conclude", lambda folder, conclusion: None)  # which removes what is mixed
    plain, souped = model(), model(model_soup=kind, model_soup_top_k=3)
    best = min(plain.train(table(), output_directory=None).train_stats.validation["y"]["mean_squared_error"])
    results = souped.train(table(), output_directory=str(tmp_path), skip_save_log=True)
    folder = tmp_path / "api_experiment_run" / "model" / "training_checkpoints"
    kept = sorted(int(path.stem.removeprefix("topk_")) for path in folder.glob("topk_*.ckpt"))
    evaluations = results.train_stats.validation["y"]["mean_squared_error"]
    steps = len(evaluations) and 7  # of an epoch: 210 rows in batches of 32
    assert kept == sorted((int(place) + 1) * steps for place in np.argsort(evaluations)[:3])
    reached = souped.evaluate(results.preprocessed_data.validation_set)[0]["y"]["mean_squared_error"]
    assert reached <= best + 1e-9
    mean = mean_of([checkpoints.load(folder / f"topk_{step}.ckpt").weights for step in kept])
    if kind == "uniform" and reached < best - 1e-9:
        for name, weight in souped.collect_weights():
            torch.testing.assert_close(weight.detach(), mean[name])
