import pytest
import torch
from torch.nn.functional import cosine_similarity, cross_entropy

from ludwig.losses import contrastive

HIDDEN = torch.zeros(0)


def by_definition(logits: torch.Tensor, target: torch.Tensor, temperature: float) -> torch.Tensor:
    alike = cosine_similarity(logits.unsqueeze(1), target.unsqueeze(0), dim=-1) / temperature
    return cross_entropy(alike, torch.arange(len(alike)), reduction="none")


@pytest.mark.parametrize("rows", [1, 2, 17])
def test_each_row_is_to_be_nearest_to_its_own_target(build, rows):
    logits, target = torch.randn(rows, 5), torch.randn(rows, 5)
    loss = build("nt_xent", "vector", temperature=0.5)
    torch.testing.assert_close(loss.rows(logits, target, HIDDEN), by_definition(logits, target, 0.5))


def test_large_batches_are_compared_in_blocks(build, monkeypatch):
    logits, target = torch.randn(23, 5), torch.randn(23, 5)
    monkeypatch.setattr(contrastive, "AT_ONCE", 10)
    values = build("nt_xent", "vector").rows(logits, target, HIDDEN)
    torch.testing.assert_close(values, by_definition(logits, target, 0.07))


@pytest.mark.parametrize("size", [1, 3, 8, 50])
def test_equal_targets_count_as_one(build, size):
    logits, target = torch.randn(9, size), torch.randn(9, size)
    loss = build("nt_xent", "vector")
    alone = loss.rows(logits, target, HIDDEN)
    twice = loss.rows(torch.cat([logits, logits]), torch.cat([target, target]), HIDDEN)
    torch.testing.assert_close(twice, torch.cat([alone, alone]))


def test_vectors_of_zeros_are_finite(build):
    logits = torch.zeros(3, 4, requires_grad=True)
    build("nt_xent", "vector")(logits, torch.zeros(3, 4), HIDDEN).backward()
    assert logits.grad.isfinite().all()
