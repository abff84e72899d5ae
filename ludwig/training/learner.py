"""One optimizer step: the batches of an accumulation window become gradients, and these move the weights.

T = losses of several outputs
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.error import ConfigValidationError, TrainingError
from ludwig.models.base import Model, Step
from ludwig.nn.named_weight import NamedWeight
from ludwig.nn.sharded import copy_all, full_tree, sharded_like
from ludwig.runtime.console import logger_of
from ludwig.runtime.engine import Clipping, Engine
from ludwig.training.exchange import NO_MEMORY, GradientExchange
from ludwig.training.objective import SUPERVISED, Objective, loss_weights_of, shares_of, total_loss
from ludwig.training.optim.averaging import MovingAverage, in_their_place
from ludwig.training.optim.balancing import BalancingOptions, balancer_of
from ludwig.training.optim.parameter_groups import FACTOR, parameter_groups
from ludwig.training.options import AveragingOptions, StepOptions
from ludwig.training.windows import AccumulationWindow

logger = logger_of(__name__)

RUNNING = ("running_mean", "running_var")  # buffers of norms

MicroBatch = tuple[Step, Frame]  # what was computed of rows, and the rows


class Learner:
    """Holds what turns gradients into steps, with all the state that goes from step to step."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StepOptions, AveragingOptions, BalancingOptions):
        """The options that a step reads."""

    def __init__(
        self,
        config: Config,
        model: Model,
        engine: Engine,
        rate: float,
        objective: Objective = SUPERVISED,
        held: Sequence[NamedWeight] = (),
    ) -> None:
        """`held`: weights that stay as they are though they lie in one tensor with others that are trained."""
        self.config, self.model, self.engine, self.objective = config, model, engine, objective
        self.trained = [weight for weight in model.parameters() if weight.requires_grad]
        if not self.trained:
            raise ConfigValidationError(
                "trainer.layers_to_freeze_regex: Freezes every weight of the model, so there is nothing to train."
            )
        self.held = [(weight, weight.values.clone()) for weight in held]
        groups = parameter_groups(model, self.trained, config.no_weight_decay, model.rate_factors())
        self.optimizer = config.optimizer.make(groups, rate)
        self.optimizer.zero_grad()  # a run that broke off may have left gradients behind
        if config.optimizer.is_averaged:
            self.optimizer.train()  # type: ignore[attr-defined]
        bounds = config.gradient_clipping
        self.clipping = None if bounds is None else Clipping(bounds.clipglobalnorm, bounds.clipnorm, bounds.clipvalue)
        self.average = None if config.ema_decay is None else MovingAverage(self.trained, config.ema_decay)
        self.balancer = balancer_of(config, len(model.outputs))
        if self.balancer is not None:
            self.balancer.to(engine.device)
        self.loss_weights = loss_weights_of(model)
        self.exchange = GradientExchange(model, self._loss_of, engine, searches=config.optimizer.needs_closure)
        self.micro_batches = 1  # of a batch, so that it fits into memory
        self.gradient_norm = torch.zeros((), device=engine.device)  # of all gradients before they were clipped
        self.skipped: Tensor | int = 0  # steps in a row that were left out
        self.running = [buffer for name, buffer in model.named_buffers() if name.endswith(RUNNING)]
        self.running_before = [buffer.clone() for buffer in self.running]  # after the last step that counted

    # -- gradients

    def accumulate(self, window: AccumulationWindow, place: int) -> list[MicroBatch]:
        """Adds the gradients of one of the window's batches; gives what was computed of each part of it.

        Raises:
            TrainingError: Not even a single row fits into memory.
        """
        done = self._tried(window, [place])
        while done is None:
            self._split(len(window.batches[place]))
            done = self._tried(window, range(place + 1))  # gradients of those before are lost with its own
        return done

    def _tried(self, window: AccumulationWindow, places: Sequence[int]) -> list[MicroBatch] | None:
        """What was computed of the last of these batches; None where memory does not suffice."""
        done: list[MicroBatch] = []
        try:
            for place in places:
                done = self._gradients(window, place)
        except torch.OutOfMemoryError:
            return None
        return done

    def _split(self, rows: int) -> None:
        """Twice as many micro-batches from now on."""
        if self.engine.shards:  # others wait for its part of the weights
            raise TrainingError(NO_MEMORY.format(device=self.engine.device))
        self.optimizer.zero_grad()
        if self.engine.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.micro_batches >= rows:
            raise TrainingError(
                f"A single row does not fit into the memory of {self.engine.device}. Use a smaller model, shorter "
                "sequences, trainer.enable_gradient_checkpointing or trainer.use_mixed_precision."
            )
        self.micro_batches *= 2
        logger.warning(
            "A batch of %d rows does not fit into memory. From now on batches are trained in %d micro-batches, whose "
            "gradients are added up; steps stay the same.",
            rows,
            self.micro_batches,
        )

    def _gradients(self, window: AccumulationWindow, place: int) -> list[MicroBatch]:
        done: list[MicroBatch] = []
        sums = self.exchange.is_within(window, place)
        parts = self._parts(window, place, takes_part=sums or self.engine.shards)
        for part in parts:
            is_last = sums and part is parts[-1]
            running = [] if len(part) else [buffer.clone() for buffer in self.running]
            with self.engine.autocast():
                loss = self.exchange.loss(part, window, done, sums=is_last)
            self.exchange.backward(loss, sums=is_last)
            if running:  # the row that was computed does not count
                torch._foreach_copy_(self.running, running)
        return done

    def _parts(self, window: AccumulationWindow, place: int, *, takes_part: bool) -> list[Frame]:
        """The micro-batches of a batch; of one without rows itself where this process `takes_part` nevertheless."""
        batch = window.batches[place]
        if len(batch) == 0:
            return [batch] if takes_part else []
        rows = -(-len(batch) // self.micro_batches)
        return (
            [batch]
            if self.micro_batches == 1
            else [batch.slice(start, start + rows) for start in range(0, len(batch), rows)]
        )

    def _loss_of(self, part: Frame, window: AccumulationWindow) -> tuple[Step, Tensor]:
        if len(part) == 0:
            return self._without_rows(window)
        step = self.objective.loss(self.model, part)
        return step, self._loss(step, part, window)

    def _without_rows(self, window: AccumulationWindow) -> tuple[Step, Tensor]:
        """A loss that counts nothing, of a row that other processes train on: this one takes part in all exchanges."""
        assert window.spare is not None
        step = self.objective.loss(self.model, window.spare)
        return step, total_loss(step, self.loss_weights) * 0.0

    def _loss(self, step: Step, part: Frame, window: AccumulationWindow) -> Tensor:
        """The share of the window's loss that a micro-batch has."""
        balance = None if self.balancer is None else self._balanced
        penalty = self._penalty() if self.config.regularization_lambda else None
        if len(part) == window.rows:
            return total_loss(step, self.loss_weights, balance=balance, penalty=penalty)
        totals = window.weights or self.objective.weights_of(self.model, window.batches[0])
        return total_loss(
            step,
            self.loss_weights,
            balance=balance,
            shares=shares_of(self.objective.weights_of(self.model, part), totals),
            penalty=penalty,
            share=len(part) / window.rows,
        )

    def _balanced(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        values = torch.stack([loss.detach().float() for loss in losses.values()])  # [T]
        weights = self.balancer(values, lambda: self._gram(list(losses.values())))  # type: ignore[misc]  # [T]
        return {name: loss * weight for (name, loss), weight in zip(losses.items(), weights.unbind(), strict=True)}

    def _gram(self, losses: Sequence[Tensor]) -> Tensor:
        """Inner products of the gradients of the losses with respect to the weights that all outputs share: [T, T]."""
        shared = self.model.shared_parameters()
        rows = []
        for loss in losses:
            found = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
            flat = [
                (torch.zeros_like(weight) if part is None else part).flatten()
                for part, weight in zip(found, shared, strict=True)
            ]
            rows.append(torch.cat(flat).float() if flat else losses[0].new_zeros(1))
        gradients = torch.stack(rows)  # [T, P]
        return gradients @ gradients.T

    def _penalty(self) -> Tensor:
        """The norm of the weights that regularisation adds to the loss: []."""
        weights = torch.cat([weight.flatten() for weight in self.trained])
        kind, strength = self.config.regularization_type, self.config.regularization_lambda
        norms = {"l1": weights.abs().sum, "l2": weights.square().sum}
        names = kind.split("_") if kind else []
        return strength * torch.stack([norms[name]() for name in names]).sum() if names else weights.new_zeros(())

    # -- the step

    def step(self, window: AccumulationWindow, rate: float) -> None:
        """Moves the weights by what has been gathered."""
        if not self.config.optimizer.sets_its_rate:
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group.get(FACTOR, 1.0)
        finite: bool | Tensor
        if self.config.optimizer.needs_closure:
            finite = math.isfinite(float(self.optimizer.step(lambda: self._searched(window))))
        else:
            self._gather_gradients(window)
            self.gradient_norm = self.engine.clip(self.trained, self.clipping)
            finite = self.engine.step(self.optimizer, self.gradient_norm)
        if isinstance(finite, bool):
            self.skipped = 0 if finite else self.skipped + 1
        else:
            self.skipped = (self.skipped + 1) * ~finite
        self._keep_held()
        self._keep_running(finite)
        self.optimizer.zero_grad()
        if self.average is not None and finite is not False:
            self.average.update()
        if self.balancer is not None:  # each process weighs the losses of its rows, and all go on from the mean
            self.engine.workers.all_reduce_mean(list(self.balancer.buffers()))

    def _keep_held(self) -> None:
        if self.held:
            torch._foreach_copy_([weight.values for weight, _ in self.held], [values for _, values in self.held])

    def _keep_running(self, finite: bool | Tensor) -> None:
        """Running statistics of norms take in nothing of a step that was left out."""
        if self.running and isinstance(finite, Tensor):
            pairs = zip(self.running, self.running_before, strict=True)
            kept = [torch.where(finite, now, before) for now, before in pairs]
            torch._foreach_copy_(self.running, kept)
        elif self.running and not finite:
            torch._foreach_copy_(self.running, self.running_before)
        if self.running:
            torch._foreach_copy_(self.running_before, self.running)

    def _gather_gradients(self, window: AccumulationWindow) -> None:
        for weight, _ in self.held:
            if weight.whole.grad is not None:
                weight.whole.grad[weight.rows].zero_()
        self.engine.gather(self.trained, self.optimizer, is_summed=self.exchange.finish(window))

    def _searched(self, window: AccumulationWindow) -> float:
        """The loss and its gradients at the weights that a line search tries."""
        self.optimizer.zero_grad()
        total = torch.zeros((), device=self.engine.device)
        for place in range(len(window.batches)):
            for part in self._parts(window, place, takes_part=False):
                loss = self._loss(self.objective.loss(self.model, part), part, window)
                self.engine.backward(loss)
                total += loss.detach()
        self._gather_gradients(window)
        self.gradient_norm = self.engine.clip(self.trained, None)  # clipped ones would not be those of this loss
        self.engine.workers.all_reduce_sum([total])
        return float(total)

    # -- the weights that are evaluated

    @property
    def is_averaged(self) -> bool:
        """Whether other weights are evaluated and kept than those that are moved."""
        return self.average is not None or self.config.optimizer.is_averaged

    def evaluated_weights(self) -> AbstractContextManager[None]:
        """Inside the block the model has the weights that are evaluated and kept."""
        if self.average is not None:
            return in_their_place(self.trained, self.average.means)
        return self._averaged_by_optimizer() if self.config.optimizer.is_averaged else nullcontext()

    @torch.no_grad()
    def show_evaluated_weights(self) -> list[Tensor]:
        """Leaves the model with the weights that are evaluated; gives those in training, to `take` later."""
        if not self.is_averaged:
            return []
        with self.evaluated_weights():
            evaluated = [weight.detach().clone() for weight in self.trained]
        in_training = [weight.detach().clone() for weight in self.trained]
        self.take(evaluated)
        return in_training

    @torch.no_grad()
    def take(self, weights: Sequence[Tensor]) -> None:
        """Gives the trained weights these values, if there are any."""
        if weights:
            copy_all(self.trained, weights)

    @contextmanager
    def _averaged_by_optimizer(self) -> Iterator[None]:
        """Schedule-free optimizers move one point and are evaluated at another (Defazio et al., arXiv:2405.15682)."""
        optimizer: Any = self.optimizer
        with in_their_place(self.trained, self.trained):  # `train` alone gives the weights back with rounded bits
            optimizer.eval()
            try:
                yield
            finally:
                optimizer.train()

    # -- what a checkpoint holds of all this

    def state_dict(self) -> dict[str, Any]:
        scaler = self.engine.scaler
        return {
            "optimizer": full_tree(self.optimizer.state_dict()),
            "micro_batches": self.micro_batches,
            "skipped": int(self.skipped),
            **({} if self.average is None else {"average": full_tree(self.average.state_dict())}),
            **({} if self.balancer is None else {"balancer": dict(self.balancer.state_dict())}),
            **({} if scaler is None else {"scaler": scaler.state_dict()}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where another learner stood. What only one of the two has begins anew."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.engine.shards:
            for weight, values in self.optimizer.state.items():
                values.update({name: sharded_like(value, weight) for name, value in values.items()})
        self.micro_batches, self.skipped = state["micro_batches"], state["skipped"]
        self.running_before = [buffer.clone() for buffer in self.running]
        self.held = [(weight, weight.values.clone()) for weight, _ in self.held]  # as they were restored
        parts = {"average": self.average, "balancer": self.balancer, "scaler": self.engine.scaler}
        for name, part in parts.items():
            if part is not None and name in state:
                part.load_state_dict(state[name])
