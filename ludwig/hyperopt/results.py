"""What a search gives back: its trials, best first, and the best model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ludwig.api import LudwigModel
from ludwig.error import LudwigError, NoSuchFileError
from ludwig.hyperopt.plots import save_plots
from ludwig.hyperopt.record import COMPLETE, FAILED, TrialResults, dominates, table_of


@dataclasses.dataclass(repr=False)
class HyperoptResults:
    """The trials of a search.

    Args:
        ordered_trials: Best first; stopped and then failed ones last. With several objectives those that no other
            trial beats in all of them come first.
        experiment_analysis: The study of Optuna.
        directions: "minimize" or "maximize", for each objective.
        output_directory: The folder of the search; None where nothing is saved.
    """

    ordered_trials: list[TrialResults]
    experiment_analysis: Any
    directions: list[str]
    output_directory: str | None = None

    @property
    def best_trial(self) -> TrialResults:
        """The best trial.

        Raises:
            LudwigError: All trials failed.
        """
        if not self.ordered_trials or self.ordered_trials[0].state == FAILED:
            raise LudwigError("No trial of the search succeeded.")
        return self.ordered_trials[0]

    def best_model(self) -> LudwigModel:
        """The model of the best trial, loaded.

        Raises:
            LudwigError: Models were not saved, or all trials failed.
            NoSuchFileError: The model is no longer where the search saved it.
        """
        path = self.best_trial.model_path
        if path is None:
            raise LudwigError(
                "The search saved no models: it ran with skip_save_model=True or without an output_directory. Train "
                "one with the parameters of best_trial."
            )
        if not Path(path).is_dir():
            raise NoSuchFileError(f"The model of the best trial is no longer at '{path}'.")
        return LudwigModel.load(path)

    def pareto_front(self) -> list[TrialResults]:
        """The trials that no other one beats in all objectives: the best one where there is one objective."""
        done = [trial for trial in self.ordered_trials if trial.state == COMPLETE]
        return [trial for trial in done if not any(dominates(other, trial, self.directions) for other in done)]

    def save_plots(self, folder: str | Path | None = None) -> list[str]:
        """Draws the history, the importance of the parameters and parallel coordinates.

        Args:
            folder: Where to; None for the folder of the search.

        Returns:
            The paths of the pictures.

        Raises:
            LudwigError: The search has no folder, and none is given.
            MissingExtraError: matplotlib is not installed (extra `viz`).
        """
        place = folder or self.output_directory
        if place is None:
            raise LudwigError("The search has no folder. Name one: save_plots(folder).")
        return [
            str(path)
            for path in save_plots(self.ordered_trials, self.experiment_analysis, self.directions[0], Path(place))
        ]

    def __repr__(self) -> str:
        best = f", best {self.ordered_trials[0].metric_score}" if self.ordered_trials else ""
        return f"HyperoptResults({len(self.ordered_trials)} trials{best})"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>\n{table_of(self.ordered_trials, tablefmt='html')}"
