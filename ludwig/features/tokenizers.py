"""Cutting texts into tokens, all texts at once.

U = texts
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TokenizerName = Literal["space", "space_punct", "characters", "underscore", "comma", "untokenized", "stripped"]

END = "\x1e"  # stands between texts; the ASCII record separator, which is white space to a pattern
_PATTERNS: dict[str, re.Pattern[str]] = {
    "space": re.compile(rf"\S+|{END}"),
    "space_punct": re.compile(rf"\w+|[^\w\s]|{END}"),
    "characters": re.compile(r".", re.DOTALL),
    "underscore": re.compile(rf"[^_{END}]+|{END}"),
    "comma": re.compile(rf"[^,\s{END}][^,{END}]*|{END}"),
    "untokenized": re.compile(rf"[^{END}]+|{END}"),
    "stripped": re.compile(rf"[^\s{END}](?:[^{END}]*[^\s{END}])?|{END}"),
}


def tokenize(texts: list[str], name: TokenizerName) -> tuple[NDArray[np.int64], NDArray[np.object_], NDArray[np.int64]]:
    """All texts in one run of the pattern.

    Returns:
        The tokens of all texts end to end as places among the distinct ones, the distinct tokens, and how many tokens
        each text has: [tokens], [distinct], [U].
    """
    if not texts:
        return np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.int64)
    joined = END.join(texts)
    if joined.count(END) != len(texts) - 1:  # a text has the separator in it
        joined = END.join(text.replace(END, " ") for text in texts)
    found = np.array(_PATTERNS[name].findall(joined), dtype=object)
    places, distinct = pd.factorize(found) if len(found) else (np.empty(0, np.int64), np.empty(0, object))
    ends = np.flatnonzero(found == END) if len(found) else np.empty(0, np.int64)
    borders = np.concatenate([[-1], ends, [len(found)]])
    lengths = np.diff(borders) - 1  # [U]
    return np.delete(places, ends), distinct, lengths
