r"""What is asked of every reader: sequences of requests, the same for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SLIDING = 30
SLID_FRAMES = 180


@dataclass(frozen=True, eq=False)
class Request:
    r"""Frames that are asked for at once.

    Args:
        frames: frame numbers, int64 of shape (n,).
        step: their distance if they stand in a regular row, else 0.
    """

    frames: np.ndarray
    step: int = 0

    @property
    def start(self) -> int:
        return int(self.frames[0])

    @property
    def stop(self) -> int:
        return int(self.frames[-1]) + 1


@dataclass(frozen=True)
class Workload:
    r"""A way of reading.

    Args:
        name: as in tables and on the command line.
        draw: makes a sequence of requests from the number of frames and a generator.
        variety: how many different sequences are drawn; repetitions take turns.
        opens: whether the file is opened anew by every reader.
    """

    name: str
    draw: Callable[[int, np.random.Generator], list[Request]]
    variety: int = 6
    opens: bool = False

    def sequences(self, n_frames: int) -> list[list[Request]]:
        r"""Returns the sequences for a file, the same whenever it is asked."""
        rng = np.random.default_rng([*self.name.encode()])
        return [self.draw(n_frames, rng) for _ in range(self.variety)]


def _row(start: int, n: int, step: int = 1) -> Request:
    return Request(np.arange(start, start + n * step, step, dtype=np.int64), step)


def _window(n: int, step: int = 1) -> Callable:
    def draw(n_frames: int, rng: np.random.Generator) -> list[Request]:
        fits = min(n, (n_frames - 1) // step + 1)
        return [_row(int(rng.integers(n_frames - (fits - 1) * step)), fits, step)]

    return draw


def _scattered(n_frames: int, rng: np.random.Generator) -> list[Request]:
    return [Request(rng.choice(n_frames, min(16, n_frames), replace=False))]


def _sliding(step: int) -> Callable:
    def draw(n_frames: int, rng: np.random.Generator) -> list[Request]:
        length = min(SLID_FRAMES, n_frames)
        first = int(rng.integers(n_frames - length + 1))
        starts = range(first, first + length - SLIDING + 1, step)
        return [_row(start, SLIDING) for start in starts] or [_row(first, length)]

    return draw


def _first(n: int) -> Callable:
    return lambda n_frames, rng: [_row(0, min(n, n_frames))]


WORKLOADS = (
    Workload("1 random frame", _window(1), variety=12),
    Workload("window of 16", _window(16)),
    Workload("window of 60", _window(60)),
    Workload("16 with stride 8", _window(16, 8)),
    Workload("16 scattered", _scattered, variety=4),
    Workload("sliding 30 adjacent", _sliding(SLIDING), variety=3),
    Workload("sliding 30 by half", _sliding(SLIDING // 2), variety=3),
    Workload("sequential 300", _first(300), variety=1),
    Workload("open + window of 16", _first(16), variety=1, opens=True),
)
