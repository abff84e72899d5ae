"""What outputs of numbers share: losses on normalised values, predictions in the column's own units."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from torch import Tensor

from ludwig.features.scaling import Scaling
from ludwig.losses.base import Loss
from ludwig.metrics.sums import widest
from ludwig.nn.prediction import Prediction
from ludwig.outputs.decoded import DecodedOutput


class ScaledFacts(Protocol):
    """Facts of a column that is scaled."""

    @property
    def scaling(self) -> Scaling: ...


class ScaledOutput(DecodedOutput):
    """Losses see scaled numbers (relative errors aside), metrics and users see them in the column's own units."""

    facts: ScaledFacts

    def compared(self, loss: Loss, prediction: Prediction, target: Tensor) -> tuple[Prediction, Tensor]:
        if not loss.in_original_units:
            return prediction, target
        undo = self.facts.scaling.undo
        return dataclasses.replace(prediction, logits=undo(prediction.known_logits)), undo(target)

    def bounded(self, logits: Tensor) -> Tensor:
        return self.facts.scaling.bounded(logits, self.decoder.bounded)

    def joined(self, logits: Tensor) -> Tensor:
        """Those of the mean in the column's own units."""
        scaling = self.facts.scaling
        return scaling.bounded(logits, lambda own: own.mean(1)) if scaling.log else super().joined(logits)

    def complete(self, prediction: Prediction) -> Prediction:
        return dataclasses.replace(prediction, predictions=self.in_own_units(self.final(prediction).known_logits))

    def observed(self, target: Tensor) -> Tensor:
        return self.in_own_units(target)

    def in_own_units(self, scaled: Tensor) -> Tensor:
        """In double precision where the device has it: single has too few digits for a spread far from zero."""
        return self.facts.scaling.undo(scaled.to(widest(scaled.device)))
