"""ECD: an encoder for each input, a combiner, a decoder for each output.

Source: Molino et al. 2019, "Ludwig: a type-based declarative deep learning toolbox", arXiv:1909.07930.

B = rows of the batch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ludwig.columns.frame import Augment, Frame
from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.encoders.base import ENCODERS
from ludwig.features.base import Facts
from ludwig.models.assets import Assets
from ludwig.models.base import MODELS, FeatureSpec, Model
from ludwig.models.ecd.answers import AnsweringModel, Answers
from ludwig.models.ecd.ensemble import DeepEnsemble
from ludwig.models.ecd.input_base import INPUTS, Input
from ludwig.models.ecd.inputs import Inputs
from ludwig.models.ecd.outputs import computing_order, dependency_faults
from ludwig.nn.dropout import rewinding
from ludwig.nn.modality_dropout import ModalityDropout
from ludwig.nn.named_weight import NamedWeight
from ludwig.nn.norm import unremembered
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Signal
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.schema import Chosen, load, param

COMBINER = Chosen(COMBINERS, "tabm")


@MODELS.register("ecd")
class Ecd(AnsweringModel):
    """Encoders, a combiner, decoders."""

    default_trainer = "trainer"

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Model.Config):
        input_features: list[Annotated[Input.Config, Chosen(INPUTS)]] = param(
            help="Input features: the columns that are read, with their encoders."
        )
        output_features: list[Annotated[DecodedOutput.Config, Chosen(OUTPUTS, kind="ecd")]] = param(
            help="Output features: the target columns, with their decoders and losses."
        )
        combiner: Annotated[Combiner.Config, COMBINER] = param(
            COMBINER.make,
            help="Combiner, which joins the encoded input features: tabm, or concat where an encoder or a decoder does "
            "not fit it.",
        )
        ensemble_size: int = param(
            1,
            min=1,
            help="Ensemble size: number of networks that are trained side by side from different initial weights and "
            "predict together. Raise it for quality, at as many times the cost.",
        )

        def build(self, facts: Mapping[str, Facts], assets: Assets) -> Model:
            """One network, or an ensemble of them."""
            networks = [Ecd(self, facts, assets) for _ in range(self.ensemble_size)]
            return networks[0] if len(networks) == 1 else DeepEnsemble(self, assets, networks)

        def completed(self, given: Mapping[str, Any]) -> Self:
            """With words spelled out, and with concat where no combiner is named and the default one does not fit: it
            does not take what an input gives, or an output does not take what it gives.
            """
            inputs = [feature.spelled_out() for feature in self.input_features]
            outputs = [feature.completed() for feature in self.output_features]
            if any(feature.reads_steps for feature in outputs):
                named = [bool(section.get("encoder")) for section in given["input_features"]]
                inputs = [f if has else f.keeping_steps() for f, has in zip(inputs, named, strict=True)]
            inputs = [feature.cached_where_it_can() for feature in inputs]
            section, combiner = given.get("combiner") or {}, self.combiner
            if "type" not in section and not _fits(combiner, inputs, outputs):
                combiner = load(COMBINERS.get("concat").Config, section)
            combiner = combiner.completed([feature.name for feature in inputs])
            return dataclasses.replace(self, input_features=inputs, output_features=outputs, combiner=combiner)

        def assets(self, found: Assets) -> dict[str, Callable[[Path], None]]:
            of_encoders = [feature.encoder.described(found.source).assets() for feature in self.input_features]
            return {**super().assets(found), **{name: write for each in of_encoders for name, write in each.items()}}

        @property
        def pictured(self) -> Input.Config | None:
            """The input whose maps decoders read past the combiner, and whose masks are predicted."""
            return next((feature for feature in self.input_features if feature.encoder.num_skips), None)

        def resolve(self, assets: Assets, folder: Path | None = None) -> tuple[list[FeatureSpec], list[FeatureSpec]]:
            inputs, outputs = super().resolve(assets, folder)
            leader = None if self.pictured is None else self.pictured.name
            following = {feature.name for feature in self.output_features if feature.follows_image}
            steps = next(
                (feature.name for feature in self.input_features if feature.encoder.form() == "sequence"), None
            )
            tagged = {feature.name for feature in self.output_features if feature.decoder.labels_steps}
            return inputs, [
                dataclasses.replace(
                    spec,
                    follows=leader if spec.name in following else None,
                    beside=steps if spec.name in tagged else None,
                )
                for spec in outputs
            ]

        def augments(self) -> dict[str, Augment]:
            found = {feature.name: feature.augment() for feature in self.input_features}
            image = self.pictured
            if image is not None:  # masks right before their image, whose draws they look ahead to
                masks = [feature.name for feature in self.output_features if feature.follows_image]
                found = {**dict.fromkeys(masks, image.augment_of_masks()), image.name: image.augment(), **found}
            return {name: augment for name, augment in found.items() if augment is not None}

        def faults(self) -> list[tuple[str, str]]:
            forms = [feature.encoder.form() for feature in self.input_features]
            names = [feature.name for feature in self.input_features]
            faults = [(f"combiner.{name}".rstrip("."), text) for name, text in self.combiner.faults(forms, names)]
            if self.input_features and self.input_features[0].encoder.is_pretrained_text:
                faults += self._faults_of_generating()
            faults += self._faults_of_ensemble()
            combined = self.combiner.gives(forms)
            for place, feature in enumerate(self.output_features):
                faults += [(f"output_features[{place}].{at}", text) for at, text in feature.faults_of_signal(combined)]
            faults += self._faults_of_maps()
            for name, text in dependency_faults({f.name: f.dependencies for f in self.output_features}):
                place = next(i for i, f in enumerate(self.output_features) if f.name == name)
                faults.append((f"output_features[{place}].dependencies", text))
            return faults

        def _faults_of_generating(self) -> list[tuple[str, str]]:
            """Texts are generated from texts by a language model."""
            first, output = self.input_features[0], self.output_features[:1]
            if not any(issubclass(each.feature, first.feature) for each in output):
                return []
            text = f"A pretrained text encoder with the text output '{output[0].name}' first cannot generate it. Set "
            return [("input_features[0].encoder.type", f"{text}model_type to llm, or choose another encoder.")]

        def _faults_of_ensemble(self) -> list[tuple[str, str]]:
            """Each network of an ensemble has encoders of its own."""
            cached = [place for place, f in enumerate(self.input_features) if f.preprocessing.caches_embeddings]
            if self.ensemble_size == 1 or not cached:
                return []
            where = f"input_features[{cached[0]}].preprocessing.cache_encoder_embeddings"
            return [(where, f"Keeps those of one encoder, and ensemble_size is {self.ensemble_size}. Remove one.")]

        def _faults_of_maps(self) -> list[tuple[str, str]]:
            """Of outputs that read maps of an image past the combiner, or predict masks of it."""
            faults, image = [], self.pictured
            for place, feature in enumerate(self.output_features):
                found = feature.decoder.faults_of_skips(0 if image is None else image.encoder.num_skips)
                hint = "" if image is not None else f" Set the encoder of an image input to {_encoders_with_maps()}."
                faults += [(f"output_features[{place}].decoder.{name}", f"{text}{hint}") for name, text in found]
                if image is None or not feature.follows_image:
                    continue
                at, method = self.input_features.index(image), image.preprocessing.resize_method
                faults += [(f"input_features[{at}].{name}", text) for name, text in image.faults_of_masks()]
                if feature.preprocessing.resize_method != method:
                    where = f"output_features[{place}].preprocessing.resize_method"
                    faults.append((where, f"Must be {method}, as that of the input '{image.name}'."))
            return faults

        def faults_of_origins(self) -> list[tuple[str, str]]:
            return [
                (f"input_features[{place}].encoder.{name}", text)
                for place, feature in enumerate(self.input_features)
                for name, text in feature.encoder.faults_of_origins()
            ]

    recomputes = False  # whether the backward pass computes activations again

    def __init__(self, config: Config, facts: Mapping[str, Facts], assets: Assets) -> None:
        nn.Module.__init__(self)
        self.config, self.assets = config, assets
        self.inputs = Inputs(config.input_features, facts, assets.source)
        self.draws_globally = any(feature.encoder.draws_globally for feature in config.input_features)
        self.keeps_embeddings = bool(self.inputs.kept)
        self.modality_dropout = ModalityDropout()
        self.combiner: Combiner = config.combiner.build(self.inputs.sources)
        shapes_in, own = [source.shape for source in self.inputs.sources], self.combiner.shape
        skips = own.skips or next((shape.skips for shape in shapes_in if shape.skips), ())
        combined = dataclasses.replace(own, linear=sum(shape.linear for shape in shapes_in), skips=skips)
        self.order = computing_order({f.name: f.dependencies for f in config.output_features})
        self.places = {feature.name: place for place, feature in enumerate(config.output_features)}
        built: dict[str, DecodedOutput] = {}
        for name in self.order:
            feature = config.output_features[self.places[name]]
            shapes = {other: built[other].hidden_shape for other in feature.dependencies}
            built[name] = feature.build(combined, shapes, facts[name])
        self.decoders = nn.ModuleList(built[name] for name in self.places)

    def start(self) -> None:
        self.inputs.start()
        self.combiner.start()
        for output in self.outputs.values():
            output.start()

    @property
    def outputs(self) -> dict[str, DecodedOutput]:  # type: ignore[override]
        """The outputs by name, in the order of the config."""
        return dict(zip(self.places, self.decoders, strict=True))  # type: ignore[arg-type]

    def all_inputs(self) -> list[Inputs]:
        return [self.inputs]

    # -- forward

    def forward(self, batch: Frame, targets: Mapping[str, Tensor] | None = None) -> Answers:
        """Logits of every output; `targets`: in training of all outputs, else of those whose decoders read them."""
        combined = self.combined(batch)
        predictions = self._decoded(combined, targets or {}, self.order)
        if combined.dealt is not None:
            predictions = {name: answer.gathered(combined.dealt) for name, answer in predictions.items()}
        return Answers(predictions, combined.auxiliary_loss)

    @property
    def sources(self) -> Sequence[Source]:
        return self.inputs.sources

    def signals(self, batch: Frame) -> list[Signal]:
        found: list[Signal] = self.inputs(batch)
        return found

    def answer_to(self, signals: Sequence[Signal], name: str) -> Prediction:
        needed = {name}
        for other in reversed(self.order):
            if other in needed:
                needed.update(self.outputs[other].config.dependencies)
        return self._decoded(self._joined(signals), {}, [other for other in self.order if other in needed])[name]

    def with_embeddings(self, frame: Frame, device: torch.device) -> Frame:
        return self.inputs.with_embeddings(frame, device)

    def combined(self, batch: Frame) -> Signal:
        """The signal that all outputs read, with what the inputs hand on past the combiner."""
        if self.recomputes and self.training:
            recomputed: Signal = checkpoint(self._combined, batch, use_reentrant=False, context_fn=self._rewinding)
            return recomputed
        return self._combined(batch)

    def _rewinding(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """What is computed again drops the same numbers again, and counts once in running statistics."""
        first, again = rewinding(self.modality_dropout.generator)
        return first, self._again(again)

    @contextmanager
    def _again(self, rewound: AbstractContextManager[None]) -> Iterator[None]:
        with rewound, unremembered(self):
            yield

    def _combined(self, batch: Frame) -> Signal:
        signals = self.inputs(batch)
        if self.training and self.modality_dropout.rate:
            signals = self.modality_dropout(signals)
        return self._joined(signals)

    def _joined(self, signals: Sequence[Signal]) -> Signal:
        combined: Signal = self.combiner(signals)
        skips = combined.skips or next((signal.skips for signal in signals if signal.skips), ())
        linear = [signal.linear for signal in signals if signal.linear is not None]
        auxiliary = _sum_of_auxiliary([*signals, combined])
        if not skips and not linear and auxiliary is None:
            return combined
        beside = torch.cat(linear, dim=1) if linear else None  # [B, L]
        return dataclasses.replace(combined, skips=skips, linear=beside, auxiliary_loss=auxiliary)

    def _decoded(self, combined: Signal, targets: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Prediction]:
        predictions: dict[str, Prediction] = {}
        hidden: dict[str, Signal] = {}
        outputs = self.outputs
        for name in names:
            predictions[name] = outputs[name](combined, hidden, targets.get(name))
            hidden[name] = outputs[name].hidden_of(predictions[name])
        return predictions

    # -- what training asks for

    def suggested_learning_rate(self) -> float:
        rates: list[float] = [feature.suggested_learning_rate() for feature in self.config.input_features]
        return min(rates)

    def suggested_batch_size(self) -> int | None:
        sizes = [feature.encoder.suggested_batch_size for feature in self.config.input_features]
        return min((size for size in sizes if size is not None), default=None)

    def most_rows(self) -> int | None:
        bounds = [feature.encoder.most_rows for feature in self.config.input_features]
        return min((bound for bound in bounds if bound is not None), default=None)

    def sharding_units(self) -> list[nn.Module]:
        units = [*super().sharding_units(), *self.inputs.encoders, self.combiner]
        outputs = {id(part) for output in self.outputs.values() for part in output.modules()}  # read past their forward
        with_weights = [unit for unit in units if any(True for _ in unit.parameters()) and id(unit) not in outputs]
        return list({id(unit): unit for unit in with_weights}.values())

    def leave_out_inputs(self, share: float) -> None:
        self.modality_dropout.rate = share

    def recompute_activations(self) -> None:
        super().recompute_activations()
        self.recomputes = True

    def release(self) -> None:
        super().release()
        self.modality_dropout.rate, self.recomputes = 0.0, False

    # -- weights by the names of features

    def named_weights(self) -> Iterator[tuple[str, NamedWeight]]:
        for name, weight in self.inputs.weights():
            yield f"input_features.{name}", weight
        for name, tensor in self.combiner.state_dict(keep_vars=True).items():
            yield f"combiner.{name}", NamedWeight(tensor)
        for output in self.outputs.values():
            for name, tensor in output.state_dict(keep_vars=True).items():
                yield f"output_features.{output.name}.{name}", NamedWeight(tensor)


def _fits(combiner: Combiner.Config, inputs: Sequence[Input.Config], outputs: Sequence[DecodedOutput.Config]) -> bool:
    """Whether the combiner takes what the encoders give, and the decoders what it gives."""
    forms = [feature.encoder.form() for feature in inputs]
    if not combiner.takes.issuperset(forms):
        return False
    return not any(feature.faults_of_signal(combiner.gives(forms)) for feature in outputs)


def _encoders_with_maps() -> str:
    """The encoders of images that give maps with their default options."""
    names = ENCODERS.names("image")
    return " or ".join(name for name in names if ENCODERS.get(name, "image").Config().num_skips)


def _sum_of_auxiliary(signals: Sequence[Signal]) -> Tensor | None:
    terms = [signal.auxiliary_loss for signal in signals if signal.auxiliary_loss is not None]
    return torch.stack(terms).sum() if terms else None
