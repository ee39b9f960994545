r"""The files of a cache: private to one user, whole or absent, and bounded in total.

Any number of processes use the same directory. What protects them from one another:

- a file is written aside and renamed, so that it is there whole or not at all;
- room is made and taken under one lock, so that the total never passes the quota;
- a reader opens a file before it reads, so that what is deleted then is still read.

A process that is killed leaves at most a file aside, which the next one to start removes,
and a total that is too high, which is counted again when it matters.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from uuid import uuid4

from .._base.process_cache import ProcessCache
from ..errors import CacheError, VideoError
from ..types import ByteRange
from .private_folder import (
    check_private,
    create_private,
    is_ours,
    make_private,
    open_private,
    user_name,
)

if TYPE_CHECKING:
    import filelock

# Behind the bytes of a block: what block they are, and their checksum. A machine that
# loses power can leave a file of the right size with wrong contents.
_SEAL = struct.Struct("<16sI")
_TOTAL = struct.Struct("<q")
# What is deleted when room is needed, so that not every block has to look for the oldest.
_SLACK = 0.1
# Locks are shared by names of equal hash, so that their number is bounded.
_N_LOCKS = 4096
_LOCK_SECONDS = 10.0  # who makes room for longer is stuck


class CacheEntry(NamedTuple):
    r"""A file of a cache.

    Args:
        path: where it lies.
        bytes: its size.
        used: seconds since 1970 at which it was last read or written.
    """

    path: str
    bytes: int
    used: float


@dataclass(frozen=True)
class BlockFiles:
    r"""The files of one user below a directory; a name is ``folder/file``.

    Args:
        directory: many users may share it; each has a folder of their own there.
        quota_bytes: how many bytes the files have at most.
    """

    directory: str
    quota_bytes: int

    @property
    def root(self) -> str:
        r"""The user's own folder."""
        return os.path.join(self.directory, f"temporaldata-video-{user_name()}")

    # Reading ------------------------------------------------------------------------

    def read(self, name: str, size: int) -> bytes | None:
        r"""Returns the bytes of a block, or :obj:`None` if they are not (all) there.

        Args:
            name: of the block.
            size: its bytes.
        """
        sealed = size + _SEAL.size
        found = self.read_ranges(
            name, sealed, [ByteRange(0, size), ByteRange(size, sealed)]
        )
        return found[0] if found and found[1] == _seal(name, found[0]) else None

    def read_ranges(
        self, name: str, size: int, ranges: Sequence[ByteRange]
    ) -> list[bytes] | None:
        r"""Returns ranges of a file, or :obj:`None` if it is not there.

        Args:
            name: of the file.
            size: how many bytes it must have.
            ranges: within it.
        """
        try:
            file = open_private(self._path(name))
        except OSError:
            return None
        with file, suppress(OSError):
            info = os.fstat(file.fileno())
            if info.st_size != size or not is_ours(info):
                return None
            data = [_read_at(file, start, stop - start) for start, stop in ranges]
            if any(len(d) != stop - start for d, (start, stop) in zip(data, ranges)):
                return None
            # A file system that is read-only now still serves what it has.
            with suppress(OSError):
                now = time.time_ns()
                target = file.fileno() if os.utime in os.supports_fd else self._path(name)
                os.utime(target, ns=(now, now))
            return data
        return None

    # Writing ------------------------------------------------------------------------

    def start(self) -> None:
        r"""Makes the folder when a process first uses it, and removes what was left aside.

        Raises:
            CacheError: if it cannot be made or trusted.
        """
        with self._errors():
            if not os.path.lexists(self.root):
                _STARTED.pop(self.root)
            else:
                check_private(self.root)
            _STARTED.get(self.root, self._start)

    def _start(self) -> bool:
        with self._errors():
            os.makedirs(self.directory, exist_ok=True)
            if any(os.scandir(make_private(self.root, "aside"))):
                with self._held_total():
                    self._sweep()
        return True

    def write(self, blocks: Mapping[str, bytes]) -> None:
        r"""Stores blocks, and deletes those that were not used for longest to make room.

        Args:
            blocks: bytes by name.

        Raises:
            CacheError: if that is not possible.
        """
        with self._errors(), self._held_total():
            self._sweep()
            for name, data in blocks.items():
                if not self._make_room(len(data) + _SEAL.size):
                    return
                aside = self._aside(f"block-{uuid4().hex}")
                try:
                    with create_private(aside) as file:
                        file.write(data)
                        file.write(_seal(name, data))
                    self._move_in(aside, name)
                finally:
                    _remove(aside)

    def write_whole(self, name: str, size: int, fill: Callable[[BinaryIO], None]) -> bool:
        r"""Stores a file that is too large for memory; its lock must be held.

        Args:
            name: of the file.
            size: its bytes.
            fill: writes them to a file.

        Returns:
            Whether it was stored; a file larger than the quota is not.

        Raises:
            CacheError: if it cannot be written.
        """
        with self._errors():
            mark = name.replace("/", "-")
            aside = self._aside(f"{mark}.{uuid4().hex}")
            try:
                with self._held_total():
                    self._sweep()
                    if not self._make_room(size):
                        return False
                    with create_private(aside) as file:
                        file.truncate(size)  # whoever counts now counts all of it
                with open(aside, "r+b") as file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                self._move_in(aside, name)
            finally:
                _remove(aside)
        return True

    def _move_in(self, aside: str, name: str) -> None:
        try:
            os.replace(aside, self._path(name))
        except FileNotFoundError:  # the object's first block, or someone deleted its folder
            make_private(self.root, "objects", name.partition("/")[0])
            os.replace(aside, self._path(name))

    def _sweep(self) -> None:
        # Blocks are aside only while the lock on the total is held, which is held here;
        # a whole file is while its own lock is.
        for entry in os.scandir(make_private(self.root, "aside")):
            mark = entry.name.partition(".")[0]
            if mark.startswith("block-"):
                os.unlink(entry.path)
                continue
            with suppress(TimeoutError), self._lock(mark).acquire(timeout=0):
                os.unlink(entry.path)

    # Locks --------------------------------------------------------------------------

    @contextmanager
    def locked(self, name: str, seconds: float) -> Iterator[bool]:
        r"""Holds the lock of a name, and tells whether it was to be had in time.

        Args:
            name: of a file, or of anything else.
            seconds: how long to wait for it.

        Raises:
            CacheError: if locks cannot be made.
        """
        with self._errors():
            lock = self._lock(name.replace("/", "-"))
            with suppress(TimeoutError):
                lock.acquire(timeout=seconds, poll_interval=0.004)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def _lock(self, mark: str) -> filelock.BaseFileLock:
        hashed = blake2b(mark.encode(), digest_size=8).digest()
        return self._lock_file(f"{int.from_bytes(hashed) % _N_LOCKS:03x}")

    def _lock_file(self, name: str) -> filelock.BaseFileLock:
        from filelock import FileLock

        path = os.path.join(make_private(self.root, "locks"), name)
        return FileLock(path, thread_local=False)

    @contextmanager
    def _held_total(self) -> Iterator[None]:
        lock = self._lock_file("total")
        with lock.acquire(timeout=_LOCK_SECONDS, poll_interval=0.002):
            yield

    # Room ---------------------------------------------------------------------------

    def entries(self) -> list[CacheEntry]:
        r"""Returns all files; blocks of one object are in one folder."""
        return [*self._scan("objects")]

    def _delete(self, entries: list[CacheEntry]) -> int:
        freed = 0
        for entry in entries:
            # On Windows, what someone reads just now cannot be deleted.
            with suppress(OSError):
                os.unlink(entry.path)
                freed += entry.bytes
        for folder in {os.path.dirname(entry.path) for entry in entries}:
            with suppress(OSError):
                os.rmdir(folder)
        return freed

    def prune(self, keep_bytes: int, unused_since: float = 0.0, folder: str = "") -> int:
        r"""Deletes what was not used for longest, and returns how many bytes it had.

        Args:
            keep_bytes: how many bytes may stay.
            unused_since: seconds since 1970; what was not used since then goes, too.
            folder: look at the files of this one alone.

        Raises:
            CacheError: if the cache cannot be used.
        """
        with self._errors(), self._held_total():
            self._sweep()
            entries = [*self._scan("objects", folder)]
            freed = self._delete(_oldest(entries, keep_bytes, unused_since))
            with suppress(OSError):  # counted again when it is next needed
                os.unlink(self._total_path)
        return freed

    def _make_room(self, needed: int) -> bool:
        total = self._read_total()
        if total is None or total + needed > self.quota_bytes:
            total = self._evict(needed)
            if total + needed > self.quota_bytes:
                return False
        # Written first: one that is killed now has counted too much, never too little.
        self._write_total(total + needed)
        return True

    def _evict(self, needed: int) -> int:
        if needed > self.quota_bytes:
            return self.quota_bytes
        entries = self.entries()
        kept = sum(entry.bytes for entry in entries)
        total = kept + sum(entry.bytes for entry in self._scan("aside"))
        if total + needed <= self.quota_bytes:
            return total
        most = min(self.quota_bytes - needed, int(self.quota_bytes * (1 - _SLACK)))
        return total - self._delete(_oldest(entries, most - (total - kept)))

    def _scan(self, *folders: str) -> Iterator[CacheEntry]:
        pending = [os.path.join(self.root, *folders)]
        while pending:
            # Folders and files may go away while they are looked at.
            with suppress(OSError):
                for entry in os.scandir(pending.pop()):
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                        continue
                    with suppress(OSError):
                        info = entry.stat(follow_symlinks=False)
                        yield CacheEntry(entry.path, info.st_size, info.st_mtime)

    def _read_total(self) -> int | None:
        with suppress(OSError, struct.error), open(self._total_path, "rb") as file:
            return _TOTAL.unpack(file.read())[0]
        return None

    def _write_total(self, total: int) -> None:
        # In place: file systems write a file that is emptied and written to disk at once.
        with open(os.open(self._total_path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(_TOTAL.pack(total))

    @property
    def _total_path(self) -> str:
        return os.path.join(self.root, "total")

    # Places -------------------------------------------------------------------------

    def _aside(self, name: str) -> str:
        return os.path.join(make_private(self.root, "aside"), name)

    def _path(self, name: str) -> str:
        return os.path.join(self.root, "objects", *name.split("/"))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except VideoError:
            raise
        except OSError as error:
            why = error.strerror or error
            raise CacheError(
                f"the cache in {self.root!r} cannot be used: {why}. Choose another place: "
                f"temporaldata_video.configure(cache_directory=...)."
            ) from error


_STARTED: ProcessCache[bool] = ProcessCache(64)


def _oldest(
    entries: list[CacheEntry], keep_bytes: int, unused_since: float = 0.0
) -> list[CacheEntry]:
    # Those that must go for the others to have at most `keep_bytes`.
    kept = sum(entry.bytes for entry in entries)
    doomed = []
    for entry in sorted(entries, key=lambda entry: entry.used):
        if kept <= keep_bytes and entry.used >= unused_since:
            break
        doomed.append(entry)
        kept -= entry.bytes
    return doomed


def _remove(aside: str) -> None:
    # What was moved into its place is no longer there. Called from a `finally`, which has
    # no gap where an interrupt could pass, as a context manager has.
    with suppress(OSError):
        os.unlink(aside)


def _seal(name: str, data: bytes) -> bytes:
    return _SEAL.pack(blake2b(name.encode(), digest_size=16).digest(), zlib.crc32(data))


def _read_at(file, start: int, length: int) -> bytes:
    file.seek(start)
    data = file.read(length)
    while len(data) < length and (more := file.read(length - len(data))):
        data += more
    return data
