"""Ours against the work done by hand, in one run: CPU seconds on one thread, the median of interleaved repeats.

`python benchmarks/tabular.py [--quick] [--task number] [--repeats 5] [--only training]` prints a table of ratios with
their targets. Ours is called through the public API alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import by_hand
import pandas as pd
import pyarrow as pa
import torch
from tabulate import tabulate

from ludwig.api import LudwigModel

EVAL_BATCH_SIZE = 8192
NOTHING_SAVED = {
    f"skip_save_{what}": True
    for what in (
        *("training_description", "training_statistics", "model"),
        *("progress", "log", "processed_input"),
    )
}


@dataclasses.dataclass(frozen=True)
class Case:
    """What is measured: CPU seconds of ours, against those by hand or, where there are none, against a bound."""

    name: str
    ours: Callable[[], float]
    target: float  # a ratio, or milliseconds
    by_hand: Callable[[], float] | None = None


def seconds(work: Callable[[], Any], times: int = 1) -> float:
    """CPU seconds of one call, the mean of several."""
    gc.collect()
    begin = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begin) / times


def import_seconds(modules: str) -> float:
    """CPU seconds of a fresh interpreter that imports the modules."""
    code = f"import time, {modules}; print(time.process_time())"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def config(task: by_hand.Task, epochs: int = 1, batch_size: int = 1024, evaluated: bool = False) -> dict[str, Any]:
    """The same network, optimizer and split as by hand."""
    output: dict[str, Any] = {"name": by_hand.TARGET, "type": task}
    if task == "number":
        output["preprocessing"] = {"normalization": "zscore"}
    return {
        "input_features": [
            *({"name": name, "type": "number"} for name in by_hand.NUMBERS),
            *({"name": name, "type": "binary"} for name in by_hand.BINARIES),
            *({"name": name, "type": "category"} for name in by_hand.WORDS),
        ],
        "output_features": [output],
        "defaults": {
            "number": {"encoder": "passthrough", "preprocessing": {"normalization": "zscore"}},
            "category": {
                "encoder": {"type": "dense", "embedding_size": by_hand.EMBEDDING_SIZE},
                "preprocessing": {"min_count": 1},
            },
        },
        "combiner": {"type": "concat", "num_fc_layers": 2, "output_size": by_hand.OUTPUT_SIZE, "dropout": 0.0},
        "preprocessing": {"split": {"type": "random", "probabilities": list(by_hand.SHARES)}},
        "trainer": {
            "epochs": epochs,
            "batch_size": batch_size,
            "eval_batch_size": EVAL_BATCH_SIZE,
            "learning_rate": by_hand.LEARNING_RATE,
            "optimizer": {"type": "adamw", "weight_decay": 0.01},
            "gradient_clipping": {"clipglobalnorm": None},
            "skip_all_evaluation": not evaluated,
            "early_stop": -1,
        },
    }


class Bench:
    """The table, and both models trained on it for one epoch."""

    def __init__(self, rows: int, task: by_hand.Task, folder: Path) -> None:
        self.task, self.folder = task, folder
        self.table = by_hand.make_table(rows, task)
        self.csv, self.parquet = by_hand.write(self.table, folder)
        self.frame = self.table.slice(0, rows // 5).to_pandas()
        self.encoded = by_hand.read_and_encode_parquet(self.parquet, task)
        self.network = by_hand.Network(self.encoded.facts)
        self.optimizer = by_hand.optimizer_of(self.network)
        self.train_by_hand(1024, epochs=1)
        self.model = LudwigModel(config(task))
        self.data = self.model.preprocess(dataset=str(self.parquet))
        self.model.train(dataset=self.data, **NOTHING_SAVED)
        self.saved = str(folder / "saved")
        self.model.save(self.saved)

    def cases(self) -> Iterator[Case]:
        yield Case(
            "import ludwig.api, against torch and pandas",
            lambda: import_seconds("ludwig.api"),
            1.5,
            lambda: import_seconds("torch, pandas"),
        )
        yield Case("LudwigModel(config)", lambda: seconds(lambda: LudwigModel(config(self.task)), 3), 30)
        yield from self.preprocessing()
        for batch_size, target in ((128, 1.4), (1024, 1.15), (8192, 1.08)):
            yield self.training(batch_size, target)
        yield Case(
            "evaluate the validation split",
            lambda: seconds(lambda: self.model.evaluate(self.data, split="validation")),
            1.6,
            lambda: seconds(
                lambda: by_hand.evaluate(self.network, self.encoded.validation, EVAL_BATCH_SIZE, self.task)
            ),
        )
        yield from self.predicting()
        yield Case("train() on 100 rows, nothing saved", self.small_train, 100)
        yield Case("load a saved model", lambda: seconds(lambda: LudwigModel.load(self.saved)), 60)

    def preprocessing(self) -> Iterator[Case]:
        for name, path, read in (
            ("CSV", self.csv, by_hand.read_and_encode_csv),
            ("Parquet", self.parquet, by_hand.read_and_encode_parquet),
        ):
            yield Case(
                f"preprocess {name}",
                lambda path=path: seconds(lambda: LudwigModel(config(self.task)).preprocess(dataset=str(path))),
                3,
                lambda path=path, read=read: seconds(lambda: read(path, self.task)),
            )

    def training(self, batch_size: int, target: float, epochs: int = 2) -> Case:
        """What an epoch more costs, so that what every call of train() costs once drops out."""
        return Case(
            f"training, batches of {batch_size}",
            lambda: (self.train_ours(batch_size, 1 + epochs) - self.train_ours(batch_size, 1)) / epochs,
            target,
            lambda: self.train_by_hand(batch_size, epochs) / epochs,
        )

    def train_ours(self, batch_size: int, epochs: int) -> float:
        model = LudwigModel(config(self.task, epochs, batch_size))
        return seconds(lambda: model.train(dataset=self.data, **NOTHING_SAVED))

    def train_by_hand(self, batch_size: int, epochs: int) -> float:
        def epoch() -> None:
            by_hand.train_epoch(self.network, self.optimizer, self.encoded.train, batch_size, self.task)

        return seconds(epoch, epochs) * epochs

    def predicting(self) -> Iterator[Case]:
        def ours() -> pd.DataFrame:
            return self.model.predict(self.frame, batch_size=EVAL_BATCH_SIZE)[0]

        def hand() -> pd.DataFrame:
            return by_hand.predict_to_dataframe(
                self.network, self.encoded.facts, self.frame, EVAL_BATCH_SIZE, self.task
            )

        one = {name: [value] for name, value in self.frame.iloc[0].items()}
        yield Case(f"predict {len(self.frame):,} rows to a DataFrame", lambda: seconds(ours), 2, lambda: seconds(hand))
        yield Case("predict one row", lambda: seconds(lambda: self.model.predict(one), 20), 3)

    def small_train(self) -> float:
        model, table = LudwigModel(config(self.task, evaluated=True)), self.frame.head(100)
        return seconds(lambda: model.train(dataset=table, **NOTHING_SAVED))


def measure(case: Case, repeats: int) -> list[str]:
    """A line of the table: ours and by hand in turn, so that a busy machine slows both."""
    pairs = [(case.ours(), case.by_hand() if case.by_hand else 0.001) for _ in range(repeats)]
    ours, hand = (statistics.median(column) for column in zip(*pairs, strict=True))
    value = statistics.median(one / other for one, other in pairs)
    unit = "x" if case.by_hand else " ms"
    by_hand_text = f"{hand * 1000:,.1f} ms" if case.by_hand else ""
    verdict = "ok" if value <= case.target else "MISSED"
    return [case.name, f"{ours * 1000:,.1f} ms", by_hand_text, f"{value:.2f}{unit}", f"{case.target:g}{unit}", verdict]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50,000 rows in place of 1,000,000")
    parser.add_argument("--task", choices=["binary", "number"], default="binary", help="the type of the target")
    parser.add_argument("--repeats", type=int, default=5, help="how often each pair is measured")
    parser.add_argument("--only", default="", help="only the cases whose name has this in it")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(50_000 if arguments.quick else 1_000_000, arguments.task, Path(folder))
        cases = [case for case in bench.cases() if arguments.only in case.name]
        lines = [measure(case, arguments.repeats) for case in cases]
    print(tabulate(lines, headers=["what", "ours", "by hand", "ratio", "target", ""], disable_numparse=True))


if __name__ == "__main__":
    main()
