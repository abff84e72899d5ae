"""The options that embedding tables of words and of tokens share."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """Where the table of embeddings stands."""

    embeddings_on_cpu: bool = param(
        False, help="Whether the table stays in CPU memory, which saves that of the GPU and makes a step slower."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableOptions(PlaceOptions):
    """Where the table of embeddings stands and what it starts from."""

    pretrained_embeddings: str | None = param(
        None, help="Path of a file of pretrained word vectors (GloVe format) to start from; null for none."
    )

    @property
    def looks_up_words(self) -> bool:
        return self.pretrained_embeddings is not None

    def faults_of_origins(self) -> list[tuple[str, str]]:
        path = self.pretrained_embeddings
        if path is None or Path(path).is_file():
            return []
        return [("pretrained_embeddings", f"There is no file '{path}'.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbeddingDropoutOptions:
    """What training leaves out of embeddings."""

    dropout: float = param(0.0, min=0, max=1, help="Dropout rate of the embeddings. Raise it against overfitting.")
