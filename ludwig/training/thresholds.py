"""Decision thresholds: the probability from which the prediction of a binary output is true, chosen for a metric.

N = rows of the split, U = distinct probabilities
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ludwig.columns.frame import Frame
from ludwig.models.base import Model
from ludwig.nn.prediction import Prediction
from ludwig.runtime.console import logger_of
from ludwig.runtime.distributed import ALONE, Workers
from ludwig.training.calibration import Seen, probabilities_of, seen_of, unfit

logger = logger_of(__name__)

Json = dict[str, Any]
Counts = NDArray[np.float64]  # [U], by threshold
Score = Callable[[Counts, Counts, Counts, Counts], Counts]  # of true and false positives, false and true negatives


def choose_thresholds(
    model: Model, frame: Frame, batch_size: int, device: torch.device, workers: Workers = ALONE
) -> dict[str, Json]:
    """Chooses the decision threshold of each output that wants that, on a split that was not trained on.

    An output of anomalies gets a percentile of its scores.

    Returns:
        By output: `metric`, `threshold`, `rows` on which it was chosen, and the `score` there, with that of 0.5 as
        `before`; where the rows do not allow it the threshold is 0.5 and `reason` is why.
    """
    metrics = {name: output.threshold_metric for name, output in model.outputs.items() if output.threshold_metric}
    shares = {name: output.threshold_percentile for name, output in model.outputs.items()}
    percentiles = {name: share for name, share in shares.items() if share is not None}
    if not metrics and not percentiles:
        return {}
    seen = seen_of(model, [*metrics, *percentiles], frame, batch_size, device, workers)
    chosen = {name: _chosen(model, name, metric, seen[name].usable()) for name, metric in metrics.items()}
    return chosen | {name: _at_percentile(model, name, share, seen[name]) for name, share in percentiles.items()}


def _at_percentile(model: Model, name: str, percentile: float, seen: Seen) -> Json:
    """The threshold of scores of anomalies: a percentile of those of rows that are not labelled as such."""
    usual, output = seen.counting(seen.target <= 0), model.outputs[name]
    found: Json = {"percentile": percentile, "threshold": None, "rows": len(usual), "reason": None}
    if len(usual) == 0:
        logger.warning("The output '%s' has no row to set its threshold by, and predicts no anomaly.", name)
        return {**found, "reason": "The split has no rows that are not labelled as anomalies."}
    with torch.no_grad():
        scores = output.final(Prediction(usual.logits, usual.logits)).known_logits.double().cpu().numpy()
    found["threshold"] = float(np.percentile(scores, percentile))
    output.get_buffer("chosen_threshold").fill_(found["threshold"])
    return found


def _chosen(model: Model, name: str, metric: str, seen: Seen) -> Json:
    output, reason = model.outputs[name], unfit(seen)
    found: Json = {"metric": metric, "threshold": 0.5, "rows": len(seen), "score": None, "before": None}
    if reason is not None:
        logger.warning("The decision threshold of the output '%s' stays 0.5. %s", name, reason)
    else:
        with torch.no_grad():
            probabilities = probabilities_of(output, seen.logits).double().cpu().numpy()
        weights = None if seen.weights is None else seen.weights.double().cpu().numpy()
        found |= best_threshold(probabilities, seen.target.cpu().numpy() > 0, metric, weights)
    output.get_buffer("chosen_threshold").fill_(found["threshold"])
    return {**found, "reason": reason}


def best_threshold(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.bool_],
    metric: str,
    weights: NDArray[np.float64] | None = None,
) -> Json:
    """The threshold with the best metric, midway between two probabilities; of equal ones that nearest to 0.5.

    Args:
        probabilities: Of true: [N].
        truth: Whether each row is true: [N], of both kinds.
        metric: One of `SCORES`.
        weights: How much each row counts: [N].

    Returns:
        `threshold`, its `score`, and as `before` the score of 0.5.
    """
    values, place = np.unique(probabilities, return_inverse=True)  # ascending
    weights = np.ones(len(truth)) if weights is None else weights
    positives = np.bincount(place, weights=truth * weights, minlength=len(values))
    rows = np.bincount(place, weights=weights, minlength=len(values))
    hits = positives[::-1].cumsum()[::-1]  # true positives where the threshold is at most this value
    answers = rows[::-1].cumsum()[::-1]
    borders = np.concatenate([values[:1] / 2, (values[1:] + values[:-1]) / 2])  # [U]

    def scores(true_positives: Counts, positive: Counts) -> Counts:
        missed, false = positives.sum() - true_positives, positive - true_positives
        return SCORES[metric](true_positives, false, missed, rows.sum() - positives.sum() - false)

    by_border = scores(hits, answers)
    best = np.flatnonzero(by_border >= by_border.max() - 1e-12)
    chosen = best[np.abs(borders[best] - 0.5).argmin()]
    usual = probabilities >= 0.5
    before = scores(np.array([(usual * truth * weights).sum()]), np.array([(usual * weights).sum()]))
    return {"threshold": float(borders[chosen]), "score": float(by_border[chosen]), "before": float(before[0])}


def _f1(tp: Counts, fp: Counts, fn: Counts, tn: Counts) -> Counts:
    return 2 * tp / (2 * tp + fp + fn)


def _balanced_accuracy(tp: Counts, fp: Counts, fn: Counts, tn: Counts) -> Counts:
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


def _accuracy(tp: Counts, fp: Counts, fn: Counts, tn: Counts) -> Counts:
    return (tp + tn) / (tp + fp + fn + tn)


def _matthews_corrcoef(tp: Counts, fp: Counts, fn: Counts, tn: Counts) -> Counts:
    """Matthews 1975, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme"; 0 where all
    answers are alike."""
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.where(spread > 0, (tp * tn - fp * fn) / np.where(spread > 0, spread, 1), 0.0)


SCORES: dict[str, Score] = {
    "f1": _f1,
    "balanced_accuracy": _balanced_accuracy,
    "accuracy": _accuracy,
    "matthews_corrcoef": _matthews_corrcoef,
}
