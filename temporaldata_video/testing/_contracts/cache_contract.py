r"""The suite for authors of caches, and a store to test them with."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

from ...errors import SourceChangedError, SourceError, SourceNotFoundError
from ...types import ByteCache, ByteRange, ObjectMeta
from .content import READS, content, ranges_of


@dataclass
class DictStore:
    r"""A store of bytes in memory that records each read; for tests of caches.

    Args:
        objects: the bytes by key.
        reads: key, start and length of each range that was read.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    reads: list[tuple[str, int, int]] = field(default_factory=list)

    def head(self, key: str) -> ObjectMeta:
        r"""Returns the size, and a digest as etag."""
        if key not in self.objects:
            raise SourceNotFoundError(f"there is no object at {key!r}.")
        data = self.objects[key]
        return ObjectMeta(len(data), hashlib.sha256(data).hexdigest())

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        r"""Returns the bytes, of the requested version."""
        meta = self.head(key)
        self.reads.append((key, start, length))
        if (etag and etag != meta.etag) or start + length > meta.size:
            raise SourceChangedError(f"{key!r} changed while it was being read.")
        return self.objects[key][start : start + length]

    def open(self, key: str) -> BinaryIO:
        r"""Returns the object as a file."""
        return io.BytesIO(self.read_range(key, 0, self.head(key).size))


class CacheContract:
    r"""What a :obj:`~temporaldata_video.types.ByteCache` promises.

    A subclass has one fixture, ``cache``, which returns an empty one.
    """

    key = "s3://lab/cam.mp4"

    def _read(
        self, cache: ByteCache, store: DictStore, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        byte_ranges = [ByteRange(start, start + length) for start, length in ranges]
        data = cache.read_ranges(store, self.key, byte_ranges, store.head(self.key))
        return [bytes(part) for part in data]

    def test_it_has_the_methods_of_a_cache(self, cache: ByteCache) -> None:
        assert isinstance(cache, ByteCache)

    def test_it_answers_as_the_store_would(self, cache: ByteCache) -> None:
        store = DictStore({self.key: content(5)})
        stored = store.objects[self.key]
        ranges = ranges_of(len(stored), READS)
        expected = [stored[a : a + n] for a, n in ranges]
        for _ in range(2):  # from the store, then from what the cache kept
            assert self._read(cache, store, ranges) == expected
            for one, data in zip(ranges, expected):
                assert self._read(cache, store, [one]) == [data]
        assert self._read(cache, store, []) == []

    def test_it_never_mixes_versions(self, cache: ByteCache) -> None:
        store = DictStore()
        for seed in (6, 7, 6, 8):
            stored = store.objects[self.key] = content(seed)
            ranges = ranges_of(len(stored), 10, seed)
            expected = [stored[a : a + n] for a, n in ranges]
            assert self._read(cache, store, ranges) == expected

    def test_it_never_mixes_objects(self, cache: ByteCache) -> None:
        keys = [f"s3://lab/{name}/cam.mp4" for name in "abc"]
        store = DictStore({key: content(n) for n, key in enumerate(keys)})
        for _ in range(2):
            for key in keys:
                meta = store.head(key)
                (data,) = cache.read_ranges(store, key, [ByteRange(5, 999)], meta)
                assert bytes(data) == store.objects[key][5:999]

    def test_a_change_while_it_reads_is_an_error(self, cache: ByteCache) -> None:
        store = DictStore({self.key: content(9)})
        meta = store.head(self.key)
        store.objects[self.key] = content(10)
        with pytest.raises(SourceChangedError):
            cache.read_ranges(store, self.key, [ByteRange(0, 1000)], meta)

    def test_what_the_store_says_is_handed_on(self, cache: ByteCache) -> None:
        store = DictStore({self.key: content(11)})
        meta = store.head(self.key)
        del store.objects[self.key]
        with pytest.raises(SourceError):
            cache.read_ranges(store, self.key, [ByteRange(0, 1000)], meta)

    def test_threads_share_it(self, cache: ByteCache) -> None:
        store = DictStore({self.key: content(12)})
        stored = store.objects[self.key]
        ranges = ranges_of(len(stored), READS)
        with ThreadPoolExecutor(8) as pool:
            data = list(pool.map(lambda r: self._read(cache, store, [r])[0], ranges))
        assert data == [stored[a : a + n] for a, n in ranges]

    def test_it_can_be_pickled(self, cache: ByteCache) -> None:
        store = DictStore({self.key: content(13)})
        self._read(cache, store, [(0, 1000)])
        again = pickle.loads(pickle.dumps(cache))
        assert self._read(again, store, [(0, 2000)]) == [store.objects[self.key][:2000]]
