"""The contract of a feature type's learning half: prediction -> loss, metrics, what users see.

B = rows of the batch, K = ensemble members
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.features.base import Feature
from ludwig.features.section import ColumnOptions
from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.loss import LossMetric
from ludwig.metrics.scoreboard import Scoreboard
from ludwig.nn.calibration import Scaling
from ludwig.nn.members import rows_of
from ludwig.nn.prediction import Prediction
from ludwig.schema import Component, Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputSection(ColumnOptions, Component.Config):
    """One output feature of the config, of whatever model type."""

    decoder: Any
    loss: Loss.Config
    preprocessing: Any

    feature: ClassVar[type[Feature[Any, Any, Any]]]
    reported: ClassVar[tuple[str, ...]]  # the metrics that every evaluation reports
    default_metric: ClassVar[str]
    summarized: ClassVar[tuple[str, ...]] = ()  # the metrics of a short summary; none for the default one
    follows_image: ClassVar[bool] = False  # whether the target is a mask of the input image, moved and sized as it is

    @property
    def kind(self) -> str:
        """For which kind of output losses and metrics are looked up."""
        return self.type

    def metric_names(self) -> list[str]:
        """What may be named as validation metric."""
        return sorted({"loss", self.loss.type, *METRICS.names(self.kind), *LOSSES.names(self.kind)})

    def direction(self, metric: str) -> Direction:
        """Whether the metric is better when small or when large."""
        if metric in METRICS.names(self.kind):
            return METRICS.get(metric, self.kind).direction
        return "minimize"  # a loss

    def requires(self) -> dict[str, Any]:
        """Options of the preprocessing that the output depends on."""
        return {}

    def faults(self) -> list[tuple[str, str]]:
        """(parameter, message) of options that do not go together."""
        return [(f"preprocessing.{name}", text) for name, text in self.preprocessing.faults()]


class Output(Component, nn.Module):
    """The model's half of one output feature. How its prediction comes about, its two kinds differ in: a decoder
    makes it from the combined signal (`DecodedOutput`), or it is read out of a generated text (`GeneratedOutput`).
    """

    has_members = False  # whether predictions are those of ensemble members
    has_baselines = True  # whether a constant and a linear model of the target are something to compare with

    def __init__(self, config: Any, facts: Any) -> None:
        nn.Module.__init__(self)
        self.config, self.facts, self.name = config, facts, config.name
        self.loss: Loss = config.loss.build(self.names_of_logits)

    def start(self) -> None:
        """Loads initial weights from files. Called once in a fresh run, never when a saved model is loaded."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in the order of their ids; empty where there are none."""
        return ()

    @property
    def names_of_logits(self) -> tuple[str, ...]:
        """What options of losses such as `class_weights` call the logits by, in their order."""
        return self.labels

    # -- calibration

    @property
    def scaling(self) -> Scaling | None:
        """How logits become those that probabilities are read from, once it is fitted on the validation split."""
        return None

    def calibrated(self, logits: Tensor) -> Tensor:
        """Logits as probabilities are read from them."""
        scaling = self.scaling
        return logits if scaling is None else scaling(logits, {name: getattr(self, name) for name in scaling.names})

    def joined(self, logits: Tensor) -> Tensor:
        """The logits of what ensemble members predict together: [B, K, *shape] -> [B, *shape]."""
        return logits.mean(1)

    def final(self, prediction: Prediction) -> Prediction:
        """With the logits that the answer is read from: calibrated, and those of all members together."""
        logits = self.calibrated(prediction.known_logits)
        if not self.has_members:
            return dataclasses.replace(prediction, logits=logits)
        return dataclasses.replace(prediction, logits=self.joined(logits), hidden=prediction.hidden.mean(1))

    @torch.no_grad()
    def calibrate_by(self, state: Mapping[str, Tensor]) -> None:
        """Takes over the numbers of the scaling."""
        for name, value in state.items():
            self.get_buffer(name).copy_(value)

    # -- decision

    @property
    def threshold_metric(self) -> str | None:
        """By which metric the decision threshold is chosen on the validation split; None where none is chosen."""
        return None

    @property
    def threshold_percentile(self) -> float | None:
        """At which percentile of the scores of rows that are not labelled as anomalies the threshold is set after
        training; None where it is not.
        """
        return None

    # -- prediction intervals

    @property
    def levels(self) -> tuple[float, ...]:
        """Of the quantiles that are predicted, ascending; empty where there are none."""
        return ()

    @property
    def fitted_names(self) -> tuple[str, ...]:
        """The buffers that are fitted on the validation split: of calibration, threshold and quantiles."""
        is_fixed = self.threshold_metric is None and self.threshold_percentile is None
        threshold = () if is_fixed else ("chosen_threshold",)
        return (*(self.scaling.names if self.scaling else ()), *threshold)

    # -- loss

    def target(self, column: Tensor | Padded) -> Tensor:
        """The target as losses read it."""
        if isinstance(column, Padded):
            raise TypeError(f"The output '{self.name}' takes no ragged target.")
        return column

    def compared(self, loss: Loss, prediction: Prediction, target: Tensor) -> tuple[Prediction, Tensor]:
        """Logits and target as a loss compares them, in the column's own units where the loss asks for these."""
        return prediction, target

    def row_losses(self, loss: Loss, prediction: Prediction, target: Tensor, *, members: bool) -> Tensor:
        """The loss of each row: [B]; where the prediction is that of members, the mean of theirs."""
        return rows_of(loss, *self.compared(loss, prediction, target), members)

    def row_weights(self, loss: Loss, target: Tensor, weights: Tensor | None) -> Tensor | None:
        """How much each row counts in the mean of a loss: [B]; `weights` are those that the data give it."""
        own = loss.row_weights(target)
        return weights if own is None else own if weights is None else own * weights

    def loss_of(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> Tensor:
        """The training loss of the batch, by the weights of its rows: []."""
        rows = self.row_losses(self.loss, prediction, target, members=self.has_members)
        return self.loss.of_rows(rows, self.row_weights(self.loss, target, weights))

    def weight_of(self, target: Tensor, weights: Tensor | None = None) -> Tensor:
        """How much the rows of a batch count together in a mean over several batches: []."""
        weights = self.row_weights(self.loss, target, weights)
        return target.new_full((), len(target), dtype=torch.float32) if weights is None else weights.sum()

    # -- predictions and metrics

    def complete(self, prediction: Prediction) -> Prediction:
        """With predictions and probabilities for the user; with members, what they predict together."""
        raise NotImplementedError

    def answers(self, prediction: Prediction) -> dict[str, Tensor]:
        """What users get of a complete prediction, by the key of its column: [B, ...]."""
        found = {"predictions": prediction.predictions, "probabilities": prediction.probabilities}
        return {key: values for key, values in found.items() if values is not None}

    def answer(self, probabilities: Tensor) -> Prediction:
        """The prediction that follows from the probability of each class: [B, C]."""
        hidden = probabilities.new_empty((len(probabilities), 0))
        return Prediction(None, hidden, probabilities.argmax(-1), probabilities)

    @property
    def score_names(self) -> tuple[str, ...]:
        """What `scores` are of: the classes, where each row has one, or the column, where it is a number; else none."""
        return ()

    def scores(self, prediction: Prediction) -> Tensor:
        """The probability of each class, or the number in the column's own units, of a complete prediction: [B, S]."""
        raise NotImplementedError

    def observed(self, target: Tensor) -> Tensor:
        """The target as metrics compare it with predictions."""
        return target

    def setting(self) -> Setting:
        """What metrics need to know of this output."""
        return Setting(classes=len(self.labels))

    def scoreboard(self, wanted: str | None = None) -> OutputScores:
        """Fresh counters of the reported metrics, and of one more where it is asked for."""
        setting, kind = self.setting(), self.config.kind
        names = [*self.config.reported]
        if wanted in METRICS.names(kind) and wanted not in names:
            names.append(wanted)
        classes = {name: METRICS.get(name, kind) for name in names}
        metrics: dict[str, Metric] = {name: c(setting) for name, c in classes.items() if c.applies(setting)}
        losses = {"loss": self.loss}
        if wanted in LOSSES.names(kind) and wanted not in metrics and wanted != self.config.loss.type:
            losses[wanted] = LOSSES.get(wanted, kind).Config().build(self.names_of_logits).to(_device(self))
        return OutputScores(self, losses, Scoreboard(metrics))

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        """Statistics of a whole split, such as a confusion matrix, from arrays of what was predicted and is true."""
        return {}


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device


class OutputScores:
    """The metrics of one output over a split: updated batch by batch, computed at the end."""

    def __init__(self, output: Output, losses: Mapping[str, Loss], board: Scoreboard) -> None:
        self.output, self.losses, self.board = output, dict(losses), board
        self.sums = {name: LossMetric(loss) for name, loss in losses.items()}

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        """Counts a batch, each row as much as it weighs; `prediction` is complete.

        Losses are those of the logits that the answer is read from.
        """
        output, final = self.output, prediction if prediction.logits is None else self.output.final(prediction)
        for name, loss in self.losses.items():
            rows = output.row_losses(loss, final, target, members=False)
            self.sums[name].update(rows, output.row_weights(loss, target, weights))
        self.board.update(final, output.observed(target), weights)

    def merge(self, other: OutputScores) -> None:
        """Takes over what another has counted of the same output."""
        for name, metric in self.sums.items():
            metric.merge(other.sums[name])
        self.board.merge(other.board)

    def state(self) -> dict[str, Any]:
        """What has been counted, as tensors, numbers and lists of them."""
        return {"losses": {name: metric.state() for name, metric in self.sums.items()}, "board": self.board.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what others of the same output had counted."""
        for name, metric in self.sums.items():
            metric.load_state(state["losses"][name])
        self.board.load_state(state["board"])

    def compute(self) -> dict[str, float]:
        """Metric by name; one that cannot be computed is left out."""
        losses = {name: metric.compute() for name, metric in self.sums.items()}
        return {**{name: value for name, value in losses.items() if value is not None}, **self.board.compute()}


OUTPUTS: Registry[Output] = Registry("output feature type")
