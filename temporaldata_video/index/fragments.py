r"""The packets that a track's movie fragments (``moof``) describe."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np

from .boxtree import Box, BoxesUnsupported, children, fields
from .sampletable import MAX_OFFSET, MAX_SAMPLE_SIZE, MAX_SAMPLES, Samples

# Flags of tfhd, trun and of a sample (ISO/IEC 14496-12, sections 8.8.7 and 8.8.8).
BASE_DATA_OFFSET, DEFAULT_BASE_IS_MOOF = 0x1, 0x020000
DESCRIPTION, DURATION, SIZE, FLAGS = 0x2, 0x8, 0x10, 0x20
DATA_OFFSET, FIRST_SAMPLE_FLAGS = 0x1, 0x4
SAMPLE_DURATION, SAMPLE_SIZE, SAMPLE_FLAGS, SAMPLE_OFFSET = 0x100, 0x200, 0x400, 0x800
COLUMNS = (SAMPLE_DURATION, SAMPLE_SIZE, SAMPLE_FLAGS, SAMPLE_OFFSET)
NO_KEY = 0x01010000


class Defaults(NamedTuple):
    r"""What holds for the samples of a track, or of one of its fragments (``trex``)."""

    description: int
    duration: int
    size: int
    flags: int


class Run(NamedTuple):
    r"""The samples of one ``trun``.

    Args:
        moof: offset in the file of the fragment.
        time: decoding time of the first sample, where the fragment tells it.
        pos: offset in the file of the first sample.
        rows: number of samples.
        told: the columns that the table has, as flags.
        cells: the table.
        first_flags: flags of the first sample, where they are told apart.
        defaults: what holds where the table has no column.
    """

    moof: int
    time: int | None
    pos: int
    rows: int
    told: tuple[int, ...]
    cells: bytes
    first_flags: int | None
    defaults: Defaults


class Columns(NamedTuple):
    r"""What the tables of several runs say of their samples, int64 of shape (n,) each."""

    duration: np.ndarray
    size: np.ndarray
    flags: np.ndarray
    offset: np.ndarray


def read_fragments(
    fragments: Iterable[tuple[int, Box]],
    track: int,
    defaults: dict[int, Defaults],
    move: int,
    file_size: int,
    indexed: bool,
) -> Samples:
    r"""Returns the samples of a track in all fragments.

    Args:
        fragments: offset in the file of each ``moof``, and the box.
        track: number of the track.
        defaults: what ``trex`` says, by track.
        move: what the edit list takes off the decoding times.
        file_size: length of the file in bytes.
        indexed: whether ``sidx`` boxes tell the time of a fragment, too.

    Raises:
        BoxesUnsupported: if the boxes contradict each other, or tell of something that
            this reader doesn't know.
    """
    runs: list[Run] = []
    count = 0
    for at, moof in fragments:
        previous, done = None, False
        for traf in children(moof):
            if traf.kind != b"traf":
                continue
            number, found = _read_traf(traf, at, previous, defaults)
            for run in found:
                count += run.rows
                constant = 0 if SAMPLE_SIZE in run.told else run.rows * run.defaults.size
                if count > MAX_SAMPLES or constant > file_size:
                    raise BoxesUnsupported("the fragments claim too many samples")
            previous = found[-1] if found else previous
            if number == track:
                if done or not found or (indexed and found[0].time is None):
                    raise BoxesUnsupported("a fragment lacks samples or a time of its own")
                done = True
                runs += found
    if not runs:
        raise BoxesUnsupported("the track has no samples")
    return _samples(runs, move, indexed)


def _samples(runs: list[Run], move: int, indexed: bool) -> Samples:
    r"""Returns the samples of all runs of a track; see :func:`read_fragments`."""
    columns = _columns(runs)
    rows = np.array([run.rows for run in runs])
    start = np.cumsum(rows) - rows
    before = np.cumsum(columns.size) - columns.size
    pos = np.repeat([run.pos for run in runs] - before[start], rows) + before
    if indexed:
        _check_order(runs, pos + columns.size, start, columns.offset)
    return Samples(
        pos=pos,
        size=columns.size,
        dts=_decoding_times(runs, columns.duration, rows, start) - move,
        offset=columns.offset,
        key=columns.flags & NO_KEY == 0,
        hidden=np.zeros(len(pos), np.bool_),
        shift=max(0, -int(columns.offset.min())),
        has_offsets=True,
    )


def _decoding_times(
    runs: list[Run], duration: np.ndarray, rows: np.ndarray, start: np.ndarray
) -> np.ndarray:
    r"""Returns the decoding times: those of a run that doesn't tell go on from the last."""
    before = np.cumsum(duration) - duration
    told = np.array([run.time is not None for run in runs])
    origin = np.array([run.time or 0 for run in runs]) - np.where(told, before[start], 0)
    last_told = np.maximum.accumulate(np.where(told, np.arange(len(runs)), 0))
    dts = np.repeat(origin[last_told], rows) + before
    if (dts[start[1:]] <= dts[start[1:] - 1]).any():
        raise BoxesUnsupported("fragments overlap in time")
    return dts


def _check_order(
    runs: list[Run], end: np.ndarray, start: np.ndarray, offset: np.ndarray
) -> None:
    # With a segment index FFmpeg reads fragments as it goes: no sample may lie behind the
    # next one, and composition times are only shifted from a more negative offset on.
    moof = np.array([run.moof for run in runs])
    new = np.diff(moof) > 0
    if (np.maximum.reduceat(end, start)[:-1][new] > moof[1:][new]).any():
        raise BoxesUnsupported("a fragment reaches into the next one")
    lowest = np.minimum.reduceat(offset, start)
    if lowest.min() < min(0, lowest[0]):
        raise BoxesUnsupported("the composition offsets grow more negative")


def _columns(runs: list[Run]) -> Columns:
    r"""Returns what the tables of all runs say, those of one layout read in one go."""
    parts = [_alike(told, list(group)) for told, group in groupby(runs, lambda r: r.told)]
    columns = Columns(*map(np.concatenate, zip(*parts)))
    if columns.size.min() < 1 or columns.size.max() > MAX_SAMPLE_SIZE:
        raise BoxesUnsupported("a sample is empty or impossibly large")
    if np.abs(columns.offset).max() > MAX_OFFSET:
        raise BoxesUnsupported("a composition offset is too large")
    return columns


def _alike(told: tuple[int, ...], runs: list[Run]) -> Columns:
    rows = np.array([run.rows for run in runs])
    cells = np.frombuffer(b"".join(run.cells for run in runs), ">u4")
    cells = cells.astype(np.int64).reshape(rows.sum(), len(told))
    defaults = np.array([(*run.defaults[1:], 0) for run in runs])
    duration, size, flags, offset = (
        cells[:, told.index(bit)] if bit in told else np.repeat(defaults[:, i], rows)
        for i, bit in enumerate(COLUMNS)
    )
    if SAMPLE_FLAGS not in told:
        first = np.array([-1 if r.first_flags is None else r.first_flags for r in runs])
        flags[(np.cumsum(rows) - rows)[first >= 0]] = first[first >= 0]
    return Columns(duration, size, flags, offset.astype(np.int32).astype(np.int64))


def _read_traf(
    traf: Box, moof: int, previous: Run | None, defaults: dict[int, Defaults]
) -> tuple[int, list[Run]]:
    r"""Returns number of the track, and its runs that hold samples.

    Args:
        traf: the box.
        moof: offset in the file of the fragment.
        previous: the run before, of whatever track, after which the data may go on.
        defaults: what ``trex`` says, by track.
    """
    boxes = [box for box in children(traf) if box.kind in (b"tfhd", b"tfdt", b"trun")]
    kinds = [box.kind for box in boxes]
    timed = int(b"tfdt" in kinds)
    if kinds != [b"tfhd"] + [b"tfdt"] * timed + [b"trun"] * (len(kinds) - 1 - timed):
        raise BoxesUnsupported("the boxes of a track fragment are out of order")
    track, base, inherited = _read_tfhd(boxes[0], moof, previous, defaults)
    time = None
    if timed:
        time = fields(boxes[1], "Q" if fields(boxes[1], "B")[0] else "I", 4)[0]
        if time > 1 << 60:
            raise BoxesUnsupported("a fragment has an impossible decoding time")
    runs: list[Run] = []
    for trun in boxes[1 + timed :]:
        flags, rows = fields(trun, "II")
        if runs and rows and not flags & DATA_OFFSET:
            raise BoxesUnsupported("a run doesn't tell where its data are")
        if rows:
            first_time = None if runs else time
            runs.append(_read_trun(trun, moof, first_time, base, inherited))
    return track, runs


def _read_tfhd(
    tfhd: Box, moof: int, previous: Run | None, defaults: dict[int, Defaults]
) -> tuple[int, int, Defaults]:
    r"""Returns number of the track, offset that its data count from, and defaults."""
    flags, track = fields(tfhd, "II")
    if track not in defaults:
        raise BoxesUnsupported("a fragment belongs to an unknown track")
    base, at = moof, 8
    if flags & BASE_DATA_OFFSET:
        base, at = fields(tfhd, "Q", at)[0], at + 8
    elif previous is not None and not flags & DEFAULT_BASE_IS_MOOF:
        base = previous.pos + int(_columns([previous]).size.sum())
    values = list(defaults[track])
    for i, bit in enumerate((DESCRIPTION, DURATION, SIZE, FLAGS)):
        if flags & bit:
            values[i], at = fields(tfhd, "I", at)[0], at + 4
    if values[0] != 1:
        raise BoxesUnsupported("the track has several sample descriptions")
    return track, base, Defaults(*values)


def _read_trun(
    trun: Box, moof: int, time: int | None, base: int, defaults: Defaults
) -> Run:
    r"""Returns the samples of a run, whose data count from the offset ``base``."""
    flags, rows = fields(trun, "II")
    at, pos, first_flags = 8, base, None
    if flags & DATA_OFFSET:
        pos, at = pos + fields(trun, "i", at)[0], at + 4
    if flags & FIRST_SAMPLE_FLAGS:
        first_flags, at = fields(trun, "I", at)[0], at + 4
    if not 0 <= pos < 1 << 62:
        raise BoxesUnsupported("a run lies at an impossible offset")
    told = tuple(bit for bit in COLUMNS if flags & bit)
    begin = trun.start + at
    end = begin + 4 * rows * len(told)
    if end > trun.stop:
        raise BoxesUnsupported("'trun' claims more entries than it holds")
    return Run(moof, time, pos, rows, told, trun.data[begin:end], first_flags, defaults)
