"""Cells of the H3 grid: their bits, however they are written, and what a model makes of them."""

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.error import InputDataError
from ludwig.features.h3 import H3Feature


def cell(base: int, *digits: int) -> int:
    """A cell by the layout of the bits: 0, mode, edge, resolution, base cell, 15 digits, of which unused ones are 7."""
    bits = f"0{1:04b}{0:03b}{len(digits):04b}{base:07b}" + "".join(f"{digit:03b}" for digit in digits)
    return int(bits.ljust(64, "1"), 2)


def encoded(column: pd.Series, **options: object):
    feature = H3Feature(H3Feature.Config(**options), "c")
    cells = feature.parse(column)
    return feature.encode(cells, feature.finish(feature.tally(cells))).column.values.tolist()


ONE = cell(20, 1, 2, 3, 4, 5)
PARTS = [1, 0, 5, 20, 1, 2, 3, 4, 5, *[7] * 10]
FORMS = [
    *(pd.Series([ONE], dtype=dtype) for dtype in ("int64", "uint64", "Int64", object, "category", "float64")),
    pd.Series([ONE], dtype="int64[pyarrow]"),
    *(pd.Series([text]) for text in (f"{ONE:x}", f"0x{ONE:X}", str(ONE), f" {ONE:016x} ")),
]


@pytest.mark.parametrize("column", FORMS, ids=lambda column: f"{column.dtype}")
def test_a_cell_reads_alike_however_it_is_written(column):
    assert encoded(column) == [PARTS]


def test_the_components_of_a_cell_of_the_documentation():
    parts = encoded(pd.Series(["8928308280fffff"]))[0]
    assert (parts[0], parts[2], parts[3]) == (1, 9, 20)
    assert cell(parts[3], *parts[4:13]) == 0x8928308280FFFFF


def test_missing_cells():
    column = pd.Series([f"{ONE:x}", None, "", f"{ONE:x}"])
    fill = [1, 0, 0, 0, *[7] * 15]
    assert encoded(column)[1:3] == [fill, fill]
    assert encoded(column, missing_value_strategy="fill_with_mode")[1:3] == [PARTS, PARTS]
    assert encoded(column, fill_value=cell(5, 1))[1][:5] == [1, 0, 1, 5, 1]
    assert H3Feature.Config(fill_value=12).faults()


@pytest.mark.parametrize("odd", ["many", 12, f"{ONE + 1:x}", 2**64, cell(125)])
def test_what_is_no_cell_is_not_read(odd):
    with pytest.raises(InputDataError, match="has 2 cells of 3 that are not cells of the H3 grid"):
        encoded(pd.Series([odd, ONE, odd], dtype=object))


def places(rows: int, seed: int) -> pd.DataFrame:
    """A price by the base cell and the first digit within it."""
    draw = np.random.default_rng(seed)
    digits = draw.integers(0, 7, (rows, 4))
    base = draw.integers(0, 5, rows)
    price = np.sin(3 * base) + np.cos(5 * digits[:, 0]) + draw.normal(0, 0.1, rows)
    return pd.DataFrame({"place": [cell(*row) for row in np.c_[base, digits].tolist()], "price": price})


@pytest.mark.parametrize("name", ["embed", "weighted_sum", "rnn"])
def test_regions_are_trained_and_a_reload_predicts_the_same(name, tmp_path):
    model = LudwigModel(
        {
            "input_features": [{"name": "place", "type": "h3", "encoder": name}],
            "output_features": [{"name": "price", "type": "number"}],
            "trainer": {"train_steps": 150, "learning_rate": 0.01},
        }
    )
    results = model.train(places(600, 0), output_directory=str(tmp_path))
    new = places(200, 1)
    assert model.evaluate(new)[0]["price"]["r2"] > 0.8  # 0 where the mean is predicted
    new["place"] = [None, *(f"{place:x}" for place in new["place"][1:])]
    found = model.predict(new)[0]
    pd.testing.assert_frame_equal(LudwigModel.load(f"{results.output_directory}/model").predict(new)[0], found)
    assert np.isfinite(found["price_predictions"]).all()
    assert len(model.predict(new[:1])[0]) == 1
