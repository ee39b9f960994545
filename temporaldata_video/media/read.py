r"""Reads frames of one file: plan, bytes, packets, frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from ..errors import FrameSizeError, IndexFormatError, SourceChangedError, StaleIndexError
from ..memory_bound import check_request
from ..process import ProcessCache
from ..types import ByteCache, ByteRange, Cost, ObjectMeta, ObjectStore, SegmentPackets
from .convert import FrameWriter, OutputFormat
from .decode import (
    PacketBytes,
    decode_packets,
    may_skip_nonreference,
    open_decoder,
    open_stream,
)
from .fetch import MAX_REQUESTS, FetchedAhead, side_by_side, split_range
from .fingerprint import matches
from .plan import Run, byte_ranges, plan_runs
from .pool import decode_sliding, take_sliding
from .store import LocalStore

if TYPE_CHECKING:
    import av

# A frame that does not come out of its own group of pictures gets a second chance one
# key frame earlier: some encoders flag key frames that are none.
_ATTEMPTS = (0, 1)


@dataclass(frozen=True)
class Segment:
    r"""One file of a video, and how to get at its bytes.

    Args:
        uri: where the file lies.
        packets: its index.
        store: reads the file.
        cache: stands in front of the store, or :obj:`None`.
    """

    uri: str
    packets: SegmentPackets
    store: ObjectStore = field(repr=False)
    cache: ByteCache | None = field(default=None, repr=False)


def read_frames(
    segment: Segment,
    frames: np.ndarray,
    output: OutputFormat,
    write: Callable[[int], np.ndarray],
    threads: int = 1,
) -> dict[int, str]:
    r"""Decodes frames of a segment into arrays of the caller's.

    Args:
        segment: the file.
        frames: frame numbers within the segment, sorted and unique, int64 of shape (n,).
        output: the pixels asked for.
        write: returns the array for a frame number, of
            :meth:`~temporaldata_video.media.convert.OutputFormat.frame_shape`.
        threads: groups of pictures to decode side by side.

    Returns:
        The frames that could not be decoded, and why not.

    Raises:
        StaleIndexError: if the file is not the one that was indexed.
    """
    missing = dict.fromkeys(frames.tolist(), "")
    for earlier in _ATTEMPTS:
        todo = np.array(sorted(missing), np.int64)
        runs = plan_runs(segment.packets, todo, earlier=earlier, split=threads > 1)
        missing = _decode_runs(segment, runs, output, write, threads)
        if not missing:
            break
    return missing


def read_cost(segment: Segment, frames: np.ndarray) -> Cost:
    r"""Returns what :func:`read_frames` would do for these frames.

    Args:
        segment: the file.
        frames: frame numbers within the segment, sorted and unique, int64 of shape (n,).
    """
    runs = plan_runs(segment.packets, frames)
    ranges = byte_ranges(runs)
    return Cost(
        frames=len(frames),
        decoded=sum(len(run.frames) for run in runs),
        bytes=sum(r.stop - r.start for r in ranges),
        ranges=len(ranges),
    )


def fetch_ahead(wanted: Sequence[tuple[Segment, np.ndarray]]) -> list[Segment]:
    r"""Returns segments that hold what :func:`read_frames` is about to need of them,
    fetched side by side; those whose bytes lie near are as they were.

    Args:
        wanted: segments and frame numbers within them, sorted and unique, int64.

    Raises:
        StaleIndexError: if a file is not the one that was indexed.
    """
    segments = [segment for segment, _ in wanted]
    ranges = {
        place: byte_ranges(plan_runs(segment.packets, frames))
        for place, (segment, frames) in enumerate(wanted)
        if segment.cache is not None and segment.packets.stream.readable_by_packet
    }
    if len(ranges) < 2:
        return segments
    jobs = [partial(_read, segments[place], of_file) for place, of_file in ranges.items()]
    for (place, of_file), (meta, data) in zip(ranges.items(), side_by_side(jobs)):
        behind = cast(ByteCache, segments[place].cache)
        held = FetchedAhead(behind, meta, of_file, data)
        segments[place] = replace(segments[place], cache=held)
    return segments


def prefetch_frames(
    segment: Segment, frames: np.ndarray, advance: Callable[[int], None]
) -> None:
    r"""Has the cache of a segment fetch what :func:`read_frames` would need.

    Args:
        segment: the file.
        frames: frame numbers within the segment, sorted and unique, int64 of shape (n,).
        advance: called with the number of bytes that are in the cache now.

    Raises:
        StaleIndexError: if the file is not the one that was indexed.
    """
    ranges = byte_ranges(plan_runs(segment.packets, frames))
    pieces = [piece for span in ranges for piece in split_range(span)]
    for first in range(0, len(pieces), MAX_REQUESTS):
        batch = pieces[first : first + MAX_REQUESTS]
        _read(segment, batch)
        advance(sum(stop - start for start, stop in batch))


def _decode_runs(
    segment: Segment,
    runs: list[Run],
    output: OutputFormat,
    write: Callable[[int], np.ndarray],
    threads: int,
) -> dict[int, str]:
    stream = segment.packets.stream
    if not stream.readable_by_packet:
        etag = verified(segment).etag
        missing = _decode_from_container(segment, runs, output, write)
        if segment.store.head(segment.uri).etag != etag:
            raise SourceChangedError(f"{segment.uri!r} changed while it was being read.")
        return missing
    skip = may_skip_nonreference(stream)
    if threads == 1:
        key = (segment.uri, segment.packets.fingerprint)
        reads_on = isinstance(segment.store, LocalStore)
        sliding = take_sliding(key, segment.packets, runs, reads_on)
        if sliding is not None:
            source = _fetch(segment, [sliding.run])
            convert = _Converter(segment.uri, FrameWriter(stream, output), write)
            missing = decode_sliding(
                key,
                sliding,
                lambda: open_decoder(stream),
                lambda run, is_new: source.packets(run, stream, is_new),
                skip,
                convert,
            )
            return missing | convert.failed
    source = _fetch(segment, runs)

    def decode(run: Run) -> dict[int, str]:
        packets = source.packets(run, stream)
        convert = _Converter(segment.uri, FrameWriter(stream, output), write)
        decoded = decode_packets(open_decoder(stream), packets, run, skip, convert)
        return decoded.missing | convert.failed

    results = side_by_side([partial(decode, run) for run in runs], threads)
    return {number: why for result in results for number, why in result.items()}


def _decode_from_container(
    segment: Segment,
    runs: list[Run],
    output: OutputFormat,
    write: Callable[[int], np.ndarray],
) -> dict[int, str]:
    stream = segment.packets.stream
    missing: dict[int, str] = {}
    convert = _Converter(segment.uri, FrameWriter(stream, output), write)
    for run in runs:
        opened = partial(segment.store.open, segment.uri)
        with open_stream(opened, segment.uri, segment.packets) as (context, packets):
            missing |= decode_packets(context, packets(run), run, False, convert).missing
    return missing | convert.failed


class _Converter:
    # Writes frames into the caller's arrays, and remembers those that do not fit.

    def __init__(
        self, uri: str, writer: FrameWriter, write: Callable[[int], np.ndarray]
    ) -> None:
        self._uri, self._writer, self._write = uri, writer, write
        self.failed: dict[int, str] = {}

    def __call__(self, number: int, frame: av.VideoFrame, wanted: bool = True) -> None:
        if not wanted:
            return
        try:
            self._writer.write(frame, self._write(number))
        except FrameSizeError as error:
            raise FrameSizeError(f"frame {number} of {self._uri!r} {error}") from None
        except (ValueError, OSError) as error:  # FFmpeg refuses to convert some colours
            self.failed[number] = str(error)


def _fetch(segment: Segment, runs: list[Run]) -> PacketBytes:
    ranges = byte_ranges(runs)
    packets = sum(stop - start for start, stop in ranges)
    check_request(packets, f"the packets of {sum(len(run.frames) for run in runs)} frames")
    _, data = _read(segment, ranges)
    return PacketBytes(ranges, data)


def _read(segment: Segment, ranges: list[ByteRange]) -> tuple[ObjectMeta, list[bytes]]:
    # The bytes of the ranges, and the version of the file that all of them are of.
    for _ in range(2):
        meta = verified(segment)
        if any(not 0 <= start < stop <= meta.size for start, stop in ranges):
            raise IndexFormatError(
                f"the index of {segment.uri!r} is damaged: it names bytes outside of the "
                f"file. Run: temporaldata-video index --overwrite {segment.uri}"
            )
        try:
            if segment.cache is not None:
                data = segment.cache.read_ranges(segment.store, segment.uri, ranges, meta)
            else:
                data = [
                    segment.store.read_range(
                        segment.uri, start, stop - start, meta.etag or None
                    )
                    for start, stop in ranges
                ]
            return meta, data
        except SourceChangedError:
            # The file was touched or replaced since it was verified; if it is still the
            # indexed one, the bytes are good.
            _VERIFIED.clear()
    raise SourceChangedError(f"{segment.uri!r} keeps changing while it is being read.")


# Files that were found to be the indexed ones.
_VERIFIED: ProcessCache[ObjectMeta] = ProcessCache(4096)


def verified(segment: Segment) -> ObjectMeta:
    r"""Returns size and etag of a file that was found to be the indexed one.

    Args:
        segment: the file.

    Raises:
        StaleIndexError: if it is another one.
    """
    key = (segment.uri, segment.packets.fingerprint)
    return _VERIFIED.get(key, lambda: _verify(segment))


def _verify(segment: Segment) -> ObjectMeta:
    expected = segment.packets.fingerprint
    meta = segment.store.head(segment.uri)
    if expected is not None and not matches(segment.store, segment.uri, expected, meta):
        difference = (
            f"has {meta.size} bytes where the index says {expected.size}"
            if meta.size != expected.size
            else f"has the same size and other contents than digest {expected.digest}"
        )
        raise StaleIndexError(
            f"the index of {segment.uri!r} was made for another file: the file there now "
            f"{difference}. If the video was meant to change, run: temporaldata-video "
            f"index --overwrite {segment.uri}"
        )
    return meta
