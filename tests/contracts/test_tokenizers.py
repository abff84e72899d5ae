"""What holds for every tokenizer that needs no files."""

from __future__ import annotations

import pytest

from ludwig.error import MissingExtraError, MissingPackageError
from ludwig.features.tokenizer_base import TOKENIZERS

CONTRACTS = [TOKENIZERS]
TEXTS = ["The quick fox, twice.", "", "naïve 東京", "  a\tb\n", "fox"]
EVERY = sorted(name for _, name, cls in TOKENIZERS if not cls.needs_source)


@pytest.fixture(autouse=True)
def _package(name):
    """What the tokenizer needs is there; a trained pipeline of a language is no package of ours."""
    package = TOKENIZERS.get(name).package
    if package is not None:
        pytest.importorskip(package)
        try:
            TOKENIZERS.get(name).of("", False).tokens(["a"])
        except (MissingExtraError, MissingPackageError) as error:
            pytest.skip(str(error))


@pytest.mark.parametrize("name", EVERY)
def test_texts_do_not_depend_on_their_neighbours(name):
    tokenizer = TOKENIZERS.get(name).of("", False)
    together = tokenizer.tokens(TEXTS)
    assert together.lengths.tolist() == [int(tokenizer.tokens([text]).lengths[0]) for text in TEXTS]
    assert together.lengths.sum() == len(together.places)
    assert tokenizer.tokens([]).lengths.tolist() == []


@pytest.mark.parametrize("name", EVERY)
def test_a_cut_keeps_the_beginning_or_the_end(name):
    tokens = TOKENIZERS.get(name).of("", False).tokens(TEXTS)
    begins = tokens.lengths.cumsum() - tokens.lengths
    for keeps_end in (False, True):
        cut = tokens.cut(2, keeps_end=keeps_end)
        assert cut.lengths.tolist() == [min(2, length) for length in tokens.lengths]
        expected = []
        for begin, length in zip(begins, tokens.lengths, strict=True):
            own = tokens.places[begin : begin + length].tolist()
            expected += own[-2:] if keeps_end else own[:2]
        assert cut.places.tolist() == expected
