"""What all encoders by a pretrained network of sounds share.

B = rows of the batch, N = samples of the longest sound, T = steps of the network, H = size of a vector
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from ludwig.columns.ragged import Padded
from ludwig.encoders.audio_mel import RATE
from ludwig.encoders.base import Encoder, Find
from ludwig.encoders.sequence_base import SequenceEnd, form_after
from ludwig.error import ConfigValidationError, first_line, nearest
from ludwig.features.audio import AudioFacts
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.pretrained.loading import (
    Description,
    load_network,
    new_description,
    new_network,
    read_description,
    read_preparation,
    write_description,
    write_preparation,
)
from ludwig.pretrained.names import asset_name, is_missing_folder
from ludwig.runtime.console import warn
from ludwig.schema import param

AudioReduction = Literal["mean", "last", "cls_pooled"]
FINE_TUNED_ROWS, FROZEN_ROWS = 8, 32  # of a batch: sounds have many steps
FINE_TUNING_RATE, FROZEN_RATE = 3e-5, 1e-3


class Heard(NamedTuple):
    """What a network makes of a batch of sounds."""

    states: Tensor  # [B, T, H]
    mask: Tensor  # [B, T], True where there is sound, in one step at least
    pooled: Tensor  # [B, H]


class PretrainedAudioEncoder(Encoder):
    """A network of the library transformers from the samples of a sound to one vector, or to one a step.

    Each family is a subclass: where its weights usually come from, and how it reads a sound.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        families: ClassVar[tuple[str, ...]]  # in transformers: those whose networks are read alike, its own first
        usual_source: ClassVar[str]  # the hub's id of its usual network
        usual: ClassVar[Mapping[str, Any]] = {}  # options of its usual network that differ from the library's defaults
        settled: ClassVar[Mapping[str, Any]] = {}  # options that are the same in every network that encodes

        reduce_output: AudioReduction | None = param(
            "mean",
            help="Reduction of the steps' states to one vector: mean, last, or cls_pooled (the first step); null keeps "
            "all steps.",
        )
        use_pretrained: bool = param(
            True, help="Whether pretrained weights are loaded; false trains the architecture from random weights."
        )
        trainable: bool = param(
            True,
            help="Whether pretrained weights are fine-tuned, at much cost; false freezes them. Without pretrained "
            "weights all are trained.",
        )
        pretrained_model_name_or_path: str
        architecture: dict[str, Any] | None = param(
            None,
            help="Architecture: options of the network in the words of transformers, such as hidden_size, that replace "
            "the usual ones, for small networks without pretrained weights.",
        )

        description: Description | None = param(
            None, internal=True, help="The architecture, as the config.json of the pretrained model has it."
        )
        preparation: Description | None = param(
            None, internal=True, help="How sounds are prepared, as preprocessor_config.json has it."
        )

        @property
        def trains(self) -> bool:
            """Whether weights of the network are trained."""
            return self.trainable or not self.use_pretrained

        @property
        def source(self) -> str | None:
            """The folder or the hub's id that the architecture comes from; None for the usual one, which is known."""
            named = self.pretrained_model_name_or_path
            return named if self.use_pretrained or named != self.usual_source else None

        @property
        def draws_globally(self) -> bool:
            return self.trains

        @property
        def suggested_learning_rate(self) -> float:
            return FINE_TUNING_RATE if self.use_pretrained and self.trainable else FROZEN_RATE

        @property
        def suggested_batch_size(self) -> int:
            return FINE_TUNED_ROWS if self.trains else FROZEN_ROWS

        @property
        def most_rows(self) -> int:
            return FROZEN_ROWS

        def form(self) -> Form:
            return form_after(self.reduce_output)

        def requires(self) -> Mapping[str, Any]:
            """Samples as they are: a network that was trained on normalised ones normalises them itself."""
            return {"type": "raw", "sampling_rate": RATE, "standardize": False, "norm": None}

        def described(self, find: Find) -> Self:
            if self.source is None:
                return self
            place = find(asset_name("audio", self.source), self.source)
            description, preparation = read_description(place, {}), read_preparation(place)
            self.refuse_others(description, preparation)
            return dataclasses.replace(self, description=description, preparation=preparation)

        def refuse_others(self, description: Description, preparation: Description) -> None:
            """Networks that are read in another way."""
            family, rate = description["model_type"], preparation.get("sampling_rate", RATE)
            if family not in self.families:
                raise ConfigValidationError(
                    f"encoder.pretrained_model_name_or_path: '{self.source}' is a network of the family '{family}', "
                    f"and the encoder '{self.type}' reads those of {', '.join(self.families)}. Choose another."
                )
            if rate != RATE:
                raise ConfigValidationError(
                    f"encoder.pretrained_model_name_or_path: '{self.source}' reads {rate} samples a second, and the "
                    f"encoder '{self.type}' gives it {RATE}. Choose a model that was trained at {RATE} Hz."
                )

        def assets(self) -> Mapping[str, Callable[[Path], None]]:
            if self.source is None or self.description is None:
                return {}
            write = functools.partial(_write, self.description, self.preparation or {})
            return {asset_name("audio", self.source): write}

        def built_from(self) -> Description:
            """The description of the network: the source's, or the usual one, with what the options replace."""
            own, family = self.architecture or {}, self.families[0]
            known = self.description or new_description(family, self.usual)
            for option in own:
                if option not in known:
                    text = f"encoder.architecture: '{family}' has no option '{option}'.{nearest(option, known)}"
                    raise ConfigValidationError(text)
            if self.description is not None:
                return {**self.description, **own, **self.settled}
            try:
                return new_description(family, {**self.usual, **own, **self.settled})
            except Exception as error:  # the library has errors of its own for values of a wrong type
                raise self._unfit(error) from None

        def _unfit(self, error: Exception) -> ConfigValidationError:
            text = f"encoder.architecture: A network '{self.families[0]}' cannot be built of {self.architecture}. "
            return ConfigValidationError(text + first_line(error))

        def network(self, description: Description) -> Any:
            """The network of a description, with random weights or with ones that are to be loaded."""
            try:
                return new_network(description, None, random=not self.use_pretrained)
            except (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError) as error:
                raise self._unfit(error) from None

        def faults_of_origins(self) -> list[tuple[str, str]]:
            if self.source is not None and is_missing_folder(self.source):
                return [("pretrained_model_name_or_path", f"There is no folder '{self.source}'.")]
            return []

        def faults(self) -> list[tuple[str, str]]:
            own = self.architecture or {}
            if own and self.use_pretrained:
                text = "Pretrained weights have their own architecture. Set use_pretrained to false, or remove it."
                return [("architecture", text)]
            fixed = [name for name in own if name in self.settled]
            return [("architecture", f"'{name}' is set by the encoder. Remove it.") for name in fixed]

    config: Config

    def __init__(self, config: Config, facts: Sequence[AudioFacts]) -> None:
        super().__init__(config, facts)
        self.description, self.preparation = config.built_from(), config.preparation or {}
        self.network = self.prepared(config.network(self.description))
        size = int(self.network.config.hidden_size)
        self.pools = config.reduce_output == "cls_pooled"
        self.steps = self.steps_of(facts[0].longest)
        self.end = SequenceEnd(None if self.pools else config.reduce_output, size, self.steps)
        self.shape = Shape("vector", size) if self.pools else self.end.shape

    def prepared(self, network: Any) -> Any:
        """The network with what is trained of it."""
        return network.requires_grad_(self.config.trains)

    def steps_of(self, samples: int) -> int:
        """How many steps a sound of so many samples has."""
        raise NotImplementedError

    def most_samples(self) -> int | None:
        """How many samples of a sound are read; None for all."""
        return None

    def hear(self, waves: Tensor, lengths: Tensor) -> Heard:
        """[B, N], zero behind the end of each sound, and the lengths [B]."""
        raise NotImplementedError

    def start(self, facts: Sequence[AudioFacts]) -> None:
        most = self.most_samples()
        if most is not None and facts[0].longest > most:
            warn(
                f"Sounds may be up to {facts[0].longest / RATE:.2f} s long, and the network reads {most / RATE:.2f} s: "
                "longer ones are truncated. Lower preprocessing.audio_file_length_limit_in_s, or split them."
            )
        if self.config.use_pretrained:
            source = self.config.pretrained_model_name_or_path
            network = self.prepared(load_network(source, self.description, None, {}))
            self.network = network.train(self.network.training)

    def train(self, mode: bool = True) -> Self:
        """A network that is not trained drops nothing either."""
        super().train(mode)
        if not self.config.trains:
            self.network.eval()
        return self

    def forward(self, column: Padded) -> Signal:
        waves = column.values.squeeze(-1).masked_fill(~column.mask, 0.0)  # [B, N]
        heard = self.hear(waves, column.mask.sum(1))
        if self.pools:
            return Signal.vector(heard.pooled)  # [B, H]
        signal: Signal = self.end(heard.states[:, : self.steps], heard.mask[:, : self.steps])
        return signal


def _write(description: Description, preparation: Description, folder: Path) -> None:
    write_description(description, folder)
    write_preparation(preparation, folder)


def weights_of(usual: str) -> Any:
    """The option `pretrained_model_name_or_path` of a family."""
    return param(usual, help="Pretrained model of the family: a local folder or a Hugging Face Hub id.")


def brought_to(waves: Tensor, samples: int) -> Tensor:
    """Cut, or filled with silence: [B, N] -> [B, samples]."""
    return pad(waves, (0, samples - waves.shape[1]))


def there(lengths: Tensor, steps: int) -> Tensor:
    """Where there are steps: [B] -> [B, steps]."""
    return torch.arange(steps, device=lengths.device) < lengths.unsqueeze(1)
