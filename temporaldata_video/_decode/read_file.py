r"""Reads frames of one file: plan, bytes, packets, frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._base.container import pyav_version
from .._base.memory import check_request
from .._base.process_cache import ProcessCache
from .._base.uris import shown_uri
from .._bytes.fetch import (
    MAX_OBJECTS,
    MAX_REQUESTS,
    FetchedAhead,
    side_by_side,
    split_range,
)
from .._bytes.fingerprint import matches
from .._bytes.local import LocalStore
from .._pixels.convert import FrameWriter, OutputFormat
from ..errors import FrameSizeError, IndexFormatError, SourceChangedError, StaleIndexError
from ..types import (
    ByteCache,
    ByteRange,
    Cost,
    ObjectMeta,
    RangeStore,
    SegmentPackets,
    StreamInfo,
)
from .container_packets import open_stream
from .decode import (
    Decoded,
    be_strict,
    cut_packets,
    decode_packets,
    decode_sliding,
    forget_decoder,
    may_skip_nonreference,
    open_decoder,
    take_sliding,
)
from .plan import Run, byte_ranges, plan_runs

if TYPE_CHECKING:
    import av

# Where decoding fails, it begins again this many key frames earlier. What a decoder puts in
# the place of damage comes from frames before it, and some key frames are none.
_EARLIER = 4
# Packets may share bytes. In an index that lies, each of them may be the whole file.
_MOST_SHARED = 16


@dataclass(frozen=True)
class ProxyOf:
    r"""What a proxy stands for.

    Args:
        original: the file whose frames it has, in another size.
        lost: the frames of which it has no picture, and why not.
        encoding: how it was encoded, if not lossless.
    """

    original: VideoFile
    lost: Mapping[int, str] = field(repr=False)
    encoding: str = ""


@dataclass(frozen=True)
class VideoFile:
    r"""One file of a video, and how to read its bytes.

    Args:
        uri: where the file lies.
        packets: its index.
        store: reads the file.
        cache: stands in front of the store, or :obj:`None`.
        count: returns how many frames a file has now, or :obj:`None` if counting takes
            long; for the message about a file that was replaced.
        proxy: what it stands for, if it is a proxy.
    """

    uri: str
    packets: SegmentPackets
    store: RangeStore = field(repr=False)
    cache: ByteCache | None = field(default=None, repr=False)
    count: Callable[[str], int | None] = field(
        default=lambda uri: None, repr=False, compare=False
    )
    proxy: ProxyOf | None = field(default=None, repr=False, compare=False)


def read_frames(
    file: VideoFile,
    frames: np.ndarray,
    output: OutputFormat,
    target: Callable[[int], np.ndarray],
    threads: int = 1,
    runs: list[Run] | None = None,
) -> dict[int, str]:
    r"""Decodes frames of a file into arrays of the caller.

    Args:
        file: the file.
        frames: frame numbers within the file, sorted and unique, int64 of shape (n,).
        output: which pixels to make.
        target: returns the array for a frame number, of
            :meth:`~temporaldata_video._pixels.convert.OutputFormat.frame_shape`.
        threads: groups of pictures to decode side by side.
        runs: the plan for these frames, by :func:`plan_frames`; made here by default.

    Returns:
        The frames that could not be decoded, and why not.

    Raises:
        StaleIndexError: if the file is not the one that was indexed.
    """
    if file.proxy is not None:
        _check_original(file.proxy.original)
    missing = dict.fromkeys(frames.tolist(), "its index leads to no packet that shows it")
    wanted = _Wanted(file.uri, file.packets.stream, output, target, missing)
    if runs is None:
        runs = plan_frames(file, frames, threads)
    # FFmpeg 7 fails on MPEG-4 that is whole, and shows other frames if it begins earlier.
    earlier, strict = _EARLIER, True
    if file.packets.stream.codec == "mpeg4" and pyav_version() < 16:
        earlier, strict = 1, False
    failed = _decode_runs(file, runs, wanted, threads, strict)
    if not strict:
        failed = list(missing)
    if failed:
        missing.update(dict.fromkeys(failed, "the decoder shows no frame"))
        again = np.array(sorted(failed), np.int64)
        runs = plan_runs(file.packets, again, earlier=earlier, split=threads > 1)
        _decode_runs(file, runs, wanted, threads, strict=False)
    if file.proxy is not None:
        name = shown_uri(file.uri)
        missing = {n: f"its proxy {name!r}: {why}" for n, why in missing.items()}
        lost = file.proxy.lost
        missing |= {n: lost[n] for n in lost.keys() & set(frames.tolist())}
    return missing


def plan_frames(file: VideoFile, frames: np.ndarray, threads: int = 1) -> list[Run]:
    r"""Returns the packets to decode for some frames.

    Args:
        file: the file.
        frames: frame numbers within the file, sorted and unique, int64 of shape (n,).
        threads: groups of pictures to decode side by side.
    """
    return plan_runs(file.packets, frames, split=threads > 1)


def read_cost(file: VideoFile, frames: np.ndarray) -> Cost:
    r"""Returns what :func:`read_frames` would do for these frames.

    Args:
        file: the file.
        frames: frame numbers within the file, sorted and unique, int64 of shape (n,).
    """
    runs = plan_runs(file.packets, frames)
    ranges = byte_ranges(runs)
    return Cost(
        frames=len(frames),
        decoded=sum(len(run.frames) for run in runs),
        bytes=sum(r.stop - r.start for r in ranges),
        ranges=len(ranges),
        from_proxy=0 if file.proxy is None else len(frames),
    )


def fetch_ahead(wanted: Sequence[tuple[VideoFile, list[Run]]]) -> list[VideoFile]:
    r"""Returns files that hold the bytes that :func:`read_frames` will need, fetched side
    by side; local files are returned as they are.

    Args:
        wanted: files, and the packets to decode of each.

    Raises:
        StaleIndexError: if a file is not the one that was indexed.
    """
    files = [file for file, _ in wanted]
    ranges = {
        place: byte_ranges(runs)
        for place, (file, runs) in enumerate(wanted)
        if file.cache is not None and file.packets.stream.readable_by_packet
    }
    if len(ranges) < 2:
        return files
    jobs = [partial(_read, files[place], of_file) for place, of_file in ranges.items()]
    fetched = side_by_side(jobs, MAX_OBJECTS)
    for (place, of_file), (meta, data) in zip(ranges.items(), fetched):
        behind = cast("ByteCache", files[place].cache)
        held = FetchedAhead(behind, meta, of_file, data)
        files[place] = replace(files[place], cache=held)
    return files


def prefetch_frames(
    file: VideoFile, frames: np.ndarray, advance: Callable[[int], None]
) -> None:
    r"""Makes the cache of a file fetch the bytes that :func:`read_frames` would need.

    Args:
        file: the file.
        frames: frame numbers within the file, sorted and unique, int64 of shape (n,).
        advance: called with the number of bytes that are in the cache now.

    Raises:
        StaleIndexError: if the file is not the one that was indexed.
    """
    ranges = byte_ranges(plan_runs(file.packets, frames))
    pieces = [piece for span in ranges for piece in split_range(span)]
    for first in range(0, len(pieces), MAX_REQUESTS):
        batch = pieces[first : first + MAX_REQUESTS]
        _read(file, batch)
        advance(sum(stop - start for start, stop in batch))


@dataclass(frozen=True)
class _Wanted:
    # The frames of a request, and where they go. Only writing a frame takes it off the
    # missing ones, so that no frame counts as read unless a decoder gave it.
    uri: str
    stream: StreamInfo
    output: OutputFormat
    target: Callable[[int], np.ndarray]
    missing: dict[int, str]

    def converter(self) -> Callable[[int, av.VideoFrame], None]:
        # Each thread needs one of its own.
        write = FrameWriter(self.stream, self.output, self.uri).write
        target, missing = self.target, self.missing

        def convert(number: int, frame: av.VideoFrame) -> None:
            if number not in missing:
                return
            try:
                write(frame, target(number))
            except FrameSizeError as error:
                raise FrameSizeError(f"frame {number} of {self.uri!r} {error}") from None
            except (ValueError, OSError) as error:  # FFmpeg refuses some colours
                missing[number] = str(error)
            else:
                del missing[number]

        return convert

    def explain(self, reasons: Mapping[int, str]) -> None:
        for number, why in reasons.items():
            if number in self.missing:
                self.missing[number] = why


def _decode_runs(
    file: VideoFile, runs: list[Run], wanted: _Wanted, threads: int, strict: bool = True
) -> list[int]:
    # Returns the wanted frames of runs that failed. What is not strict conceals damage as
    # a decode of the whole file does, which must see every packet.
    stream, failed = file.packets.stream, []

    def note(run: Run, decoded: Decoded) -> None:
        wanted.explain(decoded.missing)
        if decoded.failed:
            failed.extend(run.frames[run.wanted].tolist())

    if not stream.readable_by_packet:
        etag = verified(file).etag
        convert = wanted.converter()
        for run in runs:
            opened = partial(file.store.open, file.uri)
            with open_stream(opened, file.uri, file.packets) as (context, packets):
                if strict:
                    be_strict(context)
                note(run, decode_packets(context, packets(run), run, False, convert))
        if file.store.head(file.uri).etag != etag:
            raise SourceChangedError(f"{file.uri!r} changed while it was being read.")
        return failed
    if threads == 1 and strict:
        key = (file.uri, file.packets.fingerprint)
        reads_on = isinstance(file.store, LocalStore)
        sliding = take_sliding(key, file.packets, runs, reads_on)
        if sliding is not None:
            ranges, data = _fetch(file, [sliding.run])
            sink = wanted.converter()
            note(runs[0], decode_sliding(key, sliding, stream, ranges, data, sink))
            return failed
    ranges, data = _fetch(file, runs)
    skip = strict and may_skip_nonreference(stream)

    def decode(run: Run) -> None:
        packets, convert = cut_packets(ranges, data, run, stream), wanted.converter()
        context = open_decoder(stream, strict)
        note(run, decode_packets(context, packets, run, skip, convert))

    side_by_side([partial(decode, run) for run in runs], threads)
    return failed


def _fetch(file: VideoFile, runs: list[Run]) -> tuple[list[ByteRange], list[bytes]]:
    ranges = byte_ranges(runs)
    size = frames = used = 0
    for start, stop in ranges:
        size += stop - start
    for run in runs:
        frames += len(run.frames)
        used += int(run.packets.size.sum())
    check_request(size, f"the packets of {frames} frames")
    if used > _MOST_SHARED * size > 0:
        raise IndexFormatError(
            f"the index of {file.uri!r} is damaged: {frames} packets of {used} bytes in "
            f"all lie within {size} bytes. Run: temporaldata-video index --overwrite "
            f"{file.uri}"
        )
    return ranges, _read(file, ranges)[1]


def _read(file: VideoFile, ranges: list[ByteRange]) -> tuple[ObjectMeta, list[bytes]]:
    # The bytes of the ranges, and the version of the file that all of them are of.
    store, uri = file.store, file.uri
    for is_second in (False, True):
        found = None if is_second else _read_while_verified(file, ranges)
        if found is not None:
            return found
        meta = verified(file)
        for start, stop in ranges:
            if not 0 <= start < stop <= meta.size:
                raise IndexFormatError(
                    f"the index of {uri!r} is damaged: it names bytes outside of the "
                    f"file. Run: temporaldata-video index --overwrite {uri}"
                )
        try:
            if file.cache is not None:
                return meta, file.cache.read_ranges(store, uri, ranges, meta)
            data = []
            for start, stop in ranges:
                data.append(store.read_range(uri, start, stop - start, meta.etag or None))
            return meta, data
        except SourceChangedError:
            # The file was touched or replaced since it was verified; if it is still the
            # indexed one, its bytes are good.
            _VERIFIED.clear()
    raise SourceChangedError(f"{uri!r} keeps changing while it is being read.")


def _read_while_verified(
    file: VideoFile, ranges: list[ByteRange]
) -> tuple[ObjectMeta, list[bytes]] | None:
    # The first bytes of a remote file come in the same round trip as the proof that it is
    # the indexed one: they are asked for in the version that the index names. Returns
    # nothing if the file must be verified first.
    expected, cache = file.packets.fingerprint, file.cache
    if cache is None or expected is None or not expected.etag or not ranges:
        return None
    if (file.uri, expected) in _VERIFIED or ranges[-1].stop > expected.size:
        return None
    named = ObjectMeta(expected.size, expected.etag)

    def read() -> list[bytes] | None:
        try:
            return cache.read_ranges(file.store, file.uri, ranges, named)
        except SourceChangedError:
            return None

    jobs: list[Callable[[], Any]] = [partial(verified, file), read]
    meta, data = side_by_side(jobs)
    return (meta, data) if data is not None and meta == named else None


# Files that proved to be the indexed ones.
_VERIFIED: ProcessCache[ObjectMeta] = ProcessCache(4096)


def verified(file: VideoFile) -> ObjectMeta:
    r"""Checks that a file is the indexed one, and returns its size and etag.

    Args:
        file: the file.

    Raises:
        StaleIndexError: if it is another one.
    """
    key = (file.uri, file.packets.fingerprint)
    return _VERIFIED.get(key, partial(_verify, file))


def forget(file: VideoFile) -> None:
    r"""Drops everything that is kept for the next request of a file.

    Args:
        file: the file.
    """
    key = (file.uri, file.packets.fingerprint)
    _VERIFIED.pop(key)
    forget_decoder(key)


def _check_original(file: VideoFile) -> None:
    # Who reads the original sees that it changed. A look at a local file costs nothing; a
    # remote one is looked at once in each process, as if its bytes were cached.
    local = isinstance(file.store, LocalStore)
    if local and file.store.head(file.uri).etag != verified(file).etag:
        forget(file)
    verified(file)


def _verify(file: VideoFile) -> ObjectMeta:
    expected = file.packets.fingerprint
    meta = file.store.head(file.uri)
    if file.proxy is not None and expected is not None:
        if matches(file.store, file.uri, expected, meta):
            return meta
        raise StaleIndexError(
            f"the proxy {shown_uri(file.uri)!r} was written anew since the video "
            f"{shown_uri(file.proxy.original.uri)!r} was opened; open the video again."
        )
    if expected is not None and not matches(file.store, file.uri, expected, meta):
        difference = (
            f"has {meta.size} bytes where the index says {expected.size}"
            if meta.size != expected.size
            else f"has the same size and other contents than digest {expected.digest}"
        )
        frames = file.count(file.uri)
        if frames is not None and frames != len(file.packets):
            difference += f", and {frames} frames where it says {len(file.packets)}"
        raise StaleIndexError(
            f"the index of {file.uri!r} was made for another file: the file there now "
            f"{difference}. If the video was meant to change, first run: "
            f"temporaldata-video index --overwrite {file.uri} with its --timestamps (or "
            f"index-nwb, if an NWB file has them); then save recordings of it again."
        )
    return meta
