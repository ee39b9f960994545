r"""Draws axes along time: labels, only as many ticks as can be seen, frames above them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .figure import MARKED, SMALLEST_FONT, fitting_font, line_height, text_width
from .stills import Stills, show_still

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Pixels of a strip that are not frames.
_TICKS, _CONNECTORS, _GAP = 10.0, 22.0, 6.0
_LABEL_FONT, _NOTE_FONT = 9.0, 7.0
# Times as large as seconds since 1970 are counted from the beginning of the window.
_MANY_SECONDS = 1e5
_MOST_FRAMES, _LEAST_FRAMES = 12, 3


def time_offset(start: float) -> float:
    r"""Returns the second from which times of a window are counted, 0 for small times."""
    return float(np.floor(start)) if abs(start) >= _MANY_SECONDS else 0.0


def label_time(axes: Axes, start: float) -> None:
    r"""Labels the time axis of a window that begins at ``start`` seconds."""
    from matplotlib.ticker import FuncFormatter

    offset = time_offset(start)
    since = f" from {offset:.0f} s" if offset else ""
    # A float64 keeps seconds since 1970 only to some tenths of a microsecond.
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{round(x - offset, 5):.6g}")
    )
    axes.set_xlabel(f"time (s){since}")


def seen_once(times: np.ndarray, axes: Axes, extent: tuple[float, float]) -> np.ndarray:
    r"""Returns the half pixel along time, by number, that each time falls into, int64."""
    start, end = extent
    return np.floor(2 * axes.bbox.width * (times - start) / (end - start)).astype(np.int64)


def draw_ticks(
    axes: Axes, times: np.ndarray, extent: tuple[float, float], top: float = 1.0
) -> None:
    r"""Draws a tick for each time, from the bottom up to a share of the axes' height."""
    pixels, first = np.unique(seen_once(times, axes, extent), return_index=True)
    dense = len(pixels) > axes.bbox.width / 4
    axes.vlines(
        times[first],
        0,
        top,
        color="black",
        linewidth=0.25 if dense else 0.8,
        transform=axes.get_xaxis_transform(),
    )


def strip_height(width: float, aspect: float, count: int | None = None) -> float:
    r"""Returns how high in pixels a strip should be for frames of a certain aspect.

    Args:
        width: of the strip in pixels.
        aspect: width of a frame as a multiple of its height.
        count: frames in it; by default as many as suit.
    """
    n = count or int(np.clip(round(width / (115 * aspect)), 4, 10))
    frames = np.clip((width / n - _GAP) / aspect, 40.0, 190.0)
    return float(frames) + _around_frames()


def strip_count(width: float, height: float, aspect: float) -> int:
    r"""Returns how many frames suit a strip.

    Args:
        width: of the strip in pixels.
        height: of the strip in pixels.
        aspect: width of a frame as a multiple of its height.
    """
    frame_width = max(aspect * (height - _around_frames()), 1.0) + _GAP
    # Frames are no narrower than their labels.
    most = int(width // (text_width("0000.000 s", SMALLEST_FONT + 1) + _GAP))
    suitable = np.clip(round(width / frame_width), _LEAST_FRAMES, _MOST_FRAMES)
    return max(1, min(int(suitable), most))


def draw_strip(
    axes: Axes, stills: Stills, all_times: np.ndarray, extent: tuple[float, float]
) -> None:
    r"""Draws frames above their times, and a tick for every frame of the window.

    A frame stands above its own time where there is room, and otherwise as near to it
    as possible; a line leads to its tick.

    Args:
        axes: along time in seconds.
        stills: the frames to show, in time order.
        all_times: when all frames of the window were taken, sorted, seconds of shape (m,).
        extent: begin and end of the window in seconds.
    """
    start, end = extent
    axes.set(xlim=extent, ylim=(0, 1), yticks=[])
    if len(stills) == 0:
        text = "no frame in this window"
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        return
    width, height = axes.bbox.width, axes.bbox.height
    ticks, below = _TICKS / height, (_TICKS + _CONNECTORS) / height
    room = max(height - _around_frames(), 10.0)
    frame_width = min(width / len(stills) - _GAP, room * stills.aspect)
    places = width * (stills.times - start) / (end - start)
    centres = _side_by_side(places, frame_width + _GAP, width) / width
    labels = frame_labels(stills.times, stills.numbers, start)
    font = min(_LABEL_FONT, fitting_font(frame_width + _GAP - 2, labels))
    draw_ticks(axes, all_times, extent, top=ticks)
    if stills.note:
        axes.set_title(stills.note, loc="right", fontsize=_NOTE_FONT, pad=1)
    for i, centre in enumerate(centres.tolist()):
        share = frame_width / width
        bounds = (centre - share / 2, below, share, room / height)
        inset = axes.inset_axes(bounds)
        inset.set_anchor("S")
        show_still(inset, stills, i, frame_width)
        inset.set_title(labels[i], fontsize=font, pad=3, linespacing=1.1)
        axes.plot(
            [float(places[i]) / width, float(places[i]) / width, centre],
            [0, ticks, below],
            color=MARKED,
            linewidth=1.2,
            transform=axes.transAxes,
        )


def frame_labels(times: np.ndarray, numbers: np.ndarray, start: float) -> list[str]:
    r"""Returns the time of each frame above its number."""
    offset = time_offset(start)
    sign = "+" if offset else ""
    pairs = zip((times - offset).tolist(), numbers.tolist())
    return [f"{sign}{time:.3f} s\n#{number}" for time, number in pairs]


def _around_frames() -> float:
    # Pixels below the frames, and above them for two lines of label.
    return _TICKS + _CONNECTORS + 2 * line_height(_LABEL_FONT) + 3


def _side_by_side(places: np.ndarray, step: float, width: float) -> np.ndarray:
    # Push frames to the right until none covers another, then back from the right edge.
    steps = step * np.arange(len(places))
    left = np.maximum.accumulate(np.maximum(places, step / 2) - steps) + steps
    right = np.minimum(left, width - step / 2) - steps
    return np.minimum.accumulate(right[::-1])[::-1] + steps
