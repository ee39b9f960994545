r"""Fits a clock to the frames of a video: one time per frame, or an error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.user_warnings import warn_user
from ..errors import ClockError, IndexWarning
from ..types import Showings
from .clock import Clock, as_clock
from .column_meaning import hour_steps, other_meaning
from .faults import GAP_FACTOR, ClockReport, Faults, examine
from .pulses import ClockMatch, check_fit, match_times
from .read_clock import Stamps, read_stamps
from .sync import SyncFit, map_times


def container_clock(tables: Sequence[tuple[np.ndarray, Fraction]]) -> np.ndarray:
    r"""Returns the container's own clock in seconds, float64 of shape (n,).

    The first file starts at its first pts. Each further file starts where the one
    before it ends, one median frame interval after its last frame.

    Args:
        tables: pts in presentation order and time base of each file.
    """
    clocks: list[np.ndarray] = []
    for pts, time_base in tables:
        seconds = pts * (time_base.numerator / time_base.denominator)
        if clocks and len(seconds) and len(clocks[-1]):
            before = clocks[-1]
            step = float(np.median(np.diff(before))) if len(before) > 1 else 0.0
            seconds = seconds - seconds[0] + before[-1] + step
        clocks.append(seconds)
    return np.concatenate(clocks) if clocks else np.empty(0)


def read_timestamps(source: Any, column: str | int | None = None) -> NDArray[np.float64]:
    r"""Returns a clock in seconds, from an array or a file.

    Args:
        source: an array of shape (n,), the path of a file, or a
            :obj:`~temporaldata_video.Clock`.
        column: name or number (from 0) of the column of a table; needed where there is
            more than one.

    Returns:
        float64 of shape (n,); NaN where the file has no value. The times are in the order
        of the stamps, with all their faults.

    Raises:
        ValueError: if there is no such column, or it holds anything but times.

    Example ::

        >>> read_timestamps([0.0, 0.033, 0.066])
        array([0.   , 0.033, 0.066])
    """
    clock = as_clock(source, column=column)
    if clock.source is None:
        raise ValueError("this clock has no source; pass an array or a file of timestamps.")
    stamps = read_stamps(clock)
    return _mapped(clock, stamps, stamps.seconds)[0]


def examine_clock(timestamps: Any, n_frames: int | None = None) -> ClockReport:
    r"""Returns all that is wrong with a clock, without judging it.

    Args:
        timestamps: an array, a path or a :obj:`~temporaldata_video.Clock` with a source.
        n_frames: number of frames of the video, if it is known.

    Raises:
        ValueError: if it cannot be read at all.
    """
    clock = as_clock(timestamps)
    if clock.source is None:
        raise ValueError("this clock has no source; pass an array or a file of timestamps.")
    stamps = read_stamps(clock)
    times, match, sync = _mapped(clock, stamps, stamps.seconds)
    return replace(_report(stamps, times, n_frames, sync), match=match)


def fit_clock(
    clock: Clock, stamps: Stamps, container: np.ndarray, what: str
) -> tuple[np.ndarray, ClockReport]:
    r"""Returns one time for each frame, NaN for frames to leave out.

    Args:
        clock: says what to do about faults.
        stamps: as :func:`read_stamps` read them.
        container: the container's own clock in seconds, float64 of shape (n,).
        what: names the video in messages.

    Returns:
        The first time of each frame, float64 of shape (n,), and what was found.

    Raises:
        ClockError: if the clock has a fault that it does not allow.
    """
    n_frames = len(container)
    times, report = time_stamps(clock, stamps, container, what)
    if clock.is_container:  # nobody chose it, and players show the same times
        return times, report
    meaning = unbelievable(clock, stamps, container)
    complaints = list(filter(None, _complaints(clock, stamps, report, meaning, what)))
    if complaints:
        raise ClockError(" ".join(complaints), report)
    mismatch = _mismatch(stamps, report)
    if mismatch:
        warn_user(
            f"{what} {mismatch}.",
            IndexWarning,
        )
    left = report.sync.left_in_words() if report.sync is not None else ""
    if left:
        warn_user(
            f"in the sync of {what}, {left}.",
            IndexWarning,
        )
    return times_by_frame(stamps, times, n_frames), report


def times_by_frame(stamps: Stamps, times: np.ndarray, n_frames: int) -> np.ndarray:
    r"""Returns the first time of each frame, float64 of shape (n,); NaN where it has none.

    Args:
        stamps: which say what frame each time is for.
        times: seconds of the stamps, float64 of shape (m,).
        n_frames: number of frames; times of others are left out.
    """
    frames = np.arange(len(times)) if stamps.frames is None else stamps.frames
    first, _ = _first_and_later(frames, times, n_frames)
    fitted = np.full(n_frames, np.nan)
    fitted[frames[first]] = times[first]
    return fitted


def _first_and_later(
    frames: np.ndarray, times: np.ndarray, n_frames: float
) -> tuple[np.ndarray, np.ndarray]:
    # Positions of the earliest time of each frame, and those of all others, by time.
    timed = np.flatnonzero((frames < n_frames) & ~np.isnan(times))
    timed = timed[np.argsort(times[timed], kind="stable")]
    _, first = np.unique(frames[timed], return_index=True)
    return timed[first], np.delete(timed, first)


def unbelievable(clock: Clock, stamps: Stamps, container: np.ndarray) -> str:
    r"""Returns what a column most likely is instead of seconds; empty if it may be seconds.

    Args:
        clock: as for :func:`fit_clock`.
        stamps: as there.
        container: as there.
    """
    if clock.source is None or stamps.unit is not None or stamps.pulses is not None:
        return ""
    return other_meaning(stamps.seconds, container)


def time_stamps(
    clock: Clock, stamps: Stamps, container: np.ndarray, what: str = "the video"
) -> tuple[np.ndarray, ClockReport]:
    r"""Returns the time of each stamp, and what was found, without judging it.

    Args:
        clock: as for :func:`fit_clock`.
        stamps: as there.
        container: as there.
        what: as there.

    Raises:
        ClockError: if nothing says which pulses belong to which frames.
    """
    n_frames = len(container)
    seconds = stamps.seconds
    if clock.rate is not None and clock.source is None:
        triggers = np.setdiff1d(np.arange(n_frames + len(stamps.lost)), stamps.lost)
        seconds = (clock.start or 0.0) + triggers[:n_frames] / clock.rate
    elif clock.source is None and clock.start is not None:
        seconds = container - container[:1] + clock.start
    elif clock.source is None:
        seconds = container
    times, match, sync = _mapped(clock, stamps, seconds, what)
    report = _report(stamps, times, n_frames, sync)
    hours = hour_steps(times, container, stamps.frames)
    return times, replace(report, match=match, hours=hours)


def _mapped(
    clock: Clock, stamps: Stamps, times: np.ndarray, what: str = "the video"
) -> tuple[np.ndarray, ClockMatch | None, SyncFit | None]:
    r"""Returns times of the recording, by pulses and by pairs where there are any."""
    match, sync = None, None
    if stamps.pulses is not None:
        match = match_times(
            stamps.pulses,
            times,
            frame_counter=stamps.frame_counter,
            pulse_counter=stamps.pulse_counter,
            anchor=clock.anchor,
            max_drift_ppm=clock.max_drift_ppm,
            max_residual=clock.max_residual,
            what=what,
        )
        times = match.times
    if stamps.pairs is not None:
        times, sync = map_times(times, stamps.pairs, clock.sync_fit)
    return times, match, sync


def _report(
    stamps: Stamps, times: np.ndarray, n_frames: int | None, sync: SyncFit | None
) -> ClockReport:
    untimed, surplus, again = np.empty(0, np.int64), 0, Showings.none()
    if stamps.frames is not None:
        most = np.inf if n_frames is None else n_frames
        _, later = _first_and_later(stamps.frames, times, most)
        again = Showings(times[later], stamps.frames[later])
    if n_frames is not None and stamps.frames is None:
        untimed = np.arange(len(times), n_frames)
        surplus = max(0, len(times) - n_frames)
    elif n_frames is not None and stamps.frames is not None:
        untimed = np.setdiff1d(np.arange(n_frames), stamps.frames)
        surplus = int(np.count_nonzero(stamps.frames >= n_frames))
    return examine(
        times,
        frames=n_frames,
        resolution=stamps.resolution,
        untimed=untimed,
        surplus=surplus,
        wraps=stamps.wraps,
        sync=sync,
        again=again,
    )


def _mismatch(stamps: Stamps, report: ClockReport) -> str:
    if stamps.frames is not None:
        if not report.surplus:
            return ""
        return (
            f"has {report.frames} frames, and {report.surplus} timestamps are of frames "
            f"beyond them and are dropped"
        )
    surplus = report.surplus or len(report.untimed)
    if not surplus:
        return ""
    longer = "timestamps" if report.surplus else "frames"
    return (
        f"has {report.frames} frames and {report.stamps} timestamps; the last {surplus} "
        f"{longer} are dropped"
    )


def _complaints(
    clock: Clock, stamps: Stamps, report: ClockReport, meaning: str, what: str
) -> Iterator[str]:
    missing, untimed = report.missing, report.untimed
    if meaning:
        yield (
            f"the timestamps of {what} are no seconds of a camera. {meaning} A unit that "
            f"you name is believed, unit='s' too."
        )
    if report.sync is not None:
        yield _sync_complaint(clock, report.sync, report.interval, what)
    if len(missing) and clock.on_nan == "raise" and report.match is None:
        yield (
            f"{len(missing)} of {report.stamps} timestamps of {what} are NaN, the first at "
            f"row {missing.rows[0]}. Mend the clock, or pass on_nan='drop' to leave those "
            f"frames out."
        )
    if stamps.frames is None and clock.on_mismatch == "raise":
        if len(untimed) or report.surplus:
            yield (
                f"{what} has {report.frames} frames and {report.stamps} timestamps. Check "
                f"that they belong together; on_mismatch='trim' drops the surplus at the "
                f"end, and frame_index says which frame each stamp is for."
            )
    elif stamps.frames is not None:
        yield from _numbering_complaints(clock, report, what)
    if meaning:  # what numbers of another kind do as times says nothing
        return
    if clock.on_jump == "raise" and len(report.hours):
        yield (
            f"the clock of {what} leaps by an hour in row {report.hours[0]}, and the "
            f"video's own does not: most likely from or to daylight saving time. Write "
            f"dates with their offset from UTC, or pass on_jump='keep' to take them as "
            f"they are."
        )
    elif clock.on_jump == "raise" and (len(report.backwards) or len(report.jumps)):
        yield (
            f"the clock of {what} {_steps_in_words(report)}. Mend it, take another "
            f"column, or pass on_jump='keep' to have the frames sorted by time."
        )
    if len(report.gaps) and clock.on_gap == "raise":
        yield (
            f"the clock of {what} has {len(report.gaps)} steps of over {GAP_FACTOR} times "
            f"the median ({report.gaps.where()}; the longest {report.gaps.longest:.6g} s); "
            f"on_gap='keep' takes it as it is."
        )
    if len(report.repeats) and clock.on_repeat == "raise":
        yield (
            f"the clock of {what} repeats a time at {len(report.repeats)} stamps "
            f"({report.repeats.where()}); on_repeat='keep' takes it as it is."
        )


def _sync_complaint(clock: Clock, sync: SyncFit, interval: float, what: str) -> str:
    half = interval / 2 if interval > 0 else float("inf")
    try:
        check_fit(
            sync.drift_ppm,
            sync.residual,
            clock.max_drift_ppm,
            clock.max_residual or half,
            "pairs of sync",
            what,
        )
    except ClockError as error:
        return str(error)
    return ""


def _numbering_complaints(clock: Clock, report: ClockReport, what: str) -> Iterator[str]:
    if report.surplus and clock.on_mismatch == "raise":
        hint = (
            " There are as many timestamps as frames: if the camera dropped frames and the "
            "file lacks them too, leave frame_index out."
            if report.stamps == report.frames
            else ""
        )
        yield (
            f"{what} has {report.frames} frames, and frame_index names {report.surplus} "
            f"beyond them; on_mismatch='trim' drops those timestamps.{hint}"
        )
    if len(report.untimed) and clock.on_nan == "raise":
        yield (
            f"frame_index names no timestamp for {len(report.untimed)} of the "
            f"{report.frames} frames of {what}, the first is frame {report.untimed[0]}; "
            f"on_nan='drop' leaves those frames out."
        )


def _steps_in_words(report: ClockReport) -> str:
    def words(faults: Faults, verb: str) -> str:
        places = "place" if len(faults) == 1 else "places"
        by = f"by {'' if len(faults) == 1 else 'up to '}{faults.longest:.6g} s"
        return f"{verb} in {len(faults)} {places} ({faults.where()}, {by})"

    parts = []
    if len(report.backwards):
        parts.append(words(report.backwards, "steps back"))
    if len(report.jumps):
        parts.append(words(report.jumps, "jumps ahead by more than a day"))
    return " and ".join(parts)
