r"""Tells the pauses of a camera by the steps of its clock."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Pace

# By default, a step is a pause if it is longer than so many median steps, and than this.
_PAUSE_FACTOR = 10
_LEAST_PAUSE_SECONDS = 1.0


def check_max_gap(max_gap: Any) -> None:
    r"""Raises :obj:`ValueError` if no step can be compared with it.

    Args:
        max_gap: longest step in seconds that is no pause, or :obj:`None` for the default.
    """
    is_number = isinstance(max_gap, (int, float, np.number))
    if max_gap is None or (is_number and not isinstance(max_gap, bool) and max_gap > 0):
        return
    raise ValueError(
        f"max_gap must be a positive number of seconds, np.inf for no pauses, or None for "
        f"the default; got {max_gap!r}."
    )


def pace_of(times: np.ndarray, max_gap: float | None = None) -> Pace:
    r"""Returns the pace of a camera.

    Args:
        times: seconds in any order, float64 of shape (n,); NaN where there is none.
        max_gap: longest step in seconds that is no pause; by default 10 times the median
            step, and 1 s at least.
    """
    steps = np.diff(np.sort(times[~np.isnan(times)]))
    steps = steps[steps > 0]
    interval = float(np.median(steps)) if len(steps) else 0.0
    if max_gap is None:
        max_gap = max(_PAUSE_FACTOR * interval, _LEAST_PAUSE_SECONDS)
    return Pace(interval, float(max_gap))


def stretches(
    times: np.ndarray, max_gap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Returns the first and the last time of each stretch without a pause.

    Args:
        times: seconds, sorted, float64 of shape (n,).
        max_gap: longest step in seconds that is no pause.

    Example ::

        >>> stretches(np.array([0.0, 0.1, 0.2, 5.0, 5.1]), 1.0)
        (array([0., 5.]), array([0.2, 5.1]))
    """
    if not len(times):
        return np.empty(0), np.empty(0)
    last = np.flatnonzero(np.diff(times) > max_gap)
    return times[np.append(0, last + 1)], times[np.append(last, len(times) - 1)]


def encode_pace(pace: Pace) -> list[float | None]:
    r"""Returns a pace for JSON, which knows no infinity: :obj:`None` for no pauses.

    Args:
        pace: what :func:`decode_pace` gives back.
    """
    return [pace.interval, pace.max_gap if math.isfinite(pace.max_gap) else None]


def decode_pace(stored: Sequence[Any]) -> Pace:
    r"""Returns a pace from what :func:`encode_pace` made of it.

    Args:
        stored: from JSON.

    Raises:
        ValueError: if it makes no sense.
    """
    interval, max_gap = stored
    max_gap = math.inf if max_gap is None else max_gap
    numbers = type(interval) in (int, float) and type(max_gap) in (int, float)
    longest = sys.float_info.max
    if not numbers or not (
        0 <= interval <= longest and (0 < max_gap <= longest or max_gap == math.inf)
    ):
        raise ValueError("impossible pace")
    return Pace(float(interval), float(max_gap))
