"""Names of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

from ludwig.error import InputDataError, nearest

LISTED = 20  # names that a message shows

_UNSAFE = re.compile(r"""[(){}.:"'\[\]]""")


def sanitize(name: str) -> str:
    """The name with `_` for each of ( ) { } . : " ' [ ], as features and columns are called everywhere."""
    return _UNSAFE.sub("_", str(name))


def refuse_absent(needed: Mapping[str, str], names: Iterable[object], written: Mapping[str, str] | None = None) -> None:
    """Raises when columns are not there; the message shows those that are, the nearest first.

    Args:
        needed: What needs a column, by its name.
        names: All columns of the data.
        written: The names as the user wrote them, where they were sanitised.
    """
    known = dict.fromkeys(map(str, names))
    absent = [column for column in needed if column not in known]
    if absent:
        shown = {column: (written or {}).get(column, column) for column in absent}
        which = "; ".join(f"'{shown[column]}' of {needed[column]}{_hint(column, known)}" for column in absent)
        raise InputDataError(f"The data has no column {which}. {_listed(known, absent)}")


def _hint(column: str, known: Iterable[str]) -> str:
    hint = nearest(column, known)
    return f" ({hint.strip()})" if hint else ""


def _listed(names: Iterable[str], absent: list[str]) -> str:
    """What the data has, the names that are nearest to the absent ones first."""

    def distance(name: str) -> float:
        return min(-SequenceMatcher(None, name.casefold(), column.casefold()).ratio() for column in absent)

    ranked = sorted(names, key=distance)
    if not ranked:
        return "It has no columns at all."
    more = f" and {len(ranked) - LISTED} more" if len(ranked) > LISTED else ""
    return f"Its columns: {', '.join(ranked[:LISTED])}{more}."
