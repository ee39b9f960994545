r"""Caches of remote objects: blocks of what was read, or whole files."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import BinaryIO

from .._base.configuration import CACHE_BLOCK_BYTES, CACHE_DIRECTORY, CACHE_QUOTA_BYTES
from .._base.user_warnings import warn_user
from ..errors import CacheError, CacheWarning
from ..types import ByteRange, ObjectMeta, RangeStore
from .disk_files import CacheFiles
from .fetch import REQUEST_BYTES, read_through, side_by_side, split_range

# Another process may fetch the same bytes. A process that takes longer than this is stuck.
_PATIENCE_SECONDS = 60.0
_DOWNLOAD_PATIENCE_SECONDS = 3600.0


@dataclass(frozen=True)
class _OnDisk:
    directory: str = field(default_factory=CACHE_DIRECTORY.default)
    quota_bytes: int = field(default_factory=CACHE_QUOTA_BYTES.default)

    @property
    def files(self) -> CacheFiles:
        r"""The files that hold it."""
        return CacheFiles(self.directory, self.quota_bytes)


@dataclass(frozen=True)
class BlockCache(_OnDisk):
    r"""Keeps blocks of fixed size of the objects that are read, on the local disk.

    Threads and processes that use the same directory fetch each block once between them.
    The cache keeps no object without an etag, since nobody could tell its versions apart.

    Args:
        directory: where it lies; every user has a folder of their own there.
        quota_bytes: how many bytes it holds at most; the least recently used go first.
        block_bytes: size of a block.
    """

    block_bytes: int = field(default_factory=CACHE_BLOCK_BYTES.default)

    def read_ranges(
        self, store: RangeStore, key: str, ranges: Sequence[ByteRange], meta: ObjectMeta
    ) -> list[bytes]:
        r"""Returns the bytes of each range, and fetches missing blocks in few requests,
        side by side.

        Args:
            store: reads the object.
            key: its uri.
            ranges: within it.
            meta: the version that the bytes must be of.

        Raises:
            SourceChangedError: if the object is of another version now.
        """
        files = self.files
        if not _can_keep(files, ranges, meta):
            return read_through(store, key, ranges, meta)
        blocks = _Blocks(files, store, key, meta, self.block_bytes)
        numbers = blocks.holding(ranges)
        found = blocks.stored(numbers)
        jobs = [
            partial(blocks.obtain, part)
            for part in blocks.requests([n for n in numbers if n not in found])
        ]
        for obtained in side_by_side(jobs):
            found |= obtained
        return [blocks.cut(found, span) for span in ranges]


@dataclass(frozen=True)
class SegmentCache(_OnDisk):
    r"""Keeps whole files: the first read of an object downloads all of it.

    For users who read most of a file anyway, and have room for it.

    Args:
        directory: where it lies; every user has a folder of their own there.
        quota_bytes: how many bytes it holds at most. A larger file is read from its store.
    """

    def read_ranges(
        self, store: RangeStore, key: str, ranges: Sequence[ByteRange], meta: ObjectMeta
    ) -> list[bytes]:
        r"""Returns the bytes of each range, and first downloads the object if need be.

        Args:
            store: reads the object.
            key: its uri.
            ranges: within it.
            meta: the version that the bytes must be of.

        Raises:
            SourceChangedError: if the object is of another version now.
        """
        files = self.files
        if not _can_keep(files, ranges, meta):
            return read_through(store, key, ranges, meta)
        name = f"{object_folder(key)}/{_version(meta, 0)}"
        found = files.read_ranges(name, meta.size, ranges)
        if found is None:
            try:
                with files.locked(name, _DOWNLOAD_PATIENCE_SECONDS) as held:
                    found = files.read_ranges(name, meta.size, ranges)
                    if found is None and held:
                        self._download(files, name, store, key, meta)
                        found = files.read_ranges(name, meta.size, ranges)
            except CacheError as error:
                warn_once(files.root, str(error))
        return read_through(store, key, ranges, meta) if found is None else found

    def _download(
        self, files: CacheFiles, name: str, store: RangeStore, key: str, meta: ObjectMeta
    ) -> None:
        writing = threading.Lock()

        def fetch(piece: ByteRange, file: BinaryIO) -> None:
            length = piece.stop - piece.start
            data = store.read_range(key, piece.start, length, meta.etag)
            with writing:
                file.seek(piece.start)
                file.write(data)

        def fill(file: BinaryIO) -> None:
            pieces = split_range(ByteRange(0, meta.size))
            side_by_side([partial(fetch, piece, file) for piece in pieces])

        if not files.write_whole(name, meta.size, fill):
            warn_once(
                files.root,
                f"{key!r} has {meta.size} bytes, more than the quota of the cache "
                f"({self.quota_bytes}), so that reads go to its store. Raise the quota, or "
                f"use temporaldata_video.configure(cache_kind='blocks').",
            )


@dataclass(frozen=True)
class _Blocks:
    # One version of one object, by number of block.
    files: CacheFiles
    store: RangeStore
    key: str
    meta: ObjectMeta
    block_bytes: int

    def holding(self, ranges: Sequence[ByteRange]) -> list[int]:
        r"""Returns the blocks that hold some byte of the ranges, in order."""
        size = self.block_bytes
        wanted = {
            number
            for start, stop in ranges
            if stop > start
            for number in range(start // size, (stop - 1) // size + 1)
        }
        return sorted(wanted)

    def requests(self, numbers: Sequence[int]) -> list[list[int]]:
        r"""Returns blocks by the request that fetches them: neighbours together."""
        most = max(1, REQUEST_BYTES // self.block_bytes)
        parts: list[list[int]] = []
        for number in numbers:
            if parts and number == parts[-1][-1] + 1 and len(parts[-1]) < most:
                parts[-1].append(number)
            else:
                parts.append([number])
        return parts

    def stored(self, numbers: Sequence[int]) -> dict[int, bytes]:
        r"""Returns the blocks that are in the cache, of those named."""
        read = ((n, self.files.read(self._name(n), self._length(n))) for n in numbers)
        return {number: data for number, data in read if data is not None}

    def obtain(self, numbers: Sequence[int]) -> dict[int, bytes]:
        r"""Returns missing blocks, which this thread fetches unless another one does."""
        found: dict[int, bytes] = {}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while todo := [n for n in numbers if n not in found]:
            with ExitStack() as held:
                locked, busy = self._lock(todo, held, time.monotonic() < deadline)
                found |= self.stored(locked)
                fetched = self._fetch([n for n in locked if n not in found])
                self._keep(fetched)
                found |= fetched
            if busy is not None:
                # A thread that waits holds no lock, so that nobody waits for it in turn.
                with self.files.locked(busy, max(0.0, deadline - time.monotonic())):
                    found |= self.stored([n for n in numbers if n not in found])
        return found

    def _lock(
        self, numbers: Sequence[int], held: ExitStack, patient: bool
    ) -> tuple[list[int], str | None]:
        # The blocks that nobody else fetches now, and a lock under which somebody does.
        locked, busy = [], None
        if not patient:
            return [*numbers], None
        try:
            locks: dict[str, list[int]] = {}
            for number in numbers:
                locks.setdefault(self._lock_name(number), []).append(number)
            for name, of_lock in locks.items():
                if held.enter_context(self.files.locked(name, 0.0)):
                    locked += of_lock
                else:
                    busy = name
        except CacheError as error:
            warn_once(self.files.root, str(error))
            return [*numbers], None
        return locked, busy

    def _fetch(self, numbers: Sequence[int]) -> dict[int, bytes]:
        blocks: dict[int, bytes] = {}
        for part in self.requests(numbers):
            start = part[0] * self.block_bytes
            length = sum(self._length(number) for number in part)
            data = self.store.read_range(self.key, start, length, self.meta.etag)
            view = memoryview(data)
            for number in part:
                at = number * self.block_bytes - start
                blocks[number] = bytes(view[at : at + self._length(number)])
        return blocks

    def _keep(self, blocks: dict[int, bytes]) -> None:
        if blocks:
            try:
                self.files.write({self._name(n): data for n, data in blocks.items()})
            except CacheError as error:
                warn_once(self.files.root, str(error))

    def cut(self, blocks: dict[int, bytes], span: ByteRange) -> bytes:
        r"""Returns the bytes of a range, out of the blocks that hold it."""
        pieces = []
        for number in self.holding([span]):
            first = number * self.block_bytes
            pieces.append(blocks[number][max(0, span.start - first) : span.stop - first])
        return b"".join(pieces)

    def _length(self, number: int) -> int:
        return min(self.block_bytes, self.meta.size - number * self.block_bytes)

    def _name(self, number: int) -> str:
        version = _version(self.meta, self.block_bytes)
        return f"{object_folder(self.key)}/{version}-{number}"

    def _lock_name(self, number: int) -> str:
        # As many neighbours as one request fetches share a lock: a lock costs a
        # millisecond, and a thread that waits for a neighbour waits for one request.
        return self._name(number * self.block_bytes // REQUEST_BYTES)


def object_folder(key: str) -> str:
    r"""Returns the folder of a cache in which the blocks of an object lie.

    Args:
        key: the object's uri, which the name of the folder hides.
    """
    return blake2b(key.encode(), digest_size=16).hexdigest()


def _version(meta: ObjectMeta, block_bytes: int) -> str:
    version = f"{meta.etag}\0{meta.size}\0{block_bytes}"
    return blake2b(version.encode(), digest_size=12).hexdigest()


def _can_keep(files: CacheFiles, ranges: Sequence[ByteRange], meta: ObjectMeta) -> bool:
    if not meta.etag or any(stop > meta.size for _, stop in ranges):
        return False
    try:
        files.start()
    except CacheError as error:
        warn_once(files.root, str(error))
        return False
    return True


_WARNED: dict[str, object] = {}


def warn_once(root: str, message: str) -> None:
    r"""Warns that a cache cannot be used, once per process.

    Args:
        root: where it lies.
        message: why.
    """
    marker = object()
    if _WARNED.setdefault(root, marker) is marker:
        warn_user(
            f"{message} Videos are read without it.",
            CacheWarning,
        )
