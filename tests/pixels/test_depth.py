r"""Bits per sample are known of every format, and a warning says where some are lost."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._pixels.depth import (
    bit_depth,
    is_stored_grey,
    sample_dtype,
    warn_of_lost_bits,
)


@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [
        *(("yuv420p", 8), ("yuvj420p", 8), ("pal8", 8), ("gray", 8), ("rgb24", 8)),
        *(("monob", 1), ("rgb565le", 6), ("p010le", 10), ("y210le", 10), ("xyz12le", 12)),
        *(("gray9le", 9), ("gray14be", 14), ("gray16le", 16), ("ya16le", 16)),
        *(("yuv422p10be", 10), ("gbrp14le", 14), ("x2rgb10le", 10), ("grayf32le", 32)),
        *(("bayer_rggb8", 8), ("bayer_bggr16le", 16)),
        *(("", 8), ("no such format", 8)),
    ],
)
def test_bits_are_those_of_a_sample(pixel_format, bits):
    assert bit_depth(pixel_format) == bits


def test_only_grey_of_9_to_16_bits_is_given_as_it_is_stored():
    stored = ["gray9le", "gray10be", "gray12le", "gray14le", "gray16le", "gray16be"]
    other = ["gray", "gray8", "grayf32le", "grayf16le", "gray32le", "ya16le", "y210le"]
    assert all(map(is_stored_grey, stored))
    assert not any(map(is_stored_grey, other))


def test_samples_have_the_byte_order_of_their_format():
    names = ["gray", "gray10le", "gray16be", "rgb48le"]
    assert [sample_dtype(name).str for name in names] == ["|u1", "<u2", ">u2", "<u2"]


@pytest.mark.parametrize(
    ("pixel_format", "dtype", "match"),
    [
        ("gray16le", np.uint8, "16 bits per sample .gray16le.*uint8.*dtype='auto'"),
        ("yuv420p10le", np.uint8, "10 bits per sample"),
        ("grayf32le", np.uint16, "32 bits per sample.*no dtype holds all of them"),
        ("gray16le", np.uint16, None),
        ("yuv420p", np.uint8, None),
    ],
)
def test_lost_bits_are_told_once_per_file(pixel_format, dtype, match):
    uri = f"test {pixel_format} {np.dtype(dtype)}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            warn_of_lost_bits(uri, pixel_format, np.dtype(dtype))
    assert [w.category for w in caught] == [tv.PrecisionWarning] * (match is not None)
    for warning in caught:
        with pytest.warns(tv.PrecisionWarning, match=match):
            warnings.warn(warning.message, stacklevel=1)
        assert warning.filename == __file__
