"""Cells that are lists of tokens, as texts that a tokenizer takes apart into the same tokens.

N = rows
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ludwig.error import InputDataError
from ludwig.features.tokenizer_base import Tokenizer

LISTS = (list, tuple, np.ndarray)


def without_lists(column: pd.Series, tokenizer: Tokenizer, where: str) -> pd.Series:
    """The column with the tokens of each list joined: [N]; the column itself where it has no lists.

    Raises:
        InputDataError: A token has the mark in it that stands between tokens.
    """
    are_lists = [isinstance(cell, LISTS) for cell in column] if column.dtype == object else []
    if not any(are_lists):
        return column
    places = np.flatnonzero(are_lists)
    lists = [[str(token) for token in column.iloc[place]] for place in places]
    texts = [tokenizer.joined(tokens) for tokens in lists]
    lengths = np.array([len(tokens) for tokens in lists])
    odd = np.flatnonzero(tokenizer.tokens(texts).lengths != lengths)
    if len(odd):
        raise InputDataError(
            f"The {where} has lists of tokens that preprocessing.tokenizer cuts otherwise, such as "
            f"{lists[odd[0]]!r:.100} in row {places[odd[0]]}. Choose one whose separator is in no token, such as comma."
        )
    whole = column.copy()
    whole.iloc[places] = texts
    return whole
