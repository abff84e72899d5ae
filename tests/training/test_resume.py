"""A run that dies and is resumed ends as the run that never died, bit for bit."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel, TrainingResults
from ludwig.callbacks import Callback
from ludwig.error import ArtifactError, LudwigWarning
from ludwig.training import checkpoints
from ludwig.training.save_times import SaveTimes

QUICK = {"skip_save_log": True, "skip_save_training_statistics": True}  # files that no resumed run reads


@pytest.fixture(autouse=True, scope="module")
def every_evaluation_is_saved():
    """Otherwise runs this short save their last state only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SaveTimes, "is_due", lambda self: True)
        yield


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=150)
    noisy = x + 0.3 * draw.normal(size=150)
    return pd.DataFrame(
        {"x": x, "c": draw.choice(list("abc"), 150), "y": np.where(noisy > 0, "p", "q"), "z": 2 * x + 1}
    )


def model(optimizer: str, accumulation: int = 1, **options: object) -> LudwigModel:
    category = {"name": "c", "type": "category", "encoder": {"type": "dense", "dropout": 0.2}}
    trainer = {"epochs": 4, "batch_size": 16, "optimizer": optimizer, "learning_rate": 0.01}
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}, category],
            "output_features": [{"name": "y", "type": "category"}, {"name": "z", "type": "number"}],
            "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 16, "dropout": 0.3},
            "trainer": {**trainer, "gradient_accumulation_steps": accumulation, **options},
        }
    )


class Dies(Callback):
    """Ends the process, or the training, after a step."""

    def __init__(self, step: int, how: str) -> None:
        self.step, self.how = step, how

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        if progress_tracker.steps == self.step:
            signals = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
            os.kill(os.getpid(), signals[self.how])


CASES = [
    ("adam", 1, 17, "kill"),
    ("adam", 1, 9, "interrupt"),
    ("lbfgs", 1, 17, "kill"),
    ("sgd", 2, 16, "terminate"),
    ("muon", 3, 3, "kill"),
]
STATUSES = {  # Python ends by SIGINT, which shells show as 130
    "kill": -signal.SIGKILL,
    "interrupt": -signal.SIGINT,
    "terminate": 128 + signal.SIGTERM,
}


def runs_that_die(folder: Path) -> None:
    """A run for each case, in a child of this process; prints the status that each of them ends with."""
    SaveTimes.is_due = lambda self: True
    model("adam").train(dataset=table(), output_directory=None)  # imports for all what torch imports at a first step
    for optimizer, accumulation, step, how in CASES:
        child = os.fork()
        if child == 0:
            out = {"output_directory": str(folder), "experiment_name": f"{optimizer}_{how}"}
            model(optimizer, accumulation).train(dataset=table(), callbacks=[Dies(step, how)], **out, **QUICK)
            os._exit(1)  # it lived on
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the runs of all cases left."""
    folder = tmp_path_factory.mktemp("dead")
    code = (
        f"import pathlib, sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.training.test_resume import runs_that_die\n"
        f"runs_that_die(pathlib.Path({str(folder)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert [*map(int, done.stdout.split())] == [STATUSES[how] for *_, how in CASES], done.stderr
    return folder


def weights(one: LudwigModel) -> dict[str, torch.Tensor]:
    return dict(one.collect_weights())


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "accumulation", "how"), [(each[0], each[1], each[3]) for each in CASES])
def test_a_resumed_run_equals_the_straight_one(optimizer, accumulation, how, dead, tmp_path):
    straight = model(optimizer, accumulation)
    expected = straight.train(dataset=table(), output_directory=None)
    resumed = model(optimizer, accumulation)
    run = str(shutil.copytree(dead / f"{optimizer}_{how}_run", tmp_path / "run"))
    found = resumed.train(dataset=table(), model_resume_path=run, **QUICK)
    ours, theirs = weights(resumed), weights(straight)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert found.train_stats.training == expected.train_stats.training
    assert found.train_stats.validation == expected.train_stats.validation
    assert found.output_directory == run


def random_points(count: int, last: int, seed: int) -> list[int]:
    return sorted(np.random.default_rng(seed).choice(np.arange(1, last), count, replace=False).tolist())


MANNERS = {  # each with all state that it carries from step to step
    "adam": {},
    "sgd": {"optimizer": {"type": "sgd", "momentum": 0.9}, "gradient_accumulation_steps": 3},
    "adamw": {"optimizer": {"type": "adamw", "weight_decay": 0.1}, "no_weight_decay": ["biases"]},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate_scheduler": {"decay": "cosine", "warmup_fraction": 0.2}},
    "lbfgs": {"optimizer": {"type": "lbfgs", "max_iter": 4}},
    "muon": {"optimizer": "muon", "gradient_accumulation_steps": 2},
    "adafactor": {"optimizer": "adafactor"},
    "schedule-free": {"optimizer": "schedule_free_adamw"},
    "8 bit": {"optimizer": "adam_8bit"},
    "running mean": {"ema_decay": 0.9},
    "soup": {"model_soup": "greedy", "model_soup_top_k": 2},
    "growing batches": {"increase_batch_size_on_plateau": 2, "increase_batch_size_on_plateau_patience": 1},
    "plateaus": {"learning_rate_scheduler": {"reduce_on_plateau": 2, "reduce_on_plateau_patience": 1}},
    "balanced": {"loss_balancing": "famo", "gradient_accumulation_steps": 2},
    "clean pass": {"evaluate_training_set": True, "steps_per_checkpoint": 3},
    "no evaluation": {"skip_all_evaluation": True},
    "modality dropout": {"modality_dropout": 0.4},
}


def trained(manner: str, **train: object) -> tuple[LudwigModel, object]:
    one = model("adam")
    options = {**one.config["trainer"], "learning_rate": 0.05, **MANNERS[manner]}
    one.config = {**one.config, "trainer": options}
    return one, one.train(dataset=table(), **QUICK, **train).train_stats


@pytest.mark.slow
@pytest.mark.parametrize("manner", MANNERS)
def test_a_run_that_is_stopped_anywhere_goes_on_as_if_it_had_not(manner, tmp_path):
    straight, expected = trained(manner, output_directory=None)
    for step in random_points(2, 26, seed=[*MANNERS].index(manner)):
        out = {"output_directory": str(tmp_path), "experiment_name": str(step)}
        with pytest.raises(KeyboardInterrupt, match="saved as far as it went"):
            trained(manner, callbacks=[Dies(step, "interrupt")], **out)
        resumed, found = trained(manner, model_resume_path=str(tmp_path / f"{step}_run"))
        ours, theirs = weights(resumed), weights(straight)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs), step
        assert dict(found) == dict(expected), step


def test_more_epochs_go_on_where_the_run_ended(tmp_path):
    first = model("adam")
    results = first.train(dataset=table(), output_directory=str(tmp_path), **QUICK)
    longer = model("adam")
    longer.config = {**longer.config, "trainer": {**longer.config["trainer"], "epochs": 6}}
    more = longer.train(dataset=table(), model_resume_path=results.output_directory, **QUICK)
    before, after = results.train_stats.training["z"]["loss"], more.train_stats.training["z"]["loss"]
    assert after[:4] == before
    assert len(after) == 6


def test_an_interrupted_run_leaves_a_model_that_loads(dead):
    run = dead / "adam_interrupt_run"
    for file in ("training_report.json", "training_statistics.json"):
        if (run / file).exists():  # statistics are skipped by QUICK
            assert json.loads((run / file).read_text())["stop_reason"] == "interrupted"
    assert (run / "training_report.json").exists()
    with pytest.warns(LudwigWarning, match="was interrupted, and these are its best weights .* from_checkpoint=True"):
        loaded = LudwigModel.load(str(run / "model"))
    assert len(loaded.predict(table())[0]) == 150
    LudwigModel.load(str(run / "model"), from_checkpoint=True)


def test_a_run_without_a_checkpoint_begins_anew(tmp_path):
    (tmp_path / "run").mkdir()
    one, two = model("adam"), model("adam")
    found = one.train(dataset=table(), model_resume_path=str(tmp_path / "run"), **QUICK)
    assert found.train_stats.training == two.train(dataset=table(), output_directory=None).train_stats.training
    new = model("adam").train(
        dataset=table(), model_resume_path=str(tmp_path / "none"), output_directory=str(tmp_path), **QUICK
    )
    assert Path(new.output_directory) == tmp_path / "api_experiment_run"


@pytest.fixture
def unfinished(monkeypatch) -> None:
    """Runs keep what they keep until their end, as if they died just before."""
    monkeypatch.setattr(checkpoints, "conclude", lambda folder, conclusion: None)


@pytest.fixture
def folder(tmp_path, unfinished) -> Path:
    model("adam").train(dataset=table(), output_directory=str(tmp_path), **QUICK)
    return tmp_path / "api_experiment_run" / "model" / "training_checkpoints"


def test_a_damaged_checkpoint_falls_back_to_the_one_before(folder, caplog):
    whole = checkpoints.load_latest(folder)
    (folder / "latest.ckpt" / "weights.safetensors").write_bytes(b"damaged")
    before = checkpoints.load_latest(folder)
    assert before.progress.steps < whole.progress.steps
    assert "is damaged: weights.safetensors" in caplog.text
    (folder / "previous.ckpt" / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match="No checkpoint in .* can be loaded"):
        checkpoints.load_latest(folder)


def test_a_run_that_died_while_a_checkpoint_took_its_name_is_found(folder):
    whole = checkpoints.load_latest(folder)
    (folder / "latest.ckpt").rename(folder / "incoming.ckpt")
    assert checkpoints.load_latest(folder).progress == whole.progress


def test_there_may_be_no_checkpoint(tmp_path):
    assert checkpoints.load_latest(tmp_path) is None


def resumed(run: str) -> tuple[LudwigModel, TrainingResults]:
    """The run with two more epochs."""
    longer = model("adam")
    longer.logging_level = logging.WARNING
    longer.config = {**longer.config, "trainer": {**longer.config["trainer"], "epochs": 6}}
    return longer, longer.train(dataset=table(), model_resume_path=run, **QUICK)


@pytest.mark.parametrize("saves", [{}, {"skip_save_model": True}])
@pytest.mark.parametrize("is_over", [False, True])
def test_a_run_whose_best_weights_are_lost_looks_for_the_best_anew(tmp_path, caplog, request, saves, is_over):
    if not is_over:
        request.getfixturevalue("unfinished")
    run = model("adam").train(dataset=table(), output_directory=str(tmp_path), **QUICK, **saves).output_directory
    best = Path(run) / "model" / "training_checkpoints" / "best.ckpt" / "weights.safetensors"
    if best.exists():
        best.write_bytes(b"damaged")
    elif not saves:
        trained_otherwise = model("adam", learning_rate=0.1)
        trained_otherwise.train(dataset=table(), output_directory=None)
        trained_otherwise.save(str(Path(run) / "model"))
    longer, results = resumed(run)
    assert len(results.train_stats.validation["z"]["loss"]) == 6
    assert "The best model is selected anew" in caplog.text
    reported = longer.evaluate(results.preprocessed_data.validation_set)[0]["y"]["accuracy"]
    assert reported == pytest.approx(max(results.train_stats.validation["y"]["accuracy"][4:]))


def test_a_run_that_is_over_leaves_the_model_and_one_state_to_go_on_from(tmp_path, caplog):
    straight = model("adam", epochs=6)
    straight.train(dataset=table(), output_directory=None)
    run = model("adam").train(dataset=table(), output_directory=str(tmp_path), **QUICK).output_directory
    folder = Path(run) / "model" / "training_checkpoints"
    assert sorted(entry.name for entry in folder.iterdir()) == ["finished.json", "latest.ckpt"]
    longer, _ = resumed(run)
    assert caplog.text == ""
    assert all(torch.equal(weights(longer)[name], weight) for name, weight in weights(straight).items())
    assert sorted(entry.name for entry in folder.iterdir()) == ["finished.json", "latest.ckpt"]
