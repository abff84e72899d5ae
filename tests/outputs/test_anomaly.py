"""Anomaly outputs: labels, losses, metrics, the threshold, and a one-class task."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics

from ludwig.api import LudwigModel
from ludwig.decoders import DECODERS
from ludwig.losses import LOSSES
from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal

VECTOR = Shape("vector", 4)
SCORES, LABELS = torch.tensor([0.2, 2.0, 0.5, 3.0]), torch.tensor([0, 1, -1, 1], dtype=torch.int8)


def test_labels_are_zero_one_and_unknown(built):
    _, target = built("anomaly", [0, "1", -1, None, True, "Normal", 1.0, ""], VECTOR)
    assert target.tolist() == [0, 1, -1, -1, 1, 0, 1, -1]


def test_losses_follow_their_formulas():
    def of(name: str, scores: torch.Tensor = SCORES, **options: float):
        loss = LOSSES.get(name, "anomaly").Config(**options).build(())
        return loss.rows(scores, LABELS, scores).detach(), loss.row_weights(LABELS)

    rows, weights = of("deep_sad", eta=3.0)
    np.testing.assert_allclose(rows, [0.2, 0.5, 0.5, 1 / 3], rtol=1e-4)
    assert weights.tolist() == [3, 3, 1, 3]
    rows, weights = of("deep_svdd", nu=0.5)
    boundary = np.log1p(np.exp(-5))
    np.testing.assert_allclose(rows, boundary + (SCORES.numpy() - boundary) / 0.5, rtol=1e-4)
    assert weights.tolist() == [1, 0, 1, 0]
    rows, weights = of("drocc", torch.stack([SCORES, SCORES + 1], 1))
    np.testing.assert_allclose(rows, SCORES.numpy() - np.log(1 - np.exp(-SCORES.numpy() - 1)), rtol=1e-4)
    assert weights.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_are_sklearns_over_labelled_rows(weighted):
    draw = np.random.default_rng(0)
    scores, labels = draw.integers(0, 9, 60) / 9, draw.integers(-1, 2, 60)
    weights = draw.integers(1, 4, 60) if weighted else np.ones(60)
    there, found = labels >= 0, {}
    for name in ("anomaly_auroc", "f1_max"):
        metric = METRICS.get(name, "anomaly")(Setting())
        for part in np.array_split(np.arange(60), 3):
            prediction = Prediction(torch.tensor(scores[part]), torch.empty(20, 0))
            metric.update(prediction, torch.tensor(labels[part]), torch.tensor(weights[part]) if weighted else None)
        found[name] = metric.compute()
    scores, labels, weights = scores[there], labels[there], weights[there]
    assert found["anomaly_auroc"] == pytest.approx(metrics.roc_auc_score(labels, scores, sample_weight=weights))
    each = [metrics.f1_score(labels, scores >= level, sample_weight=weights) for level in np.unique(scores)]
    assert found["f1_max"] == pytest.approx(max(each))


def test_the_centre_is_the_mean_of_the_first_batch_and_stays():
    torch.manual_seed(0)
    decoder = DECODERS.get("anomaly", "anomaly").Config().build(VECTOR, 1)
    first, second = torch.randn(8, 4), torch.randn(8, 4) + 3
    image = (first @ decoder.linear.weight.T).detach()
    decoder(Signal.vector(first))
    mean = image.mean(0)
    away = torch.where(mean < 0, -1.0, 1.0) * mean.abs().clamp_min(0.1 * mean.abs().mean())
    torch.testing.assert_close(decoder.center, away)
    scores = decoder(Signal.vector(first)).known_logits.detach()
    assert float(scores.mean()) == pytest.approx(1, rel=1e-5)
    decoder(Signal.vector(second))
    torch.testing.assert_close(decoder.center, away)
    assert [name for name, _ in decoder.named_parameters() if "bias" in name] == []


def test_perturbed_vectors_look_more_normal_and_lie_as_far_away_as_set():
    torch.manual_seed(0)
    decoder = DECODERS.get("anomaly", "anomaly").Config().build(VECTOR, 1)
    signal = Signal.vector(torch.randn(8, 4) + 1)
    before = decoder(signal).known_logits
    assert (decoder.perturbed(signal, 0.2, 5) < before).all()
    torch.testing.assert_close(decoder.perturbed(signal, 0.0, 5), before)


def curve(rows: int, seed: int, share: float) -> pd.DataFrame:
    """Points on a curve in space, and anomalies anywhere around it."""
    draw = np.random.default_rng(seed)
    is_odd, place = draw.random(rows) < share, draw.uniform(-3, 3, rows)
    points = np.stack([place, np.sin(place) * 2, place**2 / 3 - 1], 1) + draw.normal(0, 0.15, (rows, 3))
    points[is_odd] = draw.uniform(-3, 3, (is_odd.sum(), 3))
    return pd.DataFrame({**dict(zip("abc", points.T, strict=True)), "odd": is_odd.astype(int)})


@pytest.mark.parametrize("loss", ["deep_svdd", "deep_sad", "drocc"])
def test_anomalies_are_found_though_training_has_none_and_a_reload_predicts_the_same(loss, tmp_path):
    model = LudwigModel(
        {
            "input_features": [{"name": name, "type": "number"} for name in "abc"],
            "output_features": [{"name": "odd", "type": "anomaly", "loss": loss, "threshold_percentile": 90}],
            "trainer": {"train_steps": 100},
        }
    )
    results = model.train(curve(800, 0, 0.0).assign(odd=-1), output_directory=str(tmp_path))
    new = curve(400, 1, 0.2)
    stats, found, _ = model.evaluate(new, collect_predictions=True)
    assert stats["odd"]["anomaly_auroc"] > 0.9  # 0.5 by chance
    assert metrics.roc_auc_score(new.odd, found.odd_anomaly_score) == pytest.approx(stats["odd"]["anomaly_auroc"])
    assert found.odd_predictions[new.odd == 0].mean() < 0.25
    assert found.odd_predictions[new.odd == 1].mean() > 0.7
    again = LudwigModel.load(f"{results.output_directory}/model").predict(new[["a", "b", "c"]])[0]
    pd.testing.assert_frame_equal(again, model.predict(new[["a", "b", "c"]])[0])
    assert {*again} == {"odd_anomaly_score", "odd_predictions"}
    assert len(model.predict(new[:1])[0]) == 1
