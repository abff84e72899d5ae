"""Consent to code that comes with a model: it belongs to the process that loads, and no file can give it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ludwig.error import ArtifactError

OPTION = "trust_remote_code"
VARIABLE = "LUDWIG_TRUST_REMOTE_CODE"


def refuse_foreign_code(saved: Mapping[str, Any]) -> None:
    """Raises where a saved config asks that code of others may run, and the environment does not consent."""
    asked = sorted(_asked(saved))
    if asked and os.environ.get(VARIABLE) != "1":
        raise ArtifactError(
            f"The saved model wants to run Python code that comes with its base model ({', '.join(asked)}: true), "
            f"which its file cannot allow. Set the environment variable {VARIABLE}=1 if you trust the model, or set "
            f"{OPTION} to false in its model_hyperparameters.json."
        )


def _asked(section: Any, path: str = "") -> Iterator[str]:
    """The places of a config that ask for it."""
    entries = (
        section.items() if isinstance(section, Mapping) else enumerate(section) if isinstance(section, list) else ()
    )
    for key, value in entries:
        here = f"{path}.{key}".lstrip(".")
        if key == OPTION and value is True:
            yield here
        else:
            yield from _asked(value, here)
