"""Whether a run can go on with a config: checked before anything of it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ludwig.config import ModelConfig, load_config
from ludwig.error import ConfigValidationError
from ludwig.globals import MODEL_FILE_NAME, MODEL_HYPERPARAMETERS_FILE_NAME
from ludwig.models import artifacts
from ludwig.schema import dump


def refuse_other_run(path: str | None, config: ModelConfig) -> None:
    """Raises where the earlier run has another network or another optimizer than the config describes.

    Raises:
        ConfigValidationError: It has; the message names the first difference.
    """
    file = None if path is None else Path(path) / MODEL_FILE_NAME / MODEL_HYPERPARAMETERS_FILE_NAME
    if file is None or not file.is_file():
        return
    before = load_config(artifacts.read_part(file.parent, file.name), is_saved=True)
    found = first_difference(_decisive(before), _decisive(config))
    if found is not None:
        place, old, new = found
        raise ConfigValidationError(
            f"{place}: Cannot change while a run goes on. The run in '{path}' has {old!r:.100}, and the config has "
            f"{new!r:.100}. Resume with the config of the run, in which other options of the trainer may be new; or "
            "leave model_resume_path out to begin a new run."
        )


def _decisive(config: ModelConfig) -> dict[str, Any]:
    """What weights and the state of the optimizer depend on."""
    optimizer = dump(config.trainer).get("optimizer") or {}
    return {**config.architecture(), "trainer": {"optimizer": {"type": optimizer.get("type")}}}


def first_difference(old: Any, new: Any, place: str = "") -> tuple[str, Any, Any] | None:
    """The path of the first value that differs, with both values; None where all are equal."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(f"{place}.{key}".lstrip("."), old.get(key), new.get(key)) for key in dict.fromkeys([*old, *new])]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(f"{place}[{number}]", *both) for number, both in enumerate(zip(old, new, strict=True))]
    else:
        return None if old == new else (place, old, new)
    return next((found for here, one, other in pairs if (found := first_difference(one, other, here))), None)
