"""Areas under the curves of scores that rank rows.

N = rows
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ludwig.metrics.sums import wide


def area_under_roc(scores: Tensor, truth: Tensor, weights: Tensor | None = None) -> float | None:
    """The share of pairs of a true and a false row in which the true one scores higher; ties count half.

    scores [N], truth [N] of booleans, weights [N]: a pair counts as much as the product of those of its rows. None when
    all rows that count are of one kind. It is the rank statistic of Mann & Whitney 1947, without weights counted in
    integers and therefore exact.
    """
    if scores.isnan().any():
        return math.nan
    if weights is not None:
        return _weighted_area(scores, truth, wide(weights))
    true, false = _ascending(scores[truth]), _ascending(scores[~truth])
    pairs = len(true) * len(false)
    if not pairs:
        return None
    below, not_above = torch.searchsorted(false, true), torch.searchsorted(false, true, right=True)
    return (int(below.sum()) + int(not_above.sum())) / (2 * pairs)


def _weighted_area(scores: Tensor, truth: Tensor, weights: Tensor) -> float | None:
    false, order = scores[~truth].sort()
    below = torch.cat([weights.new_zeros(1), weights[~truth][order].cumsum(0)])  # the weight of those before each
    pairs = weights[truth].sum() * below[-1]
    if not float(pairs):
        return None
    true = scores[truth].contiguous()
    beaten = (below[torch.searchsorted(false, true)] + below[torch.searchsorted(false, true, right=True)]) / 2
    return float((beaten * weights[truth]).sum() / pairs)


def average_precision(scores: Tensor, truth: Tensor, weights: Tensor | None = None) -> float | None:
    """The mean of the precision at each score, weighted by how many of the true rows have that score.

    scores [N], truth [N] of booleans, weights [N] of rows; None without a true row. The sum over n of
    (R_n - R_(n-1)) P_n of Zhu 2004, "Recall, Precision and Average Precision", without interpolation.
    """
    if scores.isnan().any():
        return math.nan
    levels, places = torch.unique(scores, return_inverse=True)  # ascending
    counted = [(places, weights), (places[truth], None if weights is None else weights[truth])]
    rows, hits = (torch.bincount(kept, share, minlength=len(levels)).flip(0) for kept, share in counted)
    if not hits.any():
        return None
    above = rows.cumsum(0)  # from the highest score on
    precision = hits.cumsum(0).double() / torch.where(above > 0, above, 1)
    return float((hits.double() * precision).sum() / hits.sum())


def _ascending(values: Tensor) -> Tensor:
    """The values sorted. On a processor NumPy is many times faster, as it keeps no permutation."""
    return torch.from_numpy(np.sort(values.numpy())) if values.is_cpu else values.sort().values
