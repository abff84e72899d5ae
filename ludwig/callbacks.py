"""Hooks into what a model does. A user subclasses `Callback` and overrides what interests them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ludwig.error import ArgumentError


class Callback:
    """All hooks, each doing nothing. Every hook also takes keywords that later versions may add."""

    def on_cmdline(self, cmd: str, *args: str) -> None:
        """A command of the command line begins."""

    def on_preprocess_start(self, config: dict[str, Any], **kwargs: Any) -> None:
        """Preprocessing begins."""

    def on_preprocess_end(
        self, training_set: Any, validation_set: Any, test_set: Any, training_set_metadata: Any, **kwargs: Any
    ) -> None:
        """Preprocessing is over; all arguments are None when it failed."""

    def on_build_metadata_start(self, df: Any, mode: str, **kwargs: Any) -> None:
        """The preprocessing state is about to be fitted on the table; `mode` is "training" or "prediction"."""

    def on_build_metadata_end(self, df: Any, mode: str, **kwargs: Any) -> None:
        """The preprocessing state has been fitted."""

    def on_build_data_start(self, df: Any, mode: str, **kwargs: Any) -> None:
        """The table is about to be encoded."""

    def on_build_data_end(self, df: Any, mode: str, **kwargs: Any) -> None:
        """The table has been encoded."""

    def on_preprocess_progress(self, progress: float, **kwargs: Any) -> None:
        """A share of the features, from 0 to 1, has been encoded."""

    def on_train_init(
        self,
        base_config: dict[str, Any],
        experiment_directory: str | None,
        experiment_name: str,
        model_name: str,
        output_directory: str | None,
        resume_directory: str | None,
        **kwargs: Any,
    ) -> None:
        """Training has its data and its output folder."""

    def on_train_start(self, model: Any, config: dict[str, Any], config_fp: str | None, **kwargs: Any) -> None:
        """The network is built."""

    def on_train_end(self, output_directory: str | None, **kwargs: Any) -> None:
        """Training is over and its files are written; or an error ended it."""

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        """The loop is about to start."""

    def on_trainer_train_teardown(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any
    ) -> None:
        """The loop is over."""

    def on_resume_training(self, is_coordinator: bool, **kwargs: Any) -> None:
        """An earlier run goes on."""

    def on_epoch_start(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """An epoch begins."""

    def on_epoch_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """An epoch is over."""

    def on_batch_start(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """A batch begins."""

    def on_batch_end(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, sync_step: bool = True, **kwargs: Any
    ) -> None:
        """A batch is over; `sync_step` is whether the optimizer stepped."""

    def on_eval_start(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """An evaluation of the splits begins."""

    def on_eval_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """An evaluation of the splits is over."""

    def on_validation_start(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """The validation split is about to be evaluated."""

    def on_validation_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """The validation split has been evaluated."""

    def on_test_start(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """The test split is about to be evaluated."""

    def on_test_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        """The test split has been evaluated."""

    def on_checkpoint(self, trainer: Any, progress_tracker: Any, **kwargs: Any) -> None:
        """A checkpoint has been written."""

    def on_save_best_checkpoint(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any
    ) -> None:
        """The model is the best so far."""

    def should_early_stop(self, trainer: Any, progress_tracker: Any, is_coordinator: bool, **kwargs: Any) -> bool:
        """True ends the training after this evaluation."""
        return False

    def on_evaluation_start(self, **kwargs: Any) -> None:
        """`evaluate` begins."""

    def on_evaluation_end(self, **kwargs: Any) -> None:
        """`evaluate` is over, also after an error."""

    def on_visualize_figure(self, fig: Any, **kwargs: Any) -> None:
        """A figure has been drawn."""

    def on_hyperopt_init(self, experiment_name: str, **kwargs: Any) -> None:
        """A search begins."""

    def on_hyperopt_preprocessing_start(self, experiment_name: str, **kwargs: Any) -> None:
        """The data of a search is about to be preprocessed."""

    def on_hyperopt_preprocessing_end(self, experiment_name: str, **kwargs: Any) -> None:
        """The data of a search has been preprocessed."""

    def on_hyperopt_start(self, experiment_name: str, **kwargs: Any) -> None:
        """The trials of a search begin."""

    def on_hyperopt_end(self, experiment_name: str, **kwargs: Any) -> None:
        """The trials of a search are over."""

    def on_hyperopt_finish(self, experiment_name: str, **kwargs: Any) -> None:
        """The older name of `on_hyperopt_end`; it fires after that."""

    def on_hyperopt_trial_start(self, parameters: dict[str, Any], **kwargs: Any) -> None:
        """A trial begins."""

    def on_hyperopt_trial_end(self, parameters: dict[str, Any], **kwargs: Any) -> None:
        """A trial is over."""

    def should_stop_hyperopt(self, **kwargs: Any) -> bool:
        """True ends the search."""
        return False

    def on_ludwig_end(self, **kwargs: Any) -> None:
        """The command of the command line is over."""

    def prepare_ray_tune(
        self, train_fn: Any, tune_config: dict[str, Any], tune_callbacks: list[Any]
    ) -> tuple[Any, Any]:
        """May replace what Ray Tune runs."""
        return train_fn, tune_config


def checked_callbacks(callbacks: Iterable[Callback] | None) -> list[Callback]:
    """The callbacks as a list.

    Raises:
        ArgumentError: One of them is no callback, or it stands alone.
    """
    if callbacks is None:
        return []
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        raise ArgumentError(f"callbacks must be a list of callbacks. Received: {callbacks!r:.100}.")
    found = list(callbacks)
    for place, callback in enumerate(found):
        if not isinstance(callback, Callback):
            is_class = isinstance(callback, type) and issubclass(callback, Callback)
            what = f"the class {callback.__name__}; pass {callback.__name__}()" if is_class else f"{callback!r:.100}"
            raise ArgumentError(
                f"callbacks[{place}] must be an instance of a subclass of ludwig.callbacks.Callback. Received: {what}."
            )
    return found


class CallbackList:
    """Forwards the hooks of preprocessing, training and evaluation to callbacks, in their order."""

    def __init__(self, callbacks: Iterable[Callback] = ()) -> None:
        self.callbacks = list(callbacks)

    def plus(self, callbacks: Iterable[Callback] | None) -> CallbackList:
        """These callbacks and then others, for one call."""
        return CallbackList([*self.callbacks, *checked_callbacks(callbacks)])

    def on_cmdline(self, cmd: str, *args: str) -> None:
        for callback in self.callbacks:
            callback.on_cmdline(cmd, *args)

    def on_ludwig_end(self) -> None:
        for callback in self.callbacks:
            callback.on_ludwig_end()

    def on_preprocess_start(self, config: dict[str, Any]) -> None:
        for callback in self.callbacks:
            callback.on_preprocess_start(config)

    def on_preprocess_end(self, training_set: Any, validation_set: Any, test_set: Any, metadata: Any) -> None:
        for callback in self.callbacks:
            callback.on_preprocess_end(training_set, validation_set, test_set, metadata)

    def on_build_metadata_start(self, df: Any, mode: str) -> None:
        for callback in self.callbacks:
            callback.on_build_metadata_start(df, mode)

    def on_build_metadata_end(self, df: Any, mode: str) -> None:
        for callback in self.callbacks:
            callback.on_build_metadata_end(df, mode)

    def on_build_data_start(self, df: Any, mode: str) -> None:
        for callback in self.callbacks:
            callback.on_build_data_start(df, mode)

    def on_build_data_end(self, df: Any, mode: str) -> None:
        for callback in self.callbacks:
            callback.on_build_data_end(df, mode)

    def on_preprocess_progress(self, progress: float) -> None:
        for callback in self.callbacks:
            callback.on_preprocess_progress(progress=progress)

    def on_train_init(
        self,
        base_config: dict[str, Any],
        experiment_directory: str | None,
        experiment_name: str,
        model_name: str,
        output_directory: str | None,
        resume_directory: str | None,
    ) -> None:
        for callback in self.callbacks:
            callback.on_train_init(
                base_config=base_config,
                experiment_directory=experiment_directory,
                experiment_name=experiment_name,
                model_name=model_name,
                output_directory=output_directory,
                resume_directory=resume_directory,
            )

    def on_train_start(self, model: Any, config: dict[str, Any], config_fp: str | None) -> None:
        for callback in self.callbacks:
            callback.on_train_start(model=model, config=config, config_fp=config_fp)

    def on_train_end(self, output_directory: str | None) -> None:
        for callback in self.callbacks:
            callback.on_train_end(output_directory)

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool) -> None:
        for callback in self.callbacks:
            callback.on_trainer_train_setup(trainer, save_path, is_coordinator)

    def on_trainer_train_teardown(
        self, trainer: Any, progress: Any, save_path: str | None, is_coordinator: bool
    ) -> None:
        for callback in self.callbacks:
            callback.on_trainer_train_teardown(trainer, progress, save_path, is_coordinator)

    def on_resume_training(self, is_coordinator: bool) -> None:
        for callback in self.callbacks:
            callback.on_resume_training(is_coordinator)

    def on_epoch_start(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_epoch_start(trainer, progress, save_path)

    def on_epoch_end(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_epoch_end(trainer, progress, save_path)

    def on_batch_start(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_batch_start(trainer, progress, save_path)

    def on_batch_end(self, trainer: Any, progress: Any, save_path: str | None, sync_step: bool) -> None:
        for callback in self.callbacks:
            callback.on_batch_end(trainer, progress, save_path, sync_step=sync_step)

    def on_eval_start(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_eval_start(trainer, progress, save_path)

    def on_eval_end(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_eval_end(trainer, progress, save_path)

    def on_validation_start(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_validation_start(trainer, progress, save_path)

    def on_validation_end(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_validation_end(trainer, progress, save_path)

    def on_test_start(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_test_start(trainer, progress, save_path)

    def on_test_end(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_test_end(trainer, progress, save_path)

    def on_checkpoint(self, trainer: Any, progress: Any) -> None:
        for callback in self.callbacks:
            callback.on_checkpoint(trainer, progress)

    def on_save_best_checkpoint(self, trainer: Any, progress: Any, save_path: str | None) -> None:
        for callback in self.callbacks:
            callback.on_save_best_checkpoint(trainer, progress, save_path)

    def should_early_stop(self, trainer: Any, progress: Any, is_coordinator: bool) -> bool:
        """True when one of them returns True; all are called."""
        return any([callback.should_early_stop(trainer, progress, is_coordinator) for callback in self.callbacks])

    def on_evaluation_start(self) -> None:
        for callback in self.callbacks:
            callback.on_evaluation_start()

    def on_evaluation_end(self) -> None:
        for callback in self.callbacks:
            callback.on_evaluation_end()
