"""`ludwig export_schema`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def run(words: list[str]) -> None:
    """Writes the JSON Schema of the config."""
    from ludwig.config import CONFIGS
    from ludwig.schema import json_schema

    parser = argparse.ArgumentParser(prog="ludwig export_schema", description="Write the JSON Schema of the config.")
    parser.add_argument("--model-type", default="ecd", choices=sorted(CONFIGS), help="model type")
    parser.add_argument("-o", "--output", help="file to write to; printed where it is left out")
    options = parser.parse_args(words)
    text = json.dumps(json_schema(CONFIGS[options.model_type], f"Ludwig {options.model_type} config"), indent=2)
    if options.output:
        Path(options.output).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
