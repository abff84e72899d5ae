"""What the methods of `LudwigModel` give back."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tabulate import tabulate

from ludwig.data.dataset import Dataset
from ludwig.error import LudwigError, counted

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
    selected: dict[str, int] = field(default_factory=dict)  # epoch and step of the selected weights

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

    def __repr__(self) -> str:
        sets = (("training", self.training_set), ("validation", self.validation_set), ("test", self.test_set))
        rows = ", ".join(f"{name}: {counted(len(rows), 'row')}" for name, rows in sets if rows is not None)
        return f"PreprocessedDataset({rows})"


@dataclass
class TrainingResults(_Unpacks):
    """What `train` gives."""

    train_stats: TrainingStats
    preprocessed_data: PreprocessedDataset
    output_directory: str
    draw: Callable[[Path], list[Path]] | None = field(default=None, repr=False, compare=False)  # the learning curves

    FIELDS: ClassVar[tuple[str, ...]] = ("train_stats", "preprocessed_data", "output_directory")

    def save_learning_curves(self, folder: str | Path | None = None) -> list[str]:
        """Draws how the metrics went, a picture for each output: `learning_curves_<output>.png`.

        Args:
            folder: Where to; None for the folder of the run.

        Returns:
            The paths of the pictures.

        Raises:
            LudwigError: The run was not saved, and no folder is given.
            MissingExtraError: matplotlib is not installed (extra `viz`).
        """
        place = folder or self.output_directory
        if not place or self.draw is None:
            raise LudwigError("The run has no folder. Name one: save_learning_curves(folder).")
        return [str(path) for path in self.draw(Path(place))]

    def __repr__(self) -> str:
        stats = self.train_stats
        return (
            f"TrainingResults(stop_reason={str(stats.stop_reason)!r}, selected={stats.selected}, "
            f"data={self.preprocessed_data!r}, output_directory={self.output_directory!r})"
        )

    def _repr_html_(self) -> str:
        """The metrics of the last evaluation of each split."""
        splits = {split: self.train_stats[split] for split in self.train_stats}
        names = {(out, name): None for scores in splits.values() for out in scores for name in scores[out]}
        rows = [
            [out, name, *(_last(scores.get(out, {}).get(name)) for scores in splits.values())] for out, name in names
        ]
        table = tabulate(rows, headers=["output", "metric", *splits], tablefmt="html", floatfmt=".4g")
        return f"<p>{html.escape(repr(self))}</p>\n{table}"


def _last(series: list[float] | None) -> float | None:
    return series[-1] if series else None
