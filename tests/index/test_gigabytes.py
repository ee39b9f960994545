r"""Files of gigabytes, with offsets of 64 bits: their header is read and nothing else."""

from __future__ import annotations

import os
import struct

import numpy as np

from temporaldata_video._index.demux import scan_header
from temporaldata_video._index.headerfile import HeaderFile
from temporaldata_video.testing import make_clip

FAR = 6 * 1024**3


def with_far_media(data: bytes, path) -> int:
    r"""Writes a clip with a hole of gigabytes before its media; returns the file's size."""
    moov = data.rfind(b"moov") - 4
    media, header = data[:moov], bytearray(data[moov:])
    table = header.find(b"stco")
    (count,) = struct.unpack_from(">I", header, table + 8)
    offsets = struct.unpack_from(f">{count}I", header, table + 12)
    wide = struct.pack(f">{count}Q", *(offset + FAR for offset in offsets))
    header[table : table + 4] = b"co64"
    header[table + 12 : table + 12 + 4 * count] = wide
    at = 0
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"co64"):
        at = header.find(kind, at)
        (size,) = struct.unpack_from(">I", header, at - 4)
        struct.pack_into(">I", header, at - 4, size + 4 * count)
    hole = struct.pack(">I4sQ", 1, b"free", FAR)
    with open(path, "wb") as file:
        file.write(hole)
        file.seek(FAR)
        file.write(media)
        file.write(header)
        return file.tell()


def test_offsets_beyond_four_gigabytes(tmp_path):
    clip = make_clip(tmp_path / "near.mp4", 50, size=(32, 48), gop=10)
    data = clip.read_bytes()
    far = tmp_path / "far.mp4"
    size = with_far_media(data, far)
    assert size > FAR and os.stat(far).st_blocks * 512 < 10 * len(data)
    asked = []
    with far.open("rb") as file:

        def read(start: int, length: int) -> bytes:
            asked.append(length)
            file.seek(start)
            return file.read(length)

        scan = scan_header(HeaderFile(read, size), "far.mp4")
    near = scan_header(HeaderFile(lambda a, n: data[a : a + n], len(data)), "near.mp4")
    assert np.array_equal(scan.pos, near.pos + FAR)
    for column in ("pts", "dts", "size", "keyframe"):
        assert np.array_equal(getattr(scan, column), getattr(near, column))
    assert sum(asked) < len(data) + 5 * 4096
