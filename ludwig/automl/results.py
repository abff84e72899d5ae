"""What automatic training gives back."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from ludwig.api import LudwigModel
from ludwig.automl.features import ColumnGuess, table_of
from ludwig.hyperopt.results import HyperoptResults


@dataclasses.dataclass(frozen=True, repr=False)
class AutoTrainResults:
    """The trials of an automatic training, and its best model.

    Args:
        hyperopt_results: The search with all its trials, best first.
        config: The config that was searched.
        columns: What each column was found to be, with the reason; empty where the config was given.
    """

    hyperopt_results: HyperoptResults
    config: dict[str, Any]
    columns: list[ColumnGuess] = dataclasses.field(default_factory=list)

    @property
    def experiment_analysis(self) -> Any:
        """The study of Optuna."""
        return self.hyperopt_results.experiment_analysis

    @property
    def best_trial_id(self) -> str:
        """The best trial, by the name of its folder."""
        return f"trial_{self.hyperopt_results.best_trial.number}"

    @functools.cached_property
    def best_model(self) -> LudwigModel:
        """The model of the best trial, loaded.

        Raises:
            LudwigError: Models were not saved.
        """
        return self.hyperopt_results.best_model()

    def __repr__(self) -> str:
        best, trials = self.hyperopt_results.best_trial, len(self.hyperopt_results.ordered_trials)
        return f"AutoTrainResults({trials} trials, best {best.metric_score} of {self.best_trial_id})"

    def _repr_html_(self) -> str:
        columns = table_of(self.columns, "html") if self.columns else ""
        return f"<p>{self!r}</p>\n{columns}{self.hyperopt_results._repr_html_()}"
