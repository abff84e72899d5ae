import dataclasses

import pytest
import torch

from ludwig.nn.dealing import Dealing
from ludwig.nn.modality_dropout import ModalityDropout
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Signal


@pytest.mark.parametrize("rows", [1, 3, 8, 21])
def test_numbers_that_are_dealt_out_come_back_to_their_rows(rows):
    values = torch.randn(rows, 5)
    hands, places = Dealing(4)(values)
    signal = Signal.members(hands, places)
    answers = Prediction(signal.dealt_out(values), hands).gathered(places)
    torch.testing.assert_close(answers.known_logits[:, 0], values)
    torch.testing.assert_close(answers.hidden[:, 0], values)


def test_all_members_get_the_numbers_of_a_row_that_was_not_dealt_out():
    rows = torch.randn(3, 2)
    assert torch.equal(Signal.members(torch.randn(3, 4, 5)).dealt_out(rows), rows.unsqueeze(1))
    assert torch.equal(Signal.vector(torch.randn(3, 5)).dealt_out(rows), rows)


def test_an_input_that_is_left_out_is_left_out_of_the_linear_path():
    dropout = ModalityDropout(0.5)
    signals = [dataclasses.replace(Signal.vector(torch.ones(200, 2)), linear=torch.ones(200, 3)) for _ in range(2)]
    for signal in dropout(signals):
        assert signal.linear is not None
        assert torch.equal(signal.values[:, 0], signal.linear[:, 0])
        assert 0 < signal.linear.mean() < 1
