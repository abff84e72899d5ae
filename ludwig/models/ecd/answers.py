"""What a forward pass of encoder-combiner-decoder networks gives, and what is made of it.

B = rows of the batch, N = networks of an ensemble
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.combiners.base import Source
from ludwig.models.base import Model, Step
from ludwig.models.ecd.inputs import Inputs
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Signal
from ludwig.nn.tree import register_tree
from ludwig.outputs.decoded import DecodedOutput


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a forward pass gives."""

    predictions: dict[str, Prediction]  # by output, with logits
    auxiliary: Tensor | None = None  # [], the auxiliary losses of all parts


register_tree(Answers)


class AnsweringModel(Model):
    """A model whose forward pass, of a batch and in training its targets, gives the logits of every output."""

    outputs: Mapping[str, DecodedOutput]

    @property
    def sources(self) -> Sequence[Source]:
        """Which inputs each of the `signals` is of."""
        raise NotImplementedError

    def signals(self, batch: Frame) -> list[Signal]:
        """What the encoders give."""
        raise NotImplementedError

    def answer_to(self, signals: Sequence[Signal], name: str) -> Prediction:
        """The logits of one output, from what the encoders give; no other is computed than those that it reads."""
        raise NotImplementedError

    def all_inputs(self) -> list[Inputs]:
        """The encoders of all inputs, of each network."""
        raise NotImplementedError

    def activation_names(self) -> list[str]:
        encoded = [f"{name}::encoded" for name in self.input_names()]
        return [*encoded, *(f"{name}::{what}" for name in self.outputs for what in ("last_hidden", "logits"))]

    def activations(self, batch: Frame) -> dict[str, Tensor]:
        """Of several networks the encoded inputs stand side by side: [B, N, ...]."""
        encoded: list[dict[str, Tensor]] = []

        def keep(inputs: Inputs, given: object, signals: list[Signal]) -> None:
            encoded.append(inputs.by_name(signals))

        hooks = [inputs.register_forward_hook(keep) for inputs in self.all_inputs()]
        try:
            found: Answers = self(batch)
        finally:
            for hook in hooks:
                hook.remove()
        several = {name: [each[name] for each in encoded] for name in self.input_names()}
        joined = {f"{n}::encoded": each[0] if len(each) == 1 else torch.stack(each, 1) for n, each in several.items()}
        hidden = {f"{name}::last_hidden": answer.hidden for name, answer in found.predictions.items()}
        logits = {f"{n}::logits": p.logits for n, p in found.predictions.items() if p.logits is not None}
        return {**joined, **hidden, **logits}

    def training_loss(self, batch: Frame) -> Step:
        targets = {name: self.target(name, batch) for name in self.outputs}
        found: Answers = self(batch, targets)
        answers, weights = found.predictions, batch.weights
        parts = {name: output.loss_of(answers[name], targets[name], weights) for name, output in self.outputs.items()}
        return Step(parts, answers, found.auxiliary)

    def predict(self, batch: Frame) -> dict[str, Prediction]:
        read = (name for name, output in self.outputs.items() if output.config.decoder.reads_target and name in batch)
        found: Answers = self(batch, {name: self.target(name, batch) for name in read})
        return {name: output.complete(found.predictions[name]) for name, output in self.outputs.items()}
