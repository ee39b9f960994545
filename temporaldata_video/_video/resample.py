r"""Finds the frame for a point in time, or that none was on screen then."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .lazy_arrays import NO_FRAME
from .recording import Recording

Method = Literal["previous", "nearest", "next"]
METHODS: tuple[Method, ...] = get_args(Method)


def with_neighbours(
    recording: Recording,
    times: np.ndarray,
    frames: np.ndarray,
    origin: float,
    edge: float,
    targets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Returns the frames of a window, and those of the recording around it that may be on
    screen at some times.

    When a window begins, the screen still shows the frame before the window, so resampling
    needs that frame. A selection with gaps has no neighbours.

    Args:
        recording: the recording of the frames.
        times: seconds of the frames of the window, from ``origin``.
        frames: their numbers.
        origin: seconds in the recording at which the window counts from 0; NaN if there
            is no such point.
        edge: where a window without frames lies, in its own seconds.
        targets: the times, sorted, in the seconds of the window.

    Returns:
        Times and frame numbers.
    """
    order, clock = recording.time_order, recording.sorted_timestamps
    if np.isnan(origin) or not len(targets) or not len(clock):
        return times, frames
    if len(frames):
        # Times of a window that was cut again and again are off by some roundings.
        slack = 16 * np.spacing(np.abs([origin, times[0], clock[0], clock[-1]]).max())
        first = _place(clock, order, times[0] + origin, frames[0], slack)
        stop = first + len(frames)
        # Frames without a time, and frames on another clock, have no place. Of a movie
        # that is shown again, a selection may have the right frames at other times.
        if not np.array_equal(frames, order[first:stop]) or (
            np.abs(clock[first:stop] - origin - times).max() > slack
        ):
            return times, frames
    else:
        first = stop = int(np.searchsorted(clock, edge + origin))
    # Two further ones on either side, since origins are off by a rounding.
    earliest = int(np.searchsorted(clock, targets[0] + origin)) - 2
    latest = int(np.searchsorted(clock, targets[-1] + origin, side="right")) + 2
    before = slice(max(0, min(earliest, first - 1)), first)
    after = slice(stop, max(latest, stop + 1))
    return (
        np.concatenate([clock[before] - origin, times, clock[after] - origin]),
        np.concatenate([order[before], frames, order[after]]),
    )


def _place(
    clock: np.ndarray, order: np.ndarray, time: float, frame: int, slack: float
) -> int:
    # The place in time order at which a frame is shown, len(order) if it has none.
    low, high = np.searchsorted(clock, [time - slack, time + slack])
    places = low + np.flatnonzero(order[low:high] == frame)
    return int(places[0]) if len(places) else len(order)


def frames_on_screen(
    recording: Recording,
    known: np.ndarray,
    frames: np.ndarray,
    times: np.ndarray,
    method: str,
    tolerance: float | None,
) -> NDArray[np.int64]:
    r"""Returns the number of the frame for each time, :data:`NO_FRAME` where there is none.

    Args:
        recording: the recording of the frames.
        known: sorted seconds of the frames, float64 of shape (n,).
        frames: their numbers, int64 of shape (n,).
        times: seconds, float64 of shape (m,).
        method: one of :data:`METHODS`.
        tolerance: seconds by which a frame may be away; by default, what a step of its
            camera may last.
    """
    numbers = np.full(len(times), NO_FRAME, np.int64)
    positions = match_times(known, times, method)
    found = np.flatnonzero(positions >= 0)
    chosen = frames[positions[found]]
    most = recording.tolerances(chosen) if tolerance is None else tolerance
    near = np.abs(known[positions[found]] - times[found]) <= most
    numbers[found[near]] = chosen[near]
    return numbers


def runs(shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""Returns the first and the last position of each run of true values.

    Args:
        shown: bool of shape (n,).

    Example ::

        >>> runs(np.array([True, True, False, True]))
        (array([0, 3]), array([1, 3]))
    """
    steps = np.diff(np.concatenate([[0], shown.astype(np.int8), [0]]))
    return np.flatnonzero(steps > 0), np.flatnonzero(steps < 0) - 1


def match_times(known: np.ndarray, times: np.ndarray, method: str) -> np.ndarray:
    r"""Returns the position of the frame that belongs to each time.

    Args:
        known: sorted seconds, float64 of shape (n,).
        times: seconds, float64 of shape (m,).
        method: one of :data:`METHODS`; ``"nearest"`` takes the earlier of two equally near.

    Returns:
        Positions in ``known``, int64 of shape (m,); -1 where there is no such frame.
    """
    previous = np.searchsorted(known, times, side="right") - 1
    following = np.searchsorted(known, times, side="left")
    if method == "nearest" and len(known):
        low, high = np.maximum(previous, 0), np.minimum(following, len(known) - 1)
        return np.where(times - known[low] <= known[high] - times, low, high)
    if method == "previous":
        return previous
    return np.where(following < len(known), following, -1)
