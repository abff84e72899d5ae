"""Word vectors from a text file: a word and its numbers on each line, separated by spaces (the GloVe format)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ludwig.error import ConfigValidationError


def load_word_vectors(path: str, ids: Mapping[str, int], table: Tensor) -> None:
    """Writes the vectors of known words into the rows of the table [words, H]; other rows stay as they are.

    Raises:
        ConfigValidationError: The file is not there, or its vectors are of another size or are not numbers.
    """
    if not Path(path).is_file():
        raise ConfigValidationError(f"encoder.pretrained_embeddings: there is no file '{path}'.")
    size, heads = table.shape[1], {word.partition(" ")[0] for word in ids} - {""}
    with Path(path).open(encoding="utf-8") as lines, torch.no_grad():
        for place, line in enumerate(lines, start=1):
            if line.rstrip().partition(" ")[0] not in heads:  # most lines of a large file
                continue
            word, numbers = _parted(line, size)
            if word in ids:
                where = f"encoder.pretrained_embeddings: line {place} of '{path}'"
                table[ids[word]] = torch.tensor(_floats(numbers, size, where))


def _parted(line: str, size: int) -> tuple[str, list[str]]:
    """The word of a line and its numbers. A word may have spaces, as some of GloVe's, but is no list of numbers."""
    word, *numbers = line.rstrip().rsplit(" ", size)
    head, *more = word.split(" ")
    return (head, [*more, *numbers]) if more and all(map(_is_number, more)) else (word, numbers)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _floats(numbers: list[str], size: int, where: str) -> list[float]:
    if len(numbers) != size:
        raise ConfigValidationError(f"{where} has {len(numbers)} numbers, and embedding_size is {size}.")
    aliens = [number for number in numbers if not _is_number(number)]
    if aliens:
        raise ConfigValidationError(f"{where} has '{aliens[0]}' where a number is expected.")
    return [float(number) for number in numbers]
