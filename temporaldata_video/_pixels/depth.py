r"""Tells how many bits samples have, and where they lose some."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np

from .._base.uris import shown_uri
from .._base.user_warnings import warn_user
from ..errors import PrecisionWarning

# Grey of 9 to 16 bits, each sample in the lowest bits of two bytes.
_STORED_GREY = re.compile(r"gray(9|1[0-6])(le|be)")
_WARNED: set[str] = set()


@functools.cache
def bit_depth(pixel_format: str) -> int:
    r"""Returns how many bits a sample has; 8 where the format is not known.

    Args:
        pixel_format: FFmpeg's name of it.
    """
    import av

    try:
        described = av.VideoFormat(pixel_format, 16, 16)
    except ValueError:
        return 8
    bits = [component.bits for component in described.components]
    # FFmpeg counts the bits of a mosaic as those of red, green and blue in one sample.
    return sum(bits) if described.is_bayer else max(bits, default=8)


def is_stored_grey(pixel_format: str) -> bool:
    r"""Returns whether frames are grey of 9 to 16 bits, whose values are given as stored.

    Args:
        pixel_format: FFmpeg's name of it.
    """
    return _STORED_GREY.fullmatch(pixel_format) is not None


def sample_dtype(pixel_format: str) -> np.dtype[Any]:
    r"""Returns the dtype of the samples of a format, as they lie in memory.

    Args:
        pixel_format: FFmpeg's name of a format with samples of one byte or two.
    """
    if bit_depth(pixel_format) <= 8:
        return np.dtype(np.uint8)
    return np.dtype(">u2" if pixel_format.endswith("be") else "<u2")


def warn_of_lost_bits(uri: str, pixel_format: str, dtype: np.dtype[Any]) -> None:
    r"""Warns, once per file and process, that samples have more bits than they are given.

    Args:
        uri: the file.
        pixel_format: of its frames, by FFmpeg's name.
        dtype: of the pixels that are made of them.
    """
    bits, given = bit_depth(pixel_format), 8 * dtype.itemsize
    if bits <= given or uri in _WARNED:
        return
    _WARNED.add(uri)
    remedy = "pass dtype='auto' to read all of them as uint16"
    if given == 16:
        remedy = "no dtype holds all of them"
    warn_user(
        f"{shown_uri(uri)!r} has {bits} bits per sample ({pixel_format}), and is read as "
        f"{dtype} of {given} bits, so that nearby values become one: {remedy}.",
        PrecisionWarning,
    )
