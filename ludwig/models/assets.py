"""Files that building a network needs beside its config and its fitted state.

A tokenizer's files, the architecture of a pretrained network: in a fresh run where the config names them, later in
the folder of the saved model, so that a saved model needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ludwig.globals import MODEL_ADAPTER_DIR_NAME, MODEL_ASSETS_DIR_NAME


@dataclass(frozen=True)
class Assets:
    """Where such files are found."""

    folder: Path | None = None  # of the saved model that is loaded

    @property
    def is_saved(self) -> bool:
        """Whether a saved model is loaded."""
        return self.folder is not None

    def source(self, name: str, origin: str) -> str:
        """The folder of the asset in the saved model where it has one, else where it comes from."""
        saved = None if self.folder is None else asset_folder(self.folder, name)
        return str(saved) if saved is not None and saved.is_dir() else origin

    def adapter(self, origin: str) -> str:
        """The folder of the adapter: that of the saved model where it has one, else where it comes from."""
        saved = None if self.folder is None else self.folder / MODEL_ADAPTER_DIR_NAME
        return str(saved) if saved is not None and saved.is_dir() else origin


def asset_folder(model_folder: Path, name: str) -> Path:
    """The folder of an asset in that of a saved model."""
    return model_folder / MODEL_ASSETS_DIR_NAME / name
