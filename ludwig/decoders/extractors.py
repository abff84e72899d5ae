"""From generated text to what an output predicts: the text itself, or one of a few labels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Literal

from ludwig.error import nearest
from ludwig.schema import Component, Registry, param


class Extractor(Component):
    """Extracts the prediction from a generated text."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        pass


EXTRACTORS: Registry[Extractor] = Registry("decoder")


@EXTRACTORS.register("text_extractor", kinds=("text",))
class TextExtractor(Extractor):
    """The generated text is the prediction.

    Use it for text outputs of language models: summaries, translations, answers.

    ```yaml
    name: answer
    type: text
    decoder:
      type: text_extractor
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Extractor.Config):
        pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class Match:
    """A rule by which a generated text is matched to a label."""

    type: Literal["contains", "regex"] = param(
        "contains", help="Matching rule: contains looks for `value` as a substring, regex as a regular expression."
    )
    value: str = param(help="Substring or regular expression that is looked for in the generated text, ignoring case.")

    @property
    def pattern(self) -> re.Pattern[str]:
        """What is looked for.

        Raises:
            re.error: `value` is no regular expression.
        """
        return re.compile(re.escape(self.value) if self.type == "contains" else self.value, re.IGNORECASE)


@EXTRACTORS.register("category_extractor", kinds=("category",))
class CategoryExtractor(Extractor):
    """Classification by a language model: the label that is the most probable answer, with real probabilities.

    Use it for category outputs of language models. The method `likelihood` compares how probable the text of each label
    is behind the prompt: it costs little more than reading the prompt, and needs neither sampling nor a fallback. The
    text is the `value` of a matching rule of the kind contains, else the label. The method `extract` generates a text,
    and takes the first label whose rule fits it, else the fallback: for models that reason before they answer. Rules
    are tried in their order; without rules the labels themselves are looked for, long ones first.

    ```yaml
    name: sentiment
    type: category
    preprocessing:
      vocab: [positive, negative, neutral]
    decoder:
      type: category_extractor
      method: extract
      match:
        positive: {type: contains, value: positive}
        negative: {type: regex, value: "negative|bad"}
      fallback_label: neutral
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Extractor.Config):
        method: Literal["likelihood", "extract"] = param(
            "likelihood",
            help="Method: likelihood compares how probable the labels' texts are, extract matches a generated text.",
        )
        match: dict[str, Match] | None = param(
            None, help="Matching rules by label, tried in order; null looks for the labels themselves."
        )
        fallback_label: str | None = param(None, help="Fallback label of a generated text that matches no rule.")

        def faults(self, labels: Sequence[str]) -> list[tuple[str, str]]:
            """(parameter, message) of rules that do not go together with the labels."""
            faults = []
            for label, rule in (self.match or {}).items():
                if label not in labels:
                    text = f"There is no label '{label}'.{nearest(label, labels)} Labels: {', '.join(labels)}."
                    faults.append((f"match.{label}", text))
                try:
                    rule.pattern.search("")
                except re.error as error:
                    faults.append((f"match.{label}.value", f"Must be a regular expression: {error}."))
            return faults

    config: Config

    def __init__(self, config: Config, labels: Sequence[str], fallback: str | None) -> None:
        self.config, self.labels = config, labels
        rules = config.match or {label: Match(value=label) for label in sorted(labels, key=len, reverse=True)}
        self.patterns = [(labels.index(label), rule.pattern) for label, rule in rules.items()]
        self.fallback = 0 if fallback is None else labels.index(fallback)  # likelihoods need none

    @property
    def candidates(self) -> tuple[str, ...]:
        """The texts whose likelihoods are compared, by label; none where a text is generated."""
        if self.config.method == "extract":
            return ()
        rules = self.config.match or {}
        plain = {label: rule.value for label, rule in rules.items() if rule.type == "contains"}
        return tuple(plain.get(label, label) for label in self.labels)

    def label(self, answer: str) -> int:
        """The id of the label that the generated text means."""
        return next((place for place, pattern in self.patterns if pattern.search(answer)), self.fallback)
