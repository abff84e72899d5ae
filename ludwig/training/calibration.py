"""Calibration: a class that gets a probability of 0.8 is right in 80% of such rows.

The numbers of a scaling (see `ludwig.nn.calibration`) are those with the least negative log-likelihood of the
probabilities that users see, on a split that was not trained on. It is the plain likelihood, by the sample weights of
the rows but without the class weights and refinements of the training loss; of ensemble members it is that of their
mean. Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4.

N = rows of the split, K = ensemble members, C = classes
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.data.loader import batches
from ludwig.inference.evaluation import CPU, in_step, moved
from ludwig.metrics.sums import wide
from ludwig.models.base import Model
from ludwig.nn import reliability
from ludwig.nn.calibration import Scaling
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import Output
from ludwig.runtime.console import logger_of
from ludwig.runtime.distributed import ALONE, Workers

logger = logger_of(__name__)

ITERATIONS = 100
LEAST_ROWS = 3
FOLDS = 3  # in which the strength of a penalty is chosen
TEMPERATURES = tuple(2.0**power for power in range(-6, 7))  # where training may start
SLACK = 1e-6  # of the likelihood, which the rounding of the kept numbers may cost

Json = dict[str, Any]
Free = dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Seen:
    """What an output predicted, and what is true."""

    logits: Tensor  # [N], [N, C] or with members [N, K], [N, K, C]
    target: Tensor  # [N], or [N, C] where each of many labels is true or not
    weights: Tensor | None = None  # [N], how much each row counts; None where all count alike

    @staticmethod
    def joined(parts: Sequence[Seen]) -> Seen:
        """The rows of all parts, one after the other."""
        if not parts:
            return Seen(torch.empty(0), torch.empty(0))
        weights = [part.weights for part in parts if part.weights is not None]
        logits, target = torch.cat([part.logits for part in parts]), torch.cat([part.target for part in parts])
        return Seen(logits, target, torch.cat(weights) if weights else None)

    def __len__(self) -> int:
        return len(self.target)

    def rows(self, chosen: Tensor) -> Seen:
        """Some of the rows: chosen [N] of booleans."""
        weights = None if self.weights is None else self.weights[chosen]
        return Seen(self.logits[chosen], self.target[chosen], weights)

    @property
    def weight(self) -> float:
        """Of all rows together."""
        return len(self) if self.weights is None else float(self.weights.sum())

    def usable(self) -> Seen:
        """The rows that count, of a known class and with finite logits, in double precision where the device has it."""
        known = (self.target >= 0).flatten(1).all(1) if self.target.dim() > 1 else self.target >= 0  # [N]
        return self.counting(known)

    def counting(self, known: Tensor) -> Seen:
        """Those of the rows, [N] of booleans, that have a weight and finite logits, in double precision."""
        finite = self.logits.isfinite().view(len(self), -1).all(1) if len(self) else known  # [N]
        counts = finite if self.weights is None else finite & (self.weights > 0)
        return Seen(wide(self.logits), self.target, self.weights).rows(known & counts)


@dataclasses.dataclass(frozen=True)
class Measured:
    """How good probabilities are; None without rows."""

    error: float | None
    likelihood: float | None  # its negative logarithm


def calibrate(
    model: Model, frame: Frame, batch_size: int, device: torch.device, workers: Workers = ALONE
) -> dict[str, Json]:
    """Calibrates the probabilities of each output that has `calibration`, on a split that was not trained on.

    An output goes without where that would raise the negative log-likelihood, or where the split has too few rows or
    one class only. What an earlier call found is dropped.

    Args:
        workers: Processes that calibrate together, each with the whole split or with rows of its own.

    Returns:
        By output: `method`, as the config sets it; `kept`, whether it is in force, and if not, `reason`; `rows`, on
        which it was trained; `expected_calibration_error` and `negative_log_likelihood`, each `before` and `after`,
        on these same rows.
    """
    outputs = {name: output for name, output in model.outputs.items() if output.scaling is not None}
    if not outputs:
        return {}
    seen = seen_of(model, list(outputs), frame, batch_size, device, workers)
    return {name: _calibrated(name, output, seen[name].usable()) for name, output in outputs.items()}


def seen_of(
    model: Model, names: list[str], frame: Frame, batch_size: int, device: torch.device, workers: Workers
) -> dict[str, Seen]:
    """What these outputs predict for the rows of the frame, those of all processes, and what is true."""
    own = _answers(model, names, frame, batch_size, device, workers)
    return _of_all(own, device, workers) if workers.holds_shard else own


def _answers(
    model: Model, names: list[str], frame: Frame, batch_size: int, device: torch.device, workers: Workers
) -> dict[str, Seen]:
    gathered: dict[str, list[Seen]] = {name: [] for name in names}
    model.eval()
    with torch.no_grad(), in_step(model, frame, frame, batch_size, device, workers):
        for batch in batches(frame, batch_size, device):
            predictions = model.predict(batch)
            for name in names:
                logits, target = predictions[name].known_logits, model.target(name, batch)
                gathered[name].append(Seen(logits, target, batch.weights))
    return {name: Seen.joined(parts) for name, parts in gathered.items()}


def _of_all(own: dict[str, Seen], device: torch.device, workers: Workers) -> dict[str, Seen]:
    """What all processes have seen, so that all learn the same."""
    shards = workers.gather({name: moved([*vars(seen).values()], CPU) for name, seen in own.items() if len(seen)})
    parts = {name: [Seen(*moved(shard[name], device)) for shard in shards if name in shard] for name in own}
    return {name: Seen.joined(each) for name, each in parts.items()}


def _calibrated(name: str, output: Output, seen: Seen) -> Json:
    scaling = output.scaling
    assert scaling is not None
    output.calibrate_by(scaling.identity())
    before = after = _measured(output, seen)
    reason = unfit(seen)
    if reason is None:
        state = _learned(output, scaling, seen)
        output.calibrate_by(state)
        after = _measured(output, seen)
        if not _is_no_worse(after, before):
            output.calibrate_by(scaling.identity())
            reason, after = "The negative log-likelihood would get worse.", before
    if reason is not None:
        logger.warning("The output '%s' is not calibrated. %s", name, reason)
    return {
        "method": scaling.method,
        "kept": reason is None,
        "reason": reason,
        "rows": len(seen),
        "expected_calibration_error": {"before": before.error, "after": after.error},
        "negative_log_likelihood": {"before": before.likelihood, "after": after.likelihood},
    }


def unfit(seen: Seen) -> str | None:
    """Why nothing can be fitted on the rows, if so."""
    if len(seen) < LEAST_ROWS:
        return f"The split has {len(seen)} rows with a known target, and it takes {LEAST_ROWS}; give it more rows."
    if bool((seen.target == seen.target.flatten()[0]).all()):
        return "All rows of the split have the same target; give it rows of other classes."
    return None


def _is_no_worse(after: Measured, before: Measured) -> bool:
    assert after.likelihood is not None and before.likelihood is not None
    return math.isfinite(after.likelihood) and after.likelihood <= before.likelihood + SLACK


@torch.no_grad()
def _measured(output: Output, seen: Seen) -> Measured:
    """The probabilities that the output now gives."""
    if not len(seen):
        return Measured(None, None)
    probabilities = wide(probabilities_of(output, seen.logits))
    confidence, hits = reliability.confidence_and_hits(probabilities, seen.target)
    bins = reliability.binned(confidence, hits, torch.ones_like(hits), seen.weights)
    likelihood = reliability.negative_log_likelihood(probabilities, seen.target, seen.weights)
    return Measured(reliability.expected_calibration_error(bins), float(likelihood))


def probabilities_of(output: Output, logits: Tensor) -> Tensor:
    """As users see them: [N], or [N, C]."""
    probabilities = output.complete(Prediction(logits, logits)).probabilities
    assert probabilities is not None
    return probabilities


def _learned(output: Output, scaling: Scaling, seen: Seen) -> Mapping[str, Tensor]:
    """The state of least loss. The output itself must leave logits as they are meanwhile."""
    problem = _Problem(output, scaling, seen)
    start = problem.start()
    if len(scaling.strengths) == 1:
        return scaling.state(problem.solve(start, scaling.strengths[0]))
    strength = _best_strength(output, scaling, seen, start)
    return scaling.state(problem.solve(start, strength))


def _best_strength(output: Output, scaling: Scaling, seen: Seen, start: Free) -> float:
    """The strength of the penalty that does best on rows which were left out: cross-validation, as in Kull et al.

    It goes from strong to weak, each solution beginning where the one before ended, until weaker is worse.
    """
    order = torch.randperm(len(seen), generator=torch.Generator().manual_seed(0)).to(seen.target.device)
    left_out = [order % FOLDS == fold for fold in range(FOLDS)]  # [N] each
    problems = [_Problem(output, scaling, seen.rows(~rows)) for rows in left_out]
    unseen = [_Problem(output, scaling, seen.rows(rows)) for rows in left_out]
    solutions = [start] * FOLDS
    best, least = scaling.strengths[0], math.inf
    for strength in scaling.strengths:
        solutions = [problem.solve(free, strength) for problem, free in zip(problems, solutions, strict=True)]
        with torch.no_grad():
            losses = [
                problem.likelihood(free) * problem.seen.weight for problem, free in zip(unseen, solutions, strict=True)
            ]
        total = float(torch.stack(losses).sum())
        if not total < least:
            break
        best, least = strength, total
    return best


@dataclasses.dataclass(frozen=True)
class _Problem:
    """Least negative log-likelihood plus penalty over the free numbers of a scaling."""

    output: Output
    scaling: Scaling
    seen: Seen

    def likelihood(self, free: Mapping[str, Tensor]) -> Tensor:
        """Its negative logarithm: []."""
        logits = self.scaling(self.seen.logits, self.scaling.state(free))
        probabilities = probabilities_of(self.output, logits)
        return reliability.negative_log_likelihood(probabilities, self.seen.target, self.seen.weights)

    @torch.no_grad()
    def start(self) -> Free:
        """The best of several temperatures, since there is no slope where what is true has a probability of zero."""
        starts = [
            {name: value.to(self.seen.logits) for name, value in self.scaling.start(temperature).items()}
            for temperature in TEMPERATURES
        ]
        return min(starts, key=lambda free: float(self.likelihood(free)))

    def solve(self, start: Mapping[str, Tensor], strength: float) -> Free:
        """The free numbers of least loss, by L-BFGS."""
        free = {name: value.clone().requires_grad_() for name, value in start.items()}
        optimizer = torch.optim.LBFGS(
            list(free.values()),
            max_iter=ITERATIONS,
            tolerance_grad=1e-9,
            tolerance_change=1e-12,
            line_search_fn="strong_wolfe",
        )

        def closure() -> float:
            optimizer.zero_grad()
            loss = self.likelihood(free) + self.scaling.penalty(free, strength)
            loss.backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        return {name: value.detach() for name, value in free.items()}
