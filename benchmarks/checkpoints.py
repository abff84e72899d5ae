"""A checkpoint against the library's `save_file` of the same tensors, in one run: the median of interleaved repeats.

`python benchmarks/checkpoints.py [--quick] [--folder /tmp] [--repeats 9]` prints a table of ratios with their targets.
Both sides bring what they write to the disk, so seconds are of the wall clock here: most of them are spent waiting.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tabulate import tabulate
from torch import Tensor

from ludwig.training import checkpoints
from ludwig.training.checkpoints import LATEST, Checkpoint
from ludwig.training.progress import Progress

WIDEST = 1_000_000  # numbers in a tensor


@dataclasses.dataclass(frozen=True)
class State:
    """What a run with Adam has: its weights, and two means of each."""

    weights: dict[str, Tensor]
    adam: dict[int, dict[str, Tensor]]

    @staticmethod
    def of(megabytes: int) -> State:
        numbers = megabytes * 250_000 // 3
        tensors = -(-numbers // WIDEST)
        weights = {f"layers.{place}.weight": torch.randn(numbers // tensors) for place in range(tensors)}
        means = [
            {"step": torch.tensor(1.0), "exp_avg": torch.randn_like(weight), "exp_avg_sq": torch.rand_like(weight)}
            for weight in weights.values()
        ]
        return State(weights, dict(enumerate(means)))

    def checkpoint(self) -> Checkpoint:
        progress = Progress(batch_size=128, steps_per_epoch=10, total_steps=100, learning_rate=0.001)
        return Checkpoint(self.weights, progress, {"state": self.adam}, {"cpu": torch.get_rng_state()})

    def save_by_hand(self, folder: Path) -> None:
        """The tensors alone: no hashes, no progress, nothing kept of the one before, half of it after a crash."""
        flat = {f"{place}.{name}": mean for place, means in self.adam.items() for name, mean in means.items()}
        for name, tensors in (("weights.safetensors", self.weights), ("adam.safetensors", flat)):
            save_file(tensors, folder / name)
            with (folder / name).open("rb+") as file:
                os.fsync(file.fileno())

    @staticmethod
    def load_by_hand(folder: Path) -> list[Tensor]:
        files = [load_file(folder / name) for name in ("weights.safetensors", "adam.safetensors")]
        return [tensor.clone() for file in files for tensor in file.values()]


def seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def line(name: str, target: float, ours: Callable[[], Any], by_hand: Callable[[], Any], repeats: int) -> list[str]:
    """A line of the table: ours and by hand in turn, so that a busy disk slows both."""
    for _ in range(3):  # until there are a latest one, one before, and one to remove
        ours(), by_hand()
    pairs = [(seconds(ours), seconds(by_hand)) for _ in range(repeats)]
    mine, hand = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    verdict = "ok" if ratio <= target else "MISSED"
    return [name, f"{mine:,.1f} ms", f"{hand:,.1f} ms", f"{ratio:.2f}x", f"{target:g}x", verdict]


def lines(megabytes: int, folder: Path, repeats: int) -> list[list[str]]:
    ours, by_hand, state = folder / "ours", folder / "by_hand", State.of(megabytes)
    ours.mkdir()
    by_hand.mkdir()
    checkpoint = state.checkpoint()
    return [
        line(
            f"save {megabytes} MB",
            2.0,
            lambda: checkpoints.save(ours, LATEST, checkpoint),
            lambda: state.save_by_hand(by_hand),
            repeats,
        ),
        line(
            f"load {megabytes} MB, the hashes checked",
            3.0,  # once in a run
            lambda: checkpoints.load_latest(ours),
            lambda: state.load_by_hand(by_hand),
            repeats,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1 and 50 MB alone")
    parser.add_argument("--folder", default=None, help="where to write, by default the folder for temporary files")
    parser.add_argument("--repeats", type=int, default=9, help="how often each pair is measured")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = []
    for megabytes in (1, 50) if arguments.quick else (1, 50, 500):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            rows += lines(megabytes, Path(folder), arguments.repeats)
    print(tabulate(rows, headers=["what", "ours", "by hand", "ratio", "target", ""], disable_numparse=True))


if __name__ == "__main__":
    main()
