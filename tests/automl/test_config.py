"""Configs that are inferred: valid, trainable, merged with what the user sets; and as YAML with reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from ludwig.api import LudwigModel
from ludwig.automl import (
    create_auto_config,
    create_automl_config_for_features,
    create_features_config,
    infer_types,
    init_config,
)
from ludwig.cli.main import main
from ludwig.config import load_config, read_yaml
from ludwig.error import ArgumentError, ConfigValidationError, InputDataError, LudwigWarning, StorageError

ROWS = 120
RANDOM = np.random.default_rng(1)
LEFT = np.where(RANDOM.random(ROWS) < 0.08, "yes", "no")
TABLE = pd.DataFrame(
    {
        "id": range(ROWS),
        "age": RANDOM.integers(18, 90, ROWS),
        "plan": RANDOM.choice(["basic", "plus", "pro"], ROWS),
        "since": pd.date_range("2020-01-01", periods=ROWS).astype(str),
        "spent": [str(value) if value > 20 else "?" for value in RANDOM.integers(0, 100, ROWS)],
        "note": [f"called on day {i} about bill {i % 7} again" for i in range(ROWS)],
        "tags": [",".join(RANDOM.choice(["new", "late", "vip"], i % 3 + 1)) for i in range(ROWS)],
        "sizes": [[float(i), 1.0] for i in range(ROWS)],
        "curve": [" ".join(["0.5"] * (i % 4 + 2)) for i in range(ROWS)],
        "left": LEFT,
        "income": RANDOM.normal(50, 9, ROWS),
    }
)
FAST = {"trainer": {"train_steps": 2, "batch_size": 32}, "combiner": {"output_size": 8}}


def auto(table=TABLE, target="left", limit=100, **options):
    return create_auto_config(table, target, limit, **options)


def test_an_inferred_config_trains_and_predicts():
    config = auto(target=["left", "income"], user_config=FAST)
    types = {feature["name"]: feature["type"] for feature in config["input_features"]}
    assert types == {
        "age": "number",
        "plan": "category",
        "since": "date",
        "spent": "number",
        "note": "text",
        "tags": "set",
        "sizes": "vector",
        "curve": "timeseries",
    }
    assert [feature["type"] for feature in config["output_features"]] == ["binary", "number"]
    assert config["hyperopt"]["output_feature"] == "combined"
    del config["hyperopt"]
    model = LudwigModel(config)
    with pytest.warns(LudwigWarning, match="'spent'.*not numbers"):
        model.train(TABLE, output_directory=None)
        predictions, _ = model.predict(TABLE)
    assert predictions["income_predictions"].notna().all()


def test_the_search_begins_with_the_defaults_and_the_preset():
    search = auto(random_seed=5, limit=77.5)["hyperopt"]
    assert search["executor"] == {"num_samples": 20, "time_budget_s": 77}
    assert (search["output_feature"], search["search_alg"]["seed"]) == ("left", 5)
    default = load_config(create_features_config(TABLE, "left")).to_dict()
    first, second = search["search_alg"]["points_to_evaluate"]
    assert first.pop("preset") == "medium_quality"
    assert second.pop("preset") == "high_quality"
    assert first == second
    assert all(
        default[section][option] == value for key, value in first.items() for section, option in [key.split(".")]
    )


def test_the_reference_config_is_tried_right_after_the_defaults():
    search = auto(use_reference_config=True)["hyperopt"]
    presets = [point["preset"] for point in search["search_alg"]["points_to_evaluate"]]
    assert presets == ["medium_quality", "best_quality", "high_quality"]


def test_what_the_user_sets_stands_and_is_not_searched(tmp_path):
    user = {
        "input_features": [{"name": "age", "type": "category"}, {"name": "id", "type": "number"}],
        "combiner": {"type": "concat", "dropout": 0.3},
        "ensemble_size": 2,
        "preprocessing": {"split": {"type": "random"}},
        "hyperopt": {"executor": {"num_samples": 3}},
    }
    (tmp_path / "user.yaml").write_text(yaml.safe_dump(user))
    config = auto(user_config=user)
    assert auto(user_config=tmp_path / "user.yaml") == config
    types = {feature["name"]: feature["type"] for feature in config["input_features"]}
    assert (types["age"], types["id"], types["plan"]) == ("category", "number", "category")
    assert config["combiner"] == {"type": "concat", "dropout": 0.3}
    assert config["preprocessing"]["split"] == {"type": "random"}
    assert config["hyperopt"]["executor"] == {"num_samples": 3, "time_budget_s": 100}
    names = set(config["hyperopt"]["parameters"])
    assert names == {"trainer.learning_rate", "combiner.output_size", "combiner.num_fc_layers"}


def test_own_parameters_replace_those_of_the_search():
    own = {"trainer.learning_rate": {"space": "loguniform", "lower": 0.001, "upper": 0.01}}
    search = auto(user_config={"hyperopt": {"parameters": own}})["hyperopt"]
    assert search["parameters"] == own
    assert "points_to_evaluate" not in search["search_alg"]


def test_an_own_algorithm_begins_with_the_same_trials():
    search = auto(user_config={"hyperopt": {"search_alg": {"type": "random"}, "metric": "roc_auc"}})["hyperopt"]
    points = auto()["hyperopt"]["search_alg"]["points_to_evaluate"]
    assert search["search_alg"] == {"type": "random", "points_to_evaluate": points}
    assert (search["output_feature"], search["metric"]) == ("left", "roc_auc")


def test_a_given_type_of_a_target_is_not_inferred():
    days = pd.DataFrame({"x": range(30), "z": [0.5, 1.5, 2.5] * 10, "when": [f"k{i}" for i in range(30)]})
    user = {"output_features": [{"name": "when", "type": "category"}]}
    assert auto(days, "when", user_config=user)["output_features"] == [{"name": "when", "type": "category"}]


def test_rare_classes_are_spread_over_the_splits():
    assert auto()["preprocessing"]["split"] == {"type": "stratify", "column": "left"}
    assert "preprocessing" not in auto(imbalance_threshold=0.99)
    assert "preprocessing" not in auto(target="plan")
    assert "preprocessing" not in auto(TABLE.assign(split=[0, 1, 2] * 40))


def test_features_that_were_changed_make_a_config():
    features = create_features_config(TABLE, "left")
    features["input_features"] = features["input_features"][:2]
    config = create_automl_config_for_features(features, TABLE, 100)
    assert [feature["name"] for feature in config["input_features"]] == ["age", "plan"]
    assert config["preprocessing"] == auto()["preprocessing"]
    assert config["hyperopt"] == auto()["hyperopt"]


def test_memory_needs_no_tuning():
    with pytest.warns(LudwigWarning, match="tune_for_memory is deprecated"):
        assert auto(tune_for_memory=True) == auto()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limit": 0.5}, ArgumentError, "time_limit_s must be a number of seconds, at least 1. Received: 0.5"),
        ({"limit": "1h"}, ArgumentError, "time_limit_s"),
        ({"target": None}, ArgumentError, "target must name the column"),
        ({"target": "lft"}, InputDataError, "Did you mean 'left'"),
        ({"imbalance_threshold": 2}, ArgumentError, "imbalance_threshold"),
        ({"random_seed": -1}, ArgumentError, "random_seed"),
        (
            {"user_config": {"input_features": [{"name": "aeg", "type": "number"}]}},
            InputDataError,
            "Did you mean 'age'",
        ),
        ({"user_config": 3}, ArgumentError, "user_config must be a dict"),
        ({"user_config": {"hyperopt": 3}}, ArgumentError, "user_config.hyperopt must be a section"),
        ({"user_config": {"input_features": "age"}}, ArgumentError, "user_config.input_features must be a list"),
        ({"user_config": {"trainer": {"batchsize": 3}}}, ConfigValidationError, "batch_size"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence(options, error, message):
    with pytest.raises(error, match=message):
        auto(**options)


# --- As YAML --------------------------------------------------------------------------------------------------------


def test_the_yaml_has_a_reason_beside_each_feature():
    odd = TABLE.rename(columns={"age": "Alter: in #Jahren", "plan": "täglich\nneu"})
    text = init_config(odd, "left")
    features = create_features_config(odd, "left")
    assert read_yaml(text, "text") == features
    lines = [line for line in text.splitlines() if line.startswith("  - ")]
    assert len(lines) == len(features["input_features"]) + 1
    for guess in infer_types(odd, "left"):
        assert f"{guess.reason} ({guess.seen})" in text
    assert "#   id: " in text


@pytest.mark.parametrize("more", [{}, {"suggested": True}, {"hyperopt": True}, {"suggested": True, "hyperopt": True}])
def test_the_yaml_holds_as_much_as_is_asked_for(more):
    config = read_yaml(init_config(TABLE, "left", time_limit_s=60, **more), "text")
    load_config(config)
    auto_config = auto(limit=60)
    assert ("hyperopt" in config) == bool(more.get("hyperopt"))
    if more:
        assert config["preprocessing"] == auto_config["preprocessing"]
        assert config.get("hyperopt", auto_config["hyperopt"]) == auto_config["hyperopt"]
        assert config.get("trainer", {"time_limit_s": 60}) == {"time_limit_s": 60}
    else:
        assert set(config) == {"input_features", "output_features"}


def test_the_command_prints_or_writes_the_config(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    TABLE.drop(columns="sizes").to_csv("table.csv", index=False)
    words = ["init_config", "-d", "table.csv", "-t", "left"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed == init_config("table.csv", "left")
    more = ["-t", "income", "--hyperopt", "--time_limit_s", "90", "--random_seed", "3", "--use_reference_config"]
    assert main([*words, *more, "-o", "config.yaml"]) == 0
    assert capsys.readouterr().out == ""
    config = read_yaml((tmp_path / "config.yaml").read_text(encoding="utf-8"), "text")
    assert [feature["name"] for feature in config["output_features"]] == ["left", "income"]
    assert config["hyperopt"]["executor"]["time_budget_s"] == 90
    assert config["hyperopt"]["search_alg"]["seed"] == 3
    assert main([*words[:-1], "lft"]) == 2
    assert "Did you mean 'left'?" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Nothing can be written"):
        init_config(TABLE, "left", output=tmp_path / "file" / "config.yaml")
