"""Names of files that are made of names of features and labels, which may be of any length and any letters."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 100  # bytes of a name; file systems take 255, and endings and temporary names are added


def distinct_names(names: Iterable[str]) -> list[str]:
    """The names cut to fit and numbered where two would be the same, in capitals or not: their order decides."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        short = name.encode()[:LONGEST].decode(errors="ignore")
        free, number = short, 1
        while free.casefold() in taken:
            number += 1
            free = f"{short}_{number}"
        taken.add(free.casefold())
        found.append(free)
    return found
