"""From what a user wrote to a checked config."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ludwig.config import load_config, read_config, read_yaml
from ludwig.error import ConfigValidationError

X, Y = {"name": "x", "type": "number"}, {"name": "y", "type": "category"}


def config(**sections: Any) -> dict[str, Any]:
    return {"input_features": [X], "output_features": [Y], **sections}


def image(**encoder: Any) -> dict[str, Any]:
    return {"name": "x", "type": "image", "encoder": {"type": "stacked_cnn", **encoder}}


def test_a_rendered_config_loads_back_to_an_equal_one():
    loaded = load_config(config(trainer={"epochs": 3}, combiner="tabm", defaults={"number": {"encoder": "ple"}}))
    assert load_config(loaded.to_dict()) == loaded
    assert loaded.to_dict()["input_features"][0]["encoder"]["type"] == "ple"


def test_the_raw_config_is_not_changed():
    raw = config(training={"epochs": 3}, input_features=[{"name": "a.b", "type": "numerical", "encoder": "dense"}])
    before = copy.deepcopy(raw)
    load_config(raw)
    assert raw == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (config(training={"epochs": 3}), config(trainer={"epochs": 3})),
        (config(input_features=[{"name": "x", "type": "numerical"}]), config()),
        (
            config(input_features=[{**X, "encoder": "ple", "num_bins": 5}]),
            config(input_features=[{**X, "encoder": {"type": "ple", "num_bins": 5}}]),
        ),
        (
            config(output_features=[{**Y, "num_fc_layers": 2, "dropout": 0.5}]),
            config(output_features=[{**Y, "decoder": {"num_fc_layers": 2, "fc_dropout": 0.5}}]),
        ),
        (config(combiner={"type": "concat", "bias": False}), config(combiner={"type": "concat", "use_bias": False})),
        (
            config(preprocessing={"number": {"normalization": "minmax"}}),
            config(defaults={"number": {"preprocessing": {"normalization": "minmax"}}}),
        ),
        (
            config(preprocessing={"split_probabilities": [0.5, 0.2, 0.3]}),
            config(preprocessing={"split": {"probabilities": [0.5, 0.2, 0.3]}}),
        ),
        (config(preprocessing={"stratify": "y"}), config(preprocessing={"split": {"type": "stratify", "column": "y"}})),
        (config(preprocessing={"force_split": True}), config(preprocessing={"split": {"type": "random"}})),
        (
            config(input_features=[{**X, "preprocessing": {"missing_value_strategy": "backfill"}}]),
            config(input_features=[{**X, "preprocessing": {"missing_value_strategy": "bfill"}}]),
        ),
        (
            config(trainer={"decay": True, "decay_rate": 0.5, "staircase": True}),
            config(trainer={"learning_rate_scheduler": {"decay": "exponential", "decay_rate": 0.5, "staircase": True}}),
        ),
        (
            config(trainer={"reduce_learning_rate_on_plateau": 2}),
            config(trainer={"learning_rate_scheduler": {"reduce_on_plateau": 2}}),
        ),
        (config(trainer={"eval_batch_size": 0, "type": "trainer"}), config()),
        (config(output_features=[{**Y, "loss": {"type": "softmax_cross_entropy", "class_weights": 1}}]), config()),
        (config(backend="local"), config(backend={"type": "local", "credentials": None})),
        (config(ludwig_version="0.17.8", preset=None, hyperopt=None), config()),
        (config(input_features=[{**X, "active": True, "proc_column": "x_abc", "tied": None}]), config()),
        (
            config(
                input_features=[
                    {**X, "preprocessing": {"computed_fill_value": 0.0, "computed_outlier_fill_value": 0.0}}
                ]
            ),
            config(),
        ),
        (config(input_features=[{**X, "encoder": {"type": "ple", "skip": False, "adapter": None}}]), config()),
        (
            config(
                trainer={"compile": False, "loss_balancing": "none", "loss_balancing_alpha": 1.5, "model_soup": None}
            ),
            config(),
        ),
        (
            config(trainer={"optimizer": {"type": "adam", "lr": 0.01}}),
            config(trainer={"optimizer": {"type": "adam"}, "learning_rate": 0.01}),
        ),
        (config(trainer={"optimizer": {"type": "adam", "lr": None}}), config(trainer={"optimizer": {"type": "adam"}})),
        (
            config(trainer={"learning_rate_scheduler": {"type": "cosine", "t_0": 5}}),
            config(trainer={"learning_rate_scheduler": {"decay": "cosine", "t_0": 5}}),
        ),
        (
            config(trainer={"learning_rate_scheduler": "linear"}),
            config(trainer={"learning_rate_scheduler": {"decay": "linear"}}),
        ),
        (
            config(input_features=[image(num_filters=8, filter_size=5, pool_size=3, pool_strides=1)]),
            config(input_features=[image(out_channels=8, kernel_size=5, pool_kernel_size=3, pool_stride=1)]),
        ),
        (
            config(input_features=[image(conv_layers=[{"num_filters": 8, "filter_size": 5, "strides": 2}])]),
            config(input_features=[image(conv_layers=[{"out_channels": 8, "kernel_size": 5, "stride": 2}])]),
        ),
        (
            config(input_features=[{"name": "x", "type": "image", "num_filters": 8, "filter_size": 5}]),
            config(input_features=[image(out_channels=8, kernel_size=5)]),
        ),
        (
            config(input_features=[image()], defaults={"image": {"encoder": {"num_filters": 8}}}),
            config(input_features=[image()], defaults={"image": {"encoder": {"out_channels": 8}}}),
        ),
        (
            config(output_features=[{"name": "v", "type": "vector", "vector_size": 3}]),
            config(output_features=[{"name": "v", "type": "vector", "preprocessing": {"vector_size": 3}}]),
        ),
    ],
)
def test_old_spellings_mean_what_the_new_ones_mean(old, new):
    assert load_config(old) == load_config(new)


def test_what_is_not_off_is_not_dropped():
    with pytest.raises(ConfigValidationError, match=r"trainer\.contrastive_pretrain_epochs: Unknown parameter"):
        load_config(config(trainer={"contrastive_pretrain_epochs": 2}))


def test_names_lose_characters_that_paths_cannot_bear():
    loaded = load_config(config(input_features=[{"name": "a.b (c)", "type": "number"}]))
    assert (loaded.input_features[0].name, loaded.input_features[0].source) == ("a_b _c_", "a_b _c_")


@pytest.mark.parametrize(
    ("default", "own", "expected"),
    [
        ({"type": "ple", "num_bins": 5}, None, ("ple", 5)),
        ({"type": "ple", "num_bins": 5}, {"output_size": 3}, ("ple", 5)),
        ({"type": "ple", "num_bins": 5}, {"type": "ple", "num_bins": 7}, ("ple", 7)),
        ({"type": "ple", "num_bins": 5}, "ple", ("ple", 5)),
        ({"type": "ple", "num_bins": 5}, {"type": "bins"}, ("bins", 32)),  # of another type: it stands alone
    ],
)
def test_a_feature_wins_over_the_defaults_of_its_type(default, own, expected):
    feature = X if own is None else {**X, "encoder": own}
    loaded = load_config(config(input_features=[feature], defaults={"number": {"encoder": default}}))
    encoder = loaded.input_features[0].encoder
    assert (encoder.type, encoder.num_bins) == expected


def test_preprocessing_defaults_are_for_inputs():
    defaults = {"number": {"preprocessing": {"normalization": "minmax"}}}
    loaded = load_config(config(output_features=[{"name": "z", "type": "number"}], defaults=defaults))
    assert loaded.input_features[0].preprocessing.normalization == "minmax"
    assert loaded.output_features[0].preprocessing.normalization == "zscore"


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ({}, ("combined", "loss")),
        ({"validation_metric": "loss"}, ("y", "loss")),
        ({"validation_metric": "r2"}, ("z", "r2")),  # the only output that has it
        ({"validation_field": "z"}, ("z", "loss")),
        ({"validation_field": "z", "validation_metric": "r2"}, ("z", "r2")),
        ({"validation_field": "combined"}, ("combined", "loss")),
    ],
)
def test_what_decides_is_spelled_out(trainer, expected):
    loaded = load_config(config(output_features=[Y, {"name": "z", "type": "number"}], trainer=trainer))
    assert (loaded.trainer.validation_field, loaded.trainer.validation_metric) == expected


def test_numbers_in_yaml_are_numbers():
    raw = read_yaml("a: 1e-3\nb: 1.5E+2\nc: 12\nd: .5\ne: x1e3\nf: '1e3'\ng: -2e4", "text")
    assert raw == {"a": 0.001, "b": 150.0, "c": 12, "d": 0.5, "e": "x1e3", "f": "1e3", "g": -20000.0}


def test_a_file_that_holds_no_config_is_reported(tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n", encoding="utf-8")
    with pytest.raises(ConfigValidationError, match="must be a mapping of sections. Received: list"):
        read_config(tmp_path / "list.yaml")
    with pytest.raises(ConfigValidationError, match="is not valid YAML"):
        read_yaml("a: [", "text")


@pytest.mark.parametrize(
    ("section", "name", "is_taken"),
    [
        ("input_features", "format_version", True),
        ("output_features", "format_version", True),
        ("output_features", "combined", True),
        ("input_features", "combined", False),
    ],
)
def test_names_that_stand_for_something_else_are_refused(section, name, is_taken):
    raw = config(**{section: [{"name": name, "type": "number"}]})
    if is_taken:
        with pytest.raises(ConfigValidationError, match=rf"{section}\[0\].name: The name '{name}' is reserved"):
            load_config(raw)
        column = {"name": f"{name}_", "column": name, "type": "number"}
        load_config({**raw, section: [column]})
    else:
        load_config(raw)


def test_a_model_type_that_is_no_name_is_a_fault():
    with pytest.raises(ConfigValidationError, match=r"There is no model type '\['ecd'\]'\. .*Choose one of: ecd, llm"):
        load_config(config(model_type=["ecd"]))


def test_a_dot_and_underscores_are_text_in_yaml():
    assert read_yaml("{a: ._, b: .5, c: 1_0.5, d: 1e-3, e: .5e2}", "x") == {
        "a": "._",
        "b": 0.5,
        "c": 10.5,
        "d": 0.001,
        "e": 50.0,
    }


def test_columns_and_features_are_named_alike_everywhere():
    raw = {
        "input_features": [X],
        "output_features": [{"name": "a.b", "type": "category"}, {"name": "c", "type": "number"}],
        "trainer": {"validation_field": "a.b"},
        "preprocessing": {"split": {"type": "datetime", "column": "Date (UTC)"}},
    }
    loaded = load_config(raw)
    assert loaded.trainer.validation_field == "a_b"
    assert loaded.preprocessing.split.column == "Date _UTC_"  # as the tables have it
    old = load_config({**raw, "preprocessing": {"stratify": "a.b"}})
    assert old.preprocessing.split.column == "a_b"


@pytest.mark.parametrize(
    ("rule", "kind", "fits"),
    [
        ("stratify", "category", True),
        ("stratify", "binary", True),
        ("stratify", "number", False),
        ("stratify", "text", False),
        ("datetime", "number", True),
        ("datetime", "text", True),
        ("datetime", "binary", False),
        ("hash", "vector", True),
    ],
)
def test_a_split_takes_columns_that_it_can_read(rule, kind, fits):
    raw = config(
        input_features=[X, {"name": "s", "type": kind}], preprocessing={"split": {"type": rule, "column": "s"}}
    )
    if fits:
        assert load_config(raw).preprocessing.split.column == "s"
    else:
        with pytest.raises(ConfigValidationError, match=f"'s' is a {kind} feature, which a '{rule}' split cannot use"):
            load_config(raw)


@pytest.mark.parametrize(
    ("kind", "sections", "words"),
    [
        ("image", {"encoder": {"num_cov_layers": 3}}, r"defaults\.image\.encoder\.num_cov_layers: Unknown .*num_conv"),
        (
            "image",
            {"encoder": {"num_conv_layers": 0}},
            r"defaults\.image\.encoder\.num_conv_layers: Must be at least 1",
        ),
        ("vector", {"encoder": {"type": "dense", "foo": 1}}, r"defaults\.vector\.encoder\.foo: Unknown parameter"),
        ("vector", {"encoder": "desne"}, r"defaults\.vector\.encoder\.type: .*Did you mean 'dense'"),
        ("vector", {"preprocessing": {"foo": 1}}, r"defaults\.vector\.preprocessing\.foo: Unknown parameter"),
        ("vector", {"preprocessing": "zscore"}, r"defaults\.vector\.preprocessing: Must be a section"),
        ("vector", {"decoder": {"foo": 1}}, r"defaults\.vector\.decoder\.foo: Unknown parameter"),
        ("vector", {"loss": {"foo": 1}}, r"defaults\.vector\.loss\.foo: Unknown parameter"),
        ("vector", {"combiner": {}}, r"defaults\.vector\.combiner: Unknown parameter"),
    ],
)
def test_defaults_of_a_type_that_no_feature_has_are_checked_as_well(kind, sections, words):
    with pytest.raises(ConfigValidationError, match=f"one fault:\n.*{words}"):
        load_config(config(defaults={kind: sections}))


def test_right_defaults_of_a_type_that_no_feature_has_are_welcome():
    defaults = {"image": {"encoder": {"num_conv_layers": 3}}, "vector": {"decoder": {"num_fc_layers": 1}}}
    assert load_config(config(defaults=defaults)).defaults == defaults
    renamed = load_config(config(defaults={"numerical": {"encoder": "ple"}}))
    assert renamed.input_features[0].encoder.type == "ple"


@pytest.mark.parametrize("wrong", [3, [1], "zscore", True])
@pytest.mark.parametrize("section", ["preprocessing", "trainer", "defaults", "hyperopt"])
def test_a_section_of_a_wrong_kind_is_one_fault(section, wrong):
    with pytest.raises(ConfigValidationError, match=f"one fault:\n  {section}: Must be a section of keys and values"):
        load_config(config(**{section: wrong}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"preprocessing": {"number": "zscore"}},
        {"preprocessing": {"number": 3}, "defaults": {"number": 3}},
        {"preprocessing": {"number": {"normalization": "minmax"}}, "defaults": "x"},
        {"preprocessing": {"stratify": "y", "split": 3}},
        {"preprocessing": {"stratify": {"y": 1}, "split": "random"}},
        {"trainer": {"learning_rate_scheduler": 3, "decay": True}},
        {"input_features": [{**X, "preprocessing": 3}]},
        {"input_features": [{"name": "x", "type": ["number"]}]},
        {"input_features": [{"name": "", "type": "number"}]},
        {"input_features": [{**X, "column": " "}]},
        {"output_features": [{"name": "v", "type": "vector", "vector_size": 3, "preprocessing": "x"}]},
        {"combiner": "\ud800"},
        {"trainer": {"batch_size": 10**400}},
        {3: 4},
        {None: 4},
        {("a",): 4},
    ],
)
def test_one_mistake_is_one_fault(wrong):
    with pytest.raises(ConfigValidationError, match="one fault"):
        load_config({**config(), **wrong})


def test_a_config_within_itself_is_refused():
    raw = config()
    raw["trainer"] = raw
    with pytest.raises(ConfigValidationError, match="contain itself"):
        load_config(raw)


@pytest.mark.parametrize(
    ("old", "word"),
    [
        (config(trainer={"optimizer": {"type": "adam", "lr": 0.1}, "learning_rate": 0.2}), "trainer.learning_rate"),
        (config(trainer={"learning_rate_scheduler": {"type": "cosine", "decay": "linear"}}), "scheduler.decay"),
        (config(input_features=[image(num_filters=8, out_channels=9)]), "out_channels"),
        (config(training={"epochs": 1}, trainer={"epochs": 2}), "trainer"),
    ],
)
def test_where_old_and_new_words_disagree_the_error_names_the_new_one(old, word):
    with pytest.raises(ConfigValidationError, match=rf"Unknown parameter. Use [a-z_.]*{word}, and remove this one"):
        load_config(old)


def llm(**sections: Any) -> dict[str, Any]:
    question, answer = {"name": "q", "type": "text"}, {"name": "a", "type": "text"}
    features = {"input_features": [question], "output_features": [answer]}
    return {"model_type": "llm", "base_model": "gpt2", "trainer": {"type": "none"}, **features, **sections}


def test_a_temperature_of_0_is_greedy_decoding():
    for zero in (0, 0.0):
        assert load_config(llm(generation={"temperature": zero})) == load_config(llm(generation={"do_sample": False}))


def test_labels_may_stand_in_the_matching_rules_alone():
    rules = {"good": {"type": "contains", "value": "good"}, "bad": {"type": "regex", "value": "bad|poor"}}
    decoder = {"type": "category_extractor", "match": rules}

    def labels(**sections: Any) -> list[str]:
        output = {"name": "a", "type": "category", **sections}
        return load_config(llm(output_features=[output])).output_features[0].preprocessing.vocab

    assert labels(decoder=decoder, preprocessing={"fallback_label": "bad"}) == ["good", "bad"]
    assert labels(decoder={**decoder, "fallback_label": "none"}) == ["good", "bad", "none"]
