"""The contract of an encoder: columns of a batch become a signal.

B = rows of the batch, C = columns of a group, T = steps of a sequence, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from ludwig.features.base import Facts
from ludwig.nn.signal import Form, Shape
from ludwig.schema import Component, Registry


class Encoder(Component, nn.Module):
    """Turns a group of like columns, or one column, into a signal.

    `forward` takes a group as a tensor [B, C, *shape] where the Config says `grouped`; else one column: a tensor
    [B, *shape], or padded rows with their mask (`ludwig.columns.ragged.Padded`) of a ragged one.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        grouped: ClassVar[bool] = False  # all columns with an equal section go through one module at once

        @property
        def suggested_learning_rate(self) -> float | None:
            """What `learning_rate: auto` takes for this encoder; None where the feature type decides."""
            return None

        def form(self) -> Form:
            """The form of the signal that the encoder gives."""
            return "tokens" if self.grouped else "vector"

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

    shape: Shape  # of what forward gives

    def __init__(self, config: Config, facts: Sequence[Facts]) -> None:
        """`facts` of the columns of the group, in their order; of one column where the encoder is not grouped."""
        nn.Module.__init__(self)
        self.config = config


ENCODERS: Registry[Encoder] = Registry("encoder")
