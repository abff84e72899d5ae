"""A pretrained language model that answers prompts: zero-shot, or fine-tuned on examples.

B = rows of the batch, T = tokens of the longest target, V = tokens of the vocabulary
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from torch import Tensor, nn

from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Padded
from ludwig.data.loader import batches
from ludwig.data.preprocess import Preprocessing
from ludwig.error import ArtifactError, InputDataError
from ludwig.features.base import Facts
from ludwig.features.pretrained_tokenizer import PretrainedTokenizer, load_tokenizer
from ludwig.features.prompt import Prompt, rendered
from ludwig.features.tokens import TOKENIZER_ASSET
from ludwig.globals import MODEL_ADAPTER_DIR_NAME
from ludwig.metrics.text import text_statistics
from ludwig.models.assets import Assets, asset_folder
from ludwig.models.base import MODELS, Model, Step, Table
from ludwig.models.llm.base_model import (
    BASE_ASSET,
    base_name,
    empty_network,
    generation_of,
    load_network,
    save_generation,
    structure_of,
)
from ludwig.models.llm.generation import Generation
from ludwig.models.llm.inputs import PROMPTS, PromptInput
from ludwig.models.llm.network import Network, TokenScores
from ludwig.nn.generation import Generated
from ludwig.nn.named_weight import NamedWeight
from ludwig.nn.prediction import Prediction
from ludwig.nn.sharded import full, in_shards, sharded_like
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.generated import GeneratedOutput
from ludwig.pretrained import ADAPTERS, Adapter
from ludwig.pretrained.adapter_base import take_over
from ludwig.pretrained.names import is_missing_folder, resolved
from ludwig.runtime.atomic import written_aside
from ludwig.schema import Chosen, dump, param


@dataclasses.dataclass(frozen=True, kw_only=True)
class LlmPreprocessing(Preprocessing):
    """The section `preprocessing` of a language model."""

    global_max_sequence_length: int | None = param(
        None,
        min=1,
        help="Maximum number of tokens of prompt and target together (context length), up to that of the base model, "
        "which null takes. Longer prompts lose their first tokens.",
    )


@MODELS.register("llm")
class Llm(Model):
    """One prompt in, one answer out."""

    default_trainer = "none"
    passes = ("predict", "forced", "loss_of_tokens")
    draws_globally = True  # dropout of the pretrained network, and sampling

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Model.Config):
        input_features: list[Annotated[PromptInput.Config, Chosen(PROMPTS)]] = param(
            help="Input feature: the text column that the prompt is made of."
        )
        output_features: list[Annotated[GeneratedOutput.Config, Chosen(OUTPUTS, kind="llm")]] = param(
            help="Output feature: the text or category that is generated."
        )
        preprocessing: LlmPreprocessing = param(
            LlmPreprocessing, help="Preprocessing of the table: sampling, class balance and split."
        )
        base_model: str = param(help="Pretrained base model: a local folder, a Hugging Face Hub id, or a preset.")
        prompt: Prompt = param(Prompt, help="Prompt template and task, filled from the columns of a row.")
        generation: Generation = param(Generation, help="Text generation: length, sampling and beam search.")
        adapter: Annotated[Adapter.Config, Chosen(ADAPTERS)] | None = param(
            None,
            help="Parameter-efficient fine-tuning (PEFT) adapter, such as lora; null fine-tunes all weights.",
        )
        trust_remote_code: bool = param(
            False,
            help="Whether Python code that comes with the base model may run. Only for sources that you trust; a saved "
            "model needs LUDWIG_TRUST_REMOTE_CODE=1 in the environment as well.",
        )

        @property
        def reads_all_columns(self) -> bool:  # type: ignore[override]
            """Whether the prompt looks at more of a row than the input's own cell."""
            return any(self.prompt.looks_beyond(feature.source) for feature in self.input_features)

        @property
        def targets(self) -> list[str]:
            """The columns that are to be predicted."""
            return [feature.source for feature in self.output_features]

        def required(self, feature: Any) -> Mapping[str, Any]:
            own = feature.requires()
            uses = {"prompt": self.prompt.use, "answer": self.prompt.use_of_answer}
            own |= {"use": uses[own["use"]]} if "use" in own else {}
            return {**self._of_base_model(), **own} if own else {}

        def _of_base_model(self) -> dict[str, Any]:
            """What the tokens of its texts depend on."""
            return {
                "tokenizer": "hf_tokenizer",
                "pretrained_model_name_or_path": resolved(self.base_model),
                "trust_remote_code": self.trust_remote_code,
                "context": self.preprocessing.global_max_sequence_length,
                "prompt": dump(self.prompt),
            }

        def prepare(self, table: Table) -> Table:
            """The table with the prompt in the place of the input's cell."""
            if self.prompt.is_plain:
                return table
            frame: Any = table
            for feature in self.input_features:
                fill = feature.preprocessing.text_of_missing
                prompts = rendered(frame, self.prompt, feature.source, self.targets, fill)
                frame = frame.assign(**{feature.source: prompts})
            return cast(Table, frame)

        def faults(self) -> list[tuple[str, str]]:
            faults = [(f"prompt.{name}", text) for name, text in self.prompt.faults(self.targets)]
            for key in ("input_features", "output_features"):
                count = len(getattr(self, key))
                if count > 1:
                    faults.append((key, f"Must be exactly one for a language model. Received: {count}."))
            return faults

        def faults_of_training(self, trains: bool) -> list[tuple[str, str]]:
            faults: list[tuple[str, str]] = []
            if trains and not all(feature.is_trainable for feature in self.output_features):
                text = "Fine-tuning needs a text output. Set it to 'none', or make the output a text."
                faults.append(("trainer.type", text))
            if self.adapter is not None and not trains and self.adapter.pretrained_adapter_weights is None:
                text = "Would not be trained: set trainer.type to 'finetune', or pretrained_adapter_weights."
                faults.append(("adapter", text))
            return faults

        def faults_of_origins(self) -> list[tuple[str, str]]:
            if is_missing_folder(self.base_model):
                return [("base_model", f"There is no folder '{self.base_model}'.")]
            return []

    def __init__(self, config: Config, facts: Mapping[str, Facts], assets: Assets) -> None:
        nn.Module.__init__(self)
        self.config, self.assets = config, assets
        self.base = base_name(config.base_model, assets)
        tokens = assets.source(TOKENIZER_ASSET, resolved(config.base_model))
        self.tokenizer: PretrainedTokenizer = load_tokenizer(tokens, config.trust_remote_code)
        source = assets.source(BASE_ASSET, resolved(config.base_model))
        self.structure = structure_of(source, config.trust_remote_code)
        self.own_generation = generation_of(source)
        self.generation = config.generation
        most = config.preprocessing.global_max_sequence_length
        self.network = Network(empty_network(self.structure, config.trust_remote_code, on="meta"), most)
        self.prompt_name = config.input_features[0].name
        sections: Any = config.output_features
        self.readers = nn.ModuleList(f.build(facts[f.name], self.tokenizer) for f in sections)
        self._refuse_long_answers()

    def _refuse_long_answers(self) -> None:
        for name, output in self.outputs.items():
            if output.longest_answer >= self.network.most:
                raise InputDataError(
                    f"The longest target in the training split has {output.longest_answer} tokens, and the base model "
                    f"takes {self.network.most} together with the prompt. Truncate targets with preprocessing."
                    f"max_sequence_length of the output feature '{name}', or choose another base model."
                )

    def start(self) -> None:
        self.network.pretrained = load_network(self.base, self.config.trust_remote_code)
        if self.config.adapter is not None:
            adapter = self.config.adapter.build()
            self.network.pretrained = adapter.attached(self.network.pretrained, "CAUSAL_LM", self.assets.adapter)
            adapter.start(self.network.pretrained)

    def attach_base(self) -> None:
        """Loads the base network and puts the adapter's structure on it; without an adapter all weights are saved."""
        if self.config.adapter is not None:
            self.network.pretrained = load_network(self.base, self.config.trust_remote_code)
            adapter = self.config.adapter.build()
            self.network.pretrained = adapter.attached(self.network.pretrained, "CAUSAL_LM", self.assets.adapter)
        else:
            self.network.pretrained = empty_network(self.structure, self.config.trust_remote_code, on="cpu")

    @property
    def outputs(self) -> dict[str, GeneratedOutput]:  # type: ignore[override]
        """The outputs by name."""
        readers = cast(list[GeneratedOutput], list(self.readers))
        return {reader.name: reader for reader in readers}

    # -- forward

    def forward(self, batch: Frame) -> dict[str, Prediction]:
        """Logits beside the tokens of the target (teacher forcing)."""
        prompts = _padded(batch, self.prompt_name)
        return {name: _of_logits(self.network(prompts, _padded(batch, name))) for name in self.outputs}  # [B, T, V]

    def training_loss(self, batch: Frame) -> Step:
        return self.loss_of_tokens(batch)

    def loss_of_tokens(self, batch: Frame, *, of_prompts: bool = False, packs: bool = False) -> Step:
        """The loss of the tokens of the answers, or of prompts and answers; `packs`: see `Network.token_scores`."""
        parts, predictions = {}, {}
        for name, output in self.outputs.items():
            prompts, targets = _padded(batch, self.prompt_name), _padded(batch, name)
            loss = None if output.loss.is_plain else output.loss.of_ids
            found = self.network.token_scores(prompts, targets, of_prompts=of_prompts, packs=packs, loss=loss)
            rows, weights = output.loss.rows_of_tokens(found.refined, found.target), batch.weights
            parts[name] = output.loss.of_rows(rows, output.row_weights(output.loss, found.target, weights))
            predictions[name] = _of_tokens(found.of_answers(targets) if of_prompts else found)
        return Step(parts, predictions)

    def weights_of_tokens(self, batch: Frame, *, of_prompts: bool) -> dict[str, Tensor]:
        """As `weights_of`, where tokens of prompts may count: []."""
        if not of_prompts:
            return self.weights_of(batch)
        prompts = _padded(batch, self.prompt_name)
        targets = {name: self.network.whole_target(prompts, _padded(batch, name)) for name in self.outputs}
        return {name: self.outputs[name].weight_of(target, batch.weights) for name, target in targets.items()}

    def compile_forward(self) -> None:
        self.network.pretrained.compile(dynamic=True)

    def predict(self, batch: Frame) -> dict[str, Prediction]:
        return {name: self._predicted(batch, output) for name, output in self.outputs.items()}

    def _predicted(self, batch: Frame, output: GeneratedOutput) -> Prediction:
        if not output.candidates:
            return output.from_generated(self._generated(batch), self._known(batch, output))
        answers = self.tokenizer.answers(output.candidates, self.config.prompt.use_of_answer)
        return output.from_likelihoods(self.network.likelihoods(_padded(batch, self.prompt_name), answers))

    def scored(self, batch: Frame) -> dict[str, Prediction]:
        """By the target alone where it is a text."""
        if not all(output.config.is_trainable for output in self.outputs.values()):
            return self.predict(batch)
        return self.forced(batch)

    def forced(self, batch: Frame) -> dict[str, Prediction]:
        """What is most probable behind the tokens of the targets before it (teacher forcing)."""
        return {name: self._forced(batch, output) for name, output in self.outputs.items()}

    def statistics_of_texts(self, frame: Frame, batch_size: int, device: torch.device) -> dict[str, dict[str, float]]:
        pairs: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in self.outputs}
        self.eval()
        with torch.inference_mode(), self.generating({"do_sample": False, "num_beams": 1}):
            for batch in batches(frame, batch_size, device):
                generated = self._generated(batch)
                for name, output in self.outputs.items():
                    for texts, ids in zip(pairs[name], (generated.ids, self.target(name, batch)), strict=True):
                        texts += output.texts(ids)
        return {
            name: {"exact_match": sum(map(str.__eq__, *texts)) / max(len(frame), 1), **text_statistics(*texts)}
            for name, texts in pairs.items()
        }

    def activation_names(self) -> list[str]:
        return [f"{name}::{what}" for name in self.outputs for what in ("last_hidden", "logits")]

    def activations(self, batch: Frame) -> dict[str, Tensor]:
        """Of one pass over the prompts: layers see [B, P, H], and what is named is that of the first token to come."""
        hidden, logits = self.network.read(_padded(batch, self.prompt_name))
        found = {"last_hidden": hidden, "logits": logits}
        return {f"{name}::{what}": values for name in self.outputs for what, values in found.items()}

    def _generated(self, batch: Frame) -> Generated:
        longest = max(output.longest_answer for output in self.outputs.values())
        prompts = _padded(batch, self.prompt_name)
        return self.network.write(prompts, self.generation.settled(self.own_generation), longest, self._ends())

    def _ends(self) -> list[int]:
        """The tokens that end a text: that of the tokenizer, and those of the base model."""
        own = self.own_generation.get("eos_token_id")
        found = [self.tokenizer.end_id, *(own if isinstance(own, list) else [own])]
        return [*dict.fromkeys(token for token in found if token is not None)]

    def _known(self, batch: Frame, output: GeneratedOutput) -> Prediction:
        """By the target alone, where that is a text and known."""
        if output.config.is_trainable and output.name in batch and len(batch) > 0:
            return self._forced(batch, output)
        nothing = next(self.parameters()).new_empty((len(batch), 0))
        return Prediction(None, nothing, token_losses=nothing)

    def _forced(self, batch: Frame, output: GeneratedOutput) -> Prediction:
        if not output.loss.is_plain:
            return output.complete(self.forward(batch)[output.name])
        return _of_tokens(self.network.token_scores(_padded(batch, self.prompt_name), _padded(batch, output.name)))

    def suggested_learning_rate(self) -> float:
        return 0.0001

    @contextmanager
    def generating(self, overrides: Mapping[str, Any]) -> Iterator[None]:
        before, self.generation = self.generation, self.generation.overridden(overrides)
        try:
            yield
        finally:
            self.generation = before

    # -- what is saved: the adapter alone where there is one, under the names of the pretrained network

    def named_weights(self) -> Iterator[tuple[str, NamedWeight]]:
        for name, tensor in self.network.pretrained.state_dict(keep_vars=True).items():
            yield name, NamedWeight(tensor)

    def weights(self) -> dict[str, Tensor]:
        if self.config.adapter is None:
            return super().weights()
        from peft import get_peft_model_state_dict

        own: dict[str, Tensor] = get_peft_model_state_dict(self.network.pretrained)
        return {name: full(weight) for name, weight in own.items()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        if self.config.adapter is None:
            super().load_weights(weights)
            return
        from peft import get_peft_model_state_dict

        own = get_peft_model_state_dict(self.network.pretrained) if in_shards(self) else {}
        given = {name: sharded_like(weight, own.get(name, weight)) for name, weight in weights.items()}
        try:
            take_over(self.network.pretrained, given)
        except ValueError as error:
            raise ArtifactError(f"The saved adapter does not fit the model. {error}") from None

    def save_weights(self, folder: Path) -> None:
        if self.config.adapter is None:
            super().save_weights(folder)
            return
        with written_aside(folder / MODEL_ADAPTER_DIR_NAME) as aside:
            self.network.pretrained.save_pretrained(str(aside))

    def read_weights(self, folder: Path) -> None:
        if self.config.adapter is None:
            super().read_weights(folder)
            return
        from peft import load_peft_weights

        saved = folder / MODEL_ADAPTER_DIR_NAME
        if not saved.is_dir():
            raise ArtifactError(f"The model folder '{folder}' is incomplete: it has no {MODEL_ADAPTER_DIR_NAME}.")
        self.load_weights(load_peft_weights(str(saved), device="cpu"))

    def save_assets(self, folder: Path) -> None:
        with written_aside(asset_folder(folder, TOKENIZER_ASSET)) as aside:
            self.tokenizer.save(aside)
        with written_aside(asset_folder(folder, BASE_ASSET)) as aside:
            self.structure.save_pretrained(str(aside))
            save_generation(self.own_generation, aside)


def _of_logits(logits: Tensor) -> Prediction:
    return Prediction(logits, logits.new_empty((len(logits), 0)))


def _of_tokens(found: TokenScores) -> Prediction:
    losses = found.losses
    return Prediction(None, losses.new_empty((len(losses), 0)), predictions=found.best, token_losses=losses)


def _padded(batch: Frame, name: str) -> Padded:
    column = batch.column(name)
    assert isinstance(column, Padded)
    return column
