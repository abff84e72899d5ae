"""Our dropout against torch's and the linear layer before it: forward and backward on one thread, in one run."""

from __future__ import annotations

import time
from statistics import median

import torch
from torch import nn

from ludwig.nn.dropout import Dropout, draw_from

SIZES = ((128, 256), (1024, 256), (1024, 512))


def milliseconds(module: nn.Module, values: torch.Tensor) -> float:
    times = []
    for _ in range(12):
        start = time.perf_counter()
        module(values).backward(values)
        times.append(time.perf_counter() - start)
    return median(times[2:]) * 1e3


def main() -> None:
    torch.set_num_threads(1)
    ours = Dropout(0.1)
    draw_from(ours, torch.Generator().manual_seed(0))
    print("rows x size | ours ms | ours / torch | ours / linear | torch / linear")
    for rows, size in SIZES:
        values = torch.randn(rows, size, requires_grad=True)
        mine, torchs, layer = (milliseconds(m, values) for m in (ours, nn.Dropout(0.1), nn.Linear(size, size)))
        print(f"{rows} x {size} | {mine:.2f} | {mine / torchs:.2f} | {mine / layer:.2f} | {torchs / layer:.2f}")


if __name__ == "__main__":
    main()
