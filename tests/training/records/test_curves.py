"""Pictures of metrics: which are drawn, and what is in them."""

from __future__ import annotations

import importlib.util
import math
import re
import sys

import pytest

from ludwig.error import MissingExtraError
from ludwig.training.progress import Progress
from ludwig.training.records import curves
from ludwig.training.records.curves import save_learning_curves

pytest.importorskip("matplotlib")


def progress(*outputs: str, evaluations: int = 5, validated: bool = True) -> Progress:
    found = Progress(batch_size=1, steps_per_epoch=10, total_steps=100, learning_rate=0.1)
    for place in range(evaluations):
        metrics = {name: {"loss": 10.0 ** (2 - place), "r2": place / 10} for name in (*outputs, "combined")}
        found.epoch, found.steps = place + 1, 10 * (place + 1)
        found.add(found.train_metrics, metrics)
        if validated:
            found.add(found.validation_metrics, metrics)
    found.best_eval_metric_steps = 10 * evaluations
    return found


def test_each_output_has_a_picture_and_their_sum_where_there_are_several(tmp_path):
    names = [path.name for path in save_learning_curves(tmp_path, progress("a b", "zäh/ler"))]
    assert names == ["learning_curves_a_b.png", "learning_curves_z_h_ler.png", "learning_curves_combined.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)
    assert [path.name for path in save_learning_curves(tmp_path / "one", progress("y"))] == ["learning_curves_y.png"]


def test_no_two_outputs_share_a_picture_and_no_name_is_too_long():
    outputs = ["a b", "a_b", "A B", "a_b_2", "日本", "中国", "n" * 300, "n" * 299, "../up", "a/b", ""]
    names = curves.file_names(outputs)
    assert len({name.lower() for name in names}) == len(outputs)
    assert max(map(len, names)) < 150
    assert all(re.fullmatch(r"learning_curves_[A-Za-z0-9._-]*\.png", name) for name in names)


@pytest.mark.parametrize("name", ["$\\foo$", "cost in $", "x^_{", "日本", "\\n", "%s {}", "n" * 300])
def test_any_name_can_be_the_title(name):
    figure = curves.draw(name, progress(name))
    figure.canvas.draw()
    title = figure.texts[0]
    assert title.get_window_extent().x1 <= figure.bbox.x1
    if len(name) < 20 and name.isascii():
        assert title.get_text() == f"{name}: metrics by step"


def lines(axis) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines}


def test_a_panel_has_both_splits_over_steps_and_the_selected_evaluation():
    history = progress("y")
    history.best_eval_metric_steps = 30
    loss, r2 = curves.draw("y", history).axes
    assert [axis.get_title(loc="left") for axis in (loss, r2)] == ["loss", "r2"]
    expected = ([10, 20, 30, 40, 50], [0.0, 0.1, 0.2, 0.3, 0.4])
    assert lines(r2)["training"] == lines(r2)["validation"] == expected
    assert lines(r2)["selected evaluation"][0] == [30, 30]
    assert (loss.get_yscale(), r2.get_yscale()) == ("log", "linear")  # 100 down to 0.01, against 0 to 0.4


def test_the_legend_stands_once_and_names_what_is_drawn_anywhere():
    history = progress("y", validated=False)
    history.add(history.validation_metrics, {"y": {"extra": 1.0}})
    figure = curves.draw("y", history)
    assert [axis.get_legend() for axis in figure.axes] == [None] * 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "training",
        "validation",
        "selected evaluation",
    ]


@pytest.mark.parametrize(("metrics", "shape"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (9, (3, 3)), (11, (3, 4))])
def test_panels_fill_their_rows(metrics, shape):
    history = Progress(batch_size=1, steps_per_epoch=10, total_steps=100, learning_rate=0.1)
    history.add(history.train_metrics, {"y": {f"m{i}": float(i) for i in range(metrics)}}, epoch=1, step=5)
    figure = curves.draw("y", history)
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == shape
    assert [axis.get_visible() for axis in figure.axes] == [True] * metrics + [False] * (shape[0] * shape[1] - metrics)


def test_words_do_not_overlap():
    history = progress("y")
    for name in ("mean_absolute_percentage_error", "root_mean_squared_percentage_error", "tiny", "huge", "flat"):
        values = {"tiny": 1e-9, "huge": 1e12, "flat": 0.123456789}
        for step in (10, 20):
            value = values.get(name, 12345.0) * (1 if name == "flat" else step) + 1e-12 * step
            history.add(history.train_metrics, {"y": {name: value}}, epoch=1, step=step)
    figure = curves.draw("y", history)
    figure.canvas.draw()
    boxes = [axis.get_tightbbox() for axis in figure.axes if axis.get_visible()]
    boxes += [text.get_window_extent() for text in figure.texts] + [figure.legends[0].get_window_extent()]
    assert not [(i, j) for i, one in enumerate(boxes) for j, other in enumerate(boxes) if i < j and one.overlaps(other)]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_a_metric_that_stands_still_is_a_flat_line():
    history = progress("y", evaluations=0)
    for step in (10, 20, 30):
        history.add(history.train_metrics, {"y": {"r2": 0.5 + 1e-9 * step}}, epoch=1, step=step)
    low, high = curves.draw("y", history).axes[0].get_ylim()
    assert (low, high) == pytest.approx((0.475, 0.525), abs=1e-6)


@pytest.mark.parametrize("values", [[math.nan] * 3, [math.inf, -math.inf, math.nan], [1e308, -1e308, None]])
def test_without_a_value_the_panel_has_a_note(values, tmp_path):
    history = progress("y", evaluations=0)
    for step, value in enumerate(values):
        history.add(history.train_metrics, {"y": {"loss": value, "r2": 0.5}}, epoch=1, step=step + 1)
    figure = curves.draw("y", history)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no finite metric to plot"]
    assert not figure.axes[0].lines and figure.axes[1].lines
    assert len(save_learning_curves(tmp_path, history)) == 1


def test_an_evaluation_before_the_first_step_is_a_point():
    history = progress("y", evaluations=0)
    history.add(history.validation_metrics, {"y": {"loss": 0.5}}, epoch=0, step=0)
    (axis,) = curves.draw("y", history).axes
    assert lines(axis) == {"validation": ([0], [0.5])}
    assert axis.lines[0].get_marker() == "o"
    assert axis.get_xlim() == (0, 1)


@pytest.mark.parametrize(
    "history", [progress("y", evaluations=1), progress("y", validated=False), progress("y", evaluations=0)]
)
def test_short_histories_can_be_drawn(history, tmp_path):
    assert len(save_learning_curves(tmp_path, history)) == (1 if history.train_metrics else 0)


def test_what_is_no_number_is_left_out():
    found = progress("y")
    found.train_metrics["y"]["loss"][2][2] = math.nan
    found.train_metrics["y"]["loss"][3][2] = None
    points = curves._panels("y", found)["loss"]["training"]
    assert [step for step, _ in points] == [10, 20, 50]


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 101], True), ([1, 50], False), ([0, 1e9], False), ([-1, 5], False), ([], False)]
)
def test_a_loss_of_several_decades_is_drawn_by_its_logarithm(values, expected):
    assert curves._spans_decades(values) is expected


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"ludwig\[viz\]"):
        save_learning_curves(tmp_path, progress("y"))
    assert list(tmp_path.iterdir()) == []


def test_drawing_leaves_the_state_of_pyplot_alone(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    save_learning_curves(tmp_path, progress("y"))
    assert "matplotlib.pyplot" not in sys.modules
