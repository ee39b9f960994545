r"""Keeps a few decoders where the last window ended, for windows that slide along.

A window that begins in the group of pictures in which the last one ended would decode that
group from its key frame again. Where next to nothing is lost by it, or once two requests
have followed one another like that, the decoder is kept instead of flushed, and the next
request goes on where it stands. Frames of overlapping windows are kept as decoded, within a
bound.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .._base.configuration import DECODER_MEMORY_BYTES, DECODERS
from .._base.process_cache import ProcessCache
from ..types import SegmentPackets
from .decode import decode_packets, skippable
from .plan import Run, follow_run

if TYPE_CHECKING:
    import av
    from av.video.codeccontext import VideoCodecContext

# The share of its packets that a request may decode in excess, so that its last frames come
# out of a decoder that is kept.
_SPARE = 0.04
# No codec holds back more frames than a decoded picture buffer has places.
_MOST_DELAYED = 17


@dataclass
class LiveDecoder:
    r"""What a request leaves behind for the one that may follow.

    Args:
        first_row: first frame of the request.
        last_row: last frame of the request.
        start_dts: dts of the first packet that was decoded.
        last_dts: dts of the last packet that was decoded.
        context: the decoder, or :obj:`None` if it was flushed.
        pending: frames that the decoder was given and has not given out yet.
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
# How many decoders and bytes of frames are kept: those that what is kept was kept by.
_BOUNDS = (0, 0)
atexit.register(_LIVE.clear)


def _follow_configuration() -> None:
    # What was kept by other bounds goes.
    global _BOUNDS
    bounds = (DECODERS.read(), DECODER_MEMORY_BYTES.read())
    if bounds != _BOUNDS:
        _LIVE.clear()
        _LIVE.maxsize, _BOUNDS = bounds[0], bounds


@dataclass(frozen=True)
class SlidingRun:
    r"""A run that goes on from where a decoder stands.

    Args:
        live: the decoder, and what the request before left.
        reused: wanted frames that are decoded already.
        awaited: wanted frames that the decoder was given already.
        run: the packets that are still to be decoded, those behind the last wanted frame
            included, which make the decoder give out what it holds back.
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

    The decoder is taken out of the pool, so that no other thread uses it. Without a
    sliding run, the request is remembered for the next one.

    Args:
        key: identifies the file.
        segment: its packets.
        runs: the plan of this request.
        reads_on: whether a few packets behind the last one wanted cost nothing to read.
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
    # Whether a decoder that is given these packets is likely to give out the frame. It
    # holds frames back until there are as many later ones as it ever has to put in order.
    frames = run.frames
    overtaken = np.zeros(len(frames), np.int64)
    for lag in range(1, min(2 * reorder + 1, len(frames))):
        overtaken[lag:] += frames[:-lag] > frames[lag:]
    return np.count_nonzero(frames > row) >= overtaken.max(initial=0)


def decode_sliding(
    key: Hashable,
    sliding: SlidingRun,
    make_context: Callable[[], VideoCodecContext],
    packets: Callable[[Run, bool], Iterable[av.Packet]],
    skip_nonreference: bool,
    sink: Callable[[int, av.VideoFrame], None],
) -> dict[int, str]:
    r"""Decodes a sliding run and puts its decoder back into the pool.

    Args:
        key: identifies the file.
        sliding: from :func:`take_sliding`.
        make_context: makes a decoder if none stands ready.
        packets: yields the packets of a run; its flag tells that the decoder is new.
        skip_nonreference: as for :func:`~temporaldata_video._decode.decode.decode_packets`.
        sink: called with the number of a frame and the frame.

    Returns:
        The wanted frames that did not come out, and why not.
    """
    live, run = sliding.live, sliding.run
    wanted = [*sliding.reused, *sliding.awaited, *run.frames[run.wanted].tolist()]
    first, last = min(wanted), max(wanted)
    overlapping = first <= live.last_row
    new = live.context is None
    context = live.context or make_context()
    recent = dict(sliding.reused) if overlapping else {}
    for number, frame in sliding.reused.items():
        sink(number, frame)
    given_out: set[int] = set()

    def keep_and_sink(number: int, frame: av.VideoFrame, is_wanted: bool) -> None:
        given_out.add(number)
        if overlapping and number >= first:
            recent[number] = frame
        if is_wanted:
            sink(number, frame)

    missing, fed, flushed = decode_packets(
        context,
        packets(run, new),
        run,
        skip_nonreference,
        keep_and_sink,
        awaited=sliding.awaited,
    )
    last_dts = int(run.packets.dts[fed - 1]) if fed else live.last_dts
    if missing or flushed:
        if not missing:
            _LIVE.put(key, LiveDecoder(first, last, live.start_dts, last_dts))
        return missing
    kept = ~skippable(run)[:fed] if skip_nonreference else np.ones(fed, bool)
    _LIVE.put(
        key,
        LiveDecoder(
            first,
            last,
            live.start_dts,
            last_dts,
            context,
            live.pending.union(run.frames[:fed][kept].tolist()) - given_out,
            _newest(recent),
        ),
    )
    return missing


def _newest(recent: dict[int, av.VideoFrame]) -> dict[int, av.VideoFrame]:
    # As many of the frames as the bound on memory leaves to one decoder.
    if not recent:
        return recent
    size = sum(plane.buffer_size for plane in next(iter(recent.values())).planes)
    max_decoders, max_bytes = _BOUNDS
    most = max_bytes // max(1, max_decoders) // max(1, size)
    return {
        number: recent[number] for number in sorted(recent)[max(0, len(recent) - most) :]
    }
