"""Several processes end with the weights of one process on the same batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ludwig.runtime.distributed import ALONE, workers_of
from tests.runtime.run_of_workers import CASES, OTHERS
from tests.runtime.torchrun import run_workers

SCRIPT = Path(__file__).with_name("run_of_workers.py")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    """One process with batches of 16 rows, and two with batches of 8."""
    root = tmp_path_factory.mktemp("workers")
    run_workers(SCRIPT, 1, root / "one", 16)
    run_workers(SCRIPT, 2, root / "two", 8)
    return root / "one", root / "two"


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_two_workers_train_what_one_trains(folders, case):
    one, two = folders
    alone, main, other = (load_file(path) for path in (one / f"{case}_alone", two / f"{case}_0", two / f"{case}_1"))
    for name, weight in alone.items():
        torch.testing.assert_close(main[name], weight, rtol=1e-4, atol=1e-5)
        assert torch.equal(main[name], other[name])


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_metrics_are_those_of_all_rows(folders, case):
    one, two = folders
    alone, main, other = (
        json.loads(path.read_text())[case]
        for path in (one / "stats_alone.json", two / "stats_0.json", two / "stats_1.json")
    )
    assert main == other
    for split, outputs in alone.items():
        assert list(main[split]) == list(outputs)
        for output, metrics in outputs.items():
            for metric, values in metrics.items():
                assert main[split][output][metric] == pytest.approx(values, rel=1e-3, abs=1e-5), (split, metric)


@pytest.mark.slow
def test_one_worker_writes(folders):
    _, two = folders
    names = sorted(path.name for path in (two / "runs").iterdir())
    assert names == sorted(f"{case}_run" for case in [*CASES, *OTHERS, "stopped_plain", "stopped_shards"])


@pytest.mark.slow
@pytest.mark.parametrize("case", OTHERS)
def test_workers_stay_together(folders, case):
    _, two = folders
    main, other = load_file(two / f"{case}_0"), load_file(two / f"{case}_1")
    assert all(torch.equal(weight, other[name]) for name, weight in main.items())
    stats = [json.loads((two / f"stats_{rank}.json").read_text())[case] for rank in (0, 1)]
    assert stats[0] == stats[1]


@pytest.mark.slow
@pytest.mark.parametrize("case", ["plain", "shards"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_run_of_several_that_is_stopped_goes_on_as_if_it_had_not(folders, place, case):
    folder = folders[place]
    rank = ("alone", "0")[place]
    straight, resumed = load_file(folder / f"{case}_{rank}"), load_file(folder / f"stopped_{case}_{rank}")
    assert all(torch.equal(weight, resumed[name]) for name, weight in straight.items())
    stats = json.loads((folder / f"stats_{rank}.json").read_text())
    assert stats[f"stopped_{case}"] == stats[case]


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_processes_with_rows_of_their_own_find_the_metrics_of_all_rows(folders, parallel):
    _, two = folders
    main, other = (json.loads((two / f"stats_{rank}.json").read_text())[f"own_rows_{parallel}"] for rank in (0, 1))
    assert main == other
    for metric, value in main["expected"]["y"].items():
        assert main["found"]["y"][metric] == pytest.approx(value, rel=1e-5), metric
    assert main["calibration"]["y"]["rows"] == main["validation_rows"]  # in both processes


@pytest.mark.slow
def test_elementwise_optimizers_move_shards_as_they_move_whole_weights(folders):
    _, two = folders
    differences = json.loads((two / "stats_0.json").read_text())["optimizers"]
    assert {"adam", "adamw", "sgd", "adagrad", "rmsprop"} <= differences.keys()
    assert all(difference < 1e-6 for difference in differences.values()), differences


def test_a_process_that_nobody_started_with_others_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert workers_of(torch.device("cpu")) is ALONE
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert workers_of(torch.device("cpu")) is ALONE
    assert (ALONE.rank, ALONE.count, ALONE.is_main) == (0, 1, True)
    tensors = [torch.ones(2)]
    ALONE.all_reduce_sum(tensors)
    assert tensors[0].tolist() == [1, 1]
    assert (ALONE.gather(3), ALONE.broadcast(4)) == ([3], 4)
