r"""Says what was done to give frames their times: facts that an index keeps of it."""

from __future__ import annotations

import math
from typing import Any

from .faults import ClockReport
from .pulses import runs

_EVIDENCE = ("counter", "intervals", "counts", "anchor")
_COUNTS = ("frames", "pulses", "matched", "pairs")
_NUMBERS = ("drift_ppm", "residual_median", "residual_worst", "interval")
_RUNS = ("frames_left", "pulses_left", "camera_left", "recording_left")
_MOST_RUNS = 1000


def clock_facts(report: ClockReport) -> dict[str, Any]:
    r"""Returns how the times of frames came about, as a dict for JSON.

    Args:
        report: of the clock.

    Returns:
        ``"match"`` for pulses that were matched, as
        :meth:`~temporaldata_video.ClockMatch.facts` returns them, and ``"sync"`` for a map
        by pairs; nothing of what was not done.
    """
    facts = {}
    interval = report.interval if report.interval > 0 else None
    if report.match is not None:
        facts["match"] = {**report.match.facts(), "interval": interval}
    if report.sync is not None:
        facts["sync"] = {
            "pairs": report.sync.pairs,
            "drift_ppm": report.sync.drift_ppm,
            "residual_worst": report.sync.residual,
            "camera_left": runs(report.sync.camera_left)[:_MOST_RUNS],
            "recording_left": runs(report.sync.recording_left)[:_MOST_RUNS],
            "interval": interval,
        }
    return facts


def check_facts(facts: Any) -> None:
    r"""Makes sure that facts which were read from an index can be true.

    Args:
        facts: as :func:`clock_facts` made them.

    Raises:
        ValueError: if they cannot.
    """
    if not isinstance(facts, dict) or not facts.keys() <= {"match", "sync"}:
        raise ValueError("impossible clock")
    for part in facts.values():
        right = isinstance(part, dict) and all(map(_is_possible, part, part.values()))
        if not right:
            raise ValueError("impossible clock")


def _is_possible(name: str, value: Any) -> bool:
    if name == "evidence":
        return value in _EVIDENCE
    if name in _COUNTS:
        return _is_count(value)
    if name in _NUMBERS:
        return value is None or (type(value) in (int, float) and math.isfinite(value))
    return name in _RUNS and isinstance(value, list) and all(map(_is_run, value))


def _is_run(run: Any) -> bool:
    return isinstance(run, list) and len(run) == 2 and all(map(_is_count, run))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 62
