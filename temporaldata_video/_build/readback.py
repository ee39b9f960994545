r"""Reads a file back by its new index, and compares it with a sequential decode.

The sequential decode goes through the container, as any player does: FFmpeg demuxes, the
container's own decoder decodes, and gives frames in its order. The comparison is of what
users get: RGB of all bits that there are, read by the same path.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

import numpy as np

from .._base.container import (
    LONGEST_BLOCK_HEADER,
    demuxed,
    ffmpeg_errors,
    keep_to_one_thread,
    open_container,
)
from ..errors import VideoError
from .._index.packets import SegmentIndex
from .._pixels.convert import OutputFormat
from .._pixels.depth import bit_depth, sample_dtype
from .._pixels.equality import one_thread, plane_pixels
from .._decode.read_file import VideoFile, forget, read_frames
from ..types import Packets

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

# How many pixels of a file are decoded for its check; of a short file, all.
ODD_BUDGET = 150_000_000
# The same for a plain file: indexing a long one then takes at most a fifth longer.
_PLAIN_BUDGET, _PLAIN_PIXELS_A_FRAME = 1_000_000, 60
# At each place, at least this many packets are decoded, and as many more as are reordered.
_LEAST_PACKETS = 4
# How many frames are compared on either side of a place.
_MARGIN = 2
# How many key frames are compared after one another.
_READ_IN_ONE_GO = 8
# How many bytes of the reader's pixels are held at a time.
_CHUNK_BYTES = 128 * 1024 * 1024
_RGB = OutputFormat(channel_format="NHWC", dtype="auto")


class Fault(NamedTuple):
    r"""How an index is wrong.

    Args:
        kind: ``"order"`` if frames come in another order or number, ``"keys"`` if the
            decoder does not call a key frame one, ``"pixels"`` if a frame is another
            picture or does not decode, ``"nothing"`` if none decodes.
        what: the same as a sentence.
        row: the frame; -1 where the fault is of no single frame.
    """

    kind: Literal["order", "keys", "pixels", "nothing"]
    what: str
    row: int = -1


def plain_budget(index: SegmentIndex) -> int:
    r"""Returns how many pixels to decode of a file in which nothing is unusual.

    Args:
        index: the index of the file.
    """
    return _PLAIN_BUDGET + _PLAIN_PIXELS_A_FRAME * len(index)


def find_fault(
    file: VideoFile,
    budget: int,
    open_file: Callable[[], BinaryIO] | None = None,
    *,
    proven: bool = False,
) -> Fault | None:
    r"""Returns a fault of an index, or :obj:`None` if it finds none.

    The beginning of the file is decoded in sequence, then groups of pictures in the middle
    and at the end, as far as the budget goes; a short file as a whole.

    Args:
        file: a file and its index.
        budget: how many pixels to decode in sequence at most.
        open_file: opens the file; by default its store does.
        proven: whether all its key frames were tried already.

    Raises:
        SourceError: if the file cannot be read.
    """
    truth = _Truth(file)
    stream = file.packets.stream
    frames = max(1, budget // (stream.width * stream.height))
    places, n_packets = [0], len(truth.row)
    if frames < len(truth.row):
        keys = np.flatnonzero(truth.packets.keyframe & (truth.row >= 0)).tolist()
        least = stream.reorder + _LEAST_PACKETS
        n_packets = max(least, frames // 3)
        places = sorted({0, *_starts(keys, n_packets - least)})
    opened = open_file() if open_file else file.store.open(file.uri)
    try:
        with opened, open_container(opened, file.uri) as container:
            for place in places:
                truth.follow(container, place, n_packets)
        if not truth.seen and truth.fault is None:
            if budget < ODD_BUDGET:  # a key frame may come later
                return find_fault(file, ODD_BUDGET, open_file, proven=proven)
            return Fault("nothing", "a sequential decode shows no frame")
        if truth.fault is None and truth.not_keys and not proven:
            return Fault("keys", f"packet {truth.not_keys[0]} is no key frame")
        return truth.fault or _compare(file, truth)
    finally:
        forget(file)


def _starts(keys: list[int], most: int) -> Iterator[int]:
    # Decoding starts at the key frame before the middle one, and before the last one, if it
    # is not too far away: this shows whether the key frame after it is one.
    for at in {len(keys) // 2, len(keys) - 1} if keys else ():
        near = at > 0 and keys[at] - keys[at - 1] <= most
        yield keys[at - near]


def is_damaged(file: VideoFile, row: int) -> bool:
    r"""Returns whether a decoder that conceals nothing fails on what a frame depends on: on
    its group of pictures, or on the one before.

    Args:
        file: a file and its index.
        row: the frame.

    Raises:
        SourceError: if the file cannot be read.
    """
    truth = _Truth(file, look=False)
    place = int(np.flatnonzero(truth.row == row)[0])
    keys = np.flatnonzero(truth.packets.keyframe[: place + 1])
    # Decoding starts one group earlier; a reference that is missing there is no damage.
    start, first, _ = [0, 0, 0, *keys.tolist()][-3:]
    failed: set[int] = set()
    opened = file.store.open(file.uri)
    with opened, open_container(opened, file.uri) as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        margin = file.packets.stream.reorder + _LEAST_PACKETS
        for _ in truth._decoded(container, start, place - start + margin, failed):
            pass
    return any(number >= first for number in failed)


def find_disorder(file: VideoFile) -> Fault | None:
    r"""Decodes a whole file, and returns where its frames come in another order or number
    than the index says, or :obj:`None`.

    Args:
        file: a file and its index.

    Raises:
        SourceError: if the file cannot be read.
    """
    truth = _Truth(file, look=False)
    opened = file.store.open(file.uri)
    with opened, open_container(opened, file.uri) as container:
        truth.follow(container, 0, len(truth.row))
    return truth.fault


@dataclass(eq=False)
class _Truth:
    # What a sequential decode of parts of a file shows.
    file: VideoFile
    look: bool = True
    packets: Packets = field(init=False)
    row: np.ndarray = field(init=False)
    seen: dict[int, int | None] = field(default_factory=dict)
    fault: Fault | None = None
    changes_size: bool = False
    says_keys: bool = False
    not_keys: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        index = self.file.packets
        assert isinstance(index, SegmentIndex)
        table = Packets.concatenate([index.frames, index.hidden])
        row = np.append(np.arange(len(index)), np.full(len(index.hidden), -1))
        order = np.argsort(table.dts, kind="stable")
        self.packets, self.row = table[order], row[order]

    def follow(self, container: InputContainer, place: int, n_packets: int) -> None:
        r"""Decodes some packets from a key frame on, and compares rows with what it shows.

        Args:
            container: the file.
            place: number of the packet in the order of the file.
            n_packets: how many to decode.
        """
        if self.fault is not None:
            return
        expected = int(self.row[place]) if place else 0
        failed: set[int] = set()
        ended = False
        for number, frame in self._decoded(container, place, n_packets, failed):
            if frame is None:
                ended = True
                continue
            row = int(self.row[number]) if number < len(self.row) else -1
            if 0 <= row < expected and place:
                continue  # pictures that are shown before the key frame
            while expected != row and expected in self._rows(failed):
                expected += 1
            if row != expected:
                self.fault = Fault(
                    "order",
                    f"a sequential decode shows packet {number} where the index has frame "
                    f"{expected}",
                )
                return
            self.seen[row] = _checksum(frame, self.file) if self.look else None
            if self.packets.keyframe[number]:
                # Not all decoders say it; the first frame is a key frame for sure.
                self.says_keys = self.says_keys or (number == 0 and frame.key_frame)
                if self.says_keys and not frame.key_frame:
                    self.not_keys.append(number)
            stream = self.file.packets.stream
            if (frame.width, frame.height) != (stream.width, stream.height):
                self.changes_size = True
            expected += 1
        while expected in self._rows(failed):
            expected += 1
        if ended and expected != len(self.file.packets):
            self.fault = Fault(
                "order",
                f"a sequential decode shows {expected} frames and the index has "
                f"{len(self.file.packets)}",
            )

    def _rows(self, numbers: set[int]) -> set[int]:
        return {int(self.row[number]) for number in numbers}

    def _decoded(
        self, container: InputContainer, place: int, n_packets: int, failed: set[int]
    ) -> Iterator[tuple[int, av.VideoFrame | None]]:
        # Yields the number of the packet of each frame, and the frame; at the end, None.

        source = container.streams.video[0]
        context = source.codec_context
        if place:
            try:
                container.seek(int(self.packets.pts[place]), stream=source)
            except ffmpeg_errors():
                return
        if context.is_open:
            context.flush_buffers()
        else:
            keep_to_one_thread(context)
        number = -1
        for packet in demuxed(container, source, self.file.uri):
            if number < 0 and place:
                number = self._landed(packet, place)
                if number < 0:
                    return
            else:
                number += 1
            if number >= place + n_packets:
                return
            if number >= len(self.row) or packet.size != self.packets.size[number]:
                self.fault = Fault("order", f"packet {number} differs when demuxed again")
                return
            packet.pts = number
            try:
                frames = context.decode(packet)
            except ffmpeg_errors():
                failed.add(number)
                continue
            yield from ((f.pts, f) for f in frames if f.pts is not None)
        with suppress(*ffmpeg_errors()):
            yield from ((f.pts, f) for f in context.decode(None) if f.pts is not None)
        yield len(self.row), None

    def _landed(self, packet: av.Packet, place: int) -> int:
        # Returns the number of the packet at which a seek ended, which may be a key frame
        # before the intended one; -1 if the index does not have the packet.
        before = slice(place + 1)
        ahead = self.packets.pos[before] - (-1 if packet.pos is None else packet.pos)
        same = self.packets.keyframe[before] & (self.packets.size[before] == packet.size)
        places = np.flatnonzero(same & (ahead >= 0) & (ahead <= LONGEST_BLOCK_HEADER))
        return int(places[-1]) if len(places) else -1


def _output(file: VideoFile) -> OutputFormat:
    return _RGB.for_depth(bit_depth(file.packets.stream.pixel_format))


def _checksum(frame: av.VideoFrame, file: VideoFile) -> int | None:
    # The checksum of the pixels that users get; None if FFmpeg cannot convert them.
    from av.video.reformatter import VideoReformatter

    stream = file.packets.stream
    pixel_format = "rgb48le" if _output(file).dtype == "uint16" else "rgb24"
    try:
        picture = VideoReformatter().reformat(
            frame,
            format=pixel_format,
            width=stream.width,
            height=stream.height,
            **one_thread(frame.format.name, frame.height, pixel_format),
        )
    except (ValueError, OSError):
        return None
    pixels = plane_pixels(picture, 0, sample_dtype(pixel_format), channels=3)
    pixels = np.rot90(pixels, stream.rotation // 90)
    if stream.mirrored:
        pixels = pixels[:, ::-1]
    return zlib.crc32(np.ascontiguousarray(pixels).data)


def _compare(file: VideoFile, truth: _Truth) -> Fault | None:
    checked = (row for row, checksum in truth.seen.items() if checksum is not None)
    rows = np.array(sorted(checked), np.int64)
    if len(rows) < len(file.packets):
        rows = rows[_near_edges(rows, truth)]
    size = file.packets.stream.display_size
    output = _output(file)
    if truth.changes_size:
        output = replace(output, resize=size)
    for some in _requests(rows, truth, file):
        shape = (len(some), *output.frame_shape(*size))
        pixels = np.empty(shape, output.sample_dtype)
        slot = {row: pixels[i] for i, row in enumerate(some.tolist())}
        try:
            missing = read_frames(file, some, output, slot.__getitem__)
        except VideoError as error:
            return Fault("pixels", f"frame {some[0]} cannot be read: {error}", int(some[0]))
        for row, found in slot.items():
            if row in missing:
                return Fault("pixels", f"frame {row} does not decode: {missing[row]}", row)
            if zlib.crc32(found.data) != truth.seen[row]:
                return Fault("pixels", f"frame {row} is another picture", row)
    return None


def _keys(truth: _Truth) -> np.ndarray:
    keys = truth.row[truth.packets.keyframe & (truth.row >= 0)]
    return np.sort(keys)


def _near_edges(rows: np.ndarray, truth: _Truth) -> np.ndarray:
    # Rows near a key frame, or near either end of what was decoded in one go.
    edges = np.flatnonzero(np.diff(rows, prepend=-9) > 1)
    edges = np.concatenate([rows[edges], rows[edges - 1], rows[-1:], _keys(truth)])
    distance = np.abs(rows[:, None] - np.sort(edges)[None, :]).min(axis=1)
    return distance <= _MARGIN


def _requests(rows: np.ndarray, truth: _Truth, file: VideoFile) -> Iterator[np.ndarray]:
    # One request per group of pictures, the last group first, so that no request continues
    # with the decoder of the one before. Where each picture is a group of its own, a few
    # are also read in one go, as users do.
    keys = _keys(truth)
    stream = file.packets.stream
    pixel_bytes = 3 * _output(file).sample_dtype.itemsize
    most = max(1, _CHUNK_BYTES // (pixel_bytes * stream.width * stream.height))
    group = np.searchsorted(keys, rows, side="right")
    for number in np.unique(group)[::-1]:
        of_group = rows[group == number]
        for start in range(0, len(of_group), most):
            yield of_group[start : start + most]
    if len(keys) == len(truth.row):
        yield rows[: min(most, _READ_IN_ONE_GO)]
