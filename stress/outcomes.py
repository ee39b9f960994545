r"""What becomes of a file: read right, refused when it is indexed, or a fault."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter

import temporaldata_video as tv

RIGHT, REFUSED, NONE = "right", "refused", "none decodes"
N_SINGLE, N_WINDOWS, LONGEST_WINDOW = 12, 3, 7


class Outcome(NamedTuple):
    r"""What became of a file.

    Args:
        what: ``"right"``, ``"refused"``, ``"none decodes"`` of an index whose frames are
            all in error, or in capitals what is at fault.
        why: the error, or what differs.
        truth: number of frames that a sequential decode shows, -1 if it opens nothing.
    """

    what: str
    why: str
    truth: int


def sequential(path: Path) -> np.ndarray | None:
    r"""Returns the frames of a file as PyAV decodes them from its beginning to its end.

    Args:
        path: the file.

    Returns:
        uint8 of shape (n, height, width, 3), or :obj:`None` if PyAV finds no video in it.
    """
    return _sequential(path)[0]


def _sequential(path: Path) -> tuple[np.ndarray | None, int]:
    # With it the number of packets that the decoder has an error for.
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError):
        return None, 0
    shown: list[np.ndarray] = []
    errors = 0
    with container:
        if not container.streams.video or not container.streams.video[0].codec_context:
            return None, 0
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count, context.thread_type = 1, "NONE"
        reformatter = VideoReformatter()
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.FFmpegError:
                # It gives up here, and the decoder still holds frames back.
                held_back = context.decode(None)
                shown += [
                    reformatter.reformat(frame, format="rgb24").to_ndarray()
                    for frame in held_back
                ]
                break
            try:
                for frame in packet.decode():
                    shown.append(reformatter.reformat(frame, format="rgb24").to_ndarray())
            except (av.error.FFmpegError, ValueError):
                errors += 1
    return (np.stack(shown) if shown else np.empty((0, 0, 0, 3), np.uint8)), errors


def outcome(path: Path, seed: int = 0) -> Outcome:
    r"""Indexes a file, reads it in pieces, and compares it with a sequential decode.

    Args:
        path: the file; its sidecar is written beside it.
        seed: decides which pieces.
    """
    truth, errors = _sequential(path)
    n = -1 if truth is None else len(truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tv.VideoWarning)
        try:
            tv.write_index(path, progress=False)
        except tv.VideoError as error:
            return Outcome(REFUSED, _said(error, path), n)
        except Exception as error:
            return Outcome("CRASH", f"indexing: {_said(error, path)}", n)
        try:
            return Outcome(*_compared(path, truth, errors, random.Random(seed)), n)
        except tv.VideoError as error:
            return Outcome("LOST", f"reading: {_said(error, path)}", n)
        except Exception as error:
            return Outcome("CRASH", f"reading: {_said(error, path)}", n)


def _compared(
    path: Path, truth: np.ndarray | None, errors: int, chance: random.Random
) -> tuple[str, str]:
    video = tv.LazyVideo.from_uri(path, channel_format="NHWC", on_error="mask")
    n = len(video)
    if truth is None:
        return "COUNT", f"{n} frames of a file that a sequential decode does not open"
    # Frames by their number, whatever the clock says; a packet that the decoder has an
    # error for keeps its own, and a sequential decode passes over it.
    by_number = np.argsort(video.frame_indices)
    if sorted(video.frame_indices.tolist()) != list(range(n)):
        return "WRONG", f"its frames have the numbers {video.frame_indices.tolist()}"
    good = by_number[video.frames_at(by_number, return_valid=True)[1]]
    if len(good) != len(truth):
        return "COUNT", f"{len(good)} of {n} frames, a sequential decode shows {len(truth)}"
    if n - len(good) > errors:
        return "LOST", f"{n - len(good)} frames, for which no decoder has an error"
    if len(good) == 0:
        return NONE, f"{n} frames, none of which decodes"
    picks = [np.arange(len(good))]
    picks += [np.array([chance.randrange(len(good))]) for _ in range(N_SINGLE)]
    for _ in range(N_WINDOWS):
        first = chance.randrange(len(good))
        last = first + chance.randrange(LONGEST_WINDOW)
        picks.append(np.arange(first, min(len(good), last + 1)))
    for pick in picks:
        frames, valid = video.frames_at(good[pick], return_valid=True)
        if not valid.all():
            return "LOST", f"{np.count_nonzero(~valid)} of {len(pick)} read at once"
        if not np.array_equal(frames, truth[pick]):
            return "WRONG", _difference(frames, truth, pick)
    return RIGHT, f"{len(good)} frames" + (f", {n - len(good)} damaged" * (n > len(good)))


def _difference(frames: np.ndarray, truth: np.ndarray, wanted: np.ndarray) -> str:
    if frames.shape != truth[wanted].shape:
        return f"shape {frames.shape}, not {truth[wanted].shape}"
    differs = [
        at for at, k in enumerate(wanted) if not np.array_equal(frames[at], truth[k])
    ]
    first = frames[differs[0]]
    equals = [k for k, other in enumerate(truth) if np.array_equal(first, other)]
    shows = f"frame {equals[0]}" if equals else "another picture"
    number = f"number {wanted[differs[0]]}"
    return (
        f"{len(differs)} of {len(wanted)} read at once; the first, {number}, shows {shows}"
    )


def _said(error: Exception, path: Path) -> str:
    said = str(error).replace(f"{path.parent}/", "")
    return f"{type(error).__name__}: {said}"
