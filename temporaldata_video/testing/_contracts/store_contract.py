r"""The suite for authors of stores."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeGuard

import numpy as np
import pytest

from ..._build.file_index import build_segment
from ..._bytes.fetch import ranged
from ..._index.memory_index import MemoryFrameIndex
from ...errors import BackendError, SourceChangedError, SourceError, SourceNotFoundError
from ...hosts.temporaldata import LazyVideo
from ...types import FolderStore, ObjectMeta, ObjectStore
from .._clips import make_clip
from .._numbers import read_numbers
from .content import READS, content, ranges_of


class ObjectStoreContract:
    r"""What an :obj:`~temporaldata_video.types.ObjectStore` promises.

    A subclass has two fixtures: ``store`` returns the store, and ``put`` a function that
    stores bytes under a name, replaces what was there, and returns the key.

    Example ::

        >>> from temporaldata_video.testing import ObjectStoreContract
        >>> class TestArchiveStore(ObjectStoreContract):
        ...     @pytest.fixture
        ...     def store(self):
        ...         return ArchiveStore()
        ...
        ...     @pytest.fixture
        ...     def put(self, store):
        ...         return lambda name, data: store.upload(name, data)
    """

    start_methods: ClassVar[tuple[str, ...]] = ("fork", "spawn")

    def test_it_has_the_methods_of_a_store(self, store: ObjectStore) -> None:
        assert isinstance(store, ObjectStore)

    def test_head_knows_size_and_version(self, store: ObjectStore, put: Any) -> None:
        key = put("cam.mp4", b"abc")
        meta = store.head(key)
        assert isinstance(meta, ObjectMeta) and meta.size == 3
        assert isinstance(meta.etag, str) and store.head(key) == meta
        put("cam.mp4", b"other")
        replaced = store.head(key)
        assert replaced.size == 5
        assert not meta.etag or replaced.etag != meta.etag

    def test_ranges_are_exact(self, store: ObjectStore, put: Any) -> None:
        stored = content(1)
        key = put("cam.mp4", stored)
        etag = store.head(key).etag
        for number, (start, length) in enumerate(ranges_of(len(stored), READS)):
            version = (etag or None) if number % 2 else None
            data = ranged(store).read_range(key, start, length, version)
            assert bytes(data) == stored[start : start + length]

    def test_what_is_missing_is_said_to_be(self, store: ObjectStore, put: Any) -> None:
        key = put("cam.mp4", b"abc").replace("cam.mp4", "missing.mp4")
        with pytest.raises(SourceNotFoundError):
            store.head(key)
        with pytest.raises(SourceNotFoundError):
            ranged(store).read_range(key, 0, 1)
        with pytest.raises(SourceNotFoundError), store.open(key) as file:
            file.read()

    def test_no_range_comes_back_short(self, store: ObjectStore, put: Any) -> None:
        key = put("cam.mp4", b"abcdef")
        for start, length in ((3, 4), (6, 1), (100, 10)):
            with pytest.raises(SourceError):
                ranged(store).read_range(key, start, length)

    def test_no_range_is_of_another_version(self, store: ObjectStore, put: Any) -> None:
        key = put("cam.mp4", b"a" * 1000)
        etag = store.head(key).etag
        if not etag:
            pytest.skip("the store has no etags")
        put("cam.mp4", b"b" * 1001)
        with pytest.raises(SourceChangedError):
            ranged(store).read_range(key, 0, 1000, etag)

    def test_an_open_object_is_a_file(self, store: ObjectStore, put: Any) -> None:
        stored = content(2)
        with store.open(put("cam.mp4", stored)) as file:
            assert file.seekable() and file.tell() == 0
            for start, length in ranges_of(len(stored), 10):
                assert file.seek(start) == start
                assert file.read(length) == stored[start : start + length]
            assert file.seek(-5, io.SEEK_END) == len(stored) - 5
            assert file.read() == stored[-5:] and file.read(1) == b""

    def test_threads_share_it(self, store: ObjectStore, put: Any) -> None:
        stored = content(3)
        key = put("cam.mp4", stored)
        ranges = ranges_of(len(stored), READS)
        read_range = ranged(store).read_range
        with ThreadPoolExecutor(4) as pool:
            data = list(pool.map(lambda r: bytes(read_range(key, *r)), ranges))
        assert data == [stored[a : a + n] for a, n in ranges]

    def test_workers_have_it(self, store: ObjectStore, put: Any) -> None:
        r"""Children that are forked or spawned read after their parent has read."""
        stored = content(4)
        key = put("cam.mp4", stored)
        expected = hashlib.sha256(ranged(store).read_range(key, 0, len(stored))).hexdigest()
        available = multiprocessing.get_all_start_methods()
        for method in (name for name in self.start_methods if name in available):
            with multiprocessing.get_context(method).Pool(1) as pool:
                job = pool.apply_async(_digest, (store, key, len(stored)))
                assert job.get(timeout=60) == expected

    def test_an_object_is_created_once(self, store: ObjectStore, put: Any) -> None:
        folder = put("cam.mp4", b"abc") + ".lance"
        if not holds_folders(store, folder):
            pytest.skip("the store holds no folders")
        assert store.list_objects(folder) == {}
        names = ["_versions/1.manifest", "data/rows.lance"]
        for name in names:
            assert store.create_object(f"{folder}/{name}", name.encode())
            assert not store.create_object(f"{folder}/{name}", b"other")
        listed = store.list_objects(folder)
        assert sorted(listed) == names
        for name, meta in listed.items():
            assert meta.etag and meta == store.head(f"{folder}/{name}")
            data = ranged(store).read_range(f"{folder}/{name}", 0, meta.size, meta.etag)
            assert bytes(data) == name.encode()
        for name in names * 2:  # what is not there is not to be deleted
            store.delete_object(f"{folder}/{name}")
        assert store.list_objects(folder) == {}

    def test_a_video_is_read(self, store: ObjectStore, put: Any, tmp_path: Path) -> None:
        clip = make_clip(tmp_path / "cam.mp4", 30, size=(32, 32))
        key = put("cam.mp4", clip.read_bytes())
        segment = build_segment(store, key)
        index = MemoryFrameIndex((key,), (segment,), np.arange(30) / 30)
        video = LazyVideo(key, store=store, frame_index=index)
        assert read_numbers(video.frames_at([29, 0, 7])).tolist() == [29, 0, 7]


def holds_folders(store: ObjectStore, folder: str) -> TypeGuard[FolderStore]:
    r"""Returns whether a store can hold an index, which some protocols of one cannot.

    Args:
        store: any.
        folder: uri of a folder.
    """
    if not isinstance(store, FolderStore):
        return False
    try:
        store.list_objects(folder)
    except BackendError:
        return False
    return True


def _digest(store: ObjectStore, key: str, length: int) -> str:
    return hashlib.sha256(ranged(store).read_range(key, 0, length)).hexdigest()
