r"""Indexes any container that FFmpeg demuxes, packet by packet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import numpy as np

from ..errors import SourceError
from ..formats import SELF_CONTAINED_CODECS, opening_options
from ..types import PACKET_DTYPES, Packets, StreamInfo
from .display import display_transform
from .packets import SegmentIndex, increasing_dts, order_frames
from .preamble import find_preamble

if TYPE_CHECKING:
    import av
    import av.container
    import av.video.stream
    from av.video.codeccontext import VideoCodecContext

# A block's own header lies between Packet.pos and the payload, in Matroska 4 bytes.
_LONGEST_BLOCK_HEADER = 64


def open_container(file: BinaryIO, uri: str) -> av.container.InputContainer:
    r"""Returns a PyAV container over an open file, whatever the file calls itself.

    Args:
        file: seekable binary file.
        uri: for messages.

    Raises:
        SourceError: if FFmpeg finds no video in it.
    """
    import av

    try:
        container = av.open(file, mode="r", options=opening_options())
    except (av.error.FFmpegError, ValueError) as error:
        raise SourceError(
            f"{uri!r} is no video file that FFmpeg can read. Check that it was "
            f"copied whole and that it is not a playlist or another kind of file."
        ) from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"{uri!r} holds no video stream.")
    if container.streams.video[0].codec_context is None:
        container.close()
        raise SourceError(f"{uri!r} holds video of a codec that FFmpeg does not know.")
    return container


def demuxed(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    uri: str,
) -> Iterator[av.Packet]:
    r"""Yields the packets of a stream, the last one empty.

    Args:
        container: from :func:`open_container`.
        stream: one of its streams.
        uri: for messages.

    Raises:
        SourceError: if FFmpeg gives up in the middle of the file.
    """
    import av

    try:
        yield from container.demux(stream)
    except av.error.FFmpegError as error:
        raise SourceError(
            f"the packets of {uri!r} cannot be read: {error.strerror}. Check that it was "
            f"copied whole."
        ) from error


def scan_packets(
    file: BinaryIO,
    check: BinaryIO,
    uri: str,
    progress: Callable[[int], None] | None = None,
) -> SegmentIndex:
    r"""Indexes the first video stream of a file by demuxing all of it.

    Args:
        file: the file, seekable and binary.
        check: the same file opened a second time, to see whether a packet's bytes lie
            where the demuxer says.
        uri: for messages.
        progress: called with the offset in bytes that has been reached.

    Returns:
        The index, without a fingerprint.

    Raises:
        SourceError: if the file is no video, or holds no packet that can be read.
    """
    with open_container(file, uri) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        scan = _demux(container, stream, uri, check, progress)
        info = _stream_info(container, stream, scan)
        declared = stream.frames
    columns, shown = scan.columns, scan.shown
    if not shown or not info.width:
        raise SourceError(f"{uri!r} has a video stream in which no frame can be found.")
    end = max(p + n for p, n in zip(columns["pos"], columns["size"]))
    cut_off = end >= check.seek(0, os.SEEK_END) and info.container.startswith("mov")
    is_shown = np.array(shown, bool)
    dts = increasing_dts(columns["dts"])
    if None in columns["pts"]:
        order = _order_by_decoding(file, uri)
        is_shown = np.isin(np.arange(len(shown)), order)
        pts = dts.copy()
        pts[order] = np.sort(dts[order])
    else:
        pts = np.array(columns["pts"])
    arrays = {name: np.array(column) for name, column in columns.items()}
    return order_frames(
        info,
        Packets(**{**arrays, "dts": dts, "pts": pts}),
        is_shown,
        missing_packets=max(0, declared - len(shown)) if cut_off else 0,
    )


class _Scan(NamedTuple):
    columns: dict[str, list]
    shown: list[bool]
    first_packet: bytes
    first_frame: av.VideoFrame | None
    contiguous: bool


def _demux(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    uri: str,
    check: BinaryIO,
    progress: Callable[[int], None] | None,
) -> _Scan:
    columns: dict[str, list] = {name: [] for name in PACKET_DTYPES}
    shown: list[bool] = []
    first_packet, first_frame, header, contiguous = b"", None, None, True
    for packet in demuxed(container, stream, uri):
        if first_frame is None:
            first_frame = _try_decode(stream.codec_context, packet)
        if packet.size == 0:
            continue
        data = memoryview(packet)
        pos = packet.pos
        contiguous = contiguous and pos is not None
        if contiguous and pos is not None:
            check.seek(pos)
            stored = check.read(_LONGEST_BLOCK_HEADER + packet.size)
            if header is None:
                header = max(0, stored.find(data[:_LONGEST_BLOCK_HEADER]))
                first_packet = bytes(data)
            contiguous = stored[header : header + packet.size] == data
        columns["pts"].append(packet.pts)
        columns["dts"].append(packet.dts)
        columns["pos"].append(-1 if pos is None else pos + (header or 0))
        columns["size"].append(packet.size)
        columns["keyframe"].append(packet.is_keyframe)
        shown.append(not packet.is_discard and not _is_vp8_reference(stream, data))
        if progress is not None and pos is not None:
            progress(pos)
    return _Scan(columns, shown, first_packet, first_frame, contiguous)


def _try_decode(context: VideoCodecContext, packet: av.Packet) -> av.VideoFrame | None:
    import av

    try:
        return next(iter(context.decode(packet if packet.size else None)), None)
    except av.error.FFmpegError:
        return None


def _is_vp8_reference(stream: av.video.stream.VideoStream, data: memoryview) -> bool:
    # RFC 6386, section 9.1: a frame whose show_frame bit is 0 only serves as reference.
    return stream.codec_context.name.endswith("vp8") and not data[0] & 0x10


def _order_by_decoding(file: BinaryIO, uri: str) -> list[int]:
    # Without pts only the decoder knows the order in which frames are shown; packets are
    # numbered in their pts, which the decoder hands on to the frames.
    import av

    file.seek(0)
    order: list[int] = []
    with open_container(file, uri) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count = 1
        number = 0
        for packet in demuxed(container, stream, uri):
            flush = packet.size == 0
            if not flush:
                packet.pts, number = number, number + 1
            try:
                frames = context.decode(None if flush else packet)
            except av.error.FFmpegError:
                continue
            order.extend(frame.pts for frame in frames if frame.pts is not None)
    return order


def _stream_info(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    scan: _Scan,
) -> StreamInfo:
    context, frame = stream.codec_context, scan.first_frame
    rotation, mirrored = _display_transform(frame)
    codec = context.codec.canonical_name
    info = StreamInfo(
        container=container.format.name,
        stream_index=stream.index,
        codec=codec,
        codec_tag=int.from_bytes(context.codec_tag.encode("latin-1"), "little"),
        extradata=bytes(context.extradata or b""),
        time_base=stream.time_base or Fraction(1),
        width=frame.width if frame else context.width,
        height=frame.height if frame else context.height,
        pixel_format=(frame.format.name if frame else context.pix_fmt) or "",
        color_primaries=int(context.color_primaries),
        color_trc=int(context.color_trc),
        color_space=int(context.colorspace),
        color_range=int(context.color_range),
        rotation=rotation,
        mirrored=mirrored,
        readable_by_packet=scan.contiguous and codec in SELF_CONTAINED_CODECS,
    )
    return replace(info, preamble=find_preamble(info, scan.first_packet))


def _display_transform(frame: av.VideoFrame | None) -> tuple[int, bool]:
    from av.sidedata.sidedata import Type

    side_data = cast(Any, frame.side_data).get(Type.DISPLAYMATRIX) if frame else None
    if side_data is None:
        return 0, False
    return display_transform(np.frombuffer(bytes(side_data), np.int32).tolist())
