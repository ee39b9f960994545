r"""Reads the boxes of an ISO base media file (ISO/IEC 14496-12) from bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

HEADER = 16


class BoxesUnsupported(Exception):
    r"""A file cannot be indexed from its boxes, for the reason given, so demux it."""


class Box(NamedTuple):
    r"""A box whose payload is ``data[start:stop]``.

    Args:
        kind: its four-character code.
        data: the bytes that the box lies in.
        start: offset in ``data`` of the first byte after the header.
        stop: offset in ``data`` of the first byte after the box.
    """

    kind: bytes
    data: bytes
    start: int
    stop: int

    @property
    def payload(self) -> bytes:
        r"""The bytes of the box without its header."""
        return self.data[self.start : self.stop]


def box_header(data: bytes, at: int, room: int) -> tuple[bytes, int, int] | None:
    r"""Returns four-character code, length of the header and length of the box whose
    header starts at ``data[at]``, or :obj:`None` where there is no sensible one.

    Args:
        data: bytes that hold the header.
        at: offset of the header.
        room: how many bytes there are at most from ``at`` on; a box may run to their end.
    """
    if room < 8 or at + 8 > len(data):
        return None
    length, kind = struct.unpack_from(">I4s", data, at)
    header = 8
    if length == 1:
        if room < HEADER or at + HEADER > len(data):
            return None
        (length,) = struct.unpack_from(">Q", data, at + 8)
        header = HEADER
    elif length == 0:
        length = room
    return (kind, header, length) if length >= header else None


def children(parent: Box, skip: int = 0) -> Iterator[Box]:
    r"""Yields the boxes inside a box.

    Args:
        parent: the box that contains them.
        skip: bytes of the payload that come before the first of them.

    Raises:
        BoxesUnsupported: if one of them is longer than its parent.
    """
    at = parent.start + skip
    # Some writers end a list of boxes with four zero bytes: that is not a header.
    while parent.stop - at >= 8:
        header = box_header(parent.data, at, parent.stop - at)
        if header is None or header[2] > parent.stop - at:
            raise BoxesUnsupported(f"a box in {name(parent.kind)!r} is longer than it")
        kind, head, length = header
        yield Box(kind, parent.data, at + head, at + length)
        at += length


def child(parent: Box, *path: bytes) -> Box | None:
    r"""Returns the box at the end of a path of four-character codes, if it exists.

    Raises:
        BoxesUnsupported: if the path is ambiguous, since readers differ in what they
            make of that.
    """
    for kind in path:
        found = [box for box in children(parent) if box.kind == kind]
        if not found:
            return None
        if len(found) > 1:
            raise BoxesUnsupported(f"{name(parent.kind)!r} has several {name(kind)!r}")
        parent = found[0]
    return parent


def need(parent: Box, *path: bytes) -> Box:
    r"""Returns the box at the end of a path, or raises :obj:`BoxesUnsupported`."""
    box = child(parent, *path)
    if box is None:
        raise BoxesUnsupported(f"no {'/'.join(map(name, path))!r} in {name(parent.kind)!r}")
    return box


def fields(box: Box, layout: str, at: int = 0) -> tuple[int, ...]:
    r"""Returns big-endian fields of the payload, in the notation of :mod:`struct`.

    Raises:
        BoxesUnsupported: if the box ends before them.
    """
    if box.start + at + struct.calcsize(">" + layout) > box.stop:
        raise BoxesUnsupported(f"{name(box.kind)!r} is too short")
    return struct.unpack_from(">" + layout, box.data, box.start + at)


def table(box: Box, at: int, rows: int, dtype: str, columns: int = 1) -> np.ndarray:
    r"""Returns a table of the payload as int64 of shape (rows, columns), or (rows,) if
    it has one column.

    Args:
        box: the box that holds it.
        at: offset in the payload.
        rows: number of rows, as the box claims it.
        dtype: big-endian NumPy type of a cell.
        columns: number of cells in a row.

    Raises:
        BoxesUnsupported: if the box ends before the table; nothing was allocated then.
    """
    cells = rows * columns
    if box.start + at + cells * np.dtype(dtype).itemsize > box.stop:
        raise BoxesUnsupported(f"{name(box.kind)!r} claims more entries than it holds")
    cast = np.frombuffer(box.data, dtype, cells, box.start + at).astype(np.int64)
    return cast if columns == 1 else cast.reshape(rows, columns)


def name(kind: bytes) -> str:
    r"""Returns a four-character code as text."""
    return kind.decode("latin-1")
