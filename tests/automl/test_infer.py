"""What columns are found to be: each rule on columns that it is for, and on those that look alike."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.automl import create_features_config, infer_types
from ludwig.error import ArgumentError, InputDataError, LudwigWarning

ROWS = 200
RANDOM = np.random.default_rng(0)
REST = {"x": RANDOM.normal(size=ROWS), "y": RANDOM.choice(["a", "b", "c"], ROWS)}
WORDS = ["red", "green", "blue", "dark grey"]
NAMES = [f"{('Ann', 'Bob')[i % 2]}{i} {('Lee', 'Ray')[i % 2]}{i}" for i in range(ROWS)]
DATES = pd.date_range("2019-01-01", periods=ROWS, freq="37h")
PIXELS = np.zeros((4, 4, 3), np.uint8)


def repeated(values) -> list:
    return [values[place % len(values)] for place in range(ROWS)]


def with_missing(values, share: float, missing=None) -> list:
    count = round(share * ROWS)
    return [missing] * count + list(values)[count:]


def sentence(row: int) -> str:
    return " ".join(RANDOM.choice(["the", "service", "was", "very", "slow", "but", "friendly", f"n{row}"], 9))


LEFT_OUT = None
COLUMNS = {
    # keys, counts and codes
    "id": (range(1000, 1000 + ROWS), LEFT_OUT),
    "customerID": (RANDOM.permutation(ROWS) * 7, LEFT_OUT),
    "row": (range(ROWS), LEFT_OUT),
    "uuid_like": ([f"{i:08x}-{i * 31:04x}" for i in range(ROWS)], LEFT_OUT),
    "population": (RANDOM.permutation(ROWS) * 913 + 5, "number"),  # all differ, but are not dense
    "year": (range(1800, 1800 + ROWS), "number"),  # dense, but years
    "user_id": (repeated([901, 17, 44, 3051]), "category"),
    "zip_code": (repeated([10001, 94105, 60601]), "category"),
    "zip_text": (repeated(["01002", "94105", "60601"]), "category"),
    "mass_index": (repeated([21, 25, 30, 34]), "number"),  # no key
    "index": (range(5, 5 + ROWS), LEFT_OUT),
    "shopType": (repeated([1, 4, 7]), "category"),
    "children": (repeated([0, 1, 2, 3, 4]), "number"),
    "humid": (repeated([10, 11, 12]), "number"),  # ends in id
    # numbers
    "rate": (repeated([0.5, 1.5, 2.5]), "number"),
    "with_infinite": ([np.inf] * 5 + [*RANDOM.normal(size=ROWS - 5)], "number"),
    "as_text": ([f" {value:.2f} " for value in RANDOM.normal(size=ROWS)], "number"),
    "marked": (with_missing([str(i * 3) for i in range(ROWS)], 0.2, "?"), "number"),
    "a_few_words": (with_missing([str(i * 3) for i in range(ROWS)], 0.1, "unknown"), "number"),
    "half_words": (repeated(["7", "8", "none given", "9", "refused"]), "category"),
    "thousands": ([f"{1000 + 991 * i:,}" for i in range(ROWS)], LEFT_OUT),
    "spaced": ([f"{1000 + 991 * i:,}".replace(",", " ") for i in range(ROWS)], LEFT_OUT),
    "dollars": ([f"${5 + i}.50" for i in range(ROWS)], LEFT_OUT),
    "percent": ([f"{i / 2} %" for i in range(ROWS)], LEFT_OUT),
    "decimal_comma": ([f"{i},{i % 10}" for i in range(ROWS)], LEFT_OUT),
    "few_thousands": (repeated(["1,000", "2,500", "10,000"]), "category"),
    # two values
    "flag": (repeated([True, False]), "binary"),
    "yes_no": (repeated(["yes", "no"]), "binary"),
    "zero_one": (repeated([0, 1]), "binary"),
    "any_two": (repeated(["left", "right"]), "binary"),
    "yes_no_missing": (with_missing(repeated(["yes", "no"]), 0.3), "category"),
    "yes_no_unknown": (repeated(["yes", "no", "perhaps"]), "category"),
    "flag_or_none": (with_missing(repeated([True, False]), 0.3), "category"),
    # nothing, or hardly anything
    "empty": ([None] * ROWS, LEFT_OUT),
    "blank": (repeated(["", " ", "n/a"]), LEFT_OUT),
    "constant": (["same"] * ROWS, LEFT_OUT),
    "constant_number": ([7.0] * ROWS, LEFT_OUT),
    "here_or_not": (with_missing(["pool"] * ROWS, 0.6), "category"),
    "hardly": (with_missing(range(ROWS), 0.995), LEFT_OUT),
    "mostly_missing": (with_missing([float(i) for i in range(ROWS)], 0.9, np.nan), "number"),
    # dates and times
    "moment": (DATES, "date"),
    "day": ([moment.date() for moment in DATES], "date"),
    "iso": ([moment.isoformat() for moment in DATES], "date"),
    "iso_day": ([f"{moment:%Y-%m-%d}" for moment in DATES], "date"),
    "german": ([f"{moment:%d.%m.%Y}" for moment in DATES], "date"),
    "american": ([f"{moment:%m/%d/%y}" for moment in DATES], "date"),
    "written": ([f"{moment:%b %d, %Y}" for moment in DATES], "date"),
    "clock": ([f"{moment:%H:%M}" for moment in DATES], "date"),
    "date_gaps": (with_missing([f"{moment:%Y-%m-%d}" for moment in DATES], 0.2, "?"), "date"),
    "eight_digits": ([int(f"{moment:%Y%m%d}") for moment in DATES], "date"),
    "created_at": ([int(moment.timestamp()) for moment in DATES], "date"),
    "phone": ([1_500_000_000 + 7919 * i for i in range(ROWS)], "number"),
    "version": (repeated(["1.2.3", "1.2.4", "2.0.0"]), "category"),
    "address_ip": (repeated(["10.0.0.1", "10.0.0.2", "10.0.1.7"]), "category"),
    "month": (repeated(["Jan", "Feb", "Mar"]), "category"),
    "duration": ([datetime.timedelta(hours=i) for i in range(ROWS)], LEFT_OUT),
    "period": (pd.period_range("2020-01", periods=ROWS, freq="D"), LEFT_OUT),
    # words
    "color": (repeated(WORDS), "category"),
    "letters": (pd.Categorical(repeated(["a", "b", "c"])), "category"),
    "ümlaut": (repeated(["größer", "kleiner", "日本", "🙂"]), "category"),
    "mixed": (repeated([1, "one", 2.5, "two"]), "category"),
    "full_name": (NAMES, "text"),
    "review": ([sentence(row) for row in range(ROWS)], "text"),
    "chinese": ([f"这家餐厅的服务非常好{chr(0x4E00 + i)}" for i in range(ROWS)], "text"),
    "ticket": ([f"T{i % 120}" for i in range(ROWS)], "category"),
    "long_but_few": (repeated(["a sentence that is the same in many rows", "and a second one", "x"]), "category"),
    # several in a cell
    "genres": ([",".join(RANDOM.choice(["drama", "war", "comedy", "crime"], i % 3 + 1)) for i in range(ROWS)], "set"),
    "surname_first": ([f"{name.split()[1]}, {name.split()[0]}" for name in NAMES], "text"),
    "token_lists": (repeated([["a", "b"], ["c"], []]), "set"),
    "sets": (repeated([{"a", "b"}, {"c"}]), "set"),
    "vector": ([[float(i), 2.0, 3.0] for i in range(ROWS)], "vector"),
    "vector_text": ([f"{i}.5 2.0 3.0" for i in range(ROWS)], "vector"),
    "vector_brackets": ([f"[{i}, 2, 3]" for i in range(ROWS)], "vector"),
    "arrays": ([np.arange(4.0) + i for i in range(ROWS)], "vector"),
    "series": ([" ".join(["1.5"] * (i % 5 + 2)) for i in range(ROWS)], "timeseries"),
    "series_lists": ([[0.5] * (i % 5 + 2) for i in range(ROWS)], "timeseries"),
    "dicts": (repeated([{"a": 1}]), LEFT_OUT),
    "ragged_tables": (repeated([np.zeros((2, 2)), np.zeros(3)]), LEFT_OUT),
    # media
    "photo": ([f"photos/{i}.JPG" for i in range(ROWS)], "image"),
    "pixels": ([PIXELS] * ROWS, "image"),
    "png_bytes": ([b"\x89PNG" + bytes([i]) for i in range(ROWS)], "image"),
    "wav_bytes": ([b"RIFF" + bytes([i]) for i in range(ROWS)], "audio"),
    "other_bytes": ([b"PK" + bytes([i]) for i in range(ROWS)], LEFT_OUT),
    "sound": ([f"https://host/{i}.wav" for i in range(ROWS)], "audio"),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_what_it_looks_like(name: str):
    cells, kind = COLUMNS[name]
    table = pd.DataFrame({name: pd.Series(cells), **REST})
    found = infer_types(table, "y")[0]
    assert found.type == kind, found.reason
    assert found.reason
    assert not found.is_target


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (repeated([0, 1]), "binary"),
        (with_missing(repeated(["good", "bad"]), 0.2), "binary"),
        (repeated([0, 1, 2]), "category"),
        (repeated([1.0, 2.0, 3.0]), "category"),
        (repeated(["0", "1", "2"]), "category"),
        (repeated([3, 5, 8]), "number"),
        (repeated(list(range(30))), "number"),
        (RANDOM.permutation(ROWS), "number"),
        (repeated([0.1, 0.2, 0.3]), "number"),
        (repeated(WORDS), "category"),
        ([sentence(row) for row in range(ROWS)], "text"),
        ([[1.0, float(i)] for i in range(ROWS)], "vector"),
        ([",".join(RANDOM.choice(["drama", "war", "crime"], i % 3 + 1)) for i in range(ROWS)], "set"),
    ],
)
def test_a_target_is_what_can_be_predicted(cells, kind):
    (guess,) = (guess for guess in infer_types({"x": REST["x"], "goal": cells}, "goal") if guess.is_target)
    assert guess.type == kind, guess.reason


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["one"] * ROWS, "one value only, 'one'"),
        ([None] * ROWS, "nothing"),
        (DATES, "dates or times"),
        ([f"{1000 + i:,}" for i in range(ROWS)], r"separators or signs, as '1,000'"),
        ([f"{i}.png" for i in range(ROWS)], "paths of image files"),
        ([f"key{i}" for i in range(ROWS)], "a key"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused_with_the_reason(cells, message):
    with pytest.raises(InputDataError, match=f"The target 'goal' cannot be predicted as it is: it holds .*{message}"):
        infer_types({"x": REST["x"], "goal": cells}, "goal")


def test_cells_that_cannot_be_read_are_allowed_for():
    table = {
        **REST,
        "amount": with_missing([str(i) for i in range(ROWS)], 0.1, "?"),
        "ratio": with_missing(RANDOM.normal(size=ROWS), 0.1, np.inf),
        "day": with_missing([f"{moment:%Y-%m-%d}" for moment in DATES], 0.1, "?"),
    }
    config = create_features_config(table, "y")
    for feature in config["input_features"][1:]:
        assert 0.1 < feature["preprocessing"]["max_invalid_share"] < 0.2
    with warnings.catch_warnings(record=True, action="always") as caught:
        LudwigModel(config).preprocess(pd.DataFrame(table))
    assert [type(each.message) for each in caught] == [LudwigWarning] * 3


def test_the_rarer_of_two_labels_is_true_where_no_word_shows_it():
    table = {**REST, "side": repeated([" left", "right", "right"]), "vote": repeated(["yes", "no"])}
    config = create_features_config(table, "side")
    assert config["input_features"][-1] == {"name": "vote", "type": "binary"}
    assert config["output_features"][0]["preprocessing"] == {"fallback_true_label": " left"}
    metadata = LudwigModel(config).preprocess(table).training_set_metadata
    assert metadata["side"]["fallback_true_label"] == " left"


def test_a_column_of_splits_is_no_input():
    table = {**REST, "split": repeated([0, 1, 2])}
    assert infer_types(table, "y")[-1].type is None
    assert infer_types({**REST, "split": repeated([0, 1, 7])}, "y")[-1].type == "number"


def test_names_are_those_that_features_have():
    guesses = infer_types({"a.b": repeated(["u", "v", "w"]), "x": REST["x"], "the y": REST["y"]}, "the y")
    assert [guess.name for guess in guesses] == ["a_b", "x", "the y"]


def test_a_sample_of_a_large_table_is_enough_and_follows_the_seed():
    table = pd.DataFrame({"x": np.arange(50_000) % 977 / 7, "id": range(50_000), "y": ["a", "b"] * 25_000})
    assert [guess.type for guess in infer_types(table, "y")] == ["number", None, "binary"]
    table["rare"] = ["none"] * 49_000 + [f"w{i % 300}" for i in range(1000)]
    found = [infer_types(table, "y", random_seed=seed)[-1].seen for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_files_and_records_are_read_as_everywhere(tmp_path):
    table = pd.DataFrame(REST)
    table.to_csv(tmp_path / "table.csv", index=False)
    expected = create_features_config(table, "y")
    assert expected["output_features"] == [{"name": "y", "type": "category"}]
    assert create_features_config(tmp_path / "table.csv", "y") == expected
    assert create_features_config(table.to_dict("records"), "y") == expected


def test_a_table_without_a_target_has_inputs_alone():
    assert create_features_config(REST) == {
        "input_features": [{"name": "x", "type": "number"}, {"name": "y", "type": "category"}],
        "output_features": [],
    }


@pytest.mark.parametrize(
    ("table", "target", "message"),
    [
        ({"price": [1.0, 2.0], "x": [1, 2]}, "prize", "no column 'prize'.*Did you mean 'price'"),
        ({"price": [], "x": []}, "price", "no rows"),
        ({"price": [1.0, 2.0]}, "price", "no column besides price"),
        ({"price": [1.0, 2.0], "x": [1, 1], "z": ["a", "a"]}, "price", "No column is of use.* x: constant.*; z: const"),
    ],
)
def test_a_table_of_no_use_is_refused(table, target, message):
    with pytest.raises(InputDataError, match=message):
        infer_types(pd.DataFrame(table), target)


@pytest.mark.parametrize("target", [3, ["x", "x"], [""], {"x": 1}])
def test_a_target_is_a_name_or_several(target):
    with pytest.raises(ArgumentError, match="target must be the name of a column"):
        infer_types(REST, target)
