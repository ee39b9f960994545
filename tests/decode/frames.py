r"""Frames of every kind, flagged as decoders flag theirs, and what PyAV makes of them."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import VideoReformatter

from temporaldata_video._pixels.convert import OutputFormat
from temporaldata_video._pixels.depth import bit_depth
from temporaldata_video._pixels.equality import one_thread

STORED_GREY = [f"gray{bits}{end}" for bits in (9, 10, 12, 14, 16) for end in ("le", "be")]
CONTENTS = ("noise", "extremes", "ramp", "flat")


def make_frame(
    pixel_format: str,
    height: int,
    width: int,
    content: str = "noise",
    *,
    matrix: int = 2,
    color_range: int = 0,
    seed: int = 0,
) -> av.VideoFrame:
    r"""Returns a frame whose samples are all valid.

    Args:
        pixel_format: FFmpeg's name of it.
        height: in pixels.
        width: in pixels.
        content: one of ``CONTENTS``.
        matrix: ``AVCOL_SPC_*``.
        color_range: ``AVCOL_RANGE_*``.
        seed: of the noise.
    """
    frame = av.VideoFrame(width, height, pixel_format)
    bits = frame.format.components[0].bits
    rng = np.random.default_rng([height * width, seed])
    for plane in frame.planes:
        n = plane.buffer_size
        samples = {
            "noise": rng.integers(0, 256, n),
            "extremes": rng.integers(0, 2, n) * 255,
            "ramp": np.arange(n) % 256,
            "flat": np.full(n, rng.integers(256)),
        }[content].astype(np.uint8)
        if 8 < bits < 16:
            order = ">u2" if pixel_format.endswith("be") else "<u2"
            samples = (samples.view(order) >> (16 - bits)).astype(order).view(np.uint8)
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
    r"""Returns a frame as PyAV's reformatter converts it, laid out as asked for; grey with
    more than 8 bits as it is, where 16 are asked for."""
    height, width = output.resize or (frame.height, frame.width)
    name = {
        ("RGB", "uint8"): "rgb24",
        ("G", "uint8"): "gray8",
        ("RGB", "uint16"): "rgb48le",
        ("G", "uint16"): "gray16le",
    }[output.colorspace, output.dtype]
    if name == "gray16le" and frame.format.name in STORED_GREY:
        name = frame.format.name
    steps = [name]
    if output.dtype == "uint16" and frame.width % 2 and bit_depth(frame.format.name) <= 8:
        steps.insert(0, {"rgb48le": "rgb24", "gray16le": "gray8"}[name])
    picture = frame
    for step in steps:
        threads = one_thread(picture.format.name, picture.height, step)
        picture = VideoReformatter().reformat(
            picture, format=step, width=width, height=height, **threads
        )
    upside_down = picture.planes[0].line_size < 0  # which older PyAVs read wrongly
    if upside_down:
        picture = filtered(picture, "vflip")
    samples = ">u2" if name.endswith("be") else "<u2" if name.endswith("le") else "u1"
    row_bytes = width * output.channels * np.dtype(samples).itemsize
    plane = picture.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :row_bytes]
    pixels = rows.copy().view(samples).reshape(height, width, output.channels)
    pixels = pixels[::-1] if upside_down else pixels
    return pixels if output.channel_format == "NHWC" else pixels.transpose(2, 0, 1)
