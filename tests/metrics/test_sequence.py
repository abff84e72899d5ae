import math

import pytest
import torch
from torch.nn.functional import cross_entropy

TARGET = torch.tensor([[0, 1, 1, 3], [2, -1, -1, -1], [-1, -1, -1, -1], [3, 3, 0, -1]], dtype=torch.int32)
PREDICTED = torch.tensor([[0, 1, 2, 3], [2, 9, 9, 9], [1, 1, 1, 1], [3, 3, 0, 0]])


def test_token_accuracy_masks_padding(score):
    assert score("token_accuracy", "text", TARGET, predictions=PREDICTED) == 7 / 8


def test_sequence_accuracy_needs_all_steps_of_rows_that_have_any(score):
    assert score("sequence_accuracy", "text", TARGET, predictions=PREDICTED) == pytest.approx(2 / 3)


def test_an_answer_that_ends_early_is_wrong_from_there_on(score):
    assert score("token_accuracy", "text", TARGET, predictions=PREDICTED[:, :3]) == 6 / 8
    assert score("sequence_accuracy", "text", TARGET, predictions=PREDICTED[:, :2]) == pytest.approx(1 / 3)


def test_tokens_beyond_the_target_do_not_count(score):
    longer = torch.cat([PREDICTED, PREDICTED], 1)
    assert score("token_accuracy", "text", TARGET, predictions=longer) == 7 / 8


@pytest.mark.parametrize("name", ["perplexity", "next_token_perplexity"])
def test_perplexity_is_e_to_the_cross_entropy_of_logits_beside_their_tokens(score, name):
    logits = torch.randn(4, 4, 5)
    expected = cross_entropy(logits.flatten(0, 1), TARGET.flatten().long(), ignore_index=-1).exp()
    value = score(name, "sequence", TARGET, logits=logits)
    assert value == pytest.approx(expected.item(), rel=1e-5)


def test_a_hopeless_perplexity_is_infinite(score):
    logits = torch.tensor([[[1e5, 0.0]]])
    assert score("perplexity", "text", torch.tensor([[1]]), logits=logits) == math.inf


def test_nothing_is_reported_of_padding_only(score):
    empty = torch.full((2, 3), -1)
    for name in ("token_accuracy", "sequence_accuracy", "perplexity", "next_token_perplexity"):
        tensors = {"logits": torch.randn(2, 3, 5), "predictions": torch.zeros(2, 3, dtype=torch.long)}
        assert score(name, "text", empty, **tensors) is None


def edits(found: list[int], wanted: list[int]) -> int:
    """The edit distance by the plain table."""
    rows = [[*range(len(found) + 1)]]
    for token in wanted:
        row = [rows[-1][0] + 1]
        for place, other in enumerate(found):
            row.append(min(row[-1] + 1, rows[-1][place + 1] + 1, rows[-1][place] + (other != token)))
        rows.append(row)
    return rows[-1][-1]


def test_edits_are_counted_for_each_token_of_the_target(score):
    draw = torch.Generator().manual_seed(0)
    target, found = (torch.randint(0, 3, (40, width), generator=draw) for width in (6, 8))
    for tensor, most in ((target, 6), (found, 8)):
        lengths = torch.randint(0, most + 1, (40, 1), generator=draw)
        tensor.masked_fill_(torch.arange(most) >= lengths, -1)
    pairs = [[[i for i in row if i >= 0] for row in tensor.tolist()] for tensor in (found, target)]
    counted = [(edits(one, two), len(two)) for one, two in zip(*pairs, strict=True) if two]
    expected = sum(number for number, _ in counted) / sum(length for _, length in counted)
    assert score("edit_distance", "text", target, predictions=found) == pytest.approx(expected)
