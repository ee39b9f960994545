r"""The cache before remote objects that the configuration asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._base.configuration import (
    CACHE_BLOCK_BYTES,
    CACHE_DIRECTORY,
    CACHE_KIND,
    CACHE_QUOTA_BYTES,
)
from ..errors import CacheError
from ..types import ByteCache, ByteRange, ObjectMeta, RangeStore
from .caches import BlockCache, SegmentCache
from .fetch import read_through


def configured_cache() -> BlockCache | SegmentCache | None:
    r"""Returns the cache that is configured now, or :obj:`None` for ``"none"``.

    Raises:
        ValueError: if an environment variable has a value that is not allowed.
    """
    kind = CACHE_KIND.read()
    if kind == "none":
        return None
    directory, quota_bytes = CACHE_DIRECTORY.read(), CACHE_QUOTA_BYTES.read()
    if kind == "files":
        return SegmentCache(directory, quota_bytes)
    return BlockCache(directory, quota_bytes, CACHE_BLOCK_BYTES.read())


def require_cache(n_bytes: int) -> None:
    r"""Makes sure that there is a cache that can hold so many bytes.

    Args:
        n_bytes: how many.

    Raises:
        CacheError: if there is none, or it is too small.
    """
    cache = configured_cache()
    if cache is None:
        raise CacheError(
            "there is no cache to fetch into: it is configured as cache_kind='none'. Call "
            "temporaldata_video.configure(cache_kind='blocks')."
        )
    cache.files.start()
    if n_bytes > cache.quota_bytes:
        raise CacheError(
            f"{n_bytes} bytes do not fit into the cache, whose quota is "
            f"{cache.quota_bytes} bytes. Raise it: "
            f"temporaldata_video.configure(cache_quota_bytes=...)."
        )


@dataclass(frozen=True)
class ConfiguredCache:
    r"""The cache that is configured, whichever it is at each read."""

    def read_ranges(
        self, store: RangeStore, key: str, ranges: Sequence[ByteRange], meta: ObjectMeta
    ) -> list[bytes]:
        r"""Returns the bytes of each range, through the cache that is configured."""
        cache: ByteCache | None = configured_cache()
        if cache is None:
            return read_through(store, key, ranges, meta)
        return cache.read_ranges(store, key, ranges, meta)
