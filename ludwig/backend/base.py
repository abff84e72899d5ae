"""Where the work runs."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.data.cache_folder import Limits
from ludwig.data.encoding import Events, Spec
from ludwig.data.preprocess import Prepared, Preprocessing, Tables
from ludwig.features.base import Facts
from ludwig.inference.evaluation import Metrics
from ludwig.inference.predictor import Arrays
from ludwig.models.base import Model
from ludwig.schema import Component, Registry, param
from ludwig.training.job import Job, Outcome


class Backend(Component, ABC):
    """Runs preprocessing, training and prediction. What it is handed is data; what it gives back is data."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        cache_dir: str | None = param(
            None, help="Cache folder of preprocessed data; null caches that of files beside them, and no other."
        )
        cache_max_gb: float | None = param(
            20.0,
            min=0,
            help="Maximum size of all caches of a folder in gigabytes: the least recently used are removed; null for "
            "no limit.",
        )
        cache_max_days: float | None = param(
            30.0, min=0, help="Days after their last use at which caches of a folder are removed; null for never."
        )

    def __init__(self, config: Config | None = None) -> None:
        """Without a config, that of all defaults."""
        self.config = config if config is not None else type(self).Config()

    @property
    def cache_dir(self) -> Path | None:
        """Where preprocessed data is kept, if a folder is given."""
        return None if self.config.cache_dir is None else Path(self.config.cache_dir)

    @property
    def cache_limits(self) -> Limits:
        """How much preprocessed data is kept in a folder."""
        return Limits(self.config.cache_max_gb, self.config.cache_max_days)

    @abstractmethod
    def fit(
        self,
        tables: Tables,
        specs: Sequence[Spec],
        config: Preprocessing,
        seed: int,
        known: Mapping[str, Facts] | None,
        events: Events,
    ) -> Prepared:
        """Splits the tables, fits the features on the training split (unless their state is known) and encodes."""

    @abstractmethod
    def run_training(self, job: Job, callbacks: CallbackList, model: Model) -> Outcome:
        """Trains; `model` is the caller's own network, which a backend in the same process may train itself."""

    @abstractmethod
    def run_prediction(
        self,
        model: Model,
        frame: Frame,
        batch_size: int,
        device: torch.device,
        metrics: Mapping[str, str] | None = None,
    ) -> tuple[Arrays, Metrics]:
        """The predictions of all rows, and metrics over them.

        Args:
            metrics: One metric by output, beside those that are always reported; None for no metrics at all, where
                the frame has no targets.
        """


BACKENDS: Registry[Backend] = Registry("backend")
