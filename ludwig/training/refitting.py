"""A model is trained once more, on all rows that were not held out for the test."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.models.base import Model
from ludwig.runtime.console import logger_of
from ludwig.training.base import TrainerBase
from ludwig.training.rounds import Splits
from ludwig.training.run import Saving

logger = logger_of(__name__)


def refit(trainer: TrainerBase, model: Model, start: Mapping[str, Tensor], splits: Splits) -> None:
    """Trains the model anew from the weights that it started with, on training and validation rows together.

    It takes as many passes over the rows as led to the best evaluation, and keeps the calibration and the decision
    thresholds, which need rows that were not trained on. The test metrics become those of the new weights.
    """
    assert splits.validation is not None
    progress = trainer.progress
    rows = Frame.joined([splits.training, splits.validation])
    steps = max(round(progress.best_eval_metric_steps * len(rows) / len(splits.training)), 1)
    settled = {**trainer.resolved(), "train_steps": steps, "early_stop": -1, "skip_all_evaluation": True}
    config = dataclasses.replace(trainer.config, **settled, refit=False)
    logger.info("Refit: %d steps on the %d rows of training and validation.", steps, len(rows))
    fitted = _fitted_on_validation(model)
    model.load_weights(dict(start))
    if trainer.engine.generator is not None:
        trainer.engine.generator.manual_seed(trainer.seed)
    again: Any = config.build(model, trainer.engine, CallbackList(), trainer.seed, Saving())
    again.augments = trainer.augments
    again.train(rows, None, None)
    with torch.no_grad():
        for buffer, value in fitted:
            buffer.copy_(value)
    if splits.test is not None:
        progress.best_eval_test_metrics = again.evaluator.evaluate(splits.test, again.plan.batch_size)


def _fitted_on_validation(model: Model) -> list[tuple[Tensor, Tensor]]:
    """The buffers of calibration and thresholds, with their values."""
    names = [
        (output, name)
        for output in model.outputs.values()
        for name in (*(output.scaling.names if output.scaling else ()), *output.names_of_threshold)
    ]
    return [(output.get_buffer(name), output.get_buffer(name).clone()) for output, name in names]
