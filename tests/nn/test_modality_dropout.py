"""Whole inputs are left out, never all of a row."""

from __future__ import annotations

import torch

from ludwig.nn.modality_dropout import ModalityDropout
from ludwig.nn.signal import Signal

ROWS = 4000


def signals() -> list[Signal]:
    mask = torch.ones(ROWS, 5, dtype=torch.bool)
    return [
        Signal.tokens(torch.ones(ROWS, 2, 3)),
        Signal.vector(torch.ones(ROWS, 4)),
        Signal.sequence(torch.ones(ROWS, 5, 2), mask),
    ]


def stays(parts: list[Signal]) -> torch.Tensor:
    """Which inputs of each row are there: [rows, 4]."""
    tokens, vector, sequence = (part.values for part in parts)
    columns = [tokens[:, 0], tokens[:, 1], vector, sequence.flatten(1)]
    assert all(bool((column.amin(1) == column.amax(1)).all()) for column in columns)  # whole inputs
    return torch.stack([column[:, 0] for column in columns], 1)


def test_each_input_is_left_out_at_the_rate():
    torch.manual_seed(0)
    there = stays(ModalityDropout(0.4)(signals()))
    # never all: where the draw leaves none, 0.4 ** 4 of the rows, one of four stays
    torch.testing.assert_close(there.mean(0), torch.full((4,), 0.6 + 0.4**4 / 4), atol=0.03, rtol=0)


def test_a_row_keeps_an_input():
    assert stays(ModalityDropout(1.0)(signals())).sum(1).tolist() == [1] * ROWS
    assert stays(ModalityDropout(0.0)(signals())).min() == 1


def test_a_single_input_always_stays():
    (only,) = ModalityDropout(0.9)([Signal.vector(torch.ones(ROWS, 2))])
    assert only.values.min() == 1


def test_masks_stay():
    parts = ModalityDropout(0.5)(signals())
    assert parts[2].mask is not None and bool(parts[2].mask.all())
