r"""What is measured apart: indexing, a long recording, and several threads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, BinaryIO

import numpy as np

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video.testing import make_clip

from .readers import find_readers, open_ours, read_ours
from .videos import Scene, Video, indexed
from .workloads import Request

SHORT_FRAMES, COPIES = 3_000, 72
LONG_GROUP = 60


def index_times(videos: list[Video], repeats: int) -> list[dict[str, Any]]:
    r"""Returns what indexing each file takes, from its header and packet by packet.

    Args:
        videos: the files.
        repeats: interleaved repetitions of each method.
    """
    methods: dict[str, Callable[[Video], Any]] = {
        "header": lambda v: build_segment(LocalStore(), str(v.path), method="header"),
        "packet scan": lambda v: build_segment(LocalStore(), str(v.path), method="demux"),
        "pyav scan": lambda video: _scan_with_pyav(video.path),
    }
    opening = {r.name: r.open for r in find_readers()[0]}
    for name in ("torchcodec fresh exact", "decord"):
        if name in opening:
            methods[f"{name.removesuffix(' fresh exact')} open"] = opening[name]
    rows = []
    for video in videos:
        row: dict[str, Any] = {"video": video.name, "frames": video.frames}
        rows.append(row | _interleaved(methods, video, repeats))
    return rows


def _interleaved(
    methods: dict[str, Callable], video: Video, repeats: int
) -> dict[str, float | None]:
    spent: dict[str, list[float]] = {name: [] for name in methods}
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        for name in rng.permutation(list(methods)).tolist():
            started = time.perf_counter()
            try:
                methods[name](video)
            except Exception:  # a file that cannot be indexed so, or read by a peer
                continue
            spent[name].append(time.perf_counter() - started)
    return {name: median(values) if values else None for name, values in spent.items()}


def _scan_with_pyav(path: Path) -> int:
    import av

    with av.open(str(path)) as container:
        packets = container.demux(video=0)
        return len([(p.pts, p.dts, p.pos, p.size, p.is_keyframe) for p in packets])


# A long recording -----------------------------------------------------------------------


@dataclass
class CountingStore:
    r"""Local files, and how many bytes of them were read."""

    store: LocalStore = field(default_factory=LocalStore)
    bytes_read: int = 0

    def head(self, key: str) -> Any:
        return self.store.head(key)

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        self.bytes_read += length
        return self.store.read_range(key, start, length, etag)

    def open(self, key: str) -> BinaryIO:
        raise OSError("nothing but ranges may be read")


def long_recording(folder: Path, repeats: int) -> dict[str, Any]:
    r"""Compares a recording of 216,000 frames with its first 3,000.

    The long one repeats the packets of the short one, so that a window is the same
    wherever it lies.

    Args:
        folder: where the files are kept.
        repeats: interleaved repetitions.
    """
    short, long = _long_videos(folder)
    handles = {"short": open_ours(short), "long": open_ours(long)}
    offset = COPIES // 2 * SHORT_FRAMES
    result: dict[str, Any] = {"frames": [short.frames, long.frames]}
    for n in (1, 16, 60):
        spent: dict[str, list[float]] = {"short": [], "long": []}
        rng = np.random.default_rng(0)
        for _ in range(10 * repeats):
            start = int(rng.integers(SHORT_FRAMES - n))
            for which in rng.permutation(["short", "long"]).tolist():
                first = start + (offset if which == "long" else 0)
                request = Request(np.arange(first, first + n), 1)
                started = time.perf_counter()
                read_ours(handles[which], request)
                spent[which].append(time.perf_counter() - started)
        medians = {which: median(values) for which, values in spent.items()}
        result[f"window of {n}"] = medians | {"ratio": medians["long"] / medians["short"]}
    result["index"] = index_times([long], max(3, repeats // 3))[0]
    store = CountingStore()
    build_segment(store, str(long.path), method="header")
    result["index_bytes"], result["moov_bytes"] = store.bytes_read, moov_bytes(long.path)
    return result


def _long_videos(folder: Path) -> tuple[Video, Video]:
    short, long = folder / "made_3000_frames.mp4", folder / "made_216000_frames.mp4"
    if not short.exists():
        aside = folder / "aside_short.mp4"
        options = {"preset": "veryfast", "crf": "32", "bf": "2", "threads": "1"}
        make_clip(
            aside,
            SHORT_FRAMES,
            size=(240, 320),
            codec_options={**options, "g": str(LONG_GROUP), "sc_threshold": "0"},
            paint=Scene(240, 320).paint,
        )
        aside.rename(short)
    if not long.exists():
        aside = folder / "aside_long.mp4"
        repeat_packets(short, aside, COPIES)
        aside.rename(long)
    return indexed(short, "made", folder), indexed(long, "made", folder)


def repeat_packets(short: Path, long: Path, copies: int) -> None:
    r"""Writes a video that shows another one again and again, without encoding it again.

    Args:
        short: the other one, of a constant rate.
        long: the file to write.
        copies: how many times it is shown.
    """
    import av

    with av.open(str(short)) as source, av.open(str(long), "w") as target:
        stream = source.streams.video[0]
        out = target.add_stream_from_template(stream, opaque=True)
        n_frames = stream.frames
        for copy in range(copies):
            # Read again each time: PyAV may empty a packet that it writes.
            source.seek(0)
            for packet in source.demux(stream):
                if packet.size:
                    shift = copy * n_frames * packet.duration
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = out
                    target.mux(packet)


def moov_bytes(path: Path) -> int:
    r"""Returns the size of the header of an MP4, in bytes."""
    with open(path, "rb") as file:
        while header := file.read(8):
            size, kind = int.from_bytes(header[:4], "big"), header[4:]
            if size == 1:
                size = int.from_bytes(file.read(8), "big")
                file.seek(size - 16, 1)
            else:
                file.seek(size - 8, 1)
            if kind == b"moov":
                return size
    raise ValueError(f"{path} has no moov box")


# Threads --------------------------------------------------------------------------------


def thread_gain(videos: list[Video], repeats: int) -> list[dict[str, Any]]:
    r"""Returns how much faster two threads read 16 scattered frames than one.

    Args:
        videos: files with groups of pictures enough to share out.
        repeats: interleaved repetitions; all on the same requests.
    """
    rows = []
    for video in videos:
        handles = {
            n: tv.LazyVideo.from_uri(video.path, index_uri=video.index_uri, threads=n)
            for n in (1, 2)
        }
        rng = np.random.default_rng(0)
        spent: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(repeats):
            frames = rng.choice(video.frames, 16, replace=False)
            for n in rng.permutation([1, 2]).tolist():
                np.empty((16, *video.size, 3), np.uint8).fill(1)  # as in measure.py
                started = time.perf_counter()
                handles[n].frames_at(frames)
                spent[n].append(time.perf_counter() - started)
        one, two = median(spent[1]), median(spent[2])
        row = {"video": video.name, "groups": video.groups, "1 thread": one}
        rows.append(row | {"2 threads": two, "gain": one / two})
    return rows
