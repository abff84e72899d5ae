"""A model predicts, and its predictions are compared with the targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ludwig.callbacks import Callback, CallbackList
from ludwig.inference import report
from ludwig.inference.evaluation import report_not_finite, rows_for_evaluation
from ludwig.inference.session import Wanted, given_back, nothing, overall_statistics
from ludwig.lifecycle.data import rows_of
from ludwig.lifecycle.held import Given, Held, fitted, refuse_odd_split, trained, within_call
from ludwig.models import Model
from ludwig.runtime.arguments import whole_number
from ludwig.runtime.atomic import storing


@dataclasses.dataclass(frozen=True)
class Statistics:
    """What becomes of the statistics of an evaluation."""

    saves: bool = False
    collects_predictions: bool = False
    collects_overall: bool = False  # confusion matrices, curves and statistics of each class


def predict(
    held: Held,
    given: Given,
    split: str,
    batch_size: int,
    generation: Mapping[str, Any] | None,
    wanted: Wanted,
    callbacks: list[Callback] | None,
) -> Any:
    """The predictions of all rows, as they are wanted."""
    model = trained(held, "predict")
    refuse_odd_split(split)
    batch_size = whole_number("batch_size", batch_size, 1)
    with within_call(held), _generating(model, generation):
        hooks = CallbackList(held.callbacks).plus(callbacks)
        rows = rows_of(held, given, split, hooks, with_targets=False)
        arrays, _ = held.backend.run_prediction(model, rows.frame, batch_size, held.device)
        with storing(wanted.folder):
            return given_back(arrays, rows, held.config_obj.resolve(held.assets)[1], fitted(held), wanted)


def _generating(model: Model, overrides: Mapping[str, Any] | None) -> AbstractContextManager[None]:
    """Overrides how the model generates inside the block."""
    return nullcontext() if overrides is None else model.generating(overrides)


def evaluate(
    held: Held,
    given: Given,
    split: str,
    batch_size: int | None,
    wanted: Wanted,
    statistics: Statistics,
    callbacks: list[Callback] | None,
) -> tuple[dict[str, Any], Any]:
    """The statistics by output, and the predictions where they are collected."""
    model, trainer = trained(held, "evaluate"), held.config_obj.trainer
    refuse_odd_split(split)
    if batch_size is not None:
        batch_size = whole_number("batch_size", batch_size, 1)
    hooks = CallbackList(held.callbacks).plus(callbacks)
    with within_call(held):
        hooks.on_evaluation_start()
        try:
            rows = rows_of(held, given, split, hooks, with_targets=True)
            size = batch_size or trainer.evaluation_rows or rows_for_evaluation(model, rows.frame, 1)
            selecting = {str(trainer.validation_field): str(trainer.validation_metric)}
            arrays, metrics = held.backend.run_prediction(model, rows.frame, size, held.device, selecting)
            report_not_finite(metrics, "the evaluation")
            outputs, facts, found = held.config_obj.resolve(held.assets)[1], fitted(held), dict(metrics)
            if statistics.collects_overall:
                found = overall_statistics(model, arrays, rows, metrics, outputs, facts)
            with storing(wanted.folder):
                if statistics.saves:
                    report.save_statistics(wanted.folder, found)
                if not statistics.collects_predictions and not wanted.saves:
                    return found, nothing(wanted)
                predicted = given_back(arrays, rows, outputs, facts, wanted)
            return found, predicted if statistics.collects_predictions else nothing(wanted)
        finally:
            hooks.on_evaluation_end()
