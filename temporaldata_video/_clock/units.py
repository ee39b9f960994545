r"""Turns the values of a clock into seconds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .clock import PER_SECOND, RATED, SECONDS_PER_DAY, Clock

# A stamp of a PointGrey camera: seconds in 7 bits, cycles of the FireWire bus in 13, and
# parts of a cycle in 12.
_CYCLES_PER_SECOND, _PARTS_PER_CYCLE = 8000, 3072
_POINTGREY_TICKS_PER_SECOND = _CYCLES_PER_SECOND * _PARTS_PER_CYCLE
_POINTGREY_PERIOD = 128 * _POINTGREY_TICKS_PER_SECOND


class Seconds(NamedTuple):
    r"""A clock in seconds.

    Args:
        values: float64 of shape (n,), NaN where there is no time.
        wraps: rows at which a counter started over, int64.
        resolution: seconds between neighbouring numbers at the latest time, in the type
            of the source or in float64, whichever is coarser.
    """

    values: np.ndarray
    wraps: np.ndarray
    resolution: float


# A signalling NaN makes NumPy warn in any operation.
@np.errstate(invalid="ignore")
def to_seconds(values: np.ndarray, clock: Clock) -> Seconds:
    r"""Returns the values of a clock in seconds from where it should count.

    Whole numbers and dates are subtracted before they are divided, so that nanoseconds
    since 1970 keep every nanosecond with ``origin="first"``.

    Args:
        values: as they were read.
        clock: says what they are.

    Raises:
        ValueError: if they are not what it says, or infinite.
    """
    wraps = np.empty(0, np.int64)
    missing = np.isnat(values) if values.dtype.kind in "Mm" else np.isnan(values)
    if values.dtype.kind in "Mm":
        if values.dtype.kind == "M" and clock.origin == "clock":
            raise ValueError(
                "timestamps are dates, which have to become seconds: pass origin='first' "
                "or origin='epoch'."
            )
        ticks, per_second = _nanoseconds(values), 1e9
    elif clock.unit == "iso8601":
        raise ValueError(f"timestamps are {values.dtype} and no dates; say their unit.")
    elif clock.origin == "epoch":
        raise ValueError("origin='epoch' is for dates; numbers count from origin='clock'.")
    elif clock.unit == "pointgrey":
        ticks, wraps = _unwrap(_pointgrey_ticks(values), _POINTGREY_PERIOD)
        per_second = _POINTGREY_TICKS_PER_SECOND
    elif clock.unit == "ticks":
        whole = _whole(values, 1 << clock.bits, f"a counter of {clock.bits} bits")
        ticks, wraps = _unwrap(whole, 1 << clock.bits)
        per_second = clock.frequency or 1.0
    elif clock.unit in RATED:
        ticks = _summed(values) if clock.unit == "intervals" else values
        per_second = clock.rate or 1.0
    elif clock.unit == "days":
        ticks, per_second = values, 1 / SECONDS_PER_DAY
    else:
        ticks, per_second = values, PER_SECOND[clock.unit or "s"]
    _check_finite(ticks)
    # A first interval that is missing is none: the stamp before the first is unknown.
    if clock.unit == "intervals":
        missing = np.isnan(ticks)
    if clock.origin == "first" and not missing.all():
        ticks = _signed(ticks)
        ticks = ticks - ticks[int(np.argmin(missing))]
    seconds = _divide(ticks, per_second)
    seconds += clock.start or 0.0
    seconds[missing] = np.nan
    own = np.spacing(np.abs(ticks[~missing]).max(initial=0)) if _is_float(ticks) else 1
    coarsest = np.spacing(np.nanmax(np.abs(seconds), initial=0.0))
    return Seconds(seconds, wraps, max(float(own) / per_second, float(coarsest)))


def _summed(intervals: np.ndarray) -> np.ndarray:
    if _is_float(intervals) and len(intervals) and np.isnan(intervals[0]):
        intervals = np.concatenate([[0.0], intervals[1:]])
    return np.cumsum(_signed(intervals))


def _is_float(values: np.ndarray) -> bool:
    return values.dtype.kind == "f"


def _check_finite(values: np.ndarray) -> None:
    if _is_float(values) and np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise ValueError(f"timestamps[{row}] is {values[row]}; times must be finite.")


def _nanoseconds(values: np.ndarray) -> np.ndarray:
    try:
        exact = values.astype(f"{values.dtype.kind}8[ns]")
    except OverflowError:
        overflows = True
    else:
        # Before NumPy 2.5 dates overflow without an error.
        overflows = (exact.astype(values.dtype) != values)[~np.isnat(values)].any()
    if overflows:
        raise ValueError("timestamps hold dates that nanoseconds since 1970 cannot reach.")
    ticks = exact.astype(np.int64)
    ticks[np.isnat(values)] = 0
    return ticks


def _signed(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "u" and values.max(initial=0) > np.iinfo(np.int64).max:
        raise ValueError(f"timestamps hold {values.max()}, which is beyond 63 bits.")
    return values if _is_float(values) else values.astype(np.int64)


def _divide(ticks: np.ndarray, per_second: float) -> np.ndarray:
    if _is_float(ticks) or per_second != int(per_second):
        return ticks.astype(np.float64) / per_second
    ticks = _signed(ticks)
    # A whole number of nanoseconds since 1970 does not fit a float64; its parts do.
    whole, rest = np.divmod(ticks, int(per_second))
    fits = np.abs(ticks) < 1 << 53
    return np.where(fits, ticks / per_second, whole + rest / per_second)


def _whole(values: np.ndarray, period: int, what: str) -> np.ndarray:
    fitting = (values >= 0) & (values < period)
    if _is_float(values):
        fitting &= values == np.floor(values)
    if not fitting.all():
        row = int(np.flatnonzero(~fitting)[0])
        raise ValueError(
            f"timestamps[{row}] is {values[row]}, which is no value of {what}."
        )
    return values.astype(np.int64)


def _pointgrey_ticks(values: np.ndarray) -> np.ndarray:
    counts = _whole(values, 1 << 32, "a counter of 32 bits")
    cycles, parts = (counts >> 12) & 0x1FFF, counts & 0xFFF
    wrong = (cycles >= _CYCLES_PER_SECOND) | (parts >= _PARTS_PER_CYCLE)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"timestamps[{row}] is {counts[row]}, which no PointGrey camera writes: cycle "
            f"{cycles[row]} of {_CYCLES_PER_SECOND}, part {parts[row]} of "
            f"{_PARTS_PER_CYCLE}. Is it a plain counter (unit='ticks')?"
        )
    return ((counts >> 25) * _CYCLES_PER_SECOND + cycles) * _PARTS_PER_CYCLE + parts


def _unwrap(counts: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray]:
    # A step is the shortest that leads from one count to the next, so that a stamp out of
    # order is a step back and not a period ahead.
    steps = np.diff(counts)
    short = (steps + period // 2) % period - period // 2
    unwrapped = counts.copy()
    unwrapped[1:] = counts[:1] + np.cumsum(short)
    return unwrapped, np.flatnonzero((steps < 0) & (short > 0)) + 1
