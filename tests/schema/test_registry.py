import pytest

from ludwig.config import load_config
from ludwig.error import ConfigValidationError
from ludwig.schema import Component, Registry


class TestRefusedNames:
    def test_the_reason_stands_in_place_of_the_list_of_all_names(self):
        registry: Registry[Component] = Registry("shape")
        registry.refuse("square", "There are no squares: choose a circle.")
        with pytest.raises(LookupError, match=r"^There are no squares: choose a circle\.$"):
            registry.get("square")
        assert registry.names() == []

    def test_a_config_with_tabpfn_gets_one_sentence_with_alternatives(self):
        config = {
            "input_features": [{"name": "x", "type": "number"}],
            "output_features": [{"name": "y", "type": "number"}],
            "combiner": {"type": "tabpfn_v2", "n_estimators": 2},
        }
        with pytest.raises(ConfigValidationError) as caught:
            load_config(config)
        (line,) = [line for line in str(caught.value).splitlines() if "tabpfn_v2" in line]
        assert "combiner.type" in line
        assert line.rstrip().count(". ") == 0
        for name in ("tabm", "ft_transformer", "tabnet"):
            assert name in line
