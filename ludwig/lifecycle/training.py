"""A model is trained, from the beginning or further."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from ludwig.api_types import PreprocessedDataset, TrainingResults
from ludwig.callbacks import Callback, CallbackList, checked_callbacks
from ludwig.error import ConfigValidationError, TrainingError
from ludwig.features.base import Facts
from ludwig.inference.evaluation import report_not_finite
from ludwig.integrations import tensorboard
from ludwig.lifecycle.data import refuse_other_state, training_data
from ludwig.lifecycle.held import Given, Held, Kept, end_online_training, fitted, within_call
from ludwig.lifecycle.resuming import refuse_other_run
from ludwig.lifecycle.saved import save
from ludwig.runtime.arguments import seed_of
from ludwig.runtime.atomic import storing
from ludwig.runtime.console import logger_of, shows_progress, warn
from ludwig.runtime.distributed import workers_of
from ludwig.training import Job, OnlineTraining, Outcome, Run, Saves, Saving, build, checkpoints, draws_of
from ludwig.training.console import ProgressBar, RoundTable, can_draw
from ludwig.training.interrupt import hand_on
from ludwig.training.records.curves import save_learning_curves
from ludwig.training.run import facts_of_run, training_stats

logger = logger_of(__name__)


def train(held: Held, given: Given, kept: Kept, seed: int, callbacks: list[Callback] | None) -> TrainingResults:
    """Trains and, where that is wanted, saves the run."""
    seed = seed_of(seed)
    with within_call(held):
        workers = workers_of(held.device)
        hooks = _training_hooks(held, callbacks, kept, is_main=workers.is_main)
        if held.config_obj.hyperopt:
            warn("The config has a section `hyperopt`, which training ignores. Call `hyperopt` to search.")
        if held.model is not None and given.metadata is None:
            warn("The model is trained already: it keeps its vocabularies, scales and weights, and is trained further.")
        refuse_other_run(kept.resume_path, held.config_obj)
        given = dataclasses.replace(given, metadata=given.metadata or facts_of_run(kept.resume_path))
        saves = kept.saves_processed_input and kept.output_directory is not None and workers.is_main
        data, sources = training_data(held, given, seed, hooks, saves=saves)
        metadata = held.training_set_metadata = dict(data.training_set_metadata)
        end_online_training(held)
        run = workers.broadcast(kept.run() if workers.is_main else Run(None, Saves()))
        run = run if workers.is_main else run.followed()
        run.open(held.config, metadata, sources, given.data_format, data.rows, seed)
        experiment = (kept.experiment_name, kept.model_name, kept.output_directory, kept.resume_path)
        hooks.on_train_init(held.user_config, run.name, *experiment)
        try:
            outcome = _fit(held, data, run, seed, hooks)
            progress = outcome.progress
            report_not_finite(progress.best_eval_validation_metrics, "the best evaluation")
            report_not_finite(progress.best_eval_test_metrics, "the test split")
            stats = training_stats(progress, held.config_obj.trainer)
            if run.saves.model and run.model_folder is not None:
                save(held, run.model_folder)
            run.close(held.config, metadata, data.rows, stats, progress, seed)
        finally:
            hooks.on_train_end(run.name)
        signals = workers.gather(outcome.ended_by)  # which waits until all files are there
        ended_by = next((number for number in signals if number is not None), None)
        if ended_by is not None:
            hand_on(ended_by)
    return TrainingResults(stats, data, run.name or "", functools.partial(save_learning_curves, progress=progress))


def _training_hooks(held: Held, callbacks: list[Callback] | None, kept: Kept, *, is_main: bool) -> CallbackList:
    own: list[Callback] = []
    if is_main and shows_progress(held.logging_level):
        own += [*([ProgressBar()] if can_draw() else []), RoundTable()]
    if kept.saves.log and kept.output_directory is not None:
        if tensorboard.is_installed():
            own.append(tensorboard.TensorBoardCallback())
        elif is_main:
            logger.info("No TensorBoard logs are written. To have them: pip install 'ludwig[trackers]' or tensorboard.")
    return CallbackList([*held.callbacks, *checked_callbacks(callbacks), *own])


def _job(
    held: Held, data: PreprocessedDataset, facts: Mapping[str, Facts], seed: int, saving: Saving, *, resumes: bool
) -> Job:
    validation, test = (None if part is None else part.frame for part in (data.validation_set, data.test_set))
    return Job(
        config=held.config_obj,
        trainer=held.config_obj.trainer,
        facts=facts,
        training=data.training_set.frame,
        validation=validation,
        test=test,
        seed=seed,
        device=held.device,
        saving=saving,
        assets=held.assets,
        resumes=resumes,
        weights=None if held.model is None else held.model.weights(),
    )


def _fit(held: Held, data: PreprocessedDataset, run: Run, seed: int, hooks: CallbackList) -> Outcome:
    before = held.model
    facts = fitted(held)
    starts = not (run.resumes and checkpoints.has_any(run.saving.checkpoints))
    model = before if before is not None else build(held.config_obj, facts, seed, held.assets, starts=starts)
    if run.saves.model and run.model_folder is not None:
        with storing(run.model_folder):
            model.save_assets(run.model_folder)  # so that a run that dies can be loaded
    hooks.on_train_start(model, held.config, held.config_fp)
    held.model = model  # from here on: whatever breaks training off, the weights that there are can be used
    job = _job(held, data, facts, seed, run.saving, resumes=run.resumes)
    try:
        outcome = held.backend.run_training(job, hooks, model)
    except (ConfigValidationError, TrainingError):  # unless they are none that training made
        held.model = before
        raise
    model.load_weights(outcome.weights)
    held.config_obj = held.config_obj.with_settled(outcome.resolved)
    return outcome


def train_online(held: Held, given: Given, seed: int) -> None:
    """One more epoch over all rows, keeping the model, its fitted state and the optimizer."""
    seed = seed_of(seed)
    with within_call(held):
        hooks, before = CallbackList(held.callbacks), (held.model, held.training_set_metadata)
        if held.model is not None:
            refuse_other_state(held, given.metadata)
        data, _ = training_data(held, given, seed, hooks, saves=False)
        try:
            if held.model is None:
                held.training_set_metadata = dict(data.training_set_metadata)
                held.model = build(held.config_obj, fitted(held), seed, held.assets)
            held.online = held.online or OnlineTraining()
            with draws_of(held.model, seed):
                job = _job(held, data, fitted(held), seed, Saving(), resumes=False)
                held.online.train(job, held.model, hooks)
        except (ConfigValidationError, TrainingError):
            if before[0] is None:  # nothing that training made
                held.model, held.training_set_metadata, held.online = *before, None
            raise
