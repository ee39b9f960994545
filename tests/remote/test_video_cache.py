r"""Videos through the cache: what a window costs at first, again, and with others."""

from __future__ import annotations

import numpy as np
import pytest

import temporaldata_video as tv
from benchmarks.remote import TIME, measure
from temporaldata_video._bytes.configured_cache import configured_cache
from temporaldata_video._cli.main import main
from temporaldata_video.testing import make_clip, read_numbers
from tests.helpers import needs_fork, right

from .names import NUMBERS, N


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    r"""A cache of a test's own, whose blocks are small beside the clip."""
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path / "cache"))
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_BLOCK_BYTES", "4096")


@pytest.fixture(scope="session")
def content(tmp_path_factory) -> bytes:
    r"""240 frames of H.264 in groups of 24, 30 frames a second."""
    path = tmp_path_factory.mktemp("cached") / "cam.mp4"
    return make_clip(path, N, rate=30, gop=24, size=(64, 96)).read_bytes()


def media(proxy) -> list:
    return [r for r in proxy.requests("GET") if ".lance" not in r.path]


@needs_fork
@pytest.mark.filterwarnings("ignore:lance is not fork-safe")
def test_all_figures_of_the_benchmark_in_small(tmp_path):
    figures = measure(
        tmp_path,
        distinct=500,
        copies=6,
        size=(64, 96),
        repeats=1,
        windows=40,
        processes=2,
        kills=3,
        fragile_windows=60,
        replacements=7,
        quota_bytes=200_000,
        block_bytes=8192,
    )
    assert len(figures) == 17
    # How long it takes is measured where nothing else runs.
    missed = [figure for figure in figures if not figure.holds and figure.what != TIME]
    assert not missed


# Prefetching ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["blocks", "files"])
def test_a_prefetched_window_costs_no_request(indexed, s3, proxy, monkeypatch, kind):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", kind)
    video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options(proxy))
    window = video.slice(2.0, 4.0)
    window.prefetch()
    assert window._lazy_frames.decoded is None
    fetched = sum(r.sent for r in media(proxy))
    if kind == "blocks":
        assert fetched <= window.cost().bytes + 2 * 4096
    proxy.forget()
    window.prefetch(progress=True)
    assert right(window) and proxy.requests() == []
    assert right(video.slice(6.0, 7.0))
    assert bool(media(proxy)) == (kind == "blocks")


def test_without_a_cache_there_is_no_prefetching(indexed, s3, monkeypatch):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", "none")
    video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options())
    with pytest.raises(tv.CacheError, match=r"kind='none'.*configure"):
        video.prefetch()
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", "blocks")
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_QUOTA_BYTES", "5000")
    with pytest.raises(tv.CacheError, match=r"5000 bytes.*quota_bytes"):
        video.prefetch()


def test_local_files_are_neither_cached_nor_prefetched(clip, tmp_path):
    video = tv.LazyVideo.from_uri(clip)
    video.prefetch()
    assert right(video.slice(1.0, 2.0))
    assert not (tmp_path / "cache").exists()


# Several files --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["blocks", "none"])
def test_a_window_over_two_files_is_fetched_side_by_side(
    s3, proxy, content, monkeypatch, kind
):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", kind)
    name = f"lab/two-{next(NUMBERS)}/cam"
    uri, further = (s3.put(f"{name}{end}.mp4", content) for end in ("", "_001"))
    options = s3.options(proxy)
    tv.write_index(uri, segment_uris=[further], storage_options=options, progress=False)
    video = tv.LazyVideo.from_uri(uri, storage_options=options)
    window = video.select_by_mask(np.abs(np.arange(2 * N) - N) < 20)
    assert len(window) == 39 and window.cost().ranges == 2  # rows of the index are read
    # A request is answered when there is another: one after the other would be alone.
    proxy.behave(together=2)
    frames = window.frames
    assert read_numbers(frames).tolist() == (window.frame_indices % N).tolist()
    requests = [r for r in proxy.requests() if ".lance" not in r.path]
    assert sorted(r.method for r in requests) == ["GET", "GET", "HEAD", "HEAD"]
    assert not any(r.fault for r in requests)


def test_windows_of_several_videos_are_fetched_side_by_side(indexed, s3, proxy, content):
    other = s3.put(f"lab/other-{next(NUMBERS)}/cam.mp4", content)
    tv.write_index(other, storage_options=s3.options(), progress=False)
    options = s3.options(proxy)
    videos = [tv.LazyVideo.from_uri(u, storage_options=options) for u in (indexed, other)]
    windows = [v.slice(a, a + 0.3) for v in videos for a in (1.0, 1.2, 5.0)]
    frames = tv.read_many(windows)
    for window, pixels in zip(windows, frames):
        assert read_numbers(pixels).tolist() == window.frame_indices.tolist()
    # What lies between the windows is less than a request is worth.
    assert len(media(proxy)) == 2
    proxy.forget()
    tv.read_many([v.slice(1.0, 1.5) for v in videos])
    assert proxy.requests() == []


# The command ----------------------------------------------------------------------------


@pytest.fixture
def cli(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments, status: int = 0) -> str:
        with pytest.raises(SystemExit) as stop:
            main(["cache", *map(str, arguments)])
        assert (stop.value.code or 0) == status
        printed = capsys.readouterr()
        return printed.err if status else printed.out

    return run


def test_the_command(indexed, s3, proxy, cli, monkeypatch, tmp_path):
    for name, value in s3.environment(proxy).items():
        monkeypatch.setenv(name, value)
    assert "0 blocks or files of 0 objects" in cli("info")
    root = tv.BlockCache(str(tmp_path / "cache")).files.root
    assert f"of 60 frames are in {root}" in cli("prefetch", indexed, 2, 4, "-q")
    proxy.forget()
    assert right(tv.LazyVideo.from_uri(indexed).slice(2.0, 4.0))
    assert media(proxy) == []
    assert "of 240 frames" in cli("prefetch", indexed, "-q")
    told = cli("info")
    assert root in told and "of 1 objects" in told and "of 10.0 GB" in told
    assert "deleted 0 bytes" in cli("clear", indexed.replace("cam", "other"))
    assert "deleted 0 bytes" in cli("prune", "--unused-days", 1)
    cli("prune", "--keep-bytes", 10000)
    assert 0 < sum(e.bytes for e in configured_cache().files.entries()) <= 10000
    assert "deleted 0" not in cli("clear", indexed)
    assert "0 blocks or files" in cli("info")
    assert "is a local file" in cli("prefetch", tmp_path / "cam.mp4", status=1)
