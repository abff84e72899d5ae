"""Rows are counted: how many were read, used, and dropped for which reason; and the user is warned of what is lost."""

from __future__ import annotations

import json
import logging
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.error import InputDataError, LudwigWarning

CLASSES = ["None", "Minor", "Major"]


def table(rows: int = 90) -> pd.DataFrame:
    place = np.arange(rows)
    return pd.DataFrame({"x": place * 1.0, "kind": np.array(CLASSES)[place % 3], "split": place // 3 % 3})


def model(kind: str = "category", level: int = logging.ERROR, **preprocessing: object) -> LudwigModel:
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}],
            "output_features": [{"name": "kind", "type": kind}],
            "preprocessing": preprocessing,
            "trainer": {"epochs": 1},
        },
        logging_level=level,
    )


def test_every_split_counts_its_rows_by_reason(tmp_path):
    data = table()
    data["kind"] = data["kind"].where(data.index % 9 != 0)  # rows 0, 9, .. are in the training split
    data.loc[[3, 4], "kind"] = np.nan  # in the validation split
    one = model()
    with pytest.warns(LudwigWarning, match="12 of 90 rows dropped: 12 because the target 'kind' is missing"):
        results = one.train(data, output_directory=str(tmp_path), skip_save_log=True)
    missing = "target 'kind' is missing"
    expected = {
        "total": {"read": 90, "used": 78, "dropped": {missing: 12}},
        "training": {"read": 30, "used": 20, "dropped": {missing: 10}},
        "validation": {"read": 30, "used": 28, "dropped": {missing: 2}},
        "test": {"read": 30, "used": 30, "dropped": {}},
    }
    assert results.preprocessed_data.rows == expected
    for file in ("description.json", "training_report.json"):
        assert json.loads((Path(results.output_directory) / file).read_text())["rows"] == expected
    card = (Path(results.output_directory) / "model_card.md").read_text()
    assert "10: target 'kind' is missing" in card


def test_sampling_undersampling_and_rows_in_no_split_are_reasons():
    data = table()
    data["kind"] = np.where(data.index % 4 == 0, "yes", "no")
    data["split"] = np.where(data.index < 10, 7, data["split"])
    split = {"type": "fixed", "column": "split"}
    one = model("binary", sample_size=60, undersample_majority=0.5, split=split)
    with pytest.warns(LudwigWarning, match="Left out where .split. is not 0, 1 or 2: 7 rows"):
        rows = one.preprocess(data).rows
    total, training = rows["total"], rows["training"]
    assert (total["read"], total["dropped"]["left out by sampling"]) == (90, 30)
    assert total["dropped"]["in no split"] == 60 - sum(rows[name]["read"] for name in rows if name != "total")
    assert training["read"] == training["used"] + training["dropped"]["left out by undersampling"]
    assert all(count["read"] == count["used"] + sum(count["dropped"].values()) for count in rows.values())


def test_tables_of_their_own_are_counted_too():
    parts = [table(30), table(12), table(9)]
    parts[1].loc[0, "kind"] = None
    with pytest.warns(LudwigWarning, match="1 of 51 rows"):
        rows = model().preprocess(training_set=parts[0], validation_set=parts[1], test_set=parts[2]).rows
    assert [rows[name]["used"] for name in ("total", "training", "validation", "test")] == [50, 30, 11, 9]


def test_rows_come_back_from_the_cache(tmp_path):
    table().to_csv(tmp_path / "t.csv", index=False)
    options = {"missing_values": []}
    first = model(**options).train(str(tmp_path / "t.csv"), output_directory=str(tmp_path / "a"), skip_save_log=True)
    assert list(tmp_path.glob("*.hdf5"))
    again = model(**options).train(str(tmp_path / "t.csv"), output_directory=str(tmp_path / "b"), skip_save_log=True)
    assert again.preprocessed_data.rows == first.preprocessed_data.rows != {}


# -- words of a file that mean a missing cell


def test_a_class_whose_name_means_missing_is_reported_and_can_be_kept(tmp_path):
    path = str(tmp_path / "t.csv")
    table().to_csv(path, index=False)
    with pytest.warns(LudwigWarning) as caught:
        data = model().preprocess(path, skip_save_processed_input=True)
    texts = " ".join(str(one.message) for one in caught)
    assert "'kind'" in texts
    assert "30 cells read 'None' of 90" in texts
    assert data.training_set_metadata["kind"]["idx2str"] == ["Major", "Minor"]
    for words in ([], ["?"]):
        kept = model(missing_values=words).preprocess(path, skip_save_processed_input=True)
        assert sorted(kept.training_set_metadata["kind"]["idx2str"]) == sorted(CLASSES)


def test_another_word_can_mean_missing(tmp_path):
    path = tmp_path / "t.csv"
    data = table()
    data["x"] = data["x"].astype(str).where(data.index % 30 != 0, "-99 none")
    data.to_csv(path, index=False)
    found = model(missing_values=["-99 none"]).preprocess(str(path), skip_save_processed_input=True)
    assert found.rows["total"]["used"] == 90
    assert found.training_set_metadata["x"]["max"] <= 89


def test_an_input_is_reported_from_half_of_its_cells_on(tmp_path):
    data = table()
    data["kind"] = np.where(data["x"] > 40, "up", "down")
    for share, told in ((3, True), (1, False)):
        data["word"] = np.where(data.index % 4 < share, "NA", "b")
        data.to_csv(tmp_path / "t.csv", index=False)
        one = model()
        config = {**one.user_config, "input_features": [{"name": "word", "type": "category"}]}
        with pytest.warns(LudwigWarning, match="'word'") if told else nullcontext():
            LudwigModel(config).preprocess(str(tmp_path / "t.csv"), skip_save_processed_input=True)


def test_empty_cells_are_missing_without_a_word(tmp_path):
    data = table()
    data["x"] = data["x"].where(data.index % 4 == 0)
    data["kind"] = np.where(data.index % 2 == 0, "up", "down")
    data.to_csv(tmp_path / "t.csv", index=False)
    model().preprocess(str(tmp_path / "t.csv"), skip_save_processed_input=True)


# -- values that the model does not know


@pytest.fixture(scope="module")
def trained() -> LudwigModel:
    data = pd.DataFrame({"code": ["01002", "02139", "03301"] * 30, "note": ["red car", "blue car", "bus"] * 30})
    data["kind"] = data["code"]
    one = LudwigModel(
        {
            "input_features": [{"name": "code", "type": "category"}, {"name": "note", "type": "text"}],
            "output_features": [{"name": "kind", "type": "category"}],
            "trainer": {"epochs": 30, "learning_rate": 0.05},
        },
        logging_level=logging.ERROR,
    )
    one.train(data, output_directory=None)
    return one


def rows(code: list[object], note: list[str], kind: list[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"code": code, "note": note, **({} if kind is None else {"kind": kind})})


def test_a_column_without_a_known_value_is_reported_whatever_the_level(trained):
    with pytest.warns(LudwigWarning, match=r"All 2 cells of the input feature 'code' .*1002"):
        trained.predict(rows([1002, 2139], ["red car", "bus"]))
    with pytest.warns(LudwigWarning, match=r"All 3 cells of the input feature 'note'"):
        trained.predict(rows(["01002"] * 3, ["vélo", "tram tram", "métro"]))


def test_a_few_unknown_values_are_usual(trained):
    trained.predict(rows(["01002", "99999"], ["red plane", "bus"]))
    trained.predict(rows(["99999"], ["bus"]))
    trained.predict(rows([None, "02139"], [None, "bus"]))


def test_unknown_classes_in_an_evaluation_are_reported(trained):
    data = rows(["01002", "02139", "03301"], ["red car", "blue car", "bus"], ["01002", "02139", "other"])
    with pytest.warns(LudwigWarning, match=r"does not know the class of .* in 1 of 3 rows \('other'\)"):
        trained.evaluate(data)


@pytest.mark.parametrize(("kind", "text"), [("other", "knows none of the classes"), (None, "None of the 3 rows")])
def test_an_evaluation_without_a_usable_row_is_an_error(trained, kind, text):
    data = rows(["01002"] * 3, ["bus"] * 3, [kind] * 3)
    with pytest.raises(InputDataError, match=text), pytest.warns(LudwigWarning) if kind is None else nullcontext():
        trained.evaluate(data)


def test_training_further_on_classes_that_are_all_new_is_an_error(trained):
    data = rows(["01002", "02139"] * 10, ["red car", "bus"] * 10, ["oak", "elm"] * 10)
    with (
        pytest.raises(InputDataError, match="knows none of the classes of the output feature 'kind'"),
        pytest.warns(LudwigWarning, match="trained already"),
    ):
        trained.train(data, output_directory=None)


def test_a_split_column_with_odd_cells_is_reported():
    data = table()
    data["kind"] = np.where(data.index % 2 == 0, "up", "down")
    data["split"] = data["split"].astype(float)
    data.loc[[3, 5], "split"] = [7, np.nan]
    with pytest.warns(
        LudwigWarning, match=r"'split' is not used, since it has 2 cells of 90 besides 0, 1 and 2 \(7.0, nan\)"
    ):
        model().preprocess(data)


# -- unreadable cells


@pytest.mark.parametrize("rows_", [1, 50])
def test_one_unreadable_cell_is_missing(rows_):
    clean = table()
    clean["kind"] = np.where(clean.index % 2 == 0, "up", "down")
    one = model()
    one.train(clean, output_directory=None)
    asked = clean.head(rows_).astype({"x": object})
    asked.loc[0, "x"] = "?"
    missing = asked.assign(x=pd.to_numeric(asked["x"], errors="coerce"))
    with pytest.warns(LudwigWarning, match=rf"one cell of {rows_} that are not numbers: '\?'"):
        found, _ = one.predict(asked)
    expected, _ = one.predict(missing)
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize(
    ("count", "share", "fine"), [(2, 0.01, False), (2, 0.05, True), (1, 0.0, False), (3, 0.02, False)]
)
@pytest.mark.parametrize("cell", ["?", np.inf])
def test_the_share_of_unreadable_cells_is_bounded(count, share, fine, cell):
    data = table().astype({"x": object})
    data["kind"] = np.where(data.index % 2 == 0, "up", "down")
    data.loc[data.index[:count], "x"] = cell
    config = {**model().user_config, "defaults": {"number": {"preprocessing": {"max_invalid_share": share}}}}
    if fine:
        with pytest.warns(LudwigWarning, match=f"{count} cells of 90"):
            assert LudwigModel(config).preprocess(data).training_set_metadata["x"]["max"] <= 89
    else:
        with pytest.raises(InputDataError, match="max_invalid_share"):
            LudwigModel(config).preprocess(data)


def test_an_odd_label_of_a_binary_is_missing():
    data = pd.DataFrame({"x": np.arange(200.0), "kind": np.where(np.arange(200) % 2 == 0, "yes", "no")})
    data.loc[0, "kind"] = "mabye"
    with pytest.warns(LudwigWarning) as caught:
        rows_ = model("binary").preprocess(data).rows
    assert any("neither 'no' nor 'yes': 'mabye'" in str(one.message) for one in caught)
    assert rows_["total"]["dropped"] == {"target 'kind' is missing": 1}
