r"""Makes clips whose pixels say which frame they are, to test and show reading by frame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ._numbers import paint_number

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

SECOND_VIDEO_OFFSET = 100_000
AUDIO_RATE = 48_000


def make_clip(
    path: str | Path,
    n_frames: int = 60,
    *,
    size: tuple[int, int] = (64, 96),
    rate: int | Fraction = 30,
    codec: str = "libx264",
    gop: int = 12,
    b_frames: int = 2,
    pixel_format: str = "yuv420p",
    open_gop: bool = False,
    first_frame: int = 0,
    container_options: Mapping[str, str] | None = None,
    codec_options: Mapping[str, str] | None = None,
    pts: np.ndarray | None = None,
    time_base: Fraction | None = None,
    audio: bool = False,
    second_video: bool = False,
    paint: Callable[[int, int, int], np.ndarray] = paint_number,
) -> Path:
    r"""Writes a video whose frames carry their numbers.

    The same arguments give the same bytes with the same build of FFmpeg.

    Args:
        path: the file to write; its suffix chooses the container.
        n_frames: number of frames.
        size: height and width in pixels.
        rate: frames per second.
        codec: FFmpeg's name of the encoder.
        gop: frames from one key frame to the next; MPEG-4 Part 2 with B-frames puts
            one more at the end.
        b_frames: B-frames in a row, for the codecs that have them.
        pixel_format: FFmpeg's name of the encoded pixel format.
        open_gop: whether frames may refer to the key frame after them, in H.264 and
            HEVC.
        first_frame: number painted in the first frame.
        container_options: options of the muxer, such as
            ``{"movflags": "frag_keyframe+empty_moov"}``.
        codec_options: options of the encoder, which override those chosen here.
        pts: time of each frame in units of ``time_base``, increasing integers of shape
            (n_frames,), for a variable frame rate; one unit per frame by default.
        time_base: seconds per unit of ``pts``; by default 1/1000, or 1/``rate`` where
            there are no ``pts``.
        audio: whether to interleave a track with a tone.
        second_video: whether to add a second video stream, whose numbers are
            ``SECOND_VIDEO_OFFSET`` higher.
        paint: a function that turns number, height and width into an RGB frame.

    Returns:
        The path of the file.

    Raises:
        ValueError: the installed PyAV cannot encode the codec, or ``pts`` do not fit.

    Example ::

        >>> import tempfile
        >>> from temporaldata_video.testing import make_clip
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     make_clip(f"{directory}/clip.mp4", n_frames=24, gop=6).name
        'clip.mp4'
    """
    import av

    path = Path(path)
    _check_encoder(codec)
    if time_base is None:
        time_base = 1 / Fraction(rate) if pts is None else Fraction(1, 1000)
    pts = _checked_pts(np.arange(n_frames) if pts is None else pts, n_frames)
    options = _encoder_options(codec, gop, b_frames, open_gop) | dict(codec_options or {})
    # Matroska and MP4 would otherwise sign each file with a random id or the date.
    muxer_options = {"fflags": "+bitexact"} | dict(container_options or {})

    with (
        _scheduling_kept(),
        av.open(str(path), "w", container_options=muxer_options) as container,
    ):
        videos = [
            _add_video(container, codec, options, size, rate, time_base, pixel_format)
            for _ in range(1 + second_video)
        ]
        tones = [_add_audio(container, path.suffix)] if audio else []
        chunks = _tone_chunks(pts, time_base)
        for k in range(n_frames):
            for i, video in enumerate(videos):
                number = first_frame + k + i * SECOND_VIDEO_OFFSET
                frame = av.VideoFrame.from_ndarray(paint(number, *size), format="rgb24")
                frame.pts, frame.time_base = int(pts[k]), time_base
                container.mux(video.encode(frame))
            for tone in tones:
                container.mux(tone.encode(next(chunks)))
        streams: list[VideoStream | AudioStream] = [*videos, *tones]
        for stream in streams:
            container.mux(stream.encode(None))
    return path


@contextmanager
def _scheduling_kept() -> Iterator[None]:
    # SVT-AV1 turns the process of an administrator into a real-time one. From then on,
    # that process would starve everything else on the machine.
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)


def _check_encoder(codec: str) -> None:
    import av

    try:
        av.codec.Codec(codec, "w")
    except ValueError:
        raise ValueError(
            f"codec={codec!r} is no encoder of the installed PyAV {av.__version__}"
        ) from None


def _checked_pts(pts: np.ndarray, n_frames: int) -> np.ndarray:
    pts = np.asarray(pts)
    if pts.shape != (n_frames,) or not (np.diff(pts) > 0).all():
        raise ValueError(f"pts must be {n_frames} increasing integers, not {pts}")
    return pts


def _encoder_options(codec: str, gop: int, b_frames: int, open_gop: bool) -> dict[str, str]:
    r"""Returns options for a fast encoder with one thread and exact groups of pictures."""
    if codec == "mjpeg":
        return {}
    exact = {
        "g": str(gop),
        "keyint_min": str(gop),
        "bf": str(b_frames),
        "sc_threshold": "0",
        "b_strategy": "0",
    }
    of_codec = {
        "libx264": {
            "preset": "ultrafast",
            "crf": "23",
            "x264-params": f"open-gop={open_gop:d}",
        },
        "libx265": {
            "preset": "ultrafast",
            "crf": "26",
            "x265-params": f"open-gop={open_gop:d}:keyint={gop}:min-keyint={gop}"
            f":bframes={b_frames}:b-adapt=0:scenecut=0"
            ":pools=none:frame-threads=1:wpp=0:log-level=none",
        },
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
        # The real-time mode of libaom corrupts the heap in PyAV 14.
        "libaom-av1": {"usage": "good", "cpu-used": "8", "lag-in-frames": "0"},
        # The faster presets of SVT-AV1 drop changes of whole cells.
        "libsvtav1": {"preset": "8", "crf": "20", "svtav1-params": "lp=1"},
    }
    return exact | of_codec.get(codec, {})


def _add_video(
    container: OutputContainer,
    codec: str,
    options: dict[str, str],
    size: tuple[int, int],
    rate: int | Fraction,
    time_base: Fraction,
    pixel_format: str,
) -> VideoStream:
    if codec == "libsvtav1":
        # SVT-AV1 doesn't write to FFmpeg's log, and only this variable silences it.
        os.environ.setdefault("SVT_LOG", "1")
    stream = cast("VideoStream", container.add_stream(codec, rate, options))
    stream.height, stream.width = size
    stream.pix_fmt = pixel_format
    if codec == "mjpeg" and pixel_format == "yuv420p":
        # JPEG has only the full range of levels, and FFmpeg has a name for that.
        stream.pix_fmt = "yuvj420p"
    stream.codec_context.time_base = time_base
    # A codec with threads of its own hangs in tests that fork.
    stream.codec_context.thread_count = 1
    return stream


def _add_audio(container: OutputContainer, suffix: str) -> AudioStream:
    codec = "libopus" if suffix == ".webm" else "aac"
    stream = cast("AudioStream", container.add_stream(codec, AUDIO_RATE))
    stream.layout = "mono"
    return stream


def _tone_chunks(pts: np.ndarray, time_base: Fraction) -> Iterator[AudioFrame]:
    r"""Yields, for each video frame, the part of a tone that lasts until the next frame."""
    import av

    for start, stop in zip(pts, [*pts[1:], pts[-1] + 1]):
        first, last = (int(int(t) * time_base * AUDIO_RATE) for t in (start, stop))
        samples = 0.2 * np.sin(2 * np.pi * 440 / AUDIO_RATE * np.arange(first, last))
        chunk = av.AudioFrame.from_ndarray(
            samples.astype(np.float32)[None], format="fltp", layout="mono"
        )
        chunk.sample_rate, chunk.pts = AUDIO_RATE, first
        chunk.time_base = Fraction(1, AUDIO_RATE)
        yield chunk
