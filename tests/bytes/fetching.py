r"""A store over a local file that writes down each request, whichever process makes it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import temporaldata_video as tv


@dataclass(frozen=True)
class LoggingStore:
    r"""Reads one file as if it were far away.

    Args:
        path: the file.
        log: a line for each request is appended to this file.
        seconds: what a request takes.
        etag: of the version that the file is said to be.
    """

    path: str
    log: str
    seconds: float = 0.0
    etag: str = "v1"

    def head(self, key: str) -> tv.ObjectMeta:
        return tv.ObjectMeta(os.path.getsize(self.path), self.etag)

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        line = f"{start} {length}\n".encode()
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line)  # appended in one piece
        os.close(descriptor)
        if self.seconds:
            time.sleep(self.seconds)
        with open(self.path, "rb") as file:
            file.seek(start)
            data = file.read(length)
        if etag not in (None, self.etag) or len(data) != length:
            raise tv.SourceChangedError(f"{key!r} changed while it was being read.")
        return data

    def open(self, key: str):
        return open(self.path, "rb")

    def requests(self) -> list[tuple[int, int]]:
        r"""Returns start and length of all requests, in bytes."""
        if not os.path.exists(self.log):
            return []
        lines = Path(self.log).read_text().splitlines()
        return [(int(start), int(length)) for start, length in map(str.split, lines)]

    def forget(self) -> None:
        r"""Forgets the requests."""
        Path(self.log).unlink(missing_ok=True)
