"""A language model whose weights lie in shards on several processes (FSDP2) learns what it learns whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.models.llm.run_of_workers import ADAPTERS, run
from tests.runtime.torchrun import run_workers

pytest.importorskip("peft")
SCRIPT = Path(__file__).with_name("run_of_workers.py")


@pytest.fixture(scope="module")
def folders(tmp_path_factory, base_model) -> tuple[Path, Path]:
    """This process with batches of 4 rows, and two with batches of 2."""
    root = tmp_path_factory.mktemp("sharded")
    (root / "one").mkdir()
    run(root / "one", base_model, 4)
    run_workers(SCRIPT, 2, root / "two", base_model, 2)
    return root / "one", root / "two"


@pytest.mark.slow
@pytest.mark.parametrize("case", ADAPTERS)
def test_shards_train_what_the_whole_trains(folders, case):
    one, two = folders
    alone, main, other = (load_file(path) for path in (one / f"{case}_alone", two / f"{case}_0", two / f"{case}_1"))
    assert alone.keys() == main.keys()
    for name, weight in alone.items():
        torch.testing.assert_close(main[name], weight, rtol=1e-4, atol=1e-5)
        assert torch.equal(main[name], other[name])


@pytest.mark.slow
@pytest.mark.parametrize("case", ADAPTERS)
def test_generated_texts_and_metrics_are_those_of_one_process(folders, case):
    one, two = folders
    alone, main, other = (
        json.loads(path.read_text())[case]
        for path in (one / "found_alone.json", two / "found_0.json", two / "found_1.json")
    )
    assert main == other
    assert main["texts"] == alone["texts"]
    for split in ("validation", "test"):
        for metric, values in alone[split]["a"].items():
            assert main[split]["a"][metric] == pytest.approx(values, rel=1e-3, abs=1e-5), (split, metric)
