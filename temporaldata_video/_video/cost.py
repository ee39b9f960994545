r"""Says what reading costs: of certain frames, and on average of random reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._decode.read_file import read_cost
from ..types import Cost
from .lazy_arrays import rows_by_file
from .recording import Recording

WINDOW_SECONDS = 1.0
_N_DRAWN = 50


class ReadingCost(NamedTuple):
    r"""What random reads cost on average.

    Args:
        window_frames: frames in a window of a second.
        window_decoded: frames to decode for them.
        window_bytes: bytes to fetch for them.
        single_decoded: frames to decode for a single one.
    """

    window_frames: float
    window_decoded: float
    window_bytes: float
    single_decoded: float


def frames_cost(recording: Recording, frames: np.ndarray) -> Cost:
    r"""Returns what reading frames would cost, from the index alone.

    Args:
        recording: the recording of the frames.
        frames: frame numbers, int64 of shape (n,).
    """
    costs = [
        read_cost(file, np.sort(rows))
        for file, rows, _ in rows_by_file(recording, np.unique(frames))
    ]
    return Cost(*(sum(column) for column in zip(*costs))) if costs else Cost(0, 0, 0, 0, 0)


def random_windows(recording: Recording, n: int = _N_DRAWN) -> list[np.ndarray]:
    r"""Returns the frame numbers of random windows, the same windows at each call.

    Args:
        recording: the video.
        n: how many windows.
    """
    times = recording.sorted_timestamps
    if len(times) == 0:
        return []
    latest = max(times[0], times[-1] - WINDOW_SECONDS)
    starts = np.random.default_rng(0).uniform(times[0], latest, n)
    edges = np.searchsorted(times, [starts, starts + WINDOW_SECONDS])
    return [recording.time_order[first:stop] for first, stop in edges.T.tolist()]


def expected_cost(recording: Recording) -> ReadingCost:
    r"""Returns what random reads cost on average, from the index alone.

    Args:
        recording: the video; if no frame of it has a time, reads cost nothing.
    """
    if not len(recording.time_order):
        return ReadingCost(0.0, 0.0, 0.0, 0.0)
    windows = [frames_cost(recording, window) for window in random_windows(recording)]
    numbers = np.random.default_rng(0).choice(recording.time_order, _N_DRAWN)
    singles = [frames_cost(recording, numbers[i : i + 1]) for i in range(_N_DRAWN)]
    of_window, of_single = np.mean(windows, axis=0), np.mean(singles, axis=0)
    return ReadingCost(
        window_frames=float(of_window[0]),
        window_decoded=float(of_window[1]),
        window_bytes=float(of_window[2]),
        single_decoded=float(of_single[1]),
    )
