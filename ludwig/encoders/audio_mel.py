"""Logarithms of mel spectrograms as pretrained networks of sounds read them, computed on the device of the batch.

B = sounds, N = samples, T = frames, W = samples of a frame, F = frequencies of the Fourier transform, M = mel bands
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

RATE = 16_000  # samples a second, which the pretrained networks here have in common
FRAME, HOP = 400, 160  # samples of a frame, and from one frame to the next: 25 and 10 ms
QUIET_OF_WHISPER, RANGE_OF_WHISPER = 1e-10, 8.0  # least power, and the decades under the loudest that are kept
POINTS_OF_AST, LEAST_OF_AST, EMPHASIS = 512, 1.1920929e-07, 0.97  # FFT points, least power (of float32), pre-emphasis
LOWEST_OF_AST = 20  # hertz


class WhisperMel(nn.Module):
    """Centred frames, whose power in mel bands (Slaney's scale) is taken to the logarithm, limited to 8 decades under
    the loudest of the sound, and brought near the range from -1 to 1: [B, N] -> [B, M, N / 160].

    Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356, section
    2.2.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.register_buffer("filters", slaney_filters(bands), persistent=False)  # [F, M]
        self.register_buffer("window", torch.hann_window(FRAME), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        with torch.autocast(waves.device.type, enabled=False):  # logarithms of small powers need all digits
            transform = torch.stft(waves, FRAME, HOP, window=self.get_buffer("window"), return_complex=True)
            power = transform[..., :-1].abs().square()  # [B, F, T]
            mels = (self.get_buffer("filters").T @ power).clamp_min(QUIET_OF_WHISPER).log10()  # [B, M, T]
            loudest = mels.amax((1, 2), keepdim=True)
            return (torch.maximum(mels, loudest - RANGE_OF_WHISPER) + 4) / 4


class AstMel(nn.Module):
    """Frames without their mean, with high frequencies emphasised, as powers in mel bands (Kaldi's) to the logarithm:
    [B, N] -> [B, T, M].

    Source: Gong et al. 2021, "AST: Audio Spectrogram Transformer", arXiv:2104.01778, section 2.1; the filter banks are
    those of Povey et al. 2011, "The Kaldi Speech Recognition Toolkit".
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.register_buffer("filters", kaldi_filters(bands), persistent=False)  # [F, M]
        self.register_buffer("window", torch.hann_window(FRAME, periodic=False), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        with torch.autocast(waves.device.type, enabled=False):  # logarithms of small powers need all digits
            frames = waves.unfold(1, FRAME, HOP)  # [B, T, W]
            frames = frames - frames.mean(-1, keepdim=True)
            before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
            windowed = (frames - EMPHASIS * before) * self.get_buffer("window")
            power = torch.fft.rfft(windowed, POINTS_OF_AST).abs().square()  # [B, T, F]
            mels: Tensor = (power @ self.get_buffer("filters")).clamp_min(LEAST_OF_AST).log()  # [B, T, M]
            return mels


def slaney_filters(bands: int) -> Tensor:
    """Triangles of equal area over the frequencies, whose corners lie evenly on a scale that is linear up to 1000 Hz
    and logarithmic above: [F, M].

    Source: Slaney 1998, "Auditory Toolbox: A MATLAB Toolbox for Auditory Modeling Work", version 2, function mfcc.
    """
    top = 15 + 27 * math.log(RATE / 2 / 1000, 6.4)
    mels = torch.linspace(0, top, bands + 2, dtype=torch.float64)
    corners = torch.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))  # hertz
    areas = 2 / (corners[2:] - corners[:-2])
    return (_triangles(_hertz(FRAME), corners) * areas).float()


def kaldi_filters(bands: int) -> Tensor:
    """Triangles whose corners and sides are even on the mel scale, 1127 ln(1 + hertz / 700), from 20 Hz on: [F, M]."""
    lowest, highest = (1127 * math.log1p(hertz / 700) for hertz in (LOWEST_OF_AST, RATE / 2))
    corners = torch.linspace(lowest, highest, bands + 2, dtype=torch.float64)  # mels
    return _triangles(1127 * (_hertz(POINTS_OF_AST) / 700).log1p(), corners).float()


def _hertz(points: int) -> Tensor:
    """The frequencies of a Fourier transform of so many points: [F]."""
    return torch.arange(points // 2 + 1, dtype=torch.float64) * (RATE / points)


def _triangles(places: Tensor, corners: Tensor) -> Tensor:
    """[F], [M + 2] -> [F, M], 1 where a place is the middle of three corners."""
    up = (places.unsqueeze(1) - corners[:-2]) / (corners[1:-1] - corners[:-2])
    down = (corners[2:] - places.unsqueeze(1)) / (corners[2:] - corners[1:-1])
    return torch.minimum(up, down).clamp_min(0)


def frames_of(samples: Tensor) -> Tensor:
    """How many whole frames so many samples have: [B] -> [B]."""
    return (samples - FRAME).div(HOP, rounding_mode="floor") + 1
