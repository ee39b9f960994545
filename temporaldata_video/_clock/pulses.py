r"""Matches pulses of a trigger or of exposures to frames; either may lack some."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.report import Report
from .._base.user_warnings import warn_user
from ..errors import ClockError, IndexWarning
from .alignment import Alignment, align, align_at, fit_line, is_constant
from .clock import MAX_DRIFT_PPM
from .frame_counter import is_counter, unwrap_counter

# Trains whose usual intervals differ more are not of the same events.
_SAME_RATE = 0.2
_RUNS_NAMED, _RUNS_KEPT = 4, 1000
_CANDIDATES_NAMED = 2


@dataclass(frozen=True, eq=False)
class ClockMatch(Report):
    r"""Which pulse belongs to which frame, and how well they fit.

    Args:
        times: seconds of the pulse of each frame, float64 of shape (n,); NaN where a frame
            has none.
        pulse: number of the pulse of each frame, int64 of shape (n,); -1 where it has none.
        pulses: how many pulses there are.
        evidence: what says which belong together: ``"counter"``, ``"intervals"``,
            ``"counts"`` (only one way leaves none over) or ``"anchor"``.
        drift_ppm: how much faster the clock of the pulses runs than that of the frames, in
            millionths; NaN where frames have no times of their own.
        residual_median: distance in seconds of a pulse from where the line through all of
            them puts it, the median; NaN where frames have no times.
        residual_worst: the greatest such distance.

    Example ::

        >>> import numpy as np
        >>> import temporaldata_video as tv
        >>> ticks = np.array([0.0, 0.1, 0.3, 0.4, 0.5])  # the camera lost one frame
        >>> pulses = [10.0, 10.1, 10.2, 10.3, 10.4, 10.5]
        >>> match = tv.match_clock(pulses, ticks)
        >>> match.times, match.pulses_left, match.evidence
        (array([10. , 10.1, 10.3, 10.4, 10.5]), array([2]), 'counts')
    """

    times: NDArray[np.float64]
    pulse: NDArray[np.int64]
    pulses: int
    evidence: str
    drift_ppm: float
    residual_median: float
    residual_worst: float

    @property
    def frames_left(self) -> NDArray[np.int64]:
        r"""Numbers of the frames without a pulse."""
        return np.flatnonzero(self.pulse < 0)

    @property
    def pulses_left(self) -> NDArray[np.int64]:
        r"""Numbers of the pulses without a frame."""
        return np.setdiff1d(np.arange(self.pulses), self.pulse)

    def facts(self) -> dict[str, Any]:
        r"""Returns what was done as a dict for JSON; an index keeps it.

        Frames and pulses that are left over are runs, each its first and its last number;
        of more than 1,000 runs, the first ones.
        """
        matched = int(np.count_nonzero(self.pulse >= 0))
        return {
            "evidence": self.evidence,
            "frames": len(self.pulse),
            "pulses": self.pulses,
            "matched": matched,
            "frames_left": runs(self.frames_left)[:_RUNS_KEPT],
            "pulses_left": runs(self.pulses_left)[:_RUNS_KEPT],
            "drift_ppm": _or_none(self.drift_ppm),
            "residual_median": _or_none(self.residual_median),
            "residual_worst": _or_none(self.residual_worst),
        }

    def to_json(self) -> str:
        r"""Returns :meth:`facts` as one line of JSON."""
        return json.dumps(self.facts())

    def table(self) -> Iterator[tuple[str, str, str, str]]:
        r"""Yields what was found, how many, which, and how far off, as text for a table."""
        fit = f"by {self.evidence}"
        if not np.isnan(self.residual_worst):
            fit += (
                f", residual {1e3 * self.residual_median:.3f} ms, at worst "
                f"{1e3 * self.residual_worst:.3f} ms"
            )
        if not np.isnan(self.drift_ppm):
            fit += f", drift {self.drift_ppm:.3f} ppm"
        yield "frames with a pulse", str(np.count_nonzero(self.pulse >= 0)), "", fit
        for noun, other, left in (
            ("frame", "pulse", self.frames_left),
            ("pulse", "frame", self.pulses_left),
        ):
            name = f"{noun}s without a {other}"
            yield name, str(len(left)), runs_in_words(left, noun), ""


def runs(numbers: np.ndarray) -> list[list[int]]:
    r"""Returns the first and the last number of each run of neighbours.

    Args:
        numbers: sorted, int64 of shape (n,).

    Example ::

        >>> runs(np.array([3, 4, 5, 9]))
        [[3, 5], [9, 9]]
    """
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return [[int(part[0]), int(part[-1])] for part in parts if len(part)]


def runs_in_words(numbers: np.ndarray, noun: str) -> str:
    r"""Returns the first few runs of neighbours in words.

    Args:
        numbers: sorted, int64 of shape (n,).
        noun: what they number.

    Example ::

        >>> runs_in_words(np.array([3, 4, 5, 9]), "frame")
        'frames 3 to 5, 9'
    """
    found = runs(numbers)
    if not found:
        return ""
    words = [str(a) if a == b else f"{a} to {b}" for a, b in found[:_RUNS_NAMED]]
    more = len(found) - _RUNS_NAMED
    plural = "s" if len(numbers) > 1 else ""
    return f"{noun}{plural} {', '.join(words)}" + (f" and {more} more" if more > 0 else "")


def match_times(
    pulses: np.ndarray,
    frames: np.ndarray | int,
    *,
    frame_counter: np.ndarray | None = None,
    pulse_counter: np.ndarray | None = None,
    anchor: Any = None,
    max_drift_ppm: float = MAX_DRIFT_PPM,
    max_residual: float | None = None,
    what: str = "the video",
) -> ClockMatch:
    r"""Matches pulses to frames, as :func:`~temporaldata_video.match_clock` does.

    Args:
        pulses: seconds, float64 of shape (m,).
        frames: seconds by the camera or the container, float64 of shape (n,); or their
            number.
        frame_counter: of each frame, of shape (n,).
        pulse_counter: of each pulse, of shape (m,).
        anchor: a frame and its pulse.
        max_drift_ppm: the most by which the two clocks may differ.
        max_residual: the most seconds by which a pulse may be off.
        what: names the video in messages.

    Raises:
        ClockError: if nothing says which belong together, or they fit badly.
        ValueError: if an argument makes no sense.
    """
    has_times = not isinstance(frames, int)
    times = np.asarray(frames, np.float64) if has_times else np.arange(float(frames))
    _check_train(pulses, "pulses")
    _check_train(times, f"the times of the frames of {what}" if has_times else "frames")
    step = float(np.median(np.diff(pulses)))
    rate_differs = abs(step / float(np.median(np.diff(times))) - 1) > _SAME_RATE
    if has_times and frame_counter is None and rate_differs and is_counter(times):
        frame_counter, has_times = times, False
    if frame_counter is not None:
        frame_counter = unwrap_counter(frame_counter, "frame_counter")
        _check_length(frame_counter, times, "frame_counter", "frames")
    if pulse_counter is not None:
        pulse_counter = unwrap_counter(pulse_counter, "pulse_counter")
        _check_length(pulse_counter, pulses, "pulse_counter", "pulses")
    if not has_times:
        times = np.arange(len(times)) * step
    at = read_anchor(anchor, len(times), len(pulses))
    found, evidence = _choose(
        times, pulses, frame_counter, pulse_counter, at, has_times, what
    )
    return _fitted(
        found, evidence, times, pulses, has_times, max_drift_ppm, max_residual, what
    )


def read_anchor(anchor: Any, n: int, m: int) -> tuple[int, int] | None:
    r"""Returns the numbers of two events that are the same, counted from the first.

    Args:
        anchor: two numbers, or ``"1:0"``; negative ones count from the end.
        n: number of events of the first train.
        m: of the second.

    Raises:
        ValueError: if there are no such events.
    """
    if anchor is None:
        return None
    try:
        parts = anchor.split(":") if isinstance(anchor, str) else anchor
        first, second = (int(part) for part in parts)
    except (TypeError, ValueError):
        raise ValueError(
            f"anchor must be a frame and its pulse, such as (1, 0) or '1:0', got "
            f"{anchor!r}."
        ) from None
    if not (-n <= first < n and -m <= second < m):
        raise ValueError(
            f"anchor={anchor!r} names an event that is not there: there are {n} and {m}."
        )
    return first % n, second % m


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _check_train(times: np.ndarray, what: str) -> None:
    if len(times) < 2:
        raise ClockError(f"{what}: there are {len(times)}, and two is the least number.")
    wrong = ~np.isfinite(times)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ClockError(f"{what} must be finite; row {row} is {times[row]}.")
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        row = int(back[0])
        raise ClockError(
            f"{what} must increase; row {row + 1} is {times[row + 1]!r} after "
            f"{times[row]!r}. Sort them, or leave the repeated ones out."
        )


def _check_length(counter: np.ndarray, times: np.ndarray, what: str, of: str) -> None:
    if len(counter) != len(times):
        raise ValueError(f"{what} has {len(counter)} numbers for {len(times)} {of}.")


def _choose(
    times: np.ndarray,
    pulses: np.ndarray,
    frame_counter: np.ndarray | None,
    pulse_counter: np.ndarray | None,
    anchor: tuple[int, int] | None,
    has_times: bool,
    what: str,
) -> tuple[Alignment, str]:
    if frame_counter is not None and pulse_counter is not None and anchor is None:
        return _same_numbers(frame_counter, pulse_counter, what), "counter"
    # A counter is a clock that ticks once for each event.
    a, b, loose = times, pulses, False
    if frame_counter is not None:
        a, loose = _as_clock(frame_counter, pulses), True
    elif pulse_counter is not None:
        b, loose = _as_clock(pulse_counter, times), True
    if not loose:
        _check_rates(a, b, has_times, what)
    choice = align(a, b, loose=loose)
    if not choice.evidence and loose and has_times and not is_constant(times):
        choice, loose = align(times, pulses), False
    if anchor is not None:
        found = align_at(a, b, anchor)
        if choice.evidence == "intervals" and not found.is_same(choice.found[0]):
            raise ClockError(
                f"anchor='{anchor[0]}:{anchor[1]}' contradicts the intervals of {what}, "
                f"which agree for {_in_words(choice.found[0], len(times), len(pulses))}. "
                f"Leave anchor out, or look at the pulses."
            )
        return found, "anchor"
    if not choice.evidence:
        raise ClockError(_refusal(choice.found, times, pulses, what))
    if choice.evidence == "counts" and not loose and is_constant(a) and is_constant(b):
        warn_user(
            f"{what} has {len(a)} frames and there are {len(b)} pulses, all at constant "
            f"intervals. They begin and end together, and nothing else says that no frame "
            f"was lost.",
            IndexWarning,
        )
    return choice.found[0], "counter" if loose else choice.evidence


def _same_numbers(frames: np.ndarray, pulses: np.ndarray, what: str) -> Alignment:
    _, first, second = np.intersect1d(frames, pulses, return_indices=True)
    if len(first) < 2:
        raise ClockError(
            f"frame_counter of {what} runs from {frames[0]} to {frames[-1]}, and "
            f"pulse_counter from {pulses[0]} to {pulses[-1]}: they have {len(first)} "
            f"numbers in common. Subtract what one of them is ahead."
        )
    return Alignment(first, second, 0.0, 0.0)


def _as_clock(counter: np.ndarray, other: np.ndarray) -> np.ndarray:
    r"""Returns a counter in seconds, if each count takes as long as the other's events."""
    steps = np.diff(other)
    usual = float(np.median(steps))
    regular = steps[np.abs(steps - usual) < 0.3 * usual]
    return (counter - counter[0]) * float(regular.mean())


def _check_rates(times: np.ndarray, pulses: np.ndarray, has_times: bool, what: str) -> None:
    if not has_times:
        return
    frame, pulse = float(np.median(np.diff(times))), float(np.median(np.diff(pulses)))
    every_other = float(np.median(pulses[2:] - pulses[:-2])) if len(pulses) > 2 else 0.0
    if abs(every_other / frame - 1) < _SAME_RATE / 2 and pulse < 0.8 * frame:
        raise ClockError(
            f"there are two pulses for each frame of {what}: {len(pulses)} pulses for "
            f"{len(times)} frames, and every other pulse comes {1e3 * every_other:.3f} ms "
            f"after the one before, as frames do. They are most likely the start and the "
            f"end of each exposure. Pass only one of the two, as in pulses[::2]."
        )
    ratio = pulse / frame
    if abs(ratio - 1) > _SAME_RATE:
        hint = (
            "If they mark only some of the frames, pass both times of each mark as sync."
            if ratio > 1
            else "Are they of another camera?"
        )
        raise ClockError(
            f"a pulse comes every {pulse:.6g} s, and a frame of {what} every {frame:.6g} s "
            f"by its own times. {hint} If one is not in seconds, say its unit."
        )


def _refusal(
    found: tuple[Alignment, ...], times: np.ndarray, pulses: np.ndarray, what: str
) -> str:
    n, m = len(times), len(pulses)
    why = "several ways of matching them fit equally well"
    if is_constant(times) and is_constant(pulses):
        why = (
            "the intervals of both are constant, so that nothing shows where frames or "
            "pulses are missing"
        )
    # Those that leave the fewest over, at the beginning and at the end.
    most = max(map(len, found), default=0)
    likely = sorted(
        (one for one in found if len(one) == most and most),
        key=lambda one: int(one.second[0] - one.first[0]),
    )
    shown = likely if len(likely) <= _CANDIDATES_NAMED else [likely[0], likely[-1]]
    listed = "; ".join(
        f"anchor='{one.first[0]}:{one.second[0]}' ({_in_words(one, n, m)})" for one in shown
    )
    return (
        f"{what} has {n} frames, and there are {m} pulses; {why}. Candidates: "
        f"{listed or 'none'}{', or between these' if shown != likely else ''}. Pass the "
        f"camera's own ticks as the times of the frames, or its frame_counter; or, if no "
        f"frame was lost in between, the anchor that is right."
    )


def _in_words(one: Alignment, n: int, m: int) -> str:
    frames = np.setdiff1d(np.arange(n), one.first)
    pulses = np.setdiff1d(np.arange(m), one.second)
    parts = []
    for name, left, other in (("frame", frames, "pulse"), ("pulse", pulses, "frame")):
        if len(left):
            verb = "have" if len(left) > 1 else "has"
            parts.append(f"{runs_in_words(left, name)} {verb} no {other}")
    return " and ".join(parts) or "nothing is left over"


def _fitted(
    found: Alignment,
    evidence: str,
    times: np.ndarray,
    pulses: np.ndarray,
    has_times: bool,
    max_drift_ppm: float,
    max_residual: float | None,
    what: str,
) -> ClockMatch:
    pulse = np.full(len(times), -1, np.int64)
    pulse[found.first] = found.second
    matched = np.full(len(times), np.nan)
    matched[found.first] = pulses[found.second]
    drift = median = worst = float("nan")
    # Constant times may be made up from a nominal rate: they contradict no counter.
    made_up = evidence == "counter" and is_constant(times)
    if has_times and not made_up and len(found) > 1:
        slope, off = fit_line(times[found.first], pulses[found.second])
        drift = 1e6 * (slope - 1)
        median, worst = float(np.median(np.abs(off))), float(np.abs(off).max())
        half = float(np.median(np.diff(times))) / 2
        check_fit(drift, worst, max_drift_ppm, max_residual or half, "pulses", what)
    return ClockMatch(matched, pulse, len(pulses), evidence, drift, median, worst)


def check_fit(
    drift_ppm: float,
    residual: float,
    max_drift_ppm: float,
    max_residual: float,
    name: str,
    what: str,
) -> None:
    r"""Refuses a map between two clocks that cannot be right.

    Args:
        drift_ppm: how much faster one runs.
        residual: greatest distance in seconds from the line.
        max_drift_ppm: the most that is allowed.
        max_residual: the most seconds that are allowed.
        name: what the map is made of, in messages.
        what: names the video there.

    Raises:
        ClockError: if it is beyond one of the bounds.
    """
    if abs(drift_ppm) > max_drift_ppm:
        raise ClockError(
            f"the clocks of {name} and camera of {what} differ by {drift_ppm:.0f} ppm, and "
            f"those of hardware by less than {max_drift_ppm:g}. Are they of the same "
            f"recording, and both in seconds? If so, insist on it with a larger "
            f"max_drift_ppm=..."
        )
    if residual > max_residual:
        raise ClockError(
            f"the {name} of {what} lie up to {1e3 * residual:.3f} ms off a line, and "
            f"{1e3 * max_residual:.3f} ms is the most that is allowed (half a frame by "
            f"default). Is one missing or too many? If they are right, insist on it "
            f"with a larger max_residual=..."
        )
