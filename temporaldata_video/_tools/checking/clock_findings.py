r"""Checks the clock of a video: gaps, repeats, steps back, and drift of the container."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._clock.alignment import fit_line
from ..._clock.faults import Faults
from .finding import Finding, Severity, command, counted
from .subject import CheckedClock

# A container that runs this much faster or slower has another frame rate than the camera.
_OTHER_RATE = 0.05
# A clock this many times as slow as the container is most likely in milliseconds.
_WRONG_UNIT = 900


def check_clock(clock: CheckedClock, name: str, uri: str) -> Iterator[Finding]:
    r"""Finds all faults of a clock.

    Args:
        clock: the times of the frames.
        name: the video as a user would type it.
        uri: the video, or its first file.
    """
    yield from _counts(clock, name, uri)
    yield from _steps(clock, name, uri)
    if clock.origin == "container":
        yield from _late_start(clock, name, uri)
    else:
        yield from _drift(clock, name, uri)


def _counts(clock: CheckedClock, name: str, uri: str) -> Iterator[Finding]:
    report = clock.report
    if len(report.untimed) or report.surplus:
        yield Finding(
            Severity.ERROR,
            "count-mismatch",
            f"the video has {counted(len(clock.own), 'frame')} and "
            f"{counted(report.stamps, 'timestamp')}",
            "One of the two lacks frames, and unless it lacks the last ones, all later "
            "frames would get the times of others.",
            "find out which are missing: --frame-index names the frame of each timestamp; "
            "only if the surplus lies at the end, index with --on-mismatch trim",
            uri,
        )
    if len(report.missing):
        at = report.missing.where()
        yield Finding(
            Severity.WARNING if clock.origin == "index" else Severity.ERROR,
            "frames-without-time",
            f"{counted(len(report.missing), 'frame')} without a time ({at})",
            "They are left out of every window; their numbers are kept.",
            f"if they have times: {command('index', '--overwrite', name)} --timestamps "
            f"TIMES; to leave them out for good: --on-nan drop",
            uri,
        )


def _steps(clock: CheckedClock, name: str, uri: str) -> Iterator[Finding]:
    report = clock.report
    if len(report.gaps):
        lost = report.frames_lost
        yield Finding(
            Severity.WARNING,
            "clock-gaps",
            f"{counted(len(report.gaps), 'gap')} of over 1.5 times the median step "
            f"({report.gaps.where()}), the longest {report.gaps.longest:.3f} s; "
            f"{counted(lost, 'frame')} would fit in",
            "Windows over a gap have fewer frames than others of the same length.",
            "for samples of equal length: video.resample(times); to refuse gaps: "
            f"{command('index', name)} --on-gap raise",
            uri,
        )
    if len(report.repeats):
        yield Finding(
            Severity.WARNING,
            "clock-repeats",
            f"{counted(len(report.repeats), 'frame')} at the time of the one before "
            f"({report.repeats.where()})",
            "Such frames cannot be told apart by time: a window has all of them or none.",
            f"a finer clock: {command('index', '--overwrite', name)} --timestamps TIMES",
            uri,
        )
    jumps = Faults(
        np.concatenate([report.backwards.rows, report.jumps.rows]),
        np.concatenate([report.backwards.seconds, report.jumps.seconds]),
    )
    if len(jumps):
        yield Finding(
            Severity.ERROR if clock.origin == "given" else Severity.WARNING,
            "clock-jumps",
            f"the clock steps back or by over a day in "
            f"{counted(len(jumps), 'place')} ({jumps.where()}), by up to "
            f"{jumps.longest:,.3f} s",
            "Frames are sorted by time, so neighbours on screen may come from far apart.",
            "mend the clock, take another --column, or choose --on-jump keep",
            uri,
        )


def _late_start(clock: CheckedClock, name: str, uri: str) -> Iterator[Finding]:
    report = clock.report
    if len(clock.own) and abs(report.first) > max(report.interval, 0.0):
        yield Finding(
            Severity.INFO,
            "late-start",
            f"the container puts the first frame at {report.first:.3f} s",
            "A window from 0 has no frame there; other programs may count from the first "
            "frame.",
            f"{command('index', '--overwrite', name)} --timestamps TIMES with your own",
            uri,
        )


def _drift(clock: CheckedClock, name: str, uri: str) -> Iterator[Finding]:
    n = min(len(clock.own), len(clock.times))
    own, times = clock.own[:n], clock.times[:n]
    timed = ~np.isnan(times)
    own, times = own[timed], times[timed]
    if len(own) < 2 or own[-1] == own[0] or len(clock.report.jumps):
        return
    off = np.abs((times - times[0]) - (own - own[0]))
    # Up to one frame is rounding and jitter.
    if off.max() <= np.median(np.diff(own)):
        return
    ratio, _ = fit_line(own, times)
    if abs(ratio - 1) > _OTHER_RATE:
        pace = f"runs {ratio:.4g} times as fast as the container's"
    else:
        pace = f"drifts by {1e6 * (ratio - 1):.0f} millionths against the container's"
    is_unit = ratio > _WRONG_UNIT
    yield Finding(
        Severity.ERROR if is_unit else Severity.WARNING,
        "clock-drift",
        f"the clock {pace}; they are up to {off.max():.3f} s apart",
        "It is most likely not in seconds."
        if is_unit
        else "Programs that seek by the container's time, or divide frame numbers by its "
        "rate, are off by that much. Windows of this package are on the right clock.",
        f"{command('index', '--overwrite', name)} --timestamps TIMES --unit ms"
        if is_unit
        else "elsewhere, go by frame number (video.frame_indices) and not by time",
        uri,
    )
