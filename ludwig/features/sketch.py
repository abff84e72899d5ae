"""Quantiles of numbers by a sketch of bounded size that merges exactly.

U = distinct values that are kept
"""

from __future__ import annotations

import dataclasses
import sys
from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

LIMIT = 100_000  # distinct values that are kept at most; numbers up to this count are all kept as they are
PROBE = 8192  # values that are looked at before all are sorted
MANTISSA = 52  # bits
COARSEST = 16  # bits that are never dropped: sign, exponent, 4 of the mantissa; they make fewer than LIMIT values
HIGH = 1 if sys.byteorder == "little" else 0  # place of the high half among the two 32-bit words of a float64

Keys = NDArray[np.unsignedinteger]
Counts = NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Sketch:
    """How often each value occurs; of more than LIMIT distinct values, how often each *shortened* value does.

    A value is shortened by cutting the last `dropped` bits off its mantissa, which moves it towards zero by less than
    `error` of itself. `dropped` is the least for which at most LIMIT distinct values are left, so it follows from the
    numbers alone: neither their order, nor their chunks, nor the tree of merges shows in a sketch. Up to LIMIT distinct
    values it is exact, `dropped` being 0. A million normally distributed numbers drop 40 bits: `error` is 2**-12.
    In the worst case, numbers of all magnitudes that float64 has, it is 2**-4.

    Shortening order keeps order, so every quantile is off by less than `error` of itself, too.

    Sources: buckets of a relative width, Masson, Rim & Lee 2019 ("DDSketch", arXiv:1908.10693); neighbouring buckets
    joined everywhere at once when they are too many, Epicoco et al. 2020 ("UDDSketch", arXiv:2004.08604).
    """

    keys: Keys  # [U], ascending: the bits of a float64 without the last `dropped`; negative numbers come last
    counts: Counts  # [U]
    dropped: int = 0

    @staticmethod
    def of(values: NDArray[np.float64]) -> Sketch:
        """The sketch of finite numbers: [N]."""
        values = np.ascontiguousarray(values)
        if len(values) > LIMIT and not _repeat(values):
            # the high halves sort twice as fast, and of many distinct values they hold all that is going to be left
            halves = np.sort(values.view(np.uint32)[HIGH::2])
            beyond = _bits_to_drop(halves)
            if beyond:
                halves >>= np.uint32(beyond)
                return _counted(halves, 32 + beyond)
        keys = np.sort(values.view(np.uint64))
        dropped = _bits_to_drop(keys)
        keys >>= np.uint64(dropped)
        return _counted(keys, dropped)

    def merge(self, other: Sketch) -> Sketch:
        """The sketch of both; commutative and associative, exactly."""
        dropped = max(self.dropped, other.dropped)
        keys = np.concatenate([one.keys >> np.uint64(dropped - one.dropped) for one in (self, other)])
        counts = np.concatenate([self.counts, other.counts])
        order = np.argsort(keys, kind="stable")  # which joins two ascending runs
        keys, counts = keys[order], counts[order]
        beyond = _bits_to_drop(keys)
        return _counted(keys >> np.uint64(beyond), dropped + beyond, counts)

    @property
    def error(self) -> float:
        """Below which share of itself a value, and so a quantile, is off."""
        return 2.0 ** (self.dropped - MANTISSA) if self.dropped else 0.0

    def distinct(self) -> tuple[NDArray[np.float64], Counts]:
        """The values, ascending, and how often each occurs: [U]; there is one zero."""
        values = (self.keys << np.uint64(self.dropped)).view(np.float64) + 0.0
        negative = np.searchsorted(
            self.keys, np.uint64(1 << 63 - self.dropped)
        )  # place of the first, which is least far
        values, counts = (np.concatenate([of[negative:][::-1], of[:negative]]) for of in (values, self.counts))
        starts = _starts(values)
        return values[starts], _sums(counts, starts)

    def mode(self) -> float:
        """The most frequent value, the least of several. Beyond LIMIT distinct values it is a shortened one."""
        values, counts = self.distinct()
        return float(values[counts.argmax()])

    def quantiles(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """The quantiles at places in [0, 1], between two values as `np.quantile` has them, to the last bit."""
        values, counts = self.distinct()
        ends = np.cumsum(counts)
        last = ends[-1] - 1
        spots = places * last
        before = np.floor(spots)
        low = values[np.searchsorted(ends, before, "right")]
        high = values[np.searchsorted(ends, np.minimum(before + 1, last), "right")]
        share = spots - before
        with np.errstate(over="ignore", invalid="ignore"):
            apart = high - low
            between: NDArray[np.float64] = np.where(share < 0.5, low + apart * share, high - apart * (1 - share))
        too_far = np.isinf(apart)  # of values such as -1e308 and 1e308
        return np.where(too_far, low * (1 - share) + high * share, between) if too_far.any() else between


def _repeat(values: NDArray[np.float64]) -> bool:
    """Whether the values seem to be few, each many times over. Only the time it takes depends on it."""
    probe = np.sort(values[:: -(-len(values) // PROBE)])
    return len(_starts(probe)) < 0.97 * len(probe)


def _bits_to_drop(keys: Keys) -> int:
    """How many bits ascending keys must lose so that at most LIMIT distinct ones are left."""
    if len(keys) <= LIMIT:
        return 0
    differing = keys[1:] ^ keys[:-1]  # neighbours stay distinct until their highest differing bit is cut

    def fit(bits: int) -> bool:
        return int(np.count_nonzero(differing >= keys.dtype.type(1 << bits))) < LIMIT

    return 0 if fit(0) else bisect_left(range(8 * keys.itemsize - COARSEST), True, key=fit)


def _counted(keys: Keys, dropped: int, counts: Counts | None = None) -> Sketch:
    """The sketch of ascending keys, each of which stands for one number or for `counts` of them."""
    starts = _starts(keys)
    totals = np.diff(starts, append=len(keys)) if counts is None else _sums(counts, starts)
    return Sketch(keys[starts].astype(np.uint64), totals, dropped)


def _starts(ascending: NDArray[np.generic]) -> NDArray[np.int64]:
    """Where each distinct value begins: [U]."""
    fresh = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=fresh[1:])
    return np.flatnonzero(fresh)


def _sums(counts: Counts, starts: NDArray[np.int64]) -> Counts:
    """The sum of the counts from each start to the next: [U]."""
    return np.add.reduceat(counts, starts) if len(starts) else counts
