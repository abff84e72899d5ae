import pytest

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting

# The metrics of each feature type; those that are named after a loss are LossMetric's.
EXPECTED = {
    "number": "mean_absolute_error mean_absolute_percentage_error mean_pinball_loss mean_squared_error r2 "
    "root_mean_squared_error root_mean_squared_percentage_error",
    "timeseries": "mean_absolute_error mean_absolute_percentage_error mean_absolute_scaled_error mean_pinball_loss "
    "mean_squared_error r2 root_mean_squared_error symmetric_mean_absolute_percentage_error",
    "vector": "mean_absolute_error mean_absolute_percentage_error mean_squared_error r2",
    "binary": "accuracy average_precision expected_calibration_error precision recall roc_auc specificity",
    "category": "accuracy accuracy_micro balanced_accuracy expected_calibration_error hits_at_k roc_auc",
    "category_distribution": "accuracy accuracy_micro balanced_accuracy hits_at_k roc_auc",
    "sequence": "edit_distance next_token_perplexity perplexity sequence_accuracy token_accuracy",
    "text": "edit_distance next_token_perplexity perplexity sequence_accuracy token_accuracy",
    "set": "jaccard",
}
ALL = [(name, kind) for kind, names in EXPECTED.items() for name in names.split()]


def test_every_feature_type_has_its_metrics():
    for kind, names in EXPECTED.items():
        assert METRICS.names(kind) == sorted(names.split())


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_errors_are_to_be_small_and_the_rest_large(name, kind):
    expected = "minimize" if any(word in name for word in ("error", "perplexity", "loss", "distance")) else "maximize"
    assert METRICS.get(name, kind).direction == expected


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_nothing_is_reported_of_no_rows(name, kind):
    metric = METRICS.get(name, kind)(Setting(classes=4))
    assert metric.compute() is None
    metric.merge(METRICS.get(name, kind)(Setting(classes=4)))
    assert metric.compute() is None
