r"""Checks arguments of users, and says what is wrong with which value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .._pixels.convert import OutputFormat


def check_choice(name: str, value: Any, allowed: Sequence[str]) -> None:
    r"""Raises :obj:`ValueError` if a value is not allowed.

    Args:
        name: the argument.
        value: its value.
        allowed: the values that are allowed.
    """
    if value not in allowed:
        choices = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} must be one of {choices}, got {value!r}.")


def check_whole(name: str, value: Any, least: int, most: int | None = None) -> None:
    r"""Raises :obj:`ValueError` if a value is no whole number within bounds.

    Args:
        name: the argument.
        value: its value.
        least: the least that is allowed.
        most: the most that is allowed.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bound = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} must be a whole number, {bound}, got {value!r}.")


def checked_mask(mask: Any, length: int) -> np.ndarray:
    r"""Returns a mask of a series.

    Args:
        mask: what was passed.
        length: of the series.

    Raises:
        ValueError: if it is no boolean array of shape ``(length,)``.
    """
    array = isinstance(mask, np.ndarray)
    if not array or mask.dtype != bool or mask.shape != (length,):
        kind = mask.dtype if array else type(mask).__name__
        raise ValueError(
            f"mask must be a boolean array of shape ({length},), got {kind} of shape "
            f"{np.shape(mask)}."
        )
    return mask


def checked_positions(indices: Any, length: int) -> np.ndarray:
    r"""Returns positions in a series, int64 of shape (m,).

    Args:
        indices: what was passed.
        length: of the series.

    Raises:
        TypeError: if they are no integers in one dimension.
        IndexError: if one is not in ``[0, length)``.
    """
    positions = np.asarray(indices)
    if positions.ndim != 1 or (positions.dtype.kind not in "iu" and positions.size):
        raise TypeError(
            f"indices must be a one-dimensional sequence of integers, got "
            f"{positions.dtype} of shape {positions.shape}."
        )
    outside = positions[(positions < 0) | (positions >= length)]
    if len(outside):
        raise IndexError(
            f"index {outside[0]} is out of range for a video of {length} frames."
        )
    return positions.astype(np.int64)


def check_tolerance(tolerance: Any) -> None:
    r"""Raises :obj:`ValueError` if it is no distance in time.

    Args:
        tolerance: what was passed; :obj:`None` for the default.
    """
    is_number = isinstance(tolerance, (int, float, np.number))
    if tolerance is None or (
        is_number and not isinstance(tolerance, bool) and tolerance >= 0
    ):
        return
    raise ValueError(
        f"tolerance must be a number of seconds, 0 or more, np.inf for any distance, or "
        f"None for the default; got {tolerance!r}."
    )


def checked_threads(threads: Any) -> int | Literal["auto"]:
    r"""Returns how many groups of pictures to decode side by side.

    Args:
        threads: a positive integer or ``"auto"``.

    Raises:
        ValueError: if it is something else.
    """
    is_count = isinstance(threads, (int, np.integer)) and not isinstance(threads, bool)
    if is_count and threads > 0:
        return int(threads)
    if threads == "auto":
        return "auto"
    raise ValueError(f"threads must be a positive integer or 'auto', got {threads!r}.")


def checked_output(
    resize: Any, colorspace: Any, channel_format: Any, dtype: Any
) -> OutputFormat:
    r"""Returns the pixels that a user asks for.

    Args:
        resize: :obj:`None`, or height and width in a tuple or list.
        colorspace: ``"RGB"`` or ``"G"``.
        channel_format: ``"NCHW"`` or ``"NHWC"``.
        dtype: ``"uint8"``, ``"uint16"`` or ``"auto"``, or NumPy's name of such a type.

    Raises:
        ValueError: if one of them is something else.
    """
    if resize is not None:
        is_pair = isinstance(resize, (tuple, list)) and len(resize) == 2
        sizes = resize if is_pair else (0,)
        if not all(
            isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0
            for n in sizes
        ):
            raise ValueError(
                f"resize must be None, or (height, width) as positive integers, "
                f"got {resize!r}."
            )
        resize = (int(resize[0]), int(resize[1]))
    check_choice("colorspace", colorspace, ("RGB", "G"))
    check_choice("channel_format", channel_format, ("NCHW", "NHWC"))
    if isinstance(dtype, (type, np.dtype)) and np.dtype(dtype) in (np.uint8, np.uint16):
        dtype = np.dtype(dtype).name
    check_choice("dtype", dtype, ("uint8", "uint16", "auto"))
    return OutputFormat(resize, colorspace, channel_format, dtype)
