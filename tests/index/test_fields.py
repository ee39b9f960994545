r"""Which H.264 streams may hold fields, by parameter sets that encoders made."""

from __future__ import annotations

import io
from dataclasses import replace

import av
import numpy as np
import pytest

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


def test_what_cannot_be_read_counts_as_may(tmp_path):
    stream = encoded(tmp_path)
    for extradata in (b"", stream.extradata[:12], b"\1" + b"\xff" * 40):
        assert may_hold_fields(replace(stream, extradata=extradata), b"")
    assert not may_hold_fields(replace(stream, codec="hevc"), b"")
