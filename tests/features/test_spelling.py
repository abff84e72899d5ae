"""A cell is spelled by its own value: neither its dtype, nor the cells beside it, nor its file show."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ludwig.api import LudwigModel
from ludwig.features.binary import BinaryFeature
from ludwig.features.category import CategoryFeature
from ludwig.features.cells import Labels
from ludwig.features.spelling import value_of

WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "Int8", "Int64", "UInt32"]
FLOATS = ["float16", "float32", "float64", "Float32", "Float64"]
ARROW_WHOLE = [pd.ArrowDtype(kind) for kind in (pa.int8(), pa.int64(), pa.uint16())]
ARROW_FLOATS = [pd.ArrowDtype(kind) for kind in (pa.float32(), pa.float64(), pa.decimal128(10, 3))]
UNITS = ["datetime64[s]", "datetime64[ms]", "datetime64[us]", "datetime64[ns]"]


def forms(values: list[object], dtypes: list[object]) -> list[pd.Series]:
    """The values as each dtype, as objects and as categories of each, with a missing cell where the dtype has one."""
    columns = [pd.Series(values, dtype=dtype) for dtype in dtypes]
    categories = [column.astype("category") for column in columns if column.dtype != "float16"]
    return [*columns, *categories, *(column.astype(object) for column in columns)]


def words(column: pd.Series) -> list[str]:
    cells = Labels.of(column)
    return cells.words[cells.codes].tolist()


EVERY = [
    *((column, ["3", "0", "1"]) for column in forms([3, 0, 1], [*WHOLE, *FLOATS, *ARROW_WHOLE, *ARROW_FLOATS])),
    *((column, ["0.1", "2", "-7.25"]) for column in forms([0.1, 2.0, -7.25], FLOATS[1:] + ARROW_FLOATS[:2])),
    *((column, ["0.1", "2", "-7.25"]) for column in [pd.Series([Decimal("0.10"), Decimal("2.0"), Decimal("-7.25")])]),
    *((column, ["True", "False"]) for column in forms([True, False], ["bool", "boolean", pd.ArrowDtype(pa.bool_())])),
    *((column, ["2020-01-31", "1969-07-20"]) for column in forms(["2020-01-31", "1969-07-20"], UNITS)),
    *(
        (column, ["2020-01-31"])
        for column in [
            pd.Series([datetime.date(2020, 1, 31)]),
            pd.Series([datetime.datetime(2020, 1, 31)], dtype=object),
            pd.Series([datetime.date(2020, 1, 31)], dtype=pd.ArrowDtype(pa.date32())),
            pd.Series([np.datetime64("2020-01-31")], dtype=object),
        ]
    ),
    *((column, ["2020-01-31 12:30:00.500000"]) for column in forms(["2020-01-31 12:30:00.5"], UNITS[1:])),
    *((column, ["1 days 00:00:00"]) for column in [pd.Series([datetime.timedelta(1)], dtype=object)]),
    *((column, ["1 days 00:00:00"]) for column in forms([86400], ["timedelta64[s]"])[:1]),
    (pd.Series([18446744073709551615], dtype="uint64"), ["18446744073709551615"]),
    (pd.Series([1e21]), ["1000000000000000000000"]),
    (pd.Series([b"caf\xc3\xa9"]), ["café"]),
    (pd.Series(["01002", "2.50", "nan "]), ["01002", "2.50", "nan "]),  # texts stay as they are
]


@pytest.mark.parametrize(("column", "expected"), EVERY, ids=lambda one: str(getattr(one, "dtype", "")))
def test_a_value_is_spelled_alike_in_every_dtype_and_alone(column, expected):
    assert words(column) == expected
    assert [words(column.iloc[place : place + 1])[0] for place in range(len(column))] == expected
    missing = pd.concat([column.astype(object), pd.Series([None], dtype=object)], ignore_index=True)
    assert words(missing.iloc[:-1]) == expected


def test_true_and_one_are_two_labels_in_whichever_order_they_come():
    assert words(pd.Series([True, 1, "a"], dtype=object)) == ["True", "1", "a"]
    assert words(pd.Series([1, True, "a"], dtype=object)) == ["1", "True", "a"]


@pytest.mark.parametrize(
    ("word", "same"),
    [
        *[("2", "2.0"), ("2.50", "2.5"), ("1e3", "1000"), (" 7 ", "7"), ("TRUE", "true"), ("True", "1"), ("0", "-0.0")],
        *[("2020-01-31", "2020-01-31 00:00:00"), ("2020-01-31T12:30", "2020-01-31 12:30:00.000")],
    ],
)
def test_two_ways_to_write_one_value(word, same):
    assert value_of(word) == value_of(same) is not None


@pytest.mark.parametrize("word", ["01002", "", ".", "e5", "1_000", "١", "2020-02-30", "yes", "nan", "inf", "0x10"])
def test_what_is_no_value(word):
    assert value_of(word) is None


def ids_of(feature, trained: pd.Series, given: pd.Series) -> list[object]:
    facts = feature.finish(feature.tally(feature.parse(trained)))
    return feature.encode(feature.parse(given), facts).column.values.tolist()


WAYS = [
    (["2.0", "0.5", "2.0"], pd.Series([2.0, 0.5, 2.0])),
    (["1.50", "2.00", "2.00"], pd.Series([1.5, 2.0, 2.0])),
    ([1, 2, 2], pd.Series(["1.0", "2.0", "2.0"])),
    (["true", "false", "true"], pd.Series([True, False, True])),
    ([True, False, True], pd.Series(["TRUE", "FALSE", "TRUE"])),
    (
        ["2020-01-31 00:00:00", "2020-02-01 00:00:00", "2020-02-01 00:00:00"],
        pd.Series(["2020-01-31", "2020-02-01"] * 2)[[0, 1, 3]],
    ),
]


@pytest.mark.parametrize("cls", [CategoryFeature, BinaryFeature], ids=lambda cls: cls.kind)
@pytest.mark.parametrize(("trained", "given"), WAYS, ids=[str(way[0][0]) for way in WAYS])
def test_a_known_value_in_another_spelling_is_known(cls, trained, given):
    for target in (False, True):
        config = (cls.TargetConfig if target else cls.Config)()
        if cls is BinaryFeature and not str(trained[0]).lower().startswith("t"):
            config = type(config)(fallback_true_label=str(given.iloc[0]))
        feature = cls(config, "x", target=target)
        trained_column = pd.Series(trained)
        given_ids, own_ids = (ids_of(feature, trained_column, column) for column in (given, trained_column))
        assert given_ids == own_ids


def test_a_code_with_zeros_is_no_number():
    feature = CategoryFeature(CategoryFeature.Config(), "x")
    assert ids_of(feature, pd.Series(["01002", "02139"]), pd.Series([1002, 2139])) == [0, 0]


def test_a_file_and_pandas_reading_of_it_predict_alike(tmp_path):
    draw = np.random.default_rng(0).integers(0, 3, 90)
    table = pd.DataFrame(
        {
            "n": np.array(["1.0", "2.0", "3.50"])[draw],
            "b": np.array(["true", "false", "true"])[draw],
            "t": np.array(["one 1.0", "two 2.0", "ten"])[draw],
            "y": draw * 10.0,
        }
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    inputs = [{"name": "n", "type": "category"}, {"name": "b", "type": "category"}]
    model = LudwigModel(
        {
            "input_features": [*inputs, {"name": "t", "type": "text", "encoder": "embed"}],
            "output_features": [{"name": "y", "type": "number"}],
            "trainer": {"epochs": 3, "learning_rate": 0.05},
        }
    )
    model.train(dataset=str(tmp_path / "t.csv"), output_directory=None)
    file, _ = model.predict(str(tmp_path / "t.csv"))
    frame, _ = model.predict(pd.read_csv(tmp_path / "t.csv"))
    assert file["y_predictions"].round(3).nunique() == 3
    pd.testing.assert_frame_equal(file, frame, rtol=1e-4)
