"""Pictures of how metrics went: one an output."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ludwig.error import MissingExtraError
from ludwig.runtime.atomic import written_aside
from ludwig.runtime.file_names import distinct_names
from ludwig.training.progress import Progress

PANEL, HEAD, FOOT = (3.6, 2.5), 0.8, 0.7  # inches: width and height of a panel, what stands over and under them
MOST_COLUMNS = 4  # panels side by side
COLORS = {"training": "#8a8f98", "validation": "#1f6fb2"}
INK = "#3d4249"  # of axes and words
DECADES = 2  # that a loss must span to be drawn over a logarithmic axis
STILL = 1e-3  # of its size: a metric that moves less is drawn as a flat line, not as its rounding errors
LARGEST = 1e100  # a value beyond it is drawn no more than one that is infinite: an axis could not hold it
LETTER = 0.11  # inches that a letter of the title takes

Points = list[tuple[float, float]]  # (step, value)


def save_learning_curves(folder: Path, progress: Progress) -> list[Path]:
    """Draws `learning_curves_<output>.png` for each output.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if not is_installed():
        raise MissingExtraError("matplotlib", "viz", "A picture of learning curves")
    outputs = [*(progress.train_metrics | progress.validation_metrics)]
    if len(outputs) == 2 and "combined" in outputs:  # the loss of the only output is the combined one
        outputs.remove("combined")
    return [_save(folder / name, output, progress) for output, name in zip(outputs, file_names(outputs), strict=True)]


def is_installed() -> bool:
    """Whether pictures can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def file_names(outputs: Sequence[str]) -> list[str]:
    """A name for the picture of each output that every file system takes; no two are the same, in capitals or not."""
    safe = distinct_names(re.sub(r"[^A-Za-z0-9._-]", "_", output) for output in outputs)
    return [f"learning_curves_{name}.png" for name in safe]


def _save(path: Path, output: str, progress: Progress) -> Path:
    figure = draw(output, progress)
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=110)
    return path


def draw(output: str, progress: Progress) -> Any:
    """The figure of an output: a panel a metric."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels(output, progress)
    rows = math.ceil(len(panels) / MOST_COLUMNS)
    columns = math.ceil(len(panels) / rows)
    width, height = PANEL[0] * columns, PANEL[1] * rows + HEAD + FOOT
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    edges = {"left": 0.55 / width, "right": 1 - 0.15 / width, "top": 1 - HEAD / height, "bottom": FOOT / height}
    figure.subplots_adjust(**edges, wspace=0.24, hspace=0.45)
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis, (metric, lines) in zip(axes, panels.items(), strict=False):  # the last row may have axes to spare
        _draw(axis, metric, lines, progress.best_eval_metric_steps)
    for empty in axes[len(panels) :]:
        empty.set_visible(False)
    title = _title(output, most=int(width / LETTER))
    figure.text(0.1 / width, 1 - 0.3 / height, title, color=INK, fontsize="large", parse_math=False)
    drawn = dict(pair[::-1] for axis in axes for pair in zip(*axis.get_legend_handles_labels(), strict=True))
    labels = [label for label in (*COLORS, "selected evaluation") if label in drawn]
    handles = [drawn[label] for label in labels]
    figure.legend(handles, labels, loc="lower left", ncols=3, frameon=False, labelcolor=INK, fontsize="small")
    return figure


def _title(output: str, most: int) -> str:
    ending = ": metrics by step"
    return drawable(output, most - len(ending)) + ending


def drawable(text: str, most: int) -> str:
    """The text, cut to fit; a square stands for each letter that the font has not."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    short = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(letter if font.get_char_index(ord(letter)) else "□" for letter in short)


def _panels(output: str, progress: Progress) -> dict[str, dict[str, Points]]:
    """By metric, by split: the points that can be drawn."""
    histories = {"training": progress.train_metrics, "validation": progress.validation_metrics}
    panels: dict[str, dict[str, Points]] = {}
    for split, history in histories.items():
        for metric, series in history.get(output, {}).items():
            points = [(step, value) for _, step, value in series if value is not None and abs(value) < LARGEST]
            panels.setdefault(metric, {})[split] = points
    return panels


def _draw(axis: Any, metric: str, lines: dict[str, Points], selected: int) -> None:
    _draw_frame(axis, metric)
    values = [value for points in lines.values() for _, value in points]
    if not values:
        axis.set_xticks([])
        axis.set_yticks([])
        words = "no finite metric to plot"
        axis.text(0.5, 0.5, words, transform=axis.transAxes, ha="center", color=INK, fontsize="x-small")
        return
    for split, points in lines.items():
        if points:
            marker = "o" if len(points) == 1 else None
            line = {"color": COLORS[split], "label": split, "linewidth": 1.6, "marker": marker, "markersize": 4}
            axis.plot(*zip(*points, strict=True), **line, clip_on=False)
    if selected:
        axis.axvline(selected, color=INK, linewidth=0.8, linestyle=(0, (3, 3)), label="selected evaluation", zorder=0)
    _scale(axis, metric, values)


def _draw_frame(axis: Any, metric: str) -> None:
    axis.set_title(metric.replace("_", " "), fontsize="small", color=INK, loc="left")
    axis.grid(axis="y", color="#e6e8eb", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, labelsize="x-small", length=0)
    for side, spine in axis.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color("#c4c8ce")


def _scale(axis: Any, metric: str, values: Sequence[float]) -> None:
    """Steps from 0 on, in thousands and millions where they are many; values as they are."""
    from matplotlib.ticker import EngFormatter

    axis.set_xlim(0, max(axis.get_xlim()[1], 1))
    axis.locator_params(axis="x", nbins=4, integer=True)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    if metric == "loss" and _spans_decades(values):
        axis.set_yscale("log")
        axis.minorticks_off()
        return
    lowest, highest = min(values), max(values)
    size = max(abs(lowest), abs(highest))
    if highest - lowest < STILL * size:
        axis.set_ylim(lowest - 0.05 * size, highest + 0.05 * size)
    axis.ticklabel_format(axis="y", useOffset=False, scilimits=(-3, 6))
    axis.yaxis.get_offset_text().set(size="x-small", color=INK)


def _spans_decades(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) > 10**DECADES
