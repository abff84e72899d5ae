"""A picture of how far the folds lie apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ludwig.error import ArgumentError, MissingExtraError
from ludwig.kfold.statistics import scores
from ludwig.runtime.arguments import path_of
from ludwig.runtime.atomic import storing, written_aside
from ludwig.training.records.curves import INK, MOST_COLUMNS, PANEL, is_installed

COLOR, BAND = "#1f6fb2", "#dbe8f4"
LONGEST_TITLE = 34  # letters of a panel's title
FOOT = 0.5  # inches under the panels


def save_spread(statistics: Mapping[str, Any], path: str | Path) -> Path:
    """Draws the metrics of all folds, a panel each: a dot a fold, the mean as a line, one standard deviation as a band.

    Args:
        statistics: What `kfold_cross_validate` returned first.
        path: The PNG file.

    Raises:
        ArgumentError: The statistics are not those of folds.
        MissingExtraError: matplotlib is not installed (extra `viz`).
    """
    file = path_of("path", path)
    if not is_installed():
        raise MissingExtraError("matplotlib", "viz", "A picture of the spread")
    panels = _panels(statistics)
    if not panels:
        raise ArgumentError("There is nothing to draw: pass the statistics that kfold_cross_validate returned.")
    figure = _draw(panels)
    with storing(file), written_aside(file) as aside:
        figure.savefig(aside, format="png", dpi=110)
    return file


def _panels(statistics: Mapping[str, Any]) -> dict[str, list[float]]:
    """By title, a value for each fold; the combined loss of a single output is that of the output."""
    folds = [each["fold_eval_stats"] for name, each in statistics.items() if name.startswith("fold_")]
    outputs = list(dict.fromkeys(name for each in folds for name in each))
    shown = [name for name in outputs if name != "combined" or len(outputs) > 2]
    panels: dict[str, list[float]] = {}
    for output in shown:
        drawn: list[list[float]] = []
        for metric, values in scores(folds, output).items():
            if np.isfinite(values).all() and values not in drawn:  # an alias has the values of another metric
                name = metric.replace("_", " ")
                panels[f"{output}: {name}" if len(shown) > 1 else name] = values
                drawn.append(values)
    return panels


def _draw(panels: Mapping[str, list[float]]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(len(panels) / MOST_COLUMNS)
    columns = math.ceil(len(panels) / rows)
    width, height = PANEL[0] * columns, PANEL[1] * rows + FOOT
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    figure.subplots_adjust(
        left=0.65 / width, right=1 - 0.15 / width, top=1 - 0.35 / height, bottom=0.8 / height, wspace=0.3, hspace=0.45
    )
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis, (title, values) in zip(axes, panels.items(), strict=False):  # the last row may have axes to spare
        _draw_panel(axis, title, values)
    for empty in axes[len(panels) :]:
        empty.set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower left", ncols=3, frameon=False, labelcolor=INK, fontsize="small")
    return figure


def _draw_panel(axis: Any, title: str, values: list[float]) -> None:
    mean, deviation = float(np.mean(values)), float(np.std(values))
    places = range(1, len(values) + 1)
    axis.axhspan(mean - deviation, mean + deviation, color=BAND, label="mean ± standard deviation", linewidth=0)
    axis.axhline(mean, color=COLOR, linewidth=1.2)
    axis.plot(places, values, "o", color=COLOR, markersize=5, label="fold", clip_on=False)
    short = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    axis.set_title(f"{short}  {mean:.3g} ± {deviation:.2g}", fontsize="small", color=INK, loc="left", parse_math=False)
    axis.set_xlim(0.5, len(values) + 0.5)
    axis.locator_params(axis="x", nbins=10, integer=True)
    axis.tick_params(colors=INK, labelsize="x-small", length=0)
    axis.ticklabel_format(axis="y", useOffset=False, scilimits=(-3, 6))
    for side, spine in axis.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color("#c4c8ce")
