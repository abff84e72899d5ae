"""What all encoders by a pretrained network of texts share.

B = rows of the batch, T = tokens of the longest text, H = size of a vector
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import Encoder, Find
from ludwig.encoders.sequence_base import SequenceEnd, form_after
from ludwig.features.tokens import TokenFacts
from ludwig.nn.reduce import ReductionName, has_weights
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.pretrained import ADAPTERS, Adapter
from ludwig.pretrained.loading import (
    Description,
    load_network,
    most_tokens,
    new_description,
    new_network,
    read_description,
    recompute_activations,
    write_description,
)
from ludwig.pretrained.names import asset_name, is_missing_folder
from ludwig.runtime.console import warn
from ludwig.schema import Chosen, param

TextReduction = Literal["cls_pooled", ReductionName]
OF_TOKENIZERS = ("bos_token_id", "eos_token_id", "sep_token_id")  # ids that a vocabulary fitted on the data has not
FITTED_PADDING = 0  # the id of padding in such a vocabulary
FINE_TUNED_ROWS = 32  # of a batch, as in Devlin et al. 2019, appendix A.3, which is also where the rate is from
FINE_TUNING_RATE, FROZEN_RATE = 5e-5, 1e-3
DEEP_RATE = 1e-4  # of adapters, and of deep networks from scratch


def pools(reduce_output: str | None) -> bool:
    """Whether the network's own pooled state of the class token stands for a text."""
    return reduce_output == "cls_pooled"


class PretrainedEncoder(Encoder):
    """A network of the library transformers from the tokens of a text to one vector, or to one a token.

    Each family is a subclass: where its weights usually come from, and which options its architecture has.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        network_class: ClassVar[str | None] = None  # in transformers; None for the usual one
        part: ClassVar[str | None] = None  # of a description of several networks: the one that reads texts
        unused: ClassVar[tuple[str, ...]] = ()  # weights that reading a text leaves aside, by the end of their names
        class_token_is_first: ClassVar[bool] = True  # else the first token of a text has not seen the others

        adapter: Annotated[Adapter.Config, Chosen(ADAPTERS)] | None = param(
            None, help="Parameter-efficient fine-tuning (PEFT) adapter, such as lora, which alone is trained; or null."
        )
        gradient_checkpointing: bool = param(
            False,
            help="Activation checkpointing of the network: the backward pass computes activations again, which saves "
            "memory and takes time.",
        )
        reduce_output: TextReduction | None = param(
            "sum",
            help="Reduction of the tokens' states to one vector: cls_pooled (the class token), mean, last, sum ...; "
            "null keeps all tokens.",
        )

        description: Description | None = param(
            None, internal=True, help="The architecture, as the config.json of the pretrained model has it."
        )
        adapter_folder: str | None = param(None, internal=True, help="Folder of the saved adapter to start from.")

        @property
        def source(self) -> str | None:
            """The folder or the hub's id that the architecture comes from; None where options describe it."""
            raise NotImplementedError

        @property
        def loads_weights(self) -> bool:
            """Whether a fresh run starts from pretrained weights."""
            return True

        @property
        def trains_all(self) -> bool:
            """Whether all weights of the network are trained, and not those of an adapter alone or none."""
            return False

        @property
        def overrides(self) -> Mapping[str, Any]:
            """Options of loading, and of the architecture that differ from the source's."""
            return {}

        @property
        def stretch(self) -> float:
            """How many times as many tokens as the network has positions are read."""
            return 1.0

        def architecture(self, facts: TokenFacts) -> Description:
            """The description of a network that the options describe."""
            raise NotImplementedError

        @property
        def is_fixed(self) -> bool:
            """Whether no weight of the network is trained."""
            return self.adapter is None and not self.trains_all

        @property
        def draws_globally(self) -> bool:
            return not self.is_fixed

        @property
        def is_pretrained_text(self) -> bool:
            return self.loads_weights

        @property
        def obstacle_to_caching(self) -> str | None:
            if self.adapter is not None:
                return "The encoder has an adapter, which is trained, so its embeddings change."
            if self.trains_all:
                return "The encoder's weights are trained, so its embeddings change."
            if has_weights(self.reduce_output):
                return f"reduce_output '{self.reduce_output}' has weights that are trained, so embeddings change."
            return None

        @property
        def suggested_learning_rate(self) -> float:
            if self.is_fixed:
                return FROZEN_RATE
            return FINE_TUNING_RATE if self.loads_weights and self.adapter is None else DEEP_RATE

        @property
        def suggested_batch_size(self) -> int | None:
            return None if self.is_fixed else FINE_TUNED_ROWS

        def form(self) -> Form:
            return form_after(self.reduce_output)

        def requires(self) -> Mapping[str, Any]:
            if self.source is None:
                return {}
            return {"tokenizer": "hf_tokenizer", "pretrained_model_name_or_path": self.source}

        def described(self, find: Find) -> Self:
            config = self
            if self.source is not None:
                place = find(asset_name("architecture", self.source), self.source)
                config = dataclasses.replace(config, description=self._read(place))
            folder = None if self.adapter is None else self.adapter.pretrained_adapter_weights
            if folder is not None:
                config = dataclasses.replace(config, adapter_folder=find(asset_name("adapter", folder), folder))
            return config

        def _read(self, place: str) -> Description:
            whole = read_description(place, self.overrides)
            described: Description = whole if self.part is None else whole.get(self.part, whole)
            return described

        def assets(self) -> Mapping[str, Callable[[Path], None]]:
            found: dict[str, Callable[[Path], None]] = {}
            if self.source is not None and self.description is not None:
                name = asset_name("architecture", self.source)
                found[name] = functools.partial(write_description, self.description)
            if self.adapter is not None and self.adapter_folder is not None:
                name = asset_name("adapter", str(self.adapter.pretrained_adapter_weights))
                found[name] = functools.partial(self.adapter.build().save_options, self.adapter_folder)
            return found

        def faults_of_origins(self) -> list[tuple[str, str]]:
            if self.source is not None and is_missing_folder(self.source):
                return [(self.named_by, f"There is no folder '{self.source}'.")]
            return []

        named_by: ClassVar[str] = "pretrained_model_name_or_path"  # the option that names the source

        def faults(self) -> list[tuple[str, str]]:
            if pools(self.reduce_output) and not self.class_token_is_first:
                text = f"'{self.type}' has no class token at the start of a text. Set it to last or mean."
                return [("reduce_output", text)]
            return []

    config: Config

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, facts)
        self.description = config.architecture(facts[0]) if config.description is None else config.description
        network = new_network(self.description, config.network_class, random=not config.loads_weights)
        self.takes = frozenset(inspect.signature(network.forward).parameters)
        self.positions = int((most_tokens(network) or facts[0].longest) * config.stretch)
        self.longest = min(facts[0].longest, self.positions)
        self.padding = self._padding_id(network)
        size = int(network.config.hidden_size)
        if not pools(config.reduce_output):
            self.end = SequenceEnd(config.reduce_output, size, self.longest)
        self.shape = Shape("vector", size) if pools(config.reduce_output) else self.end.shape
        self.network = self._prepared(network)

    def _padding_id(self, network: Any) -> int:
        """What stands behind shorter texts: the network's own id of padding, which some count positions by."""
        own = network.config.pad_token_id
        return own if own is not None and 0 <= own < network.config.vocab_size else FITTED_PADDING

    def _prepared(self, network: Any) -> Any:
        """With what is trained of it, and with the adapter's structure."""
        config = self.config
        parts = dict(network.named_children())
        if "pooler" in parts and not self.keeps_pooler():
            network.pooler = None
        network.requires_grad_(config.trains_all)
        for name, weight in network.named_parameters():
            if name.endswith(config.unused):
                weight.requires_grad_(False)
        if config.gradient_checkpointing:
            recompute_activations(network)
        if config.adapter is not None:
            folder = config.adapter_folder
            return config.adapter.build().attached(network, "FEATURE_EXTRACTION", lambda origin: folder or origin)
        return network

    def keeps_pooler(self) -> bool:
        """Whether the layer over the class token is of use."""
        return pools(self.config.reduce_output)

    def start(self, facts: Sequence[TokenFacts]) -> None:
        config = self.config
        if facts[0].longest > self.longest:
            warn(
                f"The longest text has {facts[0].longest} tokens, and the network reads {self.longest}: longer texts "
                "are truncated. Choose an encoder of more positions, or split them."
            )
        if config.source is not None and config.loads_weights:
            network = load_network(config.source, self.description, config.network_class, config.overrides)
            self.network = self._prepared(network).train(self.network.training)
            if config.adapter is not None:
                config.adapter.build().start(self.network)

    def train(self, mode: bool = True) -> Self:
        """A network that is not trained drops nothing either."""
        super().train(mode)
        if self.config.is_fixed:
            self.network.eval()
        return self

    def forward(self, column: Padded) -> Signal:
        ids, mask = self._read(column)  # [B, T]
        found = self.network(**self._known(ids, mask))
        states: Tensor = found.last_hidden_state  # [B, T, H]
        if not pools(self.config.reduce_output):
            signal: Signal = self.end(states, mask)
            return signal
        pooled = found.get("pooler_output")
        return Signal.vector(states[:, 0] if pooled is None else pooled)  # [B, H]

    def _read(self, column: Padded) -> tuple[Tensor, Tensor]:
        """(ids, which of them are there) of as many tokens as the network reads, one at least: [B, T]."""
        mask = column.mask[:, : self.longest]
        ids = column.values[:, : self.longest].long().masked_fill(~mask, self.padding)
        if mask.shape[1] == 0:
            ids = nn.functional.pad(ids, (0, 1), value=self.padding)
            mask = nn.functional.pad(mask, (0, 1))
        return ids, mask

    def _known(self, ids: Tensor, mask: Tensor) -> dict[str, Any]:
        """What the network takes of all that is known. Of a text of no tokens one token of padding is read."""
        first = torch.arange(mask.shape[1], device=mask.device) == 0  # [T]
        there = mask | (first & ~mask.any(1, keepdim=True))  # [B, T]
        known = {
            "input_ids": ids,
            "attention_mask": there.long(),
            "global_attention_mask": first.long().expand_as(ids),
            "use_cache": False,
        }
        return {name: value for name, value in known.items() if name in self.takes}


class PretrainedTextEncoder(PretrainedEncoder):
    """An encoder whose weights are pretrained, or which is trained from its options alone."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedEncoder.Config):
        family: ClassVar[str | None] = None  # in transformers, of the network that the options describe
        library_names: ClassVar[Mapping[str, str]] = {}  # of the options that transformers calls otherwise

        use_pretrained: bool = param(
            True, help="Whether pretrained weights are loaded; false trains the architecture from random weights."
        )
        pretrained_model_name_or_path: str | None = param(
            None, help="Pretrained model: a local folder or a Hugging Face Hub id. Its tokenizer reads the column."
        )
        trainable: bool = param(
            False,
            help="Whether pretrained weights are fine-tuned, at much cost; false freezes them. Without pretrained "
            "weights all are trained.",
        )
        pretrained_kwargs: dict[str, Any] | None = param(
            None, help="Options of loading: overrides of the model's config.json, or of the hub, such as revision."
        )

        @property
        def source(self) -> str | None:
            described = self.use_pretrained or self.family is None
            return self.pretrained_model_name_or_path if described else None

        @property
        def loads_weights(self) -> bool:
            return self.use_pretrained

        @property
        def trains_all(self) -> bool:
            return self.adapter is None and (self.trainable or not self.use_pretrained)

        @property
        def overrides(self) -> Mapping[str, Any]:
            return self.pretrained_kwargs or {}

        def architecture(self, facts: TokenFacts) -> Description:
            options = self.architecture_options()
            if not facts.pretrained_ids:  # a vocabulary that is fitted on the data has no such tokens
                options = {name: value for name, value in options.items() if name not in OF_TOKENIZERS}
                options["pad_token_id"] = FITTED_PADDING
            return new_description(str(self.family), {**options, "vocab_size": facts.ids})

        def architecture_options(self) -> dict[str, Any]:
            """The options of the family, as transformers wants them."""
            shared = {field.name for field in dataclasses.fields(PretrainedTextEncoder.Config)}
            own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in shared}
            return {self.library_names.get(name, name): value for name, value in own.items()}

        def faults(self) -> list[tuple[str, str]]:
            faults = super().faults()
            if self.pretrained_model_name_or_path is None and (self.use_pretrained or self.family is None):
                text = f"The encoder '{self.type}' needs a folder or a hub id of a pretrained model. Set it."
                faults.append(("pretrained_model_name_or_path", text))
            if not self.use_pretrained and self.adapter is not None:
                faults.append(("adapter", "Fine-tunes pretrained weights. Set use_pretrained to true, or remove it."))
            return faults
