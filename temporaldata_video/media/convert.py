r"""Turns decoded frames into the pixels of the caller's array."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..types import StreamInfo

if TYPE_CHECKING:
    import av

# The order in which FFmpeg's planar RGB format stores red, green and blue.
_GBRP_PLANE_OF_CHANNEL = (2, 0, 1)
_PROBE_ROWS = 32


@dataclass(frozen=True)
class OutputFormat:
    r"""The pixels that a user asks for.

    Args:
        resize: ``(height, width)`` in pixels, or :obj:`None` for the size of the video.
        colorspace: ``"RGB"`` or ``"G"``.
        channel_format: ``"NCHW"`` or ``"NHWC"``.
    """

    resize: tuple[int, int] | None = None
    colorspace: str = "RGB"
    channel_format: str = "NCHW"

    @property
    def channels(self) -> int:
        r"""Number of colour channels, 3 or 1."""
        return 3 if self.colorspace == "RGB" else 1

    def frame_shape(self, height: int, width: int) -> tuple[int, int, int]:
        r"""Returns the shape of one frame of a video shown as ``height`` by ``width``."""
        height, width = self.resize or (height, width)
        if self.channel_format == "NCHW":
            return self.channels, height, width
        return height, width, self.channels


class FrameWriter:
    r"""Writes frames of one stream into arrays of one format.

    It holds swscale's context, so it belongs to one thread and is made for one request.

    Args:
        stream: the facts of the stream.
        output: the pixels asked for.
    """

    def __init__(self, stream: StreamInfo, output: OutputFormat) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformat: Callable[..., av.VideoFrame] = functools.partial(
            VideoReformatter().reformat, **_one_thread()
        )
        self._output = output
        self._turns = stream.rotation // 90
        self._mirrored = stream.mirrored
        size = output.resize
        if size is not None and self._turns % 2:
            size = (size[1], size[0])
        self._decoded_size = size or (stream.height, stream.width)
        self._planar = output.colorspace == "RGB" and output.channel_format == "NCHW"

    def write(self, frame: av.VideoFrame, target: np.ndarray) -> None:
        r"""Converts a frame and copies it once.

        Args:
            frame: as decoded.
            target: array of :meth:`OutputFormat.frame_shape`, filled in place.

        Raises:
            ValueError: if the frame has another size than the stream, and no ``resize``
                says what to do about it.
        """
        height, width = self._decoded_size
        if self._output.resize is None and (frame.height, frame.width) != (height, width):
            raise ValueError(
                f"the frame is {frame.height} x {frame.width} pixels where the index says "
                f"{height} x {width}; pass resize=(height, width) to read videos that "
                f"change their size"
            )
        size = {"width": width, "height": height}
        if self._output.channel_format == "NCHW":
            target = target.transpose(1, 2, 0)
        target = self._undo_display_transform(target)
        if self._output.colorspace == "G":
            grey = self._reformat(frame, format="gray8", **size)
            target[..., 0] = _plane(grey, 0)
        elif self._planar and _planar_equals_packed(
            frame.format.name,
            frame.width,
            frame.height,
            int(frame.colorspace),
            int(frame.color_range),
            self._decoded_size,
        ):
            planar = self._reformat(frame, format="gbrp", **size)
            for channel, plane in enumerate(_GBRP_PLANE_OF_CHANNEL):
                target[..., channel] = _plane(planar, plane)
        else:
            packed = self._reformat(frame, format="rgb24", **size)
            target[...] = _plane(packed, 0, channels=3)

    def _undo_display_transform(self, target: np.ndarray) -> np.ndarray:
        # A view of the target in which the frame lies as it was decoded.
        if self._mirrored:
            target = target[:, ::-1]
        return np.rot90(target, -self._turns) if self._turns else target


def _plane(frame: av.VideoFrame, index: int, channels: int = 1) -> np.ndarray:
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    pixels = rows[: frame.height, : frame.width * channels]
    return pixels.reshape(frame.height, frame.width, channels) if channels > 1 else pixels


@functools.cache
def _one_thread() -> dict[str, Any]:
    # Since PyAV 17 swscale starts threads of its own unless told otherwise, and they do
    # not survive a fork.
    import av

    return {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}


@functools.lru_cache(maxsize=64)
def _planar_equals_packed(
    pixel_format: str,
    width: int,
    height: int,
    color_space: int,
    color_range: int,
    size: tuple[int, int],
) -> bool:
    # Planar RGB saves transposing, and swscale promises nothing: for some formats and
    # widths its bytes differ from those of rgb24, which are the reference. So it is
    # asked, once for each kind of frame, with noise.
    import av
    from av.video.reformatter import VideoReformatter

    # For odd widths swscale takes other paths, whose bytes differ so rarely that noise
    # does not always show it.
    if size != (height, width) or width % 2:
        return False
    rows = min(height, _PROBE_ROWS + height % 2)
    probe = av.VideoFrame(width, rows, pixel_format)
    noise = np.random.default_rng(0)
    excess = max(0, 16 - probe.format.components[0].bits)
    for plane in probe.planes:
        if excess < 8:  # samples of two bytes, of which the highest bits are unused
            samples = noise.integers(0, 1 << 16, plane.buffer_size // 2, np.uint16)
            plane.update((samples >> excess).tobytes())
        else:
            plane.update(noise.bytes(plane.buffer_size))
    probe.colorspace, probe.color_range = color_space, color_range
    packed = _plane(
        VideoReformatter().reformat(probe, format="rgb24", **_one_thread()), 0, 3
    )
    planar = VideoReformatter().reformat(probe, format="gbrp", **_one_thread())
    return all(
        np.array_equal(_plane(planar, plane), packed[..., channel])
        for channel, plane in enumerate(_GBRP_PLANE_OF_CHANNEL)
    )
