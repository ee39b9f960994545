r"""Finds the frame for a point in time."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from .recording import Recording

Method = Literal["previous", "nearest", "next"]
METHODS: tuple[Method, ...] = get_args(Method)


def with_neighbours(
    recording: Recording, times: np.ndarray, frames: np.ndarray, origin: float, edge: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Returns the frames of a window, and those of the recording right beside it.

    When a window begins, the screen still shows the frame before the window, so resampling
    needs that frame. A selection with gaps has no neighbours.

    Args:
        recording: the recording of the frames.
        times: seconds of the frames of the window, from ``origin``.
        frames: their numbers.
        origin: seconds in the recording at which the window counts from 0; NaN if there
            is no such point.
        edge: where a window without frames lies, in its own seconds.

    Returns:
        Times and frame numbers.
    """
    order, clock = recording.time_order, recording.sorted_timestamps
    if np.isnan(origin):
        return times, frames
    if len(frames):
        first, stop = _place(order, frames[0]), _place(order, frames[-1]) + 1
        # Frames without a time, and frames on another clock, have no place.
        if not np.array_equal(frames, order[first:stop]):
            return times, frames
    else:
        first = stop = int(np.searchsorted(clock, edge + origin))
    before, after = slice(max(0, first - 1), first), slice(stop, stop + 1)
    return (
        np.concatenate([clock[before] - origin, times, clock[after] - origin]),
        np.concatenate([order[before], frames, order[after]]),
    )


def _place(order: np.ndarray, frame: int) -> int:
    # The place of a frame in time order. In nearly all recordings that is its number.
    if frame < len(order) and order[frame] == frame:
        return int(frame)
    return int(np.flatnonzero(order == frame)[:1].max(initial=-1))


def match_times(known: np.ndarray, times: np.ndarray, method: str) -> np.ndarray:
    r"""Returns the position of the frame that belongs to each time.

    Args:
        known: sorted seconds, float64 of shape (n,).
        times: seconds, float64 of shape (m,).
        method: one of :data:`METHODS`; ``"nearest"`` takes the earlier of two equally near.

    Returns:
        Positions in ``known``, int64 of shape (m,).

    Raises:
        ValueError: if there is none.
    """
    previous = np.searchsorted(known, times, side="right") - 1
    following = np.searchsorted(known, times, side="left")
    if method == "nearest" and len(known):
        low, high = np.maximum(previous, 0), np.minimum(following, len(known) - 1)
        return np.where(times - known[low] <= known[high] - times, low, high)
    positions = previous if method == "previous" else following
    outside = (positions < 0) | (positions >= len(known))
    if outside.any():
        extent = f"{known[0]:g} s to {known[-1]:g} s" if len(known) else "no frame at all"
        raise ValueError(
            f"there is no {method} frame at {times[outside][0]:g} s: the video has "
            f"{extent}. Use method='nearest', or times inside of it."
        )
    return positions
