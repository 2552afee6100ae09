"""Latency histograms in the log-linear layout of HdrHistogram: record, merge, percentile, encode.

The layout is HdrHistogram's for 1 µs … 1 h at 3 significant digits: 2048 linear sub-buckets, then 1024 per octave,
so a bucket's width is at most 1/1024 of its value. A printed value is its bucket's *lower edge*, and samples above a
limit are those in buckets above the limit's bucket. So "the percentile is above the limit" and "too many samples are
above the limit" are the same statement, for every percentile and every limit.

Counts are sparse: a second of traffic touches a few hundred buckets of 23 552.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

SUB_BUCKET_BITS: Final = 11  # 2048 sub-buckets: 3 significant digits
HALF_COUNT_BITS: Final = SUB_BUCKET_BITS - 1
HIGHEST_US: Final = 3_600_000_000  # 1 hour; longer samples are counted in the bucket of 1 hour
_FIRST_LINEAR: Final = 1 << SUB_BUCKET_BITS
_V2_COOKIE: Final = 0x1C849303 | 0x10
_V2_COMPRESSED_COOKIE: Final = 0x1C849304 | 0x10
_V2_HEADER: Final = struct.Struct(">IIIIQQd")
_FLOAT_SLACK: Final = 1e-9  # 0.07 * 100 is 7.000000000000001: not an eighth sample


def bucket_of(microseconds: int) -> int:
    """Index of the bucket that holds a value; values outside 0 … 1 h fall into the outermost bucket."""
    value = min(max(microseconds, 0), HIGHEST_US)
    octave = value.bit_length() - SUB_BUCKET_BITS
    return value if octave <= 0 else (octave << HALF_COUNT_BITS) + (value >> octave)


def lower_edge(bucket: int) -> int:
    """Smallest value, in microseconds, that falls into a bucket."""
    if bucket < _FIRST_LINEAR:
        return bucket
    octave = (bucket >> HALF_COUNT_BITS) - 1
    return (bucket - (octave << HALF_COUNT_BITS)) << octave


def rank_of(fraction: float, count: int) -> int:
    """Nearest rank (1-based) of a percentile given as a fraction: ceil(p·n), at least 1."""
    return max(1, math.ceil(fraction * count - _FLOAT_SLACK))


def carries(fraction: float, count: int) -> bool:
    """True when `count` samples can carry a percentile: at least one lies above it, n·(1 − p) ≥ 1.

    P50 from 2 samples on, P90 from 10, P95 from 20, P99 from 100, P99.9 from 1000. With fewer, the nearest rank is that
    of the slowest sample, under a name that promises more.
    """
    return (1 - fraction) * count >= 1 - _FLOAT_SLACK


class Histogram:
    """A mergeable distribution of latencies in whole microseconds.

    `count`, `total_us`, `min_us` and `max_us` are exact; percentiles are exact to the bucket.
    """

    __slots__ = ("count", "counts", "max_us", "min_us", "total_us")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.total_us = 0
        self.min_us = HIGHEST_US
        self.max_us = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        mine, theirs = ((h.total_us, h.min_us, h.max_us, h.counts) for h in (self, other))
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]  # mutable

    def record(self, microseconds: int, times: int = 1) -> None:
        """Add one value, `times` times. For streams of samples use `record_array`."""
        bucket = bucket_of(microseconds)
        self.counts[bucket] = self.counts.get(bucket, 0) + times
        self.count += times
        self.total_us += microseconds * times
        self.min_us = min(self.min_us, microseconds)
        self.max_us = max(self.max_us, microseconds)

    def record_array(self, microseconds: NDArray[np.int64]) -> None:
        """Add many values at once (int64, any order): about 30 ns a sample."""
        if not len(microseconds):
            return
        import numpy as np  # noqa: PLC0415 - 80 ms, only where load is generated

        values = np.clip(microseconds, 0, HIGHEST_US)
        octaves = np.maximum(np.frexp(values.astype(np.float64))[1].astype(np.int64) - SUB_BUCKET_BITS, 0)
        buckets, times = np.unique((octaves << HALF_COUNT_BITS) + (values >> octaves), return_counts=True)
        counts = self.counts
        for bucket, n in zip(buckets.tolist(), times.tolist(), strict=True):
            counts[bucket] = counts.get(bucket, 0) + n
        self.count += len(microseconds)
        self.total_us += int(microseconds.sum())
        self.min_us = min(self.min_us, int(microseconds.min()))
        self.max_us = max(self.max_us, int(microseconds.max()))

    def merge(self, other: Histogram) -> None:
        """Add all samples of another histogram to this one, without loss."""
        counts = self.counts
        for bucket, n in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + n
        self.count += other.count
        self.total_us += other.total_us
        self.min_us = min(self.min_us, other.min_us)
        self.max_us = max(self.max_us, other.max_us)

    @classmethod
    def of(cls, us: int) -> Histogram:
        """A new histogram with one sample."""
        one = cls()
        one.record(us)
        return one

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Histogram:
        """A new histogram with the samples of all parts."""
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole

    @property
    def mean_us(self) -> float | None:
        """Mean in microseconds; None without samples."""
        return self.total_us / self.count if self.count else None

    def at_rank(self, rank: int) -> int | None:
        """The `rank`-th smallest value (1-based) as its bucket's lower edge; None when there are fewer samples."""
        if not 1 <= rank <= self.count:
            return None
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return lower_edge(bucket)
        return None

    def percentile(self, fraction: float) -> int | None:
        """Nearest-rank percentile in microseconds, `fraction` in (0, 1]; None without samples."""
        return self.at_rank(rank_of(fraction, self.count)) if self.count else None

    def count_above(self, limit_us: int) -> int:
        """Number of samples in buckets above the bucket of `limit_us`."""
        limit = bucket_of(limit_us)
        return sum(n for bucket, n in self.counts.items() if bucket > limit)

    def encode(self) -> str:
        """Base64 of the compressed HdrHistogram V2 encoding, readable by every HdrHistogram implementation."""
        body = bytearray()
        previous = -1
        for bucket in sorted(self.counts):
            if bucket - previous > 1:
                _put_zigzag(body, previous + 1 - bucket)  # a run of empty buckets is a negative number
            _put_zigzag(body, self.counts[bucket])
            previous = bucket
        header = _V2_HEADER.pack(_V2_COOKIE, len(body), 0, 3, 1, HIGHEST_US, 1.0)
        packed = zlib.compress(header + bytes(body))
        return base64.b64encode(struct.pack(">II", _V2_COMPRESSED_COOKIE, len(packed)) + packed).decode("ascii")

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """Read what `encode` wrote; exact totals are not part of the encoding and are estimated from the buckets.

        Raises:
            ValueError: the text is not a compressed V2 histogram of this layout.
        """
        try:
            raw = base64.b64decode(text, validate=True)
            cookie, length = struct.unpack_from(">II", raw)
            plain = zlib.decompress(raw[8 : 8 + length])
            inner, size, offset, digits, lowest, highest, _ = _V2_HEADER.unpack_from(plain)
        except (ValueError, struct.error, zlib.error) as error:
            raise ValueError(f"not a compressed HdrHistogram V2 encoding: {error}") from None
        if (cookie, inner, offset, digits, lowest, highest) != (
            _V2_COMPRESSED_COOKIE,
            _V2_COOKIE,
            0,
            3,
            1,
            HIGHEST_US,
        ):
            raise ValueError("an HdrHistogram of another layout: 1 µs … 1 h at 3 significant digits is read")
        histogram = cls()
        bucket = 0
        for number in _zigzags(plain[_V2_HEADER.size : _V2_HEADER.size + size]):
            if number < 0:
                bucket -= number
            else:
                if number:
                    histogram.record(lower_edge(bucket), number)
                bucket += 1
        return histogram


def _put_zigzag(out: bytearray, number: int) -> None:
    """Append a signed number as ZigZag LEB128 (HdrHistogram's variant ends after 9 bytes; counts need far fewer)."""
    value = (number << 1) ^ (number >> 63)
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _zigzags(data: bytes) -> Iterable[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield (value >> 1) ^ -(value & 1)
            value = shift = 0
