"""The waist of the library: a model from a config, with all that one does with it."""

from __future__ import annotations

import copy
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.api_types import EvaluationFrequency, PreprocessedDataset, TrainingResults, TrainingStats
from ludwig.backend import Backend, initialize_backend
from ludwig.callbacks import Callback, CallbackList
from ludwig.columns.frame import Frame
from ludwig.config import ModelConfig, load_config, proc_column, read_config
from ludwig.data.cache import cache_file, load_prepared
from ludwig.data.dataset import Dataset
from ludwig.data.preprocess import Prepared, encode, preprocess, rows_of_split
from ludwig.data.reading import Sources, given_sources, read_sources
from ludwig.data.sources import folder_of, format_of, read_table
from ludwig.error import ArgumentError, NotTrainedError, nearest
from ludwig.features.base import Facts
from ludwig.inference import report as prediction_files
from ludwig.inference.evaluation import rows_for_evaluation
from ludwig.inference.postprocess import as_dict, as_table, decode, spread
from ludwig.inference.predictor import Arrays, predict, predict_and_score
from ludwig.integrations import tensorboard
from ludwig.models import Model, artifacts
from ludwig.models.base import FeatureSpec, facts_of
from ludwig.runtime.atomic import read_json
from ludwig.runtime.console import set_level_for_all, shows_progress, speaking
from ludwig.runtime.device import choose_device, limit_threads
from ludwig.runtime.distributed import workers_of
from ludwig.runtime.engine import Engine, precision_of
from ludwig.runtime.seed import seed_everything
from ludwig.schema import dump
from ludwig.training import Run, Saves, Saving, checkpoints
from ludwig.training.console import ProgressBar, RoundTable
from ludwig.training.progress import Progress
from ludwig.training.run import facts_of_run, training_stats

__all__ = ["EvaluationFrequency", "LudwigModel", "PreprocessedDataset", "TrainingResults", "TrainingStats"]

logger = logging.getLogger(__name__)

default_random_seed = 42
FULL, TRAINING, VALIDATION, TEST = "full", "training", "validation", "test"
SPLITS = (FULL, TRAINING, VALIDATION, TEST)
TABLES, DICTS = (pd.DataFrame, "dataframe", "df"), (dict, "dict", "dictionary")


class LudwigModel:
    """A model that a config declares: trained on data, saved, loaded, asked for predictions.

    Args:
        config: The config as a dict, or the path of a YAML file.
        logging_level: What the model tells while it works: progress bars below WARNING, a table a round at INFO.
        backend: Where the work runs: a name, a section or a backend; null takes the config's.
        gpus: Which GPUs may be used, as in CUDA_VISIBLE_DEVICES; -1 for none.
        gpu_memory_limit: Share of a GPU's memory that may be used, in [0, 1].
        allow_parallel_threads: False uses one thread, so that sums always run in one order.
        callbacks: Hooks of every call.

    Raises:
        ConfigValidationError: The config has faults; all are told at once, before any data is read.
    """

    def __init__(
        self,
        config: str | Path | dict[str, Any],
        logging_level: int = logging.ERROR,
        backend: Backend | Mapping[str, Any] | str | None = None,
        gpus: str | int | list[int] | None = None,
        gpu_memory_limit: float | None = None,
        allow_parallel_threads: bool = True,
        callbacks: list[Callback] | None = None,
    ) -> None:
        self.config_fp = None if isinstance(config, Mapping) else str(config)
        self._user_config = copy.deepcopy(read_config(config))
        self.config_obj: ModelConfig = load_config(self._user_config)
        self.logging_level = logging_level
        declared = self.config_obj.backend
        self.backend = initialize_backend(backend or (None if declared is None else declared.build()))
        self.device = choose_device(gpus, gpu_memory_limit)
        limit_threads(allow_parallel_threads)
        self.callbacks = list(callbacks or [])
        self.model: Model | None = None
        self.training_set_metadata: dict[str, Any] | None = None
        self._online: Any = None

    # -- the config

    @property
    def config(self) -> dict[str, Any]:
        """The rendered config: every default spelled out. Setting it checks the new one first."""
        return self.config_obj.to_dict()

    @config.setter
    def config(self, config: dict[str, Any]) -> None:
        checked = load_config(config)
        self.config_obj, self._user_config = checked, copy.deepcopy(config)

    def save_config(self, save_path: str) -> None:
        """Writes the rendered config to `model_hyperparameters.json` in the folder."""
        artifacts.save_config(Path(save_path), self.config)

    # -- training

    def preprocess(
        self,
        dataset: Any = None,
        training_set: Any = None,
        validation_set: Any = None,
        test_set: Any = None,
        training_set_metadata: str | dict[str, Any] | None = None,
        data_format: str | None = None,
        skip_save_processed_input: bool = True,
        random_seed: int = default_random_seed,
        callbacks: list[Callback] | None = None,
        **kwargs: Any,
    ) -> PreprocessedDataset:
        """Reads, splits and encodes the data: what `train` does first.

        Raises:
            InputDataError: The data does not fit the config.
        """
        _refuse_unknown("preprocess", kwargs)
        sources = given_sources(dataset, training_set, validation_set, test_set)
        with speaking(self.logging_level):
            hooks = CallbackList(self.callbacks).plus(callbacks)
            saves = not skip_save_processed_input
            return self._preprocess(sources, data_format, training_set_metadata, random_seed, saves, hooks)

    def train(
        self,
        dataset: Any = None,
        training_set: Any = None,
        validation_set: Any = None,
        test_set: Any = None,
        training_set_metadata: str | dict[str, Any] | None = None,
        data_format: str | None = None,
        experiment_name: str = "api_experiment",
        model_name: str = "run",
        model_resume_path: str | None = None,
        skip_save_training_description: bool = False,
        skip_save_training_statistics: bool = False,
        skip_save_model: bool = False,
        skip_save_progress: bool = False,
        skip_save_log: bool = False,
        skip_save_processed_input: bool = False,
        output_directory: str | None = "results",
        random_seed: int = default_random_seed,
        callbacks: list[Callback] | None = None,
        **kwargs: Any,
    ) -> TrainingResults:
        """Trains the model; afterwards it has the weights of the best round.

        Args:
            dataset: All data, to be split; or what `preprocess` gave.
            training_set, validation_set, test_set: The data of each split instead.
            training_set_metadata: Facts of an earlier run on the same data, or their file.
            data_format: The format of the data; null tells it from its kind or its extension.
            experiment_name, model_name: The run's folder is `<output_directory>/<experiment_name>_<model_name>`,
                numbered where that is taken.
            model_resume_path: The folder of an earlier run, which goes on.
            output_directory: Where runs go; null saves nothing.
            random_seed: Of split, weights, order and dropout.
            callbacks: Hooks of this call, after those of the model.

        Raises:
            InputDataError: The data does not fit the config. Nothing has been written then.
            TrainingError: The loss is no longer a number.
        """
        _refuse_unknown("train", kwargs)
        workers = workers_of(self.device)
        hooks = self._training_hooks(callbacks, skip_save_log or output_directory is None, workers.is_main)
        saves = Saves(
            description=not skip_save_training_description,
            statistics=not skip_save_training_statistics,
            model=not skip_save_model,
            progress=not skip_save_progress,
            log=not skip_save_log,
        )
        with speaking(self.logging_level):
            self._tell_of_ignored_search()
            data, sources = self._training_data(
                (dataset, training_set, validation_set, test_set),
                data_format,
                training_set_metadata or facts_of_run(model_resume_path),
                random_seed,
                not skip_save_processed_input and output_directory is not None and workers.is_main,
                hooks,
            )
            if workers.is_main:
                run = Run.at(output_directory, experiment_name, model_name, saves, model_resume_path)
                workers.broadcast(run)
            else:
                run = workers.broadcast(Run(None, Saves())).followed()
            run.open(self.config, self.training_set_metadata or {}, sources, data_format, random_seed)
            hooks.on_train_init(
                self._user_config, run.name, experiment_name, model_name, output_directory, model_resume_path
            )
            try:
                progress = self._fit(data, run, random_seed, hooks)
                stats = training_stats(progress, self.config_obj.trainer)
                if run.saves.model and run.model_folder is not None:
                    self.save(str(run.model_folder))
                run.close(self.config, self.training_set_metadata or {}, stats, progress, random_seed)
            finally:
                hooks.on_train_end(run.name)
            workers.barrier()  # until all files are there
        return TrainingResults(stats, data, run.name or "")

    def train_online(
        self,
        dataset: Any,
        training_set_metadata: str | dict[str, Any] | None = None,
        data_format: str = "auto",
        random_seed: int = default_random_seed,
    ) -> None:
        """One more epoch over all rows of the data, keeping the model, its facts and the optimizer."""
        with speaking(self.logging_level):
            hooks = CallbackList(self.callbacks)
            sources = given_sources(None, dataset, None, None)
            data = self._preprocess(sources, data_format, training_set_metadata, random_seed, False, hooks)
            if self._online is None:
                self._build(random_seed)
                self._online = self._trainer(Saving(), random_seed, hooks)
            self._online.train_online(data.training_set.frame)

    # -- prediction

    def predict(
        self,
        dataset: Any = None,
        data_format: str | None = None,
        split: str = FULL,
        batch_size: int = 128,
        generation_config: dict[str, Any] | None = None,
        skip_save_unprocessed_output: bool = True,
        skip_save_predictions: bool = True,
        output_directory: str = "results",
        return_type: Any = pd.DataFrame,
        callbacks: list[Callback] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, str]:
        """Predicts every row; the caller's index is kept, and rows that cannot be used come back as nulls.

        Args:
            dataset: The data; the columns of the targets are not needed.
            split: Which rows: "full", or those that training would put into "training", "validation" or "test".
            batch_size: Rows that are predicted at once. The result does not depend on it.
            generation_config: Overrides the section `generation` for this call (LLM only).
            return_type: `pd.DataFrame` or `dict`.

        Returns:
            The predictions, and `output_directory`.

        Raises:
            NotTrainedError: The model is not trained or loaded.
            InputDataError: A column is missing, or has cells that do not fit.
        """
        _refuse_unknown("predict", kwargs)
        _refuse_odd_choices(split, return_type)
        model = self._trained("predict")
        with speaking(self.logging_level), self._generating(generation_config):
            hooks = CallbackList(self.callbacks).plus(callbacks)
            frame, kept, index = self._frame_for(dataset, data_format, split, with_targets=False, hooks=hooks)
            arrays = self.backend.run(lambda device: predict(model, frame, batch_size, device), self.device)
            return self._told(
                arrays,
                kept,
                index,
                return_type,
                output_directory,
                not skip_save_predictions,
                not skip_save_unprocessed_output,
            ), output_directory

    def evaluate(
        self,
        dataset: Any = None,
        data_format: str | None = None,
        split: str = FULL,
        batch_size: int | None = None,
        skip_save_unprocessed_output: bool = True,
        skip_save_predictions: bool = True,
        skip_save_eval_stats: bool = True,
        collect_predictions: bool = False,
        collect_overall_stats: bool = False,
        output_directory: str = "results",
        return_type: Any = pd.DataFrame,
        callbacks: list[Callback] | None = None,
        **kwargs: Any,
    ) -> tuple[dict[str, Any], Any, str]:
        """Predicts every row and compares with the targets; rows without a target count nowhere.

        Args:
            dataset: The data with its targets.
            split: Which rows: "full", or those that training would put into "training", "validation" or "test".
            batch_size: Rows that are predicted at once; null takes the trainer's. The result does not depend on it.
            collect_predictions: Whether the predictions are given back as well.
            collect_overall_stats: Whether confusion matrices, curves and statistics of each class are told too.
            return_type: `pd.DataFrame` or `dict`.

        Returns:
            The statistics by output, the predictions (empty unless collected), and `output_directory`.

        Raises:
            NotTrainedError: The model is not trained or loaded.
            InputDataError: A column is missing, or has cells that do not fit.
        """
        _refuse_unknown("evaluate", kwargs)
        _refuse_odd_choices(split, return_type)
        model = self._trained("evaluate")
        hooks = CallbackList(self.callbacks).plus(callbacks)
        with speaking(self.logging_level):
            hooks.on_evaluation_start()
            try:
                frame, kept, index = self._frame_for(dataset, data_format, split, with_targets=True, hooks=hooks)
                rows = batch_size or self._evaluation_rows(frame)
                arrays, metrics = self.backend.run(
                    lambda device: predict_and_score(model, frame, rows, device), self.device
                )
                statistics: dict[str, Any] = dict(metrics)
                if collect_overall_stats:
                    statistics = {
                        name: {**values, **_overall(model, name, arrays, frame)} for name, values in metrics.items()
                    }
                if not skip_save_eval_stats:
                    prediction_files.save_statistics(Path(output_directory), statistics)
                saves = (not skip_save_predictions, not skip_save_unprocessed_output)
                wanted = collect_predictions or any(saves)
                told = self._told(arrays, kept, index, return_type, output_directory, *saves) if wanted else None
                return statistics, told if collect_predictions else _nothing(return_type), output_directory
            finally:
                hooks.on_evaluation_end()

    def experiment(
        self,
        dataset: Any = None,
        training_set: Any = None,
        validation_set: Any = None,
        test_set: Any = None,
        training_set_metadata: str | dict[str, Any] | None = None,
        data_format: str | None = None,
        experiment_name: str = "experiment",
        model_name: str = "run",
        model_resume_path: str | None = None,
        eval_split: str = TEST,
        skip_save_training_description: bool = False,
        skip_save_training_statistics: bool = False,
        skip_save_model: bool = False,
        skip_save_progress: bool = False,
        skip_save_log: bool = False,
        skip_save_processed_input: bool = False,
        skip_save_unprocessed_output: bool = False,
        skip_save_predictions: bool = False,
        skip_save_eval_stats: bool = False,
        skip_collect_predictions: bool = False,
        skip_collect_overall_stats: bool = False,
        output_directory: str = "results",
        random_seed: int = default_random_seed,
        callbacks: list[Callback] | None = None,
        **kwargs: Any,
    ) -> tuple[dict[str, Any] | None, TrainingStats, PreprocessedDataset, str]:
        """`train`, then `evaluate` on one of the splits.

        Returns:
            The statistics (None where the split has no rows), the training statistics, the data, the run's folder.
        """
        _refuse_unknown("experiment", kwargs)
        if eval_split not in SPLITS:
            raise ArgumentError(
                f"There is no split '{eval_split}'.{nearest(eval_split, SPLITS)} Choose: {', '.join(SPLITS)}."
            )
        results = self.train(
            dataset,
            training_set,
            validation_set,
            test_set,
            training_set_metadata,
            data_format,
            experiment_name,
            model_name,
            model_resume_path,
            skip_save_training_description,
            skip_save_training_statistics,
            skip_save_model,
            skip_save_progress,
            skip_save_log,
            skip_save_processed_input,
            output_directory,
            random_seed,
            callbacks,
        )
        data, run = results.preprocessed_data, results.output_directory
        split = data if eval_split == FULL else getattr(data, f"{eval_split}_set")
        if split is None:
            logger.warning("The %s split has no rows, so it is not evaluated.", eval_split)
            return None, results.train_stats, data, run
        statistics, _, _ = self.evaluate(
            split,
            skip_save_unprocessed_output=skip_save_unprocessed_output,
            skip_save_predictions=skip_save_predictions,
            skip_save_eval_stats=skip_save_eval_stats,
            collect_predictions=not skip_collect_predictions,
            collect_overall_stats=not skip_collect_overall_stats,
            output_directory=run,
            callbacks=callbacks,
        )
        return statistics, results.train_stats, data, run

    # -- saved models

    def save(self, save_path: str) -> None:
        """Writes config, weights and facts, which `load` reads.

        Raises:
            NotTrainedError: There is nothing to save yet.
        """
        model, folder = self._trained("save"), Path(save_path)
        artifacts.save_config(folder, self.config)
        artifacts.save_facts(folder, self.training_set_metadata or {})
        model.save_weights(folder)

    @staticmethod
    def load(
        model_dir: str,
        logging_level: int = logging.ERROR,
        backend: Backend | Mapping[str, Any] | str | None = None,
        gpus: str | int | list[int] | None = None,
        gpu_memory_limit: float | None = None,
        allow_parallel_threads: bool = True,
        callbacks: list[Callback] | None = None,
        from_checkpoint: bool = False,
    ) -> LudwigModel:
        """A saved model: the folder `model` of a run, or one that `save` wrote.

        Args:
            from_checkpoint: Whether the latest checkpoint is taken and not the final weights.

        Raises:
            FileNotFoundError: There is no such folder, or no checkpoint in it.
            ArtifactError: It is incomplete, damaged or from a newer version.
        """
        config, metadata = artifacts.load_config_and_facts(Path(model_dir))
        model = LudwigModel(config, logging_level, backend, gpus, gpu_memory_limit, allow_parallel_threads, callbacks)
        model.training_set_metadata = metadata
        model._build(default_random_seed)
        model.load_weights(model_dir, from_checkpoint)
        return model

    def load_weights(self, model_dir: str, from_checkpoint: bool = False) -> None:
        """Saved weights into this model.

        Raises:
            NotTrainedError: The model has no network yet to take them.
            FileNotFoundError: There is no checkpoint.
            ArtifactError: The file is not there or damaged.
        """
        model, folder = self._trained("load_weights"), Path(model_dir)
        if not from_checkpoint:
            model.read_weights(folder)
        else:
            found = checkpoints.load_latest(folder / "training_checkpoints")
            if found is None:
                raise FileNotFoundError(f"There is no checkpoint in '{folder / 'training_checkpoints'}'.")
            model.load_weights(found.weights)
        model.to(self.device).eval()

    @staticmethod
    def create_model(config_obj: ModelConfig | dict[str, Any], random_seed: int = default_random_seed) -> Model:
        """The bare network of a config.

        A config knows no vocabulary: pass one whose features need no facts, or use `train` and `load`.

        Raises:
            NotTrainedError: The features need facts of a training split.
        """
        config = config_obj if isinstance(config_obj, ModelConfig) else load_config(config_obj)
        seed_everything(random_seed)
        inputs, outputs = config.specs()
        try:
            facts = {spec.name: spec.feature.facts_of_config() for spec in [*inputs, *outputs]}
        except LookupError as error:
            raise NotTrainedError(f"The network cannot be built from the config alone: {error}.") from None
        return config.model_class(config, facts)

    # -- small things

    @staticmethod
    def set_logging_level(logging_level: int) -> None:
        """What all models of the process tell from now on; below WARNING they draw progress bars."""
        set_level_for_all(logging_level)

    def free_gpu_memory(self) -> None:
        """Moves the network to the CPU and empties the device's cache."""
        if self.model is not None:
            self.model.to("cpu")
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def collect_weights(self, tensor_names: list[str] | None = None, **kwargs: Any) -> list[tuple[str, torch.Tensor]]:
        """The network's weights as (name, tensor); all of them where no names are given.

        Raises:
            ArgumentError: A name is not known.
        """
        _refuse_unknown("collect_weights", kwargs)
        weights = dict(self._trained("collect_weights").named_parameters())
        for name in tensor_names or ():
            if name not in weights:
                raise ArgumentError(f"There is no tensor '{name}'.{nearest(name, weights)}")
        return [(name, weights[name]) for name in tensor_names or weights]

    # -- inside

    def _specs(self, folder: Path | None = None) -> tuple[list[FeatureSpec], list[FeatureSpec]]:
        inputs, outputs = self.config_obj.specs(folder)
        return inputs, outputs

    def _trained(self, verb: str) -> Model:
        if self.model is None:
            raise NotTrainedError(f"The model has no network to {verb} yet: call `train`, or `LudwigModel.load`.")
        return self.model

    def _training_hooks(self, callbacks: list[Callback] | None, skip_save_log: bool, is_main: bool) -> CallbackList:
        own: list[Callback] = []
        if is_main and shows_progress(self.logging_level):
            own += [ProgressBar(), RoundTable()]
        if not skip_save_log and tensorboard.is_installed():
            own.append(tensorboard.TensorBoardCallback())
        return CallbackList([*self.callbacks, *(callbacks or ()), *own])

    def _tell_of_ignored_search(self) -> None:
        if self.config_obj.hyperopt:
            logger.warning("The config has a section `hyperopt`, which training ignores. Call `hyperopt` to search.")

    def _training_data(
        self,
        given: tuple[Any, Any, Any, Any],
        data_format: str | None,
        metadata: str | dict[str, Any] | None,
        seed: int,
        save_cache: bool,
        hooks: CallbackList,
    ) -> tuple[PreprocessedDataset, Sources]:
        """The data of `train`, preprocessed unless it is already, and the sources that it came from."""
        dataset, training_set, validation_set, test_set = given
        if isinstance(dataset, PreprocessedDataset):
            self.training_set_metadata = dict(dataset.training_set_metadata)
            return dataset, {}
        if isinstance(training_set, Dataset):
            known = _read_metadata(metadata) or self.training_set_metadata
            if known is None:
                raise ArgumentError(
                    "Preprocessed sets need `training_set_metadata`, which `preprocess` gave with them."
                )
            self.training_set_metadata = dict(known)
            return PreprocessedDataset(training_set, validation_set, test_set, self.training_set_metadata), {}
        sources = given_sources(dataset, training_set, validation_set, test_set)
        return self._preprocess(sources, data_format, metadata, seed, save_cache, hooks), sources

    def _preprocess(
        self,
        sources: Sources,
        data_format: str | None,
        metadata: str | dict[str, Any] | None,
        seed: int,
        save_cache: bool,
        hooks: CallbackList,
    ) -> PreprocessedDataset:
        hooks.on_preprocess_start(self.config)
        result: PreprocessedDataset | None = None
        try:
            prepared = self._prepared(sources, data_format, self._known_facts(metadata), seed, save_cache, hooks)
            result = self._as_dataset(prepared, seed)
        finally:
            sets = (result.training_set, result.validation_set, result.test_set) if result else (None, None, None)
            hooks.on_preprocess_end(sets[0], sets[1], sets[2], None if result is None else result.training_set_metadata)
        return result

    def _known_facts(self, metadata: str | dict[str, Any] | None) -> dict[str, Facts] | None:
        known = _read_metadata(metadata)
        if known is None and self.model is not None:
            known = self.training_set_metadata
            logger.warning("The model is trained already: it keeps its facts, such as vocabularies, and its weights.")
        inputs, outputs = self._specs()
        return None if known is None else facts_of([*inputs, *outputs], known)

    def _prepared(
        self,
        sources: Sources,
        data_format: str | None,
        known: dict[str, Facts] | None,
        seed: int,
        save_cache: bool,
        hooks: CallbackList,
    ) -> Prepared:
        first = next(iter(sources.values()))
        inputs, outputs = self._specs(folder_of(first))
        specs, config = [*inputs, *outputs], self.config_obj.preprocessing
        if format_of(first, data_format) == "hdf5":
            return load_prepared(Path(first), specs)
        cache = None if known else cache_file(sources, specs, config, seed, self.backend.cache_dir)
        if cache is not None and (cached := cache.load(specs)) is not None:
            logger.info("The preprocessed data is taken from '%s'.", cache.path)
            return cached
        tables = read_sources(sources, data_format, self._columns(specs)).mapped(self.config_obj.prepare)
        whole = tables.whole if tables.whole is not None else tables.training
        hooks.on_build_metadata_start(whole, TRAINING)
        hooks.on_build_metadata_end(whole, TRAINING)
        hooks.on_build_data_start(whole, TRAINING)
        prepared = preprocess(tables, specs, config, seed, known, hooks.on_preprocess_progress)
        hooks.on_build_data_end(whole, TRAINING)
        hooks.on_preprocess_progress(1.0)
        if cache is not None and save_cache:
            cache.save(prepared)
        return prepared

    def _columns(self, specs: list[FeatureSpec]) -> dict[str, bool] | None:
        """The columns to read, and whether each is textual; None where the model may ask for any."""
        if self.config_obj.reads_all_columns:
            return None
        columns = {spec.column: spec.feature.is_textual for spec in specs}
        split = self.config_obj.preprocessing.split
        return {**dict.fromkeys(("split", *split.columns), False), **columns}

    def _as_dataset(self, prepared: Prepared, seed: int) -> PreprocessedDataset:
        names = {feature.name: proc_column(feature) for feature in self.config_obj.features}
        preprocessing = {feature.name: dump(feature.preprocessing) for feature in self.config_obj.features}
        facts = {name: facts.to_json() for name, facts in prepared.facts.items()}
        self.training_set_metadata = {
            **{name: {**values, "preprocessing": preprocessing[name]} for name, values in facts.items()},
            "random_seed": seed,
        }
        sets = (prepared.training, prepared.validation, prepared.test)
        training, validation, test = (None if frame is None else Dataset(frame, names) for frame in sets)
        assert training is not None
        return PreprocessedDataset(training, validation, test, self.training_set_metadata)

    def _facts(self) -> dict[str, Facts]:
        inputs, outputs = self._specs()
        return facts_of([*inputs, *outputs], self.training_set_metadata or {})

    def _build(self, seed: int) -> None:
        """The network, where there is none yet."""
        if self.model is None:
            seed_everything(seed)
            self.model = self.config_obj.model_class(self.config_obj, self._facts())

    def _trainer(self, saving: Saving, seed: int, hooks: CallbackList) -> Any:
        section = self.config_obj.trainer
        precision = precision_of(getattr(section, "use_mixed_precision", False), self.device)
        engine = Engine(self.device, precision, workers_of(self.device))
        return section.build(self.model, engine, hooks, seed, saving)

    def _fit(self, data: PreprocessedDataset, run: Run, seed: int, hooks: CallbackList) -> Progress:
        self._build(seed)
        seed_everything(seed)
        hooks.on_train_start(self.model, self.config, self.config_fp)
        trainer = self._trainer(run.saving, seed, hooks)
        folder = run.saving.checkpoints
        checkpoint = checkpoints.load_latest(folder) if run.resumes and folder is not None else None
        if run.resumes and checkpoint is None:
            logger.warning("'%s' has no checkpoint, so training begins anew there.", run.name)
        sets = (data.training_set, data.validation_set, data.test_set)
        frames = [None if part is None else part.frame for part in sets]
        progress: Progress = self.backend.run(lambda device: trainer.train(*frames, checkpoint), self.device)
        self.config_obj = self.config_obj.with_settled(trainer.settled())
        return progress

    def _frame_for(
        self, dataset: Any, data_format: str | None, split: str, *, with_targets: bool, hooks: CallbackList
    ) -> tuple[Frame, NDArray[np.bool_], pd.Index]:
        """The usable rows as a frame, which of the rows these are, and the index of all rows."""
        if isinstance(dataset, PreprocessedDataset):
            dataset = getattr(dataset, "training_set" if split == FULL else f"{split}_set")
        if isinstance(dataset, Dataset):
            return dataset.frame, np.ones(len(dataset), dtype=bool), pd.RangeIndex(len(dataset))
        if dataset is None:
            raise ArgumentError("There is no data: give `dataset`.")
        inputs, outputs = self._specs(folder_of(dataset))
        specs = [*inputs, *outputs] if with_targets else inputs
        table = self.config_obj.prepare(read_table(dataset, data_format, self._columns(specs)))
        if split != FULL:
            seed = int((self.training_set_metadata or {}).get("random_seed", default_random_seed))
            table = table.iloc[rows_of_split(table, self.config_obj.preprocessing, seed, split)]
        hooks.on_build_data_start(table, "prediction")
        frame, dropped = encode(table, specs, self._facts())
        hooks.on_build_data_end(table, "prediction")
        kept = ~dropped
        if dropped.any():
            frame = frame.rows(torch.from_numpy(np.flatnonzero(kept)))
        return frame, kept, table.index

    def _evaluation_rows(self, frame: Frame) -> int:
        trainer = self.config_obj.trainer
        asked = getattr(trainer, "eval_batch_size", None)
        return asked if isinstance(asked, int) else rows_for_evaluation(frame, 1)

    def _told(
        self,
        arrays: Arrays,
        kept: NDArray[np.bool_],
        index: pd.Index,
        return_type: Any,
        output_directory: str,
        save_predictions: bool,
        save_unprocessed: bool,
    ) -> Any:
        """Predictions as the caller wants them, saved where asked for."""
        dropped = None if kept.all() else ~kept
        whole = arrays if dropped is None else spread(arrays, kept)
        columns = decode(whole, self._specs()[1], self._facts())
        if save_unprocessed:
            prediction_files.save_unprocessed(Path(output_directory), whole)
        if save_predictions:
            prediction_files.save_predictions(Path(output_directory), as_table(columns, index, dropped), columns)
        return as_table(columns, index, dropped) if return_type in TABLES else as_dict(columns, dropped)

    @contextmanager
    def _generating(self, generation_config: dict[str, Any] | None) -> Iterator[None]:
        """Overrides how the model generates inside the block."""
        if generation_config is None:
            yield
            return
        with self._trained("predict").generating(generation_config):
            yield


def _parameters(method: Callable[..., Any]) -> list[str]:
    return [name for name, p in inspect.signature(method).parameters.items() if p.kind is not p.VAR_KEYWORD]


def _refuse_unknown(method: str, keywords: dict[str, Any]) -> None:
    """A keyword of another method is told to have no effect; any other is an error."""
    if not keywords:
        return
    methods = [value for name, value in vars(LudwigModel).items() if callable(value) and not name.startswith("_")]
    elsewhere = {name for each in [*methods, LudwigModel.__init__] for name in _parameters(each)} - {"self"}
    own = _parameters(getattr(LudwigModel, method))
    for keyword in keywords:
        if keyword not in elsewhere:
            raise ArgumentError(f"`{method}` has no parameter '{keyword}'.{nearest(keyword, own)}")
        warnings.warn(f"`{method}` does not use '{keyword}', so it has no effect here.", UserWarning, stacklevel=3)


def _refuse_odd_choices(split: str, return_type: Any) -> None:
    if split not in SPLITS:
        raise ArgumentError(f"There is no split '{split}'.{nearest(split, SPLITS)} Choose one of: {', '.join(SPLITS)}.")
    if return_type not in (*TABLES, *DICTS):
        raise ArgumentError(f"return_type must be pd.DataFrame or dict. Received: {return_type!r}.")


def _read_metadata(metadata: str | dict[str, Any] | None) -> dict[str, Any] | None:
    if isinstance(metadata, str):
        read: dict[str, Any] = read_json(Path(metadata))
        return read
    return metadata


def _overall(model: Model, name: str, arrays: Arrays, frame: Frame) -> dict[str, Any]:
    if name not in model.outputs:  # "combined"
        return {}
    return model.outputs[name].statistics(arrays[name], model.target(name, frame).cpu().numpy())


def _nothing(return_type: Any) -> Any:
    return pd.DataFrame() if return_type in TABLES else {}
