r"""Encodes pictures into the file of a proxy, frame k of it being picture k."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from ..._base.proxy_names import ProxyKind
from ..._pixels.equality import GBRP_PLANE_OF_CHANNEL, one_thread, plane_rows
from ...errors import VideoError

if TYPE_CHECKING:
    import av
    from av.video.stream import VideoStream

# Proxies have no clock; players show them at this rate.
_RATE = 25
# NUT takes every codec, and any number of frames.
_CONTAINER = "nut"
# Matrix (BT.709) and range (full) of what is no longer RGB.
_MATRIX, _FULL = 1, 2


class ProxyEncoding(NamedTuple):
    r"""How the pictures of a proxy are encoded.

    Args:
        codec: FFmpeg's name of the encoder.
        pixel_format: that it is given.
        options: of the encoder.
    """

    codec: str
    pixel_format: str
    options: dict[str, str]


def proxy_encoding(kind: ProxyKind, crf: int, gop: int) -> ProxyEncoding:
    r"""Returns how pictures of a kind are encoded.

    Args:
        kind: the pixels.
        crf: constant rate factor of lossy proxies.
        gop: frames from one key frame of lossy proxies to the next.
    """
    # What is read fastest. UT Video has no grey, and no codec for more than 8 bits is
    # nearly as fast as a disk.
    if kind.lossless:
        planes = ("gray" if kind.gray else "gbrp") + "16le" * kind.deep
        quickest = "magicyuv" if kind.gray else "utvideo"
        return ProxyEncoding("rawvideo" if kind.deep else quickest, planes, {})
    halved = kind.height % 2 == 0 and kind.width % 2 == 0
    colour = "yuv420p" if halved else "yuv444p"
    options = {
        "crf": str(crf),
        "g": str(gop),
        "tune": "fastdecode",
        "x264-params": "open-gop=0:b-pyramid=none",
    }
    return ProxyEncoding("libx264", "gray" if kind.gray else colour, options)


class ProxyFile:
    r"""Writes the file of a proxy.

    Args:
        path: the file, which is replaced.
        kind: the pixels.
        encoding: from :func:`proxy_encoding`.

    Raises:
        VideoError: if the installed FFmpeg lacks the encoder.
    """

    def __init__(self, path: Path, kind: ProxyKind, encoding: ProxyEncoding) -> None:
        import av

        self._kind, self._format = kind, encoding.pixel_format
        self._planes = (0,) if kind.gray else GBRP_PLANE_OF_CHANNEL
        self._raw = ("gray" if kind.gray else "gbrp") + "16le" * kind.deep
        self._container = av.open(str(path), "w", format=_CONTAINER)
        try:
            self._stream = self._add_stream(encoding)
        except ValueError as error:
            self._container.close()
            raise VideoError(
                f"the FFmpeg of PyAV {av.__version__} cannot write {encoding.codec}. "
                f"Install the wheel from PyPI."
            ) from error
        self._count = 0

    def _add_stream(self, encoding: ProxyEncoding) -> VideoStream:
        added = self._container.add_stream(encoding.codec, _RATE, encoding.options)
        stream = cast("VideoStream", added)
        stream.height, stream.width = self._kind.height, self._kind.width
        stream.pix_fmt = encoding.pixel_format
        # One thread makes the same bytes everywhere; many videos have many processes.
        stream.codec_context.thread_count = 1
        if not self._kind.lossless:
            stream.codec_context.color_range = _FULL
            stream.codec_context.colorspace = _MATRIX
        return stream

    def __enter__(self) -> ProxyFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()

    def write(self, picture: np.ndarray) -> None:
        r"""Encodes the next frame.

        Args:
            picture: of shape (channels, height, width).
        """
        import av

        kind = self._kind
        frame: av.VideoFrame = av.VideoFrame(kind.width, kind.height, self._raw)
        for plane, samples in zip(self._planes, picture):
            rows = np.ascontiguousarray(samples).view(np.uint8)
            plane_rows(frame.planes[plane], rows.shape[1])[...] = rows
        if self._format != self._raw:
            frame = frame.reformat(
                format=self._format,
                dst_colorspace=_MATRIX,
                dst_color_range=_FULL,
                **one_thread(),
            )
        frame.pts, frame.time_base = self._count, Fraction(1, _RATE)
        self._count += 1
        self._container.mux(self._stream.encode(frame))
