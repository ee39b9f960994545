r"""Indexes an MP4, MOV or 3GP file from its ``moov`` and ``moof`` boxes alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..types import Packets, StreamInfo
from .boxtree import (
    HEADER,
    Box,
    BoxesUnsupported,
    box_header,
    child,
    children,
    fields,
    name,
    need,
    table,
)
from .display import display_transform
from .fragments import Defaults, read_fragments
from .packets import SegmentIndex, increasing_dts, order_frames
from .sampleentry import CODECS, INTRA_ONLY, NOT_VIDEO, REORDERING, read_sample_entry
from .sampletable import (
    Samples,
    apply_edit,
    describe,
    read_edit,
    read_samples,
    shift_to_edit,
    table_counts,
)

__all__ = ["BoxesUnsupported", "scan_boxes"]

CONTAINER = "mov,mp4,m4a,3gp,3g2,mj2"
FIRST_BOXES = frozenset(b"ftyp styp moov mdat free skip wide pnot uuid".split())
MAX_BOXES = 1 << 19
MAX_HEADERS = 1 << 29

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Layout:
    r"""The boxes at the top level of a file that tell of its packets.

    Args:
        moov: the movie box.
        moofs: offset in the file of each movie fragment, and the box.
        indexed: whether there is a segment index (``sidx``).
    """

    moov: Box
    moofs: list[tuple[int, Box]]
    indexed: bool


@dataclass(frozen=True)
class Track:
    r"""The track that FFmpeg calls the first video stream.

    Args:
        trak: its box.
        stream_index: number of the stream.
        edited: whether FFmpeg applies edit lists in full, which it ceases to do at the
            first track without a sample table.
        alone: whether the file has no other track.
    """

    trak: Box
    stream_index: int
    edited: bool
    alone: bool

    @property
    def stbl(self) -> Box:
        r"""The sample table of the track."""
        return need(self.trak, b"mdia", b"minf", b"stbl")

    @property
    def number(self) -> int:
        r"""Number of the track in the file."""
        header, version = _versioned(self.trak, b"tkhd")
        return fields(header, "I", 12 + 8 * version)[0]


def scan_boxes(read: Read, size: int) -> SegmentIndex:
    r"""Indexes the first video stream of a file without reading any of its media.

    The result is that of demuxing the file, packet by packet.

    Args:
        read: returns ``length`` bytes of the file from ``start``, called as
            ``read(start, length)``.
        size: length of the file in bytes.

    Returns:
        The index, without a fingerprint.

    Raises:
        BoxesUnsupported: if the file is no ISO base media file, is damaged, or has
            something in it that only a demuxer can be trusted with.
    """
    layout = _read_layout(read, size)
    track = _choose_track(layout.moov)
    stream = _read_stream(layout.moov, track)
    samples = _read_track(layout, track, size)
    samples, missing = _cut_to_file(samples, size, track.alone)
    if samples.hidden.all():
        raise BoxesUnsupported("the track shows no sample")
    return order_frames(
        stream,
        _packets(samples, stream.codec, size),
        ~samples.hidden,
        missing_packets=missing,
    )


def _read_layout(read: Read, size: int) -> Layout:
    r"""Returns the boxes of the top level, of which only headers are read otherwise."""
    moov, moofs, indexed, at, budget = None, [], False, 0, MAX_HEADERS
    for _ in range(MAX_BOXES):
        header = box_header(_read(read, at, min(HEADER, size - at)), 0, size - at)
        if at == 0 and (header is None or header[0] not in FIRST_BOXES):
            raise BoxesUnsupported("the file is no ISO base media file")
        if header is None:
            break
        kind, head, length = header
        if kind in (b"moov", b"moof"):
            if length > min(size - at, budget):
                raise BoxesUnsupported(f"{name(kind)!r} is cut off or too large")
            budget -= length
            body = _read(read, at + head, length - head)
            box = Box(kind, body, 0, len(body))
            if kind == b"moof":
                moofs.append((at, box))
            elif moov is None:
                moov = box
        elif kind == b"meta":
            raise BoxesUnsupported("the file may hold pictures besides its tracks")
        indexed = indexed or kind == b"sidx"
        if moofs and moov is None:
            raise BoxesUnsupported("a fragment comes before 'moov'")
        at += length
        if at >= size:
            break
    else:
        raise BoxesUnsupported(f"the file has more than {MAX_BOXES} boxes")
    if moov is None:
        raise BoxesUnsupported("the file has no 'moov' box")
    return Layout(moov, moofs, indexed)


def _read(read: Read, start: int, length: int) -> bytes:
    data = read(start, length)
    if len(data) != length:
        raise BoxesUnsupported("the file is shorter than it was said to be")
    return data


def _choose_track(moov: Box) -> Track:
    r"""Returns the first track that FFmpeg takes for video."""
    traks = [box for box in children(moov) if box.kind == b"trak"]
    edited = True
    for i, trak in enumerate(traks):
        stbl = need(trak, b"mdia", b"minf", b"stbl")
        timed, sized = table_counts(stbl)
        if bool(timed) != bool(sized):
            raise BoxesUnsupported("the sample table of a track is broken")
        edited = edited and timed > 0
        if _is_video(trak, stbl):
            track = Track(trak, i, edited, alone=len(traks) == 1)
            break
    else:
        raise BoxesUnsupported("the file has no video track")
    # A cover picture is a stream of its own, numbered where it is found.
    if moov.data.find(b"covr", 0, trak.stop) >= 0:
        raise BoxesUnsupported("a cover picture comes before the video track")
    for other in traks:
        chapters = child(other, b"tref", b"chap")
        if chapters is None:
            continue
        if track.number in table(chapters, 0, (chapters.stop - chapters.start) // 4, ">u4"):
            raise BoxesUnsupported("the video track holds pictures of chapters")
    return track


def _is_video(trak: Box, stbl: Box) -> bool:
    handler = need(trak, b"mdia", b"hdlr").payload[8:12]
    if handler in (b"vide", b"soun"):
        return handler == b"vide"
    entry = describe(stbl).kind
    if entry not in NOT_VIDEO and entry not in CODECS:
        raise BoxesUnsupported(f"a track of {name(entry)!r} may be video or not")
    return entry in CODECS


def _read_stream(moov: Box, track: Track) -> StreamInfo:
    r"""Returns the facts of the stream."""
    for reference in children(need(track.trak, b"mdia", b"minf", b"dinf", b"dref"), skip=8):
        if not fields(reference, "I")[0] & 1:
            raise BoxesUnsupported("the media lie in another file")
    rotation, mirrored = display_transform(_display_matrix(moov, track.trak))
    return StreamInfo(
        container=CONTAINER,
        stream_index=track.stream_index,
        time_base=Fraction(1, _time_scale(need(track.trak, b"mdia"), b"mdhd")),
        rotation=rotation,
        mirrored=mirrored,
        **read_sample_entry(describe(track.stbl))._asdict(),
    )


def _versioned(parent: Box, kind: bytes) -> tuple[Box, int]:
    r"""Returns ``mvhd``, ``tkhd`` or ``mdhd`` and its version: in version 1 two times and
    a duration have 8 bytes each, in version 0 they have 4."""
    header = need(parent, kind)
    version = fields(header, "B")[0]
    if version > 1:
        raise BoxesUnsupported(f"{name(kind)!r} is of version {version}")
    return header, version


def _time_scale(parent: Box, kind: bytes) -> int:
    r"""Returns the units a second that ``mvhd`` or ``mdhd`` tells."""
    header, version = _versioned(parent, kind)
    scale = fields(header, "I", 12 + 8 * version)[0]
    if not 0 < scale < 1 << 31:
        raise BoxesUnsupported(f"{name(kind)!r} has an impossible time scale")
    return scale


def _display_matrix(moov: Box, trak: Box) -> list[int]:
    r"""Returns the nine numbers of the track's matrix times the movie's."""
    if next(children(moov), trak).kind != b"mvhd":
        raise BoxesUnsupported("'moov' doesn't begin with 'mvhd'")
    matrices = []
    for parent, kind, at in ((trak, b"tkhd", 40), (moov, b"mvhd", 36)):
        header, version = _versioned(parent, kind)
        numbers = fields(header, "9i", at + 12 * version)
        matrices.append(np.array(numbers, np.int64).reshape(3, 3))
    left, right = matrices
    # The last column of a matrix has 30 bits after the point, the others have 16.
    point = np.array([16, 16, 30])[None, :, None]
    product = (left[:, :, None] * right[None, :, :]) >> point
    return [int(number) for number in product.sum(axis=1).astype(np.int32).ravel()]


def _read_track(layout: Layout, track: Track, size: int) -> Samples:
    r"""Returns the samples of a track at the times at which FFmpeg puts them."""
    time_scale = _time_scale(need(track.trak, b"mdia"), b"mdhd")
    movie_time_scale = _time_scale(layout.moov, b"mvhd")
    edit = read_edit(track.trak, time_scale, movie_time_scale)
    if table_counts(track.stbl)[1]:
        if layout.moofs:
            raise BoxesUnsupported("the track lies partly in fragments")
        samples = read_samples(track.stbl, size)
        return (apply_edit if track.edited else shift_to_edit)(samples, edit)
    mvex = child(layout.moov, b"mvex")
    trexes = [box for box in children(mvex) if box.kind == b"trex"] if mvex else []
    defaults = {fields(b, "I", 4)[0]: Defaults(*fields(b, "IIII", 8)) for b in trexes}
    move = edit.media_time - edit.delay if edit else 0
    return read_fragments(layout.moofs, track.number, defaults, move, size, layout.indexed)


def _cut_to_file(samples: Samples, size: int, alone: bool) -> tuple[Samples, int]:
    r"""Returns the samples that begin within the file, and how many don't."""
    beyond = samples.pos >= size
    missing = int(beyond.sum())
    if missing and not (alone and beyond[-missing:].all()):
        raise BoxesUnsupported("the file is cut off, and it matters what is read first")
    return samples[: len(samples) - missing], missing


def _packets(samples: Samples, codec: str, size: int) -> Packets:
    r"""Returns the samples as the packets that FFmpeg makes of them.

    Raises:
        BoxesUnsupported: if FFmpeg would look into the media to tell their times or
            whether they are key frames.
    """
    pts, dts = samples.pts, samples.dts
    reordered = bool((np.diff(pts) < 0).any())
    if codec not in REORDERING and (pts != dts).any():
        raise BoxesUnsupported(f"{codec} with decoding times of its own")
    if samples.key.all() and reordered:
        raise BoxesUnsupported("all frames are said to be key frames, yet are reordered")
    # FFmpeg makes up decoding times once those of the file (of fragments that overlap in
    # time, for instance) don't increase; only if all are one is its answer known.
    if (np.diff(dts) < 1).any():
        if (pts != pts[0]).any() or (dts != pts[0]).any():
            raise BoxesUnsupported("decoding times don't increase")
        dts = increasing_dts(dts.tolist())
    return Packets(
        pts=pts,
        dts=dts,
        pos=samples.pos,
        size=np.minimum(samples.size, size - samples.pos),
        keyframe=samples.key | (codec in INTRA_ONLY),
    )
