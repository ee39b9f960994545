r"""Decodes runs of packets, with or without opening their container."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import numpy as np

from ..errors import DecodeError, SourceError
from ..formats import opening_options
from ..types import ByteRange, StreamInfo
from .plan import Run

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

# FFmpeg has decoders of AV1 that only work on special hardware, under the codec's name.
_DECODERS = {"av1": ("libdav1d", "libaom-av1", "av1")}


def open_decoder(stream: StreamInfo) -> VideoCodecContext:
    r"""Returns a decoder that needs no container.

    Args:
        stream: what the index knows of the stream.

    Raises:
        DecodeError: if the installed FFmpeg has no such decoder.
    """
    import av

    for name in _DECODERS.get(stream.codec, (stream.codec,)):
        try:
            context = cast("VideoCodecContext", av.CodecContext.create(name, "r"))
            break
        except (av.error.FFmpegError, ValueError):
            continue
    else:
        raise DecodeError(
            f"the installed PyAV {av.__version__} has no decoder for {stream.codec!r}; "
            f"install the wheel from PyPI, or re-encode the video as H.264."
        )
    context.extradata = stream.extradata or None
    tag = stream.codec_tag.to_bytes(4, "little")
    if stream.codec_tag and tag.isascii():  # PyAV takes no other
        context.codec_tag = tag.decode("ascii")
    context.width, context.height = stream.width, stream.height
    context.color_primaries = stream.color_primaries
    context.color_trc = stream.color_trc
    context.colorspace = stream.color_space
    context.color_range = stream.color_range
    _keep_to_one_thread(context)
    if stream.codec == "h264":
        # A stream that doesn't declare its reorder depth has frames dropped until the
        # decoder has guessed it. Strict decoding waits as long as the level allows.
        context.options = {"strict": "1"}
    return context


def _keep_to_one_thread(context: VideoCodecContext) -> None:
    # Threads of a decoder made before a fork deadlock when the child frees it.
    context.thread_count = 1
    context.thread_type = "NONE"


def may_skip_nonreference(stream: StreamInfo) -> bool:
    r"""Returns whether frames that no other frame refers to can be left out unseen.

    In H.264 ``nal_ref_idc`` 0 says so for good. In HEVC a picture may be a reference to
    higher temporal sub-layers alone, so that it takes a stream with one sub-layer, as
    ``numTemporalLayers`` of ``hvcC`` (ISO/IEC 14496-15, section 8.3.3) tells.

    Args:
        stream: the facts of the stream.
    """
    if stream.codec == "h264":
        return True
    if stream.codec == "hevc" and len(stream.extradata) > 22 and stream.extradata[0] == 1:
        return stream.extradata[21] >> 3 & 0b111 == 1
    return False


class PacketBytes:
    r"""The bytes of packets, cut out of the ranges that were fetched.

    Args:
        ranges: sorted ranges of a file.
        chunks: their bytes.
    """

    def __init__(self, ranges: list[ByteRange], chunks: list[bytes]) -> None:
        self._starts = np.array([r.start for r in ranges], np.int64)
        self._chunks = [memoryview(chunk) for chunk in chunks]

    def packets(self, run: Run, preamble: bytes = b"") -> Iterator[av.Packet]:
        r"""Yields the packets of a run, numbered in their pts by the frame they show.

        Args:
            run: what is to be decoded.
            preamble: goes before the first of them.
        """
        position, size = run.packets.pos, run.packets.size.tolist()
        holder = np.searchsorted(self._starts, position, side="right") - 1
        offset = (position - self._starts[holder]).tolist()
        for chunk, start, n, number in zip(
            holder.tolist(), offset, size, run.frames.tolist()
        ):
            data = self._chunks[chunk][start : start + n]
            if preamble:
                data, preamble = preamble + bytes(data), b""
            packet = _padded_packet(data)
            packet.pts = number
            yield packet


def _padded_packet(data: bytes | memoryview) -> av.Packet:
    # Packet(n) is padded as decoders require, Packet(bytes) is not.
    import av

    packet = av.Packet(len(data))
    packet.update(data)  # type: ignore[arg-type]  # any buffer will do
    return packet


@contextmanager
def open_stream(
    file: BinaryIO, uri: str, stream: StreamInfo
) -> Iterator[tuple[VideoCodecContext, Callable[[Run], Iterator[av.Packet]]]]:
    r"""Opens a container for packets that cannot be read by their position.

    Args:
        file: seekable binary file; closed in the end.
        uri: for messages.
        stream: the facts of the stream.

    Yields:
        The decoder of the stream, and a function from a run to its packets.
    """
    import av

    with file:
        try:
            container = av.open(
                file,
                mode="r",
                format=stream.container.split(",")[0],
                options=opening_options(),
            )
            source = cast("VideoStream", container.streams[stream.stream_index])
        except (av.error.FFmpegError, ValueError, IndexError) as error:
            raise SourceError(
                f"{uri!r} can no longer be opened as {stream.container} ({error})."
            ) from error
        with container:
            _keep_to_one_thread(source.codec_context)
            yield (
                source.codec_context,
                lambda run: _demux_run(container, source, stream, run, uri),
            )


def _demuxed(
    container: InputContainer, source: VideoStream, uri: str
) -> Iterator[av.Packet]:
    import av

    try:
        yield from container.demux(source)
    except av.error.FFmpegError as error:
        raise SourceError(
            f"the packets of {uri!r} cannot be read: {error.strerror}."
        ) from error


def _demux_run(
    container: InputContainer,
    source: VideoStream,
    stream: StreamInfo,
    run: Run,
    uri: str,
) -> Iterator[av.Packet]:
    # Seeking is a hint in most containers: if it lands behind the first packet, the file
    # is read from its beginning.
    import av

    sizes, numbers = run.packets.size.tolist(), run.frames.tolist()
    first_pts, first_dts = int(run.packets.pts[0]), int(run.packets.dts[0])
    for target in (min(first_pts, first_dts), None):
        try:
            if target is None:
                container.seek(0, any_frame=True)
            else:
                container.seek(target, stream=source)
        except av.error.FFmpegError:
            continue
        at = 0
        for packet in _demuxed(container, source, uri):
            if packet.size == 0:
                continue
            if at == 0 and (packet.size, packet.pts) not in (
                (sizes[0], first_pts),
                (sizes[0], None),
            ):
                if packet.dts is not None and packet.dts > first_dts:
                    break
                continue
            if packet.size != sizes[at]:
                break
            if at == 0 and stream.preamble:
                packet = _padded_packet(stream.preamble + bytes(packet))
            packet.pts = numbers[at]
            yield packet
            at += 1
            if at == len(sizes):
                return
        if at:
            break
    raise SourceError(
        f"{uri!r} no longer holds the packets that its index names; index it again with "
        f"'temporaldata-video index --overwrite'."
    )


class Decoded(NamedTuple):
    r"""What became of a run.

    Args:
        missing: the wanted frames that did not come out, and why not.
        fed: the number of packets that were decoded.
        flushed: whether the decoder was flushed, and is of no more use.
    """

    missing: dict[int, str]
    fed: int
    flushed: bool


def skippable(run: Run) -> np.ndarray:
    r"""Returns which packets of a run need not be decoded if no other refers to them.

    What is shown after the last wanted frame is not among them, since a window that
    follows may want it.

    Args:
        run: what is to be decoded.

    Returns:
        bool of shape (n,).
    """
    last_row = run.frames[run.wanted].max(initial=-1)
    return ~run.wanted & (run.frames < last_row)


def decode_packets(
    context: VideoCodecContext,
    packets: Iterable[av.Packet],
    run: Run,
    skip_nonreference: bool,
    sink: Callable[[int, av.VideoFrame, bool], None],
    *,
    awaited: Iterable[int] = (),
) -> Decoded:
    r"""Decodes packets until all wanted frames have come out, in any order.

    What the decoder holds back after the last packet is flushed out of it only if wanted
    frames are still missing then.

    Args:
        context: the decoder.
        packets: the packets of the run, their pts being :attr:`Run.frames`.
        run: what is to be decoded.
        skip_nonreference: leave out what nobody wants and nobody refers to, up to the last
            frame wanted.
        sink: called with the number of a frame, the frame, and whether it is wanted.
        awaited: wanted frames whose packets the decoder has been given before.
    """
    import av

    wanted_frames = [*awaited, *run.frames[run.wanted].tolist()]
    missing = dict.fromkeys(wanted_frames, "the decoder shows no frame")
    if not missing:
        return Decoded(missing, 0, False)
    fed, skipping = 0, False
    for packet, skip in zip(packets, (skippable(run) & skip_nonreference).tolist()):
        if skip is not skipping:
            context.skip_frame = "NONREF" if skip else "DEFAULT"
            skipping = skip
        number = packet.pts
        fed += 1
        try:
            frames = context.decode(packet)
        except av.error.FFmpegError as error:
            if number in missing:
                missing[number] = str(error)
            continue
        _hand_over(frames, missing, sink)
        if not missing:
            return Decoded(missing, fed, False)
    try:
        frames = context.decode(None)
    except av.error.FFmpegError:
        frames = []
    _hand_over(frames, missing, sink)
    return Decoded(missing, fed, True)


def _hand_over(
    frames: list[av.VideoFrame],
    missing: dict[int, str],
    sink: Callable[[int, av.VideoFrame, bool], None],
) -> None:
    for frame in frames:
        if frame.pts is not None:
            sink(frame.pts, frame, missing.pop(frame.pts, None) is not None)
