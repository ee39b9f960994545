r"""Files of this machine as a store, read in place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from ..errors import SourceChangedError, SourceError, SourceNotFoundError
from ..types import ObjectMeta

# To open a pipe would wait for its writer.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class LocalStore:
    r"""Files of this machine, read in place; a key is an absolute path."""

    def head(self, key: str) -> ObjectMeta:
        r"""Returns the size in bytes, and a tag of inode and modification time."""
        try:
            return _local_meta(key, os.stat(key))
        except OSError as error:
            raise _local_error(key, error) from error

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        r"""Returns exactly ``length`` bytes from ``start``.

        Args:
            key: absolute path.
            start: offset of the first byte.
            length: number of bytes.
            etag: the version that the bytes must be of.

        Raises:
            SourceChangedError: if the file is not ``etag`` or ends too early.
        """
        try:
            descriptor = os.open(key, _FLAGS)
        except OSError as error:
            raise _local_error(key, error) from error
        try:
            meta = _local_meta(key, os.fstat(descriptor))
            if etag and meta.etag != etag:
                raise SourceChangedError(f"{key!r} changed while it was being read.")
            data = _pread(descriptor, start, length)
        except OSError as error:
            raise _local_error(key, error) from error
        finally:
            os.close(descriptor)
        if len(data) != length:
            raise SourceChangedError(
                f"{key!r} ends at byte {start + len(data)}, but bytes up to "
                f"{start + length} were asked for: it was cut off since it was indexed."
            )
        return data

    def open(self, key: str) -> BinaryIO:
        r"""Returns the file, opened for reading."""
        try:
            if os.path.isdir(key):
                raise IsADirectoryError(key)
            _local_meta(key, os.stat(key))
            return open(key, "rb")
        except OSError as error:
            raise _local_error(key, error) from error


def _local_meta(key: str, stat: os.stat_result) -> ObjectMeta:
    # A device has no end, and a pipe may never answer.
    if not (S_ISREG(stat.st_mode) or S_ISDIR(stat.st_mode)):
        raise SourceError(f"{key!r} is no regular file; give the path of a video file.")
    etag = f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"
    return ObjectMeta(size=stat.st_size, etag=etag)


def _pread(descriptor: int, start: int, length: int) -> bytes:
    if hasattr(os, "pread"):
        data = os.pread(descriptor, length, start)
        while len(data) < length:
            more = os.pread(descriptor, length - len(data), start + len(data))
            if not more:
                break
            data += more
        return data
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(start)
        return file.read(length)


def _local_error(key: str, error: OSError) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceNotFoundError(
            f"there is no file {key!r}. Check the path; if the video has moved, pass the "
            f"new path to LazyVideo.from_uri. If a recording points to it, run: "
            f"temporaldata-video relink REC.h5 --search FOLDER; then load it again."
        )
    if isinstance(error, IsADirectoryError):
        return SourceError(f"{key!r} is a directory; give the path of a video file.")
    return SourceError(f"cannot read {key!r}: {error.strerror or error}")
