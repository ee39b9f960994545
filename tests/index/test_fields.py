r"""Which H.264 streams may hold fields, by parameter sets that encoders made."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporaldata_video._index.demux import scan_file
from temporaldata_video._index.fields import may_hold_fields
from temporaldata_video.types import StreamInfo


def encoded(tmp_path, suffix=".mp4", **options: str) -> StreamInfo:
    path = tmp_path / f"cam{suffix}"
    chance = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.options = options
        for _ in range(4):
            image = chance.integers(0, 255, (64, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    return scan_file(io.BytesIO(data), io.BytesIO(data), path.name).stream


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"preset": "ultrafast", "bf": "0"}, False),
        ({"x264-params": "8x8dct=1", "bf": "3"}, False),
        ({"x264-params": "interlaced=1"}, True),
        ({"x264-params": "tff=1:8x8dct=0"}, True),
        ({"x264-params": "fake-interlaced=1"}, True),
    ],
    ids=str,
)
def test_the_flag_of_the_parameter_set_is_read(tmp_path, suffix, options, expected):
    assert encoded(tmp_path, suffix, **options).fields is expected


def golomb(number: int) -> str:
    return f"{number + 1:b}".zfill(2 * (number + 1).bit_length() - 1)


@st.composite
def parameter_sets(draw, profile: int) -> tuple[bytes, bool]:
    r"""A parameter set up to the flag in question, and whether frames may be fields."""
    numbers = st.integers(0, 40).map(golomb)
    bits = f"{profile:08b}{draw(st.integers(0, 0xFFFF)):016b}" + draw(numbers)
    if profile in WITH_CHROMA:
        chroma = draw(st.integers(0, 3))
        bits += golomb(chroma) + draw(st.sampled_from("01")) * (chroma == 3)
        bits += draw(numbers) + draw(numbers) + draw(st.sampled_from("01")) + "0"
    order = draw(st.integers(0, 2))
    bits += draw(numbers) + golomb(order)
    if order == 0:
        bits += draw(numbers)
    elif order == 1:
        cycle = draw(st.integers(0, 3))
        bits += draw(st.sampled_from("01")) + draw(numbers) + draw(numbers)
        bits += golomb(cycle) + "".join(draw(numbers) for _ in range(cycle))
    bits += draw(numbers) + draw(st.sampled_from("01")) + draw(numbers) + draw(numbers)
    fields = draw(st.booleans())
    bits += "01"[not fields] + "1"
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    # Where the stream would look like a start code, a byte comes in between.
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data), fields


# ITU-T H.264, section 7.3.2.1.1.
WITH_CHROMA = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)


@pytest.mark.parametrize("profile", [66, 77, 88, *WITH_CHROMA])
@given(data=st.data())
def test_parameter_sets_of_every_profile(profile, data):
    sps, fields = data.draw(parameter_sets(profile))
    stream = StreamInfo("mov", 0, "h264", 0, b"\0\0\1\x67" + sps, Fraction(1), 64, 64)
    assert may_hold_fields(stream, b"") is fields
    size = len(sps) + 1
    boxed = b"\1" + sps[:3] + b"\xff\xe1" + size.to_bytes(2, "big") + b"\x67" + sps
    assert may_hold_fields(replace(stream, extradata=boxed), b"") is fields


@pytest.mark.parametrize("interlaced", [False, True])
def test_parameter_sets_inside_the_stream_count(tmp_path, interlaced):
    own = encoded(tmp_path)
    options = {"x264-params": "interlaced=1"} if interlaced else {}
    # Of an elementary stream, they are what its first packet begins with.
    packet = encoded(tmp_path, ".h264", **options).extradata + b"\0\0\0\1\x65"
    assert b"\0\0\1\x67" in packet
    assert may_hold_fields(own, packet) is interlaced
    assert may_hold_fields(replace(own, extradata=b""), packet) is interlaced


def test_what_cannot_be_read_counts_as_may(tmp_path):
    stream = encoded(tmp_path)
    for extradata in (b"", stream.extradata[:12], b"\1" + b"\xff" * 40):
        assert may_hold_fields(replace(stream, extradata=extradata), b"")
    assert not may_hold_fields(replace(stream, codec="hevc"), b"")
