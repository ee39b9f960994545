r"""Frames of every kind and size become the bytes of a plain ``rgb24`` or ``gray8``."""

from __future__ import annotations

import ast
import ctypes
import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._index.display_matrix import display_transform
from temporaldata_video._pixels import equality as probe
from temporaldata_video._pixels import swscale
from temporaldata_video._pixels.convert import FrameWriter, OutputFormat
from temporaldata_video._pixels.equality import direct_equals_reformat, planar_equals_packed
from temporaldata_video._pixels.swscale import DIRECT, Conversion, DirectScaler, has_swscale
from temporaldata_video.types import CHROMA_LOCATIONS, StreamInfo

from ..decode.frames import CONTENTS, STORED_GREY, filtered, make_frame, reference

PIXEL_FORMATS = [
    *("yuv420p", "yuvj420p", "nv12", "nv21", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p"),
    *("yuv440p", "yuv411p", "yuv410p", "yuyv422", "yuva420p", "yuva444p10le"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv420p10be"),
    *("gray", "ya8", "pal8", "bayer_rggb8", "bayer_rggb16le", "xyz12le", *STORED_GREY),
    *("rgb24", "bgr24", "bgr0", "argb", "rgb48le", "rgb565le", "gbrp", "gbrp10le"),
    "gbrp16le",
]
MATRICES = {"unspecified": 2, "bt709": 1, "bt601": 6, "bt2020": 9}
CHROMA = ("unspecified", *CHROMA_LOCATIONS[1:])
SIZES = [16, 48, 64, 112, 640]
ALL_OUTPUTS = [
    OutputFormat(None, color, order, dtype)
    for color in ("RGB", "G")
    for order in ("NCHW", "NHWC")
    for dtype in ("uint8", "uint16")
]


def stream_of(frame, **facts) -> StreamInfo:
    info = StreamInfo("mov", 0, "h264", 0, b"", Fraction(1, 25), frame.width, frame.height)
    return replace(info, **facts)


def written(frame, output: OutputFormat, **facts) -> np.ndarray:
    stream = stream_of(frame, **facts)
    target = np.full(output.frame_shape(*stream.display_size), 77, output.dtype)
    FrameWriter(stream, output, "").write(frame, target)
    return target


@st.composite
def frames(draw, pixel_format: str) -> av.VideoFrame:
    r"""Frames of all sizes and contents, with all that decoders say of theirs."""
    height = draw(st.integers(4, 70) | st.sampled_from(SIZES[:-1]))
    width = draw(st.integers(2, 150) | st.sampled_from(SIZES))
    if pixel_format.startswith("bayer"):
        height += height % 2  # half a square of its pattern aborts the process
    filters = [f"setparams=chroma_location={draw(st.sampled_from(CHROMA))}"]
    # Rows that lie in memory from the bottom up; FFmpeg 7 writes past them for xyz12le.
    if pixel_format != "xyz12le" and draw(st.booleans()):
        filters.append("vflip")
    if draw(st.booleans()):
        # Where fields are of no whole number of chroma rows, swscale reads what follows
        # the frame in memory, whatever that is.
        height = max(16, height // 16 * 16)
        filters.append("setfield=tff")
    frame = make_frame(
        pixel_format,
        height,
        width,
        draw(st.sampled_from(CONTENTS)),
        matrix=draw(st.sampled_from(list(MATRICES.values()))),
        color_range=draw(st.sampled_from([0, 1, 2])),
    )
    placed = filtered(frame, *filters)
    # A filter may have put another format in between.
    return placed if placed.format.name == pixel_format else frame


sizes = st.tuples(*2 * [st.integers(2, 90) | st.sampled_from(SIZES[:-1])])


@pytest.mark.parametrize("pixel_format", PIXEL_FORMATS)
@given(
    data=st.data(),
    color=st.sampled_from(["RGB", "G"]),
    order=st.sampled_from(["NCHW", "NHWC"]),
    resize=st.none() | sizes,
    dtype=st.sampled_from(["uint8", "uint16"]),
)
def test_the_samples_are_those_of_the_reference(
    pixel_format, data, color, order, resize, dtype
):
    frame = data.draw(frames(pixel_format))
    output = OutputFormat(resize, color, order, dtype)
    if (pixel_format, dtype, frame.interlaced_frame) == ("xyz12le", "uint16", True):
        with pytest.raises(ValueError, match="two fields of XYZ have no conversion"):
            written(frame, output)
        return
    expected = reference(frame, output)
    shape = output.frame_shape(frame.height, frame.width)
    room = np.full(expected.size + 64, 77, dtype)
    target = room[: expected.size].reshape(shape)
    FrameWriter(stream_of(frame), output, "").write(frame, target)
    assert np.array_equal(target, expected)
    assert (room[expected.size :] == 77).all()


@pytest.mark.parametrize("output", ALL_OUTPUTS, ids=str)
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("field", ["prog", "bff"])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "gbrp", "gray"])
def test_frames_are_turned_and_then_flipped(output, turn, mirrored, field, pixel_format):
    frame = filtered(make_frame(pixel_format, 32, 50), f"setfield={field}")
    rows = replace(output, channel_format="NHWC")
    upright = np.rot90(reference(frame, rows), turn // 90)
    upright = upright[:, ::-1] if mirrored else upright
    shown = written(frame, output, rotation=turn, mirrored=mirrored)
    if output.channel_format == "NCHW":
        shown = shown.transpose(1, 2, 0)
    assert np.array_equal(shown, upright)


@pytest.mark.parametrize("turn", [0, 90])
def test_resizing_speaks_of_the_frame_as_it_is_shown(turn):
    frame = make_frame("yuv420p", 34, 50)
    output = OutputFormat((20, 10), "RGB", "NHWC")
    decoded = (10, 20) if turn else (20, 10)
    small = frame.reformat(width=decoded[1], height=decoded[0], format="rgb24")
    expected = np.rot90(small.to_ndarray(), turn // 90)
    assert np.array_equal(written(frame, output, rotation=turn), expected)


def test_a_frame_of_another_size_is_refused_unless_it_is_resized():
    frame = make_frame("yuv420p", 34, 50)
    with pytest.raises(ValueError, match="34 x 50 pixels where the index says 36 x 50"):
        written(frame, OutputFormat(), height=36)
    assert written(frame, OutputFormat((8, 8)), height=36).shape == (3, 8, 8)


def test_a_matrix_that_is_no_right_angle_leaves_frames_as_they_are():
    assert display_transform([46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30]) == (
        0,
        False,
    )


COMMON = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p"]
DEEP = ["yuv444p10le", "yuv444p12le", "gbrp10le", "gray16le"]


@pytest.mark.parametrize(
    ("pixel_format", "target"),
    [
        *itertools.product(COMMON, [name for name, size in DIRECT.items() if size == 1]),
        *itertools.product(DEEP, ["rgb48le", "gray16le"]),
    ],
)
def test_common_frames_need_no_copy(pixel_format, target):
    size = 640, 480, 2, 0
    conversion = Conversion(pixel_format, *size, target, 640, 480)
    assert direct_equals_reformat(conversion) == has_swscale()
    assert direct_equals_reformat(conversion._replace(width=642, target_width=642)) is False


def test_two_fields_take_no_way_that_was_proven_for_one_picture():
    conversion = Conversion("yuv420p", 640, 480, 2, 0, "rgb24", 640, 480, interlaced=True)
    assert planar_equals_packed(conversion._replace(interlaced=False))
    assert not planar_equals_packed(conversion)
    assert not direct_equals_reformat(conversion)


@pytest.mark.parametrize("pixel_format", ["p010le", "xyz12le", "pal8", "gray16be"])
def test_formats_of_which_noise_says_little_take_the_reference(pixel_format):
    conversion = Conversion(pixel_format, 64, 64, 2, 0, "rgb24", 64, 64)
    assert not planar_equals_packed(conversion)
    assert not direct_equals_reformat(conversion)


@pytest.mark.skipif(not has_swscale(), reason="swscale cannot be called here")
def test_a_scaler_that_writes_other_bytes_is_not_used(monkeypatch):
    class Careless(DirectScaler):
        def write(self, frame, target):
            done = super().write(frame, target)
            target.flat[-1] ^= 1
            return done

    monkeypatch.setattr(probe, "DirectScaler", Careless)
    conversion = Conversion("yuv420p", 48, 32, 1, 1, "rgb24", 48, 32)
    direct_equals_reformat.cache_clear()
    try:
        assert direct_equals_reformat(conversion) is False
    finally:
        direct_equals_reformat.cache_clear()


@pytest.mark.skipif(not has_swscale(), reason="swscale cannot be called here")
def test_a_scaler_that_writes_behind_the_last_frame_is_not_used(monkeypatch):
    class Overrunning(DirectScaler):
        is_last = True

        def write(self, frame, target):
            done = super().write(frame, target)
            if self.is_last:  # of the two frames that are tried it is written first
                ctypes.memset(target.ctypes.data + target.nbytes, 0, 1)
            self.is_last = not self.is_last
            return done

    monkeypatch.setattr(probe, "DirectScaler", Overrunning)
    conversion = Conversion("yuv420p", 48, 32, 1, 1, "rgb24", 48, 32)
    direct_equals_reformat.cache_clear()
    try:
        assert direct_equals_reformat(conversion) is False
    finally:
        direct_equals_reformat.cache_clear()


def test_an_array_with_gaps_or_odd_places_is_filled_by_a_copy():
    frame, output = make_frame("yuv420p", 32, 48), OutputFormat()
    expected = reference(frame, output)
    room = np.full(2 * expected.size + 1, 77, np.uint8)
    for target in (
        room[1 : expected.size + 1].reshape(expected.shape),
        room[: 2 * expected.size].reshape(3, 32, 96)[:, :, ::2],
    ):
        FrameWriter(stream_of(frame), output, "").write(frame, target)
        assert np.array_equal(target, expected)


@pytest.mark.parametrize("width", [24, 40, 104, 1080])
def test_planes_whose_rows_may_end_in_old_memory_are_not_taken(width):
    conversion = Conversion("yuv420p", width, 40, 6, 1, "gbrp", width, 40)
    assert planar_equals_packed(conversion) is False
    assert planar_equals_packed(conversion._replace(width=1088, target_width=1088)) is True


def test_right_pixels_left_in_memory_are_no_answer():
    conversion = Conversion("yuv420p", 40, 32, 6, 1, "gbrp", 40, 32)
    for _ in range(10):
        planar_equals_packed.cache_clear()
        expected = probe._reference(probe._noise(conversion), conversion)
        # Pictures like the one that will be made, let go of at once.
        old = [av.VideoFrame(40, 32, "gbrp") for _ in range(20)]
        for picture in old:
            for plane, channel in zip(picture.planes, (1, 2, 0)):
                rows = np.zeros((32, plane.line_size), np.uint8)
                rows[:, :40] = expected[channel]
                plane.update(rows.tobytes())
        del old, picture, plane
        assert planar_equals_packed(conversion) is False


def test_a_library_newer_than_those_tried_is_not_called(monkeypatch):
    monkeypatch.setattr(swscale, "_NEWEST_TRIED", 0)
    has_swscale.cache_clear()
    direct_equals_reformat.cache_clear()
    try:
        assert not has_swscale()
        frame, output = make_frame("yuv420p", 32, 48), OutputFormat()
        assert np.array_equal(written(frame, output), reference(frame, output))
        conversion = Conversion("yuv420p", 48, 32, 2, 0, "rgb24", 48, 32)
        assert not direct_equals_reformat(conversion)
    finally:
        has_swscale.cache_clear()
        direct_equals_reformat.cache_clear()


def test_every_conversion_keeps_to_one_thread():
    # Threads of swscale do not survive a fork, and a child that frees them waits for ever.
    package = Path(tv.__file__).parent
    calls = [
        (path.name, ast.unparse(node))
        for path in package.rglob("*.py")
        if "testing" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".reformat")
    ]
    assert calls
    assert not [call for call in calls if "thread" not in call[1]]
