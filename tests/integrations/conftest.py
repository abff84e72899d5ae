import logging

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback


class Breaks(Callback):
    """Ends a training with an error after some epochs."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, trainer, progress_tracker, save_path, **kwargs):
        if progress_tracker.epoch == self.epoch:
            raise RuntimeError("the disk is full")


@pytest.fixture
def breaks():
    return Breaks


@pytest.fixture
def config():
    return {
        "input_features": [{"name": "x ($)", "type": "number"}],
        "output_features": [{"name": "y", "type": "number"}],
        "trainer": {"batch_size": 16},
    }


@pytest.fixture
def train(tmp_path, config):
    """Trains on 60 rows, with callbacks; runs go to `tmp_path / "out"`."""
    x = np.linspace(-1, 1, 60)
    table = pd.DataFrame({"x ($)": x, "y": x})

    def trained(*callbacks, epochs=2, **keywords):
        whole = {**config, "trainer": {**config["trainer"], "epochs": epochs}}
        given = {"output_directory": str(tmp_path / "out"), "experiment_name": "trial", **keywords}
        model = LudwigModel(whole, logging_level=logging.WARNING, callbacks=list(callbacks))
        return model.train(dataset=table, skip_save_log=True, **given)

    return trained
