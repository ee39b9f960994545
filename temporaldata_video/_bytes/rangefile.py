r"""A remote object as a seekable file, for readers that need one."""

from __future__ import annotations

import errno
import io
import os
from typing import Any, BinaryIO, cast

from ..types import RangeStore

_BUFFER_BYTES = 4 * 1024 * 1024


def open_by_ranges(store: RangeStore, key: str) -> BinaryIO:
    r"""Returns an object as a file that reads megabytes at a time, all of one version.

    Args:
        store: reads the object.
        key: its uri.
    """
    return cast("BinaryIO", io.BufferedReader(_RangeFile(store, key), _BUFFER_BYTES))


class _RangeFile(io.RawIOBase):
    def __init__(self, store: RangeStore, key: str) -> None:
        self._store, self._key, self._at = store, key, 0
        self._meta = store.head(key)
        # The suffix tells FFmpeg which format the file may have.
        self.name = key.rpartition("/")[2]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._meta.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), max(0, self._meta.size - self._at))
        if length:
            etag = self._meta.etag or None
            buffer[:length] = self._store.read_range(self._key, self._at, length, etag)
            self._at += length
        return length
