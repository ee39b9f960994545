r"""Where chroma lies is found out from a frame alone, by how it looks when it is scaled."""

from __future__ import annotations

import av
import numpy as np
import pytest

from temporaldata_video._index.chroma import (
    _noise_like,
    chroma_location,
    leaves_chroma_open,
)
from temporaldata_video.types import CHROMA_LOCATIONS
from tests.decode.frames import filtered, make_frame

# Before, PyAV scales all frames as if they said nothing.
LOOKS_AT_IT = int(av.__version__.split(".")[0]) >= 17
# What scales like another one is called by its name.
WITHOUT_COLUMNS = {"topleft": "left", "bottomleft": "left", "top": "", "bottom": ""}
WITHOUT_ROWS = {"left": "", "top": "topleft", "bottom": "bottomleft"}
ALIKE = {
    "yuv420p": {},
    "yuv420p10le": {},
    "nv12": {},
    "yuv410p": {},
    "yuv422p": WITHOUT_COLUMNS,
    "yuv422p10le": WITHOUT_COLUMNS,
    "yuv411p": WITHOUT_COLUMNS,
    "yuv440p": WITHOUT_ROWS,
    **dict.fromkeys(("yuv444p", "gray", "rgb24"), dict.fromkeys(CHROMA_LOCATIONS, "")),
}


@pytest.mark.parametrize("field", ["prog", "tff"])
@pytest.mark.parametrize("location", CHROMA_LOCATIONS)
@pytest.mark.parametrize("pixel_format", ALIKE)
@pytest.mark.parametrize(("height", "width"), [(16, 18), (240, 426)])
def test_where_the_chroma_of_a_black_frame_lies(
    height, width, pixel_format, location, field
):
    black = make_frame(pixel_format, height, width, "flat")
    said = f"setparams=chroma_location={location or 'unspecified'}"
    frame = filtered(black, said, f"setfield={field}")
    # Without a word, FFmpeg takes it to lie in the centre.
    expected = "" if location == "center" else location
    expected = ALIKE[pixel_format].get(expected, expected)
    assert chroma_location(frame) == (expected if LOOKS_AT_IT else "")


@pytest.mark.parametrize("pixel_format", ALIKE)
def test_without_subsampled_chroma_nothing_is_left_open(pixel_format):
    frame = make_frame(pixel_format, 48, 64)
    said_of_none = pixel_format in ("yuv444p", "gray", "rgb24")
    assert leaves_chroma_open(frame) is (LOOKS_AT_IT and not said_of_none)


@pytest.mark.skipif(not LOOKS_AT_IT, reason="no noise is made")
@pytest.mark.parametrize("end", ["le", "be"])
@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_noise_has_no_sample_beyond_its_depth(bits, end):
    # What FFmpeg makes of others is not defined.
    noise = _noise_like(make_frame(f"yuv420p{bits}{end}", 48, 64))
    samples = [
        np.frombuffer(plane, "<u2" if end == "le" else ">u2") for plane in noise.planes
    ]
    largest = max(plane.max() for plane in samples)
    assert 1 << 8 <= largest < 1 << bits


def test_the_frame_is_left_as_it_is():
    frame = make_frame("yuv420p", 48, 64)
    before = [bytes(plane) for plane in frame.planes]
    chroma_location(frame)
    assert [bytes(plane) for plane in frame.planes] == before


def test_colours_that_ffmpeg_does_not_convert_have_no_place():
    frame = make_frame("yuv420p", 48, 64, matrix=14)
    if LOOKS_AT_IT:
        with pytest.raises((ValueError, OSError)):
            frame.reformat(format="rgb24", width=8, height=8)
    assert chroma_location(frame) == ""
