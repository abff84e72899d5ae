"""Pictures of metrics: which are drawn, and what is in them."""

from __future__ import annotations

import importlib.util
import math

import pytest

from ludwig.training import curves
from ludwig.training.curves import save_learning_curves
from ludwig.training.progress import Progress

pytest.importorskip("matplotlib")


def progress(*outputs: str, rounds: int = 5, validated: bool = True) -> Progress:
    found = Progress(batch_size=1, steps_per_epoch=10, total_steps=100, learning_rate=0.1)
    for place in range(rounds):
        metrics = {name: {"loss": 10.0 ** (2 - place), "r2": place / 10} for name in (*outputs, "combined")}
        found.epoch, found.steps = place + 1, 10 * (place + 1)
        found.add(found.train_metrics, metrics)
        if validated:
            found.add(found.validation_metrics, metrics)
    found.best_eval_metric_steps = 10 * rounds
    return found


def test_each_output_has_a_picture_and_their_sum_where_there_are_several(tmp_path):
    names = [path.name for path in save_learning_curves(tmp_path, progress("a b", "zäh/ler"))]
    assert names == ["learning_curves_a_b.png", "learning_curves_z_h_ler.png", "learning_curves_combined.png"]
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in names)
    assert [path.name for path in save_learning_curves(tmp_path / "one", progress("y"))] == ["learning_curves_y.png"]


@pytest.mark.parametrize("history", [progress("y", rounds=1), progress("y", validated=False), progress("y", rounds=0)])
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


def test_without_matplotlib_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert save_learning_curves(tmp_path, progress("y")) == []
    assert list(tmp_path.iterdir()) == []
