r"""Where bytes come from: the local file system, and whatever fsspec can reach."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from ..errors import BackendError, SourceChangedError, SourceError, SourceNotFoundError
from ..types import ObjectMeta

_LANCE_PROTOCOLS = frozenset(("s3", "gs", "az"))


@dataclass(frozen=True)
class LocalStore:
    r"""Files of this machine, read in place; a key is an absolute path."""

    def head(self, key: str) -> ObjectMeta:
        r"""Returns the size in bytes, and a tag of inode and modification time."""
        try:
            return _local_meta(os.stat(key))
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
            descriptor = os.open(key, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise _local_error(key, error) from error
        try:
            if etag and _local_meta(os.fstat(descriptor)).etag != etag:
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
            return open(key, "rb")
        except OSError as error:
            raise _local_error(key, error) from error

    def lance_connection(self) -> tuple[str, dict[str, str]]:
        r"""Returns no prefix and no options: Lance opens local paths as they are."""
        return "", {}


@dataclass(frozen=True)
class FsspecStore:
    r"""Objects of any file system that fsspec knows; a key is the whole uri.

    The file system is made anew in each process, since many of them hold an event loop
    that does not survive a fork.

    Args:
        protocol: fsspec's name of the file system, such as ``"s3"`` or ``"memory"``.
        storage_options: passed on to it; never shown.
    """

    protocol: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def _filesystem(self) -> Any:
        import fsspec

        try:
            # fsspec keeps instances by process and options, so that this is a look-up.
            return fsspec.filesystem(self.protocol, **self.storage_options)
        except (ImportError, ValueError) as error:
            raise BackendError(
                f"cannot read {self.protocol}:// ({error}). Install the fsspec "
                f"implementation that the message names."
            ) from error

    def head(self, key: str) -> ObjectMeta:
        r"""Returns size in bytes and etag of an object."""
        info = self._call("info", key)
        if info.get("type") == "directory":
            raise SourceError(f"{key!r} is a directory; give the uri of a video file.")
        etag = info.get("ETag") or info.get("etag") or info.get("created") or ""
        return ObjectMeta(size=int(info["size"]), etag=str(etag))

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        r"""Returns exactly ``length`` bytes from ``start``.

        Raises:
            SourceChangedError: if the object is not of version ``etag`` or too short.
        """
        if etag and self.head(key).etag != etag:
            raise SourceChangedError(f"{key!r} changed while it was being read.")
        data = self._call("cat_file", key, start=start, end=start + length)
        if len(data) != length:
            raise SourceChangedError(
                f"{key!r} gave {len(data)} of the {length} bytes from {start}: "
                f"it was cut off since it was indexed."
            )
        return data

    def open(self, key: str) -> BinaryIO:
        r"""Returns a file that reads the object by ranges."""
        return self._call("open", key, "rb")

    def lance_connection(self) -> tuple[str, dict[str, str]]:
        r"""Returns the protocol as prefix, and the storage options as strings.

        Raises:
            BackendError: if Lance has no way to the protocol.
        """
        if self.protocol not in _LANCE_PROTOCOLS:
            raise BackendError(
                f"Lance cannot reach {self.protocol}://, so that the index of such a video "
                f"lies elsewhere: pass index_uri, a local path for instance."
            )
        return f"{self.protocol}://", {k: str(v) for k, v in self.storage_options.items()}

    def _call(self, method: str, key: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(self._filesystem(), method)(key, *args, **kwargs)
        except FileNotFoundError as error:
            raise SourceNotFoundError(f"there is no object at {key!r}.") from error
        except OSError as error:
            raise SourceError(f"cannot read {key!r}: {error}") from error


def _local_meta(stat: os.stat_result) -> ObjectMeta:
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
            f"there is no file {key!r}. Check the path; if the video has moved, give the "
            f"new place to LazyVideo.from_uri."
        )
    if isinstance(error, IsADirectoryError):
        return SourceError(f"{key!r} is a directory; give the path of a video file.")
    return SourceError(f"cannot read {key!r}: {error.strerror or error}")
