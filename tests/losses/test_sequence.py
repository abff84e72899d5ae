import pytest
import torch
from torch.nn.functional import cross_entropy

HIDDEN = torch.zeros(0)
LABELS = ("a", "b", "c", "d")
NAME = "sequence_softmax_cross_entropy"


@pytest.fixture
def rows():
    target = torch.tensor([[0, 1, 1, 3], [2, -1, -1, -1], [3, 3, 0, -1]], dtype=torch.int32)
    return torch.randn(3, 4, 4), target


def test_all_steps_count_alike_and_padding_not_at_all(build, rows):
    logits, target = rows
    expected = cross_entropy(logits.flatten(0, 1), target.flatten().long(), ignore_index=-1)
    torch.testing.assert_close(build(NAME, "sequence", LABELS)(logits, target, HIDDEN), expected)


def test_more_padding_changes_nothing(build, rows):
    logits, target = rows
    wider = torch.cat([target, torch.full((3, 2), -1)], 1)
    loss = build(NAME, "text", LABELS)
    more = loss(torch.cat([logits, torch.randn(3, 2, 4)], 1), wider, HIDDEN)
    torch.testing.assert_close(more, loss(logits, target, HIDDEN))


def test_class_weights_make_a_weighted_mean(build, rows):
    logits, target = rows
    weights = [1.0, 2.0, 0.5, 3.0]
    expected = cross_entropy(
        logits.flatten(0, 1), target.flatten().long(), weight=torch.tensor(weights), ignore_index=-1
    )
    torch.testing.assert_close(build(NAME, "text", LABELS, class_weights=weights)(logits, target, HIDDEN), expected)


def test_a_token_may_count_once_a_row(build, rows):
    logits, target = rows
    steps = cross_entropy(logits.flatten(0, 1), target.flatten().long().clamp_min(0), reduction="none").view(3, 4)
    # Row 0 has its token 1 twice, row 2 its token 3: six different tokens in all.
    total = steps[0, 0] + steps[0, 1:3].mean() + steps[0, 3] + steps[1, 0] + steps[2, :2].mean() + steps[2, 2]
    torch.testing.assert_close(build(NAME, "text", LABELS, unique=True)(logits, target, HIDDEN), total / 6)


@pytest.mark.parametrize("kind", ["sequence", "text", "llm"])
def test_the_loss_of_the_next_token_is_that_of_logits_beside_it(build, rows, kind):
    logits, target = rows
    loss = build("next_token_softmax_cross_entropy", kind, LABELS)
    expected = cross_entropy(logits.flatten(0, 1), target.flatten().long(), ignore_index=-1)
    torch.testing.assert_close(loss(logits, target, HIDDEN), expected)


def test_a_row_of_padding_only_does_not_count(build, rows):
    logits, target = rows
    loss = build(NAME, "text", LABELS)
    target[1] = -1
    assert loss.rows(logits, target, HIDDEN)[1] == 0
    assert loss.row_weights(target).tolist() == [4, 0, 3]
