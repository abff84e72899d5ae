"""Audio: files that are decoded when a batch needs them, or samples in memory.

N = rows, T = steps, E = features of a step
"""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ludwig.columns.files import Decoder, Files
from ludwig.error import InputDataError
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Objects
from ludwig.features.invalid import InvalidOptions, Unreadable, allowed
from ludwig.features.media import digest_of, drawn, media_of
from ludwig.features.missing import settled
from ludwig.features.spectra import Spectrum, SpectrumName, WindowName
from ludwig.features.waveforms import Sound, rate_of, samples_of, sound_of
from ludwig.schema import param

Strategy = Literal["fill_with_const", "bfill", "ffill", "drop_row"]
SAMPLE = 100  # audio files of the training split that sampling rate and scale are fitted on
USUAL_RATE = 16_000  # samples a second, where no audio says otherwise
KEPT = 2**30  # bytes of features that are kept in memory for later epochs


class Kept:
    """Features by path, as many as there is room for. Used from many threads; a pickled one is empty."""

    def __init__(self, room: int) -> None:
        self.room, self.left = room, room
        self.features: dict[str, Tensor] = {}
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Kept], tuple[int]]:
        return Kept, (self.room,)

    def get(self, source: Any) -> Tensor | None:
        return self.features.get(source) if isinstance(source, str) else None

    def put(self, source: Any, features: Tensor) -> None:
        with self.lock:
            if isinstance(source, str) and source not in self.features and features.nbytes <= self.left:
                self.features[source] = features
                self.left -= features.nbytes


@dataclasses.dataclass(frozen=True)
class AudioFacts(Facts):
    """Fitted preprocessing state of an audio column."""

    rate: int  # samples a second
    longest: int  # steps
    mean: tuple[float, ...]  # [E], zeros where features are not standardised
    std: tuple[float, ...]  # [E], ones where they are not

    @property
    def channels(self) -> int:
        """Features of a step."""
        return len(self.mean)

    def to_json(self) -> dict[str, Any]:
        sizes = {"sampling_rate": self.rate, "max_length": self.longest, "feature_dim": self.channels}
        return {**sizes, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["sampling_rate"], raw["max_length"], tuple(raw["mean"]), tuple(raw["std"]))


@dataclasses.dataclass(frozen=True)
class AudioDecoder(Decoder):
    """Reads one audio file as the features of its steps: float32 [T, E]. A missing one is one step, and so is one that
    cannot be read, as long as there are few."""

    spectrum: Spectrum
    seconds: float
    per_file: bool
    facts: AudioFacts
    fill: float | None = None
    workers: int = 1
    max_invalid_share: float = 0.0
    where: str = "audio column"
    unreadable: Unreadable | None = dataclasses.field(default=None, compare=False)  # None allows none
    kept: Kept | None = dataclasses.field(default=None, compare=False)  # None keeps none

    @property
    def is_ragged(self) -> bool:
        return True

    def of_rows(self, count: int) -> AudioDecoder:
        most = allowed(self.max_invalid_share, count)
        return dataclasses.replace(self, unreadable=Unreadable(self.where, "audio files", most))

    def __call__(self, source: Any) -> Tensor:
        known = None if self.kept is None else self.kept.get(source)
        if known is not None:
            return known
        features = self._scaled(self._features(source))
        if self.kept is not None:
            self.kept.put(source, features)
        return features

    def _features(self, source: Any) -> Tensor:
        if source is None:
            mean = torch.tensor(self.facts.mean, dtype=torch.float32)
            return (mean if self.fill is None else torch.full_like(mean, self.fill)).unsqueeze(0)  # [1, E]
        try:
            return features_of(source, self.spectrum, self.seconds, per_file=self.per_file)
        except InputDataError as error:
            if self.unreadable is None:
                raise
            self.unreadable.add(source, error)
            return self._features(None)

    def _scaled(self, features: Tensor) -> Tensor:
        mean, std = (torch.tensor(values, dtype=torch.float32) for values in (self.facts.mean, self.facts.std))
        return (features - mean) / std  # [T, E]


def features_of(source: Any, spectrum: Spectrum, seconds: float, *, per_file: bool) -> Tensor:
    """The features of the steps of audio, before they are scaled: [T, E].

    Raises:
        InputDataError: It is no audio.
    """
    samples = samples_of(source, spectrum.rate, seconds)
    features = spectrum(torch.from_numpy(samples))
    if not per_file:
        return features
    centred = features - features.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp_min(1e-5)


class AudioTally(Tally):
    """How many audio files there are, and a sample of them: those whose digests are the least. Which are sampled
    follows from the files, not from their order."""

    def __init__(self, sample: list[tuple[bytes, Any]], seen: int) -> None:
        self.sample, self.seen = sample, seen

    def merge(self, other: Self) -> Self:
        sample = sorted([*self.sample, *other.sample], key=lambda each: each[0])[:SAMPLE]
        return type(self)(sample, self.seen + other.seen)


@FEATURES.register("audio")
class AudioFeature(Feature[Objects, AudioTally, AudioFacts]):
    """Audio feature: a column of sounds, as paths, bytes of files, or samples with their sampling rate.

    Use it for speech, music and noises. Files (wav, flac, ogg, mp3) are decoded batch by batch by `num_processes`
    workers, ahead of the training step, resampled to one rate, and become features of short windows: by default the
    logarithm of mel filter banks, standardised by their mean and standard deviation over 100 files of the training
    split. Channels are averaged. A sample in memory is a tuple of the sampling rate and an array. A batch is padded to
    its longest sound, [B, T, E].

    ```yaml
    name: recording
    type: audio
    preprocessing:
      type: fbank
      num_filter_bands: 64
      audio_file_length_limit_in_s: 3.0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        type: SpectrumName = param(  # type: ignore[misc]  # here an option; no section chooses a feature by its type
            "fbank",
            help="Features of a step: log mel filter bank (fbank), log power spectrum (stft), with phase "
            "(stft_phase), modified group delay, or raw samples.",
        )
        audio_file_length_limit_in_s: float = param(
            7.5, above=0, help="Maximum length in seconds: only the beginning of longer audio is used."
        )
        sampling_rate: int | None = param(
            None,
            min=1,
            help="Sampling rate in Hz that audio is resampled to; null takes the most frequent one of the training "
            "split.",
        )
        window_length_in_s: float = param(
            0.04, above=0, help="Window length in seconds. Raise it for finer frequencies, lower it for finer times."
        )
        window_shift_in_s: float = param(
            0.02, above=0, help="Window shift (hop length) in seconds from one step to the next. Raise it for speed."
        )
        window_type: WindowName = param("hamming", help="Window function of the Fourier transform.")
        num_fft_points: int | None = param(
            None, min=1, help="FFT points of a window; null for the next power of two from its number of samples on."
        )
        num_filter_bands: int = param(
            80, min=1, help="Number of mel filters (bands) of fbank. Raise it for finer frequencies."
        )
        norm: Literal["per_file"] | None = param(
            None,
            help="Normalisation of the features of each file to mean 0 and standard deviation 1, against differences "
            "of microphones and loudness; null for none.",
        )
        standardize: bool = param(
            True, help="Whether features are standardised by mean and standard deviation over the training split."
        )
        padding_value: float = param(
            0.0, min=0, help="Padding value: that of the samples that complete the last window, and an empty file."
        )
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: float | None = param(
            None, min=0, help="Fill value: all features of the one step of missing audio; null for their means."
        )
        num_processes: int = param(
            1,
            min=1,
            help="Number of workers (threads) that decode audio ahead of its use. Raise it where decoding is slower "
            "than training; results do not depend on it.",
        )
        mode: Literal["lazy", "eager"] = param(
            "lazy", help="Lazy loading decodes audio batch by batch; eager decodes all of it once, into memory."
        )
        in_memory: bool = param(
            True,
            help="Whether lazy loading keeps features in memory for later epochs, up to 1 GiB; false decodes each file "
            "in each epoch.",
        )

    TargetConfig = Config  # audio is an input only

    kind = "audio"
    facts_type = AudioFacts
    default_encoder = "audio_cnn"

    def parse(self, column: pd.Series) -> Objects:
        rate, share = self.config.sampling_rate, self.config.max_invalid_share
        words = {"file": "audio file", "besides": "(sampling rate, array) of samples"}
        return media_of(column, self.folder, share, self.where, in_memory=lambda cell: sound_of(cell, rate), **words)

    def tally(self, cells: Objects) -> AudioTally:
        there = [source for source in cells.values if source is not None]
        digests = [_digest(source, self) for source in there]
        sample = [(digests[place], there[place]) for place in drawn(digests, SAMPLE)]
        return AudioTally(sorted(sample, key=lambda each: each[0])[:SAMPLE], len(there))

    def finish(self, tally: AudioTally) -> AudioFacts:
        self.refuse_all_missing(tally.seen)
        sources = [source for _, source in tally.sample]
        rate = self.config.sampling_rate or self._usual_rate(sources)
        spectrum = self._spectrum(rate)
        return self._facts(spectrum, *(self._moments(spectrum, sources) if self.config.standardize else ()))

    def _usual_rate(self, sources: list[Any]) -> int:
        """The most frequent sampling rate, the highest of several."""
        rates: Counter[int] = Counter()
        fault: InputDataError | None = None
        for source in sources:
            try:
                rates[rate_of(source)] += 1
            except InputDataError as error:
                fault = error
        if fault is not None and not rates:
            raise InputDataError(f"The {self.where} has no audio that can be read. {fault}")
        return max(rates, key=lambda rate: (rates[rate], rate), default=USUAL_RATE)

    def _moments(self, spectrum: Spectrum, sources: list[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each feature over the steps of all sources that can be read: [E] each."""
        found = []
        for source in sources:
            try:
                found.append(self._decoder(spectrum)(source).double())
            except InputDataError:
                continue
        steps = torch.cat(found) if found else torch.zeros(1, spectrum.channels, dtype=torch.float64)  # [T, E]
        mean, std = steps.mean(0), steps.std(0, correction=0)
        return tuple(mean.tolist()), tuple(torch.where(std > 1e-5, std, 1.0).tolist())

    def _spectrum(self, rate: int) -> Spectrum:
        options = self.config
        window = max(round(options.window_length_in_s * rate), 2)
        points = options.num_fft_points or 1 << (window - 1).bit_length()
        if points < window and options.type != "raw":
            raise InputDataError(
                f"The {self.where} has windows of {window} samples ({options.window_length_in_s} s at {rate} Hz), more "
                f"than preprocessing.num_fft_points: {points}. Raise it, or set it to null."
            )
        shift = max(round(options.window_shift_in_s * rate), 1)
        sizes = (options.num_filter_bands, options.padding_value)
        return Spectrum(options.type, rate, window, shift, points, options.window_type, *sizes)

    def _facts(
        self, spectrum: Spectrum, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None
    ) -> AudioFacts:
        longest = spectrum.steps(-int(-self.config.audio_file_length_limit_in_s * spectrum.rate // 1))
        size = spectrum.channels
        return AudioFacts(spectrum.rate, longest, mean or (0.0,) * size, std or (1.0,) * size)

    def facts_of_config(self) -> AudioFacts:
        if self.config.sampling_rate is None or self.config.standardize:
            return super().facts_of_config()
        return self._facts(self._spectrum(self.config.sampling_rate))

    @property
    def copies_files(self) -> bool:
        return bool(self.config.mode == "eager")

    def _decoder(self, spectrum: Spectrum, facts: AudioFacts | None = None) -> AudioDecoder:
        """Without facts, features are not scaled."""
        options = self.config
        given = (spectrum, options.audio_file_length_limit_in_s, options.norm == "per_file")
        return AudioDecoder(*given, facts or self._facts(spectrum))

    def decoder(self, facts: AudioFacts) -> Decoder:
        options = self.config
        keeps = options.in_memory and options.mode == "lazy"
        return dataclasses.replace(
            self._decoder(self._spectrum(facts.rate), facts),
            fill=options.fill_value,
            workers=options.num_processes,
            max_invalid_share=options.max_invalid_share,
            where=self.where,
            kept=Kept(KEPT) if keeps else None,
        )

    def encode(self, cells: Objects, facts: AudioFacts) -> Encoded:
        cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        files = Files.of(cells.values, self.decoder(facts))
        there = [source for source in cells.values if source is not None]
        on_disk = bool(there) and all(isinstance(source, str) for source in there)
        if on_disk and self.config.mode == "lazy":
            return Encoded(files, dropped)
        return Encoded(files.decoded(), dropped)


def _digest(source: Any, feature: AudioFeature) -> bytes:
    if isinstance(source, Sound):
        return digest_of(np.ascontiguousarray(source.samples), feature.folder) + source.rate.to_bytes(8)
    return digest_of(source, feature.folder)
