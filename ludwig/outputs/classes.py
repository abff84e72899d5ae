"""What outputs of classes share, however their prediction comes about."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ludwig.metrics.base import Setting
from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassMetricOptions:
    """How predicted classes are evaluated."""

    reported: ClassVar[tuple[str, ...]] = ("accuracy", "accuracy_micro", "balanced_accuracy", "hits_at_k", "roc_auc")
    default_metric: ClassVar[str] = "accuracy"
    summarized: ClassVar[tuple[str, ...]] = ("accuracy", "balanced_accuracy")

    top_k: int = param(
        3,
        min=1,
        help="Top k: the hits_at_k metric counts a hit where the target is among the k most probable classes.",
    )

    def setting_for(self, classes: int) -> Setting:
        """What metrics need to know of an output of that many classes."""
        return Setting(classes=classes, top_k=self.top_k)
