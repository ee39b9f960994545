r"""Fits clocks to the files of a video: one for all of them, or several in a row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..errors import ClockError
from ..types import Showings
from .clock import Clock, as_clock
from .clock_facts import clock_facts
from .faults import ClockReport
from .fit import container_clock, fit_clock, time_stamps
from .read_clock import Stamps, read_stamps

# Presentation times of a file, and their time base.
PtsTable = tuple[np.ndarray, Fraction]


class FileClock(NamedTuple):
    r"""A clock, and which files of a video it serves.

    Args:
        clock: says where the times are.
        first: number of its first file.
        stop: number of the file after its last one.
        stamps: as they were read.
    """

    clock: Clock
    first: int
    stop: int
    stamps: Stamps


class FittedClocks(NamedTuple):
    r"""The times of the frames of a video.

    Args:
        times: the first time of each frame in seconds, float64 of shape (n,), NaN for
            frames to leave out.
        again: all later times at which frames are shown again.
        facts: how the times of the only clock came about, as
            :func:`~temporaldata_video._clock.clock_facts.clock_facts` returns it.
    """

    times: np.ndarray
    again: Showings
    facts: dict[str, Any]


def read_file_clocks(timestamps: Any, n_files: int, **fields: Any) -> list[FileClock]:
    r"""Reads the clocks of a video, so that errors in them come early.

    Args:
        timestamps: a clock for all files, or a list with one for each: what
            :func:`~temporaldata_video._clock.clock.as_clock` takes. A clock that stands in
            the list several times in a row serves these files together.
        n_files: how many files the video has.
        **fields: further fields of each clock; :obj:`None` where the caller names none.

    Raises:
        ValueError: if there are more or fewer clocks than files, or one cannot be read.
    """
    if not is_for_each_file(timestamps):
        clock = as_clock(timestamps, **fields)
        return [FileClock(clock, 0, n_files, read_stamps(clock))]
    if len(timestamps) != n_files:
        raise ValueError(
            f"timestamps must be one clock, or a list with one for each of the {n_files} "
            f"files in their order, got a list of {len(timestamps)}."
        )
    edges = [
        number
        for number in range(n_files)
        if number == 0 or not _is_same(timestamps[number - 1], timestamps[number])
    ]
    clocks = []
    for first, stop in zip(edges, [*edges[1:], n_files]):
        clock = as_clock(timestamps[first], **fields)
        clocks.append(FileClock(clock, first, stop, read_stamps(clock)))
    return clocks


def is_for_each_file(timestamps: Any) -> bool:
    r"""Returns whether timestamps are a list with a clock for each file of a video.

    Args:
        timestamps: as for :func:`read_file_clocks`.
    """
    if not isinstance(timestamps, (list, tuple)) or not timestamps:
        return False
    first = timestamps[0]
    return first is None or isinstance(first, _NAMES) or np.ndim(first) > 0


_NAMES = (str, os.PathLike, Clock)


def _is_same(one: Any, other: Any) -> bool:
    named = isinstance(one, (str, os.PathLike)) and isinstance(other, (str, os.PathLike))
    return one is other or (named and os.fspath(one) == os.fspath(other))


def fit_file_clocks(
    clocks: Sequence[FileClock], tables: Sequence[PtsTable], uris: Sequence[str]
) -> FittedClocks:
    r"""Returns one time for each frame of a video, NaN for frames to leave out.

    Args:
        clocks: as :func:`read_file_clocks` read them.
        tables: pts in presentation order and time base of each file.
        uris: the files, for messages.

    Raises:
        ClockError: if a clock has a fault that it does not allow, or a file begins before
            the one before it ends.
    """
    fitted: list[np.ndarray] = []
    again: list[Showings] = []
    facts: dict[str, Any] = {}
    n_before = 0
    for clock, first, stop, stamps in clocks:
        own = container_clock(tables[first:stop])
        times, report = fit_clock(clock, stamps, own, uris[first])
        if fitted and clock.on_jump == "raise":
            _check_join(fitted[-1], times, uris[first - 1], uris[first])
        fitted.append(times)
        again.append(Showings(report.again.times, report.again.frames + n_before))
        n_before += len(times)
        # Numbers of frames and pulses say nothing where several clocks have their own.
        facts = clock_facts(report) if len(clocks) == 1 else {}
    all_again = Showings(*map(np.concatenate, zip(*again)))
    return FittedClocks(np.concatenate(fitted), all_again, facts)


def report_file_clocks(
    clocks: Sequence[FileClock], tables: Sequence[PtsTable]
) -> Iterator[tuple[np.ndarray, ClockReport]]:
    r"""Yields the times of each clock, by stamp, and what was found, without judging it.

    Args:
        clocks: as :func:`read_file_clocks` read them.
        tables: as for :func:`fit_file_clocks`.
    """
    for clock, first, stop, stamps in clocks:
        yield time_stamps(clock, stamps, container_clock(tables[first:stop]))


def _check_join(before: np.ndarray, after: np.ndarray, uri: str, next_uri: str) -> None:
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    if not len(before) or not len(after) or after.min() > before.max():
        return
    raise ClockError(
        f"{next_uri!r} begins at {after.min():.6g} s, and {uri!r}, the file before it, "
        f"ends at {before.max():.6g} s: their clocks overlap. Say when each file begins "
        f"with start, check the order of the files, or pass on_jump='keep' to have the "
        f"frames sorted by time."
    )
