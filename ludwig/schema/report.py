"""Reports every fault of a config at once, each with its path in the YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ludwig.error import ConfigValidationError, counted


def faults_of(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, message) of each leaf of marshmallow's tree of messages; list positions become `[i]`."""
    if isinstance(tree, Mapping):
        for key, branch in tree.items():
            yield from faults_of(branch, _join(path, key))
    elif isinstance(tree, list):
        for branch in tree:
            yield from faults_of(branch, path)
    else:
        yield path, str(tree)


def _join(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if key == "_schema":
        return path  # a layer of marshmallow's own, which the user never wrote
    return f"{path}.{key}" if path else str(key)


def raise_all(faults: list[tuple[str, str]]) -> None:
    """Raises one error that lists all faults; does nothing when there are none.

    Raises:
        ConfigValidationError: with one line a fault.
    """
    if faults:
        lines = [f"  {path}: {message}" if path else f"  {message}" for path, message in faults]
        count = counted(len(faults), "fault")
        raise ConfigValidationError(f"The config has {count}:\n" + "\n".join(lines))
