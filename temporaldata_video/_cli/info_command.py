r"""``temporaldata-video info``: what a video is, and what reading it costs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import typer
from rich.filesize import decimal
from rich.table import Table

from .._build.file_index import clock_trouble
from .._clock.faults import GAP_FACTOR
from .._decode.container_packets import open_stream
from .._decode.read_file import VideoFile
from .._pixels.convert import OutputFormat
from .._pixels.depth import bit_depth
from .._video.cost import WINDOW_SECONDS, frames_cost, random_windows
from .._video.lazy_arrays import LazyFrames
from .._video.part import VideoPart
from .._video.proxies import list_proxies
from .._video.recording import Recording
from ..errors import SourceError
from ..types import PacketIndex, StreamInfo
from .opening import (
    IndexUriOption,
    VideoArgument,
    format_extent,
    format_pauses,
    has_changed,
    make_console,
    open_part,
    short_path,
    size_on_disk,
)

N_WINDOWS_DECODED = 3


def info(file: VideoArgument, index_uri: IndexUriOption = None) -> None:
    r"""Show what a video is, and what reading a window costs.

    It shows frames, clock, codec, groups of pictures and index. For a video without an
    index, it builds one in memory, which takes a while for long videos.

    Example: temporaldata-video info cam.mp4
    """
    part = open_part(file, index_uri)
    recording = Recording((part,), OutputFormat(dtype="auto"), on_error="mask")
    files = list({file.uri: file for file, _ in recording.files}.values())
    changed = [
        file.uri
        for file in files
        if has_changed(file.store, file.uri, file.packets.fingerprint)
    ]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for facts in (
        _clock_facts(recording),
        _stream_facts(files),
        _group_facts(files),
        _sidecar_facts(part, bool(changed)),
        _proxy_facts(part, files),
        _cost_facts(recording, bool(changed)),
    ):
        for label, value in facts:
            table.add_row(label, value)
    make_console().print(table)
    if changed:
        typer.echo(
            f"warning: the index is of another file than {changed[0]!r} is now, and so are "
            f"the facts above. Run: temporaldata-video index --overwrite {file}",
            err=True,
        )


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


def _sidecar_facts(part: VideoPart, stale: bool) -> Iterator[tuple[str, str]]:
    index = part.index
    if not isinstance(index, PacketIndex) or not index.uri:
        yield "sidecar", "none"
        return
    size = size_on_disk(index.uri)
    facts = [] if size is None else [decimal(size)]
    state = "fresh" if index.segments else "has no positions of packets"
    facts.append("stale" if stale else state)
    yield "sidecar", f"{short_path(index.uri)} ({', '.join(facts)})"


def _proxy_facts(part: VideoPart, files: list[VideoFile]) -> Iterator[tuple[str, str]]:
    for file in files:
        for found in list_proxies(part, file):
            facts = [decimal(os.path.getsize(found.uri))]
            if found.file is None or found.file.proxy is None:
                facts.append(f"not used: {found.reason}")
            else:
                facts.append(found.file.proxy.encoding or "lossless")
                lost = len(found.file.proxy.lost)
                facts += [f"{lost} frames did not decode"] if lost else []
            yield "proxy", f"{short_path(found.uri)} ({', '.join(facts)})"


def _cost_facts(recording: Recording, stale: bool) -> Iterator[tuple[str, str]]:
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
    yield "", f"{1e3 * seconds:.0f} ms to decode (median of {N_WINDOWS_DECODED}){note}"


def _time_windows(recording: Recording, windows: list[np.ndarray]) -> tuple[float, int]:
    _ = LazyFrames(recording, windows[0][:1]).valid  # the first read loads the libraries
    seconds, failed = [], 0
    for window in windows:
        started = time.perf_counter()
        valid = LazyFrames(recording, window).valid
        seconds.append(time.perf_counter() - started)
        failed += int(np.count_nonzero(~valid))
    return float(np.median(seconds)), failed
