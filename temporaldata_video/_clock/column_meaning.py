r"""Tells columns that are no times in seconds, beside the container's own clock."""

from __future__ import annotations

import numpy as np

from .clock import SECONDS_PER_DAY

# How far the step of a clock may be off what another unit would give.
_TOLERANCE = 0.05
# Whole numbers whose steps are this many times the container's are numbers of samples.
_SAMPLES_FROM = 20
# No camera is this many times as slow as its video is played, unless somebody says so.
_TOO_SLOW = 200
# Intervals that do not grow, at least, of those of a column of intervals.
_NOT_GROWING = 0.3
_UNITS = {"ms": 1e3, "us": 1e6, "ns": 1e9}
_HOUR = 3600.0


def other_meaning(values: np.ndarray, container: np.ndarray) -> str:
    r"""Returns what a column most likely is, and which unit takes it, if not seconds.

    Args:
        values: as if they were seconds, float64 of shape (n,).
        container: the container's own clock in seconds, float64 of shape (m,).

    Returns:
        A sentence; empty if the column may be seconds.

    Example ::

        >>> import numpy as np
        >>> other_meaning(np.arange(100.0), np.arange(100) / 30)
        "These are most likely numbers of frames: unit='frames' with rate=30."
    """
    values = values[~np.isnan(values)]
    if len(values) < 3 or len(container) < 2:
        return ""
    usual, steps = float(np.median(np.diff(container))), np.diff(values)
    step = float(np.median(steps))
    if usual <= 0:
        return ""
    if np.mean(steps <= 0) > _NOT_GROWING:
        return _intervals(float(np.median(values)), usual)
    ratio = step / usual
    whole = bool((values == np.floor(values)).all())
    if whole and step == 1 and not _near(usual, 1):
        return _sentence(
            "numbers of frames", f"unit='frames' with rate={_round(1 / usual)}"
        )
    if _near(ratio * SECONDS_PER_DAY, 1):
        return _sentence("days, as in a spreadsheet", "unit='days' with origin='first'")
    for unit, per_second in _UNITS.items():
        if _near(ratio, per_second):
            return _sentence(unit, f"unit={unit!r}")
    if whole and ratio >= _SAMPLES_FROM:
        return _sentence(
            "numbers of samples",
            f"unit='samples' with rate={_round(ratio)}",
        )
    if ratio >= _TOO_SLOW:
        return (
            f"They are {step:.6g} apart, and frames by the container {usual:.6g} s: say "
            f"which unit they are in, such as unit='ms'."
        )
    return ""


def hour_steps(
    times: np.ndarray, container: np.ndarray, frames: np.ndarray | None
) -> np.ndarray:
    r"""Returns the rows at which a clock leaps an hour and the container's does not.

    Args:
        times: of the stamps in seconds, float64 of shape (n,).
        container: the container's own clock, float64 of shape (m,).
        frames: the frame of each stamp, where stamp k is not of frame k.
    """
    rows = np.flatnonzero(~np.isnan(times))
    if len(rows) < 2:
        return np.empty(0, np.int64)
    steps = np.diff(times[rows])
    usual = float(np.median(np.abs(steps)))
    # What a change of the hour adds to a step is an hour, and the step stays as it was.
    leaps = np.abs(np.abs(steps - usual) - _HOUR) <= max(2 * usual, 0.002)
    at = rows[1:][leaps]
    numbers = at if frames is None else frames[at]
    inside = (numbers > 0) & (numbers < len(container))
    paused = np.zeros(len(at), np.bool_)
    paused[inside] = np.diff(container)[numbers[inside] - 1] > _HOUR / 2
    return at[~paused]


def _intervals(value: float, usual: float) -> str:
    for unit, per_second in {"s": 1.0, **_UNITS}.items():
        if 0.5 < value / usual / per_second < 2:
            rate = "" if unit == "s" else f" with rate={per_second:g}"
            return _sentence(f"intervals in {unit}", f"unit='intervals'{rate}")
    return ""


def _sentence(meaning: str, remedy: str) -> str:
    return f"These are most likely {meaning}: {remedy}."


def _near(value: float, expected: float) -> bool:
    return abs(value / expected - 1) < _TOLERANCE


def _round(rate: float) -> str:
    whole = round(rate)
    return f"{whole}" if abs(rate / whole - 1) < 5e-4 else f"{rate:.6g}"
