"""How well scores rank rows.

N = rows of the split, C = classes
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.nn.prediction import Prediction


def area_under_roc(scores: Tensor, truth: Tensor) -> Tensor:
    """The share of pairs of a true and a false row in which the true one scores higher; ties count half.

    scores [N, C], truth [N, C] -> [C]; not a number for a column of one kind of rows only. This is the rank statistic
    of Mann & Whitney 1947, with mean ranks for ties, so it is exact.
    """
    ordered, order = scores.sort(dim=0)
    sorted_truth = truth.gather(0, order).double()
    count = len(scores)
    place = torch.arange(1, count + 1, device=scores.device, dtype=torch.float64).unsqueeze(1)  # [N, 1]
    starts = torch.ones_like(ordered, dtype=torch.bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    first = torch.where(starts, place, 0.0).cummax(0).values  # [N, C], place where a run of equals begins
    ends = torch.ones_like(starts)
    ends[:-1] = starts[1:]
    last = torch.where(ends, place, float(count)).flip(0).cummin(0).values.flip(0)  # [N, C], where it ends
    positives = sorted_truth.sum(0)
    negatives = count - positives
    ranks = ((first + last) / 2 * sorted_truth).sum(0)
    area: Tensor = (ranks - positives * (positives + 1) / 2) / (positives * negatives)
    return area


class ScoreMetric(Metric):
    """Keeps all scores; they are ranked once, at the end."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.scores: list[Tensor] = []
        self.targets: list[Tensor] = []

    def update(self, prediction: Prediction, target: Tensor) -> None:
        assert prediction.probabilities is not None
        self.scores.append(prediction.probabilities.detach())
        self.targets.append(target)

    def merge(self, other: Self) -> None:
        self.scores += other.scores
        self.targets += other.targets


@METRICS.register("roc_auc", kinds=("binary",))
class RocAuc(ScoreMetric):
    """Area under the receiver operating characteristic."""

    def compute(self) -> float | None:
        if not self.scores:
            return None
        scores, truth = torch.cat(self.scores).cpu(), torch.cat(self.targets).cpu().bool()
        area = area_under_roc(scores.unsqueeze(1), truth.unsqueeze(1))
        return None if area.isnan().any() else float(area)


@METRICS.register("roc_auc", kinds=("category", "category_distribution"))
class MacroRocAuc(ScoreMetric):
    """The mean over classes of the area under the curve of that class against all others.

    Classes that no row has are left out.
    """

    def compute(self) -> float | None:
        if not self.scores:
            return None
        scores, ids = torch.cat(self.scores).cpu(), torch.cat(self.targets).cpu().long()
        scores, ids = scores[ids >= 0], ids[ids >= 0]
        if len(ids) == 0:
            return None
        truth = ids.unsqueeze(1) == torch.arange(scores.shape[1])  # [N, C]
        areas = area_under_roc(scores, truth)
        known = ~areas.isnan()
        return float(areas[known].mean()) if known.any() else None
