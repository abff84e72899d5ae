"""The whole config: the sections of the model type, and those that all model types have."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from ludwig.backend import BACKENDS, Backend
from ludwig.columns.frame import SAMPLE_WEIGHT
from ludwig.data.preprocess import Preprocessing
from ludwig.features import FEATURES
from ludwig.features.number import SampleWeightFeature
from ludwig.globals import LUDWIG_VERSION
from ludwig.hyperopt.config import SearchConfig
from ludwig.models import Model
from ludwig.models.assets import Assets
from ludwig.models.base import FeatureSpec
from ludwig.models.ecd.model import Ecd
from ludwig.models.llm.model import Llm
from ludwig.schema import Chosen, dump, fingerprint, param
from ludwig.training import TRAINERS, Trainer

BACKEND = Chosen(BACKENDS, "local")
LLM_TRAINER = Chosen(TRAINERS, Llm.default_trainer, "llm")
NOT_OF_THE_NETWORK = frozenset(
    {"trainer", "preprocessing", "backend", "hyperopt", "defaults", "ludwig_version", "preset"}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(Model.Config):
    """The sections that all model types have. It is frozen: what is fitted on data is kept beside it."""

    model_class: ClassVar[type[Model]]

    trainer: Any

    preprocessing: Preprocessing = param(
        Preprocessing, help="Preprocessing of the table: sampling, class balance and split."
    )
    defaults: dict[str, Any] = param(
        dict, help="Defaults by feature type: sections that all features of the type start from."
    )
    hyperopt: SearchConfig | None = param(None, help="Hyperparameter search; training ignores it.")
    backend: Annotated[Backend.Config, BACKEND] | None = param(
        None, help="Backend: where the work runs, and where preprocessed data is cached."
    )
    ludwig_version: str = param(LUDWIG_VERSION, help="Version of the library that saved the config.")

    @property
    def features(self) -> list[Any]:
        """Inputs, then outputs."""
        return [*self.input_features, *self.output_features]

    def with_settled(self, options: dict[str, Any]) -> Self:
        """The config with options of the trainer that were automatic, as a run resolved them."""
        return dataclasses.replace(self, trainer=dataclasses.replace(self.trainer, **options))

    def with_input_order(self, names: Sequence[str] | None) -> Self:
        """The config with its inputs in this order, where it names them all."""
        by_name = {feature.name: feature for feature in self.input_features}
        if names is None or {*names} != by_name.keys():
            return self
        return dataclasses.replace(self, input_features=[by_name[name] for name in names])

    def besides(self, assets: Assets, folder: Path | None = None) -> list[FeatureSpec]:
        """The columns that training reads besides the features: sample weights, and those of its objective."""
        weights = self.trainer.sample_weight_column
        specs = [] if weights is None else [FeatureSpec(SAMPLE_WEIGHT, weights, SampleWeightFeature.of(weights))]
        for name, kind in self.trainer.objective().columns().items():
            feature: Any = FEATURES.get(kind)
            data_half = feature(feature.Config(), name, folder=folder, find=assets.source)
            specs.append(FeatureSpec(name, name, data_half))
        return specs

    def architecture(self) -> dict[str, Any]:
        """The sections that the network is made of: it fits every config where these are equal."""
        sections = {key: value for key, value in dump(self).items() if key not in NOT_OF_THE_NETWORK}
        for feature in sections["input_features"]:
            feature.pop("augmentation", None)
        return sections

    def to_dict(self) -> dict[str, Any]:
        """The rendered config: every default spelled out, and each feature's columns."""
        rendered: dict[str, Any] = json.loads(self._rendered)
        return rendered

    @functools.cached_property
    def _rendered(self) -> str:
        """As text, of which each caller gets a copy of its own: with many features it takes long to render."""
        rendered = dump(self)
        resolved = self.resolve(Assets())
        for section, specs in zip(("input_features", "output_features"), resolved, strict=True):
            for spec, raw in zip(specs, rendered[section], strict=True):
                raw |= {"active": True, "column": spec.column, "proc_column": proc_column(spec)}
        return json.dumps(rendered)


def proc_column(spec: FeatureSpec) -> str:
    """The preprocessed column's name: features that are read alike have a column of one name."""
    content = json.dumps([spec.feature.kind, fingerprint(spec.feature.config)], sort_keys=True)
    return f"{spec.name}_{hashlib.sha256(content.encode()).hexdigest()[:6]}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EcdModelConfig(Ecd.Config, ModelConfig):
    """The config of an encoder-combiner-decoder model."""

    model_class = Ecd

    model_type: Literal["ecd"] = param(
        "ecd", help="Model type: ecd (encoders, combiner, decoders) or llm (large language model)."
    )
    trainer: Trainer.Config = param(Trainer.Config, help="Trainer: optimization, evaluation and early stopping.")
    preset: Literal["medium_quality", "high_quality", "best_quality", "tabular_realmlp"] | None = param(
        None, help="Preset: sections that the config starts from, a measured step between speed and quality."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LlmModelConfig(Llm.Config, ModelConfig):
    """The config of a language model."""

    model_class = Llm

    model_type: Literal["llm"] = param(
        "llm", help="Model type: ecd (encoders, combiner, decoders) or llm (large language model)."
    )
    trainer: Annotated[Any, LLM_TRAINER] = param(
        LLM_TRAINER.make, help="Trainer: optimization, evaluation and early stopping."
    )


CONFIGS: dict[str, type[ModelConfig]] = {"ecd": EcdModelConfig, "llm": LlmModelConfig}
