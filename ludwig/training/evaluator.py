"""How good a model is: metrics of a split, and the one of them that decides."""

from __future__ import annotations

import math

from ludwig.columns.frame import Frame
from ludwig.error import ConfigValidationError
from ludwig.inference.evaluation import Metrics, evaluate, rows_for_evaluation
from ludwig.metrics import METRICS
from ludwig.models.base import Model
from ludwig.runtime.engine import Engine
from ludwig.training.batch_size import measured
from ludwig.training.optim.averaging import Score
from ludwig.training.optim.plateau import PlateauRule, plateaus
from ludwig.training.options import EvaluationOptions
from ludwig.training.progress import Progress, rank

MOST_ROWS = 8192  # of a batch of evaluation that may be tried


class Evaluator:
    """Evaluates a model; the configured loss of an output is reported as `loss`."""

    def __init__(self, options: EvaluationOptions, model: Model, engine: Engine) -> None:
        self.options, self.model, self.engine = options, model, engine
        self.field = str(options.validation_field)
        metric = str(options.validation_metric)
        is_loss = self.field == "combined" or metric == model.outputs[self.field].config.loss.type
        self.metric = "loss" if is_loss else metric
        if not is_loss:
            self._refuse_undefined(metric)
        self.direction = self.direction_of(self.metric)
        self.follows_test_split = options.evaluate_test_set  # at every evaluation
        self.measured_rows: int | None = None  # of a batch, where the size was measured

    def _refuse_undefined(self, metric: str) -> None:
        """Raises where the metric is known, but undefined for the classes that the data has."""
        output = self.model.outputs[self.field]
        kind, setting = output.config.kind, output.setting()
        defined = [name for name in METRICS.names(kind) if METRICS.get(name, kind).applies(setting)]
        if metric in METRICS.names(kind) and metric not in defined:
            raise ConfigValidationError(
                f"trainer.validation_metric: '{metric}' is undefined for the classes of the output '{self.field}'. "
                f"Choose one of: loss, {', '.join(defined)}."
            )

    def direction_of(self, metric: str) -> str:
        """Whether a metric of the validation field is better when small or when large."""
        return "minimize" if self.field == "combined" else self.model.outputs[self.field].config.direction(metric)

    def evaluate(self, frame: Frame, at_least: int) -> Metrics:
        """All metrics of the split, `at_least` rows at once; results do not depend on how many."""
        engine, most, rows = self.engine, self.options.eval_steps, self.rows(frame, at_least)
        wanted = {self.field: str(self.options.validation_metric)}
        metrics = evaluate(self.model, frame, rows, engine.device, wanted, most, engine.workers)
        written = min(self.options.rows_of_texts, len(frame))
        if not written:
            return metrics
        of_texts = self.model.statistics_of_texts(frame.slice(0, written), rows, engine.device)
        return {name: {**values, **of_texts.get(name, {})} for name, values in metrics.items()}

    def rows(self, frame: Frame, at_least: int) -> int:
        """The rows of a batch of evaluation."""
        size = self.options.eval_batch_size
        if size is None:
            return rows_for_evaluation(self.model, frame, at_least)
        if size != "auto":
            return size
        if self.measured_rows is None:
            found = measured(self.model, frame, MOST_ROWS, self.engine)
            self.measured_rows = self.engine.workers.broadcast(found)
        return self.measured_rows

    def resolved(self) -> dict[str, int | None]:
        """The option that may be automatic; None where nothing was evaluated that it could be measured by."""
        size = self.options.eval_batch_size
        return {"eval_batch_size": self.measured_rows if size == "auto" else size}

    def selected(self, metrics: Metrics) -> tuple[float, float]:
        """The metric that decides, and the combined loss."""
        value = metrics.get(self.field, {}).get(self.metric, math.nan)
        return value, metrics.get("combined", {}).get("loss", math.nan)

    def score(self, metrics: Metrics) -> Score:
        """How good these metrics are."""
        return rank(*self.selected(metrics), self.direction)

    def plateaus(self, progress: Progress, rule: PlateauRule) -> int:
        """How many times a metric of the validation field stood still, as the rule counts it."""
        if rule.most == 0:
            return 0
        watched = progress.train_metrics if rule.split == "training" else progress.validation_metrics
        evaluations = watched.get(self.field, {}).get(rule.metric, [])
        direction = self.direction_of(rule.metric)
        return plateaus([value for *_, value in evaluations], rule.patience, rule.most, direction)
