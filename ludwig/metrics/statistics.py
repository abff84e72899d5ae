"""Statistics of a whole split of class predictions, from arrays.

N = rows, C = classes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer]


def confusion_matrix(target: Ids, predicted: Ids, classes: int) -> NDArray[np.int64]:
    """How often a class (row) was taken for another (column): [C, C]."""
    places = target.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(places, minlength=classes * classes).reshape(classes, classes)


def classification_statistics(target: Ids, predicted: Ids, labels: Sequence[str]) -> dict[str, Any]:
    """Confusion matrix, overall statistics and those of each class, under its label."""
    matrix = confusion_matrix(target, predicted, len(labels))
    each = per_class_stats(matrix, labels)
    return {"confusion_matrix": matrix.tolist(), "overall_stats": overall_stats(matrix), "per_class_stats": each}


def binary_statistics(
    target: NDArray[np.bool_], predicted: NDArray[np.bool_], of_true: NDArray[np.floating], labels: Sequence[str]
) -> dict[str, Any]:
    """The statistics of two classes, with the curves over all thresholds.

    `of_true`: the probability of true of each row: [N].
    """
    from sklearn import metrics

    truth = target.astype(np.int64)
    statistics = classification_statistics(truth, predicted.astype(np.int64), labels)
    if len(np.unique(truth)) < 2:  # the curves need rows of both classes
        return statistics
    false_rate, true_rate, _ = metrics.roc_curve(truth, of_true)
    precisions, recalls, _ = metrics.precision_recall_curve(truth, of_true)
    both = np.stack([1 - of_true, of_true], axis=1)  # [N, 2]
    one_hot = np.eye(2)[truth]  # [N, 2]
    return {
        **statistics,
        "roc_curve": {"false_positive_rate": false_rate.tolist(), "true_positive_rate": true_rate.tolist()},
        "precision_recall_curve": {"precisions": precisions.tolist(), "recalls": recalls.tolist()},
        **{f"roc_auc_{how}": float(metrics.roc_auc_score(one_hot, both, average=how)) for how in ("macro", "micro")},
        **{
            f"average_precision_{how}": float(metrics.average_precision_score(one_hot, both, average=how))
            for how in ("macro", "micro", "samples")
        },
    }


def overall_stats(matrix: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, means of precision, recall and F1, and Cohen's kappa (1960), from a confusion matrix."""
    total = matrix.sum()
    right = np.diag(matrix)
    rows, columns = matrix.sum(1), matrix.sum(0)
    occurs = (rows + columns) > 0  # classes that neither occur nor are predicted say nothing
    precision, recall = _share(right, columns), _share(right, rows)
    f1 = _share(2 * right, rows + columns)
    by_chance = float((rows * columns).sum() / max(total, 1) ** 2)
    accuracy = float(_share(right.sum(), total))
    stats = {"token_accuracy": accuracy}
    for name, values in (("precision", precision), ("recall", recall), ("f1_score", f1)):
        stats[f"avg_{name}_macro"] = float(values[occurs].mean()) if occurs.any() else 0.0
        stats[f"avg_{name}_micro"] = accuracy
        stats[f"avg_{name}_weighted"] = float((values * rows).sum() / max(total, 1))
    stats["kappa_score"] = (accuracy - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    return stats


def per_class_stats(matrix: NDArray[np.int64], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """The statistics of each class against all others; 0 where one would divide by nothing."""
    hits = np.diag(matrix)
    misses, alarms = matrix.sum(1) - hits, matrix.sum(0) - hits
    rejections = matrix.sum() - hits - misses - alarms
    recall, specificity = _share(hits, hits + misses), _share(rejections, rejections + alarms)
    precision, negative_value = _share(hits, hits + alarms), _share(rejections, rejections + misses)
    miss_rate, alarm_rate = _share(misses, hits + misses), _share(alarms, rejections + alarms)
    spread = np.sqrt((hits + alarms) * (hits + misses) * (rejections + alarms) * (rejections + misses) * 1.0)
    values = {
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
        "accuracy": _share(hits + rejections, np.full(len(hits), matrix.sum())),
        "precision": precision,
        "recall": recall,
        "f1_score": _share(2 * hits, 2 * hits + alarms + misses),
        "sensitivity": recall,
        "specificity": specificity,
        "hit_rate": recall,
        "miss_rate": miss_rate,
        "fall_out": alarm_rate,
        "matthews_correlation_coefficient": _share(hits * rejections - alarms * misses, spread),
        "informedness": recall + specificity - 1,
        "markedness": precision + negative_value - 1,
    }
    return {label: {name: array[place].item() for name, array in values.items()} for place, label in enumerate(labels)}


def _share(part: Any, whole: Any) -> NDArray[np.float64]:
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    shares: NDArray[np.float64] = np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
    return shares
