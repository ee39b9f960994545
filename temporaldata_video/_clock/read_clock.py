r"""Reads all parts of a clock: stamps, frame numbers, and pairs of times that map it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from .clock import Clock
from .clock_files import read_values
from .sync import read_pairs
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
        wraps: rows at which a counter started over.
        resolution: seconds between neighbouring numbers at the latest time.
        pairs: of camera time and recording time, where there are any.
    """

    seconds: np.ndarray
    frames: np.ndarray | None = None
    wraps: np.ndarray = field(default_factory=partial(np.empty, 0, np.int64))
    resolution: float = 0.0
    pairs: np.ndarray | None = None


def read_stamps(clock: Clock) -> Stamps:
    r"""Reads all files that a clock needs, so that errors in them come early.

    Args:
        clock: says where they are. Without a source there are no stamps to read.

    Raises:
        ValueError: if a file does not hold what it should.
    """
    pairs = None if clock.sync is None else read_pairs(clock.sync)
    if clock.source is None:
        return Stamps(np.empty(0), pairs=pairs)
    kind = _KINDS.get(clock.unit, "number")
    if kind == "date" and clock.origin == "epoch":
        kind = "instant"
    values = read_values(clock.source, clock.column, kind, alone=clock.unit in _KINDS)
    seconds = to_seconds(values, clock)
    frames = None
    if clock.frame_index is not None:
        frames = _read_frame_index(clock, len(seconds.values))
    return Stamps(seconds.values, frames, seconds.wraps, seconds.resolution, pairs)


def _read_frame_index(clock: Clock, n_stamps: int) -> np.ndarray:
    if isinstance(clock.frame_index, (str, int, os.PathLike)):
        column = clock.frame_index
        if isinstance(column, os.PathLike):
            raise ValueError("frame_index must be an array or a column of the timestamps.")
        numbers = read_values(clock.source, column, "number")
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
    order = np.argsort(numbers, kind="stable")
    twice = np.flatnonzero(np.diff(numbers[order]) == 0)
    if len(twice):
        first, second = sorted(order[twice[0] : twice[0] + 2].tolist())
        raise ValueError(
            f"frame_index names frame {numbers[first] + clock.first_frame} twice, in rows "
            f"{first} and {second}."
        )
    return numbers
