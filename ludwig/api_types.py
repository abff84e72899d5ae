"""What the methods of `LudwigModel` give back."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ludwig.data.dataset import Dataset

SplitStats = dict[str, dict[str, list[float]]]  # by output, by metric: one value for each evaluation


@dataclass
class EvaluationFrequency:
    """How often a model was evaluated."""

    frequency: float = 1.0
    period: str = "epoch"

    EPOCH: ClassVar[str] = "epoch"
    STEP: ClassVar[str] = "step"


@dataclass
class TrainingStats(Mapping[str, SplitStats]):
    """The metrics of each split, one value for each evaluation; a read-only mapping from split to metrics as well."""

    training: SplitStats
    validation: SplitStats
    test: SplitStats
    evaluation_frequency: EvaluationFrequency = field(default_factory=EvaluationFrequency)
    stop_reason: str | None = None  # finished, patience, time, interrupted, not_finite or callback

    SPLITS: ClassVar[tuple[str, ...]] = ("training", "validation", "test")

    def __getitem__(self, split: str) -> SplitStats:
        if split not in self.SPLITS:
            raise KeyError(split)
        stats: SplitStats = getattr(self, split)
        return stats

    def __iter__(self) -> Iterator[str]:
        return iter(self.SPLITS)

    def __len__(self) -> int:
        return len(self.SPLITS)

    def __contains__(self, split: object) -> bool:
        return split in self.SPLITS and bool(getattr(self, str(split)))


class _Unpacks:
    """Still unpacks as the tuple that it once was, with a warning that names the attributes."""

    FIELDS: ClassVar[tuple[str, ...]]

    def __iter__(self) -> Iterator[Any]:
        self._warn()
        return iter([getattr(self, name) for name in self.FIELDS])

    def __getitem__(self, place: int) -> Any:
        self._warn()
        return getattr(self, self.FIELDS[place])

    def _warn(self) -> None:
        names = ", ".join(self.FIELDS)
        warnings.warn(
            f"Use the attributes of {type(self).__name__} ({names}) and not their places.",
            DeprecationWarning,
            stacklevel=3,
        )


@dataclass
class PreprocessedDataset(_Unpacks):
    """The splits, and the preprocessing state that was fitted on the training split."""

    training_set: Dataset
    validation_set: Dataset | None
    test_set: Dataset | None
    training_set_metadata: dict[str, Any]
    rows: dict[str, Any] = field(default_factory=dict)  # read, used and dropped by reason: in total and of each split

    FIELDS: ClassVar[tuple[str, ...]] = ("training_set", "validation_set", "test_set", "training_set_metadata")


@dataclass
class TrainingResults(_Unpacks):
    """What `train` gives."""

    train_stats: TrainingStats
    preprocessed_data: PreprocessedDataset
    output_directory: str

    FIELDS: ClassVar[tuple[str, ...]] = ("train_stats", "preprocessed_data", "output_directory")
