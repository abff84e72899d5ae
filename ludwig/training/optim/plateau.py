"""When a metric no longer gets better."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class PlateauRule:
    """What is watched for a plateau."""

    split: str
    metric: str
    patience: int  # evaluations without a new best
    most: int  # how many plateaus count


def plateaus(values: Sequence[float], patience: int, most: int, direction: str) -> int:
    """How many plateaus there were, at most `most`: each is `patience` evaluations without a new best value.

    After each such time the waiting begins anew. It follows from the history alone, so a resumed run needs no state.
    """
    best, waited, found = math.nan, 0, 0
    for value in values:
        good = value if direction == "maximize" else -value
        if not math.isnan(good) and (math.isnan(best) or good > best):
            best, waited = good, 0
            continue
        waited += 1
        if waited >= max(patience, 1) and found < most:
            found, waited = found + 1, 0
    return found
