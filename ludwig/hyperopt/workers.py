"""Where trials run: in this process one after the other, or in processes of their own.

A worker process is handed the trials once and then one plan after the other. It asks the searching process after each
evaluation whether it shall stop; a worker that dies is one failed trial, and another takes its place.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from multiprocessing import connection, get_context
from multiprocessing.context import SpawnProcess
from typing import Any

import torch

from ludwig.error import ArgumentError
from ludwig.hyperopt.config import SearchConfig
from ludwig.hyperopt.record import FAILED, TrialResults
from ludwig.hyperopt.trial import Plan, Trials
from ludwig.runtime.console import warn

Asked = Callable[[int, int, float], bool]  # number, time and score of an evaluation: whether the trial is stopped


def failed(plan: Plan, error: str) -> TrialResults:
    """A trial that came to nothing."""
    return TrialResults(plan.parameters, None, error=error, number=plan.number, state=FAILED)


class Workers(ABC):
    """Runs trials."""

    def __init__(self, trials: Trials, asked: Asked) -> None:
        self.trials, self.asked = trials, asked

    @property
    @abstractmethod
    def are_free(self) -> bool:
        """Whether another trial can begin."""

    @abstractmethod
    def start(self, plan: Plan) -> None:
        """Begins a trial."""

    @abstractmethod
    def wait(self) -> list[TrialResults]:
        """Waits until trials are over."""

    def close(self) -> None:
        """Ends what still runs."""
        self.trials.data.clear()


class InThisProcess(Workers):
    """One trial after the other."""

    plan: Plan | None = None

    @property
    def are_free(self) -> bool:
        return self.plan is None

    def start(self, plan: Plan) -> None:
        self.plan = plan

    def wait(self) -> list[TrialResults]:
        plan, self.plan = self.plan, None
        return [] if plan is None else [run(self.trials, plan, self._stops(plan.number))]

    def _stops(self, number: int) -> Callable[[int, float], bool]:
        return lambda time, score: self.asked(number, time, score)


def run(trials: Trials, plan: Plan, stops: Callable[[int, float], bool]) -> TrialResults:
    """The result of a trial, with the error where it fails: the search goes on whatever happens in it."""
    try:
        return trials.run(plan, stops)
    except Exception as error:
        return failed(plan, f"{type(error).__name__}: {error}")


@dataclasses.dataclass
class Worker:
    """A process, the line to it, and the trial that it runs."""

    process: SpawnProcess
    line: connection.Connection
    plan: Plan | None = None


class Processes(Workers):
    """Several trials at once, each in a spawned process with its share of the threads and of the devices."""

    def __init__(self, trials: Trials, asked: Asked, threads: int, gpus: Sequence[list[int] | None]) -> None:
        """`gpus`: those of each process; None for what the machine has."""
        super().__init__(trials, asked)
        self.threads, self.gpus = threads, gpus
        self.workers: list[Worker | None] = [None] * len(gpus)

    @property
    def are_free(self) -> bool:
        return any(worker is None or worker.plan is None for worker in self.workers)

    def start(self, plan: Plan) -> None:
        place = next(place for place, worker in enumerate(self.workers) if worker is None or worker.plan is None)
        worker = self.workers[place] or self._spawned(self.gpus[place])
        worker.plan, self.workers[place] = plan, worker
        worker.line.send(plan)

    def _spawned(self, gpus: list[int] | None) -> Worker:
        trials = self.trials
        if gpus is not None:
            trials = dataclasses.replace(trials, machine={**trials.machine, "gpus": gpus})
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=work, args=(theirs, trials, self.threads), daemon=True)
        try:
            process.start()
        except OSError:
            raise
        except Exception as error:  # what cannot be pickled has errors of many kinds
            raise ArgumentError(
                f"The trials cannot be sent to processes of their own: {error}. Define the classes of callbacks in a "
                "module, or set hyperopt.executor.max_concurrent_trials to 1."
            ) from error
        finally:
            theirs.close()  # so that the line ends with the process
        return Worker(process, ours)

    def wait(self) -> list[TrialResults]:
        while True:
            lines = {worker.line: worker for worker in self.workers if worker is not None and worker.plan is not None}
            ready = [lines[line] for line in connection.wait(list(lines))]  # type: ignore[index]
            results = [result for worker in ready if (result := self._heard(worker)) is not None]
            if results:
                return results

    def _heard(self, worker: Worker) -> TrialResults | None:
        """What a worker reports: an evaluation, which is answered, or that its trial is over, as one that died is."""
        plan = worker.plan
        assert plan is not None  # only those that run a trial are waited for
        try:
            message = worker.line.recv()
            if not isinstance(message, TrialResults):
                worker.line.send(self.asked(plan.number, *message))
                return None
            worker.plan = None
            return message
        except (EOFError, OSError):
            worker.process.join()
            self.workers[self.workers.index(worker)] = None
            return failed(plan, f"The process of the trial ended, with exit code {worker.process.exitcode}.")

    def close(self) -> None:
        super().close()
        for worker in self.workers:
            if worker is not None:
                worker.line.close()
                if worker.plan is not None:
                    worker.process.terminate()
        for worker in self.workers:
            if worker is not None:
                worker.process.join()


def workers_of(search: SearchConfig, trials: Trials, asked: Asked) -> Workers:
    """This process, or as many as may run at once."""
    executor = search.executor
    wanted = executor.max_concurrent_trials
    if wanted in (None, "auto", 1):
        return InThisProcess(trials, asked)
    cpus, gpus = os.cpu_count() or 1, _gpus(trials.machine["gpus"])
    limits = {"CPUs": cpus // executor.cpu_resources_per_trial}
    if executor.gpu_resources_per_trial:
        limits["GPUs"] = len(gpus) // executor.gpu_resources_per_trial
    if search.search_alg.most_concurrent is not None:
        limits["search_alg"] = search.search_alg.most_concurrent
    scarce = min(limits, key=lambda name: limits[name])
    count = min(int(wanted or 1), limits[scarce])
    if count < 1:
        raise ArgumentError(f"No trial can run: it needs more {scarce} than there are.")
    if count < int(wanted or 1):
        warn(f"hyperopt: {count} trials run at once, not {wanted}: {scarce} are {limits[scarce]} at most.")
    count = min(count, search.trials)
    each = executor.gpu_resources_per_trial
    shares = [gpus[each * place : each * (place + 1)] if each else None for place in range(count)]
    return Processes(trials, asked, max(cpus // count, 1), shares)


def _gpus(given: str | int | list[int] | None) -> list[int]:
    """The GPUs that trials may use."""
    if given is None:
        return list(range(torch.cuda.device_count()))
    words = given if isinstance(given, list) else str(given).split(",")
    return [int(word) for word in words if int(word) >= 0]


def work(line: Any, trials: Trials, threads: int) -> None:
    """What a worker process does: trials, until the line ends."""
    torch.set_num_threads(threads)

    def stops(time: int, score: float) -> bool:
        line.send((time, score))
        return bool(line.recv())

    with contextlib.suppress(EOFError, OSError):  # the searching process is gone, and nobody waits for the trial
        while True:
            line.send(run(trials, line.recv(), stops))
