r"""Says what a video is, and what reading it costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .._base.report import Report
from .._base.uris import is_local, short_path, shown_uri
from .._build.file_index import clock_trouble
from .._bytes.fingerprint import matches
from .._clock.faults import GAP_FACTOR
from .._clock.times_in_words import format_extent, format_pauses
from .._decode.container_packets import open_stream
from .._decode.read_file import VideoFile
from .._pixels.convert import OutputFormat
from .._pixels.depth import bit_depth
from .._plugin.place import Uris
from .._video.cost import WINDOW_SECONDS, frames_cost, random_windows
from .._video.lazy_arrays import LazyFrames
from .._video.part import VideoPart
from .._video.proxies import FoundProxy, list_proxies
from .._video.recording import Recording
from ..errors import SourceError
from ..types import ObjectStore, PacketIndex, StreamInfo
from .named_videos import only_video

N_WINDOWS_DECODED = 3


@dataclass(frozen=True)
class VideoInfo(Report):
    r"""What a video is, and what reading it costs.

    Args:
        uri: the video, or its first file.
        facts: each in words, by its name, such as ``"codec"``.
        changed: a file that is another one than the index is of, so that the facts are of
            that one; ``""`` if there is none.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30, size=(64, 96))
        >>> index = tv.write_index(clip, progress=False)
        >>> found = tv.info("clip.mp4")
        >>> found.facts["size"], found.facts["clock"]
        ('96 x 64', '0.000 s to 1.967 s')
    """

    uri: str
    facts: Mapping[str, str]
    changed: str = ""

    def table(self) -> list[tuple[str, str]]:
        r"""Returns name and value of each fact."""
        return [*self.facts.items()]

    def _heading(self) -> str:
        return shown_uri(self.uri)


def info(
    uri: Uris,
    *,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | None = None,
) -> VideoInfo:
    r"""Returns what ``temporaldata-video info`` prints about a video.

    It decodes a few windows, to say how long that takes. For a video without an index, it
    builds one in memory.

    Args:
        uri: the video; or a recording of one video, ``"rec.h5"``; or of several,
            ``"rec.h5:face"``.
        store: reads the video; found by its uri by default.
        storage_options: credentials and the like for the store.
        index_uri: where the index lies; beside the video by default.

    Raises:
        SourceError: if it is not there, or no video.
        FrameIndexError: if its index is damaged.
        ValueError: if a recording has no video, or several and none is named.
    """
    return describe_video(
        only_video(uri, store=store, storage_options=storage_options, index_uri=index_uri)
    )


def describe_video(recording: Recording) -> VideoInfo:
    r"""Returns what a video is, and what reading it costs.

    Args:
        recording: the video.
    """
    recording = replace(recording, output=OutputFormat(dtype="auto"), on_error="mask")
    files = list({file.uri: file for file, _ in recording.files}.values())
    changed = next((file.uri for file in files if _has_changed(file)), "")
    facts = (
        *_clock_facts(recording),
        *_stream_facts(files),
        *_group_facts(files),
        ("sidecar", _join_distinct(_sidecar(p, bool(changed)) for p in recording.parts)),
        *_proxy_facts(recording),
        *_cost_facts(recording, bool(changed)),
    )
    return VideoInfo(recording.parts[0].uri, dict(facts), changed)


def size_on_disk(uri: str) -> int | None:
    r"""Returns the bytes of a local directory, :obj:`None` if it is elsewhere."""
    if not is_local(uri):
        return None
    return sum(path.stat().st_size for path in Path(uri).rglob("*") if path.is_file())


def _has_changed(file: VideoFile) -> bool:
    fingerprint = file.packets.fingerprint
    there = file.store.head(file.uri)
    return fingerprint is None or not matches(file.store, file.uri, fingerprint, there)


def _clock_facts(recording: Recording) -> Iterator[tuple[str, str]]:
    times = recording.sorted_timestamps
    counts = recording.frame_counts.tolist()
    yield "frames", str(sum(counts))
    if len(counts) > 1:
        yield "segments", f"{len(counts)}, of {', '.join(map(str, counts))} frames"
    else:
        yield "segments", "1"
    yield "clock", format_extent(times)
    again = len(recording.shown_again.times)
    if again:
        yield "shown again", f"{again} times"
    without = sum(counts) + again - len(times)
    if without:
        yield "no time", f"{without} frames, which are left out"
    unsorted = np.count_nonzero(np.diff(recording.time_order) < 0)
    if unsorted and not again:
        yield "clock steps back", f"{unsorted} times; frames are sorted by it"
    intervals = np.diff(times)
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    if usual <= 0:
        return
    gaps = intervals[intervals > GAP_FACTOR * usual]
    regular = intervals[intervals <= GAP_FACTOR * usual]
    jitter = np.sqrt(np.mean((regular - usual) ** 2))
    yield "rate", f"{1 / usual:.3f} frames/s (median)"
    yield "jitter", f"{1e3 * jitter:.3f} ms around {1e3 * usual:.3f} ms (root mean square)"
    longest = f", the longest {gaps.max():.3f} s" if len(gaps) else ""
    yield "gaps", f"{len(gaps)} longer than {GAP_FACTOR} times the median{longest}"
    if pauses := format_pauses(times, recording.parts[0].pace):
        yield "pauses", pauses


def _stream_facts(files: list[VideoFile]) -> Iterator[tuple[str, str]]:
    def each(fact: Callable[[StreamInfo], str]) -> str:
        return _join_distinct(fact(file.packets.stream) for file in files)

    yield "codec", each(lambda stream: stream.codec)
    yield "size", each(lambda stream: f"{stream.width} x {stream.height}")
    yield (
        "rotation",
        each(lambda stream: f"{stream.rotation}°{', mirrored' if stream.mirrored else ''}"),
    )
    yield "pixel format", _join_distinct(_pixel_format(file) for file in files)
    yield "bits per sample", _join_distinct(str(bit_depth(_pixel_format(f))) for f in files)
    yield "container", each(lambda stream: stream.container)
    yield "time base", each(lambda stream: f"{stream.time_base} s")
    yield (
        "read",
        each(
            lambda stream: "by packet" if stream.readable_by_packet else "through container"
        ),
    )
    yield (
        "reordering",
        each(
            lambda stream: (
                f"packets move by up to {stream.reorder} places (B-frames)"
                if stream.reorder
                else "none (no B-frames)"
            )
        ),
    )
    yield (
        "order of frames",
        each(
            lambda stream: (
                f"by the decoder, since {stream.decoded_for}"
                if stream.decoded_for
                else "by the container's times"
            )
        ),
    )
    troubles = [trouble for file in files if (trouble := clock_trouble(file.packets))]
    if troubles:
        yield "container's clock", f"the file {_join_distinct(troubles)}"
    yield "hidden packets", str(sum(len(file.packets.hidden) for file in files))


def _join_distinct(values: Iterable[str]) -> str:
    # The files of one video rarely differ; if they do, all values are named.
    return ", ".join(dict.fromkeys(values))


def _pixel_format(file: VideoFile) -> str:
    stream = file.packets.stream
    if stream.pixel_format:
        return stream.pixel_format
    # An index that was read off the boxes of an MP4 does not know it.
    try:
        opened = partial(file.store.open, file.uri)
        with open_stream(opened, file.uri, file.packets) as (context, _):
            return context.pix_fmt or "unknown"
    except SourceError:
        return "unknown"


def _group_facts(files: list[VideoFile]) -> Iterator[tuple[str, str]]:
    lengths = np.concatenate([_group_lengths(file) for file in files])
    if len(lengths):
        yield (
            "group of pictures",
            f"{lengths.min()} / {np.median(lengths):g} / {lengths.max()} frames "
            f"(min / median / max of {len(lengths)})",
        )


def _group_lengths(file: VideoFile) -> np.ndarray:
    frames = file.packets.rows(0, len(file.packets))
    starts = np.flatnonzero(frames.keyframe)
    edges = np.unique(np.concatenate([[0], starts, [len(frames)]]))
    return np.diff(edges)


def _sidecar(part: VideoPart, stale: bool) -> str:
    from rich.filesize import decimal

    index = part.index
    if not isinstance(index, PacketIndex) or not index.uri:
        return "none"
    size = size_on_disk(index.uri)
    facts = [] if size is None else [decimal(size)]
    state = "fresh" if index.segments else "has no positions of packets"
    facts.append("stale" if stale else state)
    return f"{short_path(index.uri)} ({', '.join(facts)})"


def _proxy_facts(recording: Recording) -> Iterator[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for part in recording.parts:
        for file in {file.uri: file for file, _ in part.files}.values():
            for proxy in list_proxies(part, file):
                kind = f"proxy {proxy.kind.name.removesuffix('.proxy')}"
                found.setdefault(kind, []).append(_proxy(proxy))
    for kind, proxies in found.items():
        yield kind, "; ".join(proxies)


def _proxy(proxy: FoundProxy) -> str:
    from rich.filesize import decimal

    facts = [decimal(os.path.getsize(proxy.uri))]
    if proxy.file is None or proxy.file.proxy is None:
        facts.append(f"not used: {proxy.reason}")
    else:
        facts.append(proxy.file.proxy.encoding or "lossless")
        lost = len(proxy.file.proxy.lost)
        facts += [f"{lost} frames did not decode"] if lost else []
    return f"{short_path(proxy.uri)} ({', '.join(facts)})"


def _cost_facts(recording: Recording, stale: bool) -> Iterator[tuple[str, str]]:
    from rich.filesize import decimal

    label = f"random {WINDOW_SECONDS:g} s window"
    windows = random_windows(recording)
    if not windows:
        return
    costs = np.median([frames_cost(recording, window) for window in windows], axis=0)
    frames, decoded, n_bytes = costs[:3]
    yield (
        label,
        f"{frames:g} frames, {decoded:g} decoded, {decimal(int(n_bytes))} "
        f"(medians of {len(windows)})",
    )
    if stale:
        return
    seconds, failed = _time_windows(recording, windows[:N_WINDOWS_DECODED])
    note = f"; {failed} frames did not decode" if failed else ""
    yield (
        "time to decode it",
        f"{1e3 * seconds:.0f} ms (median of {N_WINDOWS_DECODED}){note}",
    )


def _time_windows(recording: Recording, windows: list[np.ndarray]) -> tuple[float, int]:
    _ = LazyFrames(recording, windows[0][:1]).valid  # the first read loads the libraries
    seconds, failed = [], 0
    for window in windows:
        started = time.perf_counter()
        valid = LazyFrames(recording, window).valid
        seconds.append(time.perf_counter() - started)
        failed += int(np.count_nonzero(~valid))
    return float(np.median(seconds)), failed
