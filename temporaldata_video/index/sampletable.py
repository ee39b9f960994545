r"""The packets that a track's sample table (``stbl``) and edit list (``elst``) describe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .boxtree import Box, BoxesUnsupported, child, children, fields, need, table

MAX_SAMPLES = 1 << 24
MAX_SAMPLE_SIZE = (1 << 30) - 1
MAX_OFFSET = 1 << 28
NORMAL_RATE = 1 << 16


@dataclass(frozen=True, eq=False)
class Samples:
    r"""The samples of a track in decoding order, each array of shape (n,).

    Args:
        pos: offset of the first byte in the file.
        size: length in bytes.
        dts: decoding time in units of the track.
        offset: composition time minus decoding time, signed.
        key: whether it is a sync sample.
        hidden: whether it is decoded only for the sake of others.
        shift: by how much composition times are moved on so that no ``offset`` is less
            than zero (FFmpeg's convention).
        has_offsets: whether the file tells composition from decoding time.
    """

    pos: np.ndarray
    size: np.ndarray
    dts: np.ndarray
    offset: np.ndarray
    key: np.ndarray
    hidden: np.ndarray
    shift: int
    has_offsets: bool

    def __len__(self) -> int:
        return len(self.pos)

    def __getitem__(self, key: slice) -> Samples:
        columns = ("pos", "size", "dts", "offset", "key", "hidden")
        return replace(self, **{column: getattr(self, column)[key] for column in columns})

    @property
    def pts(self) -> np.ndarray:
        r"""Composition time as FFmpeg gives it to a packet."""
        return self.dts + self.shift + self.offset


class Edit(NamedTuple):
    r"""An edit list of one media edit, after an optional empty one.

    Args:
        delay: length of the empty edit in units of the track.
        media_time: where in the track the edit starts, in units of the track.
        duration: length of the edit in units of the track.
    """

    delay: int
    media_time: int
    duration: int


def table_counts(stbl: Box) -> tuple[int, int]:
    r"""Returns how many entries ``stts`` and ``stsz`` (or ``stz2``) claim to have."""
    stts, stsz = child(stbl, b"stts"), child(stbl, b"stsz") or child(stbl, b"stz2")
    entries = fields(stts, "I", 4)[0] if stts else 0
    return entries, fields(stsz, "I", 8)[0] if stsz else 0


def read_samples(stbl: Box, file_size: int) -> Samples:
    r"""Returns all samples of a sample table, their decoding times starting at 0.

    Args:
        stbl: the sample table, which must have samples.
        file_size: length of the file in bytes.

    Raises:
        BoxesUnsupported: if the boxes of the table contradict each other, or tell of
            something that this reader doesn't know.
    """
    for box in children(stbl):
        if box.kind == b"stps" or (box.kind == b"sbgp" and box.payload[4:8] == b"rap "):
            raise BoxesUnsupported("the track has partial sync samples")
    size = _sizes(stbl, file_size)
    offset = _composition_offsets(child(stbl, b"ctts"), len(size))
    return Samples(
        pos=_positions(stbl, size),
        size=size,
        dts=_decoding_times(need(stbl, b"stts"), len(size)),
        offset=np.zeros(len(size), np.int64) if offset is None else offset[0],
        key=_sync_samples(child(stbl, b"stss"), len(size)),
        hidden=np.zeros(len(size), np.bool_),
        shift=0 if offset is None else offset[1],
        has_offsets=offset is not None,
    )


def _sizes(stbl: Box, file_size: int) -> np.ndarray:
    r"""Returns the length of every sample from ``stsz`` or ``stz2``."""
    stsz, stz2 = child(stbl, b"stsz"), child(stbl, b"stz2")
    sizes = stsz or stz2
    if sizes is None or (stsz and stz2):
        raise BoxesUnsupported("the track needs either 'stsz' or 'stz2'")
    constant, rows = fields(sizes, "II", 4)
    if rows == 0 or rows > MAX_SAMPLES:
        raise BoxesUnsupported(f"a table of {rows} samples")
    if stz2 is not None:
        size = _compact_sizes(stz2, rows)
    elif constant == 0:
        size = table(sizes, 12, rows, ">u4")
    elif rows * constant > file_size:
        raise BoxesUnsupported("the samples are larger than the file")
    else:
        size = np.full(rows, constant, np.int64)
    if size.min() < 1 or size.max() > MAX_SAMPLE_SIZE:
        raise BoxesUnsupported("a sample is empty or impossibly large")
    return size


def _compact_sizes(stz2: Box, rows: int) -> np.ndarray:
    r"""Returns the length of every sample from ``stz2``."""
    bits = fields(stz2, "B", 7)[0]
    if bits in (8, 16):
        return table(stz2, 12, rows, f">u{bits // 8}")
    if bits != 4:
        raise BoxesUnsupported(f"'stz2' with fields of {bits} bits")
    pairs = table(stz2, 12, (rows + 1) // 2, ">u1")
    return np.stack([pairs >> 4, pairs & 15], axis=1).ravel()[:rows]


def _positions(stbl: Box, size: np.ndarray) -> np.ndarray:
    r"""Returns the offset in the file of every sample from ``stsc`` and ``stco``."""
    stco, co64 = child(stbl, b"stco"), child(stbl, b"co64")
    chunks = stco or co64
    if chunks is None or (stco and co64):
        raise BoxesUnsupported("the track needs either 'stco' or 'co64'")
    start = table(chunks, 8, fields(chunks, "I", 4)[0], ">u4" if stco else ">i8")
    stsc = need(stbl, b"stsc")
    runs = table(stsc, 8, fields(stsc, "I", 4)[0], ">u4", columns=3)
    first, samples, description = runs.T
    if len(first) == 0 or first[0] != 1 or first[-1] > len(start):
        raise BoxesUnsupported("'stsc' doesn't fit the chunks of the track")
    if (np.diff(first) < 1).any() or (samples < 1).any():
        raise BoxesUnsupported("'stsc' is not in order")
    if (description != 1).any():
        raise BoxesUnsupported("the track has several sample descriptions")
    if start.min() < 0 or start.max() > 1 << 62:
        raise BoxesUnsupported("a chunk lies at an impossible offset")
    samples = np.repeat(samples, np.diff(first, append=len(start) + 1))
    if samples.sum() != len(size):
        raise BoxesUnsupported("the chunks hold more or fewer samples than the track has")
    before = np.cumsum(size) - size
    first_of_chunk = np.cumsum(samples) - samples
    return np.repeat(start - before[first_of_chunk], samples) + before


def _decoding_times(stts: Box, rows: int) -> np.ndarray:
    r"""Returns the decoding time of every sample from ``stts``, starting at 0."""
    count, step = table(stts, 8, fields(stts, "I", 4)[0], ">u4", columns=2).T
    if (count < 1).any() or count.sum() != rows:
        raise BoxesUnsupported("'stts' has more or fewer samples than the track")
    # Larger steps are negative ones in disguise, which readers repair each in their way.
    if step.max() > np.iinfo(np.int32).max:
        raise BoxesUnsupported("'stts' has a step that is too large")
    steps = np.repeat(step, count)
    return np.cumsum(steps) - steps


def _composition_offsets(ctts: Box | None, rows: int) -> tuple[np.ndarray, int] | None:
    r"""Returns the composition offset of every sample from ``ctts`` and the shift that
    makes up for negative ones, or :obj:`None` where there are none."""
    entries = fields(ctts, "I", 4)[0] if ctts else 0
    if ctts is None or entries == 0:
        return None
    count, offset = table(ctts, 8, entries, ">i4", columns=2).T
    if (count < 1).any() or count.sum() != rows:
        raise BoxesUnsupported("'ctts' has more or fewer samples than the track")
    if np.abs(offset).max() > MAX_OFFSET:
        raise BoxesUnsupported("'ctts' has an offset that is too large")
    # FFmpeg leaves the last two entries out, which old encoders got wrong.
    shift = max(0, -int(offset[:-2].min(initial=0)))
    return np.repeat(offset, count), shift


def _sync_samples(stss: Box | None, rows: int) -> np.ndarray:
    r"""Returns which samples are sync samples by ``stss``: all, where there is none."""
    if stss is None:
        return np.ones(rows, np.bool_)
    number = table(stss, 8, fields(stss, "I", 4)[0], ">u4")
    if len(number) == 0 or number[0] < 1 or number[-1] > rows:
        raise BoxesUnsupported("'stss' doesn't fit the samples of the track")
    if (np.diff(number) < 1).any():
        raise BoxesUnsupported("'stss' is not in order")
    key = np.zeros(rows, np.bool_)
    key[number - 1] = True
    return key


def read_edit(trak: Box, time_scale: int, movie_time_scale: int) -> Edit | None:
    r"""Returns the edit list of a track, or :obj:`None` where there is none.

    Args:
        trak: the track.
        time_scale: units a second of the track.
        movie_time_scale: units a second of the movie, in which durations are given.

    Raises:
        BoxesUnsupported: if it is more than one media edit after one empty edit.
    """
    elst = child(trak, b"edts", b"elst")
    if elst is None:
        return None
    version, entries = fields(elst, "B3xI")
    layout = "qqI" if version == 1 else "IiI"
    width = 20 if version == 1 else 12
    if elst.stop - elst.start != 8 + entries * width:
        raise BoxesUnsupported("'elst' has not the length that its entries need")
    if entries == 0:
        return None
    if entries > 2:
        raise BoxesUnsupported("the edit list has several media edits")
    edits = [fields(elst, layout, 8 + i * width) for i in range(entries)]
    empty = edits[:-1]
    duration, media_time, rate = edits[-1]
    if any(time != -1 for _, time, _ in empty) or media_time < 0:
        raise BoxesUnsupported("the edit list is not one media edit after an empty one")
    if rate != NORMAL_RATE or any(d < 0 for d, _, _ in edits):
        raise BoxesUnsupported("the edit list changes the speed or has a negative length")
    if movie_time_scale < 1:
        raise BoxesUnsupported("the movie has no time scale")

    def rescale(time: int) -> int:
        return (time * time_scale + movie_time_scale // 2) // movie_time_scale

    edit = Edit(sum(rescale(d) for d, _, _ in empty), media_time, rescale(duration))
    if max(edit) > 1 << 60:
        raise BoxesUnsupported("the edit list has an impossible length")
    return edit


def shift_to_edit(samples: Samples, edit: Edit | None) -> Samples:
    r"""Returns the samples at the times that an edit list gives them, all of them.

    FFmpeg does no more than that once a track of the file has no sample table.
    """
    move = samples.shift + (edit.media_time - edit.delay if edit else 0)
    return replace(samples, dts=samples.dts - move)


def apply_edit(samples: Samples, edit: Edit | None) -> Samples:
    r"""Returns the samples that an edit list leaves, at the times that it gives them.

    Those from the last sync sample before the edit on are kept, as they are needed to
    decode it, and hidden; so are those that come after it in presentation but not in
    decoding order.

    Args:
        samples: all samples of the track, decoding times starting at 0.
        edit: the edit list.

    Raises:
        BoxesUnsupported: if no sample is left, or decoding times repeat, in which case
            the first sample kept is a matter of chance.
    """
    if edit is None:
        return replace(samples, dts=samples.dts - samples.shift)
    steps = np.diff(samples.dts, append=samples.dts[-1] + edit.duration)
    if (steps[:-1] < 1).any():
        raise BoxesUnsupported("an edit list over repeated decoding times")
    composed = samples.dts + samples.offset
    end = edit.media_time + edit.duration
    start = _first_needed(samples, composed, edit.media_time)
    over = samples.key & (composed + steps >= end)
    over[:start] = False
    last = np.flatnonzero(over)[int(samples.has_offsets) :][:1]
    kept = slice(start, int(last[0]) + 1 if len(last) else len(samples))

    inside = (composed[kept] >= edit.media_time) & (composed[kept] < end)
    if not inside.any():
        raise BoxesUnsupported("the edit list leaves no sample")
    samples = samples[kept]
    origin = samples.dts[inside.argmax()]
    dts = samples.dts - origin + edit.delay - samples.shift
    lead = _lead((dts + samples.shift + samples.offset)[inside]) - edit.delay
    return replace(samples, dts=dts - max(lead, 0), hidden=~inside)


def _first_needed(samples: Samples, composed: np.ndarray, time: int) -> int:
    r"""Returns the sample from which on to decode what is shown at ``time``."""
    decoded = samples.dts <= time
    found = np.flatnonzero(samples.key & decoded & (composed <= time))
    if len(found) == 0 and not samples.has_offsets:
        found = np.flatnonzero(decoded)
    return int(found[-1]) if len(found) else 0


def _lead(pts: np.ndarray) -> int:
    r"""Returns the least pts, as FFmpeg finds it: it starts anew after a negative one."""
    negative = np.flatnonzero(pts < 0)
    after = pts[negative[-1] + 1 :] if len(negative) else pts
    return int(after.min() if len(after) else pts[-1])


def describe(stbl: Box) -> Box:
    r"""Returns the only sample entry of a sample table.

    Raises:
        BoxesUnsupported: if it has several.
    """
    stsd = need(stbl, b"stsd")
    entries = list(children(stsd, skip=8))
    if fields(stsd, "I", 4)[0] != 1 or len(entries) != 1:
        raise BoxesUnsupported(f"a track has {len(entries)} sample descriptions")
    return entries[0]
