"""What becomes of a model over its life: trained, trained further, used to predict, saved, loaded.

Each function is one act of the facade. It is handed the model that it acts on and brings together the rooms below.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch

from ludwig.api_types import PreprocessedDataset, TrainingResults
from ludwig.backend import Backend
from ludwig.callbacks import Callback, CallbackList
from ludwig.config import ModelConfig, proc_column
from ludwig.data.dataset import Dataset
from ludwig.data.pipeline import Pipeline, fitted_state
from ludwig.data.preprocess import Prepared
from ludwig.data.reading import Sources, given_sources
from ludwig.error import ArgumentError, LudwigWarning, NotTrainedError, nearest
from ludwig.features.base import Facts
from ludwig.inference import report
from ludwig.inference.evaluation import rows_for_evaluation
from ludwig.inference.session import Wanted, given_back, nothing, overall_statistics
from ludwig.integrations import tensorboard
from ludwig.models import Model, artifacts
from ludwig.models.assets import Assets
from ludwig.models.base import FeatureSpec
from ludwig.runtime.atomic import read_json
from ludwig.runtime.call import calling
from ludwig.runtime.console import logger_of, shows_progress
from ludwig.runtime.distributed import workers_of
from ludwig.schema import dump
from ludwig.training import Job, Run, Saves, Saving, TrainerBase, build, checkpoints, draws_of, trainer_of
from ludwig.training.console import ProgressBar, RoundTable
from ludwig.training.progress import Progress
from ludwig.training.run import facts_of_run, training_stats

logger = logger_of(__name__)

Metadata = str | Mapping[str, Any] | None
FULL, TRAINING, VALIDATION, TEST = "full", "training", "validation", "test"
SPLITS = (FULL, TRAINING, VALIDATION, TEST)
DEFAULT_SEED = 42


class Held(Protocol):
    """The state of a `LudwigModel`."""

    config_obj: ModelConfig
    config_fp: str | None
    user_config: dict[str, Any]
    logging_level: int
    allow_parallel_threads: bool
    backend: Backend
    device: torch.device
    callbacks: list[Callback]
    assets: Assets
    model: Model | None
    training_set_metadata: dict[str, Any] | None
    online: TrainerBase | None

    @property
    def config(self) -> dict[str, Any]: ...


@dataclasses.dataclass(frozen=True)
class Given:
    """The data of a call: a whole to be split, or its parts."""

    dataset: Any = None
    training_set: Any = None
    validation_set: Any = None
    test_set: Any = None
    metadata: Metadata = None
    data_format: str | None = None


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where a training is kept, and what of it."""

    output_directory: str | None
    experiment_name: str
    model_name: str
    resume_path: str | None
    saves: Saves
    saves_processed_input: bool

    def run(self) -> Run:
        """The run's folder: that of an earlier run which goes on, or a new one."""
        return Run.at(self.output_directory, self.experiment_name, self.model_name, self.saves, self.resume_path)


def _within_call(held: Held) -> AbstractContextManager[None]:
    return calling(held.logging_level, held.allow_parallel_threads)


# -- data


def preprocess(
    held: Held, given: Given, seed: int, callbacks: list[Callback] | None, *, saves: bool
) -> PreprocessedDataset:
    """Reads, splits, fits and encodes."""
    with _within_call(held):
        hooks = CallbackList(held.callbacks).plus(callbacks)
        return _preprocessed(held, _sources(given), given, seed, hooks, saves=saves)


def _sources(given: Given) -> Sources:
    return given_sources(given.dataset, given.training_set, given.validation_set, given.test_set)


def _pipeline(held: Held, hooks: CallbackList) -> Pipeline:
    def resolve(folder: Path | None) -> tuple[Sequence[FeatureSpec], Sequence[FeatureSpec], Sequence[FeatureSpec]]:
        config = held.config_obj
        return (*config.resolve(held.assets, folder), config.besides(held.assets, folder))

    return Pipeline(held.config_obj, resolve, held.backend.fit, held.backend.cache_dir, hooks)


def _preprocessed(
    held: Held, sources: Sources, given: Given, seed: int, hooks: CallbackList, *, saves: bool
) -> PreprocessedDataset:
    hooks.on_preprocess_start(held.config)
    result: PreprocessedDataset | None = None
    try:
        metadata, pipeline = _known_metadata(held, given.metadata), _pipeline(held, hooks)
        prepared = pipeline.for_training(sources, given.data_format, metadata, seed, save_cache=saves)
        result = _as_datasets(held, prepared, seed)
    finally:
        training, validation, test = (None, None, None) if result is None else _sets(result).values()
        metadata_found = None if result is None else result.training_set_metadata
        hooks.on_preprocess_end(training, validation, test, metadata_found)
    return result


def _known_metadata(held: Held, metadata: Metadata) -> Mapping[str, Any] | None:
    known = _read_metadata(metadata)
    if known is None and held.model is not None:
        logger.warning("The model is trained already: it keeps its vocabularies, scales and weights.")
        return held.training_set_metadata
    return known


def _read_metadata(metadata: Metadata) -> Mapping[str, Any] | None:
    if isinstance(metadata, str):
        read: dict[str, Any] = read_json(Path(metadata))
        return read
    return metadata


def _as_datasets(held: Held, prepared: Prepared, seed: int) -> PreprocessedDataset:
    inputs, outputs = held.config_obj.resolve(held.assets)
    specs = [*inputs, *outputs, *held.config_obj.besides(held.assets)]
    names = {spec.name: proc_column(spec) for spec in specs}
    sections = {spec.name: {"preprocessing": dump(spec.feature.config)} for spec in specs}
    fitted = {name: facts.to_json() for name, facts in prepared.facts.items()}
    held.training_set_metadata = {
        **{name: {**values, **sections[name]} for name, values in fitted.items()},
        "random_seed": seed,
    }
    parts = (prepared.validation, prepared.test)
    validation, test = (None if frame is None else Dataset(frame, names) for frame in parts)
    return PreprocessedDataset(Dataset(prepared.training, names), validation, test, held.training_set_metadata)


def _training_data(
    held: Held, given: Given, seed: int, hooks: CallbackList, *, saves: bool
) -> tuple[PreprocessedDataset, Sources]:
    """The data of a training, prepared unless it is already, and the sources that it came from."""
    if isinstance(given.dataset, PreprocessedDataset):
        held.training_set_metadata = dict(given.dataset.training_set_metadata)
        return given.dataset, {}
    if isinstance(given.training_set, Dataset):
        known = _read_metadata(given.metadata) or held.training_set_metadata
        if known is None:
            raise ArgumentError("Preprocessed sets need `training_set_metadata`, which `preprocess` gave with them.")
        held.training_set_metadata = dict(known)
        sets = (given.training_set, given.validation_set, given.test_set)
        return PreprocessedDataset(*sets, held.training_set_metadata), {}
    sources = _sources(given)
    return _preprocessed(held, sources, given, seed, hooks, saves=saves), sources


def _fitted(held: Held) -> dict[str, Facts]:
    inputs, outputs = held.config_obj.resolve(held.assets)
    return fitted_state([*inputs, *outputs], held.training_set_metadata or {})


# -- training


def train(held: Held, given: Given, kept: Kept, seed: int, callbacks: list[Callback] | None) -> TrainingResults:
    """Trains and, where that is wanted, saves the run."""
    with _within_call(held):
        workers = workers_of(held.device)
        hooks = _training_hooks(held, callbacks, kept, is_main=workers.is_main)
        if held.config_obj.hyperopt:
            logger.warning("The config has a section `hyperopt`, which training ignores. Call `hyperopt` to search.")
        given = dataclasses.replace(given, metadata=given.metadata or facts_of_run(kept.resume_path))
        saves = kept.saves_processed_input and kept.output_directory is not None and workers.is_main
        data, sources = _training_data(held, given, seed, hooks, saves=saves)
        run = workers.broadcast(kept.run() if workers.is_main else Run(None, Saves()))
        run = run if workers.is_main else run.followed()
        run.open(held.config, held.training_set_metadata or {}, sources, given.data_format, seed)
        experiment = (kept.experiment_name, kept.model_name, kept.output_directory, kept.resume_path)
        hooks.on_train_init(held.user_config, run.name, *experiment)
        try:
            progress = _fit(held, data, run, seed, hooks)
            stats = training_stats(progress, held.config_obj.trainer)
            if run.saves.model and run.model_folder is not None:
                save(held, run.model_folder)
            run.close(held.config, held.training_set_metadata or {}, stats, progress, seed)
        finally:
            hooks.on_train_end(run.name)
        workers.barrier()  # until all files are there
    return TrainingResults(stats, data, run.name or "")


def _training_hooks(held: Held, callbacks: list[Callback] | None, kept: Kept, *, is_main: bool) -> CallbackList:
    own: list[Callback] = []
    if is_main and shows_progress(held.logging_level):
        own += [ProgressBar(), RoundTable()]
    if kept.saves.log and kept.output_directory is not None and tensorboard.is_installed():
        own.append(tensorboard.TensorBoardCallback())
    return CallbackList([*held.callbacks, *(callbacks or ()), *own])


def _job(held: Held, data: PreprocessedDataset, seed: int, saving: Saving, *, resumes: bool) -> Job:
    sets = (data.training_set, data.validation_set, data.test_set)
    training, validation, test = (None if part is None else part.frame for part in sets)
    assert training is not None
    return Job(
        config=held.config_obj,
        trainer=held.config_obj.trainer,
        facts=_fitted(held),
        training=training,
        validation=validation,
        test=test,
        seed=seed,
        device=held.device,
        saving=saving,
        assets=held.assets,
        resumes=resumes,
        weights=None if held.model is None else held.model.weights(),
    )


def _fit(held: Held, data: PreprocessedDataset, run: Run, seed: int, hooks: CallbackList) -> Progress:
    model = _built(held, seed, starts=not (run.resumes and checkpoints.has_any(run.saving.checkpoints)))
    if run.saves.model and run.model_folder is not None:
        model.save_assets(run.model_folder)  # so that a run that dies can be loaded
    hooks.on_train_start(model, held.config, held.config_fp)
    job = _job(held, data, seed, run.saving, resumes=run.resumes)
    outcome = held.backend.run_training(job, hooks, model)
    model.load_weights(outcome.weights)
    held.config_obj = held.config_obj.with_settled(outcome.resolved)
    return outcome.progress


def _built(held: Held, seed: int, *, starts: bool = True) -> Model:
    """The network, built where there is none yet."""
    if held.model is None:
        held.model = build(held.config_obj, _fitted(held), seed, held.assets, starts=starts)
    return held.model


def train_online(held: Held, given: Given, seed: int) -> None:
    """One more epoch over all rows, keeping the model, its fitted state and the optimizer."""
    with _within_call(held):
        hooks = CallbackList(held.callbacks)
        data = _preprocessed(held, _sources(given), given, seed, hooks, saves=False)
        model = _built(held, seed)
        with draws_of(model, seed):
            if held.online is None:
                held.online = trainer_of(_job(held, data, seed, Saving(), resumes=False), model, hooks)
            held.online.train_online(data.training_set.frame)


# -- predictions


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
    with _within_call(held), _generating(model, generation):
        hooks = CallbackList(held.callbacks).plus(callbacks)
        rows = _rows(held, given, split, hooks, with_targets=False)
        arrays, _ = held.backend.run_prediction(model, rows.frame, batch_size, held.device, with_metrics=False)
        return given_back(arrays, rows, held.config_obj.resolve(held.assets)[1], _fitted(held), wanted)


def evaluate(
    held: Held,
    given: Given,
    split: str,
    batch_size: int | None,
    wanted: Wanted,
    callbacks: list[Callback] | None,
    *,
    saves_statistics: bool,
    collects_predictions: bool,
    collects_overall: bool,
) -> tuple[dict[str, Any], Any]:
    """The statistics by output, and the predictions where they are collected."""
    model = trained(held, "evaluate")
    refuse_odd_split(split)
    hooks = CallbackList(held.callbacks).plus(callbacks)
    with _within_call(held):
        hooks.on_evaluation_start()
        try:
            rows = _rows(held, given, split, hooks, with_targets=True)
            usual = held.config_obj.trainer.evaluation_rows
            size = batch_size or usual or rows_for_evaluation(rows.frame, 1)
            arrays, metrics = held.backend.run_prediction(model, rows.frame, size, held.device, with_metrics=True)
            statistics = overall_statistics(model, arrays, rows, metrics) if collects_overall else dict(metrics)
            if saves_statistics:
                report.save_statistics(wanted.folder, statistics)
            if not collects_predictions and not wanted.saves:
                return statistics, nothing(wanted)
            found = given_back(arrays, rows, held.config_obj.resolve(held.assets)[1], _fitted(held), wanted)
            return statistics, found if collects_predictions else nothing(wanted)
        finally:
            hooks.on_evaluation_end()


def _rows(held: Held, given: Given, split: str, hooks: CallbackList, *, with_targets: bool) -> Any:
    dataset = given.dataset
    if isinstance(dataset, PreprocessedDataset):
        dataset = dataset.training_set if split == FULL else _sets(dataset)[split]
    metadata = held.training_set_metadata or {}
    seed = int(metadata.get("random_seed", DEFAULT_SEED))
    pipeline = _pipeline(held, hooks)
    return pipeline.for_prediction(dataset, given.data_format, split, metadata, seed, with_targets=with_targets)


def _sets(data: PreprocessedDataset) -> dict[str, Dataset | None]:
    return {TRAINING: data.training_set, VALIDATION: data.validation_set, TEST: data.test_set}


def split_of(data: PreprocessedDataset, split: str) -> PreprocessedDataset | Dataset | None:
    """One of the splits of preprocessed data."""
    return data if split == FULL else _sets(data)[split]


def refuse_odd_split(split: str) -> None:
    """Raises where there is no such split."""
    if split not in SPLITS:
        raise ArgumentError(f"There is no split '{split}'.{nearest(split, SPLITS)} Choose one of: {', '.join(SPLITS)}.")


@contextmanager
def _generating(model: Model, overrides: Mapping[str, Any] | None) -> Iterator[None]:
    """Overrides how the model generates inside the block."""
    if overrides is None:
        yield
        return
    with model.generating(overrides):
        yield


# -- saved models


def trained(held: Held, verb: str) -> Model:
    """The network.

    Raises:
        NotTrainedError: There is none yet.
    """
    if held.model is None:
        raise NotTrainedError(f"The model has no network to {verb} yet: call `train`, or `LudwigModel.load`.")
    return held.model


def save(held: Held, folder: Path) -> None:
    """Writes config, fitted state, weights and assets, which `load` reads."""
    model = trained(held, "save")
    artifacts.save_config(folder, held.config)
    artifacts.save_facts(folder, held.training_set_metadata or {})
    model.save_assets(folder)
    model.save_weights(folder)


def restore(held: Held, folder: Path, metadata: dict[str, Any], *, from_checkpoint: bool) -> None:
    """Gives a model without a network that of a saved one."""
    with _within_call(held):
        held.training_set_metadata = metadata
        _built(held, DEFAULT_SEED, starts=False)
        load_weights(held, folder, from_checkpoint=from_checkpoint)


def load_weights(held: Held, folder: Path, *, from_checkpoint: bool) -> None:
    """Saved weights into the network.

    Raises:
        FileNotFoundError: There is no checkpoint.
        ArtifactError: A file is not there, damaged, or of another network.
    """
    model = trained(held, "load_weights")
    if not from_checkpoint:
        model.read_weights(folder)
    else:
        found = checkpoints.load_latest(folder / "training_checkpoints")
        if found is None:
            raise FileNotFoundError(f"There is no checkpoint in '{folder / 'training_checkpoints'}'.")
        model.load_weights(found.weights)
    model.to(held.device).eval()


def change_config(held: Held, config: ModelConfig, raw: dict[str, Any]) -> None:
    """Another config; a network that it does not describe is dropped."""
    if held.model is not None and config.architecture() != held.config_obj.architecture():
        held.model, held.training_set_metadata, held.online = None, None, None
        text = "The new config describes another network, so the trained one is dropped. Call `train` again."
        warnings.warn(text, LudwigWarning, stacklevel=3)
    held.config_obj, held.user_config = config, raw


def bare_network(config: ModelConfig, seed: int) -> Model:
    """The network of a config whose features need no fitted state.

    Raises:
        NotTrainedError: They do.
    """
    inputs, outputs = config.resolve(Assets())
    try:
        facts = {spec.name: spec.feature.facts_of_config() for spec in (*inputs, *outputs)}
    except LookupError as error:
        raise NotTrainedError(f"The network cannot be built from the config alone: {error}.") from None
    return build(config, facts, seed)
