"""Pictures of importances over all rows, and of the explanation of one row.

F = input features
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import ArgumentError, MissingExtraError
from ludwig.explain.explanation import Explanation
from ludwig.runtime.arguments import path_of
from ludwig.runtime.atomic import storing, written_aside
from ludwig.training.records.curves import INK, drawable, is_installed

UP, DOWN = "#1f6fb2", "#c2562d"  # bars to the right and to the left
WIDTH, BAR, EDGE = 6.4, 0.28, 1.1  # inches: of the picture, of each bar, of what stands over and under them
MOST_BARS, MOST_LETTERS, MOST_TITLE = 20, 28, 60
DPI = 110


def save_importances(importances: pd.Series, path: str | os.PathLike[str]) -> Path:
    """Draws the importances of inputs over all rows as bars, the largest first.

    Args:
        importances: By input, as `ExplanationsResult.importances` and `permutation_importance` give them.
        path: The PNG file.

    Raises:
        ArgumentError: There are no importances.
        MissingExtraError: matplotlib is not installed (extra `viz`).

    ```python
    save_importances(permutation_importance(model, rows, "churn"), "importances.png")
    ```
    """
    if not isinstance(importances, pd.Series) or not np.isfinite(importances.to_numpy(dtype=float)).any():
        raise ArgumentError("importances must be a Series of numbers by input, such as `result.importances()`.")
    values = importances.sort_values(ascending=False, kind="stable")
    names = [*map(str, values.index[:MOST_BARS])]
    axis = str(importances.name).replace("_", " ")
    title = "Importance of inputs" if len(values) == len(names) else f"The {len(names)} most important inputs"
    return _save(names, values.to_numpy(dtype=float)[: len(names)], (title, ""), axis, path)


def save_row(explanation: Explanation, path: str | os.PathLike[str], label: str | None = None) -> Path:
    """Draws what each input adds to the prediction of a row as bars, the largest first.

    Args:
        explanation: One of `ExplanationsResult.row_explanations`.
        path: The PNG file.
        label: The class; null for that of a binary output that is true, and for the most probable one of others.

    Raises:
        ArgumentError: The output has no such label, or the row could not be used.
        MissingExtraError: matplotlib is not installed (extra `viz`).

    ```python
    save_row(result.row_explanations[0], "row.png")
    ```
    """
    if not isinstance(explanation, Explanation) or not np.isfinite(explanation.attributions).all():
        raise ArgumentError("explanation must be that of a row that can be used, of `result.row_explanations`.")
    scores = explanation.expected_values + explanation.attributions.sum(1)  # [S]
    place = explanation.place_of(label) if label is not None or len(scores) <= 2 else int(scores.argmax())
    values = explanation.attributions[place].astype(float)  # [F]
    order = np.argsort(-np.abs(values), kind="stable")
    of = f" is {explanation.labels[place]}" if len(scores) > 1 else ""
    title = (f"{explanation.target}{of}", f": {scores[place]:.4g}")
    axis = f"added to the expected value, {explanation.expected_values[place]:.4g}"
    names, values = [explanation.feature_names[each] for each in order], values[order]
    rest = len(names) - MOST_BARS + 1
    if rest > 1:
        names = [*names[: MOST_BARS - 1], f"{rest} others together"]
        values = np.append(values[: MOST_BARS - 1], values[MOST_BARS - 1 :].sum())
    return _save(names, values, title, axis, path)


def _save(
    names: Sequence[str], values: NDArray[np.float64], title: tuple[str, str], axis: str, path: str | os.PathLike[str]
) -> Path:
    """`title`: a name, which is cut where it is long, and what follows it."""
    place = path_of("path", path)
    if not is_installed():
        raise MissingExtraError("matplotlib", "viz", "A picture of an explanation")
    figure = _drawn(names, values, title, axis)
    with storing(place.parent), written_aside(place) as aside:
        figure.savefig(aside, format="png", dpi=DPI)
    return place


def _drawn(names: Sequence[str], values: NDArray[np.float64], title: tuple[str, str], axis: str) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, EDGE + BAR * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    bars = figure.subplots()
    places = np.arange(len(names))[::-1]
    bars.barh(places, values, height=0.7, color=[UP if value >= 0 else DOWN for value in values])
    bars.set_yticks(places, [drawable(name, MOST_LETTERS) for name in names], parse_math=False)
    bars.set_ylim(-0.6, len(names) - 0.4)
    bars.margins(x=0.02)
    bars.axvline(0, color=INK, linewidth=0.8)
    bars.grid(axis="x", color="#e6e8eb", linewidth=0.8)
    bars.set_axisbelow(True)
    bars.locator_params(axis="x", nbins=6)
    bars.tick_params(colors=INK, labelsize="small", length=0)
    bars.set_xlabel(axis, color=INK, fontsize="small")
    for spine in bars.spines.values():
        spine.set_visible(False)
    name, ending = title
    text = drawable(name, MOST_TITLE - len(ending)) + ending
    figure.suptitle(text, x=0.02, ha="left", color=INK, fontsize="medium", parse_math=False)
    return figure
