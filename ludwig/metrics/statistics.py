"""Statistics of a whole split of class predictions, from arrays.

N = rows, C = classes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ludwig.nn import reliability
from ludwig.runtime.seed import undrawn

Ids = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]


def classification_statistics(
    target: Ids, predicted: Ids, labels: Sequence[str], probabilities: Floats | None = None
) -> dict[str, Any]:
    """Confusion matrix, overall statistics and those of each class, under its label.

    `probabilities` [N, C], or [N] of the second of two classes. Rows whose target is below zero, of no known class, are
    left out.
    """
    known = target >= 0
    matrix = confusion_matrix(target[known], predicted[known], len(labels))
    of_shares = {} if probabilities is None else probability_stats(target[known], probabilities[known])
    return {
        "confusion_matrix": matrix.tolist(),
        "overall_stats": {**overall_stats(matrix), **of_shares},
        "per_class_stats": per_class_stats(matrix, labels),
    }


def binary_statistics(
    target: NDArray[Any], predicted: NDArray[Any], probability_of_true: Floats, labels: Sequence[str]
) -> dict[str, Any]:
    """The statistics of two classes, with the curves over all thresholds.

    The curves are left out where all rows are of one class, or a probability is NaN.
    """
    truth, of_true = target.astype(np.int64), probability_of_true.astype(np.float64)
    statistics = classification_statistics(truth, predicted.astype(np.int64), labels, of_true)
    known = truth >= 0
    truth, of_true = truth[known], of_true[known]
    if len(np.unique(truth)) < 2 or not np.isfinite(of_true).all():
        return statistics
    return {
        **statistics,
        "roc_curve": roc_curve(truth, of_true),
        "roc_auc_macro": roc_auc_macro(truth, of_true),
        "roc_auc_micro": roc_auc_micro(truth, of_true),
        "precision_recall_curve": precision_recall_curve(truth, of_true),
        "average_precision_macro": average_precision_macro(truth, of_true),
        "average_precision_micro": average_precision_micro(truth, of_true),
        "average_precision_samples": average_precision_samples(truth, of_true),
    }


def quantile_statistics(target: Floats, quantiles: Floats, levels: Sequence[float]) -> dict[str, Any]:
    """How well the stated levels hold: target [N], quantiles [N, Q] of ascending levels.

    For each level the share of rows at or below its quantile; for the interval from the lowest to the highest the share
    of rows inside and the mean width. Empty without rows.
    """
    if not len(target):
        return {}
    below = (target[:, None] <= quantiles).mean(0)
    found: dict[str, Any] = {"share_below_quantile": dict(zip(map(str, levels), below.tolist(), strict=True))}
    if len(levels) > 1:
        low, high = quantiles[:, 0], quantiles[:, -1]
        found["interval"] = {
            "stated_coverage": round(levels[-1] - levels[0], 12),
            "coverage": float(((low <= target) & (target <= high)).mean()),
            "mean_width": float((high - low).mean()),
        }
    return found


def probability_stats(target: Ids, probabilities: Floats) -> dict[str, float]:
    """How good probabilities are as such: expected calibration error and Brier score.

    target [N] of known classes, probabilities [N, C], or [N] of the second of two classes. Empty without rows, or where
    a probability is NaN.
    """
    if not len(target) or not np.isfinite(probabilities).all():
        return {}
    shares, truth = torch.from_numpy(probabilities.astype(np.float64)), torch.from_numpy(target.astype(np.int64))
    confidence, hits = reliability.confidence_and_hits(shares, truth)  # [N], [N]
    error = reliability.expected_calibration_error(reliability.binned(confidence, hits, truth >= 0))
    assert error is not None
    return {"expected_calibration_error": error, "brier_score": brier_score(target, probabilities)}


def brier_score(target: Ids, probabilities: Floats) -> float:
    """The mean squared distance of probabilities from the truth, summed over the classes; halved where there are two.

    Source: Brier 1950, "Verification of Forecasts Expressed in Terms of Probability". Halving makes it the squared
    distance of the probability of one class, as is usual for two.
    """
    shares = np.asarray(probabilities, np.float64)
    if shares.ndim == 1:
        return float(((shares - target) ** 2).mean())
    distances = ((shares - np.eye(shares.shape[1])[target]) ** 2).sum(1)  # [N]
    return float(distances.mean() / (2 if shares.shape[1] == 2 else 1))


def confusion_matrix(target: Ids, predicted: Ids, classes: int) -> Counts:
    """How often a class (row) was taken for another (column): [C, C]."""
    places = target.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)


def overall_stats(matrix: Counts) -> dict[str, float]:
    """Accuracy, means of precision, recall and F1 over the classes, and Cohen's kappa (1960), from a confusion matrix.

    Macro: over the classes that occur or are predicted; micro: over the rows; weighted: by the rows of the classes.
    """
    counts = matrix.astype(np.float64)
    total, hits, rows, columns = counts.sum(), np.diag(counts), counts.sum(1), counts.sum(0)
    accuracy = float(_share(hits.sum(), total))
    values = {
        "precision": _share(hits, columns),
        "recall": _share(hits, rows),
        "f1_score": _share(2 * hits, rows + columns),
    }
    occurs = rows + columns > 0
    by_chance = _share((rows * columns).sum(), total**2)
    return {
        "token_accuracy": accuracy,
        **{f"avg_{name}_macro": float(_share(value.sum(), occurs.sum())) for name, value in values.items()},
        **{f"avg_{name}_micro": accuracy for name in values},
        **{f"avg_{name}_weighted": float(_share((value * rows).sum(), total)) for name, value in values.items()},
        "kappa_score": float(_share(accuracy - by_chance, 1 - by_chance)),
    }


def per_class_stats(matrix: Counts, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """The statistics of each class against all others; 0 where one would divide by nothing."""
    hits = np.diag(matrix)
    return _by_class(hits, matrix.sum(1) - hits, matrix.sum(0) - hits, int(matrix.sum()), labels)


def label_statistics(target: NDArray[np.bool_], predicted: NDArray[np.bool_], labels: Sequence[str]) -> dict[str, Any]:
    """Of sets of labels: the statistics of each label, and the share of rows whose set is exactly right.

    target and predicted [N, C]. Empty without rows.
    """
    if not len(target):
        return {}
    hits, misses, alarms = (
        (one & other).sum(0) for one, other in ((target, predicted), (target, ~predicted), (~target, predicted))
    )
    exact = float((target == predicted).all(1).mean())
    micro = float(_share(2 * hits.sum(), 2 * hits.sum() + misses.sum() + alarms.sum()))
    macro = float(_share(2 * hits, 2 * hits + misses + alarms).mean())
    return {
        "overall_stats": {"subset_accuracy": exact, "avg_f1_score_micro": micro, "avg_f1_score_macro": macro},
        "per_class_stats": _by_class(hits, misses, alarms, len(target), labels),
    }


def _by_class(
    hits: NDArray[Any], misses: NDArray[Any], alarms: NDArray[Any], rows: int, labels: Sequence[str]
) -> dict[str, dict[str, float]]:
    """By label; hits, misses and alarms are [C]."""
    rejections = rows - hits - misses - alarms
    recall, specificity = _share(hits, hits + misses), _share(rejections, rejections + alarms)
    precision, negative_value = _share(hits, hits + alarms), _share(rejections, rejections + misses)
    miss_rate, alarm_rate = _share(misses, hits + misses), _share(alarms, rejections + alarms)
    values: dict[str, NDArray[Any]] = {
        "true_positives": hits,
        "true_negatives": rejections,
        "false_positives": alarms,
        "false_negatives": misses,
        "true_positive_rate": recall,
        "true_negative_rate": specificity,
        "positive_predictive_value": precision,
        "negative_predictive_value": negative_value,
        "false_negative_rate": miss_rate,
        "false_positive_rate": alarm_rate,
        "false_discovery_rate": _share(alarms, hits + alarms),
        "false_omission_rate": _share(misses, rejections + misses),
        "accuracy": _share(hits + rejections, hits + rejections + alarms + misses),
        "precision": precision,
        "recall": recall,
        "f1_score": _share(2 * hits, 2 * hits + alarms + misses),
        "sensitivity": recall,
        "specificity": specificity,
        "hit_rate": recall,
        "miss_rate": miss_rate,
        "fall_out": alarm_rate,
        "matthews_correlation_coefficient": _correlation(hits, rejections, alarms, misses),
        "informedness": recall + specificity - 1,
        "markedness": precision + negative_value - 1,
    }
    return {label: {name: array[place].item() for name, array in values.items()} for place, label in enumerate(labels)}


def roc_curve(target: Ids, probability_of_true: Floats) -> dict[str, list[float]]:
    """False and true positive rate over the thresholds, without points on a straight line between others."""
    false_rate, true_rate, _ = _sklearn().roc_curve(target, probability_of_true)
    return {"false_positive_rate": false_rate.tolist(), "true_positive_rate": true_rate.tolist()}


def precision_recall_curve(target: Ids, probability_of_true: Floats) -> dict[str, list[float]]:
    """Precision and recall over the thresholds, without points that the curve does not need."""
    precisions, recalls, _ = _sklearn().precision_recall_curve(target, probability_of_true, drop_intermediate=True)
    return {"precisions": precisions.tolist(), "recalls": recalls.tolist()}


def roc_auc_macro(target: Ids, probability_of_true: Floats) -> float:
    """The mean of the areas of false and of true, each against the other."""
    return float(_sklearn().roc_auc_score(*_side_by_side(target, probability_of_true), average="macro"))


def roc_auc_micro(target: Ids, probability_of_true: Floats) -> float:
    """The area of all pairs of a row and a class, ranked together."""
    return float(_sklearn().roc_auc_score(*_side_by_side(target, probability_of_true), average="micro"))


def average_precision_macro(target: Ids, probability_of_true: Floats) -> float:
    """The mean of the average precisions of false and of true."""
    return float(_sklearn().average_precision_score(*_side_by_side(target, probability_of_true), average="macro"))


def average_precision_micro(target: Ids, probability_of_true: Floats) -> float:
    """The average precision of all pairs of a row and a class, ranked together."""
    return float(_sklearn().average_precision_score(*_side_by_side(target, probability_of_true), average="micro"))


def average_precision_samples(target: Ids, probability_of_true: Floats) -> float:
    """The mean over the rows of the average precision of the two classes of the row."""
    of_own = np.where(target > 0, probability_of_true, 1 - probability_of_true)
    return float(np.where(of_own > 0.5, 1.0, 0.5).mean())  # 1 where the own class is ranked first, else 1 of 2


def _sklearn() -> Any:
    with undrawn():
        from sklearn import metrics
    return metrics


def _side_by_side(target: Ids, of_true: Floats) -> tuple[Floats, Floats]:
    """Truth and probabilities of both classes: [N, 2], [N, 2]."""
    return np.eye(2)[target.astype(np.int64)], np.stack([1 - of_true, of_true], axis=1)


def _correlation(
    hits: NDArray[Any], rejections: NDArray[Any], alarms: NDArray[Any], misses: NDArray[Any]
) -> NDArray[np.float64]:
    """Matthews 1975, in floats, since products of counts do not fit into an integer."""
    hits, rejections, alarms, misses = (counts.astype(np.float64) for counts in (hits, rejections, alarms, misses))
    spread = np.sqrt((hits + alarms) * (hits + misses)) * np.sqrt((rejections + misses) * (rejections + alarms))
    return _share(hits * rejections - alarms * misses, spread)


def _share(part: Any, whole: Any) -> NDArray[np.float64]:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    share: NDArray[np.float64] = np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
    return share
