r"""Brings pixels of any depth to the 256 levels of a screen."""

from __future__ import annotations

import numpy as np

ValueRange = tuple[float, float]

_PERCENTILES = (1, 99)


def usual_range(pixels: np.ndarray) -> ValueRange:
    r"""Returns the values between which nearly all pixels lie: the 1st and 99th percentile.

    Args:
        pixels: of any shape; none are shown from 0 to 1.
    """
    if not pixels.size:
        return 0.0, 1.0
    low, high = np.percentile(pixels, _PERCENTILES).tolist()
    return low, high


def stretched(pixels: np.ndarray, shown: ValueRange) -> np.ndarray:
    r"""Returns pixels as uint8, black at one value and white at another.

    Args:
        pixels: of any shape and depth.
        shown: the values that become black and white; those beyond them do, too.

    Example ::

        >>> stretched(np.array([580, 615, 650, 700], np.uint16), (580, 650))
        array([  0, 127, 255, 255], dtype=uint8)
    """
    low, high = shown
    scale = 255 / max(high - low, 1e-9)
    return ((pixels.astype(np.float32) - low) * scale).clip(0, 255).astype(np.uint8)


def range_note(shown: ValueRange, bits: int) -> str:
    r"""Returns what a caption says about a range.

    Args:
        shown: the values that are black and white.
        bits: that a sample of the video has.
    """
    low, high = shown
    return f"{bits} bits, shown from {low:g} (black) to {high:g} (white)"
