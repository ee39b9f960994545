r"""Has players turn the picture of an MP4 file, by the display matrix of its track."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from ..errors import VideoError
from ..index.boxtree import HEADER, Box, box_header, children, need

# Where the matrix lies in versions 0 and 1 of 'tkhd'.
_MATRIX_OFFSET = {0: 40, 1: 52}


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
        for trak in (box for box in children(moov) if box.kind == b"trak"):
            if need(trak, b"mdia", b"hdlr").payload[8:12] != b"vide":
                continue
            header = need(trak, b"tkhd")
            at = header.start + _MATRIX_OFFSET[header.payload[0]]
            file.seek(offset + at)
            file.write(struct.pack(">9i", *matrix))
            return
    raise VideoError(f"{str(path)!r} has no video track to turn.")


def _read_moov(file: BinaryIO) -> tuple[int, Box]:
    size, at = file.seek(0, 2), 0
    while at < size:
        file.seek(at)
        header = box_header(file.read(HEADER), 0, size - at)
        if header is None:
            break
        kind, head, length = header
        if kind == b"moov":
            file.seek(at + head)
            body = file.read(length - head)
            return at + head, Box(kind, body, 0, len(body))
        at += length
    raise VideoError(f"{file.name!r} has no 'moov' box.")
