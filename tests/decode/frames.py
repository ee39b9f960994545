r"""Frames of every kind, flagged as decoders flag theirs, and what PyAV makes of them."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from temporaldata_video._pixels.convert import OutputFormat

CONTENTS = ("noise", "extremes", "ramp", "flat")


def make_frame(
    pixel_format: str,
    height: int,
    width: int,
    content: str = "noise",
    *,
    matrix: int = 2,
    color_range: int = 0,
) -> av.VideoFrame:
    r"""Returns a frame whose samples are all valid.

    Args:
        pixel_format: FFmpeg's name of it.
        height: in pixels.
        width: in pixels.
        content: one of ``CONTENTS``.
        matrix: ``AVCOL_SPC_*``.
        color_range: ``AVCOL_RANGE_*``.
    """
    frame = av.VideoFrame(width, height, pixel_format)
    bits = frame.format.components[0].bits
    rng = np.random.default_rng(height * width)
    for plane in frame.planes:
        n = plane.buffer_size
        samples = {
            "noise": rng.integers(0, 256, n),
            "extremes": rng.integers(0, 2, n) * 255,
            "ramp": np.arange(n) % 256,
            "flat": np.full(n, rng.integers(256)),
        }[content].astype(np.uint8)
        if 8 < bits < 16:
            samples = (samples.view(np.uint16) >> (16 - bits)).view(np.uint8)
        plane.update(samples.tobytes())
    frame.colorspace, frame.color_range = matrix, color_range
    return frame


def filtered(frame: av.VideoFrame, *filters: str) -> av.VideoFrame:
    r"""Returns what FFmpeg's filters make of a frame.

    Args:
        frame: any.
        filters: each as ``name=option=value:option=value``.
    """
    graph = Graph()
    if hasattr(graph, "threads"):
        graph.threads = 1
    last = source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(1, 1),
    )
    for text in filters:
        name, _, options = text.partition("=")
        step = graph.add(name, options)
        last.link_to(step)
        last = step
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    source.push(frame)
    return sink.pull()


def reference(frame: av.VideoFrame, output: OutputFormat) -> np.ndarray:
    r"""Returns a frame as PyAV's reformatter converts it, laid out as asked for."""
    height, width = output.resize or (frame.height, frame.width)
    name = "rgb24" if output.colorspace == "RGB" else "gray8"
    picture = VideoReformatter().reformat(frame, format=name, width=width, height=height)
    upside_down = picture.planes[0].line_size < 0  # which older PyAVs read wrongly
    if upside_down:
        picture = filtered(picture, "vflip")
    pixels = picture.to_ndarray().reshape(height, width, output.channels)
    pixels = pixels[::-1] if upside_down else pixels
    return pixels if output.channel_format == "NHWC" else pixels.transpose(2, 0, 1)
