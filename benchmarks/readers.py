r"""The readers: each opens a file, and turns a request into pixels (n, C, H, W)."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import temporaldata_video as tv
from temporaldata_video._base import process_cache as process
from temporaldata_video._pixels.equality import one_thread

from .videos import Video
from .workloads import Request

OURS, FLOOR, PYAV = "ours", "floor", "pyav"
FRESH, KEPT = "torchcodec fresh", "torchcodec kept"
# The readers of the thresholds, asked even where a request takes long.
ALWAYS = (OURS, FLOOR, PYAV, f"{FRESH} exact", f"{KEPT} exact")
# Up to this many frames PyAV and OpenCV read on; beyond it they seek.
SEEK_FROM = 32


@dataclass(frozen=True)
class Reader:
    r"""A way to read frames.

    Args:
        name: as in tables.
        open: returns a handle for a video.
        read: returns the pixels of a request, as an array or a tensor.
        fresh: whether the handle is made anew for each request.
        kept_only: whether it is the same as another reader where files are opened anew.
        reads_ahead: whether an open handle goes on decoding in the background, without
            bound and at the cost of others; it is then opened, untimed, for each turn.
        forget: what to do, untimed, so that opening is as in a new process.
    """

    name: str
    open: Callable[[Video], Any]
    read: Callable[[Any, Request], Any]
    fresh: bool = False
    kept_only: bool = False
    reads_ahead: bool = False
    forget: Callable[[], None] = lambda: None


def find_readers() -> tuple[list[Reader], dict[str, str]]:
    r"""Returns the readers that are installed, and why the others are missing."""
    readers = [
        Reader(OURS, open_ours, read_ours, forget=_forget_ours),
        Reader(PYAV, PyAV, PyAV.read),
    ]
    missing: dict[str, str] = {}
    for module, make in (
        ("torchcodec", _torchcodec_readers),
        ("decord", lambda: [Reader("decord", open_decord, read_decord, reads_ahead=True)]),
        ("cv2", lambda: [Reader("opencv", OpenCV, OpenCV.read)]),
    ):
        try:
            importlib.import_module(module)
            readers += make()
        except (ImportError, OSError, RuntimeError) as error:
            missing[module] = str(error).splitlines()[0]
    return readers, missing


# This package ---------------------------------------------------------------------------


def open_ours(video: Video) -> tv.LazyVideo:
    return tv.LazyVideo.from_uri(video.path, index_uri=video.index_uri)


def read_ours(lazy: tv.LazyVideo, request: Request) -> np.ndarray:
    if request.step != 1 or len(request.frames) == 1:
        return lazy.frames_at(request.frames)
    times = lazy.timestamps
    end = times[request.stop] if request.stop < len(times) else times[-1] + 1.0
    return lazy.slice(times[request.start], end).frames


def _forget_ours() -> None:
    for cache in list(process._ALL):
        cache.clear()


# PyAV, used plainly ---------------------------------------------------------------------


class PyAV:
    r"""Seek to the key frame before, decode up to the frame, convert, transpose.

    It is told the true pts of each frame, which a user would have to guess.
    """

    def __init__(self, video: Video) -> None:
        import av

        self.container = av.open(str(video.path))
        self.stream = self.container.streams.video[0]
        self.stream.codec_context.thread_count = 1
        self.stream.codec_context.thread_type = "NONE"
        self.pts = video.pts

    def read(self, request: Request) -> np.ndarray:
        pixels: dict[int, np.ndarray] = {}
        last = -SEEK_FROM - 1
        for number in np.unique(request.frames).tolist():
            target = int(self.pts[number])
            if number - last > SEEK_FROM:
                self.container.seek(target, stream=self.stream)
                frames = self.container.decode(self.stream)
            frame = next(f for f in frames if f.pts is not None and f.pts >= target)
            pixels[number] = frame.to_ndarray(format="rgb24", **one_thread())
            last = number
        ordered = [pixels[number].transpose(2, 0, 1) for number in request.frames.tolist()]
        return np.stack(ordered)


# torchcodec -----------------------------------------------------------------------------

MODES = ("exact", "approximate", "mappings")


def _torchcodec_readers() -> list[Reader]:
    import torch
    from torchcodec.decoders import VideoDecoder

    torch.set_num_threads(1)
    modes = [mode for mode in MODES if mode != "mappings" or _takes_mappings(VideoDecoder)]
    return [
        Reader(f"{name} {mode}", partial(open_torchcodec, mode), read_torchcodec, **how)
        for name, how in ((FRESH, {"fresh": True}), (KEPT, {"kept_only": True}))
        for mode in modes
    ]


def _takes_mappings(decoder: Any) -> bool:
    return "custom_frame_mappings" in inspect.signature(decoder.__init__).parameters


def open_torchcodec(mode: str, video: Video) -> Any:
    from torchcodec.decoders import VideoDecoder

    if mode == "mappings":
        how = {"custom_frame_mappings": _mappings(video)}
    else:
        how = {"seek_mode": mode}
    return VideoDecoder(str(video.path), num_ffmpeg_threads=1, **how)


@functools.lru_cache(maxsize=2)
def _mappings(video: Video) -> bytes:
    duration = np.diff(video.pts, append=2 * video.pts[-1] - video.pts[-2])
    columns = zip(video.pts.tolist(), duration.tolist(), video.keyframe.tolist())
    frames = [{"pts": p, "duration": d, "key_frame": int(k)} for p, d, k in columns]
    return json.dumps({"frames": frames}).encode()


def read_torchcodec(decoder: Any, request: Request) -> Any:
    if len(request.frames) == 1:
        return decoder.get_frame_at(request.start).data[None]
    if request.step:
        return decoder.get_frames_in_range(request.start, request.stop, request.step).data
    return decoder.get_frames_at(request.frames.tolist()).data


# decord and OpenCV ----------------------------------------------------------------------


def open_decord(video: Video) -> Any:
    import decord

    return decord.VideoReader(str(video.path), num_threads=1)


def read_decord(reader: Any, request: Request) -> np.ndarray:
    return reader.get_batch(request.frames).asnumpy().transpose(0, 3, 1, 2)


class OpenCV:
    r"""Set the number of the frame, read, swap blue and red."""

    def __init__(self, video: Video) -> None:
        import cv2

        cv2.setNumThreads(1)
        how = [cv2.CAP_PROP_N_THREADS, 1] if hasattr(cv2, "CAP_PROP_N_THREADS") else []
        self.capture = cv2.VideoCapture(str(video.path), cv2.CAP_FFMPEG, how)

    def read(self, request: Request) -> np.ndarray:
        import cv2

        pixels: dict[int, np.ndarray] = {}
        last = -SEEK_FROM - 1
        for number in np.unique(request.frames).tolist():
            if number - last > SEEK_FROM:
                self.capture.set(cv2.CAP_PROP_POS_FRAMES, number)
            else:
                for _ in range(number - last - 1):
                    self.capture.grab()
            found, frame = self.capture.read()
            if not found:
                raise RuntimeError(f"OpenCV reads no frame {number}")
            pixels[number] = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            last = number
        ordered = [pixels[number] for number in request.frames.tolist()]
        return np.stack(ordered).transpose(0, 3, 1, 2)
