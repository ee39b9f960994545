r"""When the frames of a copy are shown: as in the original, or at a constant rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...errors import VideoError

# Steps this many times the median are gaps, and say nothing of the rate.
_GAP_FACTOR = 1.5
_MAX_DENOMINATOR = 1001
_USUAL_RATE = Fraction(25)


@dataclass(frozen=True, eq=False)
class Timing:
    r"""The container times of frames.

    Args:
        pts: increasing, int64 of shape (n,).
        time_base: seconds per unit of ``pts``.
        rate: frames a second on average.
    """

    pts: np.ndarray
    time_base: Fraction
    rate: Fraction


def kept_timing(pts: np.ndarray, time_base: Fraction, uri: str) -> Timing:
    r"""Returns the times that frames have already.

    Args:
        pts: in the order shown, int64 of shape (n,).
        time_base: seconds per unit of ``pts``.
        uri: for messages.

    Raises:
        VideoError: if two frames have the same, which an encoder cannot keep.
    """
    repeats = np.flatnonzero(np.diff(pts) <= 0)
    if len(repeats):
        k = int(repeats[0])
        raise VideoError(
            f"frames {k} and {k + 1} of {uri!r} have the same time in the container, which "
            f"a copy cannot have; fps_keep=False gives it a constant rate."
        )
    return Timing(pts, time_base, _rate(pts, time_base))


def even_timing(pts: np.ndarray, time_base: Fraction) -> Timing:
    r"""Returns times at a constant rate from zero on, that at which most frames came.

    Args:
        pts: in the order shown, int64 of shape (n,).
        time_base: seconds per unit of ``pts``.

    Example ::

        >>> timing = even_timing(np.array([0, 33, 67, 100, 133]), Fraction(1, 1000))
        >>> timing.rate, timing.time_base, timing.pts
        (Fraction(30, 1), Fraction(1, 30), array([0, 1, 2, 3, 4]))
    """
    rate = _rate(pts, time_base)
    return Timing(np.arange(len(pts), dtype=np.int64), 1 / rate, rate)


def _rate(pts: np.ndarray, time_base: Fraction) -> Fraction:
    steps = np.diff(pts)
    steps = steps[steps > 0]
    if len(steps) == 0:
        return _USUAL_RATE
    regular = steps[steps <= _GAP_FACTOR * np.median(steps)]
    # Rounding to ticks cancels out in the mean of many steps.
    mean = Fraction(int(regular.sum()), len(regular)) * time_base
    exact = 1 / mean
    tolerance = Fraction(1, len(regular)) / regular.mean()
    for denominator in (1, _MAX_DENOMINATOR):
        near = _nearest(exact, denominator)
        if abs(near / exact - 1) <= tolerance:
            return near
    return exact.limit_denominator(_MAX_DENOMINATOR)


def _nearest(rate: Fraction, denominator: int) -> Fraction:
    # A whole number, or one of the NTSC rates such as 30000/1001.
    if denominator == 1:
        return Fraction(max(1, round(rate)))
    return Fraction(max(1, round(rate * denominator / 1000)) * 1000, denominator)
