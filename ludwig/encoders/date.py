"""Encoders of dates, which come as nine parts and the standardised time since the mean date.

B = rows of the batch, E = size of an embedding, H = size of the vector
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.embeddings import PlaceOptions
from ludwig.encoders.small_stack import SmallStackOptions
from ludwig.features.date import DAY, DateFacts
from ludwig.nn.embedding import CategoryTable
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param

# Of the parts month, day, weekday, yearday, hour, minute and second: the lowest value, and how many there are.
LOWEST = (1, 1, 0, 1, 0, 0, 0)
COUNTS = (12, 31, 7, 366, 24, 60, 60)


@ENCODERS.register("embed", kinds=("date",))
class EmbedDateEncoder(Encoder):
    """Trainable embeddings of year, month, day, weekday, day of the year, hour, minute and second, side by side with
    the second of the day and the time since the mean date, then fully connected layers.

    Use it as the first choice: seasons, weekdays and single days may have any effect, and the time since the mean date,
    in standard deviations, carries a trend on into years that training has not seen, which share the embedding of the
    nearest year. A missing date has embeddings of its own. It costs some 560 * `embedding_size` weights.

    Takes dates [B, 10]; gives a vector [B, 8 * embedding_size + 2], or [B, output_size] with fully connected layers.

    Source: Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables", arXiv:1604.06737.

    ```yaml
    name: ordered_at
    type: date
    encoder:
      type: embed
      embedding_size: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PlaceOptions, SmallStackOptions, Encoder.Config):
        embedding_size: int = param(10, min=1, help="Size of the embedding of each part. Lower it for little data.")

    lowest: Tensor  # [8]
    highest: Tensor  # [8], places within a part's rows

    def __init__(self, config: Config, facts: Sequence[DateFacts]) -> None:
        super().__init__(config, facts)
        counts = (facts[0].last_year - facts[0].first_year + 1, *COUNTS)
        self.register_buffer("lowest", torch.tensor((facts[0].first_year, *LOWEST)).float(), persistent=False)
        self.register_buffer("highest", torch.tensor(counts).float() - 1, persistent=False)
        sizes = [count + 1 for count in counts]  # the first row of each is that of a missing date
        self.table = CategoryTable(sizes, config.embedding_size, on_cpu=config.embeddings_on_cpu)
        self.stack = FullyConnectedStack(len(sizes) * config.embedding_size + 2, config.stack())
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, dates: Tensor) -> Signal:
        parts, of_day, elapsed = dates[:, :8], dates[:, 8:9].clamp_min(0.0) / DAY, dates[:, 9:]
        places = torch.minimum((parts - self.lowest).clamp_min(0.0), self.highest) + 1  # [B, 8]
        ids = torch.where(parts < 0, 0.0, places).int()
        embedded = self.table(ids).flatten(1)  # [B, 8 * E]
        return Signal.vector(self.stack(torch.cat([embedded, of_day, elapsed], dim=1)))  # [B, H]


@ENCODERS.register("wave", kinds=("date",))
class WaveDateEncoder(Encoder):
    """Sine and cosine of each part of the date by its period, with the time since the mean date, then fully connected
    layers.

    Use it where what counts is smooth over the year, the week or the day, and for little data: it has no weights for
    single days. The time since the mean date, in standard deviations, carries a trend. A missing date has no waves and
    a mark of its own. It costs `18 * output_size` weights for the first layer.

    Takes dates [B, 10]; gives a vector [B, output_size].

    Source: the time encoding of Kazemi et al. 2019, "Time2Vec", arXiv:1907.05321, with the periods of the calendar.

    ```yaml
    name: ordered_at
    type: date
    encoder:
      type: wave
      output_size: 16
    ```
    """

    PERIODS: ClassVar[tuple[float, ...]] = (12, 31, 7, 366, 24, 60, 60, DAY)  # of the parts from the month on

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SmallStackOptions, Encoder.Config):
        num_fc_layers: int = param(1, min=1, help="Number of fully connected layers, unless fc_layers lists them.")

    speeds: Tensor  # [8]

    def __init__(self, config: Config, facts: Sequence[DateFacts]) -> None:
        super().__init__(config, facts)
        speeds = 2 * math.pi / torch.tensor(self.PERIODS)
        self.register_buffer("speeds", speeds, persistent=False)
        self.stack = FullyConnectedStack(2 * len(self.PERIODS) + 2, config.stack())
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, dates: Tensor) -> Signal:
        parts, elapsed = dates[:, 1:9], dates[:, 9:]
        there = (dates[:, :1] >= 0).to(dates.dtype)  # [B, 1]
        angles = parts * self.speeds  # [B, 8]
        waves = torch.cat([angles.sin(), angles.cos()], dim=1) * there  # [B, 16]
        return Signal.vector(self.stack(torch.cat([waves, elapsed, 1 - there], dim=1)))  # [B, H]
