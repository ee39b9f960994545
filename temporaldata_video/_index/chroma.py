r"""Finds where the chroma samples of a stream lie, which only shows when frames are scaled.

Some containers say it and their frames know it, but PyAV passes it on neither from the
stream nor from the frame. So this module scales noise whose chroma lies where that of the
frame lies, then noise with each location there is, and looks which one gives equal pixels.
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._base.container import pyav_version
from ..types import CHROMA_LOCATIONS

if TYPE_CHECKING:
    import av

# The part of a frame that becomes noise, and the size that it is scaled to.
_CROP = "min(iw,64)", "min(ih,64)", "0", "0"
_SCALED = {"width": 48, "height": 40}


def leaves_chroma_open(frame: av.VideoFrame) -> bool:
    r"""Returns whether a frame does not say where its chroma samples lie, though its
    conversion depends on it.

    Args:
        frame: as the container's own decoder gave it; it is not changed.
    """
    return _depends_on_location(frame) and not chroma_location(frame)


def _depends_on_location(frame: av.VideoFrame) -> bool:
    wide_and_high = frame.format.chroma_width(16), frame.format.chroma_height(16)
    return pyav_version() >= 17 and wide_and_high != (16, 16)


def chroma_location(frame: av.VideoFrame) -> str:
    r"""Returns where the chroma samples of a frame lie, by FFmpeg's name of it.

    Args:
        frame: as the container's own decoder gave it; it is not changed.

    Returns:
        One of :data:`~temporaldata_video.types.CHROMA_LOCATIONS`; ``""`` where the frame
        does not say it, or where it does not matter: without subsampled chroma, or with a
        PyAV before 17, which does not look at it.
    """
    import av

    if not _depends_on_location(frame):
        return ""
    with suppress(av.error.FFmpegError, ValueError, OSError):
        noise = _noise_like(frame)
        expected = _scaled(noise)
        for location in CHROMA_LOCATIONS:
            placed = _filtered(
                noise, "setparams", chroma_location=location or "unspecified"
            )
            if np.array_equal(_scaled(placed), expected):
                return location
    return ""


def _noise_like(frame: av.VideoFrame) -> av.VideoFrame:
    # A small frame with all properties of this one, but with other samples.
    noise = _filtered(frame, "crop", **dict(zip(("w", "h", "x", "y"), _CROP)))
    noise.make_writable()
    rng = np.random.default_rng()
    bits = noise.format.components[0].bits
    # Both bytes of a wide sample are so small that it is valid in either byte order.
    limit = 1 << (bits - 8 if 8 < bits < 16 else 8)
    for plane in noise.planes:
        samples = rng.integers(0, limit, plane.buffer_size, np.uint8)
        plane.update(samples.tobytes())
    return noise


def _scaled(frame: av.VideoFrame) -> np.ndarray:
    from av.video.reformatter import VideoReformatter

    picture = VideoReformatter().reformat(frame, format="rgb24", threads=1, **_SCALED)
    return picture.to_ndarray()


def _filtered(frame: av.VideoFrame, name: str, **options: str) -> av.VideoFrame:
    from av.filter import Graph

    graph: Any = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(1, 1),
    )
    step, sink = graph.add(name, **options), graph.add("buffersink")
    source.link_to(step)
    step.link_to(sink)
    graph.configure()
    source.push(frame)
    return cast("av.VideoFrame", sink.pull())
