"""The contract of a feature type's data half: raw column <-> tensors.

    column -> parse -> cells -> tally (+ merge) -> finish -> facts;  (cells, facts) -> encode -> tensors;
    what a model predicted -> decode -> values for the user

N = rows
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.files import Decoder
from ludwig.columns.frame import Column
from ludwig.error import InputDataError
from ludwig.features.cells import Cells, Flags
from ludwig.runtime.console import logger_of
from ludwig.schema import Component, Registry

logger = logger_of(__name__)

UNKNOWN = "<UNK>"


@dataclasses.dataclass(frozen=True)
class Facts(ABC):
    """Fitted preprocessing state of one column."""

    keeps_missing = False  # whether missing cells reach the encoder, as NaN

    @property
    def median(self) -> float:
        """Of a column of numbers, as it is normalised; what an encoder that takes no missing number gets for one."""
        return 0.0

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The facts as JSON values, under the names that `training_set_metadata` gives them."""

    @classmethod
    @abstractmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """The same facts back."""


class Tally(ABC):
    """What has been counted of a column so far; tallies of chunks merge to the tally of the whole.

    What is finished of tallies depends on the cells alone: equal to the last bit for one chunk or many, for chunks in
    any order, and for any tree of merges. So sums are exact (`Moments`), quantiles come from a `Sketch`, and ties are
    broken by the values, never by what was seen first. Tallies can be pickled; merging leaves both as they are.
    """

    @abstractmethod
    def merge(self, other: Self) -> Self:
        """The tally of both chunks. Commutative and associative, exactly."""


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A column as tensors, and the rows that must go because a cell of theirs cannot be used."""

    column: Column
    dropped: Flags | None = None  # [N]
    unknown: Flags | None = None  # [N], cells of a value that the training split did not have; None where none can be


def at_origin(name: str, origin: str) -> str:
    """The place of files that no saved model has yet."""
    return origin


C = TypeVar("C", bound=Cells)
T = TypeVar("T", bound=Tally)
F = TypeVar("F", bound=Facts)


class Feature(Component, ABC, Generic[C, T, F]):
    """The data half of a feature type. `Config` holds the options for an input, `TargetConfig` those for an output."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        missing_value_strategy: str

        @property
        def text_of_missing(self) -> str | None:
            """What a missing cell reads as in a prompt; None where its row is given up."""
            return None if self.missing_value_strategy == "drop_row" else ""

        @property
        def lists_words(self) -> bool:
            """Whether the words of the column are listed in a vocabulary of its own."""
            return True

        @property
        def caches_embeddings(self) -> bool:
            """Whether what a frozen encoder gives for the column is computed once for all rows of a training run."""
            return False

        def uncached(self) -> Self:
            """The same without that."""
            return self

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

    TargetConfig: ClassVar[type[Any]]
    kind: ClassVar[str]  # the feature type, as configs name it
    facts_type: ClassVar[type[Facts]]
    default_encoder: ClassVar[str]
    encoder_of_steps: ClassVar[Mapping[str, Any] | None] = None  # the default where an output reads every step
    is_textual: ClassVar[bool] = True  # its cells are read from a file exactly as they are written
    may_be_balanced: ClassVar[bool] = False  # its classes may be over- or undersampled
    has_classes: ClassVar[bool] = False  # its cells are of few values, each with a share of the rows
    may_hold_times: ClassVar[bool] = False  # its cells may be dates or times, so that they order the rows
    may_share_column: ClassVar[bool] = False  # one column may be both an input and an output
    suggested_learning_rate: ClassVar[float] = 0.001  # what `learning_rate: auto` takes where such an input is read

    def __init__(
        self,
        config: Any,
        name: str,
        *,
        target: bool = False,
        folder: Path | None = None,
        find: Callable[[str, str], str] = at_origin,
    ) -> None:
        """The data half of one resolved feature.

        Args:
            folder: Where the data file lies, against which relative paths in its cells are resolved.
            find: The place of foreign files, such as a tokenizer's, from their name among the assets of a saved model
                and from where they come.
        """
        self.config, self.name, self.target, self.folder, self.find = config, name, target, folder, find

    @abstractmethod
    def parse(self, column: pd.Series) -> C:
        """Raw cells to typed cells.

        Raises:
            InputDataError: Cells that cannot be of this type; the message counts them and shows the first few.
        """

    def parse_of(self, table: pd.DataFrame, column: str) -> C:
        """The cells of a column of a table, whose other columns may separate the rows that a cell is made of."""
        return self.parse(table[column])

    @abstractmethod
    def tally(self, cells: C) -> T:
        """Counts a chunk of the training split."""

    @abstractmethod
    def finish(self, tally: T) -> F:
        """The facts from what was counted.

        Raises:
            InputDataError: A target that carries no information, such as one that is always missing.
        """

    def following(self, facts: F, cells: C, of_leader: Any, cells_of_leader: Any) -> F:
        """The facts where they follow those of another feature, as the size of a mask that of its image.

        Raises:
            InputDataError: The columns do not belong together.
        """
        return facts

    @abstractmethod
    def encode(self, cells: C, facts: F) -> Encoded:
        """Cells to tensors. Pure: equal cells and facts give equal tensors."""

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: F) -> dict[str, Any]:
        """What an output of this type predicted, as the user is to see it: arrays of N rows by key."""
        return dict(predicted)

    def texts(self, ids: NDArray[Any], facts: F) -> NDArray[np.object_] | None:
        """The texts that rows of predicted ids stand for: [N]; None where predictions are no texts."""
        return None

    def token_names(self, ids: NDArray[Any], facts: F) -> list[str] | None:
        """The token that each id stands for; None where the column has no tokens."""
        return None

    def decoder(self, facts: F) -> Decoder | None:
        """What reads one source of a column that is kept as files; None for other columns."""
        return None

    def assets(self) -> Mapping[str, Callable[[Path], None]]:
        """The foreign files that reading the column needs, which a saved model holds: by name, what writes a folder."""
        return {}

    def files(self) -> list[Path]:
        """The files and folders that the config names and that encoding reads, so that a change of theirs is seen."""
        return []

    @property
    def copies_files(self) -> bool:
        """Whether encoding takes in the content of files that cells name; what was cached would miss their changes."""
        return False

    def facts_of_config(self) -> F:
        """The facts where the config alone determines them.

        Raises:
            LookupError: It does not.
        """
        raise LookupError(f"the {self.where} needs preprocessing state that is fitted on a training split")

    @property
    def reads_neighbours(self) -> bool:
        """Whether a cell is made of the rows before or after its own."""
        return False

    @property
    def group(self) -> str | None:
        """The column of ids, where a cell is made of neighbouring rows of its own id alone; None for all rows."""
        return None

    @property
    def role(self) -> str:
        """What the column is for."""
        return "target" if self.target else "input"

    @property
    def where(self) -> str:
        """How messages name the column."""
        return f"{'output' if self.target else 'input'} feature '{self.name}'"

    def refuse_all_missing(self, present: int) -> None:
        """Raises when a target has no value in the training split."""
        if present == 0 and self.target:
            raise InputDataError(
                f"The {self.where} has no value in the training split: every cell is missing. "
                "Name another column, or a split that has values."
            )
        if present == 0:
            logger.warning("The %s has no value in the training split: every cell is missing.", self.where)


FEATURES: Registry[Feature[Any, Any, Any]] = Registry("feature type")


def first_few(values: NDArray[Any] | list[Any], count: int = 3) -> str:
    """The first few values, as messages quote them: in one line, and not at any length."""
    shown = (" ".join(repr(value).split()) for value in list(values[:count]))
    return ", ".join(f"{text:.200}" for text in shown) + (", ..." if len(values) > count else "")
