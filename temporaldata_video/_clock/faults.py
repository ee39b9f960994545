r"""Finds what is wrong with a clock: gaps, repeats, steps back, jumps, missing times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .._base.report import Report
from ..types import Showings
from .pulses import ClockMatch, runs_in_words
from .sync import SyncFit

# A step longer than this many times the median is a gap and not jitter.
GAP_FACTOR = 1.5
# A longer step leads to another epoch: no file has a pause of a day in it.
JUMP_SECONDS = 86400.0
_ROWS_NAMED = 3


@dataclass(frozen=True, eq=False)
class Faults:
    r"""The places at which a clock has one kind of fault.

    Args:
        rows: number of the stamp after the step, or without a time; int64 of shape (n,).
        seconds: length of the step, negative if it leads back; float64 of shape (n,).
    """

    rows: NDArray[np.int64]
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def longest(self) -> float:
        r"""Seconds of the longest step; 0 if there is none."""
        return float(np.abs(self.seconds).max(initial=0.0))

    @property
    def total(self) -> float:
        r"""Seconds of all steps together."""
        return float(np.abs(self.seconds).sum())

    def where(self) -> str:
        r"""Returns the first few rows in words."""
        if len(self) == 0:
            return ""
        named = ", ".join(map(str, self.rows[:_ROWS_NAMED].tolist()))
        more = len(self) - _ROWS_NAMED
        rest = f" and {more} more" if more > 0 else ""
        return f"row{'s' if len(self) > 1 else ''} {named}{rest}"


@dataclass(frozen=True, eq=False)
class ClockReport(Report):
    r"""How a clock runs, and all that is wrong with it.

    Args:
        stamps: number of stamps.
        frames: number of frames that the stamps are for; :obj:`None` where unknown.
        first: seconds of the first stamp that has a time; NaN if none has.
        last: seconds of the last one.
        interval: median step ahead in seconds; NaN if there is none.
        resolution: seconds between neighbouring numbers at the latest time.
        gaps: steps of more than 1.5 times the median, up to a day.
        repeats: stamps equal to the one before.
        backwards: steps back.
        jumps: steps ahead of more than a day.
        missing: stamps without a time (NaN).
        untimed: frames without a stamp; int64 of shape (m,).
        surplus: stamps whose frame the file does not have.
        wraps: rows at which a counter started over, which is no fault.
        sync: the map to the recording's clock, where there is one.
        again: times at which frames are shown again, where some are named more than once.
        match: which pulses belong to which frames, where pulses were matched.
        hours: rows at which the clock leaps by an hour, and the video's own does not.

    Example ::

        >>> import temporaldata_video as tv
        >>> report = tv.examine_clock([0.0, 0.1, 0.2, 0.9, 1.0])
        >>> len(report.gaps), report.gaps.rows, round(report.gaps.longest, 3)
        (1, array([3]), 0.7)
    """

    stamps: int
    frames: int | None
    first: float
    last: float
    interval: float
    resolution: float
    gaps: Faults
    repeats: Faults
    backwards: Faults
    jumps: Faults
    missing: Faults
    untimed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    surplus: int = 0
    wraps: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sync: SyncFit | None = None
    again: Showings = field(default_factory=Showings.none)
    match: ClockMatch | None = None
    hours: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def frames_lost(self) -> int:
        r"""Frames that would have fitted into the gaps."""
        if not len(self.gaps):
            return 0
        return int((np.rint(self.gaps.seconds / self.interval) - 1).sum())

    @property
    def is_clean(self) -> bool:
        r"""Whether it has no fault at all, and one stamp for each frame."""
        faults = (self.gaps, self.repeats, self.backwards, self.jumps, self.missing)
        return not (any(map(len, faults)) or len(self.untimed) or self.surplus)

    def table(self) -> Iterator[tuple[str, str, str, str]]:
        r"""Yields what was found, how many, where, and how long, as text for a table."""
        span = f"{self.first:.3f} s to {self.last:.3f} s"
        yield "stamps", str(self.stamps), "", span
        if self.frames is not None:
            yield "frames", str(self.frames), "", ""
        if len(self.again.times):
            yield "shown again", str(len(self.again.times)), "", ""
        if self.interval > 0:
            yield "median step", "", "", f"{_duration(self.interval)}"
        yield "resolution", "", "", _duration(self.resolution)
        if len(self.wraps):
            yield "wraps of the counter", str(len(self.wraps)), _rows(self.wraps), ""
        if self.match is not None:
            yield from self.match.table()
        if self.sync is not None:
            yield from _sync_rows(self.sync)
        if len(self.hours):
            yield "leaps of an hour", str(len(self.hours)), _rows(self.hours), ""
        frames = "frame" if self.frames_lost == 1 else "frames"
        lost = f", {self.frames_lost} {frames} lost" if self.frames_lost > 0 else ""
        for name, faults, note in (
            ("gaps", self.gaps, lost),
            ("repeats", self.repeats, ""),
            ("steps back", self.backwards, ""),
            ("jumps of over a day", self.jumps, ""),
            ("without a time (NaN)", self.missing, ""),
        ):
            long = ""
            if len(faults) and faults.longest > 0:
                long = f"longest {_duration(faults.longest)}{note}"
            yield name, str(len(faults)), faults.where(), long
        if len(self.untimed):
            where = _rows(self.untimed).replace("row", "frame")
            yield "frames without a stamp", str(len(self.untimed)), where, ""
        if self.surplus:
            yield "stamps without a frame", str(self.surplus), "", ""


def _rows(rows: np.ndarray) -> str:
    return Faults(rows, np.zeros(len(rows))).where()


def _sync_rows(sync: SyncFit) -> Iterator[tuple[str, str, str, str]]:
    drift = f"drift {sync.drift_ppm:.3f} ppm, off a line by {_duration(sync.residual)}"
    yield "pairs of times", str(sync.pairs), "", drift
    for name, left in (
        ("pulses of the camera alone", sync.camera_left),
        ("pulses of the recording alone", sync.recording_left),
    ):
        if len(left):
            yield name, str(len(left)), runs_in_words(left, "pulse"), ""
    if sync.outside:
        reach = f"by up to {_duration(sync.reach)}"
        yield "stamps beyond the pairs", str(sync.outside), "", reach


def _duration(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.3f} s"
    if seconds >= 1e-4:
        return f"{1e3 * seconds:.3f} ms"
    return f"{1e6 * seconds:.3g} us"


def examine(times: np.ndarray, *, resolution: float = 0.0, **facts: object) -> ClockReport:
    r"""Returns how a clock runs.

    Args:
        times: seconds by row, float64 of shape (n,).
        resolution: of the source, in seconds; that of float64 where it is coarser.
        **facts: further fields of :obj:`ClockReport`.
    """
    rows = np.flatnonzero(~np.isnan(times))
    timed = times[rows]
    steps, after = np.diff(timed), rows[1:]
    ahead = steps[(steps > 0) & (steps <= JUMP_SECONDS)]
    interval = float(np.median(ahead)) if len(ahead) else float("nan")

    def faults(found: np.ndarray) -> Faults:
        return Faults(after[found], steps[found])

    without = np.flatnonzero(np.isnan(times))
    return ClockReport(
        stamps=len(times),
        first=float(timed[0]) if len(timed) else float("nan"),
        resolution=max(resolution, float(np.spacing(np.abs(timed).max(initial=0.0)))),
        last=float(timed[-1]) if len(timed) else float("nan"),
        interval=interval,
        gaps=faults((steps > GAP_FACTOR * interval) & (steps <= JUMP_SECONDS)),
        repeats=faults(steps == 0),
        backwards=faults(steps < 0),
        jumps=faults(steps > JUMP_SECONDS),
        missing=Faults(without, np.full(len(without), np.nan)),
        **facts,  # type: ignore[arg-type]
    )
