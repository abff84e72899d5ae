"""The work runs in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch

from ludwig.backend.base import BACKENDS, Backend
from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.data.encoding import Events, Spec
from ludwig.data.preprocess import Prepared, Preprocessing, Tables, preprocess
from ludwig.features.base import Facts
from ludwig.inference.evaluation import Metrics
from ludwig.inference.predictor import Arrays, predict, predict_and_score
from ludwig.models.base import Model
from ludwig.training.job import Job, Outcome, run_job


@BACKENDS.register("local")
class LocalBackend(Backend):
    """Directly, in this process."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Backend.Config):
        pass

    def fit(
        self,
        tables: Tables,
        specs: Sequence[Spec],
        config: Preprocessing,
        seed: int,
        known: Mapping[str, Facts] | None,
        events: Events,
    ) -> Prepared:
        return preprocess(tables, specs, config, seed, known, events)

    def run_training(self, job: Job, callbacks: CallbackList, model: Model) -> Outcome:
        return run_job(job, callbacks, model)

    def run_prediction(
        self,
        model: Model,
        frame: Frame,
        batch_size: int,
        device: torch.device,
        metrics: Mapping[str, str] | None = None,
    ) -> tuple[Arrays, Metrics]:
        if metrics is None:
            return predict(model, frame, batch_size, device), {}
        return predict_and_score(model, frame, batch_size, device, metrics)
