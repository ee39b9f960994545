r"""Decodes runs of packets, with or without opening their container."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import numpy as np

from .._base.container import (
    LONGEST_BLOCK_HEADER,
    demuxed,
    ffmpeg_errors,
    keep_to_one_thread,
    open_container,
)
from ..errors import DecodeError, SourceError
from ..types import ByteRange, SegmentPackets, SideData, StreamInfo
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
    keep_to_one_thread(context)
    # What PyAV has no attribute for.
    options = {
        "chroma_sample_location": stream.chroma_location,
        "field_order": stream.field_order,
        # A stream that doesn't declare its reorder depth has frames dropped until the
        # decoder has guessed it. Strict decoding waits as long as the level allows.
        "strict": "1" if stream.codec == "h264" else "",
    }
    context.options = {name: value for name, value in options.items() if value}
    return context


def may_skip_nonreference(stream: StreamInfo) -> bool:
    r"""Returns whether frames that no other frame refers to can be left out unseen.

    In H.264 ``nal_ref_idc`` 0 says so for good, but of a field alone where a frame may be
    two. In HEVC a picture may be a reference to
    higher temporal sub-layers alone, so that it takes a stream with one sub-layer, as
    ``numTemporalLayers`` of ``hvcC`` (ISO/IEC 14496-15, section 8.3.3) tells.

    Args:
        stream: the facts of the stream.
    """
    if stream.codec == "h264":
        return not stream.fields and not stream.trailing
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

    def packets(
        self, run: Run, stream: StreamInfo, is_new: bool = True
    ) -> Iterator[av.Packet]:
        r"""Yields the packets of a run, numbered in their pts by the frame they show.

        Args:
            run: what is to be decoded.
            stream: the facts of the stream.
            is_new: whether the decoder has been given nothing before.
        """
        position, size = run.packets.pos, run.packets.size.tolist()
        holder = np.searchsorted(self._starts, position, side="right") - 1
        offset = (position - self._starts[holder]).tolist()
        packets = (
            _padded_packet(self._chunks[chunk][start : start + n])
            for chunk, start, n in zip(holder.tolist(), offset, size)
        )
        yield from _prepared(packets, run, stream, is_new)


def _prepared(
    packets: Iterable[av.Packet], run: Run, stream: StreamInfo, is_new: bool
) -> Iterator[av.Packet]:
    # Numbers packets, and adds what the decoder has to be told besides.
    beside = _side_data(run, stream, is_new) if stream.side_data else {}
    is_first = is_new and bool(stream.preamble)
    for place, (packet, number) in enumerate(zip(packets, run.frames.tolist())):
        if is_first:
            packet, is_first = _padded_packet(stream.preamble + bytes(packet)), False
        for item in beside.get(place, ()):
            _attach(item, packet)
        packet.pts = number
        yield packet


def _side_data(run: Run, stream: StreamInfo, is_new: bool) -> dict[int, list[SideData]]:
    # Side data by place in the run; a new decoder gets at once what came before.
    dts = run.packets.dts
    found: dict[int, dict[str, SideData]] = {}
    for item in stream.side_data:
        place = int(np.searchsorted(dts, item.dts))
        if place == 0 and is_new and len(dts):
            found.setdefault(0, {})[item.kind] = item
        elif place < len(dts) and dts[place] == item.dts:
            found.setdefault(place, {})[item.kind] = item
    return {place: list(items.values()) for place, items in found.items()}


def _attach(item: SideData, packet: av.Packet) -> None:
    import av

    try:
        from av.packet import PacketSideData, packet_sidedata_type_from_literal
    except ImportError as error:
        raise DecodeError(
            f"the decoder must be handed {item.kind} beside a packet, which PyAV "
            f"{av.__version__} cannot; install PyAV 16 or newer."
        ) from error
    kind = cast("Any", packet_sidedata_type_from_literal(cast("Any", item.kind)))
    side_data = cast("Any", PacketSideData)(kind, len(item.data))
    side_data.update(item.data)
    side_data.to_packet(packet, True)


def _padded_packet(data: bytes | memoryview) -> av.Packet:
    # Packet(n) is padded as decoders require, Packet(bytes) is not.
    import av

    packet = av.Packet(len(data))
    packet.update(data)  # type: ignore[arg-type]  # any buffer will do
    return packet


@contextmanager
def open_stream(
    open_file: Callable[[], BinaryIO], uri: str, segment: SegmentPackets
) -> Iterator[tuple[VideoCodecContext, Callable[[Run], Iterator[av.Packet]]]]:
    r"""Opens a container for packets that cannot be read by their position.

    Args:
        open_file: opens the file, seekable and binary.
        uri: for messages.
        segment: the index of the file.

    Yields:
        The decoder of the stream, and a function from a run to its packets.
    """
    stream = segment.stream
    with _opened(open_file, uri, stream) as (container, source):
        keep_to_one_thread(source.codec_context)

        def packets(run: Run) -> Iterator[av.Packet]:
            found = _sought(container, source, stream, run, uri)
            if found is not None:
                yield from _checked(found, run, stream, uri)
                return
            with _opened(open_file, uri, stream) as (fresh, beginning):
                before = _count_before(segment, run)
                found = islice(demuxed(fresh, beginning, uri), before, None)
                yield from _checked(found, run, stream, uri)

        yield source.codec_context, packets


@contextmanager
def _opened(
    open_file: Callable[[], BinaryIO], uri: str, stream: StreamInfo
) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_file() as file:
        demuxer = stream.container.split(",")[0]
        with open_container(file, uri, demuxer=demuxer) as container:
            if stream.stream_index >= len(container.streams):
                raise SourceError(
                    f"{uri!r} no longer holds a stream {stream.stream_index}; index it "
                    f"again with 'temporaldata-video index --overwrite'."
                )
            yield container, cast("VideoStream", container.streams[stream.stream_index])


def _sought(
    container: InputContainer, source: VideoStream, stream: StreamInfo, run: Run, uri: str
) -> Iterator[av.Packet] | None:
    # The packets from the first of a run on, if a seek leads to it: it is known again by
    # its dts, place and size.

    if not stream.seekable:
        return None
    dts, pos, size = (int(getattr(run.packets, c)[0]) for c in ("dts", "pos", "size"))
    try:
        container.seek(dts, stream=source)
    except ffmpeg_errors():
        return None
    packets = demuxed(container, source, uri)
    for packet in packets:
        if packet.dts is None or packet.dts > dts:
            return None
        if packet.dts == dts and packet.size == size and _lies_at(packet, pos):
            return chain([packet], packets)
    return None


def _lies_at(packet: av.Packet, pos: int) -> bool:
    # Indexes have the place of the payload, which begins behind the header of a block.
    return pos < 0 if packet.pos is None else 0 <= pos - packet.pos <= LONGEST_BLOCK_HEADER


def _count_before(segment: SegmentPackets, run: Run) -> int:
    tables = (segment.rows(0, len(segment)), segment.hidden)
    return sum(int(np.count_nonzero(t.dts < run.packets.dts[0])) for t in tables)


def _checked(
    packets: Iterator[av.Packet], run: Run, stream: StreamInfo, uri: str
) -> Iterator[av.Packet]:
    given = 0
    sized = zip(packets, run.packets.size.tolist())
    same = takewhile(lambda pair: pair[0].size == pair[1], sized)
    for packet in _prepared((packet for packet, _ in same), run, stream, True):
        yield packet
        given += 1
    if given < len(run.frames):
        raise SourceError(
            f"{uri!r} no longer holds the packets that its index names; index it again "
            f"with 'temporaldata-video index --overwrite'."
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
        except ffmpeg_errors() as error:
            if number in missing:
                missing[number] = str(error)
            continue
        _hand_over(frames, missing, sink)
        if not missing:
            return Decoded(missing, fed, False)
    try:
        frames = context.decode(None)
    except ffmpeg_errors():
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
