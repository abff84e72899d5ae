"""Declarative deep learning: a config names columns, `LudwigModel(config).train(data)` gives a model."""

from __future__ import annotations

from typing import Any

from ludwig.globals import LUDWIG_VERSION as __version__

__all__ = ["LudwigModel", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "LudwigModel":  # importing it brings torch and pandas, so it waits until it is asked for
        from ludwig.api import LudwigModel

        return LudwigModel
    raise AttributeError(f"module 'ludwig' has no attribute '{name}'")
