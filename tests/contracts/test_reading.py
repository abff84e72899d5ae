"""The check that every option is read finds one that is not."""

from __future__ import annotations

import dataclasses

from ludwig.nn.mlp import LayerSpec
from ludwig.schema import Component, param
from ludwig.schema.groups import filled
from tests.contracts.reading import unread


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    dropout: float = param(0.0, help="Filled into the spec, unless another option goes before it.")
    idle: int = param(1, help="Nobody reads it.")
    weight: float = param(1.0, help="Read by its holder.")


class Filling(Component):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Options, Component.Config):
        width: int = param(1, help="Read.")

    def __init__(self, config: Config) -> None:
        self.width, self.layer, self.idle = config.width, filled(LayerSpec, config, "fc_"), 0


class Prefixed(Component):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Options, Component.Config):
        fc_dropout: float = param(0.0, help="Goes before `dropout`.")

    def __init__(self, config: Config) -> None:
        self.layer = filled(LayerSpec, config, "fc_")
        self.idle = 0

    def forward(self) -> int:
        return self.idle  # of the module, not of the section


def test_an_option_that_nobody_reads_is_found():
    Filling.Config.owner, Prefixed.Config.owner = Filling, Prefixed
    assert unread(Filling.Config) == ["idle", "weight"]
    assert unread(Prefixed.Config) == ["dropout", "idle", "weight"]
    assert unread(Filling.Config, words=("loss",)) == ["idle"]
