import dataclasses
from typing import Annotated, Any, Literal

import jsonschema
import marshmallow as ma
import pytest

from ludwig.config import CONFIGS, load_config
from ludwig.schema import Chosen, Component, Registry, dump, json_schema, load, param
from ludwig.schema.report import faults_of

THINGS: Registry[Any] = Registry("thing")


class Thing(Component):
    """A thing."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        size: int = param(8, min=1, help="Size.")


@THINGS.register("plain", kinds=("a", "b"), aliases=("simple",))
class Plain(Thing):
    """A plain thing."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Thing.Config):
        pass


@THINGS.register("rich", kinds=("a",))
class Rich(Thing):
    """A rich thing."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Thing.Config):
        share: float = param(0.0, min=0, below=1, help="Share.")
        layers: list[int] | None = param(None, min=1, help="Layers.")
        pair: tuple[int, float] = param((1, 0.5), help="A pair.")
        word: Literal["x", "y"] | None = param("x", help="A word.")
        either: int | Literal["auto"] = param("auto", min=1, help="A number or a word.")
        weights: list[float] | dict[str, float] | None = param(None, help="Weights.")


CHOSEN = Chosen(THINGS, "plain", "a")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole:
    """A whole config."""

    name: str = param(help="Name.")
    thing: Annotated[Thing.Config, CHOSEN] = param(CHOSEN.make, help="A thing.")
    things: list[Annotated[Thing.Config, Chosen(THINGS, kind="b")]] = param(list, help="Things.")


def faults(raw: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ma.ValidationError) as caught:
        load(Whole, raw)
    return dict(faults_of(caught.value.messages))


def test_defaults_words_and_aliases():
    whole = load(Whole, {"name": "n", "thing": "rich", "things": ["simple", {"type": "plain", "size": 2}]})
    assert whole.thing == Rich.Config()
    assert whole.things == [Plain.Config(), Plain.Config(size=2)]
    assert load(Whole, {"name": "n"}).thing == Plain.Config()


def test_the_round_trip():
    raw = {
        "name": "n",
        "thing": {"type": "rich", "layers": [4], "pair": [2, 3], "word": None, "either": 3, "weights": {"k": 1}},
    }
    whole = load(Whole, raw)
    assert whole.thing.pair == (2, 3.0)
    assert load(Whole, dump(whole)) == whole


@pytest.mark.parametrize(
    ("section", "path", "words"),
    [
        ({"share": 1.0}, "thing.share", "at least 0 and less than 1. Received: 1.0"),
        ({"share": "0.1"}, "thing.share", "Must be a number. Received: '0.1'"),
        ({"share": float("nan")}, "thing.share", "finite"),
        ({"size": 2.5}, "thing.size", "Must be an integer"),
        ({"size": True}, "thing.size", "Must be an integer"),
        ({"layers": [1, 0]}, "thing.layers[1]", "at least 1"),
        ({"layers": 3}, "thing.layers", "Must be a list"),
        ({"pair": [1]}, "thing.pair", "Must have 2 entries"),
        ({"pair": [1, "b"]}, "thing.pair[1]", "Must be a number"),
        ({"word": "z"}, "thing.word", "Must be one of: x, y"),
        ({"either": "aut"}, "thing.either", "Must be an integer. Received: 'aut'. Or: Must be one of: auto"),
        ({"weights": [1, "b"]}, "thing.weights[1]", "Must be a number"),
        ({"weights": {"k": "b"}}, "thing.weights.k", "Must be a number"),
        ({"siz": 1}, "thing.siz", "Did you mean 'size'"),
        ({"type": "ritch"}, "thing.type", "There is no thing 'ritch' for an a feature. Did you mean 'rich'"),
    ],
)
def test_a_fault_is_reported_with_its_path_and_what_was_received(section, path, words):
    assert words in faults({"name": "n", "thing": {"type": "rich", **section}})[path]


def test_all_faults_at_once():
    found = faults({"thing": {"type": "rich", "share": 3}, "things": ["rich", {}], "foo": 1})
    assert set(found) == {"name", "thing.share", "things[0].type", "things[1].type", "foo"}


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="registered twice: Plain and Rich"):
        THINGS.register("plain", kinds=("a",))(Rich)
    with pytest.raises(TypeError, match="must declare its own Config"):
        THINGS.register("other")(type("Other", (Plain,), {}))


ECD = {
    "input_features": [
        {"name": "x", "type": "number", "encoder": {"type": "ple", "num_bins": 4}},
        {"name": "c", "type": "category", "encoder": "onehot"},
    ],
    "output_features": [{"name": "y", "type": "binary", "loss": {"type": "focal", "gamma": 1.0}}],
    "trainer": {"batch_size": "auto", "optimizer": {"type": "adamw", "betas": [0.9, 0.99]}},
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema(CONFIGS["ecd"]))


@pytest.mark.parametrize("raw", [ECD, load_config(ECD).to_dict()], ids=["written", "rendered"])
def test_the_json_schema_takes_good_configs(raw, validator):
    reported = {"active", "proc_column"}  # of a rendered feature, and no options
    good = {
        **raw,
        **{
            key: [{k: v for k, v in f.items() if k not in reported} for f in raw[key]]
            for key in ("input_features", "output_features")
        },
    }
    validator.validate(good)


@pytest.mark.parametrize(
    "change",
    [
        {"foo": 1},
        {"trainer": {"epochs": 0}},
        {"trainer": {"optimizer": {"type": "adamm"}}},
        {"input_features": [{"name": "x", "type": "numbr"}]},
        {"input_features": [{"name": "x", "type": "number", "encoder": {"type": "ple", "num_bin": 4}}]},
        {"output_features": [{"type": "binary"}]},
    ],
)
def test_the_json_schema_refuses_bad_configs(change, validator):
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**ECD, **change})


def test_the_json_schema_of_own_options_names_other_components_and_leaves_theirs_out():
    whole = json_schema(CONFIGS["ecd"], with_components=False)
    assert whole["properties"]["combiner"]["$ref"] == "urn:ludwig:combiner"
    assert whole["properties"]["combiner"]["default"] == "tabm"
    assert whole["properties"]["trainer"]["$ref"] == "urn:ludwig:training.trainer.Trainer"
    sections = ["data.preprocess.Preprocessing", "hyperopt.config.section.SearchConfig"]
    assert [*whole["$defs"]] == [*sections, "hyperopt.config.section.Objective"]
    assert whole["$defs"]["data.preprocess.Preprocessing"]["properties"]["split"]["$ref"] == "urn:ludwig:split"
    jsonschema.Draft202012Validator.check_schema(whole)


def test_the_json_schema_is_one(validator):
    jsonschema.Draft202012Validator.check_schema(validator.schema)


def test_the_json_schema_takes_every_word_for_a_component():
    schema = json_schema(Whole)
    for word in THINGS.words("a"):  # the loader takes them all
        raw = {"name": "n", "thing": {"type": word}}
        load(Whole, raw)
        jsonschema.validate(raw, schema)


@pytest.mark.parametrize("name", [["plain"], 3, {"plain": 1}])
def test_a_type_that_is_no_name_is_a_fault_with_its_choices(name):
    text = faults({"name": "n", "thing": {"type": name}})["thing.type"]
    assert text == f"The thing must be a name. Received: {name!r}. Choose one of: plain, rich."


def test_an_integer_beyond_all_floats_is_a_fault():
    text = faults({"name": "n", "thing": {"type": "rich", "share": 10**400}})["thing.share"]
    assert text.startswith("Must be a finite number.")
