"""Which weights a run keeps: those of its best evaluation, and for a soup those of the next best ones too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping

from torch import Tensor

from ludwig.error import ArtifactError
from ludwig.models import manifest
from ludwig.models.base import Model
from ludwig.runtime.console import logger_of
from ludwig.training import checkpoints
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.optim.averaging import SOUPS, Score, Weights
from ludwig.training.progress import Progress, rank
from ludwig.training.run import Saving

logger = logger_of(__name__)

ANEW = "The best model is selected anew"


class Selection:
    """Holds the best weights in memory, and in checkpoints where the run is saved."""

    def __init__(self, saving: Saving, direction: str, soup: str | None, top: int) -> None:
        """`direction`: whether a metric is better when small or large. `soup`: how the `top` best weights are mixed."""
        self.saving, self.direction, self.soup, self.top = saving, direction, soup, top
        self.best: Weights | None = None
        self.candidates: dict[int, Weights] = {}  # by step
        self.unsaved: dict[str, Weights] = {}  # by the name of the checkpoint that is to hold them

    def changing(self, model: Model) -> Weights:
        """The weights that training changes; frozen ones are kept once, by `keep_frozen`."""
        frozen = model.frozen_names()
        return {name: weight for name, weight in model.weights().items() if name not in frozen}

    def keep_frozen(self, model: Model, progress: Progress) -> None:
        """Saves the weights that no step changes, so that checkpoints need not hold them."""
        frozen = model.frozen_names()
        weights = {name: weight for name, weight in model.weights().items() if name in frozen} if frozen else {}
        if frozen and self.saving.checkpoints is not None and (self.saving.best or self.saving.latest):
            checkpoints.save(self.saving.checkpoints, checkpoints.FROZEN, Checkpoint(weights, progress))

    def keep_best(self, model: Model, progress: Progress) -> None:
        """These are the best weights so far."""
        self.best = self.unsaved[checkpoints.BEST] = copied(self.changing(model))

    def save(self, progress: Progress) -> None:
        """Writes what was kept since the last time; before the checkpoint that refers to it."""
        if self.saving.checkpoints is not None and self.saving.best:
            for name, weights in self.unsaved.items():
                checkpoints.save(self.saving.checkpoints, name, Checkpoint(weights, progress))
        self.unsaved.clear()

    def tidy(self, progress: Progress) -> None:
        """Removes what no checkpoint refers to any more."""
        if self.soup is None or self.saving.checkpoints is None or not self.saving.best:
            return
        kept = {_name(int(step)) for step in progress.soup}
        for folder in self.saving.checkpoints.glob(_name("*")):
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def take_best(self, model: Model) -> None:
        """Gives the model the best weights, where there are any."""
        if self.best is not None:
            self.take(model, self.best)

    @staticmethod
    def take(model: Model, weights: Mapping[str, Tensor]) -> None:
        """Gives the model these weights; it keeps those that they leave out."""
        model.load_weights({**model.weights(), **weights})

    def consider(self, model: Model, progress: Progress, value: float, loss: float) -> None:
        """Keeps the weights for the soup while they are among the best."""
        if self.soup is None:
            return
        progress.soup[str(progress.steps)] = [value, loss]
        best = sorted(progress.soup, key=lambda step: self._rank(progress, step), reverse=True)
        for step in best[self.top :]:
            del progress.soup[step]
            self.candidates.pop(int(step), None)
            self.unsaved.pop(_name(int(step)), None)
        if str(progress.steps) in progress.soup:
            weights = copied(self.changing(model))
            self.candidates[progress.steps] = self.unsaved[_name(progress.steps)] = weights

    def _rank(self, progress: Progress, step: str) -> Score:
        value, loss = progress.soup[step]
        return rank(value, loss, self.direction)

    def restore(self, model: Model, progress: Progress) -> None:
        """Takes up the weights that an earlier process kept. What cannot be read is logged and selected anew."""
        if self.saving.checkpoints is None:
            return
        if self._is_concluded():
            self._restore_from_model(model, progress)
            return
        best = self._read(checkpoints.BEST, ANEW)
        if best is not None:
            self.best = best.weights
            progress.adopt_best(best.progress)
        elif progress.best_eval_metric_value is not None:
            progress.forget_best()
        for step in [*progress.soup] if self.soup is not None else []:
            found = self._read(_name(int(step)), f"The model soup is made without the evaluation of step {step}")
            if found is None:
                del progress.soup[step]
            else:
                self.candidates[int(step)] = found.weights

    def _is_concluded(self) -> bool:
        """Whether the run was over, and has not found better weights since."""
        folder = self.saving.checkpoints
        return (
            folder is not None
            and (folder / checkpoints.FINISHED).is_file()
            and not checkpoints.is_there(folder / checkpoints.BEST)
        )

    def _restore_from_model(self, model: Model, progress: Progress) -> None:
        """The best weights of a run that was over are those of its saved model; a soup begins anew."""
        assert self.saving.checkpoints is not None and self.saving.folder is not None
        progress.soup.clear()
        try:
            end = checkpoints.conclusion_of(self.saving.checkpoints)
            if end is None or end.model is None or end.model != manifest.identity(self.saving.folder):
                raise ArtifactError(f"The model in '{self.saving.folder}' does not have the best weights of the run.")
            latest = copied(self.changing(model))
            model.read_weights(self.saving.folder)
            self.best = copied(self.changing(model))
            self.take(model, latest)
            progress.best_eval_metric_value, progress.best_eval_loss = end.value, end.loss
        except ArtifactError as error:
            logger.warning("%s %s.", error, ANEW)
            progress.forget_best()

    def _read(self, name: str, consequence: str) -> Checkpoint | None:
        assert self.saving.checkpoints is not None
        try:
            return checkpoints.load(self.saving.checkpoints / name)
        except ArtifactError as error:
            logger.warning("%s %s.", error, consequence)
            return None

    def souped(self, progress: Progress, score: Callable[[Weights], Score]) -> Weights | None:
        """The mean of the best evaluations' weights where it is no worse than the best of them, else None."""
        if self.soup is None or len(self.candidates) < 2:
            return None
        steps = sorted(self.candidates, key=lambda step: self._rank(progress, str(step)), reverse=True)
        ranked = [self.candidates[step] for step in steps]
        soup, taken = SOUPS[self.soup](ranked, score)
        progress.soup_steps = [steps[place] for place in taken]
        if len(taken) < 2:
            logger.info(
                "The %s model soup of %d evaluations is worse than the best of them, which is kept.",
                self.soup,
                len(steps),
            )
            return None
        return soup


def copied(weights: Mapping[str, Tensor]) -> Weights:
    """The weights as they are now, in the memory of the CPU, which is larger than that of a device."""
    return {name: weight.detach().to("cpu", copy=True) for name, weight in weights.items()}


def _name(step: int | str) -> str:
    return f"topk_{step}.ckpt"
