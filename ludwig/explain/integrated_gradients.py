"""Explanations of rows by integrated gradients.

N = rows, S = labels, or one number; F = input features, T = tokens of a text
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ludwig.api import LudwigModel
from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Padded
from ludwig.data.loader import batches
from ludwig.data.pipeline import Rows
from ludwig.error import ArgumentError
from ludwig.explain.explanation import Explanation, ExplanationsResult, Tokens
from ludwig.explain.gradients import Attributed, Baseline, attributed, baseline_of, differentiable, rows_at_once
from ludwig.explain.subject import network_of, rows_for, scored_output, with_encoders
from ludwig.features.base import Facts
from ludwig.lifecycle.held import Data, fitted, within_call
from ludwig.models.base import FeatureSpec
from ludwig.models.ecd.answers import AnsweringModel

NO_TOKENS: Mapping[str, Tokens] = {}


class IntegratedGradientsExplainer:
    """How much each input adds to the prediction of each row, beside what is predicted for an average row.

    Use it to see why the model predicts what it does for these rows. A row's attributions and the expected value add up
    to its prediction: to the probability of each class, or to the number in its own units. The baseline is the mean of
    what the encoders give for `sample_df`, so take rows that are typical, some hundred of them: the training data, or
    those that these rows are to be compared with.

    Args:
        model: A trained model with an encoder for each input.
        inputs_df: The rows to explain, as `predict` takes them.
        sample_df: The rows that they are compared with.
        target: The output: binary, category, category_distribution or number.

    Raises:
        ArgumentError: There is no such output, or its rows have neither one class nor one number.
        NotTrainedError: The model is not trained or loaded.

    Source: Sundararajan, Taly & Yan 2017, "Axiomatic Attribution for Deep Networks", arXiv:1703.01365.

    ```python
    result = IntegratedGradientsExplainer(model, rows, sample, "churn").explain()
    result.importances()  # the mean size of each input's attributions
    result.row_explanations[0].to_array()  # [labels, input features]
    ```
    """

    def __init__(self, model: LudwigModel, inputs_df: Data, sample_df: Data, target: str) -> None:
        network = with_encoders(network_of(model), "Integrated gradients")
        self.labels = tuple(map(str, scored_output(network, target, "target").score_names))
        for name, data in (("inputs_df", inputs_df), ("sample_df", sample_df)):
            if data is None:
                raise ArgumentError(f"{name} must be a table. Received: None.")
        self.model, self.inputs_df, self.sample_df, self.target = model, inputs_df, sample_df, target

    def explain(self) -> ExplanationsResult:
        """Explains all rows.

        Raises:
            InputDataError: A column is missing, has cells that do not fit, or there are no rows.
        """
        model, network = self.model, with_encoders(network_of(self.model), "Integrated gradients")
        with within_call(model):
            rows = rows_for(model, self.inputs_df, "inputs_df", with_targets=False)
            sample = rows_for(model, self.sample_df, "sample_df", with_targets=False)
            with differentiable(network):
                baseline = baseline_of(network, sample.frame, model.device)
                return self._result(rows, self._explained(network, rows.frame, baseline))

    def _explained(self, network: AnsweringModel, frame: Frame, baseline: Baseline) -> list[Explanation]:
        """One for each row of the frame."""
        specs, facts = self.model.config_obj.resolve(self.model.assets)[0], fitted(self.model)
        names, found = network.input_names(), list[Explanation]()
        for batch in batches(frame, rows_at_once(network, baseline), self.model.device):
            part = attributed(network, self.target, batch, baseline, names)
            kept = [spec for spec in specs if spec.name in part.steps]
            found += self._of_rows(part, names, {spec.name: _words(spec, facts[spec.name], batch) for spec in kept})
        return found

    def _of_rows(
        self, part: Attributed, names: Sequence[str], words: dict[str, list[tuple[str, ...]]]
    ) -> list[Explanation]:
        features, expected = part.features.float().cpu().numpy(), part.expected.cpu().double().numpy()
        steps = {name: part.steps[name].float().cpu().numpy() for name in words}  # [B, S, T]
        return [
            self._explanation(
                names,
                features[row],
                expected[row],
                {name: Tokens(each[row], steps[name][row, :, : len(each[row])]) for name, each in words.items()},
            )
            for row in range(len(features))
        ]

    def _explanation(
        self,
        names: Sequence[str],
        attributions: NDArray[np.float32],
        expected: NDArray[np.float64],
        tokens: Mapping[str, Tokens] = NO_TOKENS,
    ) -> Explanation:
        return Explanation(self.target, self.labels, tuple(names), attributions, expected, tokens)

    def _result(self, rows: Rows, found: list[Explanation]) -> ExplanationsResult:
        """With nothing known of the rows that could not be used."""
        names = found[0].feature_names
        sizes = np.abs([each.attributions for each in found]).mean(0, dtype=np.float64)  # [S, F]
        expected = np.mean([each.expected_values for each in found], axis=0)  # [S]
        unknown = self._explanation(names, np.full_like(found[0].attributions, np.nan), np.full_like(expected, np.nan))
        explained = iter(found)
        every = [next(explained) if kept else unknown for kept in rows.kept]
        whole = self._explanation(names, sizes.astype(np.float32), expected)
        return ExplanationsResult(whole, every, expected.tolist())


def _words(spec: FeatureSpec, facts: Facts, batch: Frame) -> list[tuple[str, ...]]:
    """The tokens of each row of a column; where these are no words, the numbers of its steps."""
    column = batch.column(spec.name)
    assert isinstance(column, Padded)
    mask = column.mask.cpu().numpy()  # [B, T]
    there = column.values.cpu().numpy()[mask]  # [total, *shape]
    words = spec.feature.token_names(there, facts)
    if words is None:
        words = [str(step) for step in np.nonzero(mask)[1]]
    ends = mask.sum(1).cumsum()
    return [tuple(words[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
