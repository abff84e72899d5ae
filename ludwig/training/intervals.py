"""Prediction intervals: predicted quantiles are shifted until their stated shares hold on the validation split.

Split-conformal prediction with a correction for each quantile: Romano, Patterson & Candes 2019, "Conformalized Quantile
Regression", arXiv:1905.03222, theorem 2. If a new row comes from where the N rows of the split come from, its target is
at most a quantile of level t with a probability of t, but for a part in N + 1; below 0.5 the rounding is down and above
it is up, so that an interval holds its stated coverage at least. It is an average over rows, not a promise for each of
them; and since the split has also chosen the weights, it is a little optimistic.

N = rows of the split, S = steps of a series, Q = quantiles
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ludwig.columns.frame import Frame
from ludwig.metrics.sums import wide
from ludwig.models.base import Model
from ludwig.outputs.base import Output
from ludwig.runtime.console import warn
from ludwig.runtime.distributed import ALONE, Workers
from ludwig.training.calibration import Seen, seen_of

Json = dict[str, Any]


def fit_intervals(
    model: Model, frame: Frame, batch_size: int, device: torch.device, workers: Workers = ALONE
) -> dict[str, Json]:
    """Fits the shifts of the quantiles of each output that predicts some, on a split that was not trained on.

    Returns:
        By output: `levels`; the `shifts` in the column's standardised units; `rows` on which they were fitted; and
        `reason`, why a level is not promised, where the rows are too few for it.
    """
    outputs = {name: output for name, output in model.outputs.items() if output.levels}
    if not outputs:
        return {}
    for output in outputs.values():
        output.get_buffer("quantile_shift").zero_()
    seen = seen_of(model, list(outputs), frame, batch_size, device, workers)
    return {name: _fitted(output, seen[name]) for name, output in outputs.items()}


@torch.no_grad()
def _fitted(output: Output, seen: Seen) -> Json:
    seen = seen.counting(seen.target.isfinite().view(len(seen.target), -1).any(1))
    levels, shifts, reason, rows = output.levels, output.get_buffer("quantile_shift"), None, len(seen)
    if rows:
        quantiles = output.joined(seen.logits) if output.has_members else seen.logits
        errors = wide(seen.target).unsqueeze(-1) - quantiles[..., 1:]  # [N, Q], of a series [N, S, Q]
        each = errors.view(len(seen), -1, len(levels)).cpu().numpy()  # [N, S, Q]
        weights = np.ones(len(seen)) if seen.weights is None else seen.weights.double().cpu().numpy()
        known = np.isfinite(each[..., 0])  # [N, S]
        steps = [_shifts(each[rows, step], weights[rows], levels) for step, rows in enumerate(known.T)]
        shifts.copy_(torch.tensor(steps).view_as(shifts))
        rows = int(known.sum(0).min())
    needed = max(math.ceil(1 / min(level, 1 - level) - 1e-9) - 1 for level in levels)
    if rows < needed:
        reason = f"The split has {rows} rows with a known target, and these levels take {needed}."
        warn(f"The quantiles of the output '{output.name}' do not promise what they state. {reason}")
    return {"levels": list(levels), "shifts": shifts.tolist(), "rows": rows, "reason": reason}


def _shifts(errors: NDArray[np.float64], weights: NDArray[np.float64], levels: Sequence[float]) -> list[float]:
    """That of each quantile: errors [N, Q], weights [N]; none where there are no rows."""
    if not len(errors):
        return [0.0] * len(levels)
    return [shift(errors[:, place], weights, level) for place, level in enumerate(levels)]


def shift(errors: NDArray[np.float64], weights: NDArray[np.float64], level: float) -> float:
    """By how much a quantile must rise so that its share of a new row's targets lies below it.

    Args:
        errors: The targets less their predicted quantiles: [N].
        weights: How much each row counts: [N]; the new row counts as their mean.
        level: Of the quantile.
    """
    order = errors.argsort(kind="stable")
    counted = weights[order].cumsum() / weights.mean()  # [N], with equal weights 1, 2, 3, ...
    wanted = level * (len(errors) + 1)
    slack = 1e-9 * wanted  # of rounding, as in 0.7 * 10
    if level < 0.5:
        place = int(np.searchsorted(counted, wanted + slack, side="right")) - 1
    else:
        place = int(np.searchsorted(counted, wanted - slack, side="left"))
    return float(errors[order[min(max(place, 0), len(errors) - 1)]])
