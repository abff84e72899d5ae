"""A table of very many columns and few rows: what each column costs beside the arithmetic.

`python benchmarks/wide.py [COLUMNS]` trains three epochs on 200 rows, saves and loads, and prints CPU seconds of one
thread, ours beside plain torch on the same numbers and beside as many columns by a tenth, which shows what grows faster
than their number.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from tabulate import tabulate

from ludwig.api import LudwigModel

ROWS, EPOCHS, BATCH = 200, 3, 128


def table_of(columns: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.normal(size=(ROWS, columns)), columns=[f"c{place}" for place in range(columns)])
    return table.assign(y=draw.normal(size=ROWS))


def by_hand(table: pd.DataFrame) -> None:
    """Standardised numbers, one layer, Adam."""
    numbers = torch.tensor(table.to_numpy(), dtype=torch.float32)
    numbers = (numbers - numbers.mean(0)) / numbers.std(0)
    layer = torch.nn.Linear(numbers.shape[1] - 1, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    for _ in range(EPOCHS):
        for batch in numbers.split(BATCH):
            optimizer.zero_grad()
            (layer(batch[:, :-1]).squeeze(1) - batch[:, -1]).square().mean().backward()
            optimizer.step()


def ours(table: pd.DataFrame) -> None:
    as_by_hand = {"encoder": "passthrough", "preprocessing": {"normalization": "zscore"}}
    inputs = [{"name": name, "type": "number", **as_by_hand} for name in table.columns[:-1]]
    outputs = [{"name": "y", "type": "number"}]
    trainer = {"epochs": EPOCHS, "batch_size": BATCH, "optimizer": "adam"}
    sections = {"input_features": inputs, "output_features": outputs, "combiner": "concat", "trainer": trainer}
    model = LudwigModel(sections)
    with tempfile.TemporaryDirectory() as folder:
        results = model.train(dataset=table, output_directory=folder, skip_save_processed_input=True)
        LudwigModel.load(f"{results.output_directory}/model")


def seconds(work: Callable[[pd.DataFrame], None], table: pd.DataFrame) -> float:
    begun = time.process_time()
    work(table)
    return time.process_time() - begun


def main(columns: int) -> None:
    torch.set_num_threads(1)
    tables = {count: table_of(count) for count in (columns // 10, columns)}
    for work in (by_hand, ours):
        work(table_of(10))  # what is imported when it is used is no cost of a column
    rows = [[count, seconds(ours, table), seconds(by_hand, table)] for count, table in tables.items()]
    (_, few, _), (_, many, _) = rows
    print(tabulate(rows, headers=["columns", "ours s", "by hand s"], tablefmt="github", floatfmt=".2f"))
    print(f"\nTen times the columns take {many / few:.1f} times as long; a column costs {1e3 * many / columns:.2f} ms.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
