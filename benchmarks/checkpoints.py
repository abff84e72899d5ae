"""What a checkpoint costs against one safetensors file with the same bytes, both flushed to the disk, in one run.

`python benchmarks/checkpoints.py [--folder .] [--repeats 7]`. Wall clock, since most of it is spent in the disk; the
median of the ratios of interleaved pairs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tabulate import tabulate

from ludwig.training import checkpoints
from ludwig.training.checkpoints import LATEST, Checkpoint
from ludwig.training.progress import Progress

MEGABYTES = (1, 50, 500)
TENSORS = 12
TARGET = 2.0


def state_of(megabytes: int) -> Checkpoint:
    """Weights, and for each two moments of Adam."""
    numbers = megabytes * 2**20 // 4 // TENSORS // 3
    weights = {f"layer.{place}.weight": torch.randn(numbers) for place in range(TENSORS)}
    moments = {place: {"exp_avg": torch.randn(numbers), "exp_avg_sq": torch.rand(numbers)} for place in range(TENSORS)}
    progress = Progress(batch_size=128, steps_per_epoch=100, total_steps=1000, learning_rate=0.001)
    return Checkpoint(weights, progress, {"state": moments}, checkpoints.random_state(torch.device("cpu")))


def write_by_hand(checkpoint: Checkpoint, path: Path) -> None:
    assert checkpoint.optimizer is not None
    moments = checkpoint.optimizer["state"].items()
    flat = {f"{place}.{name}": value for place, state in moments for name, value in state.items()}
    save_file({**checkpoint.weights, **flat}, path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(megabytes: int, folder: Path, repeats: int) -> list[str]:
    checkpoint = state_of(megabytes)
    ours, by_hand = [], []
    for _ in range(repeats + 1):
        ours.append(seconds(lambda: checkpoints.save(folder, LATEST, checkpoint)))
        by_hand.append(seconds(lambda: write_by_hand(checkpoint, folder / "by_hand.safetensors")))
    ratio = statistics.median(one / other for one, other in zip(ours[1:], by_hand[1:], strict=True))
    times = [f"{statistics.median(each[1:]) * 1000:,.1f} ms" for each in (ours, by_hand)]
    return [f"{megabytes} MB", *times, f"{ratio:.2f}x", f"{TARGET:g}x", "ok" if ratio <= TARGET else "MISSED"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=".", help="a folder on the disk that is to be measured")
    parser.add_argument("--repeats", type=int, default=7, help="how often each pair is measured")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        lines = [measure(megabytes, Path(folder), arguments.repeats) for megabytes in MEGABYTES]
    print(tabulate(lines, headers=["checkpoint", "ours", "by hand", "ratio", "target", ""], disable_numparse=True))


if __name__ == "__main__":
    main()
