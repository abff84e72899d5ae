"""The inputs of an encoder-combiner-decoder model: like columns go through one encoder at once.

B = rows of the batch, C = columns of a group, H = size of a vector
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from ludwig.columns.frame import Frame
from ludwig.combiners.base import Source
from ludwig.encoders.base import Encoder, Find
from ludwig.features.base import Facts, at_origin
from ludwig.models.ecd.embeddings import embedded, embeddings_of, kept_signal
from ludwig.models.ecd.input_base import Input
from ludwig.nn.missing import MissingIndicator
from ludwig.nn.named_weight import NamedWeight
from ludwig.nn.signal import Shape, Signal


@dataclasses.dataclass(frozen=True)
class Group:
    """Inputs that go through one encoder."""

    names: tuple[str, ...]
    kind: str
    encoder: Encoder.Config
    host: str | None  # tied inputs: the one whose weights are applied to each of them

    @property
    def columns(self) -> tuple[str, ...]:
        """The inputs that have weights of their own."""
        return self.names if self.host is None else (self.host,)


def groups_of(inputs: Sequence[Input.Config], facts: Mapping[str, Facts]) -> list[Group]:
    """Inputs of one type with equal encoder sections, where the encoder can take a group; tied inputs together."""
    hosts = {feature.tied for feature in inputs if feature.tied}
    members: dict[tuple[str | None, tuple[object, ...]], list[Input.Config]] = {}
    for feature in inputs:
        host = feature.tied or (feature.name if feature.name in hosts else None)
        likeness = () if host else _likeness(feature, facts[feature.name])
        members.setdefault((host, likeness), []).append(feature)
    return [
        Group(tuple(f.name for f in group), group[0].type, group[0].encoder, host)
        for (host, _), group in members.items()
    ]


def _likeness(feature: Input.Config, facts: Facts) -> tuple[object, ...]:
    """What is equal for inputs that share an encoder."""
    encoder = feature.encoder
    alone = encoder.size_of_token(facts) if encoder.grouped else feature.name
    return feature.type, encoder.type, repr(encoder), alone


class Inputs(nn.Module):
    """All encoders; the signals come out in the order of `sources`."""

    def __init__(self, inputs: Sequence[Input.Config], facts: Mapping[str, Facts], find: Find = at_origin) -> None:
        """`find`: the place of the description files of pretrained networks."""
        super().__init__()
        self.groups = groups_of(inputs, facts)
        self.facts = [[facts[name] for name in group.columns] for group in self.groups]
        self.encoders = nn.ModuleList()
        self.indicators = nn.ModuleList()  # one for each encoder, which does nothing where it is not needed
        self.sources: list[Source] = []
        self.kept: dict[str, Shape] = {}  # of inputs whose embeddings training computes once
        keeping = {feature.name for feature in inputs if feature.preprocessing.caches_embeddings}
        for group, of_columns in zip(self.groups, self.facts, strict=True):
            encoder = group.encoder.described(find).build(of_columns)
            indicator = _indicator(group, [facts[name] for name in group.names])
            self.encoders.append(encoder)
            self.indicators.append(indicator)
            self.sources += _sources(group, indicator.shape(encoder.shape))
            self.kept |= {name: encoder.shape for name in group.names if name in keeping}

    def start(self) -> None:
        """Loads what encoders start from."""
        for _, encoder, facts in self._parts():
            encoder.start(facts)

    def with_embeddings(self, frame: Frame, device: torch.device) -> Frame:
        """The frame with what frozen encoders give for its rows, where an input asks that this is kept."""
        kept = [(name, encoder) for group, encoder, _ in self._parts() for name in group.names if name in self.kept]
        return frame.replaced(
            {name: (embeddings_of(name), embedded(encoder, frame.others[name], device)) for name, encoder in kept}
        )

    def forward(self, batch: Frame) -> list[Signal]:
        signals = []
        for group, encoder, indicator in zip(self.groups, self.encoders, self.indicators, strict=True):
            if not group.encoder.grouped:
                signals += [
                    kept_signal(batch, name, self.kept[name])
                    if embeddings_of(name) in batch
                    else indicator(encoder, batch.column(name))
                    for name in group.names
                ]
            elif group.host is not None:
                columns = [indicator(encoder, batch.columns((name,))) for name in group.names]
                signals.append(Signal.tokens(torch.cat([column.values for column in columns], dim=1)))  # [B, C, H]
            else:
                signals.append(indicator(encoder, batch.columns(group.names)))
        return signals

    def by_name(self, signals: Sequence[Signal]) -> dict[str, Tensor]:
        """What each input alone was encoded to: [B, H], of a sequence [B, T, H]."""
        found = {}
        for source, signal in zip(self.sources, signals, strict=True):
            is_apart = signal.form == "tokens" and signal.values.shape[1] == len(source.features)
            for place, name in enumerate(source.features):
                found[name] = signal.values[:, place] if is_apart else signal.values
        return found

    def weights(self) -> Iterator[tuple[str, NamedWeight]]:
        """The weights of each input as if it had an encoder of its own: `<input>.encoder.<weight>`."""
        for group, encoder, facts in self._parts():
            whole = encoder.state_dict(keep_vars=True)
            rows = {weight: _rows(encoder, weight, tensor, facts) for weight, tensor in whole.items()}
            for place, name in enumerate(group.columns):
                for weight, tensor in whole.items():
                    yield f"{name}.encoder.{weight}", NamedWeight(tensor, rows[weight][place])

    def _parts(self) -> Iterator[tuple[Group, Encoder, list[Facts]]]:
        for group, encoder, facts in zip(self.groups, self.encoders, self.facts, strict=True):
            assert isinstance(encoder, Encoder)
            yield group, encoder, facts


def _rows(encoder: Encoder, name: str, weight: Tensor, facts: Sequence[Facts]) -> list[slice | None]:
    """The rows of a weight that belong to each column; None where all do."""
    if len(facts) == 1 or weight.dim() == 0:
        return [None] * len(facts)
    ends = [*itertools.accumulate(encoder.row_counts(name, weight, facts))]
    return [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]


def _indicator(group: Group, facts: Sequence[Facts]) -> MissingIndicator:
    """What stands in for an encoder that does not take missing numbers, where there are any."""
    if group.encoder.takes_missing or not any(fact.keeps_missing for fact in facts):
        return MissingIndicator(None)
    is_whole = group.encoder.grouped and group.host is None
    return MissingIndicator([fact.median for fact in (facts if is_whole else facts[:1])])


def _sources(group: Group, shape: Shape) -> list[Source]:
    if not group.encoder.grouped:
        return [Source((name,), group.kind, shape) for name in group.names]
    return [Source(group.names, group.kind, dataclasses.replace(shape, count=len(group.names)))]
