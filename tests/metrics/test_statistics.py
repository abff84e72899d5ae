import json
import math

import numpy as np
import pytest
from sklearn import metrics

from ludwig.metrics import statistics

LABELS = ["ant", "bee", "cat", "dog"]
PER_CLASS = (
    "true_positives true_negatives false_positives false_negatives true_positive_rate true_negative_rate "
    "positive_predictive_value negative_predictive_value false_negative_rate false_positive_rate "
    "false_discovery_rate false_omission_rate accuracy precision recall f1_score sensitivity specificity hit_rate "
    "miss_rate fall_out matthews_correlation_coefficient informedness markedness"
)
CURVES = (
    "roc_curve roc_auc_macro roc_auc_micro precision_recall_curve average_precision_macro average_precision_micro "
    "average_precision_samples"
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 200)  # the last class never occurs, but is predicted
    return target, np.where(rng.random(200) < 0.6, target, rng.integers(0, 4, 200))


@pytest.fixture
def binary():
    rng = np.random.default_rng(1)
    truth = rng.random(300) < 0.3
    of_true = np.clip(0.3 * truth + 0.7 * rng.random(300), 0, 1).round(2).astype(np.float32)
    return truth, of_true >= 0.5, of_true


def test_confusion_matrix_has_the_truth_in_rows(rows):
    target, predicted = rows
    expected = metrics.confusion_matrix(target, predicted, labels=range(4))
    assert statistics.classification_statistics(target, predicted, LABELS)["confusion_matrix"] == expected.tolist()


def test_overall_statistics_are_those_of_sklearn(rows):
    target, predicted = rows
    overall = statistics.classification_statistics(target, predicted, LABELS)["overall_stats"]
    expected = {
        "token_accuracy": metrics.accuracy_score(target, predicted),
        "kappa_score": metrics.cohen_kappa_score(target, predicted),
    }
    for average in ("macro", "micro", "weighted"):
        values = metrics.precision_recall_fscore_support(target, predicted, average=average, zero_division=0)
        for name, value in zip(("precision", "recall", "f1_score"), values[:3], strict=True):
            expected[f"avg_{name}_{average}"] = value
    assert overall == pytest.approx(expected)


def test_each_class_is_evaluated_as_by_sklearn_against_all_others(rows):
    target, predicted = rows
    each = statistics.classification_statistics(target, predicted, LABELS)["per_class_stats"]
    assert list(each) == LABELS
    for place, label in enumerate(LABELS):
        truth, said = target == place, predicted == place
        tn, fp, fn, tp = metrics.confusion_matrix(truth, said, labels=[False, True]).ravel()
        stats = each[label]
        assert list(stats) == PER_CLASS.split()
        assert [stats[name] for name in PER_CLASS.split()[:4]] == [tp, tn, fp, fn]
        assert stats["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
        for name in ("precision", "positive_predictive_value"):
            assert stats[name] == pytest.approx(metrics.precision_score(truth, said, zero_division=0))
        for name in ("recall", "sensitivity", "hit_rate", "true_positive_rate"):
            assert stats[name] == pytest.approx(metrics.recall_score(truth, said, zero_division=0))
        for name in ("specificity", "true_negative_rate"):
            assert stats[name] == pytest.approx(tn / (tn + fp))
        assert stats["f1_score"] == pytest.approx(metrics.f1_score(truth, said, zero_division=0))
        assert stats["matthews_correlation_coefficient"] == pytest.approx(metrics.matthews_corrcoef(truth, said))
        assert stats["negative_predictive_value"] == pytest.approx(tn / (tn + fn))
        assert stats["false_positive_rate"] == stats["fall_out"] == pytest.approx(fp / (fp + tn))
        assert stats["false_negative_rate"] == stats["miss_rate"] == pytest.approx(fn / (fn + tp) if fn + tp else 0)
        assert stats["false_discovery_rate"] == pytest.approx(fp / (fp + tp))
        assert stats["false_omission_rate"] == pytest.approx(fn / (fn + tn))
        assert stats["informedness"] == pytest.approx(stats["recall"] + stats["specificity"] - 1)
        assert stats["markedness"] == pytest.approx(stats["precision"] + stats["negative_predictive_value"] - 1)


def test_zero_denominators_give_zero():
    each = statistics.per_class_stats(np.array([[3, 0], [0, 0]]), ["yes", "no"])
    assert each["yes"]["specificity"] == each["no"]["recall"] == each["no"]["precision"] == 0
    assert each["no"]["f1_score"] == each["no"]["matthews_correlation_coefficient"] == 0


def test_no_rows_give_zeros():
    empty = np.zeros(0, np.int64)
    result = statistics.classification_statistics(empty, empty, LABELS)
    assert set(result["overall_stats"].values()) == {0.0}
    assert np.sum(result["confusion_matrix"]) == 0


def test_counts_of_a_large_split_do_not_overflow():
    matrix = np.array([[4_000_000_000, 1_000_000_000], [2_000_000_000, 3_000_000_000]])
    small = np.array([[4, 1], [2, 3]])
    expected = statistics.per_class_stats(small, ["a", "b"])["a"]["matthews_correlation_coefficient"]
    large = statistics.per_class_stats(matrix, ["a", "b"])["a"]["matthews_correlation_coefficient"]
    assert large == pytest.approx(expected)
    assert statistics.overall_stats(matrix) == pytest.approx(statistics.overall_stats(small))


def test_rows_of_no_known_class_are_left_out(rows):
    target, predicted = rows
    target[::4] = -1
    known = target >= 0
    expected = statistics.classification_statistics(target[known], predicted[known], LABELS)
    assert statistics.classification_statistics(target, predicted, LABELS) == expected


def test_binary_statistics_are_those_of_two_classes_and_curves(binary):
    truth, said, of_true = binary
    result = statistics.binary_statistics(truth, said, of_true, ["no", "yes"])
    assert set(result) == {"confusion_matrix", "overall_stats", "per_class_stats", *CURVES.split()}
    assert result["confusion_matrix"] == metrics.confusion_matrix(truth, said).tolist()
    assert list(result["per_class_stats"]) == ["no", "yes"]


def test_areas_and_average_precisions_are_those_of_sklearn(binary):
    truth, said, of_true = binary
    result = statistics.binary_statistics(truth, said, of_true, ["no", "yes"])
    one_hot, both = np.eye(2)[truth.astype(int)], np.stack([1 - of_true.astype(float), of_true], 1)
    for average in ("macro", "micro"):
        assert result[f"roc_auc_{average}"] == pytest.approx(metrics.roc_auc_score(one_hot, both, average=average))
    for average in ("macro", "micro", "samples"):
        expected = metrics.average_precision_score(one_hot, both, average=average)
        assert result[f"average_precision_{average}"] == pytest.approx(expected)


def test_curves_enclose_the_areas_of_sklearn(binary):
    truth, said, of_true = binary
    result = statistics.binary_statistics(truth, said, of_true, ["no", "yes"])
    roc = result["roc_curve"]
    area = metrics.auc(roc["false_positive_rate"], roc["true_positive_rate"])
    assert area == pytest.approx(metrics.roc_auc_score(truth, of_true))
    precisions, recalls, _ = metrics.precision_recall_curve(truth, of_true)
    curve = result["precision_recall_curve"]
    points = set(zip(curve["precisions"], curve["recalls"], strict=True))
    assert points <= set(zip(precisions.tolist(), recalls.tolist(), strict=True))
    assert set(curve["recalls"]) == set(recalls)


@pytest.mark.parametrize("truth", [np.zeros(5, bool), np.ones(5, bool), np.zeros(0, bool)])
def test_curves_are_left_out_where_one_class_is_alone(truth):
    result = statistics.binary_statistics(truth, truth, truth.astype(np.float32), ["no", "yes"])
    assert not set(CURVES.split()) & set(result)


def test_curves_are_left_out_where_a_probability_is_no_number(binary):
    truth, said, of_true = binary
    of_true[0] = math.nan
    assert not set(CURVES.split()) & set(statistics.binary_statistics(truth, said, of_true, ["no", "yes"]))


def test_statistics_are_ready_for_json(rows, binary):
    for result in (
        statistics.classification_statistics(*rows, LABELS),
        statistics.binary_statistics(*binary, ["False", "True"]),
    ):
        assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_brier_score_is_that_of_sklearn(classes):
    rng = np.random.default_rng(2)
    target, shares = rng.integers(0, classes, 150), rng.dirichlet(np.ones(classes), 150)
    expected = metrics.brier_score_loss(target, shares, labels=range(classes))
    found = statistics.classification_statistics(target, shares.argmax(1), LABELS * 2, shares)["overall_stats"]
    assert found["brier_score"] == pytest.approx(expected)


def test_a_binary_output_is_evaluated_by_its_probabilities_too(binary):
    truth, said, of_true = binary
    found = statistics.binary_statistics(truth, said, of_true, ["no", "yes"])["overall_stats"]
    assert found["brier_score"] == pytest.approx(metrics.brier_score_loss(truth, of_true.astype(float)))
    places = np.digitize(of_true.astype(float), np.arange(16) / 15, right=True)  # a bin has its upper bound
    gaps = [abs((truth[places == place] - of_true[places == place].astype(float)).sum()) for place in range(17)]
    assert found["expected_calibration_error"] == pytest.approx(sum(gaps) / 300)


def test_probabilities_of_rows_of_no_known_class_are_left_out(rows):
    target, predicted = rows
    shares = np.random.default_rng(3).dirichlet(np.ones(4), 200)
    target[::4] = -1
    shares[::4] = np.nan
    known = target >= 0
    expected = statistics.classification_statistics(target[known], predicted[known], LABELS, shares[known])
    assert statistics.classification_statistics(target, predicted, LABELS, shares) == expected
    assert "brier_score" in expected["overall_stats"]


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 5)], ids=["no rows", "not a number"])
def test_probabilities_that_are_not_finite_are_left_out(rows):
    target, shares = np.zeros(5, np.int64)[rows], np.full((5, 4), np.nan)[rows]
    assert not {"brier_score", "expected_calibration_error"} & set(
        statistics.classification_statistics(target, target, LABELS, shares)["overall_stats"]
    )


def test_statistics_of_sets_are_sklearns():
    rng = np.random.default_rng(1)
    target, predicted = rng.random((60, 4)) < 0.4, rng.random((60, 4)) < 0.5
    found = statistics.label_statistics(target, predicted, LABELS)
    expected = {
        "subset_accuracy": metrics.accuracy_score(target, predicted),
        "avg_f1_score_micro": metrics.f1_score(target, predicted, average="micro"),
        "avg_f1_score_macro": metrics.f1_score(target, predicted, average="macro"),
    }
    assert found["overall_stats"] == pytest.approx(expected)
    for place, label in enumerate(LABELS):
        of_label = found["per_class_stats"][label]
        assert of_label["precision"] == pytest.approx(metrics.precision_score(target[:, place], predicted[:, place]))
        assert of_label["recall"] == pytest.approx(metrics.recall_score(target[:, place], predicted[:, place]))


def test_there_are_no_statistics_of_no_sets():
    empty = np.zeros((0, 4), dtype=bool)
    assert statistics.label_statistics(empty, empty, LABELS) == {}
