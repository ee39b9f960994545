r"""Paints numbers into frames, and reads them from what is left of the frames.

A frame that was compressed, resized or turned grey still proves its number: a grid of
dark and bright cells holds the number and a checksum, so that a wrong frame gives a
wrong number, and a frame that was never decoded gives an error.
"""

from __future__ import annotations

from binascii import crc_hqx
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..types import ChannelFormat

N_NUMBERS = 2**20

_CHECKSUM_BITS = 16
_N_BITS = 36
_MIN_CONTRAST = 32


class _Grid(NamedTuple):
    r"""Cells of the code, and the part of the frame they cover as fractions of a side."""

    rows: int
    columns: int
    top: float
    bottom: float
    left: float
    right: float
    min_side: int


_WHOLE_FRAME = _Grid(6, 6, 1 / 16, 15 / 16, 1 / 16, 15 / 16, min_side=32)
_STRIP = _Grid(2, 18, 7 / 8, 1.0, 0.0, 1.0, min_side=64)


def paint_number(
    number: int, height: int, width: int, background: np.ndarray | None = None
) -> np.ndarray:
    r"""Paints a frame that carries its number.

    Args:
        number: what :obj:`read_number` gives back, from 0 to 2**20 - 1.
        height: height in pixels, at least 32, or 64 with a ``background``.
        width: width in pixels, at least 32, or 64 with a ``background``.
        background: a picture to keep, uint8 of shape (height, width, 3), of which the
            code takes the lowest eighth. By default the code covers the frame, over
            colors that drift with the number.

    Returns:
        RGB frame, uint8 of shape (height, width, 3).

    Raises:
        ValueError: the number or the frame does not fit the code.

    Example ::

        >>> from temporaldata_video.testing import paint_number, read_number
        >>> frame = paint_number(1234, 64, 96)
        >>> frame.shape
        (64, 96, 3)
        >>> read_number(frame)
        1234
    """
    grid = _WHOLE_FRAME if background is None else _STRIP
    if not 0 <= number < N_NUMBERS:
        raise ValueError(f"number={number} is out of range; it must be in [0, {N_NUMBERS})")
    if min(height, width) < grid.min_side:
        raise ValueError(
            f"a frame of {height}x{width} is too small for the code; "
            f"it needs {grid.min_side} pixels per side"
        )
    if background is None:
        background = _drifting_colors(number, height, width)
    elif background.shape != (height, width, 3):
        raise ValueError(
            f"background has shape {background.shape}; it must be {(height, width, 3)}"
        )
    frame = background.copy()
    cells = _bits(number).reshape(grid.rows, grid.columns)
    y, row = _pixels_on_grid(height, grid.top, grid.bottom, grid.rows)
    x, column = _pixels_on_grid(width, grid.left, grid.right, grid.columns)
    patch = np.ix_(y, x)
    # A quarter of the picture stays under the cells: swapped color channels would
    # otherwise go unseen in a frame that is nearly all code.
    frame[patch] = frame[patch] // 4 + 191 * cells[np.ix_(row, column)][..., None]
    return frame


def read_number(
    frame: NDArray[np.uint8], channel_format: ChannelFormat | None = None
) -> int:
    r"""Reads the number painted in one frame.

    Args:
        frame: pixels of 1 or 3 channels, uint8 of shape (C, H, W) or (H, W, C).
        channel_format: ``"NCHW"`` or ``"NHWC"``; by default the side that is 1 or 3 long
            is the channels.

    Returns:
        The number given to :obj:`paint_number`.

    Raises:
        ValueError: the frame carries no number, or one that its checksum contradicts.

    Example ::

        >>> from temporaldata_video.testing import paint_number, read_number
        >>> grey = paint_number(42, 64, 96).mean(axis=2, keepdims=True)
        >>> read_number(grey, "NHWC")
        42
    """
    frame = np.asarray(frame)
    if channel_format is None:
        channel_format = "NCHW" if frame.shape[0] in (1, 3) else "NHWC"
    return int(read_numbers(frame[None], channel_format)[0])


def read_numbers(
    frames: NDArray[np.uint8], channel_format: ChannelFormat = "NCHW"
) -> NDArray[np.int64]:
    r"""Reads the numbers painted in many frames.

    Args:
        frames: pixels of 1 or 3 channels, uint8 of shape (n, C, H, W) or (n, H, W, C).
        channel_format: ``"NCHW"`` or ``"NHWC"``.

    Returns:
        The numbers given to :obj:`paint_number`, int64 of shape (n,).

    Raises:
        ValueError: a frame carries no number, or one that its checksum contradicts.

    Example ::

        >>> import numpy as np
        >>> from temporaldata_video.testing import paint_number, read_numbers
        >>> frames = np.stack([paint_number(k, 64, 96) for k in (7, 8, 9)])
        >>> read_numbers(frames, "NHWC")
        array([7, 8, 9])
    """
    frames = np.asarray(frames)
    if channel_format not in ("NCHW", "NHWC"):
        raise ValueError(
            f"channel_format={channel_format!r} is unknown; it must be 'NCHW' or 'NHWC'"
        )
    if channel_format == "NCHW":
        frames = np.moveaxis(frames, 1, -1)
    numbers = _read(frames, _WHOLE_FRAME)
    missing = numbers < 0
    if missing.any():
        numbers[missing] = _read(frames[missing], _STRIP)
    if (numbers < 0).any():
        unread = np.flatnonzero(numbers < 0)
        raise ValueError(
            f"{len(unread)} of {len(numbers)} frames carry no readable number, "
            f"the first at position {unread[0]}"
        )
    return numbers


def _bits(number: int) -> np.ndarray:
    # The seed of the checksum keeps number 0 from being a frame of equal cells.
    checksum = crc_hqx(int(number).to_bytes(3, "big"), 0xFFFF)
    word = int(number) << _CHECKSUM_BITS | checksum
    return np.array([word >> i & 1 for i in range(_N_BITS)], np.uint8)


def _pixels_on_grid(
    n_pixels: int, start: float, stop: float, n_cells: int
) -> tuple[np.ndarray, np.ndarray]:
    r"""Returns which pixels of a side lie on the grid, and in which of its cells."""
    place = ((np.arange(n_pixels) + 0.5) / n_pixels - start) / (stop - start)
    inside = np.flatnonzero((place >= 0) & (place < 1))
    return inside, (place[inside] * n_cells).astype(int)


def _pixels_to_read(n_pixels: int, start: float, stop: float, n_cells: int) -> np.ndarray:
    r"""Returns three pixels of a side for each cell, away from its blurred edges."""
    place = (np.arange(n_cells)[:, None] + np.array([0.35, 0.5, 0.65])) / n_cells
    return ((start + place * (stop - start)) * n_pixels).astype(int).ravel()


def _read(frames: np.ndarray, grid: _Grid) -> np.ndarray:
    r"""Returns the number in each frame of (n, H, W, C), -1 where there is none."""
    n, height, width, channels = frames.shape
    y = _pixels_to_read(height, grid.top, grid.bottom, grid.rows)
    x = _pixels_to_read(width, grid.left, grid.right, grid.columns)
    picked = frames[:, y[:, None], x]
    cells = picked.reshape(n, grid.rows, 3, grid.columns, 3 * channels)
    levels = cells.mean(axis=(2, 4)).reshape(n, _N_BITS)
    clear = (np.abs(levels - 127.5) > _MIN_CONTRAST).all(axis=1)
    bits = levels > 127.5
    numbers = bits[:, _CHECKSUM_BITS:] @ (1 << np.arange(_N_BITS - _CHECKSUM_BITS))
    whole = [np.array_equal(_bits(k), b) for k, b in zip(numbers, bits)]
    return np.where(clear & np.array(whole, bool), numbers, -1)


def _drifting_colors(number: int, height: int, width: int) -> np.ndarray:
    x = 2 * np.pi * np.arange(width)[:, None] / width
    y = 2 * np.pi * np.arange(height)[:, None] / height
    drift = 2 * np.pi * (number / np.array([40.0, 65.0, 105.0]) + np.arange(3) / 3)
    waves = np.sin(x + drift)[None] + np.cos(y - drift)[:, None]
    return (128 + 55 * waves).astype(np.uint8)
