"""A category output of a language model: the label that the answer means.

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
    """A column of labels that the config lists."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CategoryFeature.Config):
        pass

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(CategoryFeature.TargetConfig):
        vocab: list[str] = param(list, help="Vocabulary: the labels that can be predicted.")
        fallback_label: str | None = param(None, help="Fallback label of a generated text that matches none of them.")

        def faults(self) -> list[tuple[str, str]]:
            if len(set(self.vocab)) < 2:
                return [("vocab", f"Must list the labels, at least two. Received: {self.vocab}.")]
            return []

    def finish(self, tally: WordTally) -> CategoryFacts:
        self.refuse_all_missing(len(tally.counts))
        strategy = self.config.missing_value_strategy
        fill = self.config.fill_value if strategy == "fill_with_const" else tally.mode()
        return self._facts(Counter(tally.counts), fill)

    def facts_of_config(self) -> CategoryFacts:
        return self._facts(Counter(), self.config.fill_value)

    def _facts(self, counts: Counter[str], fill: str) -> CategoryFacts:
        words = tuple(dict.fromkeys(self.config.vocab))
        return CategoryFacts(Vocabulary(words, tuple(counts[word] for word in words)), fill)


@OUTPUTS.register("category", kinds=("llm",))
class GeneratedCategoryOutput(GeneratedOutput):
    """Category output of a language model: zero-shot classification by the label that the generated text means.

    That label has all of the probability, because a text does not show how sure the model is.

    ```yaml
    name: sentiment
    type: category
    preprocessing:
      vocab: [positive, negative, neutral]
      fallback_label: neutral
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
            if self.fallback not in labels:
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

    def setting(self) -> Setting:
        return self.config.setting_for(len(self.labels))

    def complete(self, prediction: Prediction) -> Prediction:
        probabilities = prediction.known_logits.softmax(-1)
        return dataclasses.replace(prediction, predictions=probabilities.argmax(-1), probabilities=probabilities)

    def from_generated(self, generated: Generated, logits: Tensor) -> Prediction:
        labels = [self.decoder.label(text) for text in self.texts(generated.ids)]
        places = torch.tensor(labels, dtype=torch.long, device=generated.ids.device)
        certain = one_hot(places, len(self.labels)).float()  # [B, C]
        shares = certain * (1 - DOUBT * len(self.labels)) + DOUBT
        return self.complete(Prediction(shares.log(), shares.new_empty((len(shares), 0))))

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        return classification_statistics(np.asarray(target), np.asarray(columns["predictions"]), self.labels)
