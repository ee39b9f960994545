r"""A file whose payload reads as zeros: the rest is true, and little of it is read."""

from __future__ import annotations

import io
import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporaldata_video._index.demux import scan_file, scan_header
from temporaldata_video._index.headerfile import HeaderFile
from temporaldata_video.testing import make_clip

COLUMNS = ("pts", "dts", "pos", "size", "keyframe", "discard")
CLIPS = {
    "plain": {},
    "no B-frames": {"b_frames": 0},
    "fragments": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "header first": {"container_options": {"movflags": "faststart"}},
    "hevc": {"codec": "libx265"},
    "mpeg4": {"codec": "mpeg4"},
}


def box(kind: bytes, payload: bytes, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(payload)) + payload
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def over(data: bytes) -> tuple[HeaderFile, list[tuple[int, int]]]:
    asked = []

    def read(start: int, length: int) -> bytes:
        assert 0 <= start < start + length <= len(data)
        asked.append((start, length))
        return data[start : start + length]

    return HeaderFile(read, len(data)), asked


def all_of(file: HeaderFile, size: int) -> bytes:
    pieces = []
    file.seek(0)
    while piece := file.read(size):
        pieces.append(piece)
    return b"".join(pieces)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"ftyp", b"moov", b"mdat", b"free", b"moof"]),
            st.binary(max_size=60),
            st.booleans(),
        ),
        max_size=8,
    ),
    st.binary(max_size=20),
    st.integers(1, 50),
)
def test_payload_is_blank_and_nothing_else(boxes, rest, size):
    data, expected = b"", b""
    for kind, payload, wide in boxes:
        whole = box(kind, payload, wide)
        blank = bytes(len(payload)) if kind == b"mdat" else payload
        data, expected = data + whole, expected + whole[: len(whole) - len(payload)] + blank
    file, _ = over(data + rest[:7])
    assert all_of(file, size) == data + rest[:7]
    file.blank = True
    assert all_of(file, size) == expected + rest[:7]
    assert all_of(file.reopen(), size) == data + rest[:7]


@given(st.binary(max_size=300), st.lists(st.integers(0, 310), max_size=10))
def test_any_bytes_are_read_as_they_are(data, places):
    file, _ = over(data)
    for place in places:
        assert file.seek(place) == file.tell() == place
        piece = file.read(40)
        assert piece == data[place : place + len(piece)]
        assert bool(piece) == (place < len(data))
    assert file.seek(0, os.SEEK_END) == len(data)


@pytest.mark.parametrize("name", CLIPS)
def test_the_header_tells_what_all_of_the_file_tells(name, tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 60, size=(48, 64), gop=12, **CLIPS[name])
    data = path.read_bytes()
    file, asked = over(data)
    header = scan_header(file, "cam.mp4")
    whole = scan_file(io.BytesIO(data), io.BytesIO(data), "cam.mp4")
    assert len(header) == len(whole) == 60
    for column in COLUMNS:
        assert np.array_equal(getattr(header, column), getattr(whole, column)), column
    assert header.stream == whole.stream
    assert sum(length for _, length in asked) < len(data) + 3 * 4096


def test_media_are_not_read(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 400, size=(128, 128), gop=50)
    data = path.read_bytes()
    file, asked = over(data)
    scan = scan_header(file, "cam.mp4")
    moov = data.find(b"moov") - 4
    first = int(scan.size[0])
    assert sum(length for _, length in asked) <= len(data) - moov + first + 3 * 4096
    assert len(data) > 4 * (len(data) - moov + first)


def test_what_is_no_mp4_is_left_to_others(tmp_path):
    path = make_clip(tmp_path / "cam.mkv", 10, size=(32, 32))
    assert scan_header(over(path.read_bytes())[0], "cam.mkv") is None
    assert scan_header(over(b"no video at all" * 100)[0], "cam.mp4") is None
