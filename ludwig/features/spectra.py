"""What a waveform looks like step by step: log mel filter banks, spectra, phases, group delays.

n = samples, T = steps, W = samples of a window, N = FFT points, F = frequencies (N / 2 + 1), E = features of a step
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

SpectrumName = Literal["fbank", "group_delay", "raw", "stft", "stft_phase"]
WindowName = Literal["bartlett", "blackman", "hamming", "hann"]

LEAST_POWER = 1e-8  # below which it is quiet: 80 dB under full scale, so that digital silence is no outlier
COMPRESSION, RESTRAINT, CEPSTRUM = 0.4, 0.9, 8  # alpha, gamma and the cepstral coefficients of a group delay
_WINDOWS: dict[str, Callable[..., Tensor]] = {
    "bartlett": torch.bartlett_window,
    "blackman": torch.blackman_window,
    "hamming": torch.hamming_window,
    "hann": torch.hann_window,
}


@dataclass(frozen=True)
class Spectrum:
    """How a waveform becomes steps.

    Windows begin every `shift` samples; the last one is completed with `padding`, and audio shorter than a window is
    one step. Powers are those of a periodogram: divided by the energy of the window, so that its length hardly matters.
    """

    kind: SpectrumName
    rate: int  # samples a second
    window: int  # W
    shift: int  # samples from one window to the next
    points: int  # N
    window_type: WindowName = "hamming"
    bands: int = 80
    padding: float = 0.0

    def steps(self, samples: int) -> int:
        """How many steps so many samples have: T, at least one."""
        if self.kind == "raw":
            return max(samples, 1)
        return max(-(-(samples - self.window) // self.shift), 0) + 1

    @property
    def channels(self) -> int:
        """Features of a step: E."""
        return self(torch.zeros(1)).shape[1]

    def __call__(self, samples: Tensor) -> Tensor:
        """[n] -> [T, E]."""
        if self.kind == "raw":
            whole = samples if len(samples) else samples.new_full((1,), self.padding)
            return whole.unsqueeze(-1)  # [n, 1]
        return _FEATURES[self.kind](self, self._frames(samples))

    def _frames(self, samples: Tensor) -> Tensor:
        """[n] -> [T, W]."""
        covered = (self.steps(len(samples)) - 1) * self.shift + self.window
        whole: Tensor = pad(samples, (0, covered - len(samples)), value=self.padding)
        return whole.unfold(0, self.window, self.shift)


def _transform(spectrum: Spectrum, frames: Tensor) -> Tensor:
    """The Fourier transform of the windowed frames: [T, W] -> complex [T, F]."""
    shape = _window(spectrum.window_type, spectrum.window)
    transform: Tensor = torch.fft.rfft(frames * (shape / shape.square().sum().sqrt()), spectrum.points)
    return transform


def _power(spectrum: Spectrum, frames: Tensor) -> Tensor:
    transform = _transform(spectrum, frames)
    return transform.real.square() + transform.imag.square()  # [T, F]


def _logarithm(power: Tensor) -> Tensor:
    return power.clamp_min(LEAST_POWER).log()


def _fbank(spectrum: Spectrum, frames: Tensor) -> Tensor:
    filters = mel_filters(spectrum.rate, spectrum.points, spectrum.bands)
    return _logarithm(_power(spectrum, frames) @ filters)  # [T, bands]


def _stft(spectrum: Spectrum, frames: Tensor) -> Tensor:
    return _logarithm(_power(spectrum, frames))  # [T, F]


def _stft_phase(spectrum: Spectrum, frames: Tensor) -> Tensor:
    transform = _transform(spectrum, frames)
    power = transform.real.square() + transform.imag.square()
    return torch.cat([_logarithm(power), transform.angle()], dim=-1)  # [T, 2 * F]


def _group_delay(spectrum: Spectrum, frames: Tensor) -> Tensor:
    """Modified group delay: how late each frequency comes, in samples, with its spikes at zeros of the spectrum tamed.

    Source: Hegde, Murthy & Gadde 2007, "Significance of the Modified Group Delay Feature in Speech Recognition",
    eq. 11 to 13; the cepstrally smoothed spectrum stands in the denominator.
    """
    transform = _transform(spectrum, frames)
    delayed = _transform(spectrum, frames * torch.arange(spectrum.window, dtype=frames.dtype))
    product = transform.real * delayed.real + transform.imag * delayed.imag  # [T, F]
    log_power = _logarithm(transform.real.square() + transform.imag.square())
    cepstrum = torch.fft.irfft(log_power / 2, spectrum.points)  # [T, N]
    cepstrum[:, CEPSTRUM : spectrum.points - CEPSTRUM + 1] = 0
    smooth: Tensor = torch.fft.rfft(cepstrum, spectrum.points).real.exp()  # [T, F]
    delay: Tensor = product / smooth ** (2 * RESTRAINT)
    return delay.sign() * delay.abs() ** COMPRESSION


_FEATURES: dict[str, Callable[[Spectrum, Tensor], Tensor]] = {
    "fbank": _fbank,
    "stft": _stft,
    "stft_phase": _stft_phase,
    "group_delay": _group_delay,
}


@lru_cache(maxsize=8)
def _window(name: WindowName, length: int) -> Tensor:
    return _WINDOWS[name](length, periodic=True, dtype=torch.float32)


@lru_cache(maxsize=8)
def mel_filters(rate: int, points: int, bands: int) -> Tensor:
    """Triangles over the frequencies, whose corners lie evenly on the mel scale from 0 to half the rate: [F, bands].

    Sources: Davis & Mermelstein 1980, "Comparison of Parametric Representations for Monosyllabic Word Recognition"; the
    scale is that of the HTK book (O'Shaughnessy 1987): mel = 2595 log10(1 + hertz / 700).
    """
    top = 2595 * math.log10(1 + rate / 2 / 700)
    mels = torch.linspace(0, top, bands + 2, dtype=torch.float64)
    corners = 700 * (10 ** (mels / 2595) - 1)  # hertz
    hertz = torch.arange(points // 2 + 1, dtype=torch.float64).unsqueeze(1) * (rate / points)  # [F, 1]
    up = (hertz - corners[:-2]) / (corners[1:-1] - corners[:-2])
    down = (corners[2:] - hertz) / (corners[2:] - corners[1:-1])
    return torch.minimum(up, down).clamp_min(0).float()  # [F, bands]
