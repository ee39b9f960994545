r"""Opens containers with FFmpeg, but no file that they name, and demuxes them."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import SourceError, VideoError
from .formats import opening_options

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

# A block's own header lies between Packet.pos and the payload; in Matroska it has 4 bytes.
LONGEST_BLOCK_HEADER = 64


@functools.cache
def pyav_version() -> int:
    r"""Returns the major version of the installed PyAV, which says what it can do."""
    import av

    return int(av.__version__.partition(".")[0])


@functools.cache
def scaler_version() -> str:
    r"""Returns the version of libswscale, by which FFmpeg resizes frames. Another one may
    round some pixels to other values."""
    import av

    return ".".join(map(str, av.library_versions["libswscale"]))


@functools.cache
def ffmpeg_errors() -> tuple[type[Exception], ...]:
    r"""Returns what PyAV raises for bytes that FFmpeg cannot read, and what a file raises
    when FFmpeg asks it for a place that it does not have."""
    import av

    return av.error.FFmpegError, OSError, ValueError, OverflowError


def open_container(
    file: BinaryIO,
    uri: str,
    *,
    demuxer: str | None = None,
    options: Mapping[str, str] | None = None,
    buffer_bytes: int = 32 * 1024,
) -> InputContainer:
    r"""Returns a PyAV container over an open file, whatever the file calls itself.

    Args:
        file: seekable binary file.
        uri: for messages.
        demuxer: FFmpeg's name of the only demuxer to try.
        options: further options of FFmpeg's demuxers.
        buffer_bytes: how many bytes of the file are read at a time.

    Raises:
        SourceError: if FFmpeg finds no video in it, or none that it can decode.
    """
    import av

    # From PyAV 19 on, metadata that is no UTF-8 is no error.
    lenient: dict[str, Any] = {} if pyav_version() >= 19 else {"metadata_errors": "replace"}
    try:
        container = av.open(
            _Guarded(file),
            mode="r",
            format=demuxer,
            container_options={**opening_options(), **(options or {})},
            buffer_size=buffer_bytes,
            **lenient,
        )
    except VideoError:  # an error of the store says more
        raise
    except ffmpeg_errors() as error:
        raise SourceError(
            f"{uri!r} is no video file that FFmpeg can read ({_reason(error)}). Check that "
            f"it was copied whole and that it is not a playlist or another kind of file."
        ) from error
    if not container.streams.video:
        container.close()
        raise SourceError(f"{uri!r} holds no video stream.")
    if not _has_decoder(container.streams.video[0]):
        container.close()
        raise SourceError(
            f"{uri!r} holds video of a codec that this FFmpeg cannot decode. Re-encode it, "
            f"for instance as H.264, with a program that can decode it."
        )
    return container


def demuxed(
    container: InputContainer, stream: VideoStream, uri: str
) -> Iterator[av.Packet]:
    r"""Yields the packets of a stream that are not empty, in the order of the file.

    Args:
        container: from :func:`open_container`.
        stream: one of its streams.
        uri: for messages.

    Raises:
        SourceError: if FFmpeg gives up in the middle of the file.
    """
    try:
        for packet in container.demux(stream):
            if packet.size:
                yield packet
    except VideoError:
        raise
    except ffmpeg_errors() as error:
        raise SourceError(
            f"the packets of {uri!r} cannot be read ({_reason(error)}). Check that it was "
            f"copied whole."
        ) from error


def as_fraction(number: Any) -> Fraction:
    r"""Returns a rational number of PyAV, which has a type of its own since 19.

    Args:
        number: the number, or :obj:`None`.

    Returns:
        0 where there is none, and for a denominator of 0.
    """
    if number is None or not number.denominator:
        return Fraction(0)
    return Fraction(int(number.numerator), int(number.denominator))


def _has_decoder(stream: VideoStream) -> bool:
    # PyAV before 19 has no context without a decoder, and a later one has no codec there.
    context: VideoCodecContext | None = stream.codec_context
    try:
        return context is not None and context.codec is not None
    except ValueError:
        return False


def keep_to_one_thread(context: VideoCodecContext) -> None:
    r"""Keeps a decoder from starting threads: those made before a fork deadlock when the
    child frees the decoder.

    Args:
        context: of a decoder that is not open yet.
    """
    context.thread_count = 1
    context.thread_type = "NONE"


class _Guarded:
    # Damaged files make FFmpeg seek to places before their beginning. FFmpeg copes with an
    # error number as an answer, while PyAV would keep an exception and raise it later.
    # After an error of reading, the file ends here: PyAV raises the error when FFmpeg is
    # through, and FFmpeg would go on for long. PyAV 14 cannot take a second error at all.

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failed = False
        self.tell = file.tell
        self.name = getattr(file, "name", "")

    def seekable(self) -> bool:
        return True

    def read(self, length: int) -> bytes:
        if self._failed:
            return b""
        try:
            return self._file.read(length)
        except BaseException:
            self._failed = True
            raise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._failed:
            return -errno.EIO
        try:
            return self._file.seek(offset, whence)
        except VideoError:  # an error of the store says more
            self._failed = True
            raise
        except (OSError, ValueError):
            return -errno.EINVAL


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
