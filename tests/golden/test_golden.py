import pandas as pd
import pytest

from ludwig.api import LudwigModel
from tests.contracts.registries import components
from tests.golden.golden import (
    COMMAND,
    HERE,
    MODELS,
    as_read,
    files,
    losses,
    read,
    same_curves,
    schemas,
    table,
    weights,
    written,
)

HINT = f"if that is wanted, run `{COMMAND}` and report it in the changelog"


def test_every_component_and_no_other_has_a_file_of_its_options():
    now, before = schemas(components()), {name for name in written() if name.startswith("schema/")}
    assert before - now.keys() == set(), f"no component has these files: {HINT}"
    assert now.keys() - before == set(), f"these files are missing: {HINT}"


def test_options_are_as_written_down():
    before = written()
    changed = [name for name, now in schemas(components()).items() if name in before and as_read(now) != before[name]]
    assert changed == [], f"these options changed: {HINT}"


@pytest.mark.parametrize(("name", "make"), [("files.json", files), ("weights.json", weights)])
def test_names_are_as_written_down(name, make):
    assert as_read(make()) == read(HERE / name), f"{name} changed: {HINT}"


def test_a_small_model_trains_as_it_did():
    assert same_curves(losses(), read(HERE / "losses.json")), f"losses.json changed: {HINT}"


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_a_model_that_was_saved_long_ago_predicts_what_it_did(folder):
    loaded = LudwigModel.load(str(folder))
    expected = pd.read_json(folder / "predictions.json", orient="records")
    predicted, _ = loaded.predict(table())
    assert predicted.y_predictions.tolist() == expected.y_predictions.tolist()
    for name in ("y_probability", "z_predictions"):
        assert predicted[name].to_numpy() == pytest.approx(expected[name].to_numpy(), rel=1e-4)
