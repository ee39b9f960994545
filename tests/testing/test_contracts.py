r"""Our own stores, indexes, caches and backend keep their contracts; wrong ones do not."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field

import fsspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.caches import BlockCache, SegmentCache
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._bytes.remote import FsspecStore
from temporaldata_video._index.memory_index import MemoryFrameIndex
from temporaldata_video.testing import (
    BackendContract,
    CacheContract,
    FrameIndexContract,
    ObjectStoreContract,
    make_clip,
    read_numbers,
    strategies,
)
from temporaldata_video.testing._contracts import DictStore


class TestLocalStore(ObjectStoreContract):
    @pytest.fixture
    def store(self):
        return LocalStore()

    @pytest.fixture
    def put(self, tmp_path):
        def put(name, data):
            path = tmp_path / name
            path.unlink(missing_ok=True)
            path.write_bytes(data)
            return str(path)

        return put


class Least:
    r"""A store without what a store may lack."""

    def head(self, key):
        return LocalStore().head(key)

    def open(self, key):
        return LocalStore().open(key)


class TestLeast(TestLocalStore):
    @pytest.fixture
    def store(self):
        return Least()


class TestFsspecStore(ObjectStoreContract):
    start_methods = ("fork",)  # what lies in memory is not there in a fresh process

    @pytest.fixture
    def store(self):
        return FsspecStore("memory")

    @pytest.fixture
    def put(self):
        def put(name, data):
            fsspec.filesystem("memory").pipe_file(f"/contract/{name}", data)
            return f"memory://contract/{name}"

        return put


class TestS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3):
        return FsspecStore("s3", s3.options())

    @pytest.fixture
    def put(self, s3):
        return lambda name, data: s3.put(f"lab/contract/{name}", data)


class TestHttp(ObjectStoreContract):
    @pytest.fixture
    def store(self):
        return FsspecStore("http")

    @pytest.fixture
    def put(self, files):
        return lambda name, data: files.put(f"contract-{name}", data)


class TestSidecar(FrameIndexContract):
    @pytest.fixture
    def make_index(self):
        return lambda path, times: tv.write_index(path, timestamps=times, progress=False)


class TestSidecarOnS3(FrameIndexContract):
    @pytest.fixture
    def make_index(self, s3, monkeypatch):
        # A pickled index has no credentials, and takes those of the environment.
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)

        def make(path, times):
            uri = s3.put(f"lab/contract/{path.parent.name}/cam.mp4", path.read_bytes())
            return tv.write_index(
                uri, timestamps=times, storage_options=s3.options(), progress=False
            )

        return make


class TestMemoryIndex(FrameIndexContract):
    @pytest.fixture
    def make_index(self):
        def make(path, times):
            segment = build_segment(LocalStore(), str(path))
            return MemoryFrameIndex((str(path),), (segment,), times)

        return make


class TestBlockCache(CacheContract):
    @pytest.fixture(params=[4096, 262_144])
    def cache(self, tmp_path, request):
        return BlockCache(str(tmp_path), block_bytes=request.param)


class TestSegmentCache(CacheContract):
    @pytest.fixture
    def cache(self, tmp_path):
        return SegmentCache(str(tmp_path))


class TestOurBackend(BackendContract):
    @pytest.fixture
    def backend(self):
        return tv.MP4_INDEX

    @pytest.fixture
    def uri(self, tmp_path):
        path = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32))
        tv.write_index(path, progress=False)
        return path


# Wrong ones -----------------------------------------------------------------------------


def failures(contract, **fixtures) -> set[str]:
    r"""Returns the tests of a suite that fail for an implementation."""
    failed = set()
    for name, test in inspect.getmembers(contract(), inspect.ismethod):
        needed = inspect.signature(test).parameters
        if not name.startswith("test_") or not set(needed) <= set(fixtures):
            continue
        try:
            test(**{argument: fixtures[argument]() for argument in needed})
        except pytest.skip.Exception:
            continue
        except (Exception, pytest.fail.Exception):
            failed.add(name)
    return failed


class ForgetsVersions(LocalStore):
    def read_range(self, key, start, length, etag=None):
        return super().read_range(key, start, length)


class ComesBackShort(LocalStore):
    def read_range(self, key, start, length, etag=None):
        with open(key, "rb") as file:
            file.seek(start)
            return file.read(length)


class OneByteOff(LocalStore):
    def read_range(self, key, start, length, etag=None):
        return super().read_range(key, max(0, start - (start > 100)), length, etag)


@pytest.mark.parametrize(
    ("store", "test"),
    [
        (ForgetsVersions, "test_no_range_is_of_another_version"),
        (ComesBackShort, "test_no_range_comes_back_short"),
        (OneByteOff, "test_ranges_are_exact"),
        (LocalStore, None),
    ],
)
def test_a_wrong_store_is_found_out(tmp_path, store, test):
    def put(name, data):
        (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    class Suite(ObjectStoreContract):
        start_methods = ()

    found = failures(Suite, store=store, put=lambda: put)
    assert test in found if test else not found


@dataclass
class ForgetsEtags:
    kept: dict = field(default_factory=dict)

    def read_ranges(self, store, key, ranges, meta):
        for span in ranges:
            if (key, span) not in self.kept:
                size = span.stop - span.start
                self.kept[key, span] = store.read_range(key, span.start, size, meta.etag)
        return [self.kept[key, span] for span in ranges]


class ForgetsKeys(ForgetsEtags):
    def read_ranges(self, store, key, ranges, meta):
        for span in ranges:
            size = span.stop - span.start
            known = (meta.size, span)
            if known not in self.kept:
                self.kept[known] = store.read_range(key, span.start, size, meta.etag)
        return [self.kept[meta.size, span] for span in ranges]


class NoCache(ForgetsEtags):
    def read_ranges(self, store, key, ranges, meta):
        return [store.read_range(key, a, b - a, meta.etag) for a, b in ranges]


@pytest.mark.parametrize(
    ("cache", "test"),
    [
        (ForgetsEtags, "test_it_never_mixes_versions"),
        (ForgetsKeys, "test_it_never_mixes_objects"),
        (NoCache, None),
    ],
)
def test_a_wrong_cache_is_found_out(cache, test):
    class Suite(CacheContract):
        # Every range at its edge, so that a wrong cache has something to give out.
        def _read(self, cache, store, ranges):
            return super()._read(cache, store, [(0, 500), *ranges])[1:]

    found = failures(Suite, cache=cache)
    assert test in found if test else not found


@dataclass
class InDecodingOrder:
    right: MemoryFrameIndex

    def segment_frame_counts(self):
        return self.right.segment_frame_counts()

    def timestamps(self):
        return self.right.timestamps()

    def pts_table(self, segment):
        frames = self.right.segments[segment].frames
        return frames.pts[np.argsort(frames.dts)]


def test_a_wrong_index_is_found_out(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 50, size=(32, 32), gop=10, open_gop=True)
    times = np.arange(50) / 30
    segment = build_segment(LocalStore(), str(clip))
    right = MemoryFrameIndex((str(clip),), (segment,), times)
    given_ = {"clip": lambda: clip, "times": lambda: times}
    assert not failures(FrameIndexContract, index=lambda: right, **given_)
    found = failures(FrameIndexContract, index=lambda: InDecodingOrder(right), **given_)
    assert {"test_pts_are_in_presentation_order", "test_frames_are_read_by_it"} <= found


def test_a_wrong_backend_is_found_out(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32))

    def open_at_zero(uri):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tv.IndexWarning)
            video = tv.LazyVideo.from_uri(uri)
        return video.slice(0.0, 0.01)  # one frame of all

    wrong = tv.Backend("WRONG", open_at_zero, tv.MP4_INDEX.read_hdf5)
    found = failures(
        BackendContract, backend=lambda: wrong, opened=lambda: wrong.open(clip)
    )
    assert "test_it_opens_a_series" in found


# Strategies -----------------------------------------------------------------------------


@given(strategies.byte_ranges(50))
def test_byte_ranges_lie_within_the_file(span):
    assert 0 <= span.start < span.stop <= 50


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(strategies.windows(0.0, 4.0), strategies.positions(120))
def test_windows_and_positions_are_what_videos_are_asked(clip, window, numbers):
    video = tv.LazyVideo.from_uri(clip)
    times = video.timestamps
    inside = (times >= window[0]) & (times < window[1])
    assert (
        np.array_equal(video.slice(*window).frame_indices, np.flatnonzero(inside))
        or window[0] >= window[1]
    )
    if numbers:
        assert read_numbers(video.frames_at(numbers)).tolist() == numbers


@given(strategies.damaged_bytes(b"0" * 9000), strategies.damaged_mp4(b"0" * 100))
def test_damage_gives_bytes(damaged, boxes):
    assert isinstance(damaged, bytes) and isinstance(boxes, bytes)


def test_a_store_in_memory_counts_what_is_read():
    store = DictStore({"a": b"abc"})
    assert store.read_range("a", 1, 2) == b"bc" and store.reads == [("a", 1, 2)]
