"""ECD: an encoder for each input, a combiner, a decoder for each output.

Source: Molino et al. 2019, "Ludwig: a type-based declarative deep learning toolbox", arXiv:1909.07930.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ludwig.columns.frame import Frame
from ludwig.combiners.base import COMBINERS, Combiner
from ludwig.features.base import Facts
from ludwig.models.base import MODELS, FeatureSpec, Model, Step
from ludwig.models.ecd.inputs import INPUTS, Input, Inputs
from ludwig.models.ecd.outputs import computing_order, dependency_faults
from ludwig.nn.modality_dropout import without_some
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Signal
from ludwig.outputs.base import OUTPUTS, Output
from ludwig.schema import Chosen, param

COMBINER = Chosen(COMBINERS, "concat")


@MODELS.register("ecd")
class Ecd(Model):
    """Encoders, a combiner, decoders."""

    default_trainer = "trainer"

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Model.Config):
        input_features: list[Annotated[Input.Config, Chosen(INPUTS)]] = param(help="The input columns.")
        output_features: list[Annotated[Output.Config, Chosen(OUTPUTS, kind="ecd")]] = param(help="The target columns.")
        combiner: Annotated[Combiner.Config, COMBINER] = param(COMBINER.make, help="How the inputs become one.")

        def specs(self, folder: Path | None = None) -> tuple[list[FeatureSpec], list[FeatureSpec]]:
            inputs = [
                FeatureSpec(f.name, f.source, f.feature(f.preprocessing, f.name, folder=folder), f.tied)
                for f in self.input_features
            ]
            outputs = [
                FeatureSpec(f.name, f.source, f.feature(f.preprocessing, f.name, target=True, folder=folder))
                for f in self.output_features
            ]
            return inputs, outputs

        def faults(self) -> list[tuple[str, str]]:
            forms = [feature.encoder.form() for feature in self.input_features]
            names = [feature.name for feature in self.input_features]
            faults = [(f"combiner.{name}".rstrip("."), text) for name, text in self.combiner.faults(forms, names)]
            if self.combiner.gives(forms) == "sequence":
                faults += [
                    (f"output_features[{place}].reduce_input", "The combiner gives a sequence: say how to reduce it.")
                    for place, feature in enumerate(self.output_features)
                    if feature.reduce_input in (None, "none", "None")
                ]
            for name, text in dependency_faults({f.name: f.dependencies for f in self.output_features}):
                place = next(i for i, f in enumerate(self.output_features) if f.name == name)
                faults.append((f"output_features[{place}].dependencies", text))
            return faults

    left_out = 0.0  # the share of inputs that training leaves out
    recomputes = False  # whether the backward pass computes activations again

    def __init__(self, config: Config, facts: Mapping[str, Facts]) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.inputs = Inputs(config.input_features, facts)
        self.combiner: Combiner = config.combiner.build(self.inputs.sources)
        self.order = computing_order({f.name: f.dependencies for f in config.output_features})
        self.places = {feature.name: place for place, feature in enumerate(config.output_features)}
        built: dict[str, Output] = {}
        for name in self.order:
            feature = config.output_features[self.places[name]]
            widths = {other: built[other].hidden_size for other in feature.dependencies}
            built[name] = feature.build(self.combiner.shape, widths, facts[name])
        self.decoders = nn.ModuleList(built[name] for name in self.places)

    @property
    def outputs(self) -> dict[str, Output]:  # type: ignore[override]
        """The outputs by name, in the order of the config."""
        return dict(zip(self.places, self.decoders, strict=True))  # type: ignore[arg-type]

    def forward(self, batch: Frame) -> dict[str, Prediction]:
        """Logits of every output."""
        recomputes = self.recomputes and self.training
        combined = checkpoint(self._combined, batch, use_reentrant=False) if recomputes else self._combined(batch)
        predictions: dict[str, Prediction] = {}
        hidden: dict[str, Tensor] = {}
        for name in self.order:
            predictions[name] = self.decoders[self.places[name]](combined, hidden)
            hidden[name] = predictions[name].hidden
        return predictions

    def _combined(self, batch: Frame) -> Signal:
        signals = self.inputs(batch)
        if self.training and self.left_out:
            signals = without_some(signals, self.left_out)
        combined: Signal = self.combiner(signals)
        return combined

    def training_loss(self, batch: Frame) -> Step:
        predictions = self(batch)
        parts = {
            name: output.loss_of(predictions[name], self.target(name, batch)) for name, output in self.outputs.items()
        }
        return Step(parts, predictions, self.combiner.auxiliary_loss())

    def suggested_learning_rate(self) -> float:
        rates: list[float] = [feature.suggested_learning_rate() for feature in self.config.input_features]
        return min(rates)

    def leave_out_inputs(self, share: float) -> None:
        self.left_out = share

    def recompute_activations(self) -> None:
        super().recompute_activations()
        self.recomputes = True

    def predict(self, batch: Frame) -> dict[str, Prediction]:
        predictions = self(batch)
        return {name: output.complete(predictions[name]) for name, output in self.outputs.items()}
