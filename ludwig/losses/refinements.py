"""By what a cross-entropy can be refined, of two classes or of many.

N = rows, or places of rows that have a class each
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from torch import Tensor

from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefinementOptions:
    """Robustness against noisy labels and overconfidence."""

    robust_lambda: float = param(
        0,
        min=0,
        max=1,
        help="Robust loss: share of a constant that is mixed into the loss, against noisy labels; 0 for none.",
    )
    confidence_penalty: float = param(
        0.0,
        min=0,
        help="Confidence penalty: factor of a term that penalises confident predictions (arXiv:1701.06548); 0 "
        "for none.",
    )
    label_smoothing: float = param(
        0.0,
        min=0,
        below=1,
        help="Label smoothing: share of the target that is spread evenly over all classes; 0 for none. Raise it "
        "against overconfidence.",
    )

    @property
    def is_refined(self) -> bool:
        """Whether the loss is anything but the plain cross-entropy."""
        return bool(self.robust_lambda or self.confidence_penalty or self.label_smoothing)

    def refined(self, loss: Tensor, classes: int, entropy: Callable[[], Tensor]) -> Tensor:
        """The cross-entropy of smoothed labels with the two other terms: [N] -> [N].

        With `robust_lambda` r it is (1 - r) * loss + r / classes. With `confidence_penalty` p it is loss + p * (ln
        classes - entropy), so that confident predictions cost (Pereyra et al. 2017, arXiv:1701.06548).

        Args:
            entropy: Gives that of the predicted probabilities: [N].
        """
        if self.robust_lambda:
            loss = (1 - self.robust_lambda) * loss + self.robust_lambda / classes
        if self.confidence_penalty:
            loss = loss + self.confidence_penalty * (math.log(classes) - entropy())
        return loss
