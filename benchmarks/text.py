"""Preprocessing of texts and an epoch over them: ours against the same work written by hand, in one run.

`python benchmarks/text.py [--rows 2000] [--repeats 3]` prints the ratios of their CPU seconds on one thread, for texts
that become ids, and for the encoders `parallel_cnn` and `rnn` (an LSTM) that are trained on these.

B = rows of a batch, T = tokens of the longest text, E = size of a token's embedding
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pad_sequence

from ludwig.api import LudwigModel

WORDS, SHORTEST, LONGEST, SIZE, BATCH_SIZE = 5000, 10, 60, 64, 64
PATTERN = re.compile(r"\w+|[^\w\s]")
NOTHING_SAVED = {f"skip_save_{what}": True for what in ("training_description", "training_statistics", "model")}
NOTHING_SAVED |= {f"skip_save_{what}": True for what in ("progress", "log", "processed_input")}
ENCODERS: dict[str, dict[str, Any]] = {
    "parallel_cnn": {"type": "parallel_cnn", "num_filters": SIZE, "num_fc_layers": 1, "output_size": SIZE},
    "rnn": {"type": "rnn", "cell_type": "lstm", "state_size": SIZE, "num_fc_layers": 0},
}


def table_of(rows: int) -> pd.DataFrame:
    """Sentences of made-up words, of which few are frequent."""
    draw = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(draw.choice(letters, draw.integers(2, 9))) for _ in range(WORDS)])
    shares = 1 / np.arange(1, WORDS + 1)
    texts = []
    for length in draw.integers(SHORTEST, LONGEST, rows):
        chosen = draw.choice(words, length, p=shares / shares.sum())
        texts.append(f"{' '.join(chosen[: length // 2])}, {' '.join(chosen[length // 2 :])}.")
    return pd.DataFrame({"text": texts, "liked": draw.random(rows) < 0.5})


def config(encoder: dict[str, Any], epochs: int) -> dict[str, Any]:
    return {
        "input_features": [{"name": "text", "type": "text", "encoder": {"embedding_size": SIZE, **encoder}}],
        "output_features": [{"name": "liked", "type": "binary"}],
        "combiner": {"type": "concat", "num_fc_layers": 0},
        "preprocessing": {"split": {"type": "random", "probabilities": [1.0, 0.0, 0.0]}},
        "trainer": {
            "epochs": epochs,
            "batch_size": BATCH_SIZE,
            "learning_rate": 0.001,
            "optimizer": {"type": "adamw"},
            "gradient_clipping": {"clipglobalnorm": None},
            "skip_all_evaluation": True,
            "early_stop": -1,
        },
    }


def seconds(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def preprocess_by_hand(table: pd.DataFrame) -> tuple[list[Tensor], Tensor, int]:
    """(ids of each text, targets, size of the vocabulary)."""
    texts = [PATTERN.findall(text)[:256] for text in table["text"]]
    counts = Counter(word for words in texts for word in words)
    ids = {word: place for place, (word, _) in enumerate(counts.most_common(20000), start=2)}
    encoded = [torch.tensor([ids.get(word, 1) for word in words]) for words in texts]
    return encoded, torch.tensor(table["liked"].to_numpy(), dtype=torch.float32), len(ids) + 2


class ParallelCnn(nn.Module):
    """Convolutions of four widths, their sum over the steps that are there, two linear layers."""

    def __init__(self, ids: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(ids, SIZE)
        self.convolutions = nn.ModuleList(nn.Conv1d(SIZE, SIZE, width, padding="same") for width in (2, 3, 4, 5))
        self.end = nn.Sequential(nn.Linear(4 * SIZE, SIZE), nn.ReLU(), nn.Linear(SIZE, 1))

    def forward(self, ids: Tensor) -> Tensor:
        there = (ids > 0).unsqueeze(1)  # [B, 1, T]
        values = self.embedding(ids).transpose(1, 2) * there  # [B, E, T]
        sides = [convolution(values).relu() for convolution in self.convolutions]
        return self.end((torch.cat(sides, dim=1) * there).sum(2)).squeeze(1)  # [B]


class Lstm(nn.Module):
    """An LSTM, its state after the last token, a linear layer."""

    def __init__(self, ids: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(ids, SIZE)
        self.lstm, self.end = nn.LSTM(SIZE, SIZE, batch_first=True), nn.Linear(SIZE, 1)

    def forward(self, ids: Tensor) -> Tensor:
        states = self.lstm(self.embedding(ids))[0]  # [B, T, E]
        last = (ids > 0).sum(1) - 1  # [B]
        return self.end(states[torch.arange(len(ids)), last]).squeeze(1)  # [B]


BY_HAND: dict[str, Callable[[int], nn.Module]] = {"parallel_cnn": ParallelCnn, "rnn": Lstm}


def epochs_by_hand(name: str, table: pd.DataFrame, epochs: int) -> float:
    texts, targets, ids = preprocess_by_hand(table)
    network = BY_HAND[name](ids)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.001, fused=True)

    def train() -> None:
        for _ in range(epochs):
            for rows in torch.randperm(len(texts)).split(BATCH_SIZE):
                batch = pad_sequence([texts[row] for row in rows.tolist()], batch_first=True)  # [B, T]
                binary_cross_entropy_with_logits(network(batch), targets[rows]).backward()
                optimizer.step()
                optimizer.zero_grad()

    return seconds(train) / epochs


def epochs_of_ours(name: str, data: Any, epochs: int) -> float:
    """What an epoch more costs, so that what every call of train() costs once drops out."""

    def run(count: int) -> float:
        model = LudwigModel(config(ENCODERS[name], count))
        return seconds(lambda: model.train(dataset=data, output_directory=None, **NOTHING_SAVED))

    return (run(1 + epochs) - run(1)) / epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = table_of(options.rows)

    def preprocessed() -> Any:
        return LudwigModel(config(ENCODERS["rnn"], 1)).preprocess(dataset=table, skip_save_processed_input=True)

    data = preprocessed()  # which imports what it needs
    ratios: dict[str, list[float]] = {"preprocessing": [], **{f"training {name}": [] for name in ENCODERS}}
    for _ in range(options.repeats):
        ratios["preprocessing"].append(seconds(preprocessed) / seconds(lambda: preprocess_by_hand(table)))
        for name in ENCODERS:
            ours, hand = epochs_of_ours(name, data, 2), epochs_by_hand(name, table, 2)
            ratios[f"training {name}"].append(ours / hand)
    for what, found in ratios.items():
        print(f"{what}: {statistics.median(found):.2f} of the work by hand ({min(found):.2f} to {max(found):.2f})")


if __name__ == "__main__":
    main()
