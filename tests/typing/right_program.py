r"""What users write, with the types that their checkers must find.

mypy and pyright check it in ``nox -s typecheck``; ``test_typing.py`` runs it, so that what
is said of the types is what the values are.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Literal, assert_type

import numpy as np
from numpy.typing import NDArray
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

Pixels = NDArray[Any]  # uint8 or uint16, as the video was opened
Seconds = NDArray[np.float64]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


def is_array(array: NDArray[Any], kind: type[np.generic], n_axes: int) -> None:
    assert array.dtype == kind and array.ndim == n_axes, (array.dtype, array.shape)


def index_and_open(folder: Path) -> tv.LazyVideo:
    clip = make_clip(folder / "cam.mp4", 60, rate=30)
    index = tv.write_index(clip, timestamps=np.arange(60) / 30, progress=False)
    assert_type(index, tv.LanceFrameIndex)
    assert_type(index.segment_frame_counts(), Numbers)
    assert_type(index.pts_table(0), Numbers)
    assert_type(index.timestamps(), Seconds)
    is_array(index.segment_frame_counts(), np.int64, 1)
    is_array(index.pts_table(0), np.int64, 1)
    is_array(index.timestamps(), np.float64, 1)
    assert_type(tv.LanceFrameIndex.open(tv.frame_index_uri(str(clip))), tv.LanceFrameIndex)
    assert_type(tv.segment_uris(str(clip), 2), list[str])

    assert_type(tv.LazyVideo(clip, resize=(32, 48)), tv.LazyVideo)
    video = tv.LazyVideo.from_uri(
        clip,
        storage_options={"key": "value"},
        colorspace="RGB",
        channel_format="NHWC",
        on_error="mask",
        threads="auto",
    )
    assert_type(video, tv.LazyVideo)
    again = tv.LazyVideo.from_uri(
        video.uri, colorspace=video.colorspace, channel_format=video.channel_format
    )
    assert_type(again, tv.LazyVideo)
    return tv.LazyVideo.from_uri(clip)


def look_at(video: tv.LazyVideo) -> None:
    window = video.slice(0.5, 1.5)
    assert_type(window, tv.LazyVideo)
    assert_type(window.lazy_slice(0.0, 0.5), tv.LazyVideo)
    assert_type(window.frames, Pixels)
    assert_type(window.valid, Mask)
    assert_type(window.timestamps, Seconds)
    assert_type(window.frame_indices, Numbers)
    is_array(window.frames, np.uint8, 4)
    is_array(window.valid, np.bool_, 1)
    is_array(window.timestamps, np.float64, 1)
    is_array(window.frame_indices, np.int64, 1)

    assert_type(window.shape, tuple[int, int, int, int])
    assert_type(window.frame_count, int)
    assert_type(len(window), int)
    assert_type(window.uri, str)
    assert_type(window.resize, tuple[int, int] | None)
    assert_type(window.colorspace, Literal["RGB", "G"])
    assert_type(window.channel_format, Literal["NCHW", "NHWC"])
    assert_type(window.segment_frame_counts, Numbers)
    assert_type(window.segment_frame_offsets, Numbers)
    is_array(window.segment_frame_offsets, np.int64, 1)
    assert_type(window.cost(), tv.Cost)
    assert_type(window.cost().bytes, int)


def take(video: tv.LazyVideo) -> None:
    assert_type(video.select_by_mask(video.timestamps > 1.0), tv.LazyVideo)
    assert_type(video.frames_at([3, 1, 1]), Pixels)
    assert_type(video.frames_at(np.arange(3)), Pixels)
    assert_type(video.frames_at([3], return_valid=True), tuple[Pixels, Mask])
    for array, kind in zip(video.frames_at([3], return_valid=True), (np.uint8, np.bool_)):
        assert array.dtype == kind
    assert_type(video.resample(np.arange(0.0, 1.0, 0.1), "nearest"), tv.LazyVideo)
    assert_type(video.resample([0.0, 0.5]), tv.LazyVideo)

    halves = [video.slice(0.0, 1.0, reset_origin=False), video.lazy_slice(1.0, 2.0)]
    assert_type(tv.LazyVideo.concat(halves), tv.LazyVideo)
    assert_type(tv.concat(halves), tv.LazyVideo)
    assert len(tv.concat(halves)) == len(video)

    many = tv.read_many(halves)
    assert_type(many, list[Pixels])
    is_array(many[0], np.uint8, 4)
    assert_type(read_numbers(many[0]), Numbers)
    is_array(read_numbers(many[0]), np.int64, 1)


def put_into_a_recording(video: tv.LazyVideo) -> None:
    series: IrregularTimeSeries = video
    data = Data(video=series, domain=Interval(0.0, 2.0))
    window = data.slice(0.5, 1.0).video
    assert isinstance(window, tv.LazyVideo)
    assert_type(window.frames, Pixels)
    assert_type(window.materialize(), tv.LazyVideo)
    assert_type(video.select_by_interval(Interval(0.5, 1.0)), tv.LazyVideo)
    domain: Interval = video.domain
    assert_type(float(domain.end[0]), float)


def index_several(folder: Path) -> None:
    clips = [make_clip(folder / f"{k}.mp4", 12) for k in range(2)]
    with ThreadPoolExecutor(2) as pool:
        summary = tv.index_many(clips, executor=pool, progress=False)
    assert_type(summary, tv.ManyReport)
    assert_type(summary[0], tv.VideoReport)
    assert_type(summary.counts(), dict[str, int])
    assert_type([report.uri for report in summary], list[str])
    assert_type(summary.failed, list[tv.VideoReport])


def keep_small(folder: Path) -> None:
    clip = make_clip(folder / "large.mp4", 12)
    tv.write_index(clip, progress=False)
    report = tv.write_proxy(clip, (32, 48), gray=True, dtype="auto", progress=False)
    assert_type(report, tv.ProxyReport)
    assert_type(report.uris, tuple[str, ...])
    assert_type(tv.proxy_many([clip], (32, 48), progress=False), tv.ManyReport)
    video = tv.LazyVideo.from_uri(clip, resize=(32, 48), proxy="lossy")
    assert_type(video.proxy, Literal["lossless", "lossy", "never"] | None)
    assert_type(video.cost().from_proxy, int)


def clocks(folder: Path) -> None:
    clock = tv.Clock([5, 38, 72], unit="ms")
    assert_type(clock, tv.Clock)
    assert_type(tv.read_timestamps(clock), Seconds)
    is_array(tv.read_timestamps(clock), np.float64, 1)
    report = tv.examine_clock(clock)
    assert_type(report, tv.ClockReport)
    assert_type(report.gaps, tv.Faults)
    assert_type(report.gaps.rows, Numbers)
    assert_type(report.gaps.seconds, Seconds)
    is_array(report.gaps.rows, np.int64, 1)
    is_array(report.gaps.seconds, np.float64, 1)


def look_after(video: tv.LazyVideo) -> None:
    report = tv.check_video(video.uri)
    assert_type(report, tv.CheckReport)
    assert_type([finding.severity for finding in report.findings], list[tv.Severity])
    assert_type(tv.masked_frames(), list[tv.MaskedFrames])
    for masked in tv.masked_frames():
        assert_type(masked.frames, Numbers)
        assert_type(masked.timestamps, Seconds)
    assert_type(tv.configure(cache_quota_bytes=1 << 30), tv.Configuration)
    assert_type(tv.configuration(), tv.Configuration)


def handle() -> None:
    try:
        tv.LazyVideo.from_uri("missing.mp4")
    except tv.SourceNotFoundError as error:
        assert_type(str(error), str)
        assert isinstance(error, tv.VideoError) and isinstance(error, FileNotFoundError)


class Archive:
    r"""A store of a plugin: it has what the protocol asks for."""

    def head(self, key: str) -> tv.ObjectMeta:
        return tv.ObjectMeta(Path(key).stat().st_size)

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        return Path(key).read_bytes()[start : start + length]

    def open(self, key: str) -> BinaryIO:
        return open(key, "rb")


class Rows:
    r"""An index of a plugin."""

    def segment_frame_counts(self) -> Numbers:
        return np.array([60], np.int64)

    def pts_table(self, segment: int) -> Numbers:
        return np.arange(60, dtype=np.int64) * 512

    def timestamps(self) -> Seconds:
        return np.arange(60) / 30


class Hooks:
    r"""A plugin."""

    @tv.hookimpl
    def resolve_store(
        self, uri: str, storage_options: Mapping[str, Any]
    ) -> tv.ObjectStore | None:
        return Archive() if uri.startswith("archive://") else None

    @tv.hookimpl(tryfirst=True)
    def resolve_index(self, uri: str, store: tv.ObjectStore) -> tv.FrameIndex | None:
        return Rows() if uri.startswith("archive://") else None


def extend(video: tv.LazyVideo) -> None:
    store: tv.ObjectStore = Archive()
    index: tv.FrameIndex = Rows()
    own = tv.LazyVideo(video.uri, store=store, frame_index=index)
    assert_type(own.frames_at([0]), Pixels)
    assert Hooks().resolve_store("archive://a", {}) is not None

    backend = tv.Backend("LOUDNESS", str.upper, print)
    assert_type(tv.register_backend(backend), tv.Backend)
    assert_type(tv.get_backend("LOUDNESS"), tv.Backend)
    assert_type(backend.name, str)
    assert_type(backend.open, Callable[..., Any])
    assert_type(tv.MP4_INDEX, tv.Backend)
    tv.open_backend("LOUDNESS", "a.wav")


def main(folders: Sequence[str]) -> None:
    folder = Path(folders[0])
    video = index_and_open(folder)
    look_at(video)
    take(video)
    put_into_a_recording(video)
    index_several(folder)
    keep_small(folder)
    clocks(folder)
    look_after(video)
    handle()
    extend(video)
    print("right")


if __name__ == "__main__":
    main(sys.argv[1:])
