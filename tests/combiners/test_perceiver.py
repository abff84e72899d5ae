import torch

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

NUMBERS = Source(("a", "b"), "number", Shape("tokens", 1, 2))
TEXT = Source(("s",), "text", Shape("sequence", 2, 4))
OPTIONS = {"latent_dim": 8, "num_heads": 2, "num_latents": 3, "dropout": 0.0}


def build(sources, **options):
    torch.manual_seed(0)
    return load(COMBINERS.get("perceiver").Config, {**OPTIONS, **options}).build(sources).eval()


def numbers():
    torch.manual_seed(1)
    return Signal.tokens(torch.randn(2, 2, 1))


def test_latents_read_the_inputs_and_then_each_other():
    combiner = build([NUMBERS])
    tokens, _ = combiner.tokens([numbers()])
    latents, reading = combiner.latents.repeat(2, 1, 1), combiner.reading
    latents = latents + reading.attention(reading.latent_norm(latents), reading.token_norm(tokens))
    latents = latents + reading.feed_forward(reading.norm(latents))
    torch.testing.assert_close(combiner([numbers()]).values, combiner.layers(latents).mean(1))
    assert len(combiner.layers.blocks) == 2


def test_the_size_of_the_result_does_not_depend_on_the_inputs():
    text = Signal.sequence(torch.randn(2, 4, 2), torch.tensor([[True] * 4, [False] * 4]))
    assert build([NUMBERS, TEXT], reduce_output="concat")([numbers(), text]).values.shape == (2, 3 * 8)
    assert build([NUMBERS], reduce_output="concat")([numbers()]).values.shape == (2, 3 * 8)


def test_a_row_of_no_steps_alone_gives_finite_numbers():
    text = Signal.sequence(torch.randn(2, 4, 2), torch.tensor([[True] * 4, [False] * 4]))
    assert build([TEXT])([text]).values.isfinite().all()


def test_without_a_reduction_all_latents_are_given():
    combiner = build([NUMBERS], reduce_output=None, num_fc_layers=1, output_size=5)
    assert combiner.shape == Shape("sequence", 5, 3)
    assert combiner([numbers()]).values.shape == (2, 3, 5)
