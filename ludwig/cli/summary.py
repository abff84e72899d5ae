"""What `ludwig train` prints when it is done."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from tabulate import tabulate

from ludwig.api import LudwigModel, TrainingResults
from ludwig.globals import MODEL_FILE_NAME, MODEL_MANIFEST_FILE_NAME
from ludwig.inference.baseline import CONSTANT, LINEAR, baselines

SPLITS = ("validation", "test")
NOTE = f"{LINEAR}: a linear model of the same inputs; {CONSTANT}: the most frequent class, or the mean."
COLUMNS = ["output", "metric", "split", "model", LINEAR, CONSTANT]


def summary(model: LudwigModel, results: TrainingResults, dataset: str | None) -> str:
    """Rows, the selected evaluation, scores beside those of simple models, where the run is, and how to go on."""
    stats, rows = results.train_stats, results.preprocessed_data.rows
    selected = f"Best evaluation: epoch {stats.selected['epoch']}, step {stats.selected['step']}"
    lines = [*([_rows(rows)] if rows else []), f"{selected} (training ended: {stats.stop_reason})."]
    scores = _scores(model, results)
    if scores:
        lines += ["", tabulate(scores, headers=COLUMNS, floatfmt=".4g", missingval="-"), "", NOTE]
    return "\n".join([*lines, *_next(results.output_directory, dataset)])


def _rows(rows: dict[str, Any]) -> str:
    total = rows["total"]
    parts = ", ".join(f"{rows[name]['used']} {name}" for name in ("training", *SPLITS) if name in rows)
    return f"Rows: {total['read']} read, {total['used']} used ({parts})."


def _scores(model: LudwigModel, results: TrainingResults) -> list[list[Any]]:
    """A row for each output, metric and split: the model, and what simple models reach on the same rows."""
    data = results.preprocessed_data
    sets = {"validation": data.validation_set, "test": data.test_set}
    there = {split: rows for split, rows in sets.items() if rows is not None}
    if not there or model.model is None:
        return []
    own = {split: model.evaluate(rows)[0] for split, rows in there.items()}
    simple = baselines(model.model, data.training_set.frame, {split: rows.frame for split, rows in there.items()})
    return [
        [
            output.name,
            metric,
            split,
            own[split].get(output.name, {}).get(metric),
            *(simple[kind].get(split, {}).get(output.name, {}).get(metric) for kind in (LINEAR, CONSTANT)),
        ]
        for output in model.config_obj.output_features
        for metric in output.summarized or (output.default_metric,)
        for split in there
    ]


def _next(folder: str, dataset: str | None) -> list[str]:
    """Where the run is, and the command that predicts with its model."""
    if not folder:
        return []
    lines, model = ["", f"The run is in {folder}"], Path(folder) / MODEL_FILE_NAME
    if not (model / MODEL_MANIFEST_FILE_NAME).is_file():  # no model was saved
        return lines
    data = shlex.quote(dataset) if dataset else "FILE"
    return [*lines, f"To predict: ludwig predict --model_path {shlex.quote(str(model))} --dataset {data}"]
