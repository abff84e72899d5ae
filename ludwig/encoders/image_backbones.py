"""Networks of other libraries that turn images into vectors: how each is described, built and given its weights.

B = images of the batch, C = channels, H, W = height and width in pixels, S = size of a vector
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, get_args

import torch
from torch import Tensor, nn

from ludwig.error import ConfigValidationError, MissingPackageError, nearest
from ludwig.nn.pixel_scale import RGB, STATISTICS, StandardName
from ludwig.pretrained.names import is_missing_folder

INSTALL = {  # both packages must be the builds that match the installed torch, so no extra can bring them
    "torchvision": "pip install --no-deps torchvision --index-url https://download.pytorch.org/whl/cpu (the index of "
    "the installed torch: cpu, cu128 ...; https://pytorch.org lists which version matches which torch)",
    "timm": "pip install --no-deps timm, and torchvision, which it imports: pip install --no-deps torchvision "
    "--index-url https://download.pytorch.org/whl/cpu (the index of the installed torch: cpu, cu128 ...)",
}
SHOWN = 300  # characters of a foreign error that are shown


@dataclasses.dataclass(frozen=True)
class Backbone(ABC):
    """The description of a network; it holds no weights, so that a config can name it."""

    needs_size: ClassVar[bool] = False  # whether images must be of its own size with initial random weights too
    package: ClassVar[str]

    @property
    @abstractmethod
    def name(self) -> str:
        """What messages call it."""

    @property
    @abstractmethod
    def side(self) -> int:
        """Height and width of the images that its pretrained weights were trained with."""

    @property
    @abstractmethod
    def standard(self) -> StandardName | None:
        """By which statistics their pixels were standardised."""

    @abstractmethod
    def build(self, channels: int, height: int, width: int, *, pretrained: bool) -> nn.Module:
        """The network with initial random weights, which `load` may replace where it is to be pretrained."""

    @abstractmethod
    def load(self, network: nn.Module, cache: str | None) -> None:
        """Gives the network its pretrained weights; `cache`: the folder of downloads, None for the library's own.

        Raises:
            ConfigValidationError: They cannot be found, or are of another network.
        """

    @abstractmethod
    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        """Standardised images [B, C, H, W] to vectors [B, S]."""

    def changed(self, origin: str | None, architecture: Mapping[str, Any]) -> Backbone:
        """The one of that folder or id of the hub, with these options of the architecture replaced."""
        return self

    def described_by(self, description: Mapping[str, Any]) -> Backbone:
        """The one whose architecture a config.json holds."""
        return self

    def missing(self) -> str:
        """What to do where its package is not installed; empty where it is."""
        if importlib.util.find_spec(self.package) is not None:
            return ""
        return f"The network {self.name} needs the package '{self.package}'. Install it with: {INSTALL[self.package]}"

    def missing_weights(self) -> str:
        """What is wrong where the pretrained weights are in a folder that is not there; else empty."""
        return ""


def unknown(name: str, error: Exception, what: str) -> ConfigValidationError:
    """The error of a foreign library as one of the config."""
    return ConfigValidationError(f"The image network {name} {what}. {str(error).strip()[:SHOWN]}")


# -- transformers


@dataclasses.dataclass(frozen=True)
class TransformersBackbone(Backbone):
    """A vision model of transformers, whose architecture is in the description itself."""

    model_type: str
    origin: str  # an id of the hub, or a folder
    architecture: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    native_side: int = 224
    statistics: StandardName = "imagenet1k"
    has_positions: bool = False  # whether its position embeddings are of one size of images
    position_side: int | None = None  # that size of the pretrained ones, where it is not `native_side`
    asks_to_interpolate: bool = False  # whether they fit other sizes only where the call says so
    takes_first_token: bool = False  # in place of its pooled output

    package: ClassVar[str] = "transformers"

    @property
    def name(self) -> str:
        return self.origin

    @property
    def side(self) -> int:
        if self.has_positions and self.position_side is None:
            return int(self.architecture.get("image_size", self.native_side))
        return self.native_side

    @property
    def standard(self) -> StandardName:
        return self.statistics

    def changed(self, origin: str | None, architecture: Mapping[str, Any]) -> TransformersBackbone:
        whole = {**self.architecture, **architecture}
        return dataclasses.replace(self, origin=origin or self.origin, architecture=whole)

    def described_by(self, description: Mapping[str, Any]) -> TransformersBackbone:
        """As `changed`; options that change nothing in what it predicts stay those of the variant."""
        from transformers import AutoConfig

        has_parts = description["model_type"] != self.model_type and "vision_config" in description
        own = description["vision_config"] if has_parts else description
        self._refuse_type(own.get("model_type", self.model_type))
        known, beside = AutoConfig.for_model(self.model_type).to_dict(), _options_beside()
        found = {name: value for name, value in own.items() if name in known and name not in beside}
        kept = {name: value for name, value in self.architecture.items() if name in beside and name in known}
        return dataclasses.replace(self, architecture={**kept, **found})

    def missing_weights(self) -> str:
        return f"There is no folder {self.origin}." if is_missing_folder(self.origin) else ""

    @property
    def _keywords(self) -> dict[str, Any]:
        return {"add_pooling_layer": False} if self.takes_first_token else {}

    def build(self, channels: int, height: int, width: int, *, pretrained: bool) -> nn.Module:
        from transformers import AutoModel

        classes: Any = AutoModel
        trained = (self.position_side or self.native_side) if pretrained else max(height, width)
        side = self.architecture.get("image_size", trained)
        try:
            network: nn.Module = classes.from_config(
                self.structure(channels, side), dtype=torch.float32, **self._keywords
            )
        except (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError) as error:
            raise unknown(self.name, error, f"cannot be built with encoder.architecture {self.architecture}") from None
        return network

    def structure(self, channels: int, side: int) -> Any:
        """The architecture as the library describes it."""
        from transformers import AutoConfig

        known = AutoConfig.for_model(self.model_type).to_dict()
        for option in self.architecture:
            if option not in known:
                raise ConfigValidationError(
                    f"encoder.architecture: {self.model_type} has no option '{option}'.{nearest(option, known)}"
                )
        sizes = {"image_size": side} if self.has_positions else {}
        try:
            return AutoConfig.for_model(self.model_type, **{**self.architecture, **sizes, "num_channels": channels})
        except Exception as error:  # the library has errors of its own for values of a wrong type
            raise unknown(self.name, error, f"has no encoder.architecture {self.architecture}") from None

    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        fits = self._fits(network, images)
        found = network(images, **({} if fits else {"interpolate_pos_encoding": True}))
        if self.takes_first_token:
            first: Tensor = found.last_hidden_state[:, 0]  # [B, S]
            return first
        pooled: Tensor = found.pooler_output.flatten(1)  # [B, S]
        return pooled

    def _fits(self, network: Any, images: Tensor) -> bool:
        side = network.config.image_size if self.asks_to_interpolate else None
        return side is None or tuple(images.shape[2:]) == (side, side)

    def load(self, network: Any, cache: str | None) -> None:
        from transformers import AutoConfig

        try:
            theirs = AutoConfig.from_pretrained(self.origin, cache_dir=cache)
            self._refuse_another(network.config, theirs)
            with _quiet():
                loaded, report = type(network).from_pretrained(
                    self.origin,
                    config=network.config,
                    dtype=torch.float32,
                    cache_dir=cache,
                    output_loading_info=True,
                    **self._keywords,
                )
        except (OSError, RuntimeError) as error:
            raise unknown(self.name, error, "has no weights that can be loaded") from None
        if absent := [*report["missing_keys"], *report["mismatched_keys"]]:
            raise ConfigValidationError(
                f"The weights of the image network {self.name} are of another network: {len(absent)} are missing or of "
                f"another shape, {absent[0]!r} first."
            )
        network.load_state_dict(loaded.state_dict())

    def _refuse_another(self, ours: Any, theirs: Any) -> None:
        """Weights that fit by chance give wrong numbers, so the architectures are compared option by option."""
        if theirs.model_type != self.model_type and "vision_config" in theirs.to_dict():
            theirs = theirs.vision_config  # of a model of images and texts
        self._refuse_type(theirs.model_type)
        wanted, found, beside = ours.to_dict(), theirs.to_dict(), _general_options()
        odd = {name: found[name] for name in wanted if name in found and wanted[name] != found[name]}
        beside |= set() if self.has_positions else {"image_size"}
        odd = {name: value for name, value in odd.items() if name not in beside}
        if odd:
            right = {**self.architecture, **odd}
            raise ConfigValidationError(
                f"The weights of {self.name} are of another architecture than the encoder's. Set encoder.architecture "
                f"to: {right}"
            )

    def _refuse_type(self, model_type: str) -> None:
        if model_type != self.model_type:
            raise ConfigValidationError(
                f"The weights of {self.name} are of a network of the type {model_type}, and this encoder is a "
                f"{self.model_type}."
            )


def _options_beside() -> set[str]:
    """Options of models of transformers that are no part of an architecture."""
    from transformers import PreTrainedConfig

    of_outputs = {"out_features", "out_indices", "stage_names", "model_type", "apply_layernorm"}
    return {*PreTrainedConfig().to_dict(), *of_outputs, "reshape_hidden_states", "use_mask_token"}


def _general_options() -> set[str]:
    """Options of models of transformers that change nothing in what a trained network predicts."""
    of_training = {"initializer_range", "initializer_factor", "layer_scale_init_value"}
    of_training |= {"drop_path_rate", "drop_connect_rate", "dropout_rate", "hidden_dropout_prob", "attention_dropout"}
    of_training |= {"attention_probs_dropout_prob", "classifier_dropout_prob", "batch_norm_momentum"}
    of_heads = {"projection_dim", "encoder_stride", "pooler_output_size", "pooler_act", "semantic_loss_ignore_index"}
    return {*_options_beside(), *of_training, *of_heads}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars of transformers."""
    from transformers.utils import logging

    console: Any = logging
    shown = console.is_progress_bar_enabled()
    console.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            console.enable_progress_bar()


# -- torchvision


@dataclasses.dataclass(frozen=True)
class TorchvisionBackbone(Backbone):
    """A classifier of torchvision without its last layer."""

    model: str  # as torchvision.models.get_model knows it
    head: str  # the module that is left out
    native_side: int = 224
    statistics: StandardName = "imagenet1k"
    has_auxiliary: bool = False  # whether it has classifiers in the middle, which are left out too
    has_one_size: bool = False  # whether it is built for images of one size

    package: ClassVar[str] = "torchvision"
    needs_size: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return self.model

    @property
    def side(self) -> int:
        return self.native_side

    @property
    def standard(self) -> StandardName:
        return self.statistics

    def _models(self) -> Any:
        if text := self.missing():
            raise MissingPackageError(text)
        try:
            import torchvision
        except (ImportError, RuntimeError) as error:
            raise _other_build(self, error) from None
        return torchvision.models

    def build(self, channels: int, height: int, width: int, *, pretrained: bool) -> nn.Module:
        if channels != RGB:
            raise ConfigValidationError(f"{self.name} reads images of 3 channels. Received: {channels}.")
        keywords: dict[str, Any] = {"input_size": (height, width)} if self.has_one_size else {}
        if self.has_auxiliary:
            keywords |= {"aux_logits": False, "init_weights": not pretrained, "transform_input": pretrained}
        try:
            network: nn.Module = self._models().get_model(self.model, weights=None, **keywords)
        except ValueError as error:
            raise unknown(self.name, error, f"cannot be built for images of {height} x {width} pixels") from None
        network.set_submodule(self.head, nn.Identity())
        return network

    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        vectors: Tensor = network(images).flatten(1)  # [B, S]
        return vectors

    def load(self, network: nn.Module, cache: str | None) -> None:
        weights = self._models().get_model_weights(self.model).DEFAULT
        try:
            state = weights.get_state_dict(model_dir=cache, progress=False, check_hash=True)
        except (OSError, RuntimeError) as error:
            raise unknown(self.name, error, "has no weights that can be loaded") from None
        for name in list(state):  # in place: some modules read the version that the dict of the file carries
            state[_todays_name(name)] = state.pop(name)
        _fill(self, network, state)


def _todays_name(name: str) -> str:
    """Files of densenet have `norm.1` where the module is called `norm1`."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2", name)


def _fill(backbone: Backbone, network: nn.Module, state: dict[str, Tensor]) -> None:
    """The tensors that the network has, all of which must be there; those of its head are taken out of the state."""
    own = network.state_dict()
    absent = [name for name, tensor in own.items() if name not in state or state[name].shape != tensor.shape]
    if absent:
        raise ConfigValidationError(
            f"The weights of the image network {backbone.name} are of another network: {len(absent)} are missing or of "
            f"another shape, {absent[0]!r} first."
        )
    for name in state.keys() - own.keys():
        del state[name]
    network.load_state_dict(state)


def _other_build(backbone: Backbone, error: Exception) -> MissingPackageError:
    return MissingPackageError(
        f"The package '{backbone.package}', which the network {backbone.name} needs, cannot be imported: its build "
        f"does not match the installed torch {torch.__version__}. Install one that does: {INSTALL[backbone.package]}. "
        f"{str(error).strip()[:SHOWN]}"
    )


# -- timm


@dataclasses.dataclass(frozen=True)
class TimmBackbone(Backbone):
    """A model of timm without its classifier."""

    model: str  # as timm.create_model knows it

    package: ClassVar[str] = "timm"
    needs_size: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return self.model

    @property
    def side(self) -> int:
        return 224 if (described := self._described()) is None else int(described.input_size[-1])

    @property
    def standard(self) -> StandardName | None:
        if (described := self._described()) is None:
            return "imagenet1k"
        found = (tuple(described.mean), tuple(described.std))
        names: tuple[StandardName, ...] = get_args(StandardName)
        return next((name for name in names if STATISTICS[name] == found), None)

    def missing_weights(self) -> str:
        described = self._described()
        plain = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        if described is None or self.standard is not None or (tuple(described.mean), tuple(described.std)) == plain:
            return ""
        return (
            f"The weights of {self.name} want images standardised by {described.mean} and {described.std}, which is "
            f"none of {', '.join(STATISTICS)}. Choose another model_name, or set use_pretrained to false."
        )

    def _described(self) -> Any:
        """What timm knows of the pretrained weights: size of images, mean and deviation. None where it is missing."""
        return None if self.missing() else self._timm().get_pretrained_cfg(self.model)

    def _timm(self) -> Any:
        if text := self.missing():
            raise MissingPackageError(text)
        try:
            import timm
        except (ImportError, RuntimeError) as error:
            raise _other_build(self, error) from None
        return timm

    def _created(self, channels: int, *, pretrained: bool) -> nn.Module:
        try:
            network: nn.Module = self._timm().create_model(
                self.model, pretrained=pretrained, num_classes=0, in_chans=channels
            )
        except (OSError, RuntimeError) as error:
            what = "has no weights that can be loaded" if pretrained else "is not one of timm, or cannot be built"
            raise unknown(self.name, error, what) from None
        return network

    def build(self, channels: int, height: int, width: int, *, pretrained: bool) -> nn.Module:
        return self._created(channels, pretrained=False)

    def features(self, network: nn.Module, images: Tensor) -> Tensor:
        vectors: Tensor = network(images)  # [B, S]
        return vectors

    def load(self, network: nn.Module, cache: str | None) -> None:
        loaded = self._created(RGB, pretrained=True)
        _fill(self, network, loaded.state_dict())
