r"""Draws trains of pulses that lack some, have some too many, drift and jitter."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from temporaldata_video import ClockError, match_clock

# The most that is dropped and added, of drift, and of jitter in intervals.
SHARE, DRIFT, JITTER = 0.05, 300e-6, 0.1
KINDS = ("jitter of both", "jitter of pulses", "no jitter", "counter")


class Trains(NamedTuple):
    r"""Frames and pulses, and what is true of them.

    Args:
        kind: one of :data:`KINDS`, for whether frames have the jitter of their trigger.
        ticks: of the frames by the camera's clock in seconds, float64 of shape (n,).
        counter: number that the camera gave each frame; :obj:`None` if it gave none.
        pulses: times of the pulses in seconds, float64 of shape (m,).
        times: when each frame was taken in the recording's clock, float64 of shape (n,).
        interval: seconds between triggers.
    """

    kind: str
    ticks: np.ndarray
    counter: np.ndarray | None
    pulses: np.ndarray
    times: np.ndarray
    interval: float


def draw(seed: int) -> Trains:
    r"""Returns trains drawn at random.

    Args:
        seed: another one gives others.
    """
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    n, interval = int(rng.integers(60, 1500)), 1 / float(rng.choice([20, 30, 60, 200]))
    jitter = 0.0 if kind == "no jitter" else JITTER * rng.uniform(0.02, 1)
    triggers = interval * (np.arange(n) + rng.uniform(-jitter, jitter, n) / 2)
    taken = interval * np.arange(n) if kind in KINDS[1:] else triggers
    shift, drift = rng.uniform(-1e4, 1e4), rng.uniform(-DRIFT, DRIFT)
    frames, sent = _kept(rng, n), _kept(rng, n)
    if kind == "counter":
        sent[:] = True  # a counter numbers all triggers
    times = shift + (1 + drift) * triggers
    noise = 0.05 * jitter * interval * rng.uniform(-1, 1, n)
    spurious = rng.uniform(times[0], times[-1], rng.integers(0, int(SHARE * n)))
    if kind == "counter":
        spurious = spurious[:0]
    pulses = np.unique(np.concatenate([(times + noise)[sent], spurious]))
    counter = np.arange(n)[frames] if kind == "counter" else None
    if counter is not None:
        counter = (counter + rng.integers(0, 1 << 16)) % (1 << int(rng.choice([8, 16])))
    return Trains(kind, taken[frames], counter, pulses, times[frames], interval)


def _kept(rng: np.random.Generator, n: int) -> np.ndarray:
    r"""Returns which of n events are there: some are not, in bursts and at both ends."""
    kept = rng.random(n) > rng.uniform(0, SHARE)
    burst = int(rng.integers(0, max(1, n // 20)))
    for start in (0, n - burst, int(rng.integers(0, n))):
        if rng.random() < 0.3:
            kept[start : start + burst] = False
    return kept


def outcome(trains: Trains) -> str:
    r"""Returns ``"right"``, ``"refused"`` or ``"wrong"``: off by over half an interval.

    Args:
        trains: what is matched.
    """
    frames = trains.ticks if trains.counter is None else len(trains.ticks)
    try:
        match = match_clock(trains.pulses, frames, frame_counter=trains.counter)
    except ClockError:
        return "refused"
    off = np.abs(match.times - trains.times)
    return "wrong" if np.nanmax(off) > trains.interval / 2 else "right"


def match_many(count: int, first: int = 0) -> dict[str, dict[str, int]]:
    r"""Returns how often trains of each kind were matched right, wrong, or refused.

    Args:
        count: how many are drawn.
        first: the first seed.
    """
    total: dict[str, Counter] = {kind: Counter() for kind in KINDS}
    for seed in range(first, first + count):
        trains = draw(seed)
        found = outcome(trains)
        total[trains.kind][found] += 1
        if found == "wrong":
            total[trains.kind][f"wrong: seed {seed}"] += 1
    return {kind: dict(found) for kind, found in total.items()}
