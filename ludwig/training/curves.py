"""Pictures of how metrics went: one an output, drawn where matplotlib is installed."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ludwig.runtime.atomic import written_aside
from ludwig.training.progress import Progress

PANEL, HEAD, FOOT = (3.6, 2.5), 0.8, 0.7  # inches: width and height of a panel, what stands over and under them
MOST_COLUMNS = 4  # panels side by side
COLORS = {"training": "#8a8f98", "validation": "#1f6fb2"}
INK = "#3d4249"  # of axes and words
DECADES = 2  # that a loss must span to be drawn over a logarithmic axis

Points = list[tuple[float, float]]  # (step, value)


def save_learning_curves(folder: Path, progress: Progress) -> list[Path]:
    """Draws `learning_curves_<output>.png` for each output; nothing where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return []
    outputs = [*(progress.train_metrics | progress.validation_metrics)]
    if len(outputs) == 2:  # the loss of the only output is the combined one
        outputs = outputs[:1]
    return [_save(folder, output, progress) for output in outputs]


def _save(folder: Path, output: str, progress: Progress) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels(output, progress)
    columns = min(len(panels), MOST_COLUMNS)
    rows = math.ceil(len(panels) / columns)
    width, height = PANEL[0] * columns, PANEL[1] * rows + HEAD + FOOT
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    edges = {"left": 0.5 / width, "right": 1 - 0.1 / width, "top": 1 - HEAD / height, "bottom": FOOT / height}
    figure.subplots_adjust(**edges, wspace=0.22, hspace=0.45)
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for place, (metric, lines) in enumerate(panels.items()):
        _draw(axes[place], metric, lines, progress.best_eval_metric_steps)
    for empty in axes[len(panels) :]:
        empty.set_visible(False)
    figure.text(0.1 / width, 1 - 0.3 / height, f"{output}: metrics by step", color=INK, fontsize="large")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower left", ncols=3, frameon=False, labelcolor=INK, fontsize="small")
    path = folder / f"learning_curves_{re.sub(r'[^A-Za-z0-9._-]', '_', output)}.png"
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=110)
    return path


def _panels(output: str, progress: Progress) -> dict[str, dict[str, Points]]:
    """By metric, by split: the points that can be drawn."""
    histories = {"training": progress.train_metrics, "validation": progress.validation_metrics}
    panels: dict[str, dict[str, Points]] = {}
    for split, history in histories.items():
        for metric, rounds in history.get(output, {}).items():
            points = [(step, value) for _, step, value in rounds if value is not None and math.isfinite(value)]
            panels.setdefault(metric, {})[split] = points
    return panels


def _draw(axis: Any, metric: str, lines: dict[str, Points], selected: int) -> None:
    for split, points in lines.items():
        steps, values = [step for step, _ in points], [value for _, value in points]
        marker = "o" if len(points) == 1 else None
        axis.plot(steps, values, color=COLORS[split], label=split, marker=marker, markersize=4, linewidth=1.6)
    if selected:
        axis.axvline(selected, color=INK, linewidth=0.8, linestyle=(0, (3, 3)), label="selected round", zorder=0)
    if metric == "loss" and _spans_decades([value for points in lines.values() for _, value in points]):
        axis.set_yscale("log")
        axis.minorticks_off()
    axis.set_title(metric.replace("_", " "), fontsize="small", color=INK, loc="left")
    axis.grid(axis="y", color="#e6e8eb", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, labelsize="x-small", length=0)
    axis.locator_params(axis="x", nbins=4, integer=True)
    for side, spine in axis.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color("#c4c8ce")


def _spans_decades(values: Sequence[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) > 10**DECADES
