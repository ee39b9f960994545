r"""Draws rows below frames on the same time axis: spikes, traces, pose, intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .figure import LARGEST_FONT, line_height, shortened
from .pose_marks import Pose, color_of
from .timeline import seen_once

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Extent = tuple[float, float]

MOST_TRACES = 16
_NAME_FONT = 8.0


def raster_height(n_units: int) -> float:
    r"""Returns how many pixels high a raster of some units should be."""
    return float(np.clip(16.0 * n_units, 40.0, 260.0))


def draw_raster(axes: Axes, times: np.ndarray, units: np.ndarray, extent: Extent) -> None:
    r"""Draws a mark for each spike, one line per unit.

    Args:
        axes: along time in seconds.
        times: seconds of shape (n_spikes,).
        units: which unit fired, integers of shape (n_spikes,).
        extent: begin and end of the window in seconds.
    """
    from matplotlib.ticker import MaxNLocator

    low, high = (int(units.min()), int(units.max())) if len(units) else (0, 0)
    # Spikes of a unit that fall on one pixel look like one.
    places = np.stack([units.astype(np.int64), seen_once(times, axes, extent)])
    _, first = np.unique(places, axis=1, return_index=True)
    line = 72 / axes.figure.dpi * axes.bbox.height / (high - low + 1.4)
    axes.plot(
        times[first],
        units[first],
        linestyle="none",
        marker="|",
        markersize=max(0.8 * line, 1.5),
        markeredgewidth=0.9,
        color="tab:blue",
    )
    axes.set_ylim(low - 0.7, high + 0.7)
    if low == high:
        axes.set_yticks([low])
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))


def traces_height(n_traces: int) -> float:
    r"""Returns how many pixels high some traces should be."""
    return float(np.clip(45.0 * min(n_traces, MOST_TRACES), 60.0, 260.0))


def draw_traces(
    axes: Axes, times: np.ndarray, values: np.ndarray, names: list[str], extent: Extent
) -> None:
    r"""Draws traces, the first on top, all to one scale.

    Args:
        axes: along time in seconds.
        times: seconds, sorted, of shape (n,).
        values: of shape (n, m); NaN leaves a gap.
        names: of the m traces.
        extent: begin and end of the window in seconds.
    """
    times, values = _envelope(times, values.astype(np.float64), int(axes.bbox.width))
    finite = np.where(np.isfinite(values), values, np.nan)
    middle = np.zeros(values.shape[1])
    step = 1.0
    if len(times):
        lows, highs = np.fmin.reduce(finite), np.fmax.reduce(finite)
        middle = np.nan_to_num((lows + highs) / 2)
        # Traces on top of each other would hide one another.
        step = 1.1 * float(np.nan_to_num(np.fmax.reduce(highs - lows))) or 1.0
    offsets = -step * np.arange(len(names))
    axes.plot(times, finite - middle + offsets, linewidth=0.9, color="tab:green")
    axes.set_ylim(offsets[-1] - 0.6 * step, 0.6 * step)
    room = axes.bbox.height / len(names)
    font = min(_NAME_FONT, LARGEST_FONT * room / line_height(LARGEST_FONT))
    axes.set_yticks(offsets, [shortened(name, 56, max(font, 4)) for name in names])
    axes.tick_params(axis="y", labelsize=font)
    axes.tick_params(axis="x", labelsize=LARGEST_FONT)


def draw_pose_traces(axes: Axes, pose: Pose) -> None:
    r"""Draws x and y of key points against time, in the colours that they have on frames.

    Args:
        axes: along time in seconds.
        pose: the points.
    """
    for point, key_point in enumerate(pose.key_points.tolist()):
        for axis, style in enumerate(("-", "--")):
            axes.plot(
                pose.times,
                pose.points[:, point, axis],
                style,
                color=color_of(key_point),
                linewidth=1.1,
            )
    axes.margins(y=0.1)
    lines = max(1, int(axes.bbox.height / line_height(_NAME_FONT)) - 1)
    names = [*pose.names[:lines], *(["…"] if len(pose.names) > lines else [])]
    texts = [*((shortened(n, 92, _NAME_FONT), color_of(i)) for i, n in enumerate(names))]
    for i, (text, color) in enumerate([*texts, ("x solid, y - -", "black")]):
        axes.annotate(
            text,
            (1, 1),
            xycoords="axes fraction",
            xytext=(5, -72 / axes.figure.dpi * i * line_height(_NAME_FONT)),
            textcoords="offset points",
            va="top",
            fontsize=_NAME_FONT,
            color=color,
        )


def draw_spans(
    axes: Axes, starts: np.ndarray, ends: np.ndarray, labels: list[str], extent: Extent
) -> None:
    r"""Draws disjoint intervals as bars, with labels where they fit.

    Args:
        axes: along time in seconds.
        starts: seconds of shape (n,).
        ends: seconds of shape (n,).
        labels: of each interval.
        extent: begin and end of the window in seconds.
    """
    begin, stop = extent
    axes.set(ylim=(0, 1), yticks=[])
    bars = np.stack([starts, ends - starts], axis=1)
    color = "#cbb9dd"
    axes.broken_barh(bars.tolist(), (0.1, 0.8), facecolor=color, edgecolor="tab:purple")
    for start, end, label in zip(starts.tolist(), ends.tolist(), labels):
        left, right = max(start, begin), min(end, stop)
        room = axes.bbox.width * (right - left) / (stop - begin) - 4
        text = shortened(label, room, _NAME_FONT)
        if len(text) > 1 or text == label:
            middle = (left + right) / 2
            axes.text(middle, 0.5, text, ha="center", va="center", fontsize=_NAME_FONT)


def _envelope(
    times: np.ndarray, values: np.ndarray, pixels: int
) -> tuple[np.ndarray, np.ndarray]:
    # The least and the greatest value on each pixel look like all of them.
    if len(times) <= 4 * pixels:
        return times, values
    edges = np.linspace(0, len(times), pixels, endpoint=False).astype(np.int64)
    ends = [np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)]
    return np.repeat(times[edges], 2), np.stack(ends, axis=1).reshape(-1, values.shape[1])
