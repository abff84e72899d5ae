import pytest

from ludwig.api import LudwigModel
from ludwig.config import load_config
from ludwig.config.presets import PRESETS
from ludwig.error import ConfigValidationError

PLAIN = {
    "input_features": [{"name": "x", "type": "number"}],
    "output_features": [{"name": "y", "type": "number"}],
}


def rendered(**sections: object) -> dict:
    return load_config(PLAIN | sections).to_dict()


def test_medium_quality_is_the_defaults():
    assert {**rendered(preset="medium_quality"), "preset": None} == rendered()


def test_higher_ones_are_ensembles():
    assert rendered(preset="high_quality")["ensemble_size"] == 4
    best = rendered(preset="best_quality")
    assert best["ensemble_size"] == 8
    assert best["trainer"]["refit"] is True


def test_what_the_user_writes_wins_key_by_key():
    found = rendered(preset="best_quality", ensemble_size=2, trainer={"early_stop": 7})
    assert found["ensemble_size"] == 2
    assert (found["trainer"]["refit"], found["trainer"]["early_stop"]) == (True, 7)
    assert rendered(preset="best_quality", trainer={"refit": False})["trainer"]["refit"] is False


def test_a_section_of_another_type_replaces_the_whole():
    found = rendered(preset="tabular_realmlp", combiner={"type": "tabm"})
    assert found["combiner"]["type"] == "tabm"
    assert found["combiner"]["dropout"] == 0.0
    kept = rendered(preset="tabular_realmlp", combiner={"num_fc_layers": 2})["combiner"]
    assert (kept["type"], kept["num_fc_layers"], kept["dropout"]) == ("concat", 2, 0.15)
    assert rendered(preset="tabular_realmlp", combiner="tabm")["combiner"]["type"] == "tabm"


def test_defaults_of_a_preset_reach_the_features():
    found = rendered(preset="tabular_realmlp")
    assert found["input_features"][0]["preprocessing"]["normalization"] == "iq"
    assert found["trainer"]["optimizer"]["weight_decay"] == 0.01


@pytest.mark.parametrize("preset", PRESETS)
def test_a_saved_config_is_the_same_config(preset):
    found = rendered(preset=preset)
    assert load_config(found).to_dict() == found


def test_unknown_presets_and_those_of_language_models_are_refused():
    with pytest.raises(ConfigValidationError, match="preset: Must be one of"):
        load_config(PLAIN | {"preset": "best"})
    with pytest.raises(ConfigValidationError, match="preset"):
        load_config(PLAIN | {"preset": ["best_quality"]})
    with pytest.raises(ConfigValidationError, match="preset: Unknown parameter"):
        LudwigModel({"model_type": "llm", "base_model": "x", "preset": "best_quality", **PLAIN})
