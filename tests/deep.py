r"""Makes videos of frames with more than 8 bits, and reads their planes in sequence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np

from temporaldata_video._base.container import keep_to_one_thread
from tests.decode.frames import make_frame

HEIGHT, WIDTH = 48, 64


def grey_frame(values: np.ndarray, pixel_format: str) -> av.VideoFrame:
    r"""Returns a grey frame of given values.

    Args:
        values: of shape (height, width).
        pixel_format: FFmpeg's name of a grey format of two bytes per sample.
    """
    height, width = values.shape
    frame = av.VideoFrame(width, height, pixel_format)
    plane = frame.planes[0]
    samples = ">u2" if pixel_format.endswith("be") else "<u2"
    rows = np.zeros((plane.height, plane.line_size // 2), samples)
    rows[:height, :width] = values
    plane.update(rows.tobytes())
    return frame


def depth_frames(n: int, pixel_format: str = "gray16le") -> list[av.VideoFrame]:
    r"""Returns frames as a depth camera gives them: 55 levels between 580 and 650 mm, each
    frame another picture."""
    levels = np.linspace(580, 650, 55).round().astype(np.uint16)
    places = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    return [grey_frame(levels[(places + 7 * k) % 55], pixel_format) for k in range(n)]


def noisy_frames(n: int, pixel_format: str) -> list[av.VideoFrame]:
    r"""Returns frames of noise, each another one, of any format."""
    return [make_frame(pixel_format, HEIGHT, WIDTH, seed=k) for k in range(n)]


def write_frames(
    path: str | os.PathLike[str],
    frames: Sequence[av.VideoFrame],
    codec: str = "ffv1",
    *,
    gop: int = 1,
    **options: str,
) -> str:
    r"""Writes frames into a file at 30 frames a second, and returns its path.

    Args:
        path: of the file, whose suffix names the container.
        frames: all of one size and format.
        codec: FFmpeg's name of the encoder.
        gop: frames from one key frame to the next.
        options: of the encoder.
    """
    first = frames[0]
    with av.open(os.fspath(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height = first.width, first.height
        stream.pix_fmt = first.format.name
        stream.codec_context.gop_size = gop
        stream.codec_context.thread_count = 1
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return os.fspath(path)


def decoded(path: str | os.PathLike[str]) -> list[av.VideoFrame]:
    r"""Returns all frames of a file, decoded in sequence through its container."""
    with av.open(os.fspath(path)) as container:
        stream = container.streams.video[0]
        keep_to_one_thread(stream.codec_context)
        return list(container.decode(stream))


def plane(frame: av.VideoFrame) -> np.ndarray:
    r"""Returns the samples of a grey frame as FFmpeg stores them."""
    first = frame.planes[0]
    name = frame.format.name
    samples = ">u2" if name.endswith("be") else "<u2" if name.endswith("le") else "u1"
    rows = np.frombuffer(first, np.uint8).reshape(first.height, first.line_size)
    row_bytes = frame.width * np.dtype(samples).itemsize
    return rows[:, :row_bytes].copy().view(samples)
