"""Greedy and beam search, against all sequences of a small vocabulary."""

import itertools

import pytest
import torch

from ludwig.nn.generation import beam_search, greedy

END, TOKENS, LONGEST, ROWS = 0, 4, 4, 3


@pytest.fixture
def table() -> torch.Tensor:
    """Logits of the next token by row, place and last token; the start is one behind the vocabulary."""
    return torch.randn(ROWS, LONGEST, TOKENS + 1, TOKENS, generator=torch.Generator().manual_seed(1)) * 2


@pytest.fixture
def step(table):
    def next_token(tokens, state, place):
        (rows,) = state
        return table[rows, place, tokens], state

    return next_token


def begun() -> tuple[torch.Tensor, torch.Tensor]:
    return (torch.arange(ROWS),), torch.full((ROWS,), TOKENS)


def complete_sequences():
    """Every sequence that ends with END or is as long as may be."""
    for length in range(1, LONGEST + 1):
        for head in itertools.product(range(1, TOKENS), repeat=length - 1):
            yield (*head, END)
    yield from itertools.product(range(1, TOKENS), repeat=LONGEST)


def log_probability(table: torch.Tensor, row: int, sequence: tuple[int, ...]) -> float:
    total, last = 0.0, TOKENS
    for place, token in enumerate(sequence):
        total += table[row, place, last].log_softmax(-1)[token].item()
        last = token
    return total


def kept(ids: torch.Tensor) -> tuple[int, ...]:
    return tuple(token for token in ids.tolist() if token >= 0)


def test_greedy_takes_the_most_probable_token_at_each_step(table, step):
    found = greedy(step, *begun(), END, LONGEST)
    assert found.ids.shape == found.probabilities.shape == (ROWS, LONGEST)
    for row in range(ROWS):
        sequence, last = [], TOKENS
        for place in range(LONGEST):
            last = int(table[row, place, last].argmax())
            sequence.append(last)
            if last == END:
                break
        assert kept(found.ids[row]) == tuple(sequence)
        assert found.probabilities[row].log().sum().item() == pytest.approx(
            log_probability(table, row, tuple(sequence))
        )
        assert found.probabilities[row, len(sequence) :].tolist() == [1.0] * (LONGEST - len(sequence))


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_as_wide_as_all_sequences_finds_the_best_of_all(table, step, penalty):
    found = beam_search(step, *begun(), END, LONGEST, width=TOKENS**LONGEST, length_penalty=penalty)
    for row in range(ROWS):
        best = max(complete_sequences(), key=lambda each: log_probability(table, row, each) / len(each) ** penalty)
        assert kept(found.ids[row]) == best
        assert found.probabilities[row].log().sum().item() == pytest.approx(log_probability(table, row, best), abs=1e-5)


def test_a_beam_of_one_is_greedy(step):
    beam = beam_search(step, *begun(), END, LONGEST, width=1, length_penalty=1.0)
    assert torch.equal(beam.ids, greedy(step, *begun(), END, LONGEST).ids)


def test_without_an_end_sequences_are_as_long_as_may_be(step):
    for found in (
        greedy(step, *begun(), -1, LONGEST),
        beam_search(step, *begun(), -1, LONGEST, width=2, length_penalty=1.0),
    ):
        assert (found.ids >= 0).all()
