r"""Encodes frames into an MP4 file at given times, with the sound of another file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from ..._base.container import as_fraction
from ..._index.chroma import leaves_chroma_open
from ..._pixels.depth import bit_depth
from ..._pixels.equality import one_thread
from ...errors import VideoError
from ...types import StreamInfo

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

ENCODERS = {"h264": "libx264", "hevc": "libx265", "ffv1": "ffv1"}
# Players decode 10 bits of HEVC, and more only some.
_USUAL_BITS = 10
# The muxer multiplies coarser time bases up to this many units a second.
_MIN_TIME_SCALE = 10_000
SoundDigests = dict[int, "hashlib.blake2b"]
# Matrix and range (BT.601, limited) that RGB is converted to where it has to be.
_FROM_RGB = (5, 1)
# What FFV1 makes of formats that hold red, green and blue together.
_PLANAR = {"rgb48le": "gbrp16le", "rgba64le": "gbrap16le"}


@dataclass(frozen=True)
class Encoding:
    r"""How frames are encoded.

    Args:
        codec: a key of :data:`ENCODERS`; by default the first of them that suits.
        gop: frames from one key frame to the next, at most.
        crf: constant rate factor of the encoder, 0 to 51; less is better and larger.
        lossless: keep every pixel; ``crf`` then has no meaning.
        threads: of the encoder.
    """

    codec: str | None = None
    gop: int = 30
    crf: int = 18
    lossless: bool = False
    threads: int = 1

    def for_frames(self, frame: av.VideoFrame) -> Encoding:
        r"""Returns the encoding with the codec for some frames.

        Args:
            frame: the first of them.
        """
        if self.codec is not None:
            return self
        pixel_format, suited = frame.format.name, ["h264", "hevc", "ffv1"]
        if bit_depth(pixel_format) > 8:
            # HEVC always says where chroma lies, and RGB of more than 8 bits depends on it.
            suited = ["ffv1", "hevc"] if leaves_chroma_open(frame) else ["hevc", "ffv1"]
        if not self.lossless:
            suited.remove("ffv1")
        else:
            held = [c for c in suited if same_values(pixel_format, held_formats(c))]
            suited = held or suited
        return replace(self, codec=suited[0])

    def options(self) -> dict[str, str]:
        r"""Returns the options of the encoder.

        Groups of pictures are closed, so that decoding can start at any of them. B-frames
        are no references, so that those before the wanted frame need not be decoded.
        """
        if self.codec == "ffv1":
            # Every frame by itself, in parts that several threads can decode.
            return {"g": "1", "level": "3", "slices": "4", "slicecrc": "1"}
        if self.codec == "h264":
            rate = {"qp": "0"} if self.lossless else {"crf": str(self.crf)}
            extra = {"g": str(self.gop), "x264-params": "open-gop=0:b-pyramid=none"}
        else:
            rate = {} if self.lossless else {"crf": str(self.crf)}
            parameters = f"keyint={self.gop}:open-gop=0:b-pyramid=0:log-level=none"
            extra = {
                "x265-params": f"{parameters}:lossless=1" if self.lossless else parameters
            }
        return {"tune": "fastdecode", **rate, **extra}


def held_formats(codec: str) -> set[str]:
    r"""Returns the pixel formats that an encoder takes.

    Args:
        codec: a key of :data:`ENCODERS`.
    """
    import av

    formats = av.Codec(ENCODERS[codec], "w").video_formats or []
    return {known.name for known in formats}


def same_values(pixel_format: str, held: set[str]) -> str:
    r"""Returns the format among those held that has the same values: the same one, or one
    that differs in the order of bytes or planes. ``""`` if there is none.

    Args:
        pixel_format: FFmpeg's name of it.
        held: FFmpeg's names of others.
    """
    little = pixel_format.removesuffix("be") + "le"
    for name in (_PLANAR.get(little), pixel_format, little):
        if name in held:
            return name
    return ""


class Mp4Writer:
    r"""Writes one MP4 file, frame by frame in the order in which they are shown.

    Args:
        path: the file, which is replaced.
        encoding: how frames are encoded.
        stream: the facts of the stream from which they come, for the colour tags.
        time_base: seconds per unit of pts.
        rate: frames a second on average, a hint to the encoder.
        pixel_aspect: width of a pixel by its height; 0 where it is unknown.
        audio: a container whose sound is copied, or :obj:`None`; closed by the caller.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        stream: StreamInfo,
        *,
        time_base: Fraction,
        rate: Fraction,
        pixel_aspect: Fraction = Fraction(0),
        audio: InputContainer | None = None,
    ) -> None:
        import av

        self._encoding, self._stream = encoding, stream
        self._time_base, self._rate = time_base, rate
        self._pixel_aspect = pixel_aspect
        scale = time_base.denominator
        while scale < _MIN_TIME_SCALE:
            scale *= 2
        self._container = av.open(
            str(path),
            "w",
            format="mp4",
            # A late start is an edit in units of the movie, milliseconds by default.
            container_options={"movflags": "faststart", "movie_timescale": str(scale)},
        )
        self._video: VideoStream | None = None
        self._audio = audio
        self._sound: Iterator[tuple[Fraction, av.Packet]] = iter(())
        self._waiting: tuple[Fraction, av.Packet] | None = None
        self.pixel_format = ""
        self.tags = (2, 0)  # matrix and range of the colours
        self.sound_digests: SoundDigests = {}

    def __enter__(self) -> Mp4Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import av

        try:
            if kind is None:
                self._finish()
        finally:
            try:
                self._container.close()
            except (av.error.FFmpegError, ValueError):
                if kind is None:
                    raise

    def write(self, frame: av.VideoFrame, pts: int) -> av.VideoFrame:
        r"""Encodes a frame.

        Args:
            frame: as decoded; its time is overwritten.
            pts: when it is shown, in units of the time base.

        Returns:
            The frame as it went into the encoder, converted if that cannot hold its
            pixel format.
        """
        video = self._video or self._start(frame)
        if (frame.width, frame.height) != (video.width, video.height):
            raise VideoError(
                f"the video changes its size from {video.width} x {video.height} to "
                f"{frame.width} x {frame.height}, which one stream of a copy cannot do."
            )
        if frame.format.name != self.pixel_format:
            frame = self._convert(frame)
        import av

        # The type of a frame in the old stream must not decide its type in the new one.
        frame.pict_type = cast("Any", av.video.frame.PictureType.NONE)
        frame.pts, frame.time_base = pts, self._time_base
        self._copy_sound(pts * self._time_base)
        self._container.mux(video.encode(frame))
        return frame

    def _convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        if not frame.format.is_rgb:
            return frame.reformat(format=self.pixel_format, **one_thread())
        matrix, levels = _FROM_RGB
        return frame.reformat(
            format=self.pixel_format,
            dst_colorspace=matrix,
            dst_color_range=levels,
            **one_thread(),
        )

    def _start(self, frame: av.VideoFrame) -> VideoStream:
        self._encoding = self._encoding.for_frames(frame)
        self.pixel_format = self._choose_format(frame)
        self.tags = int(frame.colorspace), int(frame.color_range)
        if frame.format.is_rgb and self.pixel_format != frame.format.name:
            self.tags = _FROM_RGB
        video = self._add_video()
        video.width, video.height = frame.width, frame.height
        video.pix_fmt = self.pixel_format
        context = video.codec_context
        context.time_base = self._time_base
        context.thread_count = self._encoding.threads
        stream = self._stream
        context.color_primaries = getattr(frame, "color_primaries", stream.color_primaries)
        context.color_trc = getattr(frame, "color_trc", stream.color_trc)
        context.colorspace, context.color_range = self.tags
        if self._codec == "hevc":
            context.codec_tag = "hvc1"  # the one that QuickTime plays
        if self._pixel_aspect:
            context.sample_aspect_ratio = self._pixel_aspect
        self._video = video
        self._start_sound()
        return video

    def _add_video(self) -> VideoStream:
        import av

        encoder, options = ENCODERS[self._codec], self._encoding.options()
        if self._stream.chroma_location:  # PyAV has no attribute for it
            options["chroma_sample_location"] = self._stream.chroma_location
        try:
            video = self._container.add_stream(encoder, self._rate, options)
        except ValueError as error:
            raise VideoError(
                f"the FFmpeg of PyAV {av.__version__} cannot write {encoder} into MP4. "
                f"Install PyAV 16 or newer."
            ) from error
        return cast("VideoStream", video)

    @property
    def _codec(self) -> str:
        assert self._encoding.codec is not None  # the first frame settles it
        return self._encoding.codec

    def _choose_format(self, frame: av.VideoFrame) -> str:
        found, encoder = frame.format, ENCODERS[self._codec]
        allowed = held_formats(self._codec)
        same = same_values(found.name, allowed)
        if same:
            return same
        bits = bit_depth(found.name)
        if self._encoding.lossless:
            raise VideoError(
                f"{encoder} cannot hold {found.name} pixels without loss. Leave "
                f"lossless=True out, or keep the video as it is."
            )
        if bits > _USUAL_BITS or self._codec == "ffv1":
            raise VideoError(
                f"its samples have {bits} bits ({found.name}), of which {encoder} keeps "
                f"fewer. Pass lossless=True, or keep the video as it is."
            )
        base = "yuv444p" if found.is_rgb or found.has_palette else "yuv420p"
        if len(found.components) == 1 and not found.has_palette:
            base = "gray"
        return f"{base}10le" if bits > 8 else base

    def _start_sound(self) -> None:
        import av

        sources = self._audio.streams.audio if self._audio else ()
        if self._audio is None or not sources:
            return
        copies: dict[int, Stream] = {}
        try:
            for stream in sources:
                copies[stream.index] = self._container.add_stream_from_template(stream)
            self._container.start_encoding()
        except (ValueError, av.error.FFmpegError) as error:
            codecs = ", ".join(stream.codec_context.name for stream in sources)
            raise VideoError(
                f"its sound ({codecs}) cannot be copied into MP4. Leave it out with "
                f"audio=False."
            ) from error
        packets = _sound_packets(self._audio, self.sound_digests)
        self._sound = (_moved(packet, copies) for packet in packets)

    def _copy_sound(self, until: Fraction | None) -> None:
        r"""Writes the sound up to a time in seconds; for :obj:`None`, all that is left."""
        while True:
            if self._waiting is None:
                self._waiting = next(self._sound, None)
            if self._waiting is None:
                return
            time, packet = self._waiting
            if until is not None and time > until:
                return
            self._container.mux(packet)
            self._waiting = None

    def _finish(self) -> None:
        if self._video is not None:
            self._container.mux(self._video.encode(None))
        self._copy_sound(None)


def _sound_packets(source: InputContainer, digests: SoundDigests) -> Iterator[av.Packet]:
    numbers = {stream.index: k for k, stream in enumerate(source.streams.audio)}
    for packet in source.demux(*source.streams.audio):
        if packet.size:
            number = numbers[packet.stream.index]
            digest = digests.setdefault(number, hashlib.blake2b(digest_size=16))
            digest.update(bytes(packet))
            yield packet


def _moved(packet: av.Packet, copies: dict[int, Stream]) -> tuple[Fraction, av.Packet]:
    time = (packet.dts or 0) * (as_fraction(packet.time_base) or Fraction(1))
    packet.stream = copies[packet.stream.index]
    return time, packet


def digest_sound(source: InputContainer) -> SoundDigests:
    r"""Returns a digest of all packets of each audio stream, by its number among them.

    Args:
        source: a container that was just opened.
    """
    digests: SoundDigests = {}
    if source.streams.audio:
        for _ in _sound_packets(source, digests):
            pass
    return digests
