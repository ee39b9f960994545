r"""Reads all parts of a clock: stamps, frame numbers, and pairs of times that map it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from .clock import Clock, as_clock
from .clock_files import TextLayout, declared_unit, read_values
from .lost_frames import read_lost_frames
from .sync import SyncPairs, read_pairs
from .units import to_seconds

# What the cells of a text file are; numbers by default.
_KINDS = {"iso8601": "date", "pointgrey": "integer", "ticks": "integer"}


@dataclass(frozen=True, eq=False)
class Stamps:
    r"""A clock in seconds as it was read, before anything is known about the frames.

    Args:
        seconds: float64 of shape (n,).
        frames: number of the frame of each stamp, int64 of shape (n,); :obj:`None` where
            stamp k is for frame k.
        lost: numbers of the triggers without a frame, int64 of shape (m,), which the times
            of a constant rate must still leave out.
        wraps: rows at which a counter started over.
        resolution: seconds between neighbouring numbers at the latest time.
        pairs: of camera time and recording time, where there are any.
        pulses: seconds of the pulses that are to be matched with frames, where there are
            any, float64 of shape (m,).
        frame_counter: numbers that the camera counted, for ``pulses``.
        pulse_counter: the same numbers, of ``pulses``.
        unit: of the clock, or that its file declares; :obj:`None` if neither says it.
    """

    seconds: np.ndarray
    frames: np.ndarray | None = None
    lost: np.ndarray = field(default_factory=partial(np.empty, 0, np.int64))
    wraps: np.ndarray = field(default_factory=partial(np.empty, 0, np.int64))
    resolution: float = 0.0
    pairs: SyncPairs | None = None
    pulses: np.ndarray | None = None
    frame_counter: np.ndarray | None = None
    pulse_counter: np.ndarray | None = None
    unit: str | None = None


def read_stamps(clock: Clock) -> Stamps:
    r"""Reads all files that a clock needs, so that errors in them come early.

    Args:
        clock: says where they are. Without a source there are no stamps to read.

    Raises:
        ValueError: if a file does not hold what it should.
    """
    pairs = None
    if clock.sync is not None:
        pairs = read_pairs(clock.sync, clock.anchor if clock.pulses is None else None)
    further: dict[str, Any] = {"pairs": pairs, **_read_pulses(clock)}
    lost = np.empty(0, np.int64)
    if clock.lost_frames is not None:
        lost = read_lost_frames(clock.lost_frames, clock.first_frame)
    if clock.source is None:
        return Stamps(np.empty(0), lost=lost, **further)
    if clock.unit is None:
        clock = replace(clock, unit=declared_unit(clock.source))
    kind = _KINDS.get(clock.unit or "s", "number")
    if kind == "date" and clock.origin == "epoch":
        kind = "instant"
    values = read_values(
        clock.source, clock.column, kind, alone=clock.unit in _KINDS, layout=_layout(clock)
    )
    seconds = to_seconds(values, clock)
    frames, times = None, seconds.values
    if clock.frame_index is not None:
        frames = _read_frame_index(clock, len(times))
    if len(lost) and lost[-1] >= len(times):
        raise ValueError(
            f"lost_frames names frame {lost[-1] + clock.first_frame}, and there are "
            f"{len(times)} timestamps, of which the first has number {clock.first_frame}. "
            f"Are they of another recording, or counted from another first_frame?"
        )
    wraps = seconds.wraps - np.searchsorted(lost, seconds.wraps)
    further |= {"wraps": wraps, "resolution": seconds.resolution}
    return Stamps(np.delete(times, lost), frames, **further, unit=clock.unit)


def _layout(clock: Clock) -> TextLayout:
    return TextLayout(clock.skip_lines, clock.decimal)


def _read_pulses(clock: Clock) -> dict[str, np.ndarray | None]:
    if clock.pulses is None:
        return {}
    pulses = as_clock(clock.pulses)
    if pulses.source is None or pulses.sync is not None or pulses.pulses is not None:
        raise ValueError(
            "pulses must be an array, a file or a Clock with a source; sync and pulses go "
            "into the clock of the frames."
        )
    counters: dict[str, np.ndarray | None] = {}
    for name, owner in (("frame_counter", clock), ("pulse_counter", pulses)):
        value = getattr(clock, name)
        is_column = isinstance(value, (str, int)) and owner.source is not None
        if value is not None and is_column:
            value = read_values(owner.source, value, layout=_layout(owner))
        elif value is not None:
            value = read_values(value, None)
        counters[name] = value
    return {"pulses": read_stamps(pulses).seconds, **counters}


def _read_frame_index(clock: Clock, n_stamps: int) -> np.ndarray:
    if isinstance(clock.frame_index, (str, int, os.PathLike)):
        column = clock.frame_index
        if isinstance(column, os.PathLike):
            raise ValueError("frame_index must be an array or a column of the timestamps.")
        numbers = read_values(clock.source, column, layout=_layout(clock))
    else:
        numbers = read_values(clock.frame_index, None)
    if numbers.dtype.kind not in "iu":
        raise ValueError(f"frame_index must be whole numbers, got {numbers.dtype}.")
    if len(numbers) != n_stamps:
        raise ValueError(
            f"frame_index has {len(numbers)} numbers for {n_stamps} timestamps."
        )
    numbers = numbers.astype(np.int64) - clock.first_frame
    if numbers.min(initial=0) < 0:
        row = int(np.flatnonzero(numbers < 0)[0])
        raise ValueError(
            f"frame_index[{row}] is {numbers[row] + clock.first_frame}, before the first "
            f"frame, {clock.first_frame}; see first_frame."
        )
    return numbers
