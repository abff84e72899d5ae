"""The waist of the library: a model from a config, with all that one does with it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ludwig import forecast as forecasting
from ludwig import kfold, lifecycle
from ludwig.api_types import EvaluationFrequency, PreprocessedDataset, TrainingResults, TrainingStats
from ludwig.backend import Backend, initialize_backend
from ludwig.callbacks import Callback, checked_callbacks
from ludwig.config import ModelConfig, load_config, read_config
from ludwig.config.consent import refuse_foreign_code
from ludwig.data.dataset import Dataset
from ludwig.data.sources import Source
from ludwig.error import ArgumentError
from ludwig.inference.session import Wanted
from ludwig.lifecycle import Data, Given, Kept, Statistics
from ludwig.models import Model, artifacts
from ludwig.models.assets import Assets
from ludwig.models.manifest import read_unchanged
from ludwig.runtime.arguments import logging_level_of, path_of, refuse_unknown
from ludwig.runtime.console import set_level_for_all
from ludwig.runtime.device import choose_device
from ludwig.training import OnlineTraining, Saves

__all__ = [
    "EvaluationFrequency",
    "LudwigModel",
    "PreprocessedDataset",
    "TrainingResults",
    "TrainingStats",
    "kfold_cross_validate",
]

logger = logging.getLogger(__name__)

default_random_seed = lifecycle.DEFAULT_SEED
FULL, TEST = lifecycle.FULL, lifecycle.TEST

Devices = str | int | list[int]
Predictions = pd.DataFrame | dict[str, Any]


class LudwigModel:
    """A model that a config declares: trained and evaluated on data, saved, loaded, used to predict.

    Args:
        config: The config as a dict, or the path of a YAML file.
        logging_level: What the model logs: progress bars below WARNING, a table for each evaluation at INFO.
        backend: Where the work runs: a name, a section or a backend; null takes the config's.
        gpus: Which GPUs may be used, as in CUDA_VISIBLE_DEVICES; -1 for none.
        gpu_memory_limit: Share of a GPU's memory that may be used, in [0, 1].
        allow_parallel_threads: False uses one thread, so that sums always run in one order.
        callbacks: Hooks of every call.

    Raises:
        ConfigValidationError: The config has faults; all are listed at once, before any data is read.
    """

    def __init__(
        self,
        config: str | Path | dict[str, Any],
        logging_level: int = logging.ERROR,
        backend: Backend | Mapping[str, Any] | str | None = None,
        gpus: Devices | None = None,
        gpu_memory_limit: float | None = None,
        allow_parallel_threads: bool = True,
        callbacks: list[Callback] | None = None,
    ) -> None:
        raw = read_config(config)
        self.config_fp = None if isinstance(config, Mapping) else str(config)
        self.callbacks: list[Callback] = checked_callbacks(callbacks)
        self._declare(load_config(raw), raw, logging_level, backend, gpus, gpu_memory_limit, allow_parallel_threads)

    def _declare(
        self,
        config: ModelConfig,
        raw: dict[str, Any],
        logging_level: int,
        backend: Backend | Mapping[str, Any] | str | None,
        gpus: Devices | None,
        gpu_memory_limit: float | None,
        allow_parallel_threads: bool,
    ) -> None:
        self.config_obj, self.user_config = config, raw
        self.logging_level, self.allow_parallel_threads = logging_level_of(logging_level), allow_parallel_threads
        declared = config.backend
        self.backend = initialize_backend(backend or (None if declared is None else declared.build()))
        self.device = choose_device(gpus, gpu_memory_limit)
        self.assets = Assets()
        self.model: Model | None = None
        self.training_set_metadata: dict[str, Any] | None = None
        self.online: OnlineTraining | None = None  # what `train_online` keeps from call to call

    def __repr__(self) -> str:
        return lifecycle.as_line(self)

    def _repr_html_(self) -> str:
        return lifecycle.as_html(self)

    # -- the config

    @property
    def config(self) -> dict[str, Any]:
        """The rendered config: every default spelled out.

        Setting it checks the new one first; where that describes another network, a trained one is dropped.
        """
        return self.config_obj.to_dict()

    @config.setter
    def config(self, config: dict[str, Any]) -> None:
        raw = read_config(config)
        lifecycle.change_config(self, load_config(raw), raw)

    def save_config(self, save_path: str) -> None:
        """Writes the rendered config to `model_hyperparameters.json` in the folder."""
        lifecycle.save_config(self, path_of("save_path", save_path))

    # -- training

    def preprocess(
        self,
        dataset: Source | PreprocessedDataset | None = None,
        training_set: Source | Dataset | None = None,
        validation_set: Source | Dataset | None = None,
        test_set: Source | Dataset | None = None,
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
        refuse_unknown(LudwigModel, "preprocess", kwargs)
        given = Given(dataset, training_set, validation_set, test_set, training_set_metadata, data_format)
        return lifecycle.preprocess(self, given, random_seed, callbacks, saves=not skip_save_processed_input)

    def train(
        self,
        dataset: Source | PreprocessedDataset | None = None,
        training_set: Source | Dataset | None = None,
        validation_set: Source | Dataset | None = None,
        test_set: Source | Dataset | None = None,
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
        """Trains the model; afterwards it has the weights of the best evaluation.

        Args:
            dataset: All data, to be split; or what `preprocess` gave.
            training_set, validation_set, test_set: The data of each split instead.
            training_set_metadata: The fitted preprocessing state of an earlier run on the same data, or its file.
            data_format: The format of the data; null infers it from its kind or its extension.
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
        refuse_unknown(LudwigModel, "train", kwargs)
        given = Given(dataset, training_set, validation_set, test_set, training_set_metadata, data_format)
        saves = _saves(
            skip_save_training_description,
            skip_save_training_statistics,
            skip_save_model,
            skip_save_progress,
            skip_save_log,
        )
        saves_input = not skip_save_processed_input
        kept = Kept(output_directory, experiment_name, model_name, model_resume_path, saves, saves_input)
        return lifecycle.train(self, given, kept, random_seed, callbacks)

    def train_online(
        self,
        dataset: Source,
        training_set_metadata: str | dict[str, Any] | None = None,
        data_format: str = "auto",
        random_seed: int = default_random_seed,
    ) -> None:
        """One more epoch over all rows of the data, keeping the model, its fitted preprocessing and the optimizer."""
        given = Given(training_set=dataset, metadata=training_set_metadata, data_format=data_format)
        lifecycle.train_online(self, given, random_seed)

    # -- prediction

    def predict(
        self,
        dataset: Data | None = None,
        data_format: str | None = None,
        split: str = FULL,
        batch_size: int = 128,
        generation_config: dict[str, Any] | None = None,
        skip_save_unprocessed_output: bool = True,
        skip_save_predictions: bool = True,
        output_directory: str = "results",
        return_type: type | str = pd.DataFrame,
        callbacks: list[Callback] | None = None,
        **kwargs: Any,
    ) -> tuple[Predictions, str]:
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
        refuse_unknown(LudwigModel, "predict", kwargs)
        wanted = _wanted(return_type, output_directory, skip_save_predictions, skip_save_unprocessed_output)
        given = Given(dataset, data_format=data_format)
        found = lifecycle.predict(self, given, split, batch_size, generation_config, wanted, callbacks)
        return found, output_directory

    def evaluate(
        self,
        dataset: Data | None = None,
        data_format: str | None = None,
        split: str = FULL,
        batch_size: int | None = None,
        skip_save_unprocessed_output: bool = True,
        skip_save_predictions: bool = True,
        skip_save_eval_stats: bool = True,
        collect_predictions: bool = False,
        collect_overall_stats: bool = False,
        output_directory: str = "results",
        return_type: type | str = pd.DataFrame,
        callbacks: list[Callback] | None = None,
        **kwargs: Any,
    ) -> tuple[dict[str, Any], Predictions, str]:
        """Predicts every row and compares with the targets; rows without a target count nowhere.

        Args:
            dataset: The data with its targets.
            split: Which rows: "full", or those that training would put into "training", "validation" or "test".
            batch_size: Rows that are predicted at once; null takes the trainer's. The result does not depend on it.
            collect_predictions: Whether the predictions are given back as well.
            collect_overall_stats: Whether confusion matrices, curves and statistics of each class are returned too.
            return_type: `pd.DataFrame` or `dict`.

        Returns:
            The statistics by output, the predictions (empty unless collected), and `output_directory`.

        Raises:
            NotTrainedError: The model is not trained or loaded.
            InputDataError: A column is missing, or has cells that do not fit.
        """
        refuse_unknown(LudwigModel, "evaluate", kwargs)
        wanted = _wanted(return_type, output_directory, skip_save_predictions, skip_save_unprocessed_output)
        collected = Statistics(not skip_save_eval_stats, collect_predictions, collect_overall_stats)
        given = Given(dataset, data_format=data_format)
        statistics, found = lifecycle.evaluate(self, given, split, batch_size, wanted, collected, callbacks)
        return statistics, found, output_directory

    def forecast(
        self,
        dataset: Source,
        data_format: str | None = None,
        horizon: int = 1,
        output_directory: str | None = None,
        output_format: str = "parquet",
        callbacks: list[Callback] | None = None,
    ) -> pd.DataFrame:
        """The rows that follow the last one: a column for each time series output, named as the output's column.

        Args:
            dataset: The rows so far, in order of time. Where the model reads other columns too, rows at the end that
                have these, and no value to forecast, are the future.
            horizon: How many rows are forecast; of each id where `preprocessing.group` is set.
            output_directory: Where `forecast.parquet` or `forecast.csv` is written; null writes nothing.
            output_format: "parquet" or "csv".

        Raises:
            NotTrainedError: The model is not trained or loaded.
            ArgumentError: The horizon is not positive, or the model has no time series input or output.
            InputDataError: A column is missing, or has cells that do not fit.
        """
        return forecasting.forecast(self, dataset, data_format, horizon, output_directory, output_format, callbacks)

    def experiment(
        self,
        dataset: Source | PreprocessedDataset | None = None,
        training_set: Source | Dataset | None = None,
        validation_set: Source | Dataset | None = None,
        test_set: Source | Dataset | None = None,
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
        refuse_unknown(LudwigModel, "experiment", kwargs)
        given = Given(dataset, training_set, validation_set, test_set, training_set_metadata, data_format)
        saves = _saves(
            skip_save_training_description,
            skip_save_training_statistics,
            skip_save_model,
            skip_save_progress,
            skip_save_log,
        )
        saves_input = not skip_save_processed_input
        kept = Kept(output_directory, experiment_name, model_name, model_resume_path, saves, saves_input)
        wanted = _wanted(pd.DataFrame, output_directory, skip_save_predictions, skip_save_unprocessed_output)
        collected = Statistics(not skip_save_eval_stats, not skip_collect_predictions, not skip_collect_overall_stats)
        return lifecycle.experiment(self, given, kept, eval_split, wanted, collected, random_seed, callbacks)

    # -- saved models

    def save(self, save_path: str) -> None:
        """Writes config, weights, fitted preprocessing state and assets, which `load` reads.

        Raises:
            NotTrainedError: There is nothing to save yet.
        """
        lifecycle.save(self, path_of("save_path", save_path))

    @staticmethod
    def load(
        model_dir: str,
        logging_level: int = logging.ERROR,
        backend: Backend | Mapping[str, Any] | str | None = None,
        gpus: Devices | None = None,
        gpu_memory_limit: float | None = None,
        allow_parallel_threads: bool = True,
        callbacks: list[Callback] | None = None,
        from_checkpoint: bool = False,
    ) -> LudwigModel:
        """A saved model: the folder `model` of a run, or one that `save` wrote.

        Args:
            from_checkpoint: Whether the latest checkpoint is taken and not the final weights.

        Raises:
            NoSuchFileError: There is no such folder, or no checkpoint in it.
            ArtifactError: It is incomplete, damaged or from a newer version.
        """
        folder = path_of("model_dir", model_dir)

        def read() -> LudwigModel:
            raw, metadata = artifacts.load_config_and_facts(folder)
            refuse_foreign_code(raw)
            model = LudwigModel.__new__(LudwigModel)
            config = load_config(raw, is_saved=True).with_input_order(artifacts.input_order(folder))
            model._declare(config, raw, logging_level, backend, gpus, gpu_memory_limit, allow_parallel_threads)
            model.config_fp, model.callbacks, model.assets = None, checked_callbacks(callbacks), Assets(folder)
            lifecycle.restore(model, folder, metadata, from_checkpoint=from_checkpoint)
            return model

        return read_unchanged(folder, read)

    def load_weights(self, model_dir: str, from_checkpoint: bool = False) -> None:
        """Saved weights into this model.

        Raises:
            NotTrainedError: The model has no network yet to take them.
            NoSuchFileError: There is no checkpoint.
            ArtifactError: The file is not there or damaged.
        """
        lifecycle.load_weights(self, path_of("model_dir", model_dir), from_checkpoint=from_checkpoint)

    @staticmethod
    def create_model(config_obj: ModelConfig | dict[str, Any], random_seed: int = default_random_seed) -> Model:
        """The bare network of a config.

        A config knows no vocabulary: pass one whose features need no fitted preprocessing state, or use `train` and
        `load`.

        Raises:
            NotTrainedError: The features need preprocessing state fitted on a training split.
        """
        config = config_obj if isinstance(config_obj, ModelConfig) else load_config(config_obj)
        return lifecycle.bare_network(config, random_seed)

    # -- small things

    @staticmethod
    def set_logging_level(logging_level: int | str) -> None:
        """What all models of the process log from now on, a number or a name; below WARNING they draw progress bars."""
        set_level_for_all(logging_level)

    def free_gpu_memory(self) -> None:
        """Moves the network to the CPU and empties the device's cache."""
        if self.model is not None:
            self.model.to("cpu")
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def collect_weights(self, tensor_names: list[str] | None = None, **kwargs: Any) -> list[tuple[str, torch.Tensor]]:
        """The parameters as (name, tensor), named as in the saved file; all of them where no names are given.

        Names begin with `input_features.<name>.`, `combiner.` or `output_features.<name>.`; a tensor shares its memory
        with the network.

        Raises:
            ArgumentError: A name is not known.
        """
        refuse_unknown(LudwigModel, "collect_weights", kwargs)
        return lifecycle.collect_weights(self, tensor_names)

    def collect_activations(
        self,
        layer_names: list[str],
        dataset: Data,
        data_format: str | None = None,
        split: str = FULL,
        batch_size: int = 128,
        **kwargs: Any,
    ) -> list[tuple[str, torch.Tensor]]:
        """What layers give for each row, as (name, tensor `[N, ...]` on the CPU) in the order of the names.

        Args:
            layer_names: Those of `model.named_modules()`; `<input>::encoded`, `<output>::last_hidden`,
                `<output>::logits`; `<layer>::<part>` where a layer gives several tensors. See docs/inspecting.md.
            batch_size: Rows that are computed at once. The result does not depend on it.

        Raises:
            ArgumentError: A name is not known, or a layer has no activations of rows.
        """
        refuse_unknown(LudwigModel, "collect_activations", kwargs)
        given = Given(dataset, data_format=data_format)
        return lifecycle.collect_activations(self, layer_names, given, split, batch_size)


def kfold_cross_validate(
    num_folds: int,
    config: str | Path | dict[str, Any],
    dataset: Source | None = None,
    data_format: str | None = None,
    skip_save_training_description: bool = False,
    skip_save_training_statistics: bool = False,
    skip_save_model: bool = False,
    skip_save_progress: bool = False,
    skip_save_log: bool = False,
    skip_save_processed_input: bool = False,
    skip_save_predictions: bool = False,
    skip_save_eval_stats: bool = False,
    skip_collect_predictions: bool = False,
    skip_collect_overall_stats: bool = False,
    output_directory: str = "results",
    random_seed: int = default_random_seed,
    gpus: Devices | None = None,
    gpu_memory_limit: float | None = None,
    allow_parallel_threads: bool = True,
    backend: Backend | Mapping[str, Any] | str | None = None,
    logging_level: int = logging.INFO,
    *,
    collect_out_of_fold_predictions: bool = False,
    fold_type: str | None = None,
    fold_column: str | None = None,
    splitter: kfold.Splitter | None = None,
    num_processes: int = 1,
    callbacks: list[Callback] | None = None,
    **kwargs: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains a model for each fold and evaluates it on the rows that it was not trained on.

    Use it to find out how good a config is on little data, and how much that varies with the rows. The data is read and
    parsed once; vocabularies, means and all other preprocessing state is fitted on each fold's training rows alone.
    Within them, validation rows are held out by `preprocessing.split`, whose test share is left aside, so that early
    stopping and the best evaluation work; a validation share of 0 holds out none. A split at random, the default, is
    made in the way of the folds: stratified, whole groups, or the newest rows. One by a column is made by that column.

    Args:
        num_folds: How many folds, 2 or more.
        dataset: A table: its path, a DataFrame, a dict of columns or a list of records.
        output_directory: Where runs go: `<output_directory>/kfold_run/fold_1` and so on, numbered where that is taken.
            Predictions that are saved there have the positions of their rows in the table as index.
        skip_save_processed_input: Has no effect, since the preprocessed data of folds is never kept.
        skip_collect_predictions: Cannot go together with `collect_out_of_fold_predictions`, without which no
            predictions are returned anyway.
        random_seed: Of folds, validation rows, weights, order and dropout; the same in each fold.
        collect_out_of_fold_predictions: Whether the predictions of all rows, each by the model that was not trained on
            it, are returned as `statistics["out_of_fold_predictions"]`, a DataFrame with the caller's index; null for
            rows that no fold tests, or that have no target.
        fold_type: "random", "stratified" (each fold has the same shares of the classes of the first output, or of
            `fold_column`), "group" (the rows of one value of `fold_column` stay together) or "time" (rolling origin:
            each fold tests rows later than all it trains on, by `fold_column`). By default stratified where the first
            output is a category or binary, else random.
        fold_column: The column of groups, times or classes; it need not be a feature. A splitter gets it as `groups`.
        splitter: A splitter of scikit-learn in place of `fold_type`, with as many folds as `num_folds`.
        num_processes: How many folds are trained at once, each in a process of its own; the threads are shared.
        callbacks: Hooks of every fold, with one process only.

    Returns:
        The statistics: for each fold (`fold_1` ...) `training`, `validation` and `test`, the metrics by evaluation,
        `evaluation_frequency`, and `fold_eval_stats`, the evaluation on its test rows; under `overall`
        `<metric>_mean` and `<metric>_std` (divided by the number of folds) by output. Then the indices by fold:
        `training_indices` (validation rows included) and `test_indices`, positions in the table.

    Raises:
        ArgumentError: The number of folds, the kind of folds or a keyword does not fit. Nothing has been done then.
        InputDataError: The data does not fit the config or the folds, or is preprocessed already (hdf5).

    Example:
        >>> statistics, indices = kfold_cross_validate(5, config, table)  # doctest: +SKIP
        >>> statistics["overall"]["species"]["accuracy_mean"]  # doctest: +SKIP
        0.976
    """
    refuse_unknown(LudwigModel, kfold_cross_validate, kwargs)
    if collect_out_of_fold_predictions and skip_collect_predictions:
        raise ArgumentError("collect_out_of_fold_predictions cannot go together with skip_collect_predictions.")
    folding = kfold.Folding(num_folds, fold_type, fold_column, splitter)
    machine = (logging_level, backend, gpus, gpu_memory_limit, allow_parallel_threads, callbacks)
    saves = _saves(
        skip_save_training_description,
        skip_save_training_statistics,
        skip_save_model,
        skip_save_progress,
        skip_save_log,
    )
    evaluation = kfold.Evaluation(
        not skip_save_predictions,
        not skip_save_eval_stats,
        collect_out_of_fold_predictions,
        not skip_collect_overall_stats,
    )
    kept = kfold.Kept(output_directory, saves, evaluation)
    make = functools.partial(LudwigModel, config, *machine)
    return kfold.cross_validate(make, dataset, data_format, folding, kept, random_seed, num_processes)


def _wanted(return_type: type | str, folder: str, skips_predictions: bool, skips_unprocessed: bool) -> Wanted:
    return Wanted(return_type, path_of("output_directory", folder), not skips_predictions, not skips_unprocessed)


def _saves(
    skips_description: bool, skips_statistics: bool, skips_model: bool, skips_progress: bool, skips_log: bool
) -> Saves:
    return Saves(not skips_description, not skips_statistics, not skips_model, not skips_progress, not skips_log)
