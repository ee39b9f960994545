r"""Turns decoded frames into the pixels of the caller's array."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FrameSizeError
from ..types import ChannelFormat, Colorspace, PixelType, StreamInfo
from .depth import bit_depth, is_stored_grey, sample_dtype, warn_of_lost_bits
from .equality import (
    GBRP_PLANE_OF_CHANNEL,
    direct_equals_reformat,
    one_thread,
    planar_equals_packed,
    plane_pixels,
)
from .swscale import PLANAR, Conversion, DirectScaler
from .transpose import Transposer, can_transpose

if TYPE_CHECKING:
    import av
    from av.video.reformatter import VideoReformatter


_LIMITED = 1  # AVCOL_RANGE_MPEG
# The formats whose planes are the pixels, by what frames are converted into.
_STORED = {**PLANAR, "gray8": "gray"}


@dataclass(frozen=True)
class OutputFormat:
    r"""The pixels that a user asks for.

    Args:
        resize: ``(height, width)`` in pixels, or :obj:`None` for the size of the video.
        colorspace: ``"RGB"`` or ``"G"``.
        channel_format: ``"NCHW"`` or ``"NHWC"``.
        dtype: ``"uint8"``, ``"uint16"``, or ``"auto"`` for the one that has all bits.
    """

    resize: tuple[int, int] | None = None
    colorspace: Colorspace = "RGB"
    channel_format: ChannelFormat = "NCHW"
    dtype: PixelType = "uint8"

    def for_depth(self, bits: int) -> OutputFormat:
        r"""Returns the same pixels with a dtype that is settled.

        Args:
            bits: that a sample of the video has.
        """
        if self.dtype != "auto":
            return self
        return replace(self, dtype="uint16" if bits > 8 else "uint8")

    @property
    def sample_dtype(self) -> np.dtype[Any]:
        r"""Of the pixels, once it is settled."""
        return np.dtype(self.dtype)

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

    It holds swscale's contexts, so it belongs to one thread and is made for one request.

    Args:
        stream: the facts of the stream.
        output: the requested pixels, with a settled dtype.
        uri: of the video, for warnings.
    """

    def __init__(self, stream: StreamInfo, output: OutputFormat, uri: str) -> None:
        self._reformatter: VideoReformatter | None = None
        self._ways: dict[Conversion, tuple[Conversion, DirectScaler | None]] = {}
        self._transposers: dict[Conversion, Transposer] = {}
        self._output, self._uri = output, uri
        self._is_grey = output.colorspace == "G"
        self._is_deep = output.dtype == "uint16"
        self._is_planar = not self._is_grey and output.channel_format == "NCHW"
        self._turns = stream.rotation // 90
        self._mirrored = stream.mirrored
        size = output.resize
        if size is not None and self._turns % 2:
            size = (size[1], size[0])
        self._decoded_size = size or (stream.height, stream.width)

    def write(self, frame: av.VideoFrame, target: np.ndarray) -> None:
        r"""Converts a frame, straight into the target wherever that gives the same bytes.

        Args:
            frame: as decoded.
            target: array of :meth:`OutputFormat.frame_shape`, filled in place.

        Raises:
            FrameSizeError: if the frame has another size than the stream, and no
                ``resize`` says what to do about it.
            ValueError: if FFmpeg does not convert its format.
        """
        height, width = self._decoded_size
        if self._output.resize is None and (frame.height, frame.width) != (height, width):
            raise FrameSizeError(
                f"is {frame.height} x {frame.width} pixels where the index says {height} x "
                f"{width}: the video changes its size. Pass resize=(height, width) to read "
                f"all of it at one size."
            )
        if self._is_deep and frame.width % 2 and bit_depth(frame.format.name) <= 8:
            # On the way from 8 bits to 16, swscale may leave an odd last column unwritten.
            eight_bits = "gray8" if self._is_grey else "rgb24"
            frame = self._reformat(frame, eight_bits, width, height)
        kind = Conversion(
            frame.format.name,
            frame.width,
            frame.height,
            int(frame.colorspace),
            int(frame.color_range),
            self._target_format(frame),
            width,
            height,
            frame.interlaced_frame,
        )
        if kind not in self._ways:
            if bit_depth(kind.pixel_format) > 8 * target.itemsize:
                warn_of_lost_bits(self._uri, kind.pixel_format, target.dtype)
            self._ways[kind] = self._choose_way(kind)
        conversion, scaler = self._ways[kind]
        if scaler is not None:
            flat = target.reshape(conversion.target_shape) if self._is_grey else target
            if scaler.write(frame, flat):
                return
        self._copy(frame, conversion, target)

    def _target_format(self, frame: av.VideoFrame) -> str:
        if not self._is_deep:
            return "gray8" if self._is_grey else "rgb24"
        if frame.interlaced_frame and frame.format.name.startswith("xyz"):
            # swscale leaves rows of such frames unwritten.
            raise ValueError("two fields of XYZ have no conversion to 16 bits")
        if not self._is_grey:
            return "rgb48le"
        # Deep grey stays what it is: FFmpeg scales it only to other sizes.
        stored = frame.format.name
        return stored if is_stored_grey(stored) else "gray16le"

    def _choose_way(self, kind: Conversion) -> tuple[Conversion, DirectScaler | None]:
        # The fastest conversion that gives the bytes of the reference. Planes that hold the
        # pixels already are copied as they are, unless the stream claims a limited range.
        stored = _STORED.get(kind.target_format, kind.target_format)
        if kind.pixel_format == stored and kind.keeps_size and kind.color_range != _LIMITED:
            return kind._replace(target_format=stored), None
        if self._is_planar and kind.target_format in PLANAR and planar_equals_packed(kind):
            kind = kind._replace(target_format=PLANAR[kind.target_format])
        fits = self._is_grey or self._is_planar == kind.is_planar
        turned = self._turns or self._mirrored
        if turned or not fits or not direct_equals_reformat(kind):
            return kind, None
        return kind, DirectScaler(kind)

    def _copy(
        self, frame: av.VideoFrame, conversion: Conversion, target: np.ndarray
    ) -> None:
        picture = frame
        if conversion.pixel_format != conversion.target_format or not conversion.keeps_size:
            picture = self._reformat(
                frame,
                conversion.target_format,
                conversion.target_width,
                conversion.target_height,
            )
        if self._output.channel_format == "NCHW":
            target = target.transpose(1, 2, 0)
        if self._turns % 2 and can_transpose():
            picture = self._transposed(picture, conversion)
        else:
            target = self._undo_display_transform(target)
        dtype = sample_dtype(conversion.target_format)
        if conversion.is_planar:
            for channel, plane in enumerate(GBRP_PLANE_OF_CHANNEL):
                target[..., channel] = plane_pixels(picture, plane, dtype)
        elif self._is_grey:
            target[..., 0] = plane_pixels(picture, 0, dtype)
        else:
            target[...] = plane_pixels(picture, 0, dtype, channels=3)

    def _reformat(
        self, frame: av.VideoFrame, pixel_format: str, width: int, height: int
    ) -> av.VideoFrame:
        if self._reformatter is None:
            from av.video.reformatter import VideoReformatter

            self._reformatter = VideoReformatter()
        threads = one_thread(frame.format.name, frame.height, pixel_format)
        return self._reformatter.reformat(
            frame, format=pixel_format, width=width, height=height, **threads
        )

    def _transposed(self, picture: av.VideoFrame, conversion: Conversion) -> av.VideoFrame:
        if conversion not in self._transposers:
            transposer = Transposer(picture, self._turns, self._mirrored)
            self._transposers[conversion] = transposer
        return self._transposers[conversion].turn(picture)

    def _undo_display_transform(self, target: np.ndarray) -> np.ndarray:
        # A view of the target in which the frame lies as it was decoded.
        if self._mirrored:
            target = target[:, ::-1]
        return np.rot90(target, -self._turns) if self._turns else target
