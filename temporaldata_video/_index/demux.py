r"""Demuxes a file with FFmpeg: the packets of its first video stream, and its facts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from .._base.container import (
    LONGEST_BLOCK_HEADER,
    as_fraction,
    demuxed,
    ffmpeg_errors,
    keep_to_one_thread,
    open_container,
)
from .._base.formats import SELF_CONTAINED_CODECS
from ..errors import SourceError
from ..types import FIELD_ORDERS, SideData, StreamInfo
from .chroma import chroma_location
from .display_matrix import display_transform
from .fields import may_hold_fields
from .headerfile import HeaderFile
from .packets import NO_TIME
from .preamble import find_preamble

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.packet import PacketSideData
    from av.video.stream import VideoStream

# FFmpeg's name of the demuxer of MP4, MOV and 3GP.
MOV = "mov,mp4,m4a,3gp,3g2,mj2"
# By default PyAV lets FFmpeg make up missing pts, which hides that they are missing.
_WHOLE = {"fflags": "-genpts"}
# FFmpeg reads nothing ahead, and doesn't look into payloads: they read as zeros.
_HEADER = {"fflags": "noparse+nofillin", "probesize": "32", "analyzeduration": "0"}
# Small, so that beyond the header no more than the first frame is read.
_HEADER_BUFFER = 4096
# The kinds of side data that change what a decoder does.
_SIDE_DATA = ("palette", "new_extradata")
_MOST_SIDE_DATA_BYTES = 1 << 20
# Packets that are read, at most, to get a first frame in a scan of the header.
_FIRST_PACKETS = 32


@dataclass(frozen=True, eq=False)
class Scan:
    r"""The packets of a stream in the order of the file, as FFmpeg demuxes them.

    Args:
        stream: the facts of the stream.
        pts: presentation timestamps, int64 of shape (n,), ``NO_TIME`` where there is none.
        dts: decoding timestamps, likewise.
        pos: offset of the first byte in the file, int64 of shape (n,); -1 if unknown.
        size: length in bytes, int32 of shape (n,).
        keyframe: whether the container, or FFmpeg's parser, calls it a key frame, bool.
        discard: whether an edit list hides it, bool.
        silent: whether it says itself that it shows nothing, bool.
        declared_frames: number of frames that the header declares; 0 if it declares none.
        reorders: whether the codec can show frames in another order than it decodes them.
        delays: whether this stream does, as its header says.
        intra_only: whether the codec has only key frames.
        interval: time base units from frame to frame, by the frame rate that the stream
            states, or that FFmpeg assumes.
    """

    stream: StreamInfo
    pts: np.ndarray
    dts: np.ndarray
    pos: np.ndarray
    size: np.ndarray
    keyframe: np.ndarray
    discard: np.ndarray
    silent: np.ndarray
    declared_frames: int
    reorders: bool
    delays: bool
    intra_only: bool
    interval: float

    def __len__(self) -> int:
        return len(self.pts)


def scan_header(file: HeaderFile, uri: str) -> Scan | None:
    r"""Demuxes an MP4, MOV or 3GP file without reading its media, except the first frame.

    Args:
        file: the file.
        uri: for messages.

    Returns:
        What FFmpeg finds; :obj:`None` for files of another kind, or that are no video.

    Raises:
        SourceError: if it is encrypted, or cannot be demuxed.
    """
    try:
        opened = _open_header(file, uri)
    except SourceError:  # so little of a file may not show what it is
        return None
    with opened as container:
        if container.format.name != MOV:
            return None
        return _Scanner(container, uri, file=file).scan()


def _open_header(file: HeaderFile, uri: str) -> InputContainer:
    return open_container(
        cast("BinaryIO", file), uri, options=_HEADER, buffer_bytes=_HEADER_BUFFER
    )


def scan_file(
    file: BinaryIO,
    check: BinaryIO,
    uri: str,
    progress: Callable[[int], None] | None = None,
) -> Scan:
    r"""Demuxes all of a file.

    Args:
        file: the file, seekable and binary.
        check: the same file opened a second time, to see whether a packet's bytes lie
            where the demuxer says.
        uri: for messages.
        progress: called with the offset in bytes that has been reached.

    Raises:
        SourceError: if the file is no video.
    """
    with open_container(file, uri, options=_WHOLE) as container:
        return _Scanner(container, uri, check=check, progress=progress).scan()


class _Scanner:
    def __init__(
        self,
        container: InputContainer,
        uri: str,
        *,
        file: HeaderFile | None = None,
        check: BinaryIO | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._container, self._uri = container, uri
        self._source = container.streams.video[0]
        self._context = self._source.codec_context
        keep_to_one_thread(self._context)
        # A context that FFmpeg could not open forgets its codec.
        self._decoder = self._context.codec
        self._codec = self._decoder.canonical_name
        self._file, self._check, self._progress = file, check, progress
        self._first_packet = b""
        self._first_frame: av.VideoFrame | None = None
        self._block_header, self._contiguous = -1, True
        self._side_data: list[SideData] = []

    def scan(self) -> Scan:
        rows: list[tuple[Any, ...]] = []
        add, progress, tells = rows.append, self._progress, _tells_side_data()
        packets = demuxed(self._container, self._source, self._uri)
        for number, packet in enumerate(packets):
            pos, silent = packet.pos, False
            if self._first_frame is None:
                self._look_at(packet, number)
            if self._check is not None:
                data = memoryview(packet)
                self._compare(pos, data)
                silent = _shows_nothing(self._codec, data)
            if tells:
                self._keep_side_data(packet, number)
            add(
                (
                    packet.pts,
                    packet.dts,
                    pos,
                    packet.size,
                    packet.is_keyframe,
                    packet.is_discard,
                    silent,
                )
            )
            if progress is not None and pos is not None:
                progress(pos)
        return self._finish(rows)

    def _look_at(self, packet: av.Packet, number: int) -> None:
        # The first frame shows what a header may have wrong. A copy of the packet
        # decodes even if an edit list hides it, and the decoder returns it at once.
        import av

        self._first_packet = self._first_packet or bytes(packet)
        copy = av.Packet(packet.size)
        copy.update(memoryview(packet))  # type: ignore[arg-type]  # any buffer will do
        for item in _side_data(packet):
            item.to_packet(copy)
        frames: list[av.VideoFrame] = []
        for packet_or_end in (copy, None):
            with suppress(*ffmpeg_errors()):
                frames += self._context.decode(packet_or_end)
        self._context.flush_buffers()
        self._first_frame = frames[0] if frames else None
        if self._file is not None and (frames or number >= _FIRST_PACKETS):
            self._file.blank = True
            if not _tells_side_data() and self._file.header_holds(b"encv"):
                raise self._encrypted()

    def _compare(self, pos: int | None, data: memoryview) -> None:
        self._contiguous = self._contiguous and pos is not None
        if not self._contiguous or pos is None or self._check is None:
            return
        self._check.seek(pos)
        stored = self._check.read(LONGEST_BLOCK_HEADER + len(data))
        if self._block_header < 0:
            self._block_header = max(0, stored.find(data[:LONGEST_BLOCK_HEADER]))
        start = self._block_header
        self._contiguous = stored[start : start + len(data)] == data

    def _keep_side_data(self, packet: av.Packet, number: int) -> None:
        for item in _side_data(packet):
            if item.data_type in _SIDE_DATA:
                self._side_data.append(SideData(number, item.data_type, bytes(item)))
                self._check_side_data()
            elif item.data_type == "encryption_info":
                raise self._encrypted()

    def _encrypted(self) -> SourceError:
        return SourceError(
            f"{self._uri!r} is encrypted (common encryption, ISO/IEC 23001-7), and its "
            f"frames cannot be decoded without the key. Decrypt it first: "
            f"ffmpeg -decryption_key KEY -i FILE -c copy decrypted.mp4"
        )

    def _check_side_data(self) -> None:
        if sum(len(item.data) for item in self._side_data) > _MOST_SIDE_DATA_BYTES:
            raise SourceError(
                f"{self._uri!r} changes its palette or its parameter sets "
                f"{len(self._side_data)} times or more, and an index cannot keep them. "
                f"Re-encode it without loss: ffmpeg -i FILE -c:v ffv1 copy.mkv"
            )

    def _finish(self, rows: list[tuple[Any, ...]]) -> Scan:
        columns = list(zip(*rows)) or [()] * 7
        pts, dts = (
            np.array([NO_TIME if t is None else t for t in column], np.int64)
            for column in columns[:2]
        )
        pos = np.array([-1 if p is None else p for p in columns[2]], np.int64)
        pos[pos >= 0] += max(0, self._block_header)
        codec, stream = self._decoder, self._stream_info(dts)
        return Scan(
            stream,
            pts,
            dts,
            pos,
            np.array(columns[3], np.int32),
            keyframe=np.array(columns[4], bool),
            discard=np.array(columns[5], bool),
            silent=np.array(columns[6], bool),
            declared_frames=self._source.frames,
            reorders=bool(codec.reorder),
            delays=bool(self._context.has_b_frames),
            intra_only=bool(codec.intra_only),
            interval=float(1 / (_frame_rate(self._source) * stream.time_base)),
        )

    def _field_order(self) -> str:
        # What a container says about fields reaches only a decoder that finds nothing about
        # them in a packet. PyAV 14 does not say it.
        order = getattr(self._context, "field_order", 0)
        return FIELD_ORDERS[int(order)] if self._decoder.intra_only else ""

    def _stream_info(self, dts: np.ndarray) -> StreamInfo:
        context, frame = self._context, self._first_frame
        rotation, mirrored = _display_transform(frame)
        try:
            tag = int.from_bytes(context.codec_tag.encode("latin-1"), "little")
        except UnicodeError:  # PyAV reads ASCII only
            tag = 0
        info = StreamInfo(
            container=self._container.format.name,
            stream_index=self._source.index,
            codec=self._codec,
            codec_tag=tag,
            extradata=bytes(context.extradata or b""),
            time_base=as_fraction(self._source.time_base) or Fraction(1),
            width=frame.width if frame else context.width,
            height=frame.height if frame else context.height,
            pixel_format=(frame.format.name if frame else context.pix_fmt) or "",
            color_primaries=int(context.color_primaries),
            color_trc=int(context.color_trc),
            color_space=int(context.colorspace),
            color_range=int(context.color_range),
            chroma_location=chroma_location(frame) if frame else "",
            field_order=self._field_order(),
            rotation=rotation,
            mirrored=mirrored,
            readable_by_packet=self._contiguous and self._codec in SELF_CONTAINED_CODECS,
            side_data=tuple(self._side_data),
            has_times=not _is_timeless(self._container),
            seekable=bool((dts != NO_TIME).all() and (np.diff(dts) > 0).all()),
        )
        return replace(
            info,
            preamble=find_preamble(info, self._first_packet),
            fields=may_hold_fields(info, self._first_packet),
        )


def _frame_rate(source: VideoStream) -> Fraction:
    rates = (source.average_rate, source.guessed_rate, source.base_rate)
    return next(filter(None, map(as_fraction, rates)), Fraction(25))


def _is_timeless(container: InputContainer) -> bool:
    from av.format import Flags

    name = container.format.name
    flags = Flags(container.format.flags)
    return bool(flags & Flags.no_timestamps) or name.endswith("_pipe")


@functools.cache
def _tells_side_data() -> bool:
    # PyAV 14 and 15 do not; the only sign of encrypted video is then its box.
    import av

    return hasattr(av.Packet, "iter_sidedata")


def _side_data(packet: av.Packet) -> Iterator[PacketSideData]:
    if not _tells_side_data():
        return
    try:
        yield from packet.iter_sidedata()
    except (ValueError, IndexError):  # of a kind that PyAV has no name for
        return


def _shows_nothing(codec: str, data: memoryview) -> bool:
    # RFC 6386, section 9.1, and the VP9 bitstream specification, section 6.2: a frame whose
    # show_frame bit is 0 only serves as reference. A superframe of VP9, which ends with a
    # marker, shows one whatever its first frame does.
    if codec == "vp8":
        return not data[0] & 0x10
    if codec == "vp9" and data[-1] & 0xE0 != 0xC0:
        flags = data[0] & 0x0F if data[0] & 0x30 != 0x30 else data[0] << 1 & 0x0F
        return not flags & 0b1010  # neither show_existing_frame nor show_frame
    return False


def _display_transform(frame: av.VideoFrame | None) -> tuple[int, bool]:
    from av.sidedata.sidedata import Type

    if frame is None:
        return 0, False
    try:
        matrix = cast("Any", frame.side_data).get(Type.DISPLAYMATRIX)
    except ValueError:  # some other side data is of a kind that PyAV has no name for
        return round(frame.rotation / 90) * 90 % 360, False
    if matrix is None:
        return 0, False
    return display_transform(np.frombuffer(bytes(matrix), np.int32).tolist())
