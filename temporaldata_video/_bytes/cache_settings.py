r"""Which cache stands before remote objects, as this process and its children are told.

The settings are environment variables and nothing else, so that worker processes have the
same however they are started.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

from .._base.process_cache import env_integer
from ..errors import CacheError
from ..types import ByteCache, ByteRange, ObjectMeta, RangeStore
from .caches import DEFAULT_BLOCK_BYTES, DEFAULT_QUOTA_BYTES, BlockCache, SegmentCache
from .fetch import read_through

KINDS = ("blocks", "files", "none")

_KIND = "TEMPORALDATA_VIDEO_CACHE_KIND"
_DIRECTORY = "TEMPORALDATA_VIDEO_CACHE_DIRECTORY"
_QUOTA_BYTES = "TEMPORALDATA_VIDEO_CACHE_QUOTA_BYTES"
_BLOCK_BYTES = "TEMPORALDATA_VIDEO_CACHE_BLOCK_BYTES"
_SMALLEST_BLOCK = 4096


@dataclass(frozen=True)
class CacheSettings:
    r"""How remote objects are cached.

    Args:
        kind: ``"blocks"`` for what was read, ``"files"`` for whole files, or ``"none"``.
        directory: in which every user has a folder of their own.
        quota_bytes: what the cache holds at most.
        block_bytes: size of a block.
    """

    kind: str = "blocks"
    directory: str = field(default_factory=tempfile.gettempdir)
    quota_bytes: int = DEFAULT_QUOTA_BYTES
    block_bytes: int = DEFAULT_BLOCK_BYTES

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r} ({_KIND}).")
        if self.quota_bytes < 0:
            raise ValueError(
                f"quota_bytes must not be negative, got {self.quota_bytes} "
                f"({_QUOTA_BYTES})."
            )
        if self.block_bytes < _SMALLEST_BLOCK:
            raise ValueError(
                f"block_bytes must be at least {_SMALLEST_BLOCK}, got {self.block_bytes} "
                f"({_BLOCK_BYTES})."
            )

    def require(self, n_bytes: int) -> None:
        r"""Makes sure that there is a cache, and that it can hold as many bytes.

        Args:
            n_bytes: how many.

        Raises:
            CacheError: if not.
        """
        cache = self.cache()
        if cache is None:
            raise CacheError(
                "there is no cache to fetch into: it is configured as kind='none'. Set "
                "configure_cache(kind='blocks')."
            )
        cache.files.start()
        if n_bytes > self.quota_bytes:
            raise CacheError(
                f"{n_bytes} bytes do not fit into the cache, whose quota is "
                f"{self.quota_bytes} bytes. Raise it: configure_cache(quota_bytes=...)."
            )

    def cache(self) -> BlockCache | SegmentCache | None:
        r"""Returns the cache that they describe, :obj:`None` for ``"none"``."""
        if self.kind == "none":
            return None
        if self.kind == "files":
            return SegmentCache(self.directory, self.quota_bytes)
        return BlockCache(self.directory, self.quota_bytes, self.block_bytes)


def cache_settings() -> CacheSettings:
    r"""Returns the settings as they are now.

    Raises:
        ValueError: if an environment variable is none of what is allowed.
    """
    return CacheSettings(
        os.environ.get(_KIND) or "blocks",
        os.environ.get(_DIRECTORY) or tempfile.gettempdir(),
        env_integer(_QUOTA_BYTES, DEFAULT_QUOTA_BYTES),
        env_integer(_BLOCK_BYTES, DEFAULT_BLOCK_BYTES),
    )


def configure_cache(
    *,
    directory: str | os.PathLike[str] | None = None,
    quota_bytes: int | None = None,
    block_bytes: int | None = None,
    kind: str | None = None,
) -> CacheSettings:
    r"""Says how remote objects are cached, here and in processes that are started later.

    The environment variables ``TEMPORALDATA_VIDEO_CACHE_DIRECTORY``, ``_QUOTA_BYTES``,
    ``_BLOCK_BYTES`` and ``_KIND`` say the same, and are what this function sets. Local
    files are never cached.

    Args:
        directory: in which every user has a folder of their own; that of temporary files
            by default.
        quota_bytes: what the cache holds at most; 10 GB by default.
        block_bytes: size of a block, at least 4,096; 256 KiB by default.
        kind: ``"blocks"`` (default) keeps what was read, ``"files"`` downloads a file when
            it is first read, ``"none"`` keeps nothing.

    Returns:
        All settings as they are now; what was not given is unchanged.

    Raises:
        ValueError: if one is none of what is allowed.
        CacheError: if the directory cannot be used or trusted.

    Example ::

        >>> import temporaldata_video as tv
        >>> tv.configure_cache(directory="scratch", quota_bytes=200 * 10**9).quota_bytes
        200000000000
    """
    now = cache_settings()
    asked = CacheSettings(
        kind=now.kind if kind is None else kind,
        directory=now.directory if directory is None else os.path.abspath(directory),
        quota_bytes=now.quota_bytes if quota_bytes is None else int(quota_bytes),
        block_bytes=now.block_bytes if block_bytes is None else int(block_bytes),
    )
    cache = asked.cache()
    if cache is not None and directory is not None:
        cache.files.start()
    os.environ.update(
        {
            name: str(value)
            for name, value, given in (
                (_KIND, asked.kind, kind),
                (_DIRECTORY, asked.directory, directory),
                (_QUOTA_BYTES, asked.quota_bytes, quota_bytes),
                (_BLOCK_BYTES, asked.block_bytes, block_bytes),
            )
            if given is not None
        }
    )
    return asked


@dataclass(frozen=True)
class ConfiguredCache:
    r"""The cache of the settings, whatever they are at each read."""

    def read_ranges(
        self, store: RangeStore, key: str, ranges: Sequence[ByteRange], meta: ObjectMeta
    ) -> list[bytes]:
        r"""Returns the bytes of each range, through the cache that is set."""
        cache: ByteCache | None = cache_settings().cache()
        if cache is None:
            return read_through(store, key, ranges, meta)
        return cache.read_ranges(store, key, ranges, meta)
