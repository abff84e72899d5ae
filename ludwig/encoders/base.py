"""The contract of an encoder: columns of a batch become a signal.

B = rows of the batch, C = columns of a group, T = steps of a sequence, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from ludwig.features.base import Facts
from ludwig.nn.signal import Form, Shape
from ludwig.schema import Component, Registry

Find = Callable[[str, str], str]


class Encoder(Component, nn.Module):
    """Turns a group of like columns, or one column, into a signal.

    `forward` takes a group as a tensor [B, C, *shape] where the Config has `grouped`; else one column: a tensor
    [B, *shape], or padded rows with their mask (`ludwig.columns.ragged.Padded`) of a ragged one.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        grouped: ClassVar[bool] = False  # all columns with an equal section go through one module at once
        takes_missing: ClassVar[bool] = False  # it reads NaN as a missing number; else it gets the median for it, and
        # an indicator stands beside what it gives

        @property
        def suggested_learning_rate(self) -> float | None:
            """What `learning_rate: auto` takes for this encoder; None where the feature type decides."""
            return None

        @property
        def suggested_batch_size(self) -> int | None:
            """The most that `batch_size: auto` takes for this encoder; None where it does not matter to it."""
            return None

        @property
        def most_rows(self) -> int | None:
            """Bound on the rows of a batch of evaluation, where activations are large; None for no bound."""
            return None

        @property
        def num_skips(self) -> int:
            """How many maps of an image the signal holds as skips, which decoders read past the combiner."""
            return 0

        def form(self) -> Form:
            """The form of the signal that the encoder gives."""
            return "tokens" if self.grouped else "vector"

        def size_of_token(self, facts: Any) -> int | None:
            """The size of a column's token where its facts decide it: only columns of one size share a module."""
            return None

        @property
        def looks_up_words(self) -> bool:
            """Whether it needs the words of a vocabulary that is fitted on the data, to find their vectors."""
            return False

        @property
        def draws_globally(self) -> bool:
            """Whether modules of another library draw from the generators of the process in training, as dropout."""
            return False

        @property
        def is_pretrained_text(self) -> bool:
            """Whether it is a pretrained network of texts, in whose place a language model could generate texts."""
            return False

        @property
        def obstacle_to_caching(self) -> str | None:
            """Why its embeddings change in training, so that they cannot be kept; None where they do not."""
            return f"The encoder '{self.type}' is trained, so its embeddings change."

        def described(self, find: Find) -> Self:
            """The section with what small description files of a pretrained network hold, which building needs.

            Args:
                find: The place of such files, from their name among the assets of a saved model and from where they
                    come.
            """
            return self

        def assets(self) -> Mapping[str, Callable[[Path], None]]:
            """The files that a described section was read from, which a saved model holds: by name, what writes a
            folder.
            """
            return {}

        def faults_of_origins(self) -> list[tuple[str, str]]:
            """(parameter, message) of foreign files that only a fresh run needs and that are not there."""
            return []

        def requires(self) -> Mapping[str, Any]:
            """The options of the feature's preprocessing that this encoder depends on, such as its tokenizer."""
            return {}

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

    shape: Shape  # of what forward gives

    def __init__(self, config: Config, facts: Sequence[Facts]) -> None:
        """Builds the structure; `facts` of the columns of the group, in their order, or of the one column.

        What follows from facts alone is a buffer that is not saved (`persistent=False`).
        """
        nn.Module.__init__(self)
        self.config = config

    def start(self, facts: Sequence[Any]) -> None:
        """Loads initial weights from files. Called once in a fresh run, never when a saved model is loaded."""

    def row_counts(self, name: str, weight: Tensor, facts: Sequence[Any]) -> list[int]:
        """How many rows of a weight of the group belong to each of its columns: equally many, unless overridden.

        So the weights of a group are those of its columns, one behind the other, and each column is saved by itself.
        """
        return [len(weight) // len(facts)] * len(facts)


ENCODERS: Registry[Encoder] = Registry("encoder")
