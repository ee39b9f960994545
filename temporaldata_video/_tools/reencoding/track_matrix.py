r"""Has players turn the picture of an MP4 file, by the display matrix of its track."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ...errors import VideoError

# How far behind the name of a 'tkhd' box its matrix lies, in versions 0 and 1.
_MATRIX_OFFSET = {0: 44, 1: 56}


def turn_track(path: Path, matrix: tuple[int, ...]) -> None:
    r"""Writes the display matrix of the first video track into a file.

    Not all supported versions of PyAV can do so while they write the file.

    Args:
        path: an MP4 file.
        matrix: its nine numbers.

    Raises:
        VideoError: if the file has no video track.
    """
    with open(path, "r+b") as file:
        offset, moov = _read_moov(file)
        header = moov.find(b"tkhd")
        while header >= 0:
            handler = moov.find(b"hdlr", header)
            if moov[handler + 12 : handler + 16] == b"vide":
                file.seek(offset + header + _MATRIX_OFFSET[moov[header + 4]])
                file.write(struct.pack(">9i", *matrix))
                return
            header = moov.find(b"tkhd", header + 4)
    raise VideoError(f"{str(path)!r} has no video track to turn.")


def _read_moov(file: BinaryIO) -> tuple[int, bytes]:
    # What FFmpeg has just written holds one 'moov' box at the top level.
    at = 0
    while len(head := file.read(16)) >= 8:
        size, kind = struct.unpack(">I4s", head[:8])
        if size == 1:
            size = int.from_bytes(head[8:], "big")
        file.seek(at)
        if kind == b"moov":
            return at, file.read(size)
        at = file.seek(at + max(size, 8))
    raise VideoError(f"{file.name!r} has no 'moov' box.")
