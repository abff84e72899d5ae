"""Pictures of a search: its history, the importance of its parameters, and parallel coordinates."""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ludwig.error import MissingExtraError
from ludwig.hyperopt.record import COMPLETE, FAILED, TrialResults, shown
from ludwig.runtime.atomic import storing, written_aside

INK, PALE, BLUE, ORANGE = "#3c4654", "#c4c8ce", "#2f6db5", "#d9822b"
FEWEST = 4  # complete trials from which the importance of parameters is computed
MOST_TICKS = 8  # of words on an axis
DECADE = 10.0  # from which on numbers are drawn by their logarithm


def save_plots(trials: Sequence[TrialResults], study: Any, direction: str, folder: Path) -> list[Path]:
    """Draws what there is enough of.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "viz", "A picture of a search")
    done = [trial for trial in trials if trial.state != FAILED]
    figures: dict[str, Callable[[], Any]] = {}
    if done:
        figures["hyperopt_history.png"] = lambda: history(trials, direction)
        figures["hyperopt_parallel_coordinates.png"] = lambda: parallel_coordinates(done, direction)
    shares = importances(trials, study)
    if shares:
        figures["hyperopt_importances.png"] = lambda: bars(shares)
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in figures.items():
            with written_aside(folder / name) as aside:
                draw().savefig(aside, format="png", dpi=130)
    return [folder / name for name in figures]


def importances(trials: Sequence[TrialResults], study: Any) -> dict[str, float]:
    """The share of the variance of the scores that each parameter explains (fANOVA, Hutter et al. 2014), sum 1.

    Nothing where there are few trials, several objectives, or all score alike.
    """
    scores = [trial.metric_score for trial in trials if trial.state == COMPLETE]
    if len(scores) < FEWEST or len(set(scores)) == 1 or len(study.directions) > 1:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(share) for name, share in found.items()}


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _plain(axis: Any, title: str) -> None:
    axis.set_title(title, loc="left", color=INK, fontsize="medium", parse_math=False)
    axis.tick_params(colors=INK, labelsize="small", length=0)
    for side, spine in axis.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(PALE)


def history(trials: Sequence[TrialResults], direction: str) -> Any:
    """The score of each trial, and the best so far."""
    best_of: Callable[[float, float], float] = max if direction == "maximize" else min
    scored = sorted((t for t in trials if t.metric_score is not None), key=lambda trial: trial.number)
    figure = _figure(7, 3.6)
    axis = figure.subplots()
    _plain(axis, "Score of each trial")
    for state, color in ((COMPLETE, BLUE), ("stopped", PALE)):
        points = [(trial.number, trial.metric_score) for trial in scored if trial.state == state]
        if points:
            axis.scatter(*zip(*points, strict=True), color=color, s=24, label=state, zorder=3)
    complete = [(t.number, t.metric_score) for t in scored if t.state == COMPLETE and t.metric_score is not None]
    if complete:
        best = list(itertools.accumulate((score for _, score in complete), best_of))
        axis.step([number for number, _ in complete], best, where="post", color=ORANGE, label="best so far")
    axis.set_xlabel("trial", color=INK)
    axis.grid(axis="y", color="#e6e8eb")
    axis.locator_params(axis="x", integer=True)
    axis.legend(frameon=False, fontsize="small", labelcolor=INK)
    return figure


def bars(shares: dict[str, float]) -> Any:
    """The importance of each parameter."""
    figure = _figure(7, 1.2 + 0.35 * len(shares))
    axis = figure.subplots()
    _plain(axis, "Importance: share of the variance of the scores")
    names = list(shares)[::-1]
    drawn = axis.barh(range(len(names)), [shares[name] for name in names], color=BLUE, height=0.6)
    axis.bar_label(drawn, fmt="%.2f", padding=3, color=INK, fontsize="small")
    axis.set_yticks(range(len(names)), names, parse_math=False)
    axis.set_xlim(0, 1.1 * max(shares.values()))
    axis.set_xticks([])
    return figure


def parallel_coordinates(trials: Sequence[TrialResults], direction: str) -> Any:
    """A line for each trial through its parameters and its score; the better, the darker."""
    from matplotlib import colormaps

    names = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    columns = {name: [trial.parameters.get(name) for trial in trials] for name in names}
    columns["score"] = [trial.metric_score for trial in trials]
    scales = [_scale(values) for values in columns.values()]
    places = list(zip(*(scale[0] for scale in scales), strict=True))
    order = sorted(range(len(trials)), key=lambda n: _goodness(trials[n], direction))
    figure = _figure(max(5.0, 1.9 * len(columns)), 4.2)
    axis = figure.subplots()
    _plain(axis, "Parameters of each trial and its score, the darker the better")
    for rank, which in enumerate(order):
        color = colormaps["viridis_r"](0.15 + 0.85 * (rank + 1) / len(order))
        axis.plot(range(len(columns)), places[which], color=color, linewidth=1.4, alpha=0.8, zorder=rank + 2)
    for place, (_, ticks) in enumerate(scales):
        axis.axvline(place, color=PALE, linewidth=1, zorder=1)
        for height, text in ticks:
            behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
            words = {"fontsize": "x-small", "color": INK, "va": "center", "parse_math": False, "zorder": 1000}
            axis.text(place + 0.03, height, text, bbox=behind, **words)
    axis.set_xticks(range(len(columns)), [_wrapped(name) for name in columns], fontsize="small", parse_math=False)
    axis.set_yticks([])
    axis.set_xlim(-0.1, len(columns) - 0.6)
    return figure


def _goodness(trial: TrialResults, direction: str) -> float:
    score = -math.inf if trial.metric_score is None else trial.metric_score
    return score if direction == "maximize" else -score


def _wrapped(name: str) -> str:
    return name.replace(".", ".\n")


def _scale(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Where each value stands on its axis, between 0 and 1, and the ticks."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return _scale_of_numbers(list(values))
    words = list(dict.fromkeys(shown(value) for value in values))
    step = 1 / max(len(words) - 1, 1)
    heights = {word: place * step for place, word in enumerate(words)}
    every = math.ceil(len(words) / MOST_TICKS)
    return [heights[shown(value)] for value in values], [(heights[word], word) for word in words[::every]]


def _scale_of_numbers(values: list[float]) -> tuple[list[float], list[tuple[float, str]]]:
    least, most = min(values), max(values)
    are_whole = all(isinstance(value, int) for value in values)
    if least == most:
        return [0.5] * len(values), [(0.5, _tick(least, are_whole))]
    by_logarithm = least > 0 and most / least > DECADE
    middle = math.sqrt(least * most) if by_logarithm else (least + most) / 2
    middle = round(middle) if are_whole else middle

    def height(value: float) -> float:
        if by_logarithm:
            return math.log(value / least) / math.log(most / least)
        return (value - least) / (most - least)

    ticks = {_tick(value, are_whole): height(value) for value in (least, middle, most)}
    return [height(value) for value in values], [(place, text) for text, place in ticks.items()]


def _tick(value: float, is_whole: bool) -> str:
    return str(value) if is_whole else f"{value:.3g}"
