r"""Headers of sidecars: what is written is read, and what no video has is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._index.packets import MOST_REORDERED, SegmentIndex
from temporaldata_video._sidecar.proxy_record import ProxyRecord
from temporaldata_video._sidecar.sidecar_header import (
    decode_header,
    decode_segment,
    encode_header,
    encode_segment,
)
from temporaldata_video.types import Fingerprint, Packets, SideData, StreamInfo

PROXY = ProxyRecord(
    "224x224.proxy",
    Fingerprint(5, "", "ab"),
    "id",
    "cd",
    "9.5.102",
    "",
    {1: "Invalid data", 2: ""},
)
STREAM = StreamInfo("mov", 0, "h264", 0, b"\x01\x02", Fraction(1, 30), 64, 48)
HIDDEN = Packets(*(np.array([number]) for number in (5, 4, 100, 20, 1)))
SEGMENT = SegmentIndex(STREAM, Packets.empty(), HIDDEN, Fingerprint(7, "etag", "digest"))
UNLIMITED = 1 << 63


def written(segment: SegmentIndex, changes=(), **own) -> dict:
    r"""What JSON gives back of a segment, after changes of its stream or its own keys."""
    entry = json.loads(json.dumps(encode_segment("cam.mp4", segment)))
    entry["stream"] |= dict(changes)
    return entry | own


@pytest.mark.parametrize(
    "stream",
    [
        STREAM,
        replace(STREAM, width=1, height=1, time_base=Fraction(1001, 30000)),
        replace(STREAM, width=65535, height=65535, rotation=270, mirrored=True),
        replace(STREAM, color_primaries=255, color_trc=0, color_range=2, preamble=b"x"),
        replace(STREAM, stream_index=65535, codec_tag=(1 << 32) - 1, trailing=65535),
        replace(STREAM, reorder=MOST_REORDERED, side_data=(SideData(5, "palette", b"y"),)),
        replace(STREAM, side_data=(SideData(-UNLIMITED, "new_extradata", b""),)),
        replace(STREAM, side_data=(SideData(UNLIMITED - 1, "palette", b""),)),
    ],
)
def test_what_is_written_is_read(stream):
    found = decode_segment(written(replace(SEGMENT, stream=stream)), "/there/cam.lance")
    assert found["stream"] == stream
    assert found["uri"] == "/there/cam.mp4"
    assert found["fingerprint"] == SEGMENT.fingerprint
    for name in ("pts", "dts", "pos", "size", "keyframe"):
        assert getattr(found["hidden"], name).tolist() == getattr(HIDDEN, name).tolist()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        *((name, (0, -1, 1 << 16, 1.5, "64", None)) for name in ("width", "height")),
        ("rotation", (1, 45, 89, 181, 360, -90)),
        *((f"color_{name}", (-1, 256)) for name in ("primaries", "trc", "space")),
        ("color_range", (-1, 3, True)),
        *((name, (-1, 1 << 16)) for name in ("stream_index", "trailing")),
        ("codec_tag", (-1, 1 << 32)),
        ("reorder", (-1, 1 << 31)),
        *((name, (0, "", None)) for name in ("mirrored", "fields", "seekable")),
        *((name, (200 * "x", None, 3)) for name in ("pixel_format", "decoded_for")),
        ("time_base", ([1, 0], [0, 1], [-1, 25], ["a", 1], [1, 2, 3])),
        ("side_data", ([[0, "text", ""]], [[0.0, "palette", ""]], [[0, "palette"]])),
        ("side_data", ([[UNLIMITED, "palette", ""]], [[-UNLIMITED - 1, "palette", ""]])),
        ("extradata", (5, None)),
        ("nothing_known", (1,)),
    ],
)
def test_a_stream_that_no_video_has_is_refused(field, values):
    for value in values:
        with pytest.raises(tv.IndexFormatError, match=r"damaged.*overwrite=True"):
            decode_segment(written(SEGMENT, {field: value}), "/there/cam.lance")


@pytest.mark.parametrize(
    "own",
    [
        {"hidden": {"pts": [1], "dts": [1], "pos": [1], "size": [1], "keyframe": []}},
        {"hidden": {"pts": [1], "dts": [1], "pos": [1], "size": [0], "keyframe": [True]}},
        {"hidden": {"pts": [[1]], "dts": [1], "pos": [1], "size": [1], "keyframe": [1]}},
        {"hidden": {"pts": []}},
        {"hidden": None},
        {"stream": None},
        {"fingerprint": {"size": -1, "etag": "", "digest": ""}},
        {"fingerprint": {"size": 1 << 62, "etag": "", "digest": ""}},
        {"fingerprint": {"size": True, "etag": "", "digest": ""}},
        {"fingerprint": {"size": 1.0, "etag": "", "digest": ""}},
        {"fingerprint": {"size": 1, "etag": None, "digest": ""}},
        {"fingerprint": {"size": 1}},
        {"uri": 5},
    ],
)
def test_a_segment_that_makes_no_sense_is_refused(own):
    with pytest.raises(tv.IndexFormatError, match=r"damaged.*overwrite=True"):
        decode_segment(written(SEGMENT, **own), "/there/cam.lance")


def test_a_header_is_read():
    metadata = encode_header([written(SEGMENT)], verified=True)
    header = decode_header(metadata, "cam.lance")
    assert header["verified"] is True and header["segments"][0]["uri"] == "cam.mp4"
    assert decode_header(None, "cam.lance") is None
    assert decode_header({b"other": b"5"}, "cam.lance") is None


def test_a_proxy_says_whose_it_is():
    entry = written(SEGMENT, frames=3)
    header = decode_header(encode_header([entry], proxy=PROXY), "cam.lance")
    assert header["proxy"] == PROXY
    assert decode_header(encode_header([entry]), "cam.lance")["proxy"] is None


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {name: 5}
            for name in ("name", "video", "index_id", "rows", "scaler", "lost", "encoding")
        ),
        *(
            {name: None}
            for name in ("name", "video", "index_id", "rows", "scaler", "encoding")
        ),
        {"video": {"size": -1, "etag": "", "digest": ""}},
        {"video": {"size": 1}},
        *({"lost": [[row, ""]]} for row in (-1, 3, "1", 1.0, True, None, [])),
        *({"lost": lost} for lost in ([[1, 5]], [[1]], [1], ["ab"])),
    ],
)
def test_a_proxy_that_makes_no_sense_is_refused(changes):
    metadata = encode_header([written(SEGMENT, frames=3)], proxy=PROXY)
    header = json.loads(metadata[b"temporaldata_video"])
    header["proxy"] |= changes
    raw = json.dumps(header).encode()
    with pytest.raises(tv.IndexFormatError, match=r"damaged.*overwrite=True"):
        decode_header({b"temporaldata_video": raw}, "cam.lance")


@pytest.mark.parametrize(
    "raw",
    [
        b"no json",
        b"\xff",
        b"5",
        b"[]",
        b"{}",
        10_000 * b"[",
        b'{"format_version": 1}',
        b'{"format_version": 1, "index_id": 5, "segments": []}',
        b'{"format_version": 1, "index_id": "a", "segments": 5}',
        b'{"format_version": 1, "index_id": "a", "segments": [5]}',
        b'{"format_version": 1, "index_id": "a", "segments": [{"frames": -1}]}',
        b'{"format_version": 1, "index_id": "a", "segments": [{"frames": true}]}',
        b'{"format_version": 1, "index_id": "a", "segments": [], "verified": 1}',
        b'{"format_version": 1, "index_id": "a", "segments": [], "proxy": 1}',
    ],
)
def test_a_header_that_makes_no_sense_is_refused(raw):
    with pytest.raises(tv.IndexFormatError, match=r"damaged.*overwrite=True"):
        decode_header({b"temporaldata_video": raw}, "cam.lance")


def test_a_header_of_a_later_version_is_refused():
    raw = b'{"format_version": 2}'
    with pytest.raises(tv.IndexFormatError, match=r"version 2.*reads version 1.*Upgrade"):
        decode_header({b"temporaldata_video": raw}, "cam.lance")
