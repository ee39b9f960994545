r"""Checks the clock of a video: gaps, repeats, steps back, and drift of the container."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._clock.alignment import fit_line
from ..._clock.clock import MAX_DRIFT_PPM
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
    if clock.meaning:
        yield refused_clock(clock.meaning, uri)
        return
    yield from _steps(clock, name, uri)
    doubts = list(_doubts(clock))
    yield from _origin(clock, doubts, name, uri)
    if clock.origin == "container":
        yield from _late_start(clock, name, uri)
    else:
        yield from _drift(clock, bool(doubts), name, uri)


def refused_clock(what: str, uri: str) -> Finding:
    r"""Returns the finding that timestamps cannot be used as they are.

    Args:
        what: is wrong with them.
        uri: the video.
    """
    return Finding(
        Severity.ERROR,
        "clock-refused",
        what,
        "An index with these timestamps is refused.",
        "say what they are, as it suggests",
        uri,
    )


def _origin(
    clock: CheckedClock, doubts: list[str], name: str, uri: str
) -> Iterator[Finding]:
    r"""Finds how the times came about, where an index or a clock says it."""
    match, sync = clock.facts.get("match"), clock.facts.get("sync")
    if doubts:
        yield Finding(
            Severity.WARNING,
            "clock-doubtful",
            f"the times were made with {' and '.join(doubts)}",
            "Whoever made the clock insisted on it. If pulses are of another recording, or "
            "one is missing, windows show other moments than they say.",
            f"look at the pulses, and index again without bounds of your own: "
            f"{command('index', '--overwrite', name)}",
            uri,
        )
    if match is not None:
        left = [
            f"{_n_in(match[f'{noun}s_left'])} {noun}s without a {other}"
            for noun, other in (("frame", "pulse"), ("pulse", "frame"))
            if match.get(f"{noun}s_left")
        ]
        yield Finding(
            Severity.INFO,
            "clock-of-pulses",
            f"{match['matched']:,} of {counted(match['frames'], 'frame')} have the times "
            f"of pulses, matched by {match['evidence']}"
            + (f"; {', '.join(left)}" if left else ""),
            "Frames without a pulse have no time and are in no window.",
            "nothing, if that is what happened",
            uri,
        )
    missed = [
        f"{_n_in(sync[key])} of the {other}'s pulses that the {one} missed"
        for one, other, key in (
            ("camera", "recording", "recording_left"),
            ("recording", "camera", "camera_left"),
        )
        if sync and sync.get(key)
    ]
    if missed:
        yield Finding(
            Severity.INFO,
            "sync-pulses-missed",
            f"the pulses of sync were matched without {' and '.join(missed)}",
            "The others map the camera's clock to the recording's.",
            "nothing, if that is what happened",
            uri,
        )


def _n_in(runs: list[list[int]]) -> int:
    return sum(last - first + 1 for first, last in runs)


def _doubts(clock: CheckedClock) -> Iterator[str]:
    r"""Yields what is bad about the map that made a clock."""
    for name, facts in (("pulses", "match"), ("sync", "sync")):
        found = clock.facts.get(facts, {})
        drift, worst = found.get("drift_ppm"), found.get("residual_worst")
        interval = found.get("interval")
        if drift is not None and abs(drift) > MAX_DRIFT_PPM:
            yield f"{name} whose clock runs {drift:.0f} ppm off the camera's"
        if worst is not None and interval and worst > interval / 2:
            yield f"{name} that lie up to {1e3 * worst:.3f} ms off a line"


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
            "Windows over a gap have fewer frames than others of the same length. The "
            "domain leaves out gaps that are pauses.",
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


def _drift(clock: CheckedClock, doubtful: bool, name: str, uri: str) -> Iterator[Finding]:
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
    doubtful = doubtful or abs(ratio - 1) > MAX_DRIFT_PPM / 1e6
    here = (
        "Whether the clock is right, nothing here can tell."
        if doubtful
        else "Windows of this package are on the right clock."
    )
    yield Finding(
        Severity.ERROR if is_unit else Severity.WARNING,
        "clock-drift",
        f"the clock {pace}; they are up to {off.max():.3f} s apart",
        "It is most likely not in seconds."
        if is_unit
        else "Programs that seek by the container's time, or divide frame numbers by its "
        f"rate, are off by that much. {here}",
        f"{command('index', '--overwrite', name)} --timestamps TIMES --unit ms"
        if is_unit
        else "elsewhere, go by frame number (video.frame_indices) and not by time",
        uri,
    )
