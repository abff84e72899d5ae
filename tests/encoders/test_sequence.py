"""Encoders of ragged columns: what one text gives does not depend on its neighbours in the batch."""

import pandas as pd
import pytest
import torch

from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.features.text import TextFeature
from ludwig.features.timeseries import SeriesFacts
from ludwig.features.tokens import TokenFacts

TEXTS = ["a b c", "b", "", "c a a b d e f"]


@pytest.fixture(scope="module")
def learned() -> tuple[Padded, TokenFacts]:
    feature = TextFeature(TextFeature.Config(), "t")
    cells = feature.parse(pd.Series(TEXTS))
    facts = feature.finish(feature.tally(cells))
    return feature.encode(cells, facts).column.padded(), facts


CASES = [
    ("embed", {}),
    ("embed", {"reduce_output": "mean", "embedding_size": 5}),
    ("parallel_cnn", {"num_filters": 6, "embedding_size": 8}),
    ("parallel_cnn", {"num_filters": 6, "num_conv_layers": 2, "pool_size": 2, "norm": "batch"}),
    ("rnn", {"state_size": 6}),
    ("rnn", {"state_size": 6, "cell_type": "lstm", "bidirectional": True, "num_layers": 2, "num_fc_layers": 1}),
    ("rnn", {"state_size": 6, "cell_type": "gru", "reduce_output": "attention"}),
]


def build(name: str, options: dict, facts: TokenFacts):
    torch.manual_seed(0)
    return ENCODERS.get(name, "text").Config(**options).build([facts]).eval()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_padding_never_changes_the_result(name, options, learned):
    column, facts = learned
    encoder = build(name, options, facts)
    together = encoder(column).values
    assert together.shape == (len(TEXTS), encoder.shape.size)
    for row, text in enumerate(TEXTS):
        length = max(len(text.split()), 1)
        alone = encoder(Padded(column.values[row : row + 1, :length], column.mask[row : row + 1, :length])).values
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["embed", "parallel_cnn", "rnn"])
def test_an_unreduced_sequence_keeps_its_steps(name, learned):
    column, facts = learned
    encoder = build(name, {"reduce_output": None}, facts)
    signal = encoder(column)
    assert signal.form == encoder.config.form() == encoder.shape.form == "sequence"
    assert signal.values.shape[:2] == column.mask.shape
    torch.testing.assert_close(signal.mask, column.mask)


def test_embeddings_are_summed_over_the_tokens_of_a_text(learned):
    column, facts = learned
    encoder = build("embed", {"embedding_size": 4}, facts)
    table = encoder.steps.embedding.weight
    expected = torch.stack([table[column.values[row].long()][column.mask[row]].sum(0) for row in range(len(TEXTS))])
    torch.testing.assert_close(encoder(column).values, expected)


def test_an_lstm_over_numbers_is_torchs():
    torch.manual_seed(0)
    encoder = ENCODERS.get("rnn", "timeseries").Config(state_size=3, cell_type="lstm").build([SeriesFacts(0.0, 1.0, 4)])
    values = torch.randn(2, 4)
    theirs = torch.nn.LSTM(1, 3, batch_first=True)
    (layer,) = [module for module in encoder.modules() if isinstance(module, torch.nn.LSTM)]
    theirs.load_state_dict(layer.state_dict())
    expected = theirs(values.unsqueeze(-1))[1][0][0]
    torch.testing.assert_close(encoder(Padded(values, torch.ones(2, 4, dtype=torch.bool))).values, expected)


def test_convolutions_must_pool_alike():
    from ludwig.encoders.sequence_options import ConvolutionOverrides

    layers = [ConvolutionOverrides(filter_size=2), ConvolutionOverrides(filter_size=3, pool_size=2)]
    config = ENCODERS.get("parallel_cnn", "text").Config(conv_layers=layers)
    assert config.faults()
