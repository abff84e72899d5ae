"""Conversations as cells: lists of messages, each with a role and a content.

A conversation travels as a text, so that equal ones are tokenised once: a mark, then the messages as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ludwig.error import InputDataError

MARK = "\x1e"  # ASCII record separator, with which no text that anyone types begins
ROLES = ("system", "user", "assistant", "tool")

Messages = list[dict[str, str]]


def without_conversations(column: pd.Series, where: str) -> pd.Series:
    """The column with each list of messages as a text: [N]; the column itself where it has none.

    Raises:
        InputDataError: A message has no role that there is, or no text as its content.
    """
    are_lists = [_is_conversation(cell) for cell in column] if column.dtype == object else []
    if not any(are_lists):
        return column
    whole, places = column.copy(), np.flatnonzero(are_lists)
    whole.iloc[places] = [_as_text(column.iloc[place], where, int(place)) for place in places]
    return whole


def messages_of(text: str) -> Messages:
    """The messages of a conversation; any other text is one message of the user."""
    if not text.startswith(MARK):
        return [{"role": "user", "content": text}]
    messages: Messages = json.loads(text[len(MARK) :])
    return messages


def is_conversation(text: str) -> bool:
    """Whether a text stands for a list of messages."""
    return text.startswith(MARK)


def _is_conversation(cell: Any) -> bool:
    return isinstance(cell, list | tuple | np.ndarray) and len(cell) > 0 and isinstance(cell[0], Mapping)


def _as_text(cell: Any, where: str, row: int) -> str:
    for message in cell:
        is_message = isinstance(message, Mapping) and {*message} == {"role", "content"}
        if not is_message or message["role"] not in ROLES or not isinstance(message["content"], str):
            raise InputDataError(
                f"The {where} has an odd message in row {row}: {message!r:.100}. Each must be a dict of a `role` "
                f"({', '.join(ROLES)}) and a `content`, a text."
            )
    return MARK + json.dumps([dict(message) for message in cell], ensure_ascii=False)
