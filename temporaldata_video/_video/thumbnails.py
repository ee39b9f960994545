r"""Reads frames as small as a picture draws them, with the facts for their labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .._pixels.convert import OutputFormat
from .._plot.contrast import ValueRange, range_note, stretched, usual_range
from .._plot.stills import Stills
from .lazy_arrays import NO_FRAME, LazyFrames
from .recording import Recording

# Frames that tell what is black and white in a whole video.
_FEW = 8


def stills_of(
    video: Any, shown: np.ndarray, width: int, value_range: ValueRange | None = None
) -> Stills:
    r"""Returns frames of a lazy video to draw; decoded frames are not read again if they
    have all bits.

    Args:
        video: a lazy video.
        shown: positions in it, int64 of shape (n,).
        width: pixels that a frame will be wide at most.
        value_range: the values that are drawn black and white; see :func:`read_stills`.
    """
    recording, numbers = video._recording, video._numbers[shown]
    times, decoded = video.timestamps[shown], video._lazy_frames.decoded
    if decoded is None or (recording.bit_depth > 8 and decoded[0].dtype == np.uint8):
        return read_stills(recording, numbers, times, width, value_range)
    pixels, valid = decoded[0][shown], decoded[1][shown]
    if recording.output.channel_format == "NCHW":
        pixels = np.moveaxis(pixels, 1, -1)
    return _stills(recording, pixels, valid, numbers, times, value_range)


def read_stills(
    recording: Recording,
    numbers: np.ndarray,
    times: np.ndarray,
    width: int,
    value_range: ValueRange | None = None,
) -> Stills:
    r"""Decodes frames to draw, scaled down as they decode.

    Args:
        recording: of the frames; frames that do not decode are masked in any case.
        numbers: of the frames, int64 of shape (n,), :data:`NO_FRAME` for none.
        times: seconds at which they are drawn, float64 of shape (n,).
        width: pixels that a frame will be wide at most.
        value_range: the values that are drawn black and white. By default, the 1st and the
            99th percentile of a video with more than 8 bits per sample.
    """
    height_shown, width_shown = shown_size(recording)
    resize = recording.output.resize
    if width_shown > width:
        resize = (max(1, round(width * height_shown / width_shown)), width)
    read = LazyFrames(_with_size(recording, resize), numbers, has_holes=True)
    return _stills(recording, read.pixels, read.valid, numbers, times, value_range)


def usual_range_of(recording: Recording, numbers: np.ndarray) -> ValueRange | None:
    r"""Returns the values between which a few of some frames lie, :obj:`None` for 8 bits.

    Args:
        recording: of the frames.
        numbers: of the frames, int64 of shape (n,).
    """
    if recording.bit_depth <= 8:
        return None
    few = np.linspace(0, len(numbers) - 1, min(len(numbers), _FEW)).round().astype(int)
    output = _with_size(recording, recording.output.resize)
    read = LazyFrames(output, np.unique(numbers[few]))
    return usual_range(read.pixels[read.valid])


def shown_size(recording: Recording) -> tuple[int, int]:
    r"""Returns height and width of the frames as the user has them."""
    height, width, _ = _with_size(recording, recording.output.resize).frame_shape
    return height, width


def times_taken(video: Any) -> np.ndarray:
    r"""Returns when the frames of a lazy video were taken, in the video's own time.

    A resampled video shows frames at other times than these. A frame that is shown again
    counts as taken then.
    """
    recording, numbers, times = video._recording, video._numbers, video.timestamps
    taken = recording.timestamps[numbers] - video._origin
    is_own = np.isnan(taken) | np.isin(numbers, recording.shown_again.frames)
    taken[is_own] = times[is_own]
    taken[numbers == NO_FRAME] = np.nan
    return taken


def half_frame(times: np.ndarray) -> float:
    r"""Returns half of the median seconds between two frames.

    Args:
        times: sorted seconds, float64 of shape (n,).
    """
    steps = np.diff(times)
    return 0.5 * float(np.median(steps)) if len(steps) else 0.5


def _stills(
    recording: Recording,
    pixels: np.ndarray,
    valid: np.ndarray,
    numbers: np.ndarray,
    times: np.ndarray,
    value_range: ValueRange | None,
) -> Stills:
    note, bits = "", recording.bit_depth
    if bits > 8 or value_range is not None:
        value_range = value_range or usual_range(pixels[valid])
        pixels, note = stretched(pixels, value_range), range_note(value_range, bits)
    elif pixels.dtype != np.uint8:  # 8 bits that the user has as 16
        pixels = (pixels >> 8).astype(np.uint8)
    return Stills(
        np.broadcast_to(pixels, (*pixels.shape[:-1], 3)),  # of grey, three times the same
        times,
        numbers,
        valid,
        shape=shown_size(recording),
        whole=_whole_size(recording),
        points=np.empty((len(numbers), 0, 2)),
        note=note,
    )


def _whole_size(recording: Recording) -> tuple[int, int]:
    try:
        height, width, _ = _with_size(recording, None).frame_shape
    except ValueError:  # files of several sizes have one size only when resized
        return shown_size(recording)
    return height, width


def _with_size(recording: Recording, resize: tuple[int, int] | None) -> Recording:
    output = OutputFormat(resize, recording.output.colorspace, "NHWC", "auto")
    return replace(recording, output=output, on_error="mask")
