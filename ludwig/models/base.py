"""The contract of a model type: what the loop, the predictor and the facade ask of it.

B = rows of the batch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from ludwig.columns.frame import Frame
from ludwig.error import ArgumentError
from ludwig.features.base import Facts, Feature
from ludwig.models import artifacts
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import Output, OutputScores
from ludwig.schema import Component, Registry

Table = TypeVar("Table")


@dataclasses.dataclass(frozen=True)
class Step:
    """What the training step of a batch gives."""

    parts: dict[str, Tensor]  # the loss of each output, unweighted
    predictions: dict[str, Prediction]
    auxiliary: Tensor | None = None  # [], what else is to be minimised


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """One feature as the data rooms see it."""

    name: str
    column: str
    feature: Feature[Any, Any, Any]
    tied: str | None = None  # the input whose facts and encoder it shares


class Model(Component, nn.Module):
    """A network from a frame to predictions. It never asks for device, dtype or rank."""

    default_trainer: ClassVar[str]

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        """The sections of the config that belong to this model type."""

        reads_all_columns: ClassVar[bool] = False  # a file is read with all its columns, not those of features only

        input_features: list[Any]
        output_features: list[Any]

        def specs(self, folder: Any = None) -> tuple[list[FeatureSpec], list[FeatureSpec]]:
            """The data halves of inputs and outputs."""
            raise NotImplementedError

        def prepare(self, table: Table) -> Table:
            """The table as the features want it; an LLM renders its prompts here."""
            return table

        def faults(self) -> list[tuple[str, str]]:
            """(path, message) of sections that do not go together."""
            return []

    config: Any
    outputs: Mapping[str, Output]

    def training_loss(self, batch: Frame) -> Step:
        """The loss of a batch and the predictions that it was computed from."""
        raise NotImplementedError

    def predict(self, batch: Frame) -> dict[str, Prediction]:
        """Complete predictions by output: [B, ...]."""
        raise NotImplementedError

    def combined_loss(self, step: Step) -> Tensor:
        """The weighted sum of the losses of all outputs, and what else is to be minimised: []."""
        terms = [step.parts[name] * output.config.loss.weight for name, output in self.outputs.items()]
        return torch.stack(terms if step.auxiliary is None else [*terms, step.auxiliary]).sum()

    def weights_of(self, batch: Frame) -> dict[str, Tensor]:
        """How much the rows of a batch count together in the loss of each output: []."""
        return {name: output.weight_of(self.target(name, batch)) for name, output in self.outputs.items()}

    def suggested_learning_rate(self) -> float:
        """What `learning_rate: auto` stands for."""
        return 0.001

    def shared_parameters(self) -> list[nn.Parameter]:
        """The learned weights that all outputs depend on."""
        own = {id(weight) for output in self.outputs.values() for weight in output.parameters()}
        return [weight for weight in self.parameters() if weight.requires_grad and id(weight) not in own]

    def leave_out_inputs(self, share: float) -> None:
        """From now on each input of each row is left out in training with this probability, never all of a row."""
        raise ArgumentError(f"trainer.modality_dropout {share} needs a model of several inputs (model_type: ecd).")

    def recompute_activations(self) -> None:
        """From now on the backward pass computes activations again, which costs time and saves memory.

        Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174.
        """
        for part in self.modules():  # pretrained networks know how; the name of it changed in transformers 5
            enable = getattr(part, "activation_checkpointing_enable", None)
            enable = enable or getattr(part, "gradient_checkpointing_enable", None)
            if enable is not None:
                enable({"use_reentrant": False})

    def compile_forward(self) -> None:
        """From now on the network runs as torch.compile translates it."""
        self.compile(dynamic=True)

    def target(self, name: str, batch: Frame) -> Tensor:
        """The target of an output: [B, ...]."""
        return self.outputs[name].target(batch.column(name))

    def scores(self, wanted: Mapping[str, str]) -> dict[str, OutputScores]:
        """Fresh metrics of every output; `wanted`: one more metric by output."""
        return {name: output.scoreboard(wanted.get(name)) for name, output in self.outputs.items()}

    @contextmanager
    def generating(self, overrides: Mapping[str, Any]) -> Iterator[None]:
        """Overrides how text is generated inside the block.

        Raises:
            ArgumentError: The model generates nothing.
        """
        raise ArgumentError("generation_config is for models that generate text (model_type: llm).")
        yield

    def save_weights(self, folder: Path) -> None:
        """Writes what a saved model consists of."""
        artifacts.save_weights(folder, self.weights())

    def read_weights(self, folder: Path) -> None:
        """Takes over what `save_weights` wrote."""
        self.load_weights(artifacts.load_weights(folder))

    def weights(self) -> dict[str, Tensor]:
        """What a saved model consists of, by name."""
        return self.state_dict()

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Takes over saved weights."""
        self.load_state_dict(dict(weights))


MODELS: Registry[Model] = Registry("model type")


def facts_of(specs: Sequence[FeatureSpec], metadata: Mapping[str, Any]) -> dict[str, Facts]:
    """The facts of the features back from `training_set_metadata`."""
    return {spec.name: spec.feature.facts_type.from_json(metadata[spec.name]) for spec in specs}
