"""What the work costs at least: a tabular task done with pyarrow, numpy and plain torch, and nothing beside it.

`python benchmarks/by_hand.py [rows]` prints the CPU seconds of each part on one thread.

N = rows, B = rows of a batch, F = number and binary columns, C = category columns, V = words of all category columns
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Task = Literal["binary", "number"]

NUMBERS = [f"n{i}" for i in range(10)]
BINARIES = ["b0", "b1"]
WORDS = {"c0": 3, "c1": 8, "c2": 20, "c3": 50, "c4": 200, "c5": 1000}  # words of each category column
TARGET = "y"
SHARES = (0.7, 0.1, 0.2)
EMBEDDING_SIZE, OUTPUT_SIZE, LEARNING_RATE = 16, 128, 0.001


# --- The table ----------------------------------------------------------------------------------------------------


def make_table(rows: int, task: Task, seed: int = 0) -> pa.Table:
    """A table whose target depends on every column, the same each time."""
    rng = np.random.default_rng(seed)
    numbers = (rng.normal(size=(rows, len(NUMBERS))) * np.logspace(-1, 4, len(NUMBERS)) + 7).round(3)
    binaries = rng.random((rows, len(BINARIES))) < 0.3
    ids = {name: (rng.random(rows) ** 2 * size).astype(np.int32) for name, size in WORDS.items()}  # some words are rare
    scaled = (numbers - numbers.mean(0)) / numbers.std(0)
    score = np.sin(scaled) @ rng.normal(size=len(NUMBERS)) + binaries @ rng.normal(size=len(BINARIES))
    for name, size in WORDS.items():
        score += rng.normal(size=size)[ids[name]]
    score = (score - score.mean()) / score.std() + rng.normal(scale=0.5, size=rows)
    columns: dict[str, pa.Array] = {name: pa.array(numbers[:, i]) for i, name in enumerate(NUMBERS)}
    columns |= {name: pa.array(binaries[:, i]) for i, name in enumerate(BINARIES)}
    for name, size in WORDS.items():
        words = pa.array([f"{name}_word_{i}" for i in range(size)])
        columns[name] = words.take(pa.array(ids[name]))
    columns[TARGET] = pa.array(score > 0) if task == "binary" else pa.array((score * 40 + 100).round(3))
    return pa.table(columns)


def write(table: pa.Table, folder: Path) -> tuple[Path, Path]:
    """The table as CSV and as Parquet."""
    csv, parquet = folder / "table.csv", folder / "table.parquet"
    pa.csv.write_csv(table, csv)
    pq.write_table(table, parquet)
    return csv, parquet


# --- Read and encode ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the training split taught."""

    mean: NDArray[np.float64]  # [F]
    std: NDArray[np.float64]  # [F], 1 for a binary
    words: dict[str, pa.Array]  # of each category column, the most frequent first
    target_mean: float
    target_std: float

    @property
    def first(self) -> list[int]:
        """The row of the embedding table at which each category column begins; row 0 is for unknown words."""
        return [1, *(1 + np.cumsum([len(words) for words in self.words.values()]))]


@dataclasses.dataclass(frozen=True)
class Rows:
    numbers: Tensor  # [N, F] float32: the numbers, then the binaries
    ids: Tensor  # [N, C] int32: rows of the embedding table
    target: Tensor  # [N] float32


@dataclasses.dataclass(frozen=True)
class Encoded:
    facts: Facts
    train: Rows
    validation: Rows
    test: Rows


def read_and_encode_csv(path: Path, task: Task) -> Encoded:
    types = {name: pa.dictionary(pa.int32(), pa.string()) for name in WORDS}
    return _encode(
        pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            convert_options=pa.csv.ConvertOptions(column_types=types),
        ),
        task,
    )


def read_and_encode_parquet(path: Path, task: Task) -> Encoded:
    return _encode(pq.read_table(path, use_threads=False, read_dictionary=list(WORDS)), task)


def _encode(table: pa.Table, task: Task) -> Encoded:
    parts = _split(len(table))
    numbers = _block(table, [*NUMBERS, *BINARIES])
    target = table[TARGET].to_numpy().astype(np.float32)
    mean, std = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
    training = numbers[parts[0], : len(NUMBERS)]
    mean[: len(NUMBERS)], std[: len(NUMBERS)] = training.mean(0, dtype=np.float64), training.std(0, dtype=np.float64)
    numbers -= mean.astype(np.float32)
    numbers /= std.astype(np.float32)
    target_mean, target_std = 0.0, 1.0
    if task == "number":
        target_mean, target_std = float(target[parts[0]].mean()), float(target[parts[0]].std())
        target = (target - np.float32(target_mean)) / np.float32(target_std)
    ids = np.empty((len(table), len(WORDS)), np.int32)
    words: dict[str, pa.Array] = {}
    begin = 1
    for place, name in enumerate(WORDS):
        column = table[name].unify_dictionaries().combine_chunks()
        codes = column.indices.to_numpy()
        counts = np.bincount(codes[parts[0]], minlength=len(column.dictionary))
        order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
        rank = np.zeros(len(counts), np.int32)  # a word that the training split does not have is unknown: row 0
        rank[order] = begin + np.arange(len(order))
        ids[:, place] = rank[codes]
        words[name] = column.dictionary.take(pa.array(order))
        begin += len(order)
    rows = [
        Rows(torch.from_numpy(numbers[part]), torch.from_numpy(ids[part]), torch.from_numpy(target[part]))
        for part in parts
    ]
    return Encoded(Facts(mean, std, words, target_mean, target_std), *rows)


def _split(rows: int) -> list[NDArray[np.intp]]:
    """The places of the training, validation and test rows, each in ascending order."""
    sizes = [round(rows * SHARES[0]), round(rows * SHARES[1])]
    labels = np.repeat(np.arange(3, dtype=np.int8), [*sizes, rows - sum(sizes)])
    np.random.default_rng(42).shuffle(labels)
    return [np.flatnonzero(labels == label) for label in range(3)]


def _block(table: pa.Table | pd.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    block = np.empty((len(table), len(names)), np.float32)
    for place, name in enumerate(names):
        block[:, place] = table[name].to_numpy()
    return block  # [N, F]


# --- The network --------------------------------------------------------------------------------------------------


class Network(nn.Module):
    """Numbers and embeddings side by side, two layers, one number out."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        width = len(facts.mean) + len(facts.words) * EMBEDDING_SIZE
        self.table = nn.Embedding(facts.first[-1], EMBEDDING_SIZE)
        self.first, self.second = nn.Linear(width, OUTPUT_SIZE), nn.Linear(OUTPUT_SIZE, OUTPUT_SIZE)
        self.head = nn.Linear(OUTPUT_SIZE, 1)

    def forward(self, numbers: Tensor, ids: Tensor) -> Tensor:
        joined = torch.cat([numbers, self.table(ids).flatten(1)], dim=1)  # [B, F + C * 16]
        hidden = self.second(self.first(joined).relu()).relu()  # [B, 128]
        return self.head(hidden).squeeze(1)  # type: ignore[no-any-return]  # [B]


def optimizer_of(network: Network) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, fused=True)


def _loss(logits: Tensor, target: Tensor, task: Task) -> Tensor:
    if task == "binary":
        return functional.binary_cross_entropy_with_logits(logits, target)
    return functional.mse_loss(logits, target)


def train_epoch(network: Network, optimizer: torch.optim.Optimizer, rows: Rows, batch_size: int, task: Task) -> None:
    for index in torch.randperm(len(rows.target)).split(batch_size):
        logits = network(rows.numbers.index_select(0, index), rows.ids.index_select(0, index))
        loss = _loss(logits, rows.target.index_select(0, index), task)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _forward(network: Network, numbers: Tensor, ids: Tensor, batch_size: int) -> Tensor:
    with torch.inference_mode():
        batches = zip(numbers.split(batch_size), ids.split(batch_size), strict=True)
        return torch.cat([network(*batch) for batch in batches])  # [N]


# --- Evaluate and predict -------------------------------------------------------------------------------------------


def evaluate(network: Network, rows: Rows, batch_size: int, task: Task) -> dict[str, float]:
    logits = _forward(network, rows.numbers, rows.ids, batch_size)
    scores = {"loss": _loss(logits, rows.target, task)}
    if task == "binary":
        scores["accuracy"] = ((logits >= 0) == (rows.target > 0.5)).float().mean()
        scores["roc_auc"] = roc_auc(logits, rows.target > 0.5)
    else:
        error = logits - rows.target
        scores["mean_absolute_error"] = error.abs().mean()
        scores["r2"] = 1 - error.square().sum() / (rows.target - rows.target.mean()).square().sum()
    return {name: float(value) for name, value in scores.items()}


def roc_auc(scores: Tensor, positive: Tensor) -> Tensor:
    """Exact: the share of pairs in which the positive row scores higher, ties counting half (Mann-Whitney's U)."""
    _, group, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    ranks = counts.cumsum(0) - (counts - 1) / 2  # the mean rank of equal scores
    positives = positive.sum()
    above = ranks[group[positive]].double().sum() - positives * (positives + 1) / 2
    return above / (positives * (len(scores) - positives))


def predict_to_dataframe(
    network: Network, facts: Facts, table: pd.DataFrame, batch_size: int, task: Task
) -> pd.DataFrame:
    numbers = _block(table, [*NUMBERS, *BINARIES])
    numbers -= facts.mean.astype(np.float32)
    numbers /= facts.std.astype(np.float32)
    ids = np.empty((len(table), len(WORDS)), np.int32)
    for place, (name, words) in enumerate(facts.words.items()):
        found = pc.index_in(pa.array(table[name]), value_set=words)
        ids[:, place] = pc.fill_null(pc.add(found, facts.first[place]), 0)
    logits = _forward(network, torch.from_numpy(numbers), torch.from_numpy(ids), batch_size)
    if task == "number":
        return pd.DataFrame(
            {f"{TARGET}_predictions": logits.numpy() * facts.target_std + facts.target_mean}, table.index
        )
    of_true = logits.sigmoid()
    columns = {
        f"{TARGET}_predictions": of_true >= 0.5,
        f"{TARGET}_probabilities_False": 1 - of_true,
        f"{TARGET}_probabilities_True": of_true,
        f"{TARGET}_probability": torch.maximum(of_true, 1 - of_true),
    }
    return pd.DataFrame({name: column.numpy() for name, column in columns.items()}, index=table.index)


def main(rows: int = 1_000_000) -> None:
    task: Task = "binary"

    def report(what: str, begin: float) -> None:
        print(f"{what:28} {time.process_time() - begin:8.3f} s")

    torch.set_num_threads(1)
    torch.manual_seed(0)
    table = make_table(rows, task)
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = write(table, Path(folder))
        begin = time.process_time()
        read_and_encode_csv(csv, task)
        report("read and encode CSV", begin)
        begin = time.process_time()
        encoded = read_and_encode_parquet(parquet, task)
        report("read and encode Parquet", begin)
    network = Network(encoded.facts)
    optimizer = optimizer_of(network)
    for batch_size in (8192, 1024, 128):
        begin = time.process_time()
        train_epoch(network, optimizer, encoded.train, batch_size, task)
        report(f"an epoch of batches of {batch_size}", begin)
    begin = time.process_time()
    scores = evaluate(network, encoded.validation, 8192, task)
    report("evaluate", begin)
    frame = table.slice(0, rows // 5).to_pandas()
    begin = time.process_time()
    predict_to_dataframe(network, encoded.facts, frame, 8192, task)
    report("predict", begin)
    print(scores)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
