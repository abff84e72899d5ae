"""How well scores rank rows. Rows whose target is missing (below zero, or NaN) are left out.

B = rows of the batch, N = rows of the split, C = classes
"""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction


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


class ScoreMetric(Metric):
    """Keeps all scores and targets; they are ranked once, at the end."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.scores: list[Tensor] = []
        self.targets: list[Tensor] = []
        self.weights: list[Tensor] = []  # of all batches, or of none

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        assert prediction.probabilities is not None
        self.weights += [] if weights is None else [wide(weights).clone()]
        self.scores.append(prediction.probabilities.detach())
        self.targets.append(target.clone())  # a view would keep the whole batch alive

    def merge(self, other: Self) -> None:
        self.scores += other.scores
        self.targets += other.targets
        self.weights += other.weights

    def kept(self) -> tuple[Tensor, Tensor, Tensor | None] | None:
        """Scores, targets and weights of all rows that have a target; None without any."""
        if not self.scores:
            return None
        scores, targets = torch.cat(self.scores), torch.cat(self.targets)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))  # half precision cannot be searched
        there = targets >= 0
        weights = torch.cat(self.weights)[there] if self.weights else None
        return (scores[there], targets[there], weights) if there.any() else None


@METRICS.register("roc_auc", kinds=("binary",))
class RocAuc(ScoreMetric):
    """ROC AUC: area under the receiver operating characteristic curve."""

    def compute(self) -> float | None:
        kept = self.kept()
        return None if kept is None else area_under_roc(kept[0], kept[1] > 0, kept[2])


@METRICS.register("average_precision", kinds=("binary",))
class AveragePrecision(ScoreMetric):
    """Average precision of the positive class: the area under its precision-recall curve, without interpolation."""

    def compute(self) -> float | None:
        kept = self.kept()
        return None if kept is None else average_precision(kept[0], kept[1] > 0, kept[2])


@METRICS.register("roc_auc", kinds=("category", "category_distribution"))
class MacroRocAuc(ScoreMetric):
    """Macro ROC AUC: the mean over the classes that occur of the one-vs-rest ROC AUC."""

    def compute(self) -> float | None:
        kept = self.kept()
        if kept is None:
            return None
        scores, ids = kept[0].T.contiguous(), kept[1]  # [C, N], [N]
        areas = [area_under_roc(of_class, ids == place, kept[2]) for place, of_class in enumerate(scores)]
        there = [area for area in areas if area is not None]
        return math.fsum(there) / len(there) if there else None
