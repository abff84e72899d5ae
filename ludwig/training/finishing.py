"""The end of a run: the best weights are taken, averaged and calibrated, and evaluated on the test split."""

from __future__ import annotations

from typing import Protocol

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.error import TrainingError
from ludwig.inference.evaluation import rows_for_evaluation
from ludwig.models.base import Model
from ludwig.runtime.engine import Engine
from ludwig.training.calibration import LEAST_ROWS, calibrate
from ludwig.training.evaluator import Evaluator
from ludwig.training.intervals import fit_intervals
from ludwig.training.optim.averaging import Score, Weights
from ludwig.training.options import EvaluationOptions
from ludwig.training.plan import Plan
from ludwig.training.progress import Progress
from ludwig.training.rounds import ADVICE, Splits, is_diverged
from ludwig.training.selection import Selection
from ludwig.training.thresholds import choose_thresholds


class Ended(Protocol):
    """A run whose steps are done."""

    model: Model
    engine: Engine
    evaluator: Evaluator
    selection: Selection
    callbacks: CallbackList
    progress: Progress
    plan: Plan

    @property
    def config(self) -> EvaluationOptions: ...

    def notify(self, hook: str) -> None: ...


def finish(run: Ended, splits: Splits) -> None:
    """Gives the model the selected weights and notes how they do on the test split.

    Raises:
        TrainingError: No evaluation found a finite loss, so no weights are good ones.
    """
    progress, model, validation = run.progress, run.model, splits.validation
    if is_diverged(progress):
        raise TrainingError(f"The loss is not finite in any evaluation up to step {progress.steps}. {ADVICE}")
    progress.seconds = progress.seconds_now()
    run.selection.take_best(model)
    if validation is not None:
        _make_soup(run, validation)
    model.eval()
    workers = run.engine.workers
    held_out = (
        splits.training if validation is None or workers.rows_of_all(len(validation)) < LEAST_ROWS else validation
    )
    rows = rows_for_evaluation(model, held_out, run.plan.batch_size)
    progress.calibration = calibrate(model, held_out, rows, run.engine.device, workers)
    progress.thresholds = choose_thresholds(model, held_out, rows, run.engine.device, workers)
    progress.intervals = fit_intervals(model, held_out, rows, run.engine.device, workers)
    if (progress.thresholds or progress.intervals) and validation is not None and not run.config.skip_all_evaluation:
        progress.best_eval_validation_metrics = run.evaluator.evaluate(validation, run.plan.batch_size)
    if splits.test is not None and not run.config.skip_all_evaluation:
        _test(run, splits.test)


def _test(run: Ended, test: Frame) -> None:
    progress = run.progress
    metrics = run.evaluator.evaluate(test, run.plan.batch_size)
    progress.best_eval_test_metrics = metrics
    if run.evaluator.follows_test_split:  # the history has what each evaluation found
        return
    run.notify("on_test_start")
    best = (progress.best_eval_metric_epoch, progress.best_eval_metric_steps)
    progress.add(progress.test_metrics, metrics, epoch=best[0], step=best[1])
    run.notify("on_test_end")


def _make_soup(run: Ended, validation: Frame) -> None:
    """Averages the best evaluated weights where that is no worse; the metrics of the selection are then the soup's."""
    progress, model, found = run.progress, run.model, {}

    def score(weights: Weights) -> Score:
        run.selection.take(model, weights)
        found["metrics"] = run.evaluator.evaluate(validation, run.plan.batch_size)
        return run.evaluator.score(found["metrics"])

    soup = run.selection.souped(progress, score)
    if soup is None:
        run.selection.take_best(model)
        return
    score(soup)
    progress.best_eval_validation_metrics = found["metrics"]
    progress.best_eval_metric_value, progress.best_eval_loss = run.evaluator.selected(found["metrics"])
