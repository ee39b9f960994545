r"""Shows a video: frames along time, and a summary in notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._base.uris import shown_uri
from .._clock.times_in_words import format_extent
from .._pixels.jpeg import encode_jpeg
from .._plot.contrast import ValueRange
from .._plot.figure import require_matplotlib
from .._plot.html import facts_html
from .._plot.pose_marks import as_pose
from .._plot.stills import choose_evenly
from .._plot.timeline import draw_strip, label_time, strip_count
from .cost import frames_cost
from .lazy_arrays import NO_FRAME
from .thumbnails import half_frame, shown_size, stills_of, times_taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The most that a notebook may decode and fetch only to show a variable.
_THUMBNAIL = (120, 160)
_THUMBNAIL_COUNTS = (5, 3, 1)
_MOST_DECODED = 500
_MOST_BYTES = 16 << 20


def plot_video(
    video: Any,
    axes: Axes | None,
    *,
    pose: Any = None,
    skeleton: Sequence[tuple[str, str]] = (),
    count: int | None = None,
    value_range: ValueRange | None = None,
) -> Axes:
    r"""Draws frames of a lazy video along time, and returns the axes.

    Args:
        video: the lazy video.
        axes: to draw on, new ones if :obj:`None`.
        pose: a series of key points, or :obj:`None`.
        skeleton: pairs of key points to draw a line between.
        count: how many frames; by default, as many as there is room for.
        value_range: the values that are drawn black and white.
    """
    require_matplotlib()
    if axes is None:
        from matplotlib import pyplot

        _, axes = pyplot.subplots(figsize=(12, 2.4), layout="constrained")
    extent = _extent(video)
    draw_video(
        video,
        axes,
        extent,
        pose=pose,
        skeleton=skeleton,
        count=count,
        value_range=value_range,
    )
    label_time(axes, extent[0])
    return axes


def draw_video(
    video: Any,
    axes: Axes,
    extent: tuple[float, float],
    *,
    pose: Any = None,
    skeleton: Sequence[tuple[str, str]] = (),
    count: int | None = None,
    value_range: ValueRange | None = None,
) -> None:
    r"""Draws frames of a lazy video along an existing time axis.

    Args:
        video: the lazy video.
        axes: to draw on.
        extent: begin and end of the axis in seconds.
        pose: a series of key points, or :obj:`None`.
        skeleton: pairs of key points to draw a line between.
        count: how many frames; by default, as many as there is room for.
        value_range: the values that are drawn black and white.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be a positive number of frames, got {count!r}.")
    height, width = shown_size(video._recording)
    n = count or strip_count(axes.bbox.width, axes.bbox.height, width / height)
    shown = choose_evenly(video.timestamps, n, extent)
    room = axes.bbox.width / max(len(shown), 1)
    stills = stills_of(video, shown, max(16, int(room)), value_range)
    if pose is not None:
        taken, clock = times_taken(video)[shown], video._recording.sorted_timestamps
        step = half_frame(clock if len(clock) > 1 else video.timestamps)
        stills = stills.with_pose(as_pose(pose, skeleton), taken, step)
    draw_strip(axes, stills, video.timestamps, extent)


def video_html(video: Any) -> str:
    r"""Returns what a notebook shows of a lazy video: facts, and a few small frames.

    Args:
        video: the lazy video.
    """
    try:
        facts = _facts(video)
        pictures, note = _thumbnails(video)
    # A notebook that shows its variables must not fail, whatever is wrong with them.
    except Exception as error:
        facts, pictures = {"uri": shown_uri(video.uri)}, []
        message = str(error).replace(video.uri, shown_uri(video.uri))
        note = f"{type(error).__name__}: {message}"
    return facts_html(type(video).__name__, facts, pictures, note)


def _extent(video: Any) -> tuple[float, float]:
    starts, ends = video.domain.start, video.domain.end
    if len(starts) == 0:
        return 0.0, 1.0
    start, end = float(np.min(starts)), float(np.max(ends))
    # The times of a single frame do not tell its duration.
    return (start, end) if end > start else (start - 0.5, start + 0.5)


def _facts(video: Any) -> dict[str, str]:
    times = video.timestamps
    facts = {"uri": shown_uri(video.uri), "shape": str(video.shape)}
    facts["bits"] = f"{video.bit_depth} per sample, read as {video.dtype}"
    if len(times):
        facts["clock"] = format_extent(times)
    if not np.isnan(video.rate):
        facts["rate"] = f"{video.rate:.4g} frames a second (median)"
    return facts


def _thumbnails(video: Any) -> tuple[list[tuple[bytes, str]], str]:
    if len(video) == 0:
        return [], "no frame in this window"
    for count in _THUMBNAIL_COUNTS:
        shown = choose_evenly(video.timestamps, count, _extent(video))
        decoded = video._lazy_frames.decoded is not None
        numbers = video._numbers[shown]
        cost = frames_cost(video._recording, numbers[numbers != NO_FRAME])
        if decoded or (cost.decoded <= _MOST_DECODED and cost.bytes <= _MOST_BYTES):
            break
    else:
        return [], (
            f"no frame is shown, since one costs {cost.decoded} frames to decode and "
            f"{cost.bytes:,} bytes to fetch; call .plot() to see some"
        )
    stills = stills_of(video, shown, _THUMBNAIL[1])
    captions = [f"{time:.3f} s {stills.caption(i)}" for i, time in enumerate(stills.times)]
    pictures = [encode_jpeg(pixels, _THUMBNAIL) for pixels in stills.pixels]
    return list(zip(pictures, captions)), stills.note
