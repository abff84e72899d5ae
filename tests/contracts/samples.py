"""A small column of every feature type, on which the contract tests try all components."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import torch

from ludwig.columns.frame import Frame
from ludwig.features.base import FEATURES, Facts, Feature
from ludwig.nn.signal import Form, Shape, Signal

_PIXELS = np.random.default_rng(0).integers(0, 255, (6, 20, 20, 3)).astype(np.uint8)

COLUMNS: dict[str, list[Any]] = {
    "number": [1.5, -2.0, 0.5, 4.0, 3.0, 2.5],
    "binary": [True, False, True, True, False, False],
    "category": ["a", "b", "a", "c", "d", "e"],
    "vector": [[1.0, 2.0, 0.5], [0.0, 1.0, 2.0], [3.0, 1.0, 1.0], [2.0, 2.0, 2.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
    "text": ["a b c d e f", "b c", "a", "c c a d", "f e", "d e f a b"],
    "timeseries": ["1 2 3 4 5", "2 3", "5 4 3", "1 1 2", "4", "6 5 4 3"],
    "image": list(_PIXELS),
}
TARGETS = {**COLUMNS, "timeseries": ["1 2", "2 3", "5 4", "1 1", "4 2", "6 5"]}
EXTREMES = [1e300, -1e300, 1e-300, 5e-324, -5e-324, 0.0, -0.0, 1.0, 1.0, -3.0, -3.0, 0.1, 1 / 3, 2.0**53, 1.7e9]
LONGER: dict[str, list[Any]] = {  # cells that a longer sample is drawn from besides those above
    "number": EXTREMES,
    "category": ["é", "Z", "z", "10", "9", "", " ", "\U0001f600", "zz"],
    "vector": [[0.0, -0.0, 1e300], [-0.0, 0.0, 1e300], [5e-324, 1.0, -1.0]],
    "text": ["b a", "é Z z", "10 9, 10", "", "\U0001f600 a"],
    "timeseries": ["1e300 -1e300 0.1", "5e-324", "nan nan nan nan nan nan nan", "0.1 0.2 nan 0.3"],
    "image": [pixels[: 5 + place, : 9 - place] for place, pixels in enumerate(_PIXELS)],
}
LONGER_TARGETS = {**LONGER, "timeseries": ["1e300 -1e300", "5e-324 0.1", "nan nan"]}
OPTIONS: dict[str, dict[str, Any]] = {}  # of a type whose defaults do not fit its sample


def column_of(kind: str, *, target: bool = False) -> pd.Series:
    """The sample of a feature type."""
    columns = TARGETS if target else COLUMNS
    assert kind in columns, f"add a sample of the type '{kind}' to tests/contracts/samples.py"
    cells = pd.Series([None] * len(columns[kind]), dtype=object)
    for place, cell in enumerate(columns[kind]):
        cells[place] = cell
    return cells.infer_objects()


def longer_column_of(kind: str, seed: int, *, target: bool = False) -> pd.Series:
    """Cells of a feature type drawn at random, with duplicates, ties, extremes and missing cells."""
    cells = [*column_of(kind, target=target), *(LONGER_TARGETS if target else LONGER).get(kind, []), None]
    column = pd.Series([None] * 200, dtype=object)
    for row, place in enumerate(np.random.default_rng(seed).integers(0, len(cells), len(column))):
        column[row] = cells[place]
    return column


def feature_of(kind: str, *, target: bool = False, name: str = "f", **options: Any) -> Feature[Any, Any, Any]:
    """The data half of a feature type with its defaults, or with these options."""
    cls = FEATURES.get(kind)
    config = cls.TargetConfig if target else cls.Config
    return cls(config(**{**OPTIONS.get(kind, {}), **options}), name, target=target)


def learned(kind: str, *, target: bool = False) -> tuple[Feature[Any, Any, Any], Facts, Any]:
    """The feature, what its sample teaches, and the parsed cells."""
    feature = feature_of(kind, target=target)
    cells = feature.parse(column_of(kind, target=target))
    return feature, feature.finish(feature.tally(cells)), cells


def batch_of(kind: str, rows: int, *, target: bool = False) -> Frame:
    """The first rows of the sample as a frame with the column `f`."""
    feature, facts, cells = learned(kind, target=target)
    return Frame.of({"f": feature.encode(cells, facts).column}).rows(torch.arange(rows)).load(torch.device("cpu"))


# -- signals

LONGEST, PADDED_TO = 5, 8  # steps of a sequence
LENGTHS = [LONGEST, 1, 0, 3]  # a row of one step and one of none
SHAPES: dict[Form, Shape] = {
    "vector": Shape("vector", 5),
    "tokens": Shape("tokens", 4, 3),
    "sequence": Shape("sequence", 6, LONGEST),
    "members": Shape("members", 5, 3),
}
FORMS = tuple(SHAPES)


def signal_of(shape: Shape, rows: int, *, seed: int = 0, steps: int = PADDED_TO) -> Signal:
    """A signal of any form, the same for the same shape; what stands in the padding is large, so that it shows."""
    generator = torch.Generator().manual_seed(seed)
    if shape.form == "vector":
        return Signal.vector(torch.randn(len(LENGTHS), shape.size, generator=generator)[:rows])
    values = torch.randn(len(LENGTHS), shape.count, shape.size, generator=generator)[:rows]  # [B, C, H]
    if shape.form != "sequence":
        return Signal(shape.form, values)
    mask = torch.arange(steps) < torch.tensor(LENGTHS[:rows]).unsqueeze(1)  # [B, T]
    longer = torch.full((rows, steps, shape.size), float(10 * steps))
    longer[:, : shape.count] = values
    return Signal.sequence(longer.where(mask.unsqueeze(-1), float(10 * steps)), mask)


def variants(config: type[Any], **fixed: Any) -> list[dict[str, Any]]:
    """Options to try a component with: its defaults, a small one, and each of its switches turned."""
    fields = {field.name: field for field in dataclasses.fields(config)}
    small = {name: value for name, value in {"num_fc_layers": 2, "output_size": 6, **fixed}.items() if name in fields}
    switches = [name for name, field in fields.items() if isinstance(field.default, bool)]
    turned = [{**small, name: not fields[name].default} for name in switches]
    return [dict(each) for each in dict.fromkeys(map(tuple, ({}.items(), small.items(), *(t.items() for t in turned))))]


def named(options: dict[str, Any]) -> str:
    """How a test is called that tries these options."""
    return ",".join(f"{name}={value}" for name, value in options.items()) or "defaults"
