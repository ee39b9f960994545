r"""Turns pixels into a JPEG, for pictures that are only looked at."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .equality import one_thread


def encode_jpeg(pixels: np.ndarray, box: tuple[int, int]) -> bytes:
    r"""Returns a JPEG of a frame, scaled down to fit a box.

    Args:
        pixels: RGB, uint8 of shape (H, W, 3).
        box: height and width in pixels, at most.

    Example ::

        >>> encode_jpeg(np.zeros((120, 160, 3), np.uint8), (60, 60))[:2].hex()
        'ffd8'
    """
    import av

    height, width, _ = pixels.shape
    scale = min(1.0, box[0] / height, box[1] / width)
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.height, encoder.width = max(1, int(height * scale)), max(1, int(width * scale))
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {"qmin": "3", "qmax": "5"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    scaled = frame.reformat(encoder.width, encoder.height, "yuvj420p", **one_thread())
    scaled.pts = 0
    return b"".join(map(bytes, [*encoder.encode(scaled), *encoder.encode(None)]))
