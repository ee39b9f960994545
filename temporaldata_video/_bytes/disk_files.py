r"""The files of a cache: private to one user, whole or absent, and bounded in total.

An entry is a block, a whole file, or a folder of files that are useful only together. Any
number of processes use the same directory. Four rules protect them from one another:

- a process writes a file aside and renames it, so that it is there whole or not at all;
- a process renames a folder before it deletes it, so that all its files go at once;
- a process makes and takes room under one lock, so that the total never passes the quota;
- a reader opens a file before it reads, so that it still reads a file deleted meanwhile.

A process that is killed leaves at most one file aside, which the next process to start
removes, and a total that is too high, which is counted again when it matters.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from uuid import uuid4

from .._base.process_cache import ProcessCache
from ..errors import CacheError, VideoError
from ..types import ByteRange
from .fetch import read_at
from .private_folder import (
    check_private,
    create_private,
    is_ours,
    make_private,
    open_private,
    user_name,
    write_private,
)

if TYPE_CHECKING:
    import filelock

# After the bytes of a block stand its name and checksum: a machine that loses power can
# leave a file of the right size with wrong contents.
_SEAL = struct.Struct("<16sI")
_TOTAL = struct.Struct("<q")
# This share is deleted when room is needed, so that not every block looks for the oldest.
_SLACK = 0.1
# Locks are shared by names of equal hash, so that their number is bounded.
_N_LOCKS = 4096
_LOCK_SECONDS = 10.0  # a process that makes room for longer is stuck


class CacheEntry(NamedTuple):
    r"""A file or folder that a cache keeps or deletes as one.

    Args:
        path: where it lies.
        bytes: its size; for a folder, that of all its files.
        used: seconds since 1970 at which it was last read or written.
    """

    path: str
    bytes: int
    used: float


@dataclass(frozen=True)
class CacheFiles:
    r"""The files of one user below a directory.

    A name is ``object/file``, or ``object/folder/...`` for the files of a folder.

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
        r"""Returns the bytes of a block, or :obj:`None` if some or all are missing.

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
            data = [read_at(file, start, stop - start) for start, stop in ranges]
            if any(len(d) != stop - start for d, (start, stop) in zip(data, ranges)):
                return None
            fast = os.utime in os.supports_fd
            _mark_used(file.fileno() if fast else self._path(name))
            return data
        return None

    def folder(self, name: str, sizes: Mapping[str, int]) -> str | None:
        r"""Returns the path of a folder, or :obj:`None` if some of its files are missing.

        Args:
            name: of the folder.
            sizes: bytes of the files, by name below the folder.
        """
        path = self._path(name)
        try:
            found = {file: os.stat(os.path.join(path, file)).st_size for file in sizes}
        except OSError:
            return None
        if found != sizes:
            return None
        _mark_used(path)
        return path

    # Writing ------------------------------------------------------------------------

    def start(self) -> None:
        r"""Makes the folder when a process first uses it, and removes files left aside.

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
        r"""Stores blocks, and deletes those used least recently to make room.

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
            aside = self._aside(f"{_mark(name)}.{uuid4().hex}")
            try:
                with self._held_total():
                    self._sweep()
                    if not self._make_room(size):
                        return False
                    with create_private(aside) as file:
                        file.truncate(size)  # a process that counts now counts all of it
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
        except FileNotFoundError:  # the object's first block, or its folder was deleted
            make_private(self.root, "objects", *name.split("/")[:-1])
            os.replace(aside, self._path(name))
        except PermissionError:
            # On Windows, nobody can replace a file that somebody is reading. Files of one
            # name have the same bytes.
            if not os.path.lexists(self._path(name)):
                raise

    def _sweep(self) -> None:
        # Blocks, and folders to delete, are aside only while the lock on the total is
        # held, which is held here; a whole file is while its own lock is.
        for entry in os.scandir(make_private(self.root, "aside")):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            elif entry.name.startswith("block-"):
                os.unlink(entry.path)
            else:
                mark = entry.name.rpartition(".")[0]
                # The file may have been moved into place before this got the lock.
                with (
                    suppress(TimeoutError, FileNotFoundError),
                    self._lock(mark).acquire(timeout=0),
                ):
                    os.unlink(entry.path)

    # Locks --------------------------------------------------------------------------

    @contextmanager
    def locked(self, name: str, seconds: float) -> Iterator[bool]:
        r"""Holds the lock of a name, and tells whether it got the lock in time.

        Args:
            name: of a file, or of anything else.
            seconds: how long to wait for it.

        Raises:
            CacheError: if locks cannot be made.
        """
        with self._errors():
            lock = self._lock(_mark(name))
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

    def entries(self, of_object: str = "") -> list[CacheEntry]:
        r"""Returns all entries; those of one object are in one folder.

        Args:
            of_object: look at the folder of this one alone.
        """
        objects = os.path.join(self.root, "objects")
        paths = [os.path.join(objects, of_object)] if of_object else _listed(objects)
        found = []
        for path in chain.from_iterable(map(_listed, paths)):
            with suppress(OSError):  # it may go away while it is looked at
                info = os.lstat(path)
                is_folder = stat.S_ISDIR(info.st_mode)
                size = _bytes_below(path) if is_folder else info.st_size
                found.append(CacheEntry(path, size, info.st_mtime))
        return found

    def _delete(self, entries: list[CacheEntry]) -> int:
        freed = 0
        for entry in entries:
            # On Windows, nobody can delete a file that somebody is reading.
            with suppress(OSError):
                if os.path.isdir(entry.path):
                    gone = self._aside(f"gone-{uuid4().hex}")
                    os.rename(entry.path, gone)
                    shutil.rmtree(gone, ignore_errors=True)
                else:
                    os.unlink(entry.path)
                freed += entry.bytes
        for folder in {os.path.dirname(entry.path) for entry in entries}:
            with suppress(OSError):
                os.rmdir(folder)
        return freed

    def prune(self, keep_bytes: int, unused_since: float = 0.0, of_object: str = "") -> int:
        r"""Deletes the entries used least recently, and returns how many bytes they had.

        Args:
            keep_bytes: how many bytes may stay.
            unused_since: seconds since 1970; entries not used since then go, too.
            of_object: look at the entries of this one alone.

        Raises:
            CacheError: if the cache cannot be used.
        """
        with self._errors(), self._held_total():
            self._sweep()
            entries = self.entries(of_object)
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
        # This comes first: a process killed now has counted too much, never too little.
        self._write_total(total + needed)
        return True

    def _evict(self, needed: int) -> int:
        if needed > self.quota_bytes:
            return self.quota_bytes
        entries = self.entries()
        kept = sum(entry.bytes for entry in entries)
        total = kept + _bytes_below(os.path.join(self.root, "aside"))
        if total + needed <= self.quota_bytes:
            return total
        most = min(self.quota_bytes - needed, int(self.quota_bytes * (1 - _SLACK)))
        return total - self._delete(_oldest(entries, most - (total - kept)))

    def _read_total(self) -> int | None:
        with suppress(OSError, struct.error), open(self._total_path, "rb") as file:
            return _TOTAL.unpack(file.read())[0]
        return None

    def _write_total(self, total: int) -> None:
        # In place: when a file is emptied and rewritten, file systems flush it at once.
        write_private(self._total_path, _TOTAL.pack(total))

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


def _mark(name: str) -> str:
    # The name of a file aside begins with it, so that a sweep knows which lock holds it.
    return name.replace("/", "-")


def _mark_used(target: str | int) -> None:
    # A file system that is read-only now still serves the files that it has.
    with suppress(OSError):
        now = time.time_ns()
        os.utime(target, ns=(now, now))


def _listed(folder: str) -> list[str]:
    with suppress(OSError):
        return [entry.path for entry in os.scandir(folder)]
    return []


def _bytes_below(folder: str) -> int:
    total = 0
    for path in _listed(folder):
        with suppress(OSError):
            info = os.lstat(path)
            is_folder = stat.S_ISDIR(info.st_mode)
            total += _bytes_below(path) if is_folder else info.st_size
    return total


def _oldest(
    entries: list[CacheEntry], keep_bytes: int, unused_since: float = 0.0
) -> list[CacheEntry]:
    # The entries to delete, so that the others have at most `keep_bytes`.
    kept = sum(entry.bytes for entry in entries)
    doomed = []
    for entry in sorted(entries, key=lambda entry: entry.used):
        if kept <= keep_bytes and entry.used >= unused_since:
            break
        doomed.append(entry)
        kept -= entry.bytes
    return doomed


def _remove(aside: str) -> None:
    # A file that was moved into its place is not aside any more. The caller is a `finally`,
    # which has no gap where an interrupt could pass; a context manager has one.
    with suppress(OSError):
        os.unlink(aside)


def _seal(name: str, data: bytes) -> bytes:
    return _SEAL.pack(blake2b(name.encode(), digest_size=16).digest(), zlib.crc32(data))
