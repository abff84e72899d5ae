"""Deep ensembles: several networks of one config, trained side by side, predict together.

Source: Lakshminarayanan, Pritzel & Blundell 2017, "Simple and Scalable Predictive Uncertainty Estimation using Deep
Ensembles", arXiv:1612.01474.

B = rows of the batch, K = members of one network, N = networks
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ludwig.columns.frame import Frame
from ludwig.combiners.base import Source
from ludwig.models.assets import Assets
from ludwig.models.ecd.answers import AnsweringModel, Answers
from ludwig.models.ecd.inputs import Inputs
from ludwig.nn.named_weight import NamedWeight
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Signal


class DeepEnsemble(AnsweringModel):
    """Networks that differ by their initial weights. To losses and metrics their answers are those of N * K members."""

    def __init__(self, config: Any, assets: Assets, networks: Sequence[AnsweringModel]) -> None:
        """`networks` of that config, each with initial weights of its own."""
        nn.Module.__init__(self)
        self.config, self.assets = config, assets
        self.each_has_members = {name: output.has_members for name, output in networks[0].outputs.items()}
        self.networks = nn.ModuleList(networks)
        self.draws_globally = networks[0].draws_globally
        # those of the first network speak for all: its calibration is that of the joint prediction
        self.outputs = networks[0].outputs
        for output in self.outputs.values():
            output.has_members = True

    def start(self) -> None:
        for network in self._each():
            network.start()

    def _each(self) -> Sequence[AnsweringModel]:
        return cast(Sequence[AnsweringModel], self.networks)

    def all_inputs(self) -> list[Inputs]:
        return [inputs for network in self._each() for inputs in network.all_inputs()]

    # -- forward

    def forward(self, batch: Frame, targets: Mapping[str, Tensor] | None = None) -> Answers:
        """Logits of all networks, side by side."""
        found: list[Answers] = [network(batch, targets) for network in self._each()]
        predictions = {name: self._joined(name, [each.predictions[name] for each in found]) for name in self.outputs}
        auxiliary = [each.auxiliary for each in found if each.auxiliary is not None]
        return Answers(predictions, torch.stack(auxiliary).mean() if auxiliary else None)

    @property
    def sources(self) -> Sequence[Source]:
        return [source for network in self._each() for source in network.sources]

    def signals(self, batch: Frame) -> list[Signal]:
        return [signal for network in self._each() for signal in network.signals(batch)]

    def answer_to(self, signals: Sequence[Signal], name: str) -> Prediction:
        count = len(signals) // len(self.networks)
        own = [signals[count * place : count * (place + 1)] for place in range(len(self.networks))]
        return self._joined(name, [net.answer_to(part, name) for net, part in zip(self._each(), own, strict=True)])

    def _joined(self, name: str, answers: Sequence[Prediction]) -> Prediction:
        """The answers of all members of all networks: [B, N * K, ...]."""
        logits, hidden = [answer.known_logits for answer in answers], [answer.hidden for answer in answers]
        join = torch.cat if self.each_has_members[name] else torch.stack
        return dataclasses.replace(answers[0], logits=join(logits, dim=1), hidden=join(hidden, dim=1))

    # -- what training asks for

    def suggested_learning_rate(self) -> float:
        return self._each()[0].suggested_learning_rate()

    def suggested_batch_size(self) -> int | None:
        return self._each()[0].suggested_batch_size()

    def most_rows(self) -> int | None:
        return self._each()[0].most_rows()

    def shared_parameters(self) -> list[nn.Parameter]:
        return [weight for network in self._each() for weight in network.shared_parameters()]

    def sharding_units(self) -> list[nn.Module]:
        return [unit for network in self._each() for unit in network.sharding_units()]

    def leave_out_inputs(self, share: float) -> None:
        for network in self._each():
            network.leave_out_inputs(share)

    def recompute_activations(self) -> None:
        for network in self._each():
            network.recompute_activations()

    def release(self) -> None:
        super().release()
        for network in self._each():
            network.release()

    # -- weights by the names of features

    def named_weights(self) -> Iterator[tuple[str, NamedWeight]]:
        """Those of the first network by their usual names, those of the others behind `ensemble.<number>.`"""
        for number, network in enumerate(self._each()):
            prefix = f"ensemble.{number}." if number else ""
            for name, weight in network.named_weights():
                yield f"{prefix}{name}", weight
