"""The files that record a training: description, statistics, report, model card.

Metrics are those of the selected weights, never the best of each metric.
"""

from __future__ import annotations

import datetime
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from ludwig.error import counted
from ludwig.globals import (
    DESCRIPTION_FILE_NAME,
    LUDWIG_VERSION,
    MODEL_CARD_FILE_NAME,
    TRAINING_REPORT_FILE_NAME,
    TRAINING_STATISTICS_FILE_NAME,
)
from ludwig.runtime.atomic import read_json, write_json, write_text
from ludwig.training.progress import Progress

Json = dict[str, Any]
MOST_LISTED = 200  # rows of a table in the card
NOT_IN_SCHEMA = ("idx2str", "str2idx", "str2freq", "grid", "preprocessing")


def save_description(
    folder: Path, config: Json, sources: Mapping[str, Any], data_format: str | None, rows: Json, seed: int
) -> None:
    """What was run, on what, with which versions."""
    files = {name: str(source) for name, source in sources.items() if isinstance(source, str | Path)}
    description = {
        "ludwig_version": LUDWIG_VERSION,
        "command": " ".join(sys.argv),
        "random_seed": seed,
        **files,
        "data_format": data_format,
        "rows": rows,
        "config": config,
        "torch_version": torch.__version__,
        "compute": _compute(),
    }
    write_json(folder / DESCRIPTION_FILE_NAME, description)


def settle_description(folder: Path, config: Json) -> None:
    """The config as training left it, with no value left automatic."""
    file = folder / DESCRIPTION_FILE_NAME
    if file.is_file():
        write_json(file, {**read_json(file), "config": config})


def _compute() -> Json:
    if not torch.cuda.is_available():
        return {"num_nodes": 1}
    devices = {str(i): torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
    return {"num_nodes": 1, "gpus_per_node": len(devices), "devices": devices}


def save_training_statistics(folder: Path, statistics: Json) -> None:
    """The metrics of all evaluations."""
    write_json(folder / TRAINING_STATISTICS_FILE_NAME, statistics)


def training_report(config: Json, metadata: Json, rows: Json, progress: Progress, seed: int, folder: Path) -> Json:
    """The run in one document."""
    return {
        "report_version": "1.0",
        "generated_at": datetime.datetime.now(datetime.UTC).isoformat(),
        "model_type": config["model_type"],
        "config": config,
        "rows": rows,
        "data_schema": {key: _schema(config[key], metadata) for key in ("input_features", "output_features")},
        "selected": {"epoch": progress.best_eval_metric_epoch, "step": progress.best_eval_metric_steps},
        "metrics": {
            split: _at_selected(best, history) for split, (best, history) in _splits(progress).items() if history
        },
        "averaged_steps": progress.soup_steps,
        "calibration": progress.calibration,
        "thresholds": progress.thresholds,
        "intervals": progress.intervals,
        "epochs_trained": progress.epoch,
        "stop_reason": progress.stop_reason,
        "environment": {
            "ludwig_version": LUDWIG_VERSION,
            "pytorch_version": torch.__version__,
            "python_version": platform.python_version(),
            "platform": platform.platform(),
        },
        "random_seed": seed,
        "output_directory": str(folder),
        "model_directory": str(folder / "model"),
    }


def _splits(progress: Progress) -> dict[str, tuple[Json, Json]]:
    return {
        "training": (progress.best_eval_train_metrics, progress.train_metrics),
        "validation": (progress.best_eval_validation_metrics, progress.validation_metrics),
        "test": (progress.best_eval_test_metrics, progress.test_metrics),
    }


def _at_selected(best: Json, history: Json) -> Json:
    return {
        output: {
            name: {"best": best.get(output, {}).get(name), "last": series[-1][2]} for name, series in values.items()
        }
        for output, values in history.items()
    }


def _schema(features: list[Json], metadata: Json) -> list[Json]:
    return [{"name": f["name"], "type": f["type"], **_state_of(metadata.get(f["name"], {}))} for f in features]


def _state_of(facts: Json) -> Json:
    state = {key: value for key, value in facts.items() if key not in NOT_IN_SCHEMA}
    return {**state, **({"classes": facts["idx2str"]} if len(facts.get("idx2str", ())) in range(1, 100) else {})}


def save_report_and_card(folder: Path, report: Json) -> None:
    """The training report as JSON, and the model card for people."""
    write_json(folder / TRAINING_REPORT_FILE_NAME, report)
    write_text(folder / MODEL_CARD_FILE_NAME, model_card(report))


def model_card(report: Json) -> str:
    """A page about the model in Markdown."""
    config, trainer = report["config"], report["config"]["trainer"]
    combiner = config.get("combiner", {})
    chapters = {
        "Model Type": f"`{report['model_type']}`, trained with Ludwig {report['environment']['ludwig_version']}.",
        "Architecture": f"Combiner `{combiner.get('type', 'none')}`:\n\n"
        + _table(combiner.items(), ["parameter", "value"]),
        "Input Features": _table(_rows(config["input_features"], "encoder"), ["name", "type", "encoder"]),
        "Output Features": _table(_rows(config["output_features"], "decoder"), ["name", "type", "decoder"]),
        "Rows": _table(_row_counts(report["rows"]), ["split", "read", "used", "dropped"]),
        "Training Configuration": _table(
            [(key, value) for key, value in trainer.items() if not isinstance(value, dict)], ["parameter", "value"]
        ),
        "Feature Statistics": _table(_statistics(report["data_schema"]), ["feature", "statistic", "value"]),
        "Evaluation Metrics": _metrics(report),
        "Environment": _table(report["environment"].items(), ["what", "version"]),
    }
    return "# Model Card\n\n" + "\n\n".join(f"## {title}\n\n{text}" for title, text in chapters.items()) + "\n"


def _table(rows: Iterable[Iterable[Any]], headers: list[str]) -> str:
    """A table as long as people read; all of it is in the report."""
    cells = [list(row) for row in rows]
    text: str = tabulate(cells[:MOST_LISTED], headers=headers, tablefmt="github")
    more = len(cells) - MOST_LISTED
    return text if more <= 0 else f"{text}\n\nand {counted(more, 'row')} more, in `{TRAINING_REPORT_FILE_NAME}`"


def _rows(features: list[Json], part: str) -> list[list[Any]]:
    return [[f["name"], f["type"], f.get(part, {}).get("type")] for f in features]


def _row_counts(rows: Json) -> list[list[Any]]:
    reasons = {name: ", ".join(f"{n}: {why}" for why, n in counts["dropped"].items()) for name, counts in rows.items()}
    return [[name, counts["read"], counts["used"], reasons[name]] for name, counts in rows.items()]


def _statistics(schema: Json) -> list[list[Any]]:
    rows = []
    for feature in [*schema["input_features"], *schema["output_features"]]:
        facts = {key: value for key, value in feature.items() if key not in ("name", "type") and value is not None}
        rows += [[feature["name"], key, value] for key, value in facts.items() if not isinstance(value, list | dict)]
    return rows


def _metrics(report: Json) -> str:
    selected = report["selected"]
    text = f"Of the selected weights: epoch {selected['epoch']}, step {selected['step']}."
    for split in ("validation", "test"):
        rows = [
            [output, name, values["best"]]
            for output, metrics in report["metrics"].get(split, {}).items()
            for name, values in metrics.items()
        ]
        if rows:
            text += f"\n\n### {split.title()}\n\n" + _table(rows, ["output", "metric", "value"])
    return text + _calibration(report["calibration"])


def _calibration(calibration: Json) -> str:
    rows = [
        [output, found["method"], *(found["expected_calibration_error"][when] for when in ("before", "after"))]
        for output, found in calibration.items()
    ]
    headers = ["output", "method", "expected calibration error before", "after"]
    return "\n\n### Calibration\n\n" + _table(rows, headers) if rows else ""
