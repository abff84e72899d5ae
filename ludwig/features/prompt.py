"""Prompts: the cells of a row put into a text.

N = rows
"""

from __future__ import annotations

import dataclasses
import json
import string
from collections.abc import Collection
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import InputDataError, nearest
from ludwig.features.cells import Labels
from ludwig.features.tokenizer_base import Use
from ludwig.schema import param

SAMPLE, TASK = "__sample__", "__task__"
TEMPLATE_OF_A_TASK = "{__task__}\n\nInput: {__sample__}\n\nOutput:"
SPLIT_COLUMN = "split"  # which is where a row goes, and no data of the row


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prompt:
    """The section `prompt` of a language model: what it reads of a row."""

    template: str | None = param(
        None,
        help="Prompt template: {column} stands for a cell, {column:.2f} for a formatted one, {__sample__} for the row "
        "as JSON and {__task__} for the task; null for the input text alone.",
    )
    task: str | None = param(
        None, help="Task description (instruction); without a template it precedes the row as JSON."
    )
    chat: bool | Literal["auto"] = param(
        "auto",
        help="Chat template: whether the prompt is the user's turn in the chat template of the base model's tokenizer, "
        "as instruction-tuned models expect; auto does so where it has one.",
    )

    @cached_property
    def pieces(self) -> list[tuple[str, str | None, str]]:
        """The template as (text, the placeholder after it, how that is formatted).

        Raises:
            ValueError: Braces that do not match, or a placeholder that is more than a name.
        """
        template = self.template or (TEMPLATE_OF_A_TASK if self.task else "")
        pieces = []
        for text, name, form, conversion in string.Formatter().parse(template):
            if name == "" or conversion:
                raise ValueError(
                    "a placeholder holds the name of a column, {__sample__} or {__task__}, and maybe a format such as "
                    "{price:.2f}"
                )
            if form and (name in (SAMPLE, TASK) or not _formats_something(form)):
                raise ValueError(f"'{form}' is no format of '{name}'")
            pieces.append((text, name, form or ""))
        return pieces

    @property
    def is_plain(self) -> bool:
        """Whether the prompt is the cell itself."""
        return not self.template and not self.task

    @property
    def use(self) -> Use:
        """How a tokenizer reads the prompt."""
        if self.chat == "auto":
            return "chat or prompt"
        return "chat" if self.chat else "prompt"

    @property
    def use_of_answer(self) -> Use:
        """How a tokenizer reads the text that stands behind the prompt."""
        if self.chat is True or self.ending[-1:].isspace():
            return "answer"
        return "answer or continuation" if self.chat == "auto" else "continuation"

    @property
    def ending(self) -> str:
        """What each prompt ends with, as far as the template has it."""
        return (self.template or (TEMPLATE_OF_A_TASK if self.task else "")).rpartition("}")[2]

    @property
    def names(self) -> list[str]:
        """The placeholders."""
        return [name for _, name, _ in self.pieces if name is not None]

    def looks_beyond(self, column: str) -> bool:
        """Whether other columns than this one are asked for. A template with faults asks for none."""
        try:
            return any(name not in (column, TASK) for name in self.names)
        except ValueError:
            return False

    def faults(self, targets: Collection[str]) -> list[tuple[str, str]]:
        """(parameter, message) of what does not go together. `targets`: columns that are to be predicted."""
        try:
            names = self.names
        except ValueError as error:
            return [("template", f"Cannot be read: {error}. Write {{{{ and }}}} for braces that stay.")]
        faults = [
            ("template", f"Must not name the output column '{name}', which is not known when predicting.")
            for name in dict.fromkeys(names)
            if name in targets
        ]
        if self.template and self.task and TASK not in names:
            faults.append(("template", "Must have {__task__} somewhere, because prompt.task is given."))
        if TASK in names and not self.task:
            faults.append(("task", "Missing, and the template has {__task__}. Set it to the task description."))
        if self.template and not names:
            faults.append(
                ("template", "Needs a placeholder such as {column} or {__sample__}: all rows would be alike.")
            )
        return faults


def rendered(table: pd.DataFrame, prompt: Prompt, column: str, targets: Collection[str], fill: str | None) -> pd.Series:
    """The prompt of each row: [N].

    Args:
        column: The cell that each row has; a template may leave it out.
        fill: What a missing cell reads as; None where a row without a cell of `column` has no prompt.

    Raises:
        InputDataError: The table lacks a column that the template names.
    """
    texts = {name: _texts(_column(table, name), fill or "") for name in prompt.names if name not in (SAMPLE, TASK)}
    if SAMPLE in prompt.names:
        left_out = {*targets, SPLIT_COLUMN}
        texts[SAMPLE] = _samples(table[[name for name in table.columns if name not in left_out]])
    texts[TASK] = [prompt.task or ""] * len(table)
    parts: list[list[str]] = []
    for text, name, form in prompt.pieces:
        parts.append([text] * len(table))
        if name is not None:
            parts.append(_formatted(_column(table, name), texts[name], form) if form else texts[name])
    whole = pd.Series(["".join(row) for row in zip(*parts, strict=True)], index=table.index, dtype=object)
    return whole if fill is not None else whole.mask(_column(table, column).isna(), None)


def _formats_something(form: str) -> bool:
    """Whether numbers, times or texts can be formatted so."""
    if "{" in form:  # a placeholder within, which is none
        return False
    if "%" in form[:-1]:  # a format of times, which take any
        return True
    for example in (1, 1.5, "a"):
        try:
            format(example, form)
        except ValueError:
            continue
        return True
    return False


def _formatted(column: pd.Series, texts: list[str], form: str) -> list[str]:
    """The cells in the format; a missing one stays the text that it reads as: [N]."""
    cells = zip(column.tolist(), column.isna().tolist(), texts, strict=True)
    return [text if missing else _cell(value, form, column.name) for value, missing, text in cells]


def _same(value: Any) -> Any:
    return value


def _whole(value: Any) -> int:
    number = float(value)
    if not number.is_integer():
        raise ValueError(f"no whole number: {value}")
    return int(number)


def _cell(value: Any, form: str, name: object) -> str:
    """A number may be written as text, as in a file."""
    for read in (_same, float, _whole):
        try:
            return format(read(value), form)
        except (ValueError, TypeError, OverflowError):
            continue
    raise InputDataError(f"The column '{name}' has {value!r:.80}, and the prompt has the format '{form}' for it.")


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table.columns:
        raise InputDataError(
            f"The data has no column '{name}', which the prompt names.{nearest(name, map(str, table.columns))} "
            f"Its columns: {', '.join(map(str, table.columns[:40]))}."
        )
    return table[name]


def _texts(column: pd.Series, fill: str) -> list[str]:
    """The cells as texts; only distinct ones are looked at."""
    cells = Labels.of(column)
    words: NDArray[np.object_] = np.append(cells.words, fill)  # what is missing has code -1
    return list(words[cells.codes])


def _samples(table: pd.DataFrame) -> list[str]:
    """The rows as JSON."""
    return [json.dumps(json.loads(line), ensure_ascii=False) for line in _json_lines(table)]


def _json_lines(table: pd.DataFrame) -> list[str]:
    text = table.to_json(orient="records", lines=True, date_format="iso", force_ascii=False, double_precision=15)
    return [line for line in (text or "").split("\n") if line]
