"""Encoders of ragged columns: what one text gives does not depend on its neighbours in the batch."""

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.features.text import TextFeature
from ludwig.features.timeseries import SeriesFacts
from ludwig.features.tokens import TokenFacts
from ludwig.schema import dump, load

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
    ("stacked_cnn", {"num_filters": 6, "embedding_size": 8}),
    ("stacked_cnn", {"num_filters": 6, "num_conv_layers": 2, "strides": 2, "pool_size": 3, "pool_strides": 1}),
    ("stacked_cnn", {"num_filters": 6, "num_conv_layers": 2, "dilation_rate": 2, "norm": "batch"}),
    ("stacked_parallel_cnn", {"num_filters": 6, "pool_size": 2}),
    ("cnnrnn", {"num_filters": 6, "state_size": 6, "strides": 2}),
    ("cnnrnn", {"num_filters": 6, "state_size": 6, "bidirectional": True, "num_rec_layers": 2, "pool_size": 2}),
    ("transformer", {"hidden_size": 16, "embedding_size": 6, "num_layers": 2}),
    ("transformer", {"hidden_size": 16, "use_rope": True, "num_fc_layers": 1, "reduce_output": "mean"}),
    ("mamba", {"d_model": 8, "num_fc_layers": 1, "norm": "layer"}),
    ("mamba2", {"d_model": 8, "num_heads": 2, "reduce_output": "concat"}),
    ("jamba", {"d_model": 8, "num_heads": 2, "n_layers": 4, "attention_every_k": 2}),
]
DEEP = ["stacked_cnn", "stacked_parallel_cnn", "cnnrnn", "transformer", "mamba", "mamba2", "jamba"]


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


@pytest.mark.parametrize("name", ["embed", "parallel_cnn", "stacked_parallel_cnn", "rnn", *DEEP[2:]])
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


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("stacked_cnn", {"conv_layers": []}),
        ("cnnrnn", {"conv_layers": []}),
        ("stacked_parallel_cnn", {"stacked_layers": []}),
        ("stacked_parallel_cnn", {"stacked_layers": [[{"pool_size": 2}, {}]]}),
        ("transformer", {"hidden_size": 100, "num_heads": 8}),
        ("transformer", {"hidden_size": 24, "num_heads": 8, "use_rope": True}),
        ("mamba2", {"d_model": 10, "num_heads": 8}),
        ("jamba", {"d_model": 10, "num_heads": 8}),
    ],
)
def test_what_does_not_fit_is_a_fault_of_the_config(name, layers):
    assert load(ENCODERS.get(name, "text").Config, layers).faults()


def test_the_blocks_of_a_stacked_parallel_cnn():
    config = load(
        ENCODERS.get("stacked_parallel_cnn", "text").Config,
        {"num_filters": 5, "stacked_layers": [{"pool_size": 2}, {"filter_size": 6}, [{"filter_size": 9}, {}]]},
    )
    blocks = config.blocks()
    assert [[spec.filter_size for spec in block] for block in blocks] == [[2, 3, 4, 5], [5, 6, 7, 8], [9, 3]]
    assert [block[0].pool_size for block in blocks] == [2, None, None]
    again = load(type(config), dump(config))
    assert again == config
    assert [len(block) for block in ENCODERS.get("stacked_parallel_cnn", "text").Config().blocks()] == [4, 4]


@pytest.mark.parametrize("options", [{}, {"use_rope": True}])
def test_a_transformer_sees_the_order_and_takes_texts_longer_than_those_of_training(options, learned):
    _, facts = learned
    encoder = build("transformer", {"reduce_output": "mean", "num_layers": 2, **options}, facts)
    ids = torch.tensor([[2, 3, 4, 5], [3, 2, 4, 5]])
    one, two = encoder(Padded(ids, torch.ones_like(ids, dtype=torch.bool))).values
    assert not torch.allclose(one, two, atol=1e-3)
    longer = torch.randint(2, 6, (1, facts.longest + 20))
    assert encoder(Padded(longer, torch.ones_like(longer, dtype=torch.bool))).values.isfinite().all()


# -- which of two symbols comes first, which no bag of words has

SMALL = {"embedding_size": 16, "num_filters": 16, "state_size": 16, "hidden_size": 16, "d_model": 16, "num_heads": 2}
SMALL |= {"n_layers": 1, "d_state": 4, "num_layers": 2, "attention_every_k": 2, "ffn_size": 32, "output_size": 16}
SMALL |= {"filter_size": 5, "num_conv_layers": 3, "transformer_output_size": 32, "dropout": 0.0}
LARGER = {"jamba": {"n_layers": 2}}  # a layer with attention and one without


def in_order(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    texts, answers = [], draw.integers(0, 2, rows).astype(bool)
    for answer in answers:
        words = draw.choice([*"cdef"], draw.integers(6, 13))
        places = sorted(draw.choice(len(words), 2, replace=False))
        words[places] = [*"ab"] if answer else [*"ba"]
        texts.append(" ".join(words))
    return pd.DataFrame({"text": texts, "first": answers})


def share_right(name: str, folder: str) -> float:
    config = ENCODERS.get(name, "sequence").Config
    options = {key: value for key, value in SMALL.items() if key in config.__dataclass_fields__}
    options |= LARGER.get(name, {})
    model = LudwigModel(
        {
            "input_features": [{"name": "text", "type": "sequence", "encoder": {"type": name, **options}}],
            "output_features": [{"name": "first", "type": "binary"}],
            "preprocessing": {"split": {"type": "random", "probabilities": [0.9, 0.1, 0.0]}},
            "trainer": {"train_steps": 150, "batch_size": 64, "learning_rate": 0.005, "early_stop": -1},
        }
    )
    results = model.train(in_order(800, 0), output_directory=folder)
    test = in_order(300, 1)
    predicted = model.predict(test)[0]
    again = LudwigModel.load(f"{results.output_directory}/model").predict(test)[0]
    pd.testing.assert_frame_equal(again, predicted)
    return float((predicted.first_predictions.astype(bool) == test["first"]).mean())


QUICK = ("cnnrnn",)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in DEEP])
def test_an_encoder_finds_which_symbol_comes_first(name, tmp_path):
    assert share_right(name, str(tmp_path)) > 0.95  # a bag of words: 0.5


@pytest.mark.slow
def test_a_bag_of_words_does_not(tmp_path):
    assert share_right("embed", str(tmp_path)) < 0.6
