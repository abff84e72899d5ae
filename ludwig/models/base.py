"""The contract of a model type: what the loop, the predictor and the facade need of it.

B = rows of the batch
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from ludwig.columns.frame import Augment, Frame
from ludwig.error import ArgumentError, ArtifactError, ConfigValidationError, nearest
from ludwig.features.base import Facts, Feature
from ludwig.models import artifacts
from ludwig.models.assets import Assets, asset_folder
from ludwig.nn.named_weight import NamedWeight, take_values, values_of
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import Output, OutputScores
from ludwig.runtime.atomic import written_aside
from ludwig.schema import Component, Registry

Table = TypeVar("Table")
SHOWN = 8  # names that a message shows


@dataclasses.dataclass(frozen=True)
class Step:
    """What the training step of a batch gives."""

    parts: dict[str, Tensor]  # the loss of each output, unweighted: []
    predictions: dict[str, Prediction]
    auxiliary: Tensor | None = None  # [], what else is to be minimised


@dataclasses.dataclass(frozen=True)
class FeatureSpec:
    """One resolved feature: what the data rooms, the cache and the names of preprocessed columns go by."""

    name: str
    column: str
    feature: Feature[Any, Any, Any]
    tied: str | None = None  # the input whose fitted state and encoder it shares
    beside: str | None = None  # the input that the target has a token for each step of
    follows: str | None = None  # the input whose fitted state its own follows, as a mask's size that of its image


class Model(Component, nn.Module):
    """A network from a frame to predictions. It never asks for device, dtype or rank.

    Its life: `Config.resolve` merges what parts require into the features; `__init__` builds the structure; `start`
    loads the initial weights of a fresh run. A saved model takes `load_weights` in place of `start`.
    """

    default_trainer: ClassVar[str]
    draws_globally: bool = False  # whether foreign modules draw from the generators of the process
    passes: tuple[str, ...] = ("predict",)  # methods that run parts of the network past its `forward`
    keeps_embeddings: bool = False  # whether `with_embeddings` does anything

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        """The sections of the config that belong to this model type."""

        reads_all_columns: ClassVar[bool] = False  # a file is read with all its columns, not those of features only

        input_features: list[Any]
        output_features: list[Any]

        def required(self, feature: Any) -> Mapping[str, Any]:
            """The options of a feature's preprocessing that its encoder, or the model itself, depends on."""
            required: Mapping[str, Any] = feature.requires()
            return required

        def resolve(self, assets: Assets, folder: Path | None = None) -> tuple[list[FeatureSpec], list[FeatureSpec]]:
            """Inputs and outputs with all that their columns are read by; `folder`: where the data file lies.

            It reads neither data nor weights, and gives the same result each time.
            """
            inputs = [_resolved(self, feature, assets, folder, target=False) for feature in self.input_features]
            outputs = [_resolved(self, feature, assets, folder, target=True) for feature in self.output_features]
            return inputs, outputs

        def assets(self, found: Assets) -> dict[str, Callable[[Path], None]]:
            """The files that loading needs beside config, fitted state and weights: by name, what writes a folder."""
            specs = itertools.chain(*self.resolve(found))
            return {name: write for spec in specs for name, write in spec.feature.assets().items()}

        def completed(self, given: Mapping[str, Any]) -> Self:
            """With sections that are left out and follow from others; `given`: the config as loaded, plain values."""
            return self

        def augments(self) -> dict[str, Augment]:
            """What changes batches of inputs at random in training, by the name of the input."""
            return {}

        def prepare(self, table: Table) -> Table:
            """The table as the features want it; an LLM renders its prompts here."""
            return table

        def faults(self) -> list[tuple[str, str]]:
            """(path, message) of sections that do not go together."""
            return []

        def faults_of_training(self, trains: bool) -> list[tuple[str, str]]:
            """(path, message) of sections that do not go with a trainer that trains, or with one that does not."""
            return []

        def faults_of_origins(self) -> list[tuple[str, str]]:
            """(path, message) of foreign files that only a fresh run needs and that are not there."""
            return []

    config: Any
    assets: Assets
    outputs: Mapping[str, Output]
    frozen: Sequence[Tensor] = ()  # what `freeze` has frozen

    def __init__(self, config: Any, facts: Mapping[str, Facts], assets: Assets) -> None:
        """Builds the structure; `assets`: files that this needs beside config and facts."""
        raise NotImplementedError

    def start(self) -> None:
        """Loads the initial weights of a fresh run; never called for a saved model."""

    def attach_base(self) -> None:
        """Loads the weights that a saved model leaves where they come from, as those under an adapter."""

    def save_assets(self, folder: Path) -> None:
        """Writes the files that loading needs beside config, facts and weights into the folder of a saved model."""
        for name, write in self.config.assets(self.assets).items():
            with written_aside(asset_folder(folder, name)) as aside:
                write(aside)

    # -- forward

    def with_embeddings(self, frame: Frame, device: torch.device) -> Frame:
        """The frame with what frozen encoders give for its rows in place of the columns of which that is kept."""
        return frame

    def training_loss(self, batch: Frame) -> Step:
        """The loss of a batch and the predictions that it was computed from."""
        raise NotImplementedError

    def predict(self, batch: Frame) -> dict[str, Prediction]:
        """Complete predictions by output: [B, ...]."""
        raise NotImplementedError

    def scored(self, batch: Frame) -> dict[str, Prediction]:
        """Complete predictions as evaluations in training score them, where the targets are known: [B, ...]."""
        return self.predict(batch)

    def statistics_of_texts(self, frame: Frame, batch_size: int, device: torch.device) -> dict[str, dict[str, float]]:
        """Statistics of what is generated greedily for the rows, by output; none for models that generate no texts."""
        return {}

    def activation_names(self) -> list[str]:
        """Names of activations beside those of layers: `<feature>::<what>`."""
        return []

    def activations(self, batch: Frame) -> dict[str, Tensor]:
        """One forward pass without targets, and what it gives of these: [B, ...]."""
        raise NotImplementedError

    def weights_of(self, batch: Frame) -> dict[str, Tensor]:
        """How much the rows of a batch count together in the loss of each output: []."""
        return {
            name: output.weight_of(self.target(name, batch), batch.weights) for name, output in self.outputs.items()
        }

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

    # -- what training asks for

    def suggested_learning_rate(self) -> float:
        """What `learning_rate: auto` stands for."""
        return 0.001

    def suggested_batch_size(self) -> int | None:
        """The most that `batch_size: auto` takes; None where parts of the model do not mind."""
        return None

    def most_rows(self) -> int | None:
        """Bound on the rows of a batch of evaluation; None for no bound."""
        return None

    def rate_factors(self) -> dict[int, float]:
        """By the `id` of a parameter: the factor of its learning rate, where that is not 1."""
        return {}

    def shared_parameters(self) -> list[nn.Parameter]:
        """The trained weights that all outputs depend on."""
        own = {id(weight) for output in self.outputs.values() for weight in output.parameters()}
        return [weight for weight in self.parameters() if weight.requires_grad and id(weight) not in own]

    def leave_out_inputs(self, share: float) -> None:
        """From now on each input of each row is left out in training with this probability, never all of a row."""
        raise ArgumentError(f"trainer.modality_dropout {share} needs a model of several inputs (model_type: ecd).")

    def sharding_units(self) -> list[nn.Module]:
        """The parts whose weights a sharded network gathers together, inner ones first; the rest is one more.

        Only parts that every process runs in every pass, and through their `forward` alone: here the blocks of which
        networks have several alike. What lies inside of a block may rest, as an expert does.
        """
        return _blocks_of(self)

    def recompute_activations(self) -> None:
        """From now on the backward pass computes activations again, which costs time and saves memory.

        Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174.
        """
        for part in self.modules():  # pretrained networks know how; the name of it changed in transformers 5
            enable = getattr(part, "activation_checkpointing_enable", None)
            enable = enable or getattr(part, "gradient_checkpointing_enable", None)
            if enable is not None:
                enable({"use_reentrant": False})

    def release(self) -> None:
        """Training is over: what `freeze` and `leave_out_inputs` asked for holds no longer."""
        for weight in self.frozen:
            weight.requires_grad_(True)
        self.frozen = ()

    def compile_forward(self) -> None:
        """From now on the network runs as torch.compile translates it."""
        self.compile(dynamic=True)

    def freeze(self, pattern: str) -> list[NamedWeight]:
        """Weights whose name matches are not trained any more.

        Returns:
            Those that lie in one tensor with weights that go on training, for the training step to hold.

        Raises:
            ConfigValidationError: No name matches.
        """
        chosen = re.compile(pattern)
        names = [name for name, _ in self.named_weights()]
        if not any(map(chosen.search, names)):
            raise ConfigValidationError(
                f"trainer.layers_to_freeze_regex: Must match the name of a weight. Received: {pattern!r}, and the "
                f"weights are {', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}."
            )
        by_tensor: dict[int, list[tuple[NamedWeight, bool]]] = {}
        for name, weight in self.named_weights():
            by_tensor.setdefault(id(weight.whole), []).append((weight, chosen.search(name) is not None))
        held: list[NamedWeight] = []
        for parts in by_tensor.values():
            frozen = [weight for weight, matches in parts if matches]
            if len(frozen) == len(parts) or any(weight.rows is None for weight in frozen):  # of tied ones, one is all
                whole = parts[0][0].whole
                self.frozen = (*self.frozen, *([whole] if whole.requires_grad else []))
                whole.requires_grad_(False)
            elif frozen[:1] and frozen[0].whole.requires_grad:
                held += frozen
        return held

    # -- weights

    def named_weights(self) -> Iterator[tuple[str, NamedWeight]]:
        """All that a saved model consists of, by the names that users see."""
        for name, tensor in self.state_dict(keep_vars=True).items():
            yield name, NamedWeight(tensor)

    def kept_weights(self) -> dict[str, NamedWeight]:
        """Those that a saved model has, without the further names of tied weights."""
        kept: dict[object, tuple[str, NamedWeight]] = {}
        for name, weight in self.named_weights():
            place = id(weight.whole), None if weight.rows is None else weight.rows.start
            # a single number that columns of a group share is that of each of them
            kept.setdefault(place if weight.whole.dim() else name, (name, weight))
        return dict(kept.values())

    def parameters_by_name(self) -> dict[str, Tensor]:
        """The parameters by the names that users see."""
        named = self.named_weights()
        return {name: weight.values for name, weight in named if isinstance(weight.whole, nn.Parameter)}

    def weights(self) -> dict[str, Tensor]:
        """What a saved model consists of, as views of the running network; of a sharded one as copies on the CPU."""
        return values_of(self.kept_weights())

    def frozen_names(self) -> frozenset[str]:
        """The weights that no training step changes."""
        named = self.named_weights()
        return frozenset(n for n, w in named if isinstance(w.whole, nn.Parameter) and not w.whole.requires_grad)

    @torch.no_grad()
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Takes over saved weights.

        Raises:
            ArtifactError: They are not those of this network; nothing has been taken over then.
        """
        own = self.kept_weights()
        _refuse_misfits(own, weights)
        take_values(own, weights)

    def save_weights(self, folder: Path) -> None:
        """Writes the weights of a saved model."""
        artifacts.save_weights(folder, self.weights(), self.input_names())

    def read_weights(self, folder: Path) -> None:
        """Takes over what `save_weights` wrote.

        Raises:
            ArtifactError: It is not there, damaged, or of another network.
        """
        order = artifacts.input_order(folder)
        if order is not None and order != self.input_names():
            raise ArtifactError(
                f"The weights in '{folder}' are of a network that reads its inputs in the order {', '.join(order)}. "
                f"This one reads {', '.join(self.input_names())}. Load the folder with LudwigModel.load."
            )
        weights = artifacts.load_weights(folder)
        self.load_weights(weights if order is not None else self.renamed(weights))

    def renamed(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of format 1, which had the names of the running network, by the names that users see."""
        names = {id(tensor): name for name, tensor in self.state_dict(keep_vars=True).items()}
        known = {name: (names[id(weight.whole)], weight.rows) for name, weight in self.named_weights()}
        return {
            name: weights[own] if rows is None else weights[own][rows]
            for name, (own, rows) in known.items()
            if own in weights
        }

    def input_names(self) -> list[str]:
        """The inputs in the order in which the network reads them."""
        return [feature.name for feature in self.config.input_features]


def _blocks_of(network: nn.Module) -> list[nn.Module]:
    """The outermost blocks of which the network has several alike, one after the other."""
    blocks: list[nn.Module] = []
    for part in network.children():
        steps = list(part) if isinstance(part, nn.ModuleList | nn.Sequential) else []
        alike = len(steps) > 1 and len({type(step) for step in steps}) == 1
        blocks += steps if alike and all(_is_block(step) for step in steps) else _blocks_of(part)
    return blocks


def _is_block(module: nn.Module) -> bool:
    """Whether it is a network of its own, with weights, and no single layer."""
    parts = list(module.children())
    return len(parts) > 1 and any(True for _ in module.parameters()) and not isinstance(module, nn.ModuleList)


def _refuse_misfits(own: Mapping[str, NamedWeight], given: Mapping[str, Tensor]) -> None:
    missing, alien = [*own.keys() - given.keys()], [*given.keys() - own.keys()]
    if missing or alien:
        named = f"it lacks '{min(missing)}'" if missing else f"it has '{min(alien)}'{nearest(min(alien), own)}"
        raise ArtifactError(
            f"The saved weights are those of another network: {named}, among {len(missing) + len(alien)} differences. "
            "Load them with the config that they were saved with."
        )
    for name, weight in own.items():
        if weight.shape != given[name].shape:
            raise ArtifactError(
                f"The saved weight '{name}' has the shape {list(given[name].shape)}, and the network's is "
                f"{list(weight.shape)}. Load it with the config and the fitted state that it was saved with."
            )


def _resolved(config: Model.Config, feature: Any, assets: Assets, folder: Path | None, *, target: bool) -> FeatureSpec:
    required = config.required(feature)
    section = dataclasses.replace(feature.preprocessing, **required) if required else feature.preprocessing
    data_half = feature.feature(section, feature.name, target=target, folder=folder, find=assets.source)
    return FeatureSpec(feature.name, feature.source, data_half, None if target else feature.tied)


MODELS: Registry[Model] = Registry("model type")


def facts_of(specs: Sequence[FeatureSpec], metadata: Mapping[str, Any]) -> dict[str, Facts]:
    """The fitted state of the features back from `training_set_metadata`."""
    return {spec.name: spec.feature.facts_type.from_json(metadata[spec.name]) for spec in specs}
