"""A category output of a language model: the most probable label, or the one that a generated answer means.

B = rows of the batch, C = classes
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ludwig.decoders.extractors import EXTRACTORS, CategoryExtractor, Extractor
from ludwig.error import InputDataError
from ludwig.features.category import CategoryFacts, CategoryFeature
from ludwig.features.labels import Vocabulary, WordTally
from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.base import Setting
from ludwig.metrics.statistics import classification_statistics
from ludwig.nn.generation import Generated
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.classes import ClassMetricOptions
from ludwig.outputs.generated import GeneratedOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(EXTRACTORS, "category_extractor", "category")
LOSS = Chosen(LOSSES, "softmax_cross_entropy", "category")
DOUBT = 1e-6  # the probability of a label that the answer does not mean, so that losses stay finite


class LabelFeature(CategoryFeature):
    """A column of labels that the config lists, or that the training split has."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CategoryFeature.Config):
        pass

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(CategoryFeature.TargetConfig):
        vocab: list[str] = param(
            list, help="Vocabulary: the labels that can be predicted; none listed takes those of the training split."
        )
        fallback_label: str | None = param(None, help="Fallback label of a generated text that matches none of them.")

        def faults(self) -> list[tuple[str, str]]:
            if self.vocab and len(set(self.vocab)) < 2:
                return [("vocab", f"Must list the labels, at least two. Received: {self.vocab}.")]
            return []

    def finish(self, tally: WordTally) -> CategoryFacts:
        self.refuse_all_missing(len(tally.counts))
        strategy = self.config.missing_value_strategy
        fill = self.config.fill_value if strategy == "fill_with_const" else tally.mode()
        return self._facts(Counter(tally.counts), fill)

    def facts_of_config(self) -> CategoryFacts:
        if not self.config.vocab:
            raise LookupError(f"the {self.where} has no vocab, so its labels are those of a training split")
        return self._facts(Counter(), self.config.fill_value)

    def _facts(self, counts: Counter[str], fill: str) -> CategoryFacts:
        words = tuple(dict.fromkeys(self.config.vocab)) or tuple(sorted(counts, key=lambda word: (-counts[word], word)))
        if len(words) < 2:
            raise InputDataError(
                f"The {self.where} has one label only in the training split ({words[0]!r}). List the labels that can "
                "be predicted in preprocessing.vocab."
            )
        return CategoryFacts(Vocabulary(words, tuple(counts[word] for word in words)), fill)


@OUTPUTS.register("category", kinds=("llm",))
class GeneratedCategoryOutput(GeneratedOutput):
    """Category output of a language model: zero-shot classification by the likelihood of each label.

    With `decoder.method: extract` the label that a generated text means has all of the probability, because a text does
    not show how sure the model is.

    ```yaml
    name: sentiment
    type: category
    preprocessing:
      vocab: [positive, negative, neutral]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ClassMetricOptions, GeneratedOutput.Config):
        feature = LabelFeature
        is_trainable = False

        decoder: Annotated[Extractor.Config, DECODER] = param(
            DECODER.make, help="Decoder, which extracts the prediction from the generated text."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that evaluation reports.")
        preprocessing: LabelFeature.TargetConfig = param(
            LabelFeature.TargetConfig, help="Preprocessing of the target column."
        )

        @property
        def fallback(self) -> str | None:
            """The label of an answer that means none."""
            decoder: Any = self.decoder
            return decoder.fallback_label or self.preprocessing.fallback_label

        def faults(self) -> list[tuple[str, str]]:
            faults, labels, decoder = super().faults(), self.preprocessing.vocab, self.decoder
            assert isinstance(decoder, CategoryExtractor.Config)
            if not labels:
                needs = [name for name in ("match", "fallback_label") if getattr(decoder, name) is not None]
                if decoder.method == "extract" or needs:
                    faults.append(("preprocessing.vocab", "Missing: list the labels that the decoder is to match."))
                return faults
            is_needed = decoder.method == "extract" or self.fallback is not None
            if is_needed and self.fallback not in labels:
                known = ", ".join(labels)
                text = f"Must be one of the labels in preprocessing.vocab: {known}. Received: {self.fallback!r}."
                faults.append(("decoder.fallback_label", text))
            return [*faults, *((f"decoder.{name}", text) for name, text in decoder.faults(labels))]

    config: Config
    facts: CategoryFacts
    decoder: Any

    def __init__(self, config: Config, facts: CategoryFacts, tokenizer: Any) -> None:
        super().__init__(config, facts, tokenizer)
        self.decoder = config.decoder.build(self.labels, config.fallback)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.facts.vocabulary.words

    @property
    def candidates(self) -> tuple[str, ...]:
        found: tuple[str, ...] = self.decoder.candidates
        return found

    def setting(self) -> Setting:
        return self.config.setting_for(len(self.labels))

    def complete(self, prediction: Prediction) -> Prediction:
        probabilities = prediction.known_logits.softmax(-1)
        return dataclasses.replace(prediction, predictions=probabilities.argmax(-1), probabilities=probabilities)

    def from_likelihoods(self, logs: Tensor) -> Prediction:
        return self.complete(Prediction(logs, logs.new_empty((len(logs), 0))))

    def from_generated(self, generated: Generated, known: Prediction) -> Prediction:
        labels = [self.decoder.label(text) for text in self.texts(generated.ids)]
        places = torch.tensor(labels, dtype=torch.long, device=generated.ids.device)
        certain = one_hot(places, len(self.labels)).float()  # [B, C]
        shares = certain * (1 - DOUBT * len(self.labels)) + DOUBT
        return self.complete(Prediction(shares.log(), shares.new_empty((len(shares), 0))))

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        return classification_statistics(np.asarray(target), np.asarray(columns["predictions"]), self.labels)
