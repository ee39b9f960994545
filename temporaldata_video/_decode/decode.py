r"""Decodes runs of packets, by new decoders or by one that stopped where a window ended.

A window that begins in the group of pictures in which the last one ended would decode that
group from its key frame again. So the decoder is kept instead of flushed, if that costs
next to nothing, or after two requests followed one another like that. The next request goes
on where the decoder stopped. Decoded frames of overlapping windows are kept, within a
bound.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from .._base.configuration import DECODER_MEMORY_BYTES, DECODERS
from .._base.container import ffmpeg_errors
from .._base.process_cache import ProcessCache
from ..errors import DecodeError
from ..types import ByteRange, SegmentPackets, SideData, StreamInfo
from .plan import Run, follow_run

if TYPE_CHECKING:
    import av
    from av.video.codeccontext import VideoCodecContext

# FFmpeg has decoders of AV1 that only work on special hardware, under the codec's name.
_DECODERS = {"av1": ("libdav1d", "libaom-av1", "av1")}


def open_decoder(stream: StreamInfo, strict: bool = False) -> VideoCodecContext:
    r"""Returns a decoder that needs no container.

    Args:
        stream: what the index knows of the stream.
        strict: as :func:`be_strict`.

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
    # Threads of a decoder that were made before a fork deadlock when the child frees it.
    context.thread_count, context.thread_type = 1, "NONE"
    # PyAV has no attributes for these.
    options = {
        "chroma_sample_location": stream.chroma_location,
        "field_order": stream.field_order,
        # If a stream doesn't declare its reorder depth, the decoder drops frames until it
        # has guessed it. Strict decoding waits as long as the level allows.
        "strict": "1" if stream.codec == "h264" else "",
    }
    context.options = {name: value for name, value in options.items() if value}
    if strict:
        be_strict(context)
    return context


def be_strict(context: VideoCodecContext) -> None:
    r"""Makes damage that a decoder would conceal an error of it.

    Args:
        context: of a decoder that is not open yet.
    """
    context.options = {**context.options, "err_detect": "explode"}


def may_skip_nonreference(stream: StreamInfo) -> bool:
    r"""Returns whether frames that no other frame refers to can be left out unseen.

    In H.264 ``nal_ref_idc`` 0 says so, but only for one field, where a frame may be two. In
    HEVC, higher temporal sub-layers may still refer to a picture that says so. So the
    stream must have one sub-layer, as ``numTemporalLayers`` of ``hvcC`` (ISO/IEC 14496-15,
    section 8.3.3) says.

    Args:
        stream: the facts of the stream.
    """
    if stream.codec == "h264":
        return not stream.fields and not stream.trailing
    if stream.codec == "hevc" and len(stream.extradata) > 22 and stream.extradata[0] == 1:
        return stream.extradata[21] >> 3 & 0b111 == 1
    return False


def cut_packets(
    ranges: list[ByteRange],
    chunks: list[bytes],
    run: Run,
    stream: StreamInfo,
    is_new: bool = True,
) -> Iterator[av.Packet]:
    r"""Returns the packets of a run, cut out of fetched bytes; the pts of each is the
    number of the frame that it shows.

    Args:
        ranges: sorted ranges of a file.
        chunks: their bytes.
        run: the packets to decode.
        stream: the facts of the stream.
        is_new: whether the decoder got no packet before.
    """
    packets = _cut(ranges, chunks, run)
    if stream.side_data or (is_new and stream.preamble):
        return prepared(packets, run, stream, is_new)
    return packets


def _cut(ranges: list[ByteRange], chunks: list[bytes], run: Run) -> Iterator[av.Packet]:
    from av import Packet

    views = [memoryview(chunk) for chunk in chunks]
    begins = np.array(ranges, np.int64).reshape(-1, 2)[:, 0]
    position = run.packets.pos
    holder = np.searchsorted(begins, position, side="right") - 1
    offset = (position - begins[holder]).tolist()
    sizes, numbers = run.packets.size.tolist(), run.frames.tolist()
    keys = run.packets.keyframe.tolist()
    for chunk, start, size, number, is_key in zip(
        holder.tolist(), offset, sizes, numbers, keys
    ):
        packet = Packet(size)  # padded as decoders require, which Packet(bytes) is not
        packet.update(views[chunk][start : start + size])
        packet.pts = number
        packet.is_keyframe = is_key  # FFmpeg adds other PNGs to the picture before
        yield packet


def prepared(
    packets: Iterable[av.Packet], run: Run, stream: StreamInfo, is_new: bool
) -> Iterator[av.Packet]:
    r"""Yields packets with their frame numbers, and with the side data for the decoder.

    Args:
        packets: of the run, in its order.
        run: the packets to decode.
        stream: the facts of the stream.
        is_new: whether the decoder got no packet before.
    """
    from av import Packet

    beside = _side_data(run, stream, is_new) if stream.side_data else {}
    is_first = is_new and bool(stream.preamble)
    for place, (packet, number) in enumerate(zip(packets, run.frames.tolist())):
        if is_first:
            data, is_first = stream.preamble + bytes(packet), False
            is_key, packet = packet.is_keyframe, Packet(len(data))
            packet.update(data)
            packet.is_keyframe = is_key
        for item in beside.get(place, ()):
            _attach(item, packet)
        packet.pts = number
        yield packet


def _side_data(run: Run, stream: StreamInfo, is_new: bool) -> dict[int, list[SideData]]:
    # Side data by place in the run; a new decoder gets all earlier side data at once.
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
            f"the decoder needs {item.kind} beside a packet, which PyAV {av.__version__} "
            f"cannot pass on; install PyAV 16 or newer."
        ) from error
    kind = cast("Any", packet_sidedata_type_from_literal(cast("Any", item.kind)))
    side_data = cast("Any", PacketSideData)(kind, len(item.data))
    side_data.update(item.data)
    side_data.to_packet(packet, True)


def skippable(run: Run) -> np.ndarray:
    r"""Returns which packets of a run need not be decoded if no other refers to them.

    Frames after the last wanted one are not among them, since the next window may want
    them.

    Args:
        run: the packets to decode.

    Returns:
        bool of shape (n,).
    """
    last_row = run.frames[run.wanted].max(initial=-1)
    return ~run.wanted & (run.frames < last_row)


class Decoded(NamedTuple):
    r"""The result of decoding a run.

    Args:
        missing: the wanted frames that did not come out, and why not.
        fed: the number of packets that were decoded.
        failed: whether a packet failed, or a wanted frame came out damaged or not at all.
        flushed: whether the decoder was flushed, and is of no further use.
        shown: the numbers of all frames that came out.
        kept: those from ``keep_from`` on, as decoded.
    """

    missing: dict[int, str]
    fed: int
    failed: bool
    flushed: bool
    shown: list[int]
    kept: dict[int, av.VideoFrame]


def decode_packets(
    context: VideoCodecContext,
    packets: Iterable[av.Packet],
    run: Run,
    skip_nonreference: bool,
    sink: Callable[[int, av.VideoFrame], None],
    *,
    is_new: bool = True,
    awaited: Iterable[int] = (),
    keep_from: int | None = None,
) -> Decoded:
    r"""Decodes packets until all wanted frames have come out, in any order.

    It flushes the decoder after the last packet only if wanted frames are still missing.

    Args:
        context: the decoder.
        packets: the packets of the run, their pts being :attr:`Run.frames`.
        run: the packets to decode.
        skip_nonreference: leave out frames that nobody wants and no other refers to, up to
            the last wanted frame.
        sink: called with the number of a wanted frame and the frame.
        is_new: whether the decoder got no packet before.
        awaited: wanted frames whose packets the decoder already got.
        keep_from: number of the first frame that is returned; none is by default.
    """
    wanted = [*awaited, *run.frames[run.wanted].tolist()]
    missing = dict.fromkeys(wanted, "the decoder shows no frame")
    decoded = Decoded(missing, 0, False, False, [], {})
    if not missing:
        return decoded
    fed, skipping, failed = 0, False, False
    skips = skippable(run).tolist() if skip_nonreference else [False] * len(run.frames)
    # Frames that are shown before the first key frame may fail: they refer to some that a
    # new decoder never had.
    key_frame = int(run.frames[0]) if is_new and len(run.frames) else 0
    # After the last packet, the decoder must give the frames that it holds back.
    for packet, skip in zip(chain(packets, (None,)), [*skips, False]):
        if packet is None:
            number = None
        else:
            number = packet.pts
            fed += 1
            if skip is not skipping:
                context.skip_frame = "NONREF" if skip else "DEFAULT"
                skipping = skip
        try:
            frames = context.decode(packet)
        except ffmpeg_errors() as error:
            failed |= number is None or not 0 <= number < key_frame
            if number in missing:
                missing[number] = str(error)
            continue
        for frame in frames:
            shown = frame.pts
            if shown is None:
                continue
            decoded.shown.append(shown)
            if keep_from is not None and shown >= keep_from:
                decoded.kept[shown] = frame
            if missing.pop(shown, None) is not None:
                failed |= frame.is_corrupt
                sink(shown, frame)
        if not missing and packet is not None:
            return decoded._replace(fed=fed, failed=failed)
    return decoded._replace(fed=fed, failed=failed or bool(missing), flushed=True)


# The share of extra packets that a request may decode, so that its last frames come out of
# a decoder that is kept.
_SPARE = 0.04
# No codec holds back more frames than a decoded picture buffer has places.
_MOST_DELAYED = 17


@dataclass
class LiveDecoder:
    r"""The decoder and frames that a request leaves for the next one.

    Args:
        first_row: first frame of the request.
        last_row: last frame of the request.
        start_dts: dts of the first packet that was decoded.
        last_dts: dts of the last packet that was decoded.
        context: the decoder, or :obj:`None` if it was flushed.
        pending: frames whose packets the decoder got, and that it has not given out yet.
        recent: frames by number that an overlapping request can use again.
    """

    first_row: int
    last_row: int
    start_dts: int
    last_dts: int
    context: VideoCodecContext | None = None
    pending: frozenset[int] = frozenset()
    recent: dict[int, av.VideoFrame] = field(default_factory=dict)


_LIVE: ProcessCache[LiveDecoder] = ProcessCache(0)
# The bounds on decoders and bytes of frames under which the present ones were kept.
_BOUNDS = (0, 0)
atexit.register(_LIVE.clear)


def _follow_configuration() -> None:
    # New bounds drop everything that was kept under the old ones.
    global _BOUNDS
    bounds = (DECODERS.read(), DECODER_MEMORY_BYTES.read())
    if bounds != _BOUNDS:
        _LIVE.clear()
        _LIVE.maxsize, _BOUNDS = bounds[0], bounds


@dataclass(frozen=True)
class SlidingRun:
    r"""A run that goes on where a decoder stopped.

    Args:
        live: the decoder, and the frames that the request before left.
        reused: wanted frames that are decoded already.
        awaited: wanted frames whose packets the decoder already got.
        run: the packets still to decode; those after the last wanted frame make the
            decoder give out the frames that it holds back.
    """

    live: LiveDecoder
    reused: dict[int, av.VideoFrame]
    awaited: frozenset[int]
    run: Run


def take_sliding(
    key: Hashable, segment: SegmentPackets, runs: list[Run], reads_on: bool
) -> SlidingRun | None:
    r"""Returns how to go on from the request before, if this one follows it, or how to
    begin so that another may follow.

    It takes the decoder out of the pool, so that no other thread uses it. If it returns no
    sliding run, it remembers the request for the next one.

    Args:
        key: identifies the file.
        segment: its packets.
        runs: the plan of this request.
        reads_on: whether a few packets after the last wanted one cost nothing to read.
    """
    _follow_configuration()
    if _LIVE.maxsize == 0:
        return None
    live = _LIVE.pop(key)
    if len(runs) != 1:
        return None
    run = runs[0]
    rows = np.sort(run.frames[run.wanted])
    first, last = int(rows[0]), int(rows[-1])
    start_dts, stop_dts = int(run.packets.dts[0]), int(run.packets.dts[-1])
    if live is None or not (
        live.first_row < first and live.start_dts <= start_dts <= live.last_dts
    ):
        spare = int(_SPARE * len(run.frames)) if reads_on else 0
        followed = follow_run(segment, run, last, stop_dts, spare)
        if not _shows(followed, last, segment.stream.reorder):
            _LIVE.put(key, LiveDecoder(first, last, start_dts, stop_dts))
            return None
        live = LiveDecoder(first, first - 1, start_dts, start_dts - 1)
        return SlidingRun(live, {}, frozenset(), followed)
    passed = run.packets.dts <= live.last_dts
    at_hand = np.isin(run.frames, [*live.recent, *live.pending])
    if live.context is None or (run.wanted & passed & ~at_hand).any():
        live = LiveDecoder(live.first_row, live.last_row, start_dts, start_dts - 1)
    reused = {row: live.recent[row] for row in rows.tolist() if row in live.recent}
    awaited = live.pending.intersection(rows.tolist()).difference(reused)
    ahead = run.packets.dts > live.last_dts
    rest = Run(run.packets[ahead], run.frames[ahead], run.wanted[ahead])
    after = max(stop_dts, live.last_dts)
    rest = follow_run(segment, rest, last, after, _MOST_DELAYED)
    return SlidingRun(live, reused, awaited, rest)


def forget_decoder(key: Hashable) -> None:
    r"""Drops the decoder that is kept for a file.

    Args:
        key: identifies the file.
    """
    _LIVE.pop(key)


def _shows(run: Run, row: int, reorder: int) -> bool:
    # Whether a decoder that gets these packets is likely to give out the frame. It
    # holds frames back until there are as many later ones as it ever has to put in order.
    frames = run.frames
    overtaken = np.zeros(len(frames), np.int64)
    for lag in range(1, min(2 * reorder + 1, len(frames))):
        overtaken[lag:] += frames[:-lag] > frames[lag:]
    return np.count_nonzero(frames > row) >= overtaken.max(initial=0)


def decode_sliding(
    key: Hashable,
    sliding: SlidingRun,
    stream: StreamInfo,
    ranges: list[ByteRange],
    chunks: list[bytes],
    sink: Callable[[int, av.VideoFrame], None],
) -> Decoded:
    r"""Decodes a sliding run strictly, and puts its decoder back into the pool unless the
    run fails.

    Args:
        key: identifies the file.
        sliding: from :func:`take_sliding`.
        stream: the facts of the stream.
        ranges: sorted ranges of the file, which hold the packets of the run.
        chunks: their bytes.
        sink: called with the number of a wanted frame and the frame.
    """
    live, run = sliding.live, sliding.run
    wanted = [*sliding.reused, *sliding.awaited, *run.frames[run.wanted].tolist()]
    first, last = min(wanted), max(wanted)
    overlapping = first <= live.last_row
    is_new = live.context is None
    context = live.context or open_decoder(stream, strict=True)
    for number, frame in sliding.reused.items():
        sink(number, frame)
    skip_nonreference = may_skip_nonreference(stream)
    decoded = decode_packets(
        context,
        cut_packets(ranges, chunks, run, stream, is_new),
        run,
        skip_nonreference,
        sink,
        is_new=is_new,
        awaited=sliding.awaited,
        keep_from=first if overlapping else None,
    )
    if decoded.failed:
        return decoded
    fed = decoded.fed
    last_dts = int(run.packets.dts[fed - 1]) if fed else live.last_dts
    if decoded.flushed:
        _LIVE.put(key, LiveDecoder(first, last, live.start_dts, last_dts))
        return decoded
    fed_frames = run.frames[:fed]
    if skip_nonreference:
        fed_frames = fed_frames[~skippable(run)[:fed]]
    _LIVE.put(
        key,
        LiveDecoder(
            first,
            last,
            live.start_dts,
            last_dts,
            context,
            live.pending.union(fed_frames.tolist()).difference(decoded.shown),
            _newest({**sliding.reused, **decoded.kept}) if overlapping else {},
        ),
    )
    return decoded


def _newest(recent: dict[int, av.VideoFrame]) -> dict[int, av.VideoFrame]:
    # As many of the newest frames as the bound on memory allows for one decoder.
    if not recent:
        return recent
    size = sum(plane.buffer_size for plane in next(iter(recent.values())).planes)
    max_decoders, max_bytes = _BOUNDS
    most = max_bytes // max(1, max_decoders) // max(1, size)
    return {
        number: recent[number] for number in sorted(recent)[max(0, len(recent) - most) :]
    }
