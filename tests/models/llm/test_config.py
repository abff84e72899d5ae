import pytest

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError

TEXT = {"name": "a", "type": "text"}
LABEL = {"name": "a", "type": "category", "preprocessing": {"vocab": ["x", "y"]}, "decoder": {"fallback_label": "y"}}


def refusal(config):
    with pytest.raises(ConfigValidationError) as caught:
        LudwigModel(config)
    return str(caught.value)


class TestRules:
    @pytest.mark.parametrize(
        ("changes", "path", "words"),
        [
            ({"base_model": None}, "base_model", "Must be set"),
            ({"input_features": [{"name": "q", "type": "number"}]}, "input_features", "number"),
            ({"input_features": [{"name": n, "type": "text"} for n in "qr"]}, "input_features", "exactly one"),
            ({"output_features": [TEXT, {"name": "b", "type": "text"}]}, "output_features", "exactly one"),
            ({"output_features": [LABEL], "adapter": None}, "trainer.type", "text output"),
            ({"trainer": {"type": "none"}}, "adapter", "pretrained_adapter_weights"),
            ({"adapter": {"type": "lorra"}}, "adapter.type", "lora"),
            ({"adapter": {"type": "lora", "alfa": 3}}, "adapter.alfa", "alpha"),
            ({"prompt": {"template": "{q} {a}"}}, "prompt.template", "output column"),
            ({"prompt": {"template": "{q}", "task": "Sum up"}}, "prompt.template", "__task__"),
            ({"generation": {"temperature": -1.0}}, "generation.temperature", "more than 0"),
            ({"generation": {"temperature": 0, "do_sample": True}}, "generation.temperature", "more than 0"),
            ({"output_features": [{**TEXT, "reduce_input": "mean"}]}, "output_features[0].reduce_input", "Unknown"),
            ({"output_features": [{**TEXT, "loss": "focal"}]}, "output_features[0].loss", "focal"),
        ],
    )
    def test_a_fault_is_reported_with_its_path(self, declared, changes, path, words):
        text = refusal({key: value for key, value in declared(**changes).items() if value is not None})
        assert path in text
        assert words in text

    @pytest.mark.parametrize("section", ["quantization", "adapters", "model_parameters", "is_multimodal"])
    def test_sections_that_would_do_nothing_are_unknown(self, declared, section):
        assert f"{section}: Unknown parameter" in refusal(declared(**{section: {"bits": 4}}))

    @pytest.mark.parametrize(
        ("preprocessing", "decoder", "path"),
        [
            ({}, {"method": "extract"}, "output_features[0].preprocessing.vocab"),
            ({}, {"fallback_label": "x"}, "output_features[0].preprocessing.vocab"),
            ({"vocab": ["x"]}, {"fallback_label": "x"}, "output_features[0].preprocessing.vocab"),
            ({"vocab": ["x", "y"]}, {"method": "extract"}, "output_features[0].decoder.fallback_label"),
            ({"vocab": ["x", "y"]}, {"fallback_label": "z"}, "output_features[0].decoder.fallback_label"),
            (
                {"vocab": ["x", "y"]},
                {"fallback_label": "x", "match": {"z": {"value": "z"}}},
                "output_features[0].decoder.match.z",
            ),
            (
                {"vocab": ["x", "y"]},
                {"fallback_label": "x", "match": {"y": {"type": "regex", "value": "("}}},
                "output_features[0].decoder.match.y.value",
            ),
        ],
    )
    def test_labels_and_their_rules_must_go_together(self, declared, preprocessing, decoder, path):
        output = {"name": "a", "type": "category", "preprocessing": preprocessing, "decoder": decoder}
        assert path in refusal(declared(output_features=[output], adapter=None, trainer={"type": "none"}))

    def test_all_faults_are_reported_at_once(self, declared):
        text = refusal(declared(prompt={"template": "same"}, trainer={"type": "none"}))
        assert "prompt.template" in text
        assert "adapter" in text


class TestConfig:
    def test_the_rendered_config_gives_itself_back(self, declared):
        model = LudwigModel(declared())
        assert model.config["trainer"]["type"] == "finetune"
        assert LudwigModel(model.config).config == model.config

    def test_a_label_may_have_its_fallback_in_either_place(self, declared):
        other = {**LABEL, "preprocessing": {"vocab": ["x", "y"], "fallback_label": "x"}, "decoder": {}}
        for output in (LABEL, other):
            LudwigModel(declared(output_features=[output], adapter=None, trainer={"type": "none"}))

    def test_fine_tuning_takes_small_batches_by_default(self, declared):
        trainer = LudwigModel(declared(trainer={"type": "finetune"})).config["trainer"]
        assert (trainer["batch_size"], trainer["eval_batch_size"]) == (1, 2)

    def test_only_templates_that_look_beyond_read_all_columns(self, declared):
        assert not LudwigModel(declared()).config_obj.reads_all_columns
        assert LudwigModel(declared(prompt={"template": "{q} {level}"})).config_obj.reads_all_columns

    def test_defaults_of_texts_hold(self, declared):
        model = LudwigModel(declared(defaults={"text": {"preprocessing": {"lowercase": True}}}))
        assert model.config["input_features"][0]["preprocessing"]["lowercase"]
