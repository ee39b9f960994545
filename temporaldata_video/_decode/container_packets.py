r"""Reads the packets of a run through their container, if their positions are no use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from .._base.container import (
    LONGEST_BLOCK_HEADER,
    demuxed,
    ffmpeg_errors,
    keep_to_one_thread,
    open_container,
)
from ..errors import SourceError
from ..types import SegmentPackets, StreamInfo
from .decode import prepared
from .plan import Run

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream


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
    # The packets from the first of a run on, if a seek leads to it. Its dts, place and size
    # identify it.
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
    # Indexes have the place of the payload, which begins after the header of a block.
    return pos < 0 if packet.pos is None else 0 <= pos - packet.pos <= LONGEST_BLOCK_HEADER


def _count_before(segment: SegmentPackets, run: Run) -> int:
    tables = (segment.rows(0, len(segment)), segment.hidden)
    return sum(int(np.count_nonzero(t.dts < run.packets.dts[0])) for t in tables)


def _checked(
    packets: Iterator[av.Packet], run: Run, stream: StreamInfo, uri: str
) -> Iterator[av.Packet]:
    n_packets = 0
    sized = zip(packets, run.packets.size.tolist())
    same = takewhile(lambda pair: pair[0].size == pair[1], sized)
    for packet in prepared((packet for packet, _ in same), run, stream, True):
        yield packet
        n_packets += 1
    if n_packets < len(run.frames):
        raise SourceError(
            f"{uri!r} no longer holds the packets that its index names; index it again "
            f"with 'temporaldata-video index --overwrite'."
        )
