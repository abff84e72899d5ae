import numpy as np
import pytest
import torch

from ludwig.columns.ragged import Padded, Ragged
from ludwig.encoders import ENCODERS
from ludwig.features.audio import AudioFacts

SIZE = 6
FACTS = AudioFacts(8000, 40, (0.0,) * SIZE, (1.0,) * SIZE)


def build(name="audio_cnn", **options):
    torch.manual_seed(0)
    return ENCODERS.get(name, "audio").Config(**options).build([FACTS]).eval()


def sounds(*lengths):
    generator = torch.Generator().manual_seed(1)
    return Ragged.of([torch.randn(length, SIZE, generator=generator) for length in lengths])


def test_the_statistics_are_those_of_numpy():
    column = sounds(7, 1, 23)
    signal = build(num_layers=0)(column.padded())
    rows = [cell.numpy() for cell in column.values.split(column.lengths.tolist())]
    expected = np.stack([np.concatenate([row.mean(0), row.std(0), row.max(0)]) for row in rows])
    np.testing.assert_allclose(signal.values, expected, atol=1e-5)
    assert torch.equal(signal.linear, signal.values)


def test_the_network_reads_convolutions_beside_the_statistics():
    encoder = build(num_layers=2, num_filters=5)
    signal = encoder(sounds(30, 9).padded())
    assert signal.values.shape == (2, 3 * SIZE + 2 * 5) == (2, encoder.shape.size)
    assert signal.linear.shape == (2, 3 * SIZE) == (2, encoder.shape.linear)
    hidden = encoder.convolutions[0](sounds(30, 9).padded().values, sounds(30, 9).padded().mask)
    values, mask = encoder.convolutions[1](*hidden)
    assert mask.sum(1).tolist() == [4, 2]  # a stride of two, and twice a pool of two
    torch.testing.assert_close(signal.values[0, 18:23], values[0][mask[0]].mean(0))
    torch.testing.assert_close(signal.values[0, 23:], values[0][mask[0]].amax(0))


def test_only_the_first_convolution_strides():
    strides = [layer.convolution.stride for layer in build(num_layers=3, strides=4, pool_size=None).convolutions]
    assert strides == [(4,), (1,), (1,)]


OF_FEATURES = [name for name in ENCODERS.names("audio") if not ENCODERS.get(name, "audio").Config().requires()]


@pytest.mark.parametrize("name", OF_FEATURES)  # others read samples
def test_a_row_without_steps_gives_finite_numbers(name):
    column = Padded(torch.zeros(2, 8, SIZE), torch.tensor([[True] * 8, [False] * 8]))
    assert build(name)(column).values.isfinite().all()


def test_dropout_is_of_the_convolutions_and_in_training_only():
    encoder, column = build(dropout=0.5, norm=None), sounds(30, 20).padded()
    quiet = encoder(column).values
    torch.testing.assert_close(encoder(column).values, quiet)
    loud = encoder.train()(column).values
    assert torch.equal(loud[:, : 3 * SIZE], quiet[:, : 3 * SIZE])
    assert not torch.equal(loud, quiet)
