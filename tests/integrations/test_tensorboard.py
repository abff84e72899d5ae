import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel

pytest.importorskip("tensorboard")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_logs_hold_the_loss_of_each_step_and_the_metrics_of_each_evaluation(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    x = np.linspace(-1, 1, 60)
    config = {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "y", "type": "number"}],
        "trainer": {"epochs": 3, "batch_size": 16},
    }
    results = LudwigModel(config).train(dataset=pd.DataFrame({"x": x, "y": x}), output_directory=str(tmp_path))
    logs = {}
    for split in ("training", "validation", "test"):
        events = EventAccumulator(f"{results.output_directory}/model/logs/{split}").Reload()
        logs[split] = {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    steps = 3 * 3  # 42 rows in batches of 16
    assert len(logs["training"]["combined/step_training_loss"]) == steps
    assert len(logs["training"]["y/step_training_loss"]) == steps
    assert logs["training"]["combined/step_learning_rate"] == pytest.approx([0.0015] * steps)
    norms = logs["training"]["combined/step_gradient_norm"]
    assert len(norms) == steps and min(norms) > 0
    assert logs["validation"]["y/epoch_loss"] == pytest.approx(results.train_stats.validation["y"]["loss"])
    assert logs["test"]["y/epoch_r2"] == pytest.approx(results.train_stats.test["y"]["r2"])
