"""Language models are cross-validated as all others are."""

from __future__ import annotations

import functools
import logging

import numpy as np
import pytest

from ludwig.api import kfold_cross_validate

ONE_EPOCH = {"type": "finetune", "epochs": 1, "batch_size": 8, "learning_rate": 0.01}
folds_of = functools.partial(
    kfold_cross_validate, 2, logging_level=logging.ERROR, collect_out_of_fold_predictions=True, skip_save_log=True
)


@pytest.mark.slow
def test_a_fine_tuned_model_a_fold(declared, table, tmp_path):
    statistics, indices = folds_of(declared(trainer=ONE_EPOCH), table, output_directory=str(tmp_path))
    assert statistics["overall"]["a"]["loss_mean"] == np.mean(
        [statistics[name]["fold_eval_stats"]["a"]["loss"] for name in indices]
    )
    assert len(statistics["out_of_fold_predictions"]) == len(table)
    assert (
        sorted(path.name for path in tmp_path.rglob("adapter_model.safetensors")) == ["adapter_model.safetensors"] * 2
    )


def test_zero_shot_each_fold_is_evaluated(declared, table, tmp_path, recwarn):
    config = declared(adapter=None, trainer={"type": "none"})
    statistics, _ = folds_of(config, table, output_directory=str(tmp_path), fold_type="stratified", fold_column="a")
    assert set(statistics["fold_2"]["fold_eval_stats"]["a"]) > {"loss"}
    assert statistics["out_of_fold_predictions"]["a_predictions"].notna().all()
