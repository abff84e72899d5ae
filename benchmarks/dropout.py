"""Our dropout against torch's, forward and backward, and against the matrix product that it follows.

`python benchmarks/dropout.py` prints CPU milliseconds of one thread; the three take turns, and the table has medians.
"""

from __future__ import annotations

import time
from statistics import median

import torch
from tabulate import tabulate
from torch import nn

from ludwig.nn.dropout import Dropout, draw_from

RATE, REPEATS = 0.1, 15
SIZES = ((128, 256), (1024, 256), (1024, 512), (8192, 256))


def seconds(module: nn.Module, values: torch.Tensor, *, backward: bool) -> float:
    begun = time.process_time()
    found = module(values)
    if backward:
        found.backward(values)
    return time.process_time() - begun


def main() -> None:
    torch.set_num_threads(1)
    ours, theirs = Dropout(RATE), nn.Dropout(RATE)
    draw_from(ours, torch.Generator().manual_seed(0))
    rows = []
    for count, size in SIZES:
        values, layer = torch.randn(count, size, requires_grad=True), nn.Linear(size, size)
        turns = [
            (
                seconds(ours, values, backward=True),
                seconds(theirs, values, backward=True),
                seconds(layer, values, backward=False),
            )
            for _ in range(REPEATS)
        ]
        one, other, product = (1e3 * median(times) for times in zip(*turns[2:], strict=True))
        rows.append([f"{count} x {size}", one, other, product, one / other, one / product, other / product])
    headers = [
        "rows x size",
        "ours ms",
        "torch ms",
        "matrix product ms",
        "ours / torch",
        "ours / product",
        "torch / product",
    ]
    print(tabulate(rows, headers=headers, tablefmt="github", floatfmt=".2f"))


if __name__ == "__main__":
    main()
