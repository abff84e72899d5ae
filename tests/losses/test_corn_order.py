"""CORN with an order of its own."""

from __future__ import annotations

import pytest
import torch

from ludwig.error import ConfigValidationError
from ludwig.losses import LOSSES

LABELS = ("good", "poor", "fair")  # by frequency
CORN = LOSSES.get("corn", "category")


def test_classes_are_ranked_as_ordered():
    loss = CORN.Config(order=["poor", "fair", "good"]).build(LABELS)
    assert loss.rank_of_id.tolist() == [2, 0, 1]
    logits = torch.tensor([[5.0, 5.0, 0.0], [-5.0, 0.0, 0.0], [5.0, -5.0, 0.0]])  # beyond all, beyond none, beyond one
    assert loss.probabilities(logits).argmax(-1).tolist() == [0, 1, 2]
    by_alphabet = CORN.Config().build(LABELS)
    assert by_alphabet.rank_of_id.tolist() == [1, 2, 0]


@pytest.mark.parametrize("order", [["poor", "good"], ["poor", "fair", "fair"], ["poor", "fair", "good", "best"]])
def test_an_order_of_other_classes_is_refused(order):
    with pytest.raises(ConfigValidationError, match=r"loss\.order: Must name each class once.*fair, good, poor"):
        CORN.Config(order=order).build(LABELS)
