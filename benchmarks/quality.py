"""How good are models by default? Ours and its peers on real tables: errors, ranks and seconds.

    pip install "ludwig[bench]"
    python benchmarks/quality.py --seeds 0 1 2 --results quality.jsonl
    python benchmarks/quality.py --systems ours:default catboost --tables diabetes hpc

Cells that stand in the file of results are not computed again. `docs/quality.md` has the protocol and what came out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from quality_systems import SYSTEMS, Splits, classes_of
from quality_tables import CORE, TABLES, Table
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score, root_mean_squared_error

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
CORE_SYSTEMS = ("linear", "hgb", "lightgbm", "catboost", "realmlp_td_s")
REFERENCES = ("linear", "lightgbm", "catboost")
SMALLEST = 1e-7  # of a probability in the logarithmic loss


def cell_of(table: Table, system: str, seed: int, splits: Splits) -> dict[str, Any]:
    """One system on one split of one table."""
    began, cpu = time.perf_counter(), time.process_time()
    answers = SYSTEMS[system](table, splits, seed)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    cell = {"table": table.name, "system": system, "seed": seed, "seconds": seconds, "cpu_seconds": cpu_seconds}
    return {**cell, **_scores(table, splits, answers)}


def _scores(table: Table, splits: Splits, answers: NDArray[Any]) -> dict[str, float]:
    truth = splits[2][table.target].to_numpy()
    if table.task == "number":
        error = root_mean_squared_error(truth, answers)
        return {"error": error, "loss": error, "r2": r2_score(truth, answers)}
    classes = classes_of(table, splits)
    known = np.isin(truth, classes)  # a class that training never saw is an error, and has no probability
    bounded = np.clip(answers[known], SMALLEST, 1)
    loss = log_loss(truth[known], bounded / bounded.sum(1, keepdims=True), labels=classes)
    if table.task == "binary":
        area = roc_auc_score(truth, answers[:, 1])
        return {"error": 1 - area, "loss": loss, "auc": area}
    accuracy = accuracy_score(truth, np.array(classes)[answers.argmax(1)])
    return {"error": 1 - accuracy, "loss": loss, "accuracy": accuracy}


# -- tables of results


def summary(cells: pd.DataFrame, systems: list[str]) -> pd.DataFrame:
    """A line for each system: ranks among the core, errors against the best of the core and against references."""
    errors = cells.pivot_table(index=["table", "seed"], columns="system", values="error")
    losses = cells.pivot_table(index=["table", "seed"], columns="system", values="loss")
    seconds = cells.pivot_table(index=["table", "seed"], columns="system", values="seconds")
    core = [system for system in CORE_SYSTEMS if system in errors]
    lines = []
    for system in systems:
        if system not in errors:
            continue
        rivals = [other for other in core if other != system]
        line: dict[str, Any] = {"system": system, "cells": int(errors[system].notna().sum())}
        line["rank"] = _rank(errors, system, rivals)
        line["log-loss rank"] = _rank(losses, system, rivals)
        ratios = errors[system] / errors[rivals].min(axis=1) if rivals else errors[system] * np.nan
        line["error to best core"] = _geometric(ratios)
        line["worst table"] = _worst(ratios)
        for other in REFERENCES:
            if other in errors:
                line[f"to {other}"] = _geometric(errors[system] / errors[other])
        by_table = seconds[system].groupby("table").mean()
        line["median s"], line["sum s"] = f"{by_table.median():.1f}", f"{by_table.sum():.0f}"
        lines.append(line)
    return pd.DataFrame(lines)


def _rank(values: pd.DataFrame, system: str, rivals: list[str]) -> str:
    """1 where it is the best of all, with half a place for a tie."""
    own, others = values[system], values[rivals]
    ranks = 1 + others.lt(own, axis=0).sum(axis=1) + others.eq(own, axis=0).sum(axis=1) / 2
    return f"{ranks[own.notna()].mean():.2f}"


def _geometric(ratios: pd.Series) -> str:
    """The geometric mean with the standard error over tables."""
    logs = np.log(ratios.dropna()).groupby("table").mean()
    if logs.empty:
        return "-"
    mean = float(np.exp(logs.mean()))
    spread = mean * float(logs.std(ddof=1)) / len(logs) ** 0.5 if len(logs) > 1 else 0.0
    return f"{mean:.3f} +- {spread:.3f}"


def _worst(ratios: pd.Series) -> str:
    by_table = np.exp(np.log(ratios.dropna()).groupby("table").mean())
    return "-" if by_table.empty else f"{by_table.idxmax()} {by_table.max():.2f}"


def by_table(cells: pd.DataFrame, systems: list[str]) -> pd.DataFrame:
    """The mean error of each system on each table."""
    return cells.pivot_table(index="table", columns="system", values="error")[systems]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", choices=sorted(TABLES), default=[table.name for table in CORE])
    parser.add_argument("--systems", nargs="*", choices=sorted(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--results", type=Path, default=None, help="a file of lines that is read and appended to")
    arguments = parser.parse_args()
    if any(os.environ.get(variable) != "1" for variable in THREADS):  # libraries read them when they are loaded
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **dict.fromkeys(THREADS, "1")})
    warnings.filterwarnings("ignore")
    cells = _measured(arguments.tables, arguments.systems, arguments.seeds, arguments.results)
    wanted = cells[cells.table.isin(arguments.tables) & cells.seed.isin(arguments.seeds)]
    systems = list(dict.fromkeys([*CORE_SYSTEMS, *arguments.systems]))
    print(summary(wanted, systems).to_markdown(index=False), end="\n\n")
    print(by_table(wanted, [s for s in arguments.systems if s in set(wanted.system)]).to_markdown(floatfmt=".4f"))


def _measured(tables: list[str], systems: list[str], seeds: list[int], file: Path | None) -> pd.DataFrame:
    import torch

    torch.set_num_threads(1)
    lines = file.read_text().splitlines() if file is not None and file.is_file() else []
    cells = [json.loads(line) for line in lines]
    done = {(cell["table"], cell["system"], cell["seed"]) for cell in cells}
    for seed in seeds:
        for name in tables:
            splits: Splits | None = None
            for system in systems:
                if (name, system, seed) in done:
                    continue
                splits = splits or TABLES[name].splits(seed)
                try:
                    cell = cell_of(TABLES[name], system, seed, splits)
                except ImportError as error:
                    print(f"{system} is not installed: {error}")
                    continue
                print(f"{name} {system} {seed}: {cell['error']:.4f} in {cell['seconds']:.1f} s", flush=True)
                cells.append(cell)
                if file is not None:
                    with file.open("a") as out:
                        out.write(json.dumps(cell) + "\n")
    return pd.DataFrame(cells)


if __name__ == "__main__":
    main()
