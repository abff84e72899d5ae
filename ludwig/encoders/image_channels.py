"""How many channels an encoder of images wants."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChannelOptions:
    """With how many channels an encoder wants images."""

    num_channels: int | None = param(
        None, min=1, max=4, help="Number of channels that images are read with; null leaves it to the preprocessing."
    )

    def requires(self) -> Mapping[str, Any]:
        return {} if self.num_channels is None else {"num_channels": self.num_channels}
