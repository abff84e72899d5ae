"""The inputs of an encoder-combiner-decoder model: like columns go through one encoder at once.

B = rows of the batch, C = columns of a group, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from torch import nn

from ludwig.columns.frame import Frame
from ludwig.combiners.base import Source
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.base import FEATURES, Facts, Feature
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import Chosen, Component, Registry, param


class Input(Component):
    """One input feature of the config."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        feature: ClassVar[type[Feature[Any, Any, Any]]]
        name: str = param(help="Name of the feature, and of its column unless that is given.")
        column: str | None = param(None, help="The column of the data; null for the feature's name.")
        tied: str | None = param(None, help="Another input of the same type whose encoder this one shares.")
        preprocessing: Any
        encoder: Encoder.Config

        @property
        def source(self) -> str:
            """The column of the data."""
            return self.column or self.name

        def suggested_learning_rate(self) -> float:
            """What `learning_rate: auto` takes where this is the only input."""
            return self.encoder.suggested_learning_rate or self.feature.suggested_learning_rate

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            sections = (("preprocessing", self.preprocessing), ("encoder", self.encoder))
            return [(f"{where}.{name}", text) for where, section in sections for name, text in section.faults()]


INPUTS: Registry[Input] = Registry("input feature type")


def _declare(kind: str, feature: type[Feature[Any, Any, Any]]) -> None:
    """The section of an input of this type: its preprocessing and its encoders."""
    encoder = Chosen(ENCODERS, feature.default_encoder, kind)
    config = dataclasses.make_dataclass(
        "Config",
        [
            ("preprocessing", feature.Config, param(feature.Config, help="How the column is read.")),
            ("encoder", Annotated[Encoder.Config, encoder], param(encoder.make, help="How it becomes vectors.")),
        ],
        bases=(Input.Config,),
        frozen=True,
        kw_only=True,
    )
    config.__module__, config.__qualname__ = feature.__module__, f"{kind.title()}Input.Config"
    config.feature = feature  # type: ignore[attr-defined]
    section = type(f"{kind.title()}Input", (Input,), {"Config": config, "__doc__": f"A {kind} input feature."})
    INPUTS.register(kind)(section)


for _, _kind, _feature in FEATURES:
    if ENCODERS.names(_kind):
        _declare(_kind, _feature)


@dataclasses.dataclass(frozen=True)
class Group:
    """Inputs that go through one encoder."""

    names: tuple[str, ...]
    kind: str
    encoder: Encoder.Config
    shared: bool  # tied inputs: one set of weights, applied to each of them


def groups_of(inputs: Sequence[Input.Config]) -> list[Group]:
    """Inputs of one type with equal encoder sections, where the encoder can take a group; tied inputs together."""
    hosts = {feature.tied for feature in inputs if feature.tied}
    members: dict[Any, list[Input.Config]] = {}
    for feature in inputs:
        host = feature.tied or (feature.name if feature.name in hosts else None)
        alone = None if feature.encoder.grouped else feature.name
        key = ("tied", host) if host else (feature.type, feature.encoder.type, repr(feature.encoder), alone)
        members.setdefault(key, []).append(feature)
    return [
        Group(tuple(f.name for f in group), group[0].type, group[0].encoder, shared=key[0] == "tied")
        for key, group in members.items()
    ]


class Inputs(nn.Module):
    """All encoders; the signals come out in the order of `sources`."""

    def __init__(self, inputs: Sequence[Input.Config], facts: Mapping[str, Facts]) -> None:
        super().__init__()
        self.groups = groups_of(inputs)
        self.encoders = nn.ModuleList()
        self.sources: list[Source] = []
        for group in self.groups:
            columns = group.names[:1] if group.shared else group.names
            encoder = group.encoder.build([facts[name] for name in columns])
            self.encoders.append(encoder)
            self.sources += _sources(group, encoder.shape)

    def forward(self, batch: Frame) -> list[Signal]:
        signals = []
        for group, encoder in zip(self.groups, self.encoders, strict=True):
            if not group.encoder.grouped:
                signals += [encoder(batch.column(name)) for name in group.names]
            elif group.shared:
                columns = [encoder(batch.columns((name,))) for name in group.names]
                signals.append(Signal.tokens(torch.cat([column.values for column in columns], dim=1)))  # [B, C, H]
            else:
                signals.append(encoder(batch.columns(group.names)))
        return signals


def _sources(group: Group, shape: Shape) -> list[Source]:
    if not group.encoder.grouped:
        return [Source((name,), group.kind, shape) for name in group.names]
    return [Source(group.names, group.kind, dataclasses.replace(shape, count=len(group.names)))]
