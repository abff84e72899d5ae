"""Four functions that scripts written for other releases import from here: `load_json`, `save_json`, `load_yaml`,
`read_csv`. Each warns that it goes; the standard library, PyYAML and pandas do the same.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from ludwig.config import read_yaml
from ludwig.data.csv import read_csv as read_table
from ludwig.runtime.atomic import plain, write_text


def load_json(path: str | Path) -> Any:
    """The content of a JSON file. Use `json.load`."""
    _warn("load_json", "json.load")
    return json.loads(Path(path).read_text(encoding="utf-8"))


def save_json(path: str | Path, content: Any, sort_keys: bool = True, indent: int | None = 4) -> None:
    """Writes JSON; values of numpy become Python's own. Use `json.dump`."""
    _warn("save_json", "json.dump")
    write_text(Path(path), json.dumps(plain(content), indent=indent, sort_keys=sort_keys))


def load_yaml(path: str | Path) -> dict[str, Any]:
    """The sections of a YAML file. Use `yaml.safe_load`."""
    _warn("load_yaml", "yaml.safe_load")
    return read_yaml(Path(path).read_text(encoding="utf-8"), f"The file '{path}'")


def read_csv(path: str | Path) -> pd.DataFrame:
    """The table of a delimited file as training reads it; the delimiter is inferred. Use `pandas.read_csv`."""
    _warn("read_csv", "pandas.read_csv")
    return read_table(Path(path), None)


def _warn(name: str, other: str) -> None:
    text = f"ludwig.utils.data_utils.{name} is there for old scripts and will go. Use {other}."
    warnings.warn(text, DeprecationWarning, stacklevel=3)
