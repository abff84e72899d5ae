"""Missing numbers for encoders that read numbers only."""

import pytest
import torch
from torch import nn

from ludwig.nn.missing import MissingIndicator
from ludwig.nn.signal import Shape, Signal

NAN = float("nan")
NUMBERS = torch.tensor([[1.0, NAN], [NAN, 4.0]])


class Tokens(nn.Module):
    def forward(self, numbers: torch.Tensor) -> Signal:
        return Signal.tokens(numbers.unsqueeze(-1) * 10)  # [B, C, 1]


class Vector(nn.Module):
    def forward(self, numbers: torch.Tensor) -> Signal:
        return Signal.vector(torch.stack([numbers, -numbers], dim=1))  # [B, 2]


def test_a_group_gets_medians_and_an_indicator_a_column():
    values = MissingIndicator([0.5, 7.0])(Tokens(), NUMBERS).values
    assert values.tolist() == [[[10, 0], [70, 1]], [[5, 1], [40, 0]]]


def test_a_column_of_its_own_does_too():
    values = MissingIndicator([0.5])(Vector(), NUMBERS[:, 0]).values
    assert values.tolist() == [[1, -1, 0], [0.5, -0.5, 1]]


def test_where_nothing_is_missing_the_encoder_is_alone():
    indicator = MissingIndicator(None)
    assert indicator(Tokens(), torch.ones(2, 2)).values.shape == (2, 2, 1)
    assert indicator.shape(Shape("tokens", 3, 2)) == Shape("tokens", 3, 2)
    assert not indicator.state_dict()


@pytest.mark.parametrize("form", ["vector", "tokens"])
def test_the_shape_is_one_larger(form):
    assert MissingIndicator([0.0]).shape(Shape(form, 3, 2)) == Shape(form, 4, 2)


def test_a_sequence_stays_as_it_is():
    class Sequence(nn.Module):
        def forward(self, numbers: torch.Tensor) -> Signal:
            return Signal.sequence(numbers.unsqueeze(-1), torch.ones_like(numbers, dtype=torch.bool))

    indicator = MissingIndicator([0.5, 7.0])
    assert indicator(Sequence(), NUMBERS).values.squeeze(-1).tolist() == [[1, 7], [0.5, 4]]
    assert indicator.shape(Shape("sequence", 1, 2)) == Shape("sequence", 1, 2)
