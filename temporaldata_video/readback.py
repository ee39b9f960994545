r"""Reads a file back by its new index, beside a sequential decode: is frame k frame k?

The sequential decode goes through the container, as any player does: FFmpeg demuxes, its
own decoder of the stream decodes, and frames come in the order in which that gives them.
What is compared is what users get: RGB, read by the path that they read by.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .container import demuxed, keep_to_one_thread, open_container
from .errors import VideoError
from .index.packets import SegmentIndex
from .media.convert import OutputFormat
from .media.probe import one_thread, plane_pixels
from .media.read import Segment, forget, read_frames
from .types import Packets

if TYPE_CHECKING:
    import av

# What is decoded of a file for its check, in pixels: all of a short one.
ODD_BUDGET = 150_000_000
# Of a plain one: so much that indexing a long one takes a fifth longer at most.
_PLAIN_BUDGET, _PLAIN_PIXELS_A_FRAME = 4_000_000, 200
# At least so many packets are decoded at a place, and as many more as are reordered.
_LEAST_PACKETS = 4
# Frames compared on either side of the places that are looked at.
_MARGIN = 2
# Pixels of the reader that are held at a time.
_CHUNK_BYTES = 128 * 1024 * 1024
_RGB = OutputFormat(channel_format="NHWC")


class Fault(NamedTuple):
    r"""How an index is wrong.

    Args:
        kind: ``"order"`` if frames come in another order or number, ``"pixels"`` if a frame
            is another picture or does not decode.
        what: the same as a sentence.
    """

    kind: Literal["order", "pixels"]
    what: str


def plain_budget(index: SegmentIndex) -> int:
    r"""Returns how many pixels to decode of a file that looks as all files do.

    Args:
        index: the index of the file.
    """
    return _PLAIN_BUDGET + _PLAIN_PIXELS_A_FRAME * len(index)


def find_fault(file: Segment, budget: int) -> Fault | None:
    r"""Returns a fault of an index, or :obj:`None` if there is none to be seen.

    The beginning of the file is decoded in sequence, then groups of pictures in the middle
    and at the end, as far as the budget goes; a short file as a whole.

    Args:
        file: a file and its index.
        budget: how many pixels to decode in sequence at most.

    Raises:
        SourceError: if the file cannot be read.
    """
    truth = _Truth(file)
    stream = file.packets.stream
    frames = max(1, budget // (stream.width * stream.height))
    if frames >= len(truth.row):
        truth.follow(0, len(truth.row))
    else:
        keys = np.flatnonzero(truth.packets.keyframe & (truth.row >= 0)).tolist()
        places = sorted({0, *keys[len(keys) // 2 :][:1], *keys[-1:]})
        least = stream.reorder + _LEAST_PACKETS
        for place in places:
            truth.follow(place, max(least, frames // len(places)))
    try:
        return truth.fault or _compare(file, truth)
    finally:
        forget(file)


@dataclass(eq=False)
class _Truth:
    # What a sequential decode of parts of a file shows.
    file: Segment
    packets: Packets = field(init=False)
    row: np.ndarray = field(init=False)
    seen: dict[int, int | None] = field(default_factory=dict)
    fault: Fault | None = None

    def __post_init__(self) -> None:
        index = self.file.packets
        assert isinstance(index, SegmentIndex)
        table = Packets.concatenate([index.frames, index.hidden])
        row = np.append(np.arange(len(index)), np.full(len(index.hidden), -1))
        order = np.argsort(table.dts, kind="stable")
        self.packets, self.row = table[order], row[order]

    def follow(self, place: int, n_packets: int) -> None:
        r"""Decodes some packets from a key frame on, and holds rows against what is shown.

        Args:
            place: number of the packet in the order of the file.
            n_packets: how many to decode.
        """
        if self.fault is not None:
            return
        expected = int(self.row[place]) if place else 0
        failed: set[int] = set()
        ended = False
        for number, frame in self._decoded(place, n_packets, failed):
            if frame is None:
                ended = True
                continue
            row = int(self.row[number]) if number < len(self.row) else -1
            if 0 <= row < expected and place:
                continue  # pictures that lead the key frame
            while expected in failed and expected != row:
                expected += 1
            if row != expected:
                self.fault = Fault(
                    "order",
                    f"a sequential decode shows packet {number} where the index has frame "
                    f"{expected}",
                )
                return
            self.seen[row] = _checksum(frame, self.file)
            expected += 1
        while expected in failed:
            expected += 1
        if ended and expected != len(self.file.packets):
            self.fault = Fault(
                "order",
                f"a sequential decode shows {expected} frames and the index has "
                f"{len(self.file.packets)}",
            )

    def _decoded(
        self, place: int, n_packets: int, failed: set[int]
    ) -> Iterator[tuple[int, av.VideoFrame | None]]:
        # Yields the number of the packet of each frame, and None for it at the end.
        import av

        uri = self.file.uri
        with self.file.store.open(uri) as opened, open_container(opened, uri) as container:
            source = container.streams.video[0]
            context = source.codec_context
            keep_to_one_thread(context)
            if place:
                try:
                    container.seek(int(self.packets.dts[place]), stream=source)
                except av.error.FFmpegError:
                    return
            number = place - 1
            for packet in demuxed(container, source, uri):
                if number == place - 1 and place:
                    number = self._landed(packet, place) - 1
                    if number < 0:
                        return
                number += 1
                if number >= place + n_packets:
                    return
                if number >= len(self.row) or packet.size != self.packets.size[number]:
                    self.fault = Fault("order", f"packet {number} is demuxed otherwise")
                    return
                packet.pts = number
                try:
                    frames = context.decode(packet)
                except (av.error.FFmpegError, ValueError):
                    failed.add(int(self.row[number]))
                    continue
                yield from ((f.pts, f) for f in frames if f.pts is not None)
            try:
                frames = context.decode(None)
            except (av.error.FFmpegError, ValueError):
                frames = []
            yield from ((f.pts, f) for f in frames if f.pts is not None)
            yield number, None

    def _landed(self, packet: av.Packet, place: int) -> int:
        # The number of the packet at which a seek ended, if it is the one meant.
        same = packet.size == self.packets.size[place]
        return place if same and packet.is_keyframe else -1


def _checksum(frame: av.VideoFrame, file: Segment) -> int | None:
    # Of its pixels as users get them; None if there is no telling.
    from av.video.reformatter import VideoReformatter

    stream = file.packets.stream
    if (frame.width, frame.height) != (stream.width, stream.height):
        return None
    try:
        picture = VideoReformatter().reformat(frame, format="rgb24", **one_thread())
    except (ValueError, OSError):
        return None
    pixels = np.rot90(plane_pixels(picture, 0, channels=3), stream.rotation // 90)
    if stream.mirrored:
        pixels = pixels[:, ::-1]
    return zlib.crc32(np.ascontiguousarray(pixels).data)


def _compare(file: Segment, truth: _Truth) -> Fault | None:
    known = (row for row, checksum in truth.seen.items() if checksum is not None)
    rows = np.array(sorted(known), np.int64)
    if len(rows) < len(file.packets):
        rows = rows[_near_edges(rows, truth)]
    for some in _requests(rows, truth, file):
        shape = _RGB.frame_shape(*file.packets.stream.display_size)
        pixels = np.empty((len(some), *shape), np.uint8)
        slot = {row: pixels[i] for i, row in enumerate(some.tolist())}
        try:
            missing = read_frames(file, some, _RGB, slot.__getitem__)
        except VideoError as error:
            return Fault("pixels", f"frame {some[0]} cannot be read: {error}")
        for row, found in slot.items():
            if row in missing:
                return Fault("pixels", f"frame {row} does not decode: {missing[row]}")
            if zlib.crc32(found.data) != truth.seen[row]:
                return Fault("pixels", f"frame {row} is another picture")
    return None


def _keys(truth: _Truth) -> np.ndarray:
    keys = truth.row[truth.packets.keyframe & (truth.row >= 0)]
    return np.sort(keys)


def _near_edges(rows: np.ndarray, truth: _Truth) -> np.ndarray:
    # Rows by a key frame, or by either end of what was decoded in one go.
    edges = np.flatnonzero(np.diff(rows, prepend=-9) > 1)
    edges = np.concatenate([rows[edges], rows[edges - 1], rows[-1:], _keys(truth)])
    distance = np.abs(rows[:, None] - np.sort(edges)[None, :]).min(axis=1)
    return distance <= _MARGIN


def _requests(rows: np.ndarray, truth: _Truth, file: Segment) -> Iterator[np.ndarray]:
    # One request for each group of pictures, the last first, so that none goes on from the
    # decoder of the one before.
    keys = _keys(truth)
    stream = file.packets.stream
    most = max(1, _CHUNK_BYTES // (3 * stream.width * stream.height))
    group = np.searchsorted(keys, rows, side="right")
    for number in np.unique(group)[::-1]:
        of_group = rows[group == number]
        for start in range(0, len(of_group), most):
            yield of_group[start : start + most]
