"""What a model is: its features, layers and weights, what it was trained on, and how well it does."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from torch import nn

from ludwig.globals import (
    FORMAT_VERSION,
    LUDWIG_VERSION,
    MODEL_FILE_NAME,
    ONLINE_TRAINING_DIR_NAME,
    TRAINING_REPORT_FILE_NAME,
)
from ludwig.lifecycle.held import TEST, TRAINING, VALIDATION, Held, trained
from ludwig.models import artifacts

MEGABYTE = 10**6
SPLITS = (TRAINING, VALIDATION, TEST)
Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Weight:
    """One tensor as `collect_weights` names it."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    is_trainable: bool


@dataclasses.dataclass(frozen=True)
class Layer:
    """One module as `collect_activations` names it."""

    name: str
    type: str
    parameters: int  # of the module with all inside of it


def weights_of(held: Held) -> list[Weight]:
    """The weights; those are not trainable that are frozen in the network, or by trainer.layers_to_freeze_regex."""
    pattern = held.config.get("trainer", {}).get("layers_to_freeze_regex")
    frozen = re.compile(pattern) if pattern else None
    model = trained(held, "summarize")
    return [
        Weight(
            name,
            tuple(weight.shape),
            weight.shape.numel(),
            weight.whole.requires_grad and not (frozen and frozen.search(name)),
        )
        for name, weight in model.kept_weights().items()
        if isinstance(weight.whole, nn.Parameter)
    ]


def layers_of(held: Held) -> list[Layer]:
    """The layers in the order of `named_modules`."""
    modules = trained(held, "summarize").named_modules()
    return [Layer(name, type(part).__name__, _count(part)) for name, part in modules if name]


def activation_names(held: Held) -> list[str]:
    """The names that `collect_activations` takes beside those of layers."""
    return trained(held, "summarize").activation_names()


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def described(held: Held, folder: Path) -> Json:
    """A saved model in one document, as JSON has it; what its run reported is null where there is no run around it."""
    model, config, weights = trained(held, "inspect"), held.config, weights_of(held)
    frozen = sum(weight.parameters for weight in weights if not weight.is_trainable)
    total, nbytes = _count(model), sum(weight.nbytes for weight in model.parameters())
    report = _report_of(folder)
    return {
        "model_type": config["model_type"],
        "combiner_type": config.get("combiner", {}).get("type"),
        "num_input_features": len(config["input_features"]),
        "num_output_features": len(config["output_features"]),
        "input_features": [_feature(feature, "encoder") for feature in config["input_features"]],
        "output_features": [_feature(feature, "decoder") for feature in config["output_features"]],
        "total_parameters": total,
        "trainable_parameters": total - frozen,
        "frozen_parameters": frozen,
        "size_mb": nbytes / MEGABYTE,
        "files_mb": _sizes(folder),
        "trained_online": (folder / ONLINE_TRAINING_DIR_NAME).is_dir(),
        "rows": _in_order(report["rows"]) if "rows" in report else None,
        "selected": report.get("selected"),
        "stop_reason": report.get("stop_reason"),
        "metrics": _selected(_in_order(report.get("metrics", {}))),
        "versions": {"trained_with": report.get("environment"), "ludwig": LUDWIG_VERSION, "format": FORMAT_VERSION},
    }


def _feature(feature: Json, part: str) -> Json:
    return {"name": feature["name"], "type": feature["type"], part: feature.get(part, {}).get("type")}


def _report_of(folder: Path) -> Json:
    """The training report of the run that the model is the result of."""
    run = folder.resolve().parent
    is_of_run = folder.resolve().name == MODEL_FILE_NAME and (run / TRAINING_REPORT_FILE_NAME).is_file()
    found: Json = artifacts.read_part(run, TRAINING_REPORT_FILE_NAME) if is_of_run else {}
    return found


def _in_order(by_split: Json) -> Json:
    """The splits as one reads them, what is no split last."""
    return {split: by_split[split] for split in dict.fromkeys([*SPLITS, *by_split]) if split in by_split}


def _selected(metrics: Json) -> Json:
    """By split, output and metric: the value at the selected evaluation."""
    return {
        split: {output: {name: each["best"] for name, each in values.items()} for output, values in outputs.items()}
        for split, outputs in metrics.items()
    }


def _sizes(folder: Path) -> dict[str, float]:
    """What lies in the model's folder, in megabytes."""
    return {
        entry.name: sum(file.stat().st_size for file in [entry, *entry.rglob("*")] if file.is_file()) / MEGABYTE
        for entry in sorted(folder.iterdir())
    }
