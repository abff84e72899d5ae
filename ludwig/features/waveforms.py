"""Samples of an audio file, of its bytes, or of an array.

n = samples of one channel, K = channels
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ludwig.error import InputDataError, MissingExtraError

Samples = NDArray[np.float32]  # [n], of one channel, from -1 to 1


@dataclass(frozen=True, eq=False)
class Sound:
    """Samples in memory."""

    rate: int  # samples a second
    samples: NDArray[Any]  # [n], [n, K] or [K, n]; integers are full scale where their type ends


def sound_of(cell: Any, rate: int | None) -> Sound | None:
    """A cell that holds samples: an array and its sampling rate in either order, such a mapping as the package datasets
    has, or an array alone where its rate is known. None for another cell."""
    if isinstance(cell, Mapping):
        cell = (cell.get("sampling_rate"), cell.get("array"))
    elif isinstance(cell, np.ndarray) and rate is not None:
        cell = (rate, cell)
    if not isinstance(cell, tuple | list) or len(cell) != 2:
        return None
    rate, samples = cell if isinstance(cell[1], np.ndarray) else cell[::-1]
    is_rate = isinstance(rate, int | np.integer) and not isinstance(rate, bool) and rate > 0
    return Sound(int(rate), samples) if is_rate and isinstance(samples, np.ndarray) else None


def rate_of(source: Any) -> int:
    """The sampling rate; of a file only the header is read.

    Raises:
        InputDataError: It is no audio.
    """
    if isinstance(source, Sound):
        return source.rate
    package = _soundfile()
    try:
        return int(package.info(_opened(source)).samplerate)
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise _unreadable(source, error) from None


def samples_of(source: Any, rate: int, seconds: float) -> Samples:
    """The first seconds as one channel of the given sampling rate, the mean of all channels: [n].

    Raises:
        InputDataError: It is no audio.
    """
    if isinstance(source, Sound):
        own, samples = source.rate, _one_channel(source.samples)[: math.ceil(seconds * source.rate)]
    else:
        package = _soundfile()
        try:
            with package.SoundFile(_opened(source)) as file:
                own = int(file.samplerate)
                frames = file.read(math.ceil(seconds * own), dtype="float32", always_2d=True)  # [n, K]
        except (OSError, RuntimeError, ValueError, TypeError) as error:
            raise _unreadable(source, error) from None
        samples = frames.mean(axis=1)
    if not np.isfinite(samples).all():
        raise InputDataError(f"{_named(source)} has samples that are not finite (NaN or infinity).")
    return resampled(np.asarray(samples, np.float32), own, rate)


def resampled(samples: Samples, own: int, rate: int) -> Samples:
    """At another sampling rate, without what it cannot hold: [n] -> [n * rate / own].

    Source: polyphase filtering, Crochiere & Rabiner 1983, "Multirate Digital Signal Processing".
    """
    if own == rate or len(samples) == 0:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(own, rate)
    return np.asarray(resample_poly(samples, rate // common, own // common), np.float32)


def _one_channel(samples: NDArray[Any]) -> Samples:
    """[n], or the channels' mean of [n, K] or [K, n]: channels are fewer than samples."""
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "iufb":
        raise InputDataError(
            "Samples of audio must be an array of numbers, [samples], [samples, channels] or [channels, samples]. "
            f"Received: {samples.dtype} of shape {list(samples.shape)}."
        )
    if samples.size == 0:
        return np.zeros(0, np.float32)
    values = samples.astype(np.float64)
    if samples.dtype.kind in "iu":
        full = 2.0 ** (8 * samples.dtype.itemsize - 1)
        values = (values - full if samples.dtype.kind == "u" else values) / full
    if values.ndim == 2:
        values = values.mean(axis=0 if values.shape[0] < values.shape[1] else 1)
    return values.astype(np.float32)


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the package is there, its library is not
        raise MissingExtraError("soundfile", "audio", "Reading audio files") from None
    return soundfile


def _opened(source: Any) -> Any:
    return io.BytesIO(source) if isinstance(source, bytes) else Path(source)


def _named(source: Any) -> str:
    if isinstance(source, Sound):
        return f"Audio of {len(source.samples)} samples"
    return f"Audio of {len(source)} bytes" if isinstance(source, bytes) else f"'{source}'"


def _unreadable(source: Any, error: Exception) -> InputDataError:
    why = str(error).split(": ", 1)[-1].rstrip(".")
    return InputDataError(f"{_named(source)} cannot be read as audio: {why}.")
