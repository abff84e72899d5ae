"""sequence_concat and sequence."""

import pytest
import torch

from ludwig.columns.ragged import Padded
from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.config import load_config
from ludwig.error import ConfigValidationError
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

NUMBERS = Source(("a", "b"), "number", Shape("tokens", 1, 2))
SHORT = Source(("s",), "text", Shape("sequence", 2, 3))
LONG = Source(("t",), "text", Shape("sequence", 3, 5))
NAMES = ("sequence", "sequence_concat")


def build(name, sources, **options):
    torch.manual_seed(0)
    return load(COMBINERS.get(name).Config, options).build(sources).eval()


def signals():
    torch.manual_seed(1)
    short, long = torch.arange(3) < torch.tensor([[3], [0]]), torch.arange(5) < torch.tensor([[2], [5]])
    return [
        Signal.tokens(torch.randn(2, 2, 1)),
        Signal.sequence(torch.randn(2, 3, 2), short),
        Signal.sequence(torch.randn(2, 5, 3), long),
    ]


class TestSequenceConcat:
    def test_vectors_are_repeated_at_each_step_of_the_first_sequence(self):
        combiner, (numbers, short, long) = build("sequence_concat", [NUMBERS, SHORT, LONG]), signals()
        result = combiner([numbers, short, long])
        assert combiner.shape == Shape("sequence", 2 + 2 + 3, 3)
        assert torch.equal(result.mask, short.mask)
        for step in range(3):
            other = long.values[0, step] if step < 2 else torch.zeros(3)
            expected = torch.cat([numbers.values[0].flatten(), short.values[0, step], other])
            torch.testing.assert_close(result.values[0, step], expected)
        assert (result.values[1] == 0).all()  # a row of no steps

    def test_the_main_sequence_may_be_another(self):
        combiner, given = build("sequence_concat", [NUMBERS, SHORT, LONG], main_sequence_feature="t"), signals()
        result = combiner(given)
        assert combiner.shape == Shape("sequence", 7, 5)
        assert torch.equal(result.mask, given[2].mask)
        assert (result.values[1, :, 2:4] == 0).all()  # the other one has no steps in this row

    def test_steps_may_be_reduced(self):
        combiner, given = build("sequence_concat", [NUMBERS, SHORT], reduce_output="mean"), signals()[:2]
        assert combiner.shape == Shape("vector", 4)
        torch.testing.assert_close(combiner(given).values[0, 2:], given[1].values[0].mean(0))


class TestSequence:
    def test_an_encoder_reads_what_is_laid_side_by_side(self):
        rnn = {"type": "rnn", "cell_type": "gru", "state_size": 4}
        combiner, given = build("sequence", [NUMBERS, SHORT], encoder=rnn), signals()[:2]
        beside = build("sequence_concat", [NUMBERS, SHORT])(given)
        expected = combiner.encoder(Padded(beside.values, beside.mask)).values
        torch.testing.assert_close(combiner(given).values, expected)
        assert combiner.shape == Shape("vector", 4)

    def test_what_the_encoder_keeps_may_be_reduced(self):
        rnn = {"type": "rnn", "state_size": 4, "reduce_output": None}
        kept = build("sequence", [NUMBERS, SHORT], encoder=rnn)
        reduced = build("sequence", [NUMBERS, SHORT], encoder=rnn, reduce_output="max")
        assert kept.shape == Shape("sequence", 4, 3)
        assert reduced.shape == Shape("vector", 4)
        assert kept(signals()[:2]).form == "sequence"
        assert reduced(signals()[:2]).values.shape == (2, 4)

    def test_a_word_stands_for_an_encoder(self):
        assert load(COMBINERS.get("sequence").Config, {"encoder": "rnn"}).encoder.type == "rnn"
        assert COMBINERS.get("sequence").Config().encoder.type == "parallel_cnn"

    def test_faults_of_the_encoder_are_found(self):
        config = load(COMBINERS.get("sequence").Config, {"encoder": {"type": "parallel_cnn", "conv_layers": []}})
        assert [where for where, _ in config.faults(["sequence"], ["s"])] == ["encoder.conv_layers"]


@pytest.mark.parametrize("name", NAMES)
class TestFaults:
    def test_there_must_be_a_sequence(self, name):
        ((where, message),) = COMBINERS.get(name).Config().faults(["tokens", "vector"], ["a", "c"])
        assert where == ""
        assert "reduce_output" in message

    def test_the_main_one_must_be_a_sequence(self, name):
        config = load(COMBINERS.get(name).Config, {"main_sequence_feature": "a"})
        ((where, message),) = config.faults(["tokens", "sequence"], ["a", "s"])
        assert where == "main_sequence_feature"
        assert "s. Received: 'a'" in message
        assert load(COMBINERS.get(name).Config, {"main_sequence_feature": "s"}).faults(["sequence"], ["s"]) == []

    def test_it_is_found_before_data_is_read(self, name):
        text = {"name": "s", "type": "text", "encoder": {"type": "embed"}}
        with pytest.raises(ConfigValidationError, match="combiner"):
            load_config(
                {
                    "input_features": [text],
                    "output_features": [{"name": "y", "type": "binary"}],
                    "combiner": {"type": name},
                }
            )
