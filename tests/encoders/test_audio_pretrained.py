"""Encoders of sounds by pretrained networks, on tiny ones in folders; expected numbers come from the library itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded, Ragged
from ludwig.config import load_config
from ludwig.encoders import ENCODERS
from ludwig.encoders.audio_mel import AstMel, WhisperMel
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.features.audio import AudioFacts
from ludwig.features.base import at_origin
from tests.contracts.samples import OF_SOUNDS as OF_LONGER

RATE = 16_000
LONGEST = 5000
OF_SOUNDS = {  # of at most 0.3 s
    **OF_LONGER,
    "whisper": {**OF_LONGER["whisper"], "max_source_positions": 16},
    "ast": {**OF_LONGER["ast"], "max_length": 40, "time_stride": 4},
}
FAMILIES = {"ast": "audio-spectrogram-transformer"}  # where transformers calls them otherwise
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}  # as in the large networks
VARIANTS = [
    *((name, options) for name in ("wav2vec2", "hubert", "wavlm") for options in ({}, STABLE)),
    ("hubert", {"feat_proj_layer_norm": False}),
]


def waves(*lengths: int) -> list[np.ndarray[Any, Any]]:
    """Noises of other loudness and mean."""
    draw = np.random.default_rng(0)
    return [
        (draw.normal(0.1 * place, 0.1 + place, size) * 0.1).astype(np.float32) for place, size in enumerate(lengths)
    ]


SOUNDS = waves(LONGEST, 1234, 3001)


def column_of(sounds: list[np.ndarray[Any, Any]]) -> Padded:
    return Ragged.of([torch.from_numpy(sound).unsqueeze(1) for sound in sounds]).padded()


def pretrained(name: str, folder: Path, preparation: Any = None, **options: Any) -> Any:
    """A small network of a family, saved as those of the hub are, with how its sounds are prepared."""
    from transformers import AutoConfig, AutoModel

    with torch.random.fork_rng():
        torch.manual_seed(7)
        beside = {"decoder_layers": 1, "decoder_attention_heads": 2} if name == "whisper" else {}
        structure = AutoConfig.for_model(FAMILIES.get(name, name), **{**OF_SOUNDS[name], **beside, **options})
        network = AutoModel.from_config(structure).eval()
        for weight in network.parameters():  # norms and biases that initial ones are not
            weight.data += 0.1 * torch.randn_like(weight)
        network.save_pretrained(folder)
    if preparation is not None:
        preparation.save_pretrained(folder)
    return AutoModel.from_pretrained(folder).eval()


def build(name: str, folder: Path | None = None, longest: int = LONGEST, **options: Any) -> Any:
    """An encoder as a fresh run begins with it."""
    named = {} if folder is None else {"pretrained_model_name_or_path": str(folder)}
    config = ENCODERS.get(name, "audio").Config(**named, **options)
    facts = [AudioFacts(RATE, longest, (0.0,), (1.0,))]
    encoder = config.described(at_origin).build(facts)
    encoder.start(facts)
    return encoder.eval()


def scratch(name: str, **options: Any) -> Any:
    return build(name, use_pretrained=False, architecture=OF_SOUNDS[name], **options)


def rows_of(signal: Any) -> list[torch.Tensor]:
    """The steps of each row."""
    return [values[mask] for values, mask in zip(signal.values, signal.mask, strict=True)]


# -- mel spectrograms


@pytest.mark.parametrize("bands", [80, 128])
def test_the_spectrogram_of_whisper_is_that_of_the_library(bands):
    from transformers import WhisperFeatureExtractor

    samples = 160 * 40
    extractor = WhisperFeatureExtractor(feature_size=bands)
    expected = extractor(SOUNDS, sampling_rate=RATE, max_length=samples, return_tensors="pt").input_features
    values = column_of(SOUNDS).values.squeeze(-1)
    found = WhisperMel(bands)(torch.nn.functional.pad(values, (0, samples - values.shape[1])))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@pytest.mark.filterwarnings("ignore:At least one mel filter has all zero values")  # in the library, of 128 bands
def test_the_spectrogram_of_ast_is_that_of_the_library():
    from transformers import ASTFeatureExtractor

    extractor = ASTFeatureExtractor(max_length=20, do_normalize=False)
    expected = extractor(waves(4000, 4000), sampling_rate=RATE, return_tensors="pt").input_values  # [B, 20, 128]
    found = AstMel(128)(torch.from_numpy(np.stack(waves(4000, 4000))))
    torch.testing.assert_close(found[:, :20], expected, rtol=0, atol=1e-3)


# -- networks


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("normalises", [False, True])
def test_each_sound_of_a_batch_is_read_as_the_library_reads_it_alone(name, options, normalises, tmp_path):
    from transformers import Wav2Vec2FeatureExtractor

    extractor = Wav2Vec2FeatureExtractor(do_normalize=normalises)
    network = pretrained(name, tmp_path, extractor, **options)
    with torch.no_grad():
        alone = [extractor(sound, sampling_rate=RATE, return_tensors="pt").input_values for sound in SOUNDS]
        states = [network(values).last_hidden_state[0] for values in alone]
        signal = build(name, tmp_path, reduce_output=None)(column_of(SOUNDS))
        reduced = {each: build(name, tmp_path, reduce_output=each) for each in ("mean", "last", "cls_pooled")}
        found = {each: encoder(column_of(SOUNDS)).values for each, encoder in reduced.items()}
    for ours, theirs in zip(rows_of(signal), states, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    expected = {
        "mean": [each.mean(0) for each in states],
        "last": [each[-1] for each in states],
        "cls_pooled": [each[0] for each in states],
    }
    for each, rows in expected.items():
        torch.testing.assert_close(found[each], torch.stack(rows), rtol=1e-4, atol=1e-4)
    assert build(name, tmp_path, reduce_output=None).shape.count == len(states[0])


def test_whisper_reads_what_the_library_reads(tmp_path):
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=16)
    network = pretrained("whisper", tmp_path, extractor)
    features = extractor(SOUNDS, sampling_rate=RATE, max_length=16 * 320, return_tensors="pt").input_features
    with torch.no_grad():
        states = network.get_encoder()(features).last_hidden_state
        signal = build("whisper", tmp_path, reduce_output=None)(column_of(SOUNDS))
        mean = build("whisper", tmp_path)(column_of(SOUNDS)).values
    assert signal.mask.sum(1).tolist() == [16, 4, 10]  # of 320 samples each, begun ones included
    torch.testing.assert_close(signal.values, states, rtol=1e-3, atol=1e-3)
    assert build("whisper", tmp_path, longest=3000, reduce_output=None)(column_of(SOUNDS)).values.shape[1] == 10
    steps = signal.mask.unsqueeze(-1)
    torch.testing.assert_close(mean, (states * steps).sum(1) / steps.sum(1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("statistics", [{}, {"mean": -6.8, "std": 5.5}, {"do_normalize": False}])
def test_ast_reads_what_the_library_reads(statistics, tmp_path):
    from transformers import ASTFeatureExtractor

    extractor = ASTFeatureExtractor(num_mel_bins=16, max_length=40, **statistics)
    network = pretrained("ast", tmp_path, extractor)
    with torch.no_grad():
        found = network(extractor(SOUNDS, sampling_rate=RATE, return_tensors="pt").input_values)
        pooled = build("ast", tmp_path)(column_of(SOUNDS)).values
        signal = build("ast", tmp_path, reduce_output=None)(column_of(SOUNDS))
    torch.testing.assert_close(pooled, found.pooler_output, rtol=1e-3, atol=1e-3)
    patches = found.last_hidden_state[:, 2:].reshape(3, 2, 9, 16).mean(1)  # of two bands
    torch.testing.assert_close(signal.values, patches[:, :8], rtol=1e-3, atol=1e-3)
    assert signal.mask.sum(1).tolist() == [8, 2, 5]  # of 29, 6 and 17 frames, four a step


@pytest.mark.parametrize("name", OF_SOUNDS)
@pytest.mark.parametrize("reduction", ["mean", "last", "cls_pooled", None])
def test_sounds_that_are_shorter_than_a_frame_give_finite_numbers(name, reduction):
    column = column_of([*SOUNDS, *waves(3), np.zeros(0, np.float32), np.zeros(900, np.float32)])
    encoder = scratch(name, reduce_output=reduction)
    signal = encoder(column)
    assert signal.values.isfinite().all()
    short = encoder(column_of([*waves(3), np.zeros(0, np.float32)]))
    if reduction is not None:
        torch.testing.assert_close(short.values, signal.values[3:5], rtol=1e-4, atol=1e-4)
    else:
        assert signal.mask.any(1).all()
        assert signal.mask.sum(1).max() == signal.mask.shape[1] == encoder.shape.count


@pytest.mark.parametrize("name", OF_SOUNDS)
def test_in_half_precision_results_are_near_and_gradients_finite(name):
    encoder, column = scratch(name, reduce_output="mean"), column_of([*SOUNDS, *waves(3)])
    exact = encoder(column).values
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(column).values.float()
        assert (found - exact).square().mean() < 0.01 * exact.square().mean()
        encoder.train()(column).values.float().square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters() if weight.grad is not None)


def test_longer_sounds_are_truncated_with_a_warning():
    options = {"use_pretrained": False, "architecture": OF_SOUNDS["whisper"]}
    with pytest.warns(LudwigWarning, match=r"up to 1\.00 s long, and the network reads 0\.32 s"):
        encoder = build("whisper", longest=RATE, **options)
    long = waves(RATE)[0]
    torch.testing.assert_close(encoder(column_of([long])).values, encoder(column_of([long[: 16 * 320]])).values)


def test_of_a_source_without_pretrained_weights_the_architecture_is_taken(tmp_path):
    network = pretrained("wav2vec2", tmp_path, num_hidden_layers=1)
    encoder = build("wav2vec2", tmp_path, use_pretrained=False, architecture={"intermediate_size": 12})
    assert len(encoder.network.encoder.layers) == 1
    dense = encoder.network.encoder.layers[0].feed_forward.intermediate_dense
    assert dense.weight.shape == (12, 16)
    ours, theirs = encoder.network.feature_projection, network.feature_projection
    assert not torch.equal(ours.projection.weight, theirs.projection.weight)


def test_fine_tuning_leaves_convolutions_as_they_are_and_training_from_scratch_does_not(tmp_path):
    pretrained("hubert", tmp_path)
    trained = {name for name, weight in build("hubert", tmp_path).named_parameters() if weight.requires_grad}
    assert trained
    assert not any("feature_extractor" in name for name in trained)
    assert all(weight.requires_grad for weight in scratch("hubert").parameters())
    assert not any(weight.requires_grad for weight in build("hubert", tmp_path, trainable=False).parameters())


# -- whole models


def tones(rows: int = 120, size: int = 2400) -> pd.DataFrame:
    """Tones of two ranges of pitch, of any loudness and phase, in noise; 0.5 is what guessing reaches."""
    draw = np.random.default_rng(0)
    high = draw.integers(0, 2, rows)
    pitch = np.where(high, draw.uniform(900, 1300, rows), draw.uniform(250, 450, rows))
    times = np.arange(size) / RATE
    sounds = [
        (
            draw.uniform(0.1, 0.5)
            * np.sin(2 * np.pi * hertz * times[: draw.integers(size // 2, size)] + draw.uniform(0, 6))
        )
        for hertz in pitch
    ]
    cells = [(RATE, (sound + draw.normal(0, 0.02, len(sound))).astype(np.float32)) for sound in sounds]
    split = np.repeat([0, 1, 2], [rows - 60, 20, 40])
    return pd.DataFrame({"sound": cells, "high": high.astype(bool), "split": split})


def config_of(encoder: dict[str, Any], **sections: Any) -> dict[str, Any]:
    preprocessing = {"audio_file_length_limit_in_s": 0.25, **sections.pop("preprocessing", {})}
    return {
        "input_features": [{"name": "sound", "type": "audio", "encoder": encoder, "preprocessing": preprocessing}],
        "output_features": [{"name": "high", "type": "binary"}],
        "combiner": {"type": "concat"},
        "preprocessing": {"split": {"type": "fixed", "column": "split"}},
        "trainer": {"epochs": 12, "batch_size": 12, "learning_rate": 0.005, **sections},
    }


@pytest.mark.parametrize("name", ["wav2vec2", "ast", pytest.param("whisper", marks=pytest.mark.slow)])
def test_pitch_is_trained_from_scratch(name):
    table = tones()
    encoder = {"type": name, "use_pretrained": False, "architecture": OF_SOUNDS[name]}
    model = LudwigModel(config_of(encoder))
    model.train(dataset=table, output_directory=None)
    test = table[table["split"] == 2]
    found, _ = model.predict(test)
    assert (found["high_predictions"] == test["high"]).mean() > 0.9


SAVED = [("wav2vec2", False), ("whisper", True), ("ast", True)]
OTHERS = [(name, trainable) for name in OF_SOUNDS for trainable in (False, True) if (name, trainable) not in SAVED]


@pytest.mark.parametrize(
    ("name", "trainable"), [*SAVED, *(pytest.param(*each, marks=pytest.mark.slow) for each in OTHERS)]
)
def test_a_saved_model_needs_no_pretrained_network(name, trainable, tmp_path):
    base = tmp_path / "base"
    pretrained(name, base)
    table = tones(80)
    encoder = {"type": name, "pretrained_model_name_or_path": str(base), "trainable": trainable}
    model = LudwigModel(config_of(encoder, epochs=1))
    model.train(dataset=table, output_directory=None)
    start, now = build(name, base).state_dict(), model.model.weights()
    moved = {
        weight for weight, own in start.items() if not torch.equal(now[f"input_features.sound.encoder.{weight}"], own)
    }
    assert bool(moved) == trainable
    found, _ = model.predict(table)
    model.save(str(tmp_path / "saved"))
    shutil.rmtree(base)
    again = LudwigModel.load(str(tmp_path / "saved"))
    pd.testing.assert_frame_equal(again.predict(table)[0], found)


# -- the config


def test_the_column_is_read_as_samples():
    config = load_config(config_of({"type": "wav2vec2"}))
    assert config.required(config.input_features[0]) == {
        "type": "raw",
        "sampling_rate": RATE,
        "standardize": False,
        "norm": None,
    }
    with pytest.raises(ConfigValidationError, match=r"preprocessing\.sampling_rate: Must be 16000"):
        load_config(config_of({"type": "whisper"}, preprocessing={"sampling_rate": 8000}))


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        ({"type": "ast", "pretrained_model_name_or_path": "./nothing"}, "There is no folder './nothing'"),
        ({"type": "ast", "architecture": {"hidden_size": 8}}, "architecture: Pretrained weights have their own"),
        (
            {"type": "wav2vec2", "use_pretrained": False, "architecture": {"layerdrop": 0.1}},
            "architecture: 'layerdrop' is set by the encoder",
        ),
        ({"type": "hubert", "reduce_output": "sum"}, "reduce_output"),
    ],
)
def test_faults_of_the_config(encoder, words):
    with pytest.raises(ConfigValidationError, match=words):
        load_config(config_of(encoder))


@pytest.mark.parametrize(
    ("architecture", "words"),
    [
        ({"hiden_size": 3}, "has no option 'hiden_size'. Did you mean 'hidden_size'"),
        ({"hidden_size": "wide"}, "encoder.architecture: .* cannot be built"),
        ({"hidden_act": "steep"}, "encoder.architecture: .* cannot be built"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(architecture, words):
    with pytest.raises(ConfigValidationError, match=words):
        build("wav2vec2", use_pretrained=False, architecture={**OF_SOUNDS["wav2vec2"], **architecture})


def test_networks_that_are_read_otherwise_are_refused(tmp_path):
    from transformers import Wav2Vec2FeatureExtractor

    pretrained("ast", tmp_path / "ast")
    pretrained("hubert", tmp_path / "hubert", Wav2Vec2FeatureExtractor(sampling_rate=8000))
    with pytest.raises(ConfigValidationError, match="a network of the family 'audio-spectrogram-transformer'"):
        build("whisper", tmp_path / "ast")
    with pytest.raises(ConfigValidationError, match="reads 8000 samples a second"):
        build("wav2vec2", tmp_path / "hubert")
    pretrained("hubert", tmp_path / "other", conv_pos_batch_norm=True)
    with pytest.raises(ConfigValidationError, match="padding would change its results"):
        build("hubert", tmp_path / "other")
