"""The whole config: the sections of the model type, and those that all model types have."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from ludwig.backend import BACKENDS, Backend
from ludwig.data.preprocess import Preprocessing
from ludwig.globals import LUDWIG_VERSION
from ludwig.models import MODELS, Model
from ludwig.models.base import FeatureSpec
from ludwig.schema import Chosen, dump, param
from ludwig.training import TRAINERS

BACKEND = Chosen(BACKENDS, "local")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The sections that all model types have. It is frozen: what the data teaches is kept beside it."""

    model_class: ClassVar[type[Model]]
    specs: ClassVar[Callable[..., tuple[list[FeatureSpec], list[FeatureSpec]]]]  # the model type's own
    prepare: ClassVar[Callable[..., Any]]

    input_features: list[Any]
    output_features: list[Any]
    trainer: Any

    preprocessing: Preprocessing = param(Preprocessing, help="How the rows are chosen and split.")
    defaults: dict[str, Any] = param(dict, help="By feature type: sections that its features start from.")
    hyperopt: dict[str, Any] | None = param(None, help="What a search tries; training ignores it.")
    backend: Annotated[Backend.Config, BACKEND] | None = param(None, help="Where the work runs.")
    ludwig_version: str = param(LUDWIG_VERSION, help="The version that wrote the config.")

    reads_all_columns: ClassVar[bool]

    @property
    def features(self) -> list[Any]:
        """Inputs, then outputs."""
        return [*self.input_features, *self.output_features]

    def with_settled(self, options: dict[str, Any]) -> ModelConfig:
        """The config with options of the trainer as a run settled them."""
        return dataclasses.replace(self, trainer=dataclasses.replace(self.trainer, **options))

    def to_dict(self) -> dict[str, Any]:
        """The rendered config: every default spelled out, and each feature's columns."""
        rendered = dump(self)
        for section in ("input_features", "output_features"):
            for feature, raw in zip(getattr(self, section), rendered[section], strict=True):
                raw |= {"active": True, "column": feature.source, "proc_column": proc_column(feature)}
        return rendered


def proc_column(feature: Any) -> str:
    """The preprocessed column's name: features that are read alike have a column of one name."""
    content = json.dumps([feature.type, dump(feature.preprocessing)], sort_keys=True)
    return f"{feature.name}_{hashlib.sha256(content.encode()).hexdigest()[:6]}"


def _assemble(name: str, model: type[Model]) -> type[ModelConfig]:
    """The config of one model type: its own sections, its trainers and the common sections."""
    trainers = TRAINERS.names(name)
    trainer = Chosen(TRAINERS, model.default_trainer, name)
    hint = TRAINERS.get(trainers[0], name).Config if len(trainers) == 1 else Annotated[Any, trainer]
    config = dataclasses.make_dataclass(
        f"{name.title()}ModelConfig",
        [
            ("model_type", Literal[name], param(name, help="The kind of model.")),
            ("trainer", hint, param(trainer.make, help="How the model learns.")),
        ],
        bases=(model.Config, ModelConfig),
        frozen=True,
        kw_only=True,
    )
    config.__module__, config.model_class = __name__, model  # type: ignore[attr-defined]
    return config


CONFIGS: dict[str, type[ModelConfig]] = {name: _assemble(name, model) for _, name, model in MODELS}
