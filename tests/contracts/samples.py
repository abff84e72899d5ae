"""A small column of every feature type, on which the contract tests try all components."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from ludwig.columns.frame import Frame
from ludwig.features.base import FEATURES, Facts, Feature
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Shape, Signal

_PIXELS = np.random.default_rng(0).integers(0, 255, (6, 20, 20, 3)).astype(np.uint8)
_WAVES = np.random.default_rng(1).normal(0, 0.1, (6, 2400)).astype(np.float32)

COLUMNS: dict[str, list[Any]] = {
    "number": [1.5, -2.0, 0.5, 4.0, 3.0, 2.5],
    "binary": [True, False, True, True, False, False],
    "category": ["a", "b", "a", "c", "d", "e"],
    "vector": [[1.0, 2.0, 0.5], [0.0, 1.0, 2.0], [3.0, 1.0, 1.0], [2.0, 2.0, 2.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
    "text": ["a b c d e f", "b c", "a", "c c a d", "f e", "d e f a b"],
    "sequence": ["a b c d e f", "b c", "a", "c c a d", "f e", "d e f a b"],
    "timeseries": ["1 2 3 4 5", "2 3", "5 4 3", "1 1 2", "4", "6 5 4 3"],
    "image": list(_PIXELS),
    "audio": [(8000, _WAVES[place, : 2400 - 400 * place]) for place in range(6)],
}
TARGETS = {**COLUMNS, "timeseries": ["1 2", "2 3", "5 4", "1 1", "4 2", "6 5"]}
EXTREMES = [1e300, -1e300, 1e-300, 5e-324, -5e-324, 0.0, -0.0, 1.0, 1.0, -3.0, -3.0, 0.1, 1 / 3, 2.0**53, 1.7e9]
LONGER: dict[str, list[Any]] = {  # cells that a longer sample is drawn from besides those above
    "number": EXTREMES,
    "category": ["é", "Z", "z", "10", "9", "", " ", "\U0001f600", "zz"],
    "vector": [[0.0, -0.0, 1e300], [-0.0, 0.0, 1e300], [5e-324, 1.0, -1.0]],
    "text": ["b a", "é Z z", "10 9, 10", "", "\U0001f600 a"],
    "sequence": ["b a", "é Z z", "10 9 10", "", "\U0001f600 a"],
    "timeseries": ["1e300 -1e300 0.1", "5e-324", "nan nan nan nan nan nan nan", "0.1 0.2 nan 0.3"],
    "image": [pixels[: 5 + place, : 9 - place] for place, pixels in enumerate(_PIXELS)],
    "audio": [
        (16000, _WAVES[:2].T),
        (8000, _WAVES[0, :0]),
        (8000, (_WAVES[0] * 9999).astype(np.int16)),
        (8000, _WAVES[:2, :9]),
    ],
}
# A cell that cannot be of the type. Where a type has none here, every text is a cell of it.
UNREADABLE: dict[str, list[Any]] = {
    "number": ["many", "few"],
    "binary": ["perhaps", "perhaps"],
    "vector": ["1 many", "1 few"],
    "timeseries": ["1 many", "1 few"],
    "image": [b"no image", b"nor this"],
    "audio": [(8000, np.array([0.0, np.nan])), (8000, np.array([np.inf]))],
}
LONGER_TARGETS = {**LONGER, "timeseries": ["1e300 -1e300", "5e-324 0.1", "nan nan"]}
OPTIONS: dict[str, dict[str, Any]] = {}  # of a type whose defaults do not fit its sample


def column_of(kind: str, *, target: bool = False) -> pd.Series:
    """The sample of a feature type."""
    columns = TARGETS if target else COLUMNS
    assert kind in columns, f"add a sample of the type '{kind}' to tests/contracts/samples.py"
    return series_of(columns[kind]).infer_objects()


def series_of(cells: Sequence[Any]) -> pd.Series:
    """The cells as they are, in a column of objects."""
    column = pd.Series([None] * len(cells), dtype=object)
    for place, cell in enumerate(cells):
        column[place] = cell
    return column


def column_with_gaps(kind: str, *, target: bool = False) -> pd.Series:
    """The sample of a feature type with missing cells at both ends and in the middle."""
    cells = [*column_of(kind, target=target)]
    return series_of([None, *cells[:3], None, None, *cells[3:], None])


def longer_column_of(kind: str, seed: int, *, target: bool = False) -> pd.Series:
    """Cells of a feature type drawn at random, with duplicates, ties, extremes and missing cells."""
    cells = [*column_of(kind, target=target), *(LONGER_TARGETS if target else LONGER).get(kind, []), None]
    return series_of([cells[place] for place in np.random.default_rng(seed).integers(0, len(cells), 200)])


def feature_of(kind: str, *, target: bool = False, name: str = "f", **options: Any) -> Feature[Any, Any, Any]:
    """The data half of a feature type with its defaults, or with these options."""
    cls = FEATURES.get(kind)
    config = cls.TargetConfig if target else cls.Config
    return cls(config(**{**OPTIONS.get(kind, {}), **options}), name, target=target)


def fitted(feature: Feature[Any, Any, Any], column: pd.Series) -> Facts:
    """What a column teaches."""
    facts: Facts = feature.finish(feature.tally(feature.parse(column)))
    return facts


def learned(kind: str, *, target: bool = False) -> tuple[Feature[Any, Any, Any], Facts, Any]:
    """The feature, what its sample teaches, and the parsed cells."""
    feature, column = feature_of(kind, target=target), column_of(kind, target=target)
    return feature, fitted(feature, column), feature.parse(column)


def batch_of(kind: str, rows: int, *, target: bool = False) -> Frame:
    """The first rows of the sample as a frame with the column `f`."""
    feature, facts, cells = learned(kind, target=target)
    return Frame.of({"f": feature.encode(cells, facts).column}).rows(torch.arange(rows)).load(torch.device("cpu"))


# -- signals

LONGEST, PADDED_TO = 5, 8  # steps of a sequence
LENGTHS = [LONGEST, 1, 0, 3, 2, 4]  # a row of one step and one of none
ROWS = len(LENGTHS)
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


# -- what outputs predict

CLASSES = ("a", "b", "c")


def prediction_of(kind: str) -> tuple[Prediction, torch.Tensor]:
    """A complete prediction of an output of this kind, as losses and metrics read it, and the target."""
    assert kind in PREDICTIONS, f"add a prediction of the kind '{kind}' to tests/contracts/samples.py"
    logits, target = PREDICTIONS[kind](torch.Generator().manual_seed(0))
    hidden = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(1))
    if kind in ("number", "vector", "timeseries"):
        return Prediction(logits, hidden, logits), target
    if kind in ("binary", "set"):
        return Prediction(logits, hidden, logits > 0, logits.sigmoid()), target
    classes = 1 if kind == "image" else -1
    return Prediction(logits, hidden, logits.argmax(classes), logits.softmax(classes)), target


def _tokens(draw: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, len(CLASSES), (ROWS, PADDED_TO), generator=draw)
    there = torch.arange(PADDED_TO) < torch.tensor([max(length, 1) for length in LENGTHS]).unsqueeze(1)
    return torch.randn(ROWS, PADDED_TO, len(CLASSES), generator=draw), ids.where(there, -1)


def _normal(*size: int) -> Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]:
    return lambda draw: (torch.randn(ROWS, *size, generator=draw), torch.randn(ROWS, *size, generator=draw))


PREDICTIONS: dict[str, Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]] = {
    "number": _normal(),
    "vector": _normal(len(CLASSES)),
    "timeseries": _normal(len(CLASSES)),
    "binary": lambda draw: (torch.randn(ROWS, generator=draw), torch.tensor([1, 0, 1, 1, 0, -1], dtype=torch.int8)),
    "category": lambda draw: (torch.randn(ROWS, 3, generator=draw), torch.tensor([0, 1, 2, 2, 0, -1])),
    "category_distribution": lambda draw: (
        torch.randn(ROWS, 3, generator=draw),
        torch.rand(ROWS, 3, generator=draw).softmax(-1),
    ),
    "set": lambda draw: (torch.randn(ROWS, 3, generator=draw), torch.randint(0, 2, (ROWS, 3), generator=draw)),
    "image": lambda draw: (
        torch.randn(ROWS, 3, 2, 2, generator=draw),
        torch.randint(-1, 3, (ROWS, 2, 2), generator=draw),
    ),
    **dict.fromkeys(["text", "sequence", "llm"], _tokens),
}
