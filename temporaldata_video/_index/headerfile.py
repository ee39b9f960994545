r"""Reads an MP4, MOV or 3GP file with zeros as its media payload, which then costs nothing.

FFmpeg's demuxer reads the bytes of a packet together with its place and times. Where only
the place and times are needed, the payload of ``mdat`` boxes need not be read at all.
"""

from __future__ import annotations

import bisect
import errno
import os
from collections import deque
from collections.abc import Callable

# How many bytes of a header are read at a time, in few requests, and how many at least.
_HEADER_CHUNK = 8 * 1024 * 1024
_LEAST_CHUNK = 4096
_PAYLOAD_CHUNK, _PAYLOAD_CHUNKS = 64 * 1024, 2
# How many bytes of headers are kept, for a second reader.
_MOST_HEADER = 64 * 1024 * 1024
_MOST_BOXES = 1 << 20
_ZEROS = bytes(64 * 1024)


class HeaderFile:
    r"""A seekable file over a function that reads ranges.

    Args:
        read: returns ``length`` bytes of the file from ``start``, called as
            ``read(start, length)``.
        size: length of the file in bytes.
        name: of the file; its suffix tells FFmpeg which format it may have.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], size: int, name: str = ""
    ) -> None:
        self.name = name
        self._read, self._size, self._at = read, size, 0
        # For each box at the top level that was passed: where it begins, and where its
        # payload begins. Then where the next box begins.
        self._starts: list[int] = []
        self._payloads: list[int] = []
        self._frontier = 0
        self._header: list[tuple[int, bytes]] = []
        self._payload: deque[tuple[int, bytes]] = deque(maxlen=_PAYLOAD_CHUNKS)
        self.blank = False
        self.ahead = _LEAST_CHUNK

    def reopen(self) -> HeaderFile:
        r"""Returns the file for another reader, with its real payload, at its beginning.

        The part of the header that was read is not read again.
        """
        self._at, self.blank, self.ahead = 0, False, _PAYLOAD_CHUNK
        return self

    def header_holds(self, text: bytes) -> bool:
        r"""Returns whether the part of the header that was read contains some bytes.

        Args:
            text: the bytes.
        """
        return any(text in chunk for _, chunk in self._header)

    def __enter__(self) -> HeaderFile:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def seekable(self) -> bool:
        r"""Returns :obj:`True`."""
        return True

    def tell(self) -> int:
        r"""Returns the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        r"""Moves to a position and returns it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = base + offset
        return self._at

    def read(self, length: int = -1) -> bytes:
        r"""Returns at most ``length`` bytes from the position on, all of one box."""
        at = self._at
        if at >= self._size or length == 0:
            return b""
        stop, is_payload = self._region(at)
        room = stop - at if length < 0 else min(length, stop - at)
        if is_payload and self.blank:
            data = _ZEROS[: min(room, len(_ZEROS))]
        else:
            ahead = self.ahead if is_payload else min(_HEADER_CHUNK, stop - at)
            data = self._bytes(at, room, max(_LEAST_CHUNK, ahead), is_payload)
        self._at = at + len(data)
        return data

    def _region(self, at: int) -> tuple[int, bool]:
        # Returns the end of the box, or of its header, and whether the place is payload.
        while self._frontier <= at:
            self._pass_box()
        box = bisect.bisect_right(self._starts, at) - 1
        payload = self._payloads[box]
        end = self._starts[box + 1] if box + 1 < len(self._starts) else self._frontier
        return (end, True) if at >= payload else (min(payload, end), False)

    def _pass_box(self) -> None:
        # ISO/IEC 14496-12, section 4.2: a size, a type, and a larger size if it is 1.
        # A box that makes no sense counts as header to the end of the file.
        at, left = self._frontier, self._size - self._frontier
        head = self._bytes(at, min(16, left), _LEAST_CHUNK, False)
        size, kind, length = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, length = int.from_bytes(head[8:16], "big"), 16
        if size == 0 or size > left:
            size = left
        elif size < length or len(self._starts) > _MOST_BOXES:
            size, kind = left, b""
        self._starts.append(at)
        self._payloads.append(at + (length if kind == b"mdat" else size))
        self._frontier = at + size

    def _bytes(self, at: int, length: int, ahead: int, is_payload: bool) -> bytes:
        # Returns at least 16 bytes, if the caller asks for that many, and of the rest what
        # is in memory. The next request mostly follows this one, so its bytes are read too.
        for start, chunk in (*self._payload, *self._header):
            if start <= at and at + min(16, length) <= start + len(chunk):
                return chunk[at - start : at - start + length]
        chunk = self._read(at, min(max(length, ahead), self._size - at))
        if is_payload or sum(len(c) for _, c in self._header) > _MOST_HEADER:
            self._payload.append((at, chunk))
        else:
            self._header.append((at, chunk))
        return chunk[:length]
