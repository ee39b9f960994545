r"""Asks swscale, with noise, whether a faster way gives the bytes of the reference.

The reference is what PyAV's ``reformat`` makes of a frame as ``rgb24`` or ``gray8``, or as
``rgb48le`` or ``gray16le`` for samples of 16 bits. There are faster ways, and swscale
promises nothing: for some formats, widths and alignments their bytes differ. So each is
tried once for each kind of frame.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base.container import pyav_version
from .depth import sample_dtype
from .swscale import ALIGNMENT, DIRECT, PLANAR, Conversion, DirectScaler, has_swscale

if TYPE_CHECKING:
    import av
    from av.video.plane import VideoPlane

# The order in which FFmpeg's planar RGB format stores red, green and blue.
GBRP_PLANE_OF_CHANNEL = (2, 0, 1)
_PACKED = {planar: packed for packed, planar in PLANAR.items()}
_ROWS = 32
_SENTINEL, _OVERRUN = 7, 256
# Frames say where their chroma lies, but PyAV does not pass it on. So the direct way is
# taken only where swscale doesn't look at it.
_CHROMA_POSITIONS = (None, *itertools.product((0, 128), (0, 128, 256)))
# Samples of 9 to 16 bits, each in the lowest bits of two bytes.
_WIDE_SAMPLES = re.compile(r"(gray|yuva?[0-9]{3}p|gbra?p|ya|rgb|rgba|bgr|bgra)[0-9]+le")


@functools.cache
def one_thread(
    pixel_format: str = "", height: int = 0, target_format: str = ""
) -> dict[str, Any]:
    r"""Returns options that keep a reformatter to one thread, if its pixels stay the same.

    Args:
        pixel_format: FFmpeg's name of what is converted.
        height: its height in pixels.
        target_format: into what it is converted.
    """
    # Since PyAV 17 swscale starts threads of its own by default, and they do not survive a
    # fork. The pixels of a Bayer mosaic depend on their number; with threads, a mosaic with
    # half a row of cells ends the process. Several threads that make grey of 16 bits write
    # over one another.
    is_shallow = target_format in ("", "rgb24", "gray8")
    if pixel_format.startswith("bayer") and height % 2 == 0 and is_shallow:
        return {}
    return {"threads": 1} if pyav_version() >= 17 else {}


def plane_pixels(
    frame: av.VideoFrame, index: int, dtype: np.dtype[Any], channels: int = 1
) -> np.ndarray:
    r"""Returns the samples of a plane without the padding of its rows.

    Args:
        frame: the frame.
        index: number of the plane.
        dtype: of its samples.
        channels: samples per pixel.
    """
    row_bytes = frame.width * channels * dtype.itemsize
    pixels = plane_rows(frame.planes[index], row_bytes).view(dtype)
    return pixels.reshape(frame.height, frame.width, channels) if channels > 1 else pixels


def plane_rows(plane: VideoPlane, width: int) -> np.ndarray:
    r"""Returns the rows of a plane from the top down, without their padding.

    Args:
        plane: of a frame.
        width: length of a row in bytes.

    Returns:
        uint8 of shape (rows of the plane, width).
    """
    stride = plane.line_size
    if stride > 0:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, stride)
        return rows[: plane.height, :width]
    # The rows lie from the bottom up, and in older PyAVs the buffer begins at the last.
    ahead = -stride * (plane.height - 1)
    memory = (ctypes.c_ubyte * (ahead + width)).from_address(plane.buffer_ptr - ahead)
    samples = np.frombuffer(memoryview(memory).cast("B"), np.uint8)
    rows = np.ndarray((plane.height, width), np.uint8, samples, ahead, (stride, 1))
    return rows.copy()


@functools.lru_cache(maxsize=64)
def planar_equals_packed(conversion: Conversion) -> bool:
    r"""Returns whether a planar format, which saves transposing, holds the samples of the
    packed one.

    Args:
        conversion: into either of the two.
    """
    # For odd widths swscale takes other paths, whose bytes differ so rarely that noise
    # does not always show it. Where rows do not end with a whole vector, swscale may leave
    # out their ends: planes then hold what was in memory, which may be the right pixels.
    if conversion.width % ALIGNMENT or not _can_be_probed(conversion):
        return False
    planar_format = PLANAR.get(conversion.target_format, conversion.target_format)
    conversion = _few_rows(conversion)._replace(target_format=planar_format)
    frame = _noise(conversion)
    planar = _reformat(frame, conversion)
    expected = _reference(frame, conversion)
    return all(
        np.array_equal(plane_pixels(planar, plane, expected.dtype), expected[channel])
        for channel, plane in enumerate(GBRP_PLANE_OF_CHANNEL)
    )


@functools.lru_cache(maxsize=64)
def direct_equals_reformat(conversion: Conversion) -> bool:
    r"""Returns whether :class:`DirectScaler` may be used: whether it writes the bytes of
    the reference, and no byte more.

    Args:
        conversion: the kind of frame, and what it is converted into.
    """
    if conversion.target_width % ALIGNMENT or not has_swscale():
        return False
    if conversion.target_format not in DIRECT:
        return False
    if not _can_be_probed(conversion):
        return False
    conversion = _few_rows(conversion)
    frame = _noise(conversion)
    expected = _reference(frame, conversion)
    # In the caller's array frames follow each other, each aligned as their size makes it.
    room = np.full(2 * expected.size + _OVERRUN, _SENTINEL, expected.dtype)
    first = room[: expected.size].reshape(expected.shape)
    second = room[expected.size :][: expected.size].reshape(expected.shape)
    for position in _CHROMA_POSITIONS if _is_subsampled(frame.format) else (None,):
        try:
            scaler = DirectScaler(conversion, position)
        except ValueError:
            return False
        room[:] = _SENTINEL
        if not (
            scaler.write(frame, second)
            and scaler.write(frame, first)
            and np.array_equal(first, expected)
            and np.array_equal(second, expected)
            and (room[2 * expected.size :] == _SENTINEL).all()
        ):
            return False
    return True


def _can_be_probed(conversion: Conversion) -> bool:
    # Scaling makes noise so even that it shows no difference. PyAV makes no frames that are
    # flagged as interlaced, the noise of one palette says nothing about others, and a Bayer
    # mosaic depends on threads. _noise must know where wide samples lie in their bytes.
    import av

    if not conversion.keeps_size or conversion.interlaced:
        return False
    pixel_format = av.VideoFormat(conversion.pixel_format, 16, 16)
    if pixel_format.has_palette or pixel_format.is_bayer:
        return False
    bits = max(component.bits for component in pixel_format.components)
    return bits <= 8 or _WIDE_SAMPLES.fullmatch(pixel_format.name) is not None


def _is_subsampled(pixel_format: av.VideoFormat) -> bool:
    return (pixel_format.chroma_width(16), pixel_format.chroma_height(16)) != (16, 16)


def _few_rows(conversion: Conversion) -> Conversion:
    # Without scaling, the paths do not depend on the number of rows, except for the rows
    # that are left over where up to four of them share their chroma.
    rows = min(conversion.height, _ROWS + conversion.height % 4)
    return conversion._replace(height=rows, target_height=rows)


def _noise(conversion: Conversion) -> av.VideoFrame:
    import av

    frame = av.VideoFrame(conversion.width, conversion.height, conversion.pixel_format)
    # Other noise each time: what an earlier probe left in memory must not look right.
    rng = np.random.default_rng()
    excess = max(0, 16 - frame.format.components[0].bits)
    for plane in frame.planes:
        if excess < 8:  # samples of two bytes, of which the highest bits are unused
            samples = rng.integers(0, 1 << 16, plane.buffer_size // 2, np.uint16)
            plane.update((samples >> excess).tobytes())
        else:
            plane.update(rng.bytes(plane.buffer_size))
    frame.colorspace = conversion.color_space
    frame.color_range = conversion.color_range
    return frame


def _reformat(frame: av.VideoFrame, conversion: Conversion) -> av.VideoFrame:
    from av.video.reformatter import VideoReformatter

    return VideoReformatter().reformat(
        frame,
        format=conversion.target_format,
        width=conversion.target_width,
        height=conversion.target_height,
        **one_thread(),
    )


def _reference(frame: av.VideoFrame, conversion: Conversion) -> np.ndarray:
    # Returns pixels in the shape of the conversion's own target.
    packed = _PACKED.get(conversion.target_format, conversion.target_format)
    picture = _reformat(frame, conversion._replace(target_format=packed))
    channels = 1 if packed.startswith("gray") else 3
    pixels = plane_pixels(picture, 0, sample_dtype(packed), channels)
    return pixels.transpose(2, 0, 1) if conversion.is_planar else pixels
