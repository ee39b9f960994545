r"""Calls libswscale itself, from the decoder's planes straight into the caller's array.

PyAV's reformatter converts into a picture of its own, and the pixels are then copied from
it: a second pass over memory that takes as long as the conversion. The functions used here
are public ones of the same library that PyAV was linked with.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import c_char_p, c_int, c_int64, c_void_p
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import av

# SWS_BILINEAR, the default of PyAV's reformatter.
_BILINEAR = 2
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_UNITY = 1 << 16
# swscale writes rows that start at multiples of this many bytes with the same code, whether
# or not there is padding between them.
ALIGNMENT = 16
# The major version in FFmpeg 9, the newest whose pixels were compared. In a newer one, the
# functions used here may take other arguments.
_NEWEST_TRIED = 10
_Pointers, _Strides = c_void_p * 4, c_int * 4
# FFmpeg's formats that hold red, green and blue apart, by those that hold them together.
PLANAR = {"rgb24": "gbrp", "rgb48le": "gbrp16le"}
# The formats that can be written into an array, and bytes per sample.
DIRECT = {"rgb24": 1, "gbrp": 1, "gray8": 1, "rgb48le": 2, "gbrp16le": 2, "gray16le": 2}


class Conversion(NamedTuple):
    r"""A kind of frame, and what it is converted into.

    Args:
        pixel_format: of the frame, by FFmpeg's name.
        width: of the frame in pixels.
        height: of the frame in pixels.
        color_space: of the frame, as numbered by ISO/IEC 23091-2 (``AVCOL_SPC_*``).
        color_range: of the frame (``AVCOL_RANGE_*``).
        target_format: of the pixels, by FFmpeg's name.
        target_width: in pixels.
        target_height: in pixels.
        interlaced: whether the frame says that it holds two fields; newer versions of
            swscale then convert each field separately.
    """

    pixel_format: str
    width: int
    height: int
    color_space: int
    color_range: int
    target_format: str
    target_width: int
    target_height: int
    interlaced: bool = False

    @property
    def keeps_size(self) -> bool:
        r"""Whether the target is as large as the frame."""
        return (self.width, self.height) == (self.target_width, self.target_height)

    @property
    def is_planar(self) -> bool:
        r"""Whether the target holds red, green and blue apart."""
        return self.target_format in PLANAR.values()

    @property
    def target_shape(self) -> tuple[int, ...]:
        r"""Shape of the array that takes the pixels."""
        size = self.target_height, self.target_width
        if self.is_planar:
            return (3, *size)
        return (*size, 3) if self.target_format in PLANAR else size


class DirectScaler:
    r"""Converts frames of one kind into arrays; it belongs to one thread.

    Args:
        conversion: the kind of frame, and what it is converted into, one of
            :data:`DIRECT`.
        chroma_position: where chroma samples lie between those of luma, horizontally and
            vertically, in 1/256 of their distance; by default as usual for the format.

    Raises:
        ValueError: if swscale does not do that.
    """

    def __init__(
        self, conversion: Conversion, chroma_position: tuple[int, int] | None = None
    ) -> None:
        self._conversion = conversion
        self._context = _library().sws_alloc_context()
        options = {
            "srcw": conversion.width,
            "srch": conversion.height,
            "src_format": _format_number(conversion.pixel_format),
            "dstw": conversion.target_width,
            "dsth": conversion.target_height,
            "dst_format": _format_number(conversion.target_format),
            "sws_flags": _BILINEAR,
        }
        if chroma_position is not None:
            options |= dict(zip(("src_h_chr_pos", "src_v_chr_pos"), chroma_position))
        for name, value in options.items():
            _library().av_opt_set_int(self._context, name.encode(), value, 0)
        if _library().sws_init_context(self._context, None, None) < 0:
            raise ValueError(f"swscale does not do {conversion}")
        # RGB and grey have only the full range, and no matrix of their own.
        matrix, no_matrix = map(
            _library().sws_getCoefficients, (conversion.color_space, _UNSPECIFIED)
        )
        full = int(
            conversion.color_range == _FULL_RANGE
            or conversion.pixel_format.startswith(("yuvj", "gray"))
        )
        _library().sws_setColorspaceDetails(
            self._context, matrix, full, no_matrix, 1, 0, _UNITY, _UNITY
        )
        # What is the same of all frames, and room for what is not.
        self._scale, self._height = _library().sws_scale, conversion.height
        self._target_shape = conversion.target_shape
        row_bytes = conversion.target_width * DIRECT[conversion.target_format]
        size = conversion.target_height * row_bytes
        self._offsets = (size, 2 * size, 0) if conversion.is_planar else (0,)
        if conversion.target_format in PLANAR:
            row_bytes *= 3
        self._strides = _Strides(*[row_bytes for _ in self._offsets])
        self._sources, self._lengths, self._places = _Pointers(), _Strides(), _Pointers()

    def __del__(self) -> None:
        if getattr(self, "_context", None):
            _library().sws_freeContext(self._context)

    def write(self, frame: av.VideoFrame, target: np.ndarray) -> bool:
        r"""Converts a frame in one pass, unless its target cannot be written so.

        Args:
            frame: of the kind that the scaler was made for.
            target: array of the conversion's own shape and dtype, filled in place.

        Returns:
            Whether it was written: only where its rows follow each other without a gap
            and are aligned.

        Raises:
            ValueError: if swscale gives up.
        """
        address = target.__array_interface__["data"][0]
        if not (
            self._conversion.target_width % ALIGNMENT == 0
            and address % ALIGNMENT == 0
            and target.shape == self._target_shape
            and target.flags.c_contiguous
        ):
            return False
        sources, lengths, places = self._sources, self._lengths, self._places
        for i, plane in enumerate(frame.planes):
            sources[i], lengths[i] = plane.buffer_ptr, plane.line_size
        for i, offset in enumerate(self._offsets):
            places[i] = address + offset
        rows = self._scale(
            self._context, sources, lengths, 0, self._height, places, self._strides
        )
        if rows != self._conversion.target_height:
            raise ValueError(f"swscale wrote {rows} rows of {self._conversion}")
        return True


@functools.cache
def has_swscale() -> bool:
    r"""Returns whether the library can be called: whether the linker finds the symbols of
    PyAV's own libraries, as on Linux and macOS, and their version was tried."""
    try:
        major = _library().swscale_version() >> 16
    except (OSError, AttributeError):
        return False
    return major <= _NEWEST_TRIED


@functools.cache
def _library() -> ctypes.CDLL:
    import av.video.reformatter

    library = ctypes.CDLL(av.video.reformatter.__file__)
    library.sws_alloc_context.restype = c_void_p
    library.av_opt_set_int.argtypes = [c_void_p, c_char_p, c_int64, c_int]
    library.sws_init_context.argtypes = [c_void_p] * 3
    library.sws_getCoefficients.restype = c_void_p
    library.sws_getCoefficients.argtypes = [c_int]
    details: list[type[c_int] | type[c_void_p]] = [
        c_void_p,
        c_void_p,
        c_int,
        c_void_p,
        c_int,
        c_int,
        c_int,
        c_int,
    ]
    library.sws_setColorspaceDetails.argtypes = details
    library.sws_scale.argtypes = [c_void_p] * 3 + [c_int] * 2 + [c_void_p] * 2
    library.swscale_version.argtypes = []
    library.sws_freeContext.restype = None
    library.sws_freeContext.argtypes = [c_void_p]
    library.av_get_pix_fmt.argtypes = [c_char_p]
    return library


def _format_number(name: str) -> int:
    return _library().av_get_pix_fmt(name.encode())
