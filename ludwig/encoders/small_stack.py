"""The options of the small fully connected stack that ends the encoders of dates, sets, bags and cells of a grid."""

from __future__ import annotations

import dataclasses

from ludwig.schema import param
from ludwig.schema.layers import FullyConnectedOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallStackOptions(FullyConnectedOptions):
    """Fully connected layers that are small unless they are set otherwise."""

    output_size: int = param(10, min=1, help="Output size of a fully connected layer.")
