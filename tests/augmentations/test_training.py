"""Augmentation as a section of an image input: checked, saved, and in force in training alone."""

import os
import signal

import jsonschema
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from ludwig.api import LudwigModel
from ludwig.augmentations.geometric import RandomRotate
from ludwig.callbacks import Callback
from ludwig.config import CONFIGS, load_config, proc_column
from ludwig.data.cache import cache_file
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.models.assets import Assets
from ludwig.schema import json_schema
from ludwig.training.save_times import SaveTimes

ROWS = 40
STEPS = [{"type": "random_rotate", "degree": 30}, "random_horizontal_flip", {"type": "auto_augmentation"}]


def table(channels: int = 3) -> pd.DataFrame:
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, 8, 8, channels)).astype(np.uint8)
    return pd.DataFrame({"im": list(pixels), "y": pixels.mean((1, 2, 3)) > 127.5})


def declared(augmentation: object = None, **changes: object) -> dict:
    encoder = {"type": "stacked_cnn", "num_conv_layers": 1, "out_channels": 4, "output_size": 4}
    feature = {"name": "im", "type": "image", "encoder": encoder}
    return {
        "input_features": [feature if augmentation is None else {**feature, "augmentation": augmentation}],
        "output_features": [{"name": "y", "type": "binary"}],
        "combiner": {"type": "concat"},
        "trainer": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01},
        **changes,
    }


def trained(*args: object, **changes: object) -> LudwigModel:
    model = LudwigModel(declared(*args, **changes))
    model.train(table(), output_directory=None)
    return model


def weights(model: LudwigModel) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.collect_weights()}


def same(one: LudwigModel, other: LudwigModel) -> bool:
    ours, theirs = weights(one), weights(other)
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


def rendered(augmentation: object, **changes: object) -> list:
    return load_config(declared(augmentation, **changes)).to_dict()["input_features"][0]["augmentation"]


def faults(config: dict) -> str:
    with pytest.raises(ConfigValidationError) as found:
        load_config(config)
    return str(found.value)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema(CONFIGS["ecd"]))


FLIP, ROTATE = {"type": "random_horizontal_flip"}, {"type": "random_rotate", "degree": 15}


class TestConfig:
    @pytest.mark.parametrize("none", [False, [], None])
    def test_none(self, none):
        raw = declared()
        raw["input_features"][0]["augmentation"] = none
        assert load_config(raw).to_dict()["input_features"][0]["augmentation"] == []
        assert load_config(raw).augments() == {}

    def test_a_small_shift_is_the_default(self):
        assert rendered(None) == [{"type": "random_shift", "share": 0.1}]

    def test_true_is_a_flip_and_a_rotation(self):
        assert rendered(True) == [FLIP, ROTATE]
        (augment,) = load_config(declared(True)).augments().values()
        assert [step.config.type for step in augment.steps] == ["random_horizontal_flip", "random_rotate"]

    def test_a_list_has_sections_and_names_and_keeps_its_order(self):
        expected = [{"type": "random_rotate", "degree": 30}, FLIP]
        assert rendered(STEPS) == [*expected, {"type": "auto_augmentation", "method": "trivial_augment"}]

    @pytest.mark.parametrize("augmentation", [True, False, [], STEPS, [FLIP, FLIP]])
    def test_what_is_rendered_is_the_same_config(self, augmentation):
        config = load_config(declared(augmentation))
        assert load_config(yaml.safe_load(yaml.safe_dump(config.to_dict()))) == config

    @pytest.mark.parametrize("augmentation", [True, False, None, [], STEPS])
    def test_the_json_schema_takes_it(self, augmentation, validator):
        raw = declared()
        raw["input_features"][0]["augmentation"] = augmentation
        validator.validate(raw)

    @pytest.mark.parametrize("augmentation", ["random_rotate", [{"type": "random_rotat"}], [{"degree": 3}], [True]])
    def test_the_json_schema_refuses_others(self, augmentation, validator):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(declared(augmentation))

    def test_all_faults_are_reported_at_once_with_their_paths(self):
        steps = [
            FLIP,
            {"type": "random_rotate", "degree": -1},
            {"type": "random_blurr"},
            {"type": "random_shift", "shares": 0.2},
            {"type": "auto_augmentation", "method": "auto"},
            {"degree": 3},
            7,
        ]
        text = faults(declared(steps, combiner={"type": "concat", "dropout": 2}))
        at = "input_features[0].augmentation"
        assert f"{at}[1].degree: Must be at least 0. Received: -1." in text
        assert f"{at}[2].type: There is no augmentation 'random_blurr'. Did you mean 'random_blur'?" in text
        assert f"{at}[3].shares: Unknown parameter. Did you mean 'share'?" in text
        assert f"{at}[4].method: Must be one of: trivial_augment. Received: 'auto'." in text
        assert f"{at}[5].type: Missing: set the augmentation. Choose one of: auto_augmentation," in text
        assert f"{at}[6]: Must be a section with a `type`, or the name of a type. Received: 7." in text
        assert "combiner.dropout: Must be" in text

    def test_options_that_do_not_go_together(self):
        factors = {"min": 3, "max": 2}
        steps = [{"type": "random_blur", "kernel_size": 4}]
        steps += [{"type": name, **factors} for name in ("random_brightness", "random_contrast")]
        text = faults(declared(steps))
        at = "input_features[0].augmentation"
        odd = "Must be odd, so that the kernel has a middle. Received: 4. Take 3 or 5."
        assert f"{at}[0].kernel_size: {odd}" in text
        for place in (1, 2):
            assert f"{at}[{place}].min: Must be at most max, which is 2. Received: 3. Lower it, or raise max." in text

    @pytest.mark.parametrize("value", ["random_rotate", 3, {"type": "random_rotate"}])
    def test_neither_list_nor_truth_value(self, value):
        text = faults(declared(value))
        assert "input_features[0].augmentation: Must be a list. Received: " in text
        assert "Or: Must be true or false." in text

    def test_other_types_of_features_have_none(self):
        raw = declared()
        raw["input_features"].append({"name": "x", "type": "number", "augmentation": True})
        raw["output_features"][0]["augmentation"] = True
        text = faults(raw)
        assert "input_features[1].augmentation: Unknown parameter." in text
        assert "output_features[0].augmentation: Unknown parameter." in text

    def test_defaults_of_images(self):
        defaults = {"image": {"augmentation": ["random_rotate"]}}
        assert rendered(None, defaults=defaults) == [ROTATE]
        assert rendered([FLIP], defaults=defaults) == [FLIP]
        assert rendered(False, defaults=defaults) == []
        assert rendered(None, defaults={"image": {"augmentation": True}}) == [FLIP, ROTATE]
        raw = {**declared(), "defaults": {"image": {"augmentation": [{"type": "random_rotate", "degree": -1}]}}}
        assert "augmentation[0].degree: Must be at least 0" in faults(raw)
        assert "defaults.number.augmentation: Unknown" in faults(
            {**declared(), "defaults": {"number": {"augmentation": True}}}
        )

    def test_preprocessed_data_does_not_depend_on_it(self, tmp_path):
        pd.DataFrame({"im": ["a.png"], "y": [True]}).to_csv(tmp_path / "t.csv")
        names, files = set(), set()
        for augmentation in (None, True, STEPS):
            config = load_config(declared(augmentation))
            specs = [*config.resolve(Assets())[0], *config.resolve(Assets())[1]]
            names.add(proc_column(specs[0]))
            source = {"dataset": tmp_path / "t.csv"}
            files.add(cache_file(source, None, specs, config.preprocessing, 42, None).path)
        assert len(names) == len(files) == 1


class TestTraining:
    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_it_trains_saves_loads_and_predicts_the_same(self, channels, tmp_path):
        model, data = LudwigModel(declared(STEPS)), table(channels)
        model.train(data, output_directory=None)
        expected, _ = model.predict(data)
        model.save(str(tmp_path / "model"))
        loaded = LudwigModel.load(str(tmp_path / "model"))
        pd.testing.assert_frame_equal(loaded.predict(data)[0], expected)
        assert loaded.config["input_features"] == model.config["input_features"]
        assert len(loaded.config["input_features"][0]["augmentation"]) == len(STEPS)

    def test_it_changes_training_and_two_runs_are_equal(self):
        one, other, none = trained(STEPS), trained(STEPS), trained()
        assert same(one, other)
        assert not same(one, none)

    def test_images_are_augmented_in_training_alone(self, monkeypatch):
        seen, original = [], RandomRotate.__call__

        def watched(self, images, generator):
            seen.append(len(images))
            return original(self, images, generator)

        monkeypatch.setattr(RandomRotate, "__call__", watched)
        model = LudwigModel(declared(["random_rotate"]))
        data = model.preprocess(table())
        model.train(data, output_directory=None)
        assert sum(seen) == 2 * len(data.training_set)
        calls = len(seen)
        first, second = (model.predict(table())[0] for _ in range(2))
        pd.testing.assert_frame_equal(first, second)
        model.evaluate(table())
        assert len(seen) == calls

    def test_a_trained_network_stays_when_the_section_changes(self, recwarn):
        model = trained(STEPS)
        before = model.predict(table())[0]
        model.config = declared([])
        assert model.config["input_features"][0]["augmentation"] == []
        pd.testing.assert_frame_equal(model.predict(table())[0], before)
        assert not [each for each in recwarn if issubclass(each.category, LudwigWarning)]

    def test_online_training_follows_the_section(self):
        plain, changed = LudwigModel(declared()), LudwigModel(declared())
        plain.train_online(table())
        changed.train_online(table())
        assert same(plain, changed)
        changed.config = declared(STEPS)
        plain.config = declared()
        plain.train_online(table())
        changed.train_online(table())
        assert not same(plain, changed)

    def test_a_resumed_run_ends_as_the_straight_one(self, tmp_path, monkeypatch):
        class Stops(Callback):
            def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
                if progress_tracker.steps == 5:  # in the middle of the second epoch
                    os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(SaveTimes, "is_due", lambda self: True)
        with pytest.raises(KeyboardInterrupt):
            LudwigModel(declared(STEPS)).train(table(), output_directory=str(tmp_path), callbacks=[Stops()])
        resumed = LudwigModel(declared(STEPS))
        resumed.train(table(), model_resume_path=str(tmp_path / "api_experiment_run"))
        assert same(resumed, trained(STEPS))
