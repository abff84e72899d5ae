import io
import pickle
import sys
import wave

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import signal

from ludwig.api import LudwigModel
from ludwig.columns.files import Files
from ludwig.columns.ragged import Ragged
from ludwig.error import InputDataError, LudwigWarning, MissingExtraError
from ludwig.features import audio
from ludwig.features.audio import AudioDecoder, AudioFacts, AudioFeature, Kept
from ludwig.features.spectra import LEAST_POWER, Spectrum, mel_filters
from ludwig.features.waveforms import samples_of

RATE = 8000
NOISE = np.random.default_rng(0).normal(0, 0.1, 3210).astype(np.float32)


def write(path, samples, rate=RATE):
    """16 bits a sample, [n] or [n, channels]."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1 if samples.ndim == 1 else samples.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).round().astype("<i2").tobytes())


def tone(hertz, seconds=0.5, rate=RATE):
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate).astype(np.float32) / 2


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("soundfile")
    write(tmp_path / "a.wav", NOISE)
    write(tmp_path / "b.wav", NOISE[:1000])
    write(tmp_path / "stereo.wav", np.stack([NOISE, -NOISE], axis=1))
    return tmp_path


def learned(column, folder=None, **options):
    feature = AudioFeature(AudioFeature.Config(**options), "au", folder=folder)
    cells = feature.parse(pd.Series([None] * len(column), dtype=object).mask([True] * len(column), pd.Series(column)))
    facts = feature.finish(feature.tally(cells))
    return feature, facts, feature.encode(cells, facts)


def features(samples, rate=RATE, **options):
    """Of one waveform, as they are before they are standardised: [T, E]."""
    _, _, encoded = learned([(rate, samples)], standardize=False, **options)
    return encoded.column.values


# -- features against other libraries

GRID = {"window_length_in_s": 0.032, "window_shift_in_s": 0.016}  # 256 and 128 samples


def periodograms(samples, window, points=256):
    """Complex spectra of the windows, of the same scale: [T, F]."""
    shape = signal.get_window(window, 256)
    options = {"nperseg": 256, "noverlap": 128, "nfft": points, "boundary": None, "padded": True}
    _, _, found = signal.stft(samples.astype(np.float64), RATE, window=shape, **options)
    return found.T * shape.sum() / np.sqrt((shape**2).sum())


@pytest.mark.parametrize("window", ["bartlett", "blackman", "hamming", "hann"])
@pytest.mark.parametrize("points", [None, 512])
def test_stft_is_the_logarithm_of_the_power_spectrum(window, points):
    found = features(NOISE, type="stft", window_type=window, num_fft_points=points, **GRID)
    expected = np.log(np.maximum(np.abs(periodograms(NOISE, window, points or 256)) ** 2, LEAST_POWER))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_phases_stand_behind_the_powers():
    found = features(NOISE, type="stft_phase", **GRID)
    expected = periodograms(NOISE, "hamming")
    assert found.shape == (25, 258)
    phases = torch.polar(torch.ones(25, 129), found[:, 129:]).numpy()
    np.testing.assert_allclose(phases * np.abs(expected), expected, atol=1e-4)


@pytest.mark.parametrize(("rate", "points", "bands"), [(8000, 512, 80), (16000, 1024, 23), (22050, 501, 40)])
def test_mel_filters_are_those_of_transformers(rate, points, bands):
    from transformers.audio_utils import mel_filter_bank

    options = {"min_frequency": 0.0, "max_frequency": rate / 2, "sampling_rate": rate, "mel_scale": "htk"}
    if points % 2 == 0:  # theirs end at half the rate, which an odd transform has no frequency for
        expected = mel_filter_bank(points // 2 + 1, bands, **options)
        np.testing.assert_allclose(mel_filters(rate, points, bands), expected, atol=1e-5)
    assert mel_filters(rate, points, bands).shape == (points // 2 + 1, bands)


def test_fbank_is_the_logarithm_of_the_power_in_mel_filters():
    found = features(NOISE, num_filter_bands=20, **GRID)
    power = np.abs(periodograms(NOISE, "hamming")) ** 2 @ mel_filters(RATE, 256, 20).double().numpy()
    np.testing.assert_allclose(found, np.log(power), rtol=1e-3, atol=1e-3)


def test_the_group_delay_of_an_impulse_is_where_it_stands():
    click = np.zeros(256)
    click[37] = 1.0
    spectrum = Spectrum("group_delay", RATE, 256, 128, 256, "hann")
    shape = signal.get_window("hann", 256)
    height = shape[37] / np.sqrt((shape**2).sum())  # flat, so that the smoothed spectrum is the spectrum
    expected = (37 * height**2 / height**1.8) ** 0.4
    np.testing.assert_allclose(spectrum(torch.from_numpy(click).float()), np.full((1, 129), expected), rtol=1e-3)


def test_raw_samples_are_full_scale_at_one():
    np.testing.assert_array_equal(features(NOISE, type="raw").squeeze(1), NOISE)
    steps = np.array([-32768, 0, 16384], np.int16)
    np.testing.assert_array_equal(features(steps, type="raw").squeeze(1), [-1, 0, 0.5])
    np.testing.assert_array_equal(features(np.array([0, 128, 192], np.uint8), type="raw").squeeze(1), [-1, 0, 0.5])


def test_features_of_a_file_have_mean_zero_and_deviation_one():
    found = features(NOISE, norm="per_file").double().numpy()
    plain = features(NOISE).double().numpy()
    np.testing.assert_allclose(found, (plain - plain.mean(0)) / plain.std(0), atol=1e-4)
    np.testing.assert_allclose(features(NOISE * 0.3, norm="per_file"), found, atol=1e-3)


def test_features_are_standardised_by_the_training_split():
    column = [(RATE, NOISE), (RATE, NOISE[:999]), (RATE, NOISE[500:])]
    _, facts, encoded = learned(column, num_filter_bands=10)
    assert (len(facts.mean), facts.channels) == (10, 10)
    np.testing.assert_allclose(encoded.column.values.mean(0), np.zeros(10), atol=1e-5)
    np.testing.assert_allclose(encoded.column.values.std(0, correction=0), np.ones(10), atol=1e-5)


def test_powers_hardly_depend_on_the_length_of_the_window():
    whole = NOISE[:3200]  # no window has to be completed
    short, long = (features(whole, type="stft", window_length_in_s=length).mean() for length in (0.02, 0.08))
    assert abs(short - long) < 0.1


# -- lengths and rates


def test_windows_cover_all_samples_and_short_audio_is_one_step():
    options = {"num_filter_bands": 4, "window_length_in_s": 0.04, "window_shift_in_s": 0.02}  # 320 and 160 samples
    lengths = [(0, 1), (1, 1), (320, 1), (321, 2), (480, 2), (481, 3)]
    for samples, steps in lengths:
        assert features(NOISE[:samples], **options).shape == (steps, 4)


def test_padding_completes_the_last_window():
    spectrum = Spectrum("stft", RATE, 8, 8, 8, "hann", padding=0.25)
    whole = torch.full((16,), 0.25)
    torch.testing.assert_close(spectrum(whole[:11]), spectrum(whole))


def test_long_audio_is_cut_and_the_longest_is_known():
    _, facts, encoded = learned([(RATE, NOISE)], audio_file_length_limit_in_s=0.1, standardize=False)
    assert len(encoded.column.values) == facts.longest == 4
    _, facts, encoded = learned([(RATE, NOISE)], audio_file_length_limit_in_s=0.1, type="raw")
    assert len(encoded.column.values) == facts.longest == 800


def test_the_rate_is_the_most_frequent_one_and_others_are_resampled():
    column = [(RATE, tone(440)), (16000, tone(440, rate=16000)), (RATE, NOISE)]
    _, facts, encoded = learned(column, type="raw", standardize=False)
    assert facts.rate == RATE
    one, other, _ = torch.split(encoded.column.values[:, 0], encoded.column.lengths.tolist())
    np.testing.assert_allclose(one[100:-100], other[100:-100], atol=2e-3)
    assert learned(column, sampling_rate=4000)[1].rate == 4000


def test_a_tone_beyond_the_rate_is_not_folded_back():
    assert features(tone(3000), type="raw", sampling_rate=4000).abs()[100:-100].max() < 0.01


def test_channels_are_averaged_whichever_comes_first():
    both = np.stack([NOISE, NOISE * 3])
    for samples in (both, both.T):
        np.testing.assert_allclose(features(samples, type="raw").squeeze(1), NOISE * 2, rtol=1e-5)


# -- cells


def test_files_bytes_and_arrays_are_alike(folder):
    pieces = [("a.wav", folder), ((folder / "a.wav").read_bytes(), None), ((RATE, NOISE), None), ((NOISE, RATE), None)]
    pieces.append(({"array": NOISE, "sampling_rate": RATE}, None))
    for cell, place in pieces:
        _, _, encoded = learned([cell], place, type="raw", standardize=False, mode="eager")
        np.testing.assert_allclose(encoded.column.values[:, 0], NOISE, atol=1e-4)
    _, _, encoded = learned([NOISE], type="raw", standardize=False, sampling_rate=RATE)
    np.testing.assert_array_equal(encoded.column.values[:, 0], NOISE)


@pytest.mark.parametrize("form", ["FLAC", "OGG", "MP3", "WAV"])
def test_formats_and_channels(folder, form):
    soundfile = pytest.importorskip("soundfile")
    wide = np.stack([tone(500), tone(500)], axis=1)
    raw = io.BytesIO()
    soundfile.write(raw, wide, RATE, format=form)
    found = samples_of(raw.getvalue(), RATE, 1.0)
    assert abs(np.abs(np.fft.rfft(found)).argmax() * RATE / len(found) - 500) < 3
    assert (learned(["stereo.wav"], folder, type="raw", standardize=False)[2].column.decoded().values == 0).all()


def test_without_the_package_the_extra_is_named_and_arrays_are_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    write(tmp_path / "a.wav", NOISE)
    with pytest.raises(MissingExtraError, match=r"soundfile.*pip install 'ludwig\[audio\]'"):
        learned(["a.wav"], tmp_path)
    assert len(learned([(RATE, NOISE)])[2].column) == 1


def test_files_are_decoded_lazily_and_kept_for_later_epochs(folder, monkeypatch):
    read = []
    monkeypatch.setattr(audio, "samples_of", lambda *each: read.append(each[0]) or samples_of(*each))
    for in_memory, reads in ((True, 1), (False, 2)):
        _, _, encoded = learned(["a.wav"], folder, in_memory=in_memory)
        assert isinstance(encoded.column, Files)
        read.clear()
        for _ in range(2):
            decoded = encoded.column.decoded()
        assert isinstance(decoded, Ragged)
        assert len(read) == reads


def test_what_is_kept_is_bounded_and_not_pickled():
    kept = Kept(100)
    kept.put("a", torch.zeros(20))
    kept.put("b", torch.zeros(10))
    kept.put("c", torch.zeros(5))
    assert [kept.get(name) is not None for name in "abc"] == [True, False, True]
    assert pickle.loads(pickle.dumps(kept)).get("a") is None


@pytest.mark.parametrize("mode", ["lazy", "eager"])
def test_the_number_of_workers_changes_nothing(folder, mode):
    names = ["a.wav", "b.wav", "stereo.wav", None] * 3
    found = [learned(names, folder, mode=mode, num_processes=count)[2].column for count in (1, 3)]
    one, other = (column.decoded() if mode == "lazy" else column for column in found)
    assert torch.equal(one.values, other.values)
    assert torch.equal(one.offsets, other.offsets)


def test_missing_audio_is_one_step_of_the_mean_or_takes_a_neighbour_or_goes():
    column = [(RATE, NOISE), None, (RATE, NOISE[:500])]
    _, _, encoded = learned(column)
    assert (encoded.column.rows(torch.tensor([1])).values == 0).all()
    assert encoded.column.lengths[1] == 1
    _, _, encoded = learned(column, missing_value_strategy="fill_with_const", fill_value=2.0, standardize=False)
    assert (encoded.column.rows(torch.tensor([1])).values == 2).all()
    _, _, encoded = learned(column, missing_value_strategy="bfill")
    assert encoded.column.lengths[1] == encoded.column.lengths[2]
    _, _, encoded = learned(column, missing_value_strategy="drop_row")
    assert encoded.dropped.tolist() == [False, True, False]


BAD = {
    "no file": ("none.wav", r"that name no audio file \(relative paths begin .*\): 'none\.wav'"),
    "no path": (3.5, r"that are no path, no bytes of an audio file and no \(sampling rate, array\) of samples: 3.5"),
    "no audio": ("broken.wav", r"audio files that cannot be read, .*broken\.wav' cannot be read as audio"),
    "not finite": ((RATE, np.array([np.nan])), "audio files that cannot be read, .*not finite"),
    "of three axes": ((RATE, np.zeros((2, 2, 2))), r"cannot be read, .*Received: float64 of shape \[2, 2, 2\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_cell_is_missing(folder, case):
    (folder / "broken.wav").write_text("no audio at all")
    cell, words = BAD[case]
    with pytest.warns(LudwigWarning, match=f"The input feature 'au' has .*{words}") as seen:
        _, _, encoded = learned(["a.wav", cell, "a.wav"], folder, mode="eager")
    assert len(seen) == 1
    assert encoded.column.lengths.tolist() == [20, 1, 20]


def test_many_bad_cells_are_an_error(folder):
    (folder / "broken.wav").write_text("no audio at all")
    (folder / "worse.wav").write_text("nor is this")
    with pytest.warns(LudwigWarning), pytest.raises(InputDataError, match="'au' has more than 1 audio files"):
        learned(["a.wav", "broken.wav", "worse.wav"], folder, mode="eager")
    with pytest.raises(InputDataError, match="'au' has no audio that can be read.*broken.wav"):
        learned(["broken.wav"], folder)


def test_an_fft_shorter_than_the_window_is_an_error():
    with pytest.raises(InputDataError, match="windows of 320 samples .*num_fft_points: 128"):
        features(NOISE, num_fft_points=128)


def test_the_sample_does_not_depend_on_the_order(monkeypatch):
    monkeypatch.setattr(audio, "SAMPLE", 5)
    column = [(RATE // (1 + place % 2), NOISE[: 400 + place]) for place in range(30)]
    one, other = (learned(each)[1] for each in (column, column[::-1]))
    assert one == other
    assert one != learned(column[:5])[1]


def test_facts_may_follow_from_the_config():
    feature = AudioFeature(AudioFeature.Config(type="raw", sampling_rate=16000, standardize=False), "au")
    assert feature.facts_of_config() == AudioFacts(16000, 120_000, (0.0,), (1.0,))
    with pytest.raises(LookupError):
        AudioFeature(AudioFeature.Config(), "au").facts_of_config()
    assert isinstance(feature.decoder(feature.facts_of_config()), AudioDecoder)


# -- whole models


@pytest.fixture(scope="module")
def pitches(tmp_path_factory):
    """Tones of three pitches in noise, of different lengths, as files."""
    pytest.importorskip("soundfile")
    place, rng = tmp_path_factory.mktemp("pitches"), np.random.default_rng(0)
    rows = []
    for row in range(120):
        name, hertz = rng.choice(["low", "middle", "high"]), rng.uniform(0.95, 1.05)
        sound = tone({"low": 300, "middle": 420, "high": 590}[name] * hertz, rng.uniform(0.1, 0.4))
        write(place / f"{row}.wav", (sound * rng.uniform(0.1, 1) + rng.normal(0, 0.05, len(sound))).clip(-1, 1))
        rows.append((f"{row}.wav", name, row // 100 * 2))
    pd.DataFrame(rows, columns=["audio", "y", "split"]).to_csv(place / "table.csv", index=False)
    return place


@pytest.mark.parametrize("encoder", [None, "rnn"])
def test_a_model_learns_pitches_and_predicts_the_same_once_saved(pitches, tmp_path, encoder):
    section = {} if encoder is None else {"encoder": {"type": encoder, "cell_type": "gru", "state_size": 32}}
    config = {
        "input_features": [{"name": "audio", "type": "audio", "preprocessing": {"num_filter_bands": 32}, **section}],
        "output_features": [{"name": "y", "type": "category"}],
        "combiner": {"type": "concat"},
        "preprocessing": {"split": {"type": "fixed", "column": "split"}},
        "trainer": {"epochs": 12, "batch_size": 16, "learning_rate": 0.003},
    }
    model = LudwigModel(config)
    model.train(dataset=str(pitches / "table.csv"), output_directory=None, random_seed=1)
    table = pd.read_csv(pitches / "table.csv")
    unseen = table[table.split == 2].assign(audio=lambda rows: [str(pitches / name) for name in rows.audio])
    predicted, _ = model.predict(unseen)
    assert (predicted["y_predictions"].to_numpy() == unseen["y"].to_numpy()).mean() >= 0.9  # by chance 0.33
    model.save(str(tmp_path / "saved"))
    again, _ = LudwigModel.load(str(tmp_path / "saved")).predict(unseen)
    pd.testing.assert_frame_equal(again, predicted)
    alone, _ = model.predict(unseen.iloc[:1])
    assert alone["y_predictions"].iloc[0] == predicted["y_predictions"].iloc[0]
