"""The parameters of a search in the config: where they are put, and what is refused before a trial runs."""

from __future__ import annotations

import copy
import re

import pytest

from ludwig.config import load_config
from ludwig.config.search import with_parameters
from ludwig.error import ConfigValidationError

BASE = {
    "input_features": [{"name": "age", "type": "number"}, {"name": "title", "type": "text", "encoder": "embed"}],
    "output_features": [{"name": "survived", "type": "binary"}],
    "trainer": {"epochs": 3},
}
RATE = {"space": "loguniform", "lower": 0.001, "upper": 0.1}


def searching(parameters, **others):
    return load_config({**BASE, "hyperopt": {"parameters": parameters, **others}})


def test_values_are_put_into_sections_features_and_defaults():
    before = copy.deepcopy(BASE)
    found = with_parameters(
        BASE,
        {
            "trainer.learning_rate": 0.1,
            "trainer.optimizer.type": "sgd",
            "combiner.type": "concat",
            "title.encoder.embedding_size": 8,
            "survived.loss.weight": 2.0,
            "defaults.text.preprocessing.lowercase": True,
        },
    )
    assert before == BASE
    assert found["trainer"] == {"epochs": 3, "learning_rate": 0.1, "optimizer": {"type": "sgd"}}
    assert found["combiner"] == {"type": "concat"}
    assert found["input_features"][1]["encoder"] == {"type": "embed", "embedding_size": 8}
    assert found["output_features"][0]["loss"] == {"weight": 2.0}
    assert found["defaults"] == {"text": {"preprocessing": {"lowercase": True}}}


def test_partial_configs_are_merged_and_single_parameters_go_over_them():
    part = {"trainer": {"learning_rate": 0.5, "epochs": 9}, "input_features": [{"name": "age", "encoder": "dense"}]}
    found = with_parameters(BASE, {"trainer.epochs": 4, ".": part})
    assert found["trainer"] == {"learning_rate": 0.5, "epochs": 4}
    assert found["input_features"][0] == {"name": "age", "type": "number", "encoder": "dense"}
    assert found["input_features"][1] == BASE["input_features"][1]


def test_features_whose_names_have_dots_are_found():
    raw = {**BASE, "input_features": [{"name": "a", "type": "number"}, {"name": "a_b", "type": "number"}]}
    found = with_parameters(raw, {"a.b.encoder.type": "dense", "a.preprocessing.normalization": None})
    assert found["input_features"][1]["encoder"] == {"type": "dense"}
    assert found["input_features"][0]["preprocessing"] == {"normalization": None}


@pytest.mark.parametrize(
    ("parameters", "others", "message"),
    [
        ({}, {}, "parameters: Must not be empty"),
        ({"trainer.lerning_rate": RATE}, {}, r"lerning_rate: The config does not take 0\.001: .* 'learning_rate'"),
        ({"trianer.learning_rate": RATE}, {}, "Begins with 'trianer'.* Did you mean 'trainer'"),
        ({"agee.encoder.type": {"space": "choice", "categories": ["dense"]}}, {}, "'agee'.* Did you mean 'age'"),
        ({"combiner.dropout": {"space": "uniform", "lower": 0, "upper": 2}}, {}, "does not take 2: combiner.dropout"),
        ({"title.encoder.type": {"space": "choice", "categories": ["embed", "rn"]}}, {}, "does not take 'rn'"),
        ({".": {"space": "choice", "categories": [{"combiner": {"type": "concatt"}}]}}, {}, "no combiner 'concatt'"),
        ({"trainer.epochs": {"space": "unifrom", "lower": 1, "upper": 2}}, {}, "no space 'unifrom'.* 'uniform'"),
        ({"trainer.epochs": {"lower": 1, "upper": 2}}, {}, "epochs.space: Missing: set the space"),
        ({"trainer.epochs": {"space": "randint", "lower": 3}}, {}, "epochs.upper: Must be set"),
        ({"trainer.learning_rate": RATE}, {"metric": "accurcy"}, "hyperopt.metric: .* Did you mean 'accuracy'"),
        ({"trainer.learning_rate": RATE}, {"output_feature": "sruvived"}, "output_feature: .* 'survived'"),
        ({"trainer.learning_rate": RATE}, {"output_feature": "combined", "metric": "accuracy"}, "only the metric loss"),
        ({"trainer.learning_rate": RATE}, {"search_alg": {"type": "optna"}}, "Did you mean 'optuna'"),
        ({"trainer.learning_rate": RATE}, {"executor": {"type": "optna"}}, "Did you mean 'optuna'"),
        (
            {"trainer.learning_rate": RATE},
            {"search_alg": {"type": "tpe", "points_to_evaluate": [{"trainer.learning_rate": 5}]}},
            r"points_to_evaluate\[0\].trainer.learning_rate: Is no value of its space. Received: 5",
        ),
        ({"trainer.learning_rate": RATE}, {"objectives": [{"metric": "loss"}]}, "objectives: Must be at least two"),
        (
            {"trainer.learning_rate": RATE},
            {"objectives": [{}, {"metric": "roc_auc"}], "search_alg": {"type": "cmaes"}},
            "'cmaes' takes one objective",
        ),
        ({".": RATE}, {}, "Must be a choice or a grid of partial configs"),
        ({"age": {"space": "choice", "categories": ["x"]}}, {}, "Is a whole feature"),
        (
            {"trainer.learning_rate": RATE},
            {"objectives": [{}, {"metric": "roc_auc"}], "executor": {"scheduler": {"type": "asha"}}},
            "cannot be stopped early",
        ),
    ],
)
def test_a_search_that_cannot_run_is_refused_with_its_place(parameters, others, message):
    with pytest.raises(ConfigValidationError) as caught:
        searching(parameters, **others)
    assert re.search(message, str(caught.value)), str(caught.value)


def test_an_option_of_one_of_several_components_is_tried_with_that_component():
    combiner = {"space": "choice", "categories": ["concat", "transformer"]}
    config = searching(
        {"combiner.type": combiner, "combiner.num_heads": {"space": "choice", "categories": [2, 4]}},
    )
    assert config.hyperopt.trials == 10


def test_a_search_is_rendered_and_loads_again():
    config = searching({"trainer.learning_rate": RATE}, metric="roc_auc", executor={"scheduler": {"type": "asha"}})
    again = load_config(config.to_dict())
    assert again.hyperopt == config.hyperopt
    assert config.to_dict()["hyperopt"]["parameters"]["trainer.learning_rate"] == RATE
