"""A model is trained once more, on all rows that were not held out for the test."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.error import TrainingError
from ludwig.models.base import Model
from ludwig.runtime.console import logger_of, warn
from ludwig.training.base import TrainerBase
from ludwig.training.rounds import Splits
from ludwig.training.run import Saving
from ludwig.training.stopping import StopReason

logger = logger_of(__name__)

LEAST_SECONDS = 1e-3  # that a time limit leaves


def refit(trainer: TrainerBase, model: Model, start: Mapping[str, Tensor], splits: Splits) -> None:
    """Trains the model anew from the weights that it started with, on training and validation rows together.

    It takes as many passes over the rows as led to the best evaluation, and keeps the calibration, the decision
    thresholds and the shifts of quantiles, which need rows that were not trained on. The test metrics become those of
    the new weights. Where it does not come to its end, because of a signal, the time limit or gradients, the model
    keeps the weights it had.
    """
    assert splits.validation is not None
    progress, workers = trainer.progress, trainer.engine.workers
    rows = Frame.joined([splits.training, splits.validation])
    share = workers.rows_of_all(len(rows)) / workers.rows_of_all(len(splits.training))
    steps = max(round(progress.best_eval_metric_steps * share), 1)
    settled = {**trainer.resolved(), "train_steps": steps, "early_stop": -1, "skip_all_evaluation": True}
    config = dataclasses.replace(trainer.config, **settled, **_time_left(trainer), refit=False)
    logger.info("Refit: %d steps on the %d rows of training and validation.", steps, len(rows))
    before = {name: weight.clone() for name, weight in model.weights().items()}
    fitted = _fitted_on_validation(model)
    model.load_weights(dict(start))
    if trainer.engine.generator is not None:
        trainer.engine.generator.manual_seed(trainer.seed + workers.rank)
    again: Any = config.build(model, trainer.engine, CallbackList(), trainer.seed, Saving())
    again.augments = trainer.augments
    reason = _trained(again, rows)
    if reason != StopReason.FINISHED:
        model.load_weights(before)
        warn(f"The refit was not finished ({reason}): the weights of the first training are kept.")
        if reason == StopReason.INTERRUPTED:
            trainer.ended_by, progress.stop_reason = again.ended_by, reason
        return
    with torch.no_grad():
        for buffer, value in fitted:
            buffer.copy_(value)
    if splits.test is not None:
        progress.best_eval_test_metrics = again.evaluator.evaluate(splits.test, again.plan.batch_size)


def _time_left(trainer: TrainerBase) -> dict[str, float]:
    """The time limit of both trainings together, where there is one."""
    limit = trainer.config.time_limit_s
    return {} if limit is None else {"time_limit_s": max(limit - trainer.progress.seconds, LEAST_SECONDS)}


def _trained(trainer: TrainerBase, rows: Frame) -> str:
    """Why the training on these rows ended."""
    try:
        return str(trainer.train(rows, None, None).stop_reason)
    except TrainingError:
        return str(StopReason.NOT_FINITE)


def _fitted_on_validation(model: Model) -> list[tuple[Tensor, Tensor]]:
    """The buffers of calibration, thresholds and quantiles, with their values."""
    names = [(output, name) for output in model.outputs.values() for name in output.fitted_names]
    return [(output.get_buffer(name), output.get_buffer(name).clone()) for output, name in names]
