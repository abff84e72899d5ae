"""`ludwig inspect`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from tabulate import tabulate

from ludwig.cli import flags
from ludwig.lifecycle.summary import described, weights_of


def run(words: list[str]) -> None:
    """Prints what a saved model is."""
    from ludwig.api import LudwigModel

    parser = flags.parser_of("inspect", "Show what a saved model is: features, size, rows, metrics and versions.")
    flags.add_model_path(parser)
    parser.add_argument("--weights", action="store_true", help="list the weights too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(words)
    model = LudwigModel.load(options.model_path, **flags.machine(options))
    found = described(model, Path(options.model_path))
    weights = [dataclasses.asdict(weight) for weight in weights_of(model)] if options.weights else None
    if options.json:
        print(json.dumps(found if weights is None else {**found, "weights": weights}, indent=2))
        return
    print(_page(found))
    if weights is not None:
        print(f"\n{tabulate(weights, headers='keys')}")


def _page(found: dict[str, Any]) -> str:
    plain = [[key, value] for key, value in found.items() if value is not None and not isinstance(value, dict | list)]
    features = [
        [feature["name"], feature["type"], role, feature.get("encoder") or feature.get("decoder")]
        for role in ("input", "output")
        for feature in found[f"{role}_features"]
    ]
    rows = [[split, counts["read"], counts["used"]] for split, counts in (found["rows"] or {}).items()]
    metrics = [
        [output, name, split, value]
        for split, outputs in found["metrics"].items()
        for output, values in outputs.items()
        for name, value in values.items()
    ]
    selected, versions = found["selected"], found["versions"]["trained_with"] or {}
    moment = f"epoch {selected['epoch']}, step {selected['step']}" if selected else ""
    tables = [
        ("", plain, ()),
        ("Features", features, ("feature", "type", "role", "encoder or decoder")),
        ("Files", list(found["files_mb"].items()), ("file", "MB")),
        ("Rows", rows, ("split", "read", "used")),
        (f"Metrics of the selected evaluation: {moment}", metrics, ("output", "metric", "split", "value")),
        ("Trained with", list(versions.items()), ()),
    ]
    shown = [(title, tabulate(table, headers=headers, floatfmt=".4g")) for title, table, headers in tables if table]
    return "\n\n".join(f"{title}\n{text}".strip() for title, text in shown)
