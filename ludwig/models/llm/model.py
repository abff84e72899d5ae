"""A pretrained language model that answers prompts: as it is, or taught by examples.

B = rows of the batch, T = tokens of the longest target, V = tokens of the vocabulary
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import marshmallow as ma
from torch import Tensor, nn

from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Padded
from ludwig.error import ArgumentError, ArtifactError, InputDataError
from ludwig.features.base import Facts
from ludwig.features.pretrained_tokenizer import load_tokenizer
from ludwig.features.prompt import Prompt, rendered
from ludwig.globals import MODEL_ADAPTER_DIR_NAME
from ludwig.models.base import MODELS, FeatureSpec, Model, Step, Table
from ludwig.models.llm.adapters import ADAPTERS, Adapter
from ludwig.models.llm.base_model import is_missing_folder, load_network, resolved
from ludwig.models.llm.generation import Generation
from ludwig.models.llm.inputs import PROMPTS, PromptInput
from ludwig.models.llm.network import Network
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.written import Written, WrittenOutput
from ludwig.runtime.atomic import written_aside
from ludwig.schema import Chosen, dump, load, param
from ludwig.schema.report import faults_of


@MODELS.register("llm")
class Llm(Model):
    """One prompt in, one answer out."""

    default_trainer = "none"

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Model.Config):
        input_features: list[Annotated[PromptInput.Config, Chosen(PROMPTS)]] = param(help="The text that is read.")
        output_features: list[Annotated[WrittenOutput.Config, Chosen(OUTPUTS, kind="llm")]] = param(
            help="The text or the label that is answered."
        )
        base_model: str = param(help="A folder with a saved model, an id of the hub, or a preset.")
        prompt: Prompt = param(Prompt, help="What the model is told of a row.")
        generation: Generation = param(Generation, help="How answers are written.")
        adapter: Annotated[Adapter.Config, Chosen(ADAPTERS)] | None = param(
            None, help="A few weights that are learned in the place of all; null learns all."
        )
        trust_remote_code: bool = param(False, help="Whether Python code that comes with the model is run.")

        @property
        def reads_all_columns(self) -> bool:  # type: ignore[override]
            """Whether the prompt looks at more of a row than the input's own cell."""
            return any(self.prompt.looks_beyond(feature.source) for feature in self.input_features)

        @property
        def _whole(self) -> Any:
            """The config with the sections that all model types have, which are put together elsewhere."""
            return self

        @property
        def targets(self) -> list[str]:
            """The columns that are to be predicted."""
            return [feature.source for feature in self.output_features]

        def specs(self, folder: Path | None = None) -> tuple[list[FeatureSpec], list[FeatureSpec]]:
            whence: dict[str, Any] = {
                "base_model": resolved(self.base_model),
                "trust_remote_code": self.trust_remote_code,
                "global_max_sequence_length": self._whole.preprocessing.global_max_sequence_length,
            }
            prompted = {**whence, "prompt": dump(self.prompt)}
            inputs = [
                FeatureSpec(f.name, f.source, f.feature(f.settled(prompted), f.name, folder=folder))
                for f in self.input_features
            ]
            outputs = [
                FeatureSpec(f.name, f.source, f.feature(f.settled(whence), f.name, target=True, folder=folder))
                for f in self.output_features
            ]
            return inputs, outputs

        def prepare(self, table: Table) -> Table:
            """The table with the prompt in the place of the input's cell."""
            if self.prompt.is_plain:
                return table
            frame: Any = table
            for feature in self.input_features:
                prompts = rendered(frame, self.prompt, feature.source, self.targets, feature.text_of_missing)
                frame = frame.assign(**{feature.source: prompts})
            return cast(Table, frame)

        def faults(self) -> list[tuple[str, str]]:
            faults = [(f"prompt.{name}", text) for name, text in self.prompt.faults(self.targets)]
            for key in ("input_features", "output_features"):
                count = len(getattr(self, key))
                if count > 1:
                    faults.append((key, f"Must be exactly one for a language model. Received: {count}."))
            if is_missing_folder(self.base_model):
                faults.append(("base_model", f"There is no folder '{self.base_model}'."))
            return [*faults, *self._faults_of_learning()]

        def _faults_of_learning(self) -> list[tuple[str, str]]:
            faults: list[tuple[str, str]] = []
            learns, adapter = self._whole.trainer.learns, self.adapter
            if learns and not all(feature.may_be_taught for feature in self.output_features):
                faults.append(("trainer.type", "Learning needs a text output. Say 'none', or make the output a text."))
            if adapter is not None and not learns and adapter.pretrained_adapter_weights is None:
                text = "Would learn nothing: say trainer.type 'finetune', or give adapter.pretrained_adapter_weights."
                faults.append(("adapter", text))
            return faults

    def __init__(self, config: Config, facts: Mapping[str, Facts]) -> None:
        nn.Module.__init__(self)
        self.config = config
        tokenizer = load_tokenizer(resolved(config.base_model), config.trust_remote_code)
        self.end_id, self.generation = tokenizer.end_id, config.generation
        most = config._whole.preprocessing.global_max_sequence_length
        self.network = Network(load_network(config.base_model, config.trust_remote_code), most)
        self.has_adapter = config.adapter is not None
        if config.adapter is not None:
            self.network.pretrained = config.adapter.build().attached(self.network.pretrained)
        self.prompt_name = config.input_features[0].name
        sections: Any = config.output_features
        self.readers = nn.ModuleList(f.build(facts[f.name], tokenizer) for f in sections)
        self._refuse_long_answers()

    def _refuse_long_answers(self) -> None:
        for name, output in self.outputs.items():
            if output.longest_answer >= self.network.most:
                raise InputDataError(
                    f"The longest answer in the training split has {output.longest_answer} tokens, and the base model "
                    f"takes {self.network.most} together with the prompt. Cut answers with preprocessing."
                    f"max_sequence_length of the output feature '{name}', or take another base model."
                )

    @property
    def outputs(self) -> dict[str, WrittenOutput]:  # type: ignore[override]
        """The outputs by name."""
        readers = cast(list[WrittenOutput], list(self.readers))
        return {reader.name: reader for reader in readers}

    def training_loss(self, batch: Frame) -> Step:
        (name, output), *_ = self.outputs.items()
        logits = self._logits(batch, name)
        prediction = Prediction(logits, logits.new_empty((len(logits), 0)))
        loss = output.loss_of(prediction, self.target(name, batch))
        return Step({name: loss}, {name: prediction})

    def compile_forward(self) -> None:
        self.network.pretrained.compile(dynamic=True)

    def predict(self, batch: Frame) -> dict[str, Prediction]:
        written = self._written(batch)
        return {name: output.answered(written, self._judged(batch, output)) for name, output in self.outputs.items()}

    def _written(self, batch: Frame) -> Written:
        longest = max(output.longest_answer for output in self.outputs.values())
        return self.network.write(_padded(batch, self.prompt_name), self.generation, longest, self.end_id)

    def _judged(self, batch: Frame, output: WrittenOutput) -> Tensor:
        """What the model gives for the tokens of the target, where that is a text and known: [B, T, V]."""
        if output.config.may_be_taught and output.name in batch and len(batch) > 0:
            return self._logits(batch, output.name)
        return next(self.parameters()).new_empty((len(batch), 0, self.network.vocabulary_size))

    def _logits(self, batch: Frame, name: str) -> Tensor:
        logits: Tensor = self.network(_padded(batch, self.prompt_name), _padded(batch, name))  # [B, T, V]
        return logits

    def suggested_learning_rate(self) -> float:
        return 0.0001

    @contextmanager
    def generating(self, overrides: Mapping[str, Any]) -> Iterator[None]:
        before = self.generation
        try:
            self.generation = load(Generation, {**dump(before), **overrides})
        except ma.ValidationError as error:
            faults = "; ".join(f"{path}: {text}" for path, text in faults_of(error.messages))
            raise ArgumentError(f"generation_config has faults. {faults}") from None
        try:
            yield
        finally:
            self.generation = before

    # -- what is saved: the adapter alone where there is one

    def weights(self) -> dict[str, Tensor]:
        if not self.has_adapter:
            whole: dict[str, Tensor] = self.network.pretrained.state_dict()
            return whole
        from peft import get_peft_model_state_dict

        own: dict[str, Tensor] = get_peft_model_state_dict(self.network.pretrained)
        return own

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        if not self.has_adapter:
            self.network.pretrained.load_state_dict(dict(weights))
            return
        from peft import set_peft_model_state_dict

        found: Any = set_peft_model_state_dict(self.network.pretrained, dict(weights))
        unknown = found.unexpected_keys
        if unknown:
            raise ArtifactError(f"The adapter has weights that the model does not know: {', '.join(unknown[:3])}.")

    def save_weights(self, folder: Path) -> None:
        if not self.has_adapter:
            super().save_weights(folder)
            return
        with written_aside(folder / MODEL_ADAPTER_DIR_NAME) as aside:
            self.network.pretrained.save_pretrained(str(aside))

    def read_weights(self, folder: Path) -> None:
        if not self.has_adapter:
            super().read_weights(folder)
            return
        from peft import load_peft_weights

        saved = folder / MODEL_ADAPTER_DIR_NAME
        if not saved.is_dir():
            raise ArtifactError(f"The model folder '{folder}' is incomplete: it has no {MODEL_ADAPTER_DIR_NAME}.")
        self.load_weights(load_peft_weights(str(saved), device="cpu"))


def _padded(batch: Frame, name: str) -> Padded:
    column = batch.column(name)
    assert isinstance(column, Padded)
    return column
