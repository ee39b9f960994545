r"""Pictures of frames: a sheet of them, or a row above spikes and LFP in time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 100
_POINTS_PER_PIXEL = 72 / _DPI
_SMALLEST_FONT, _LARGEST_FONT = 4.0, 10.0
_MARGIN = 12
_MARKED = "tab:red"
_LEFT, _RIGHT = 90, 30


def require_matplotlib() -> None:
    r"""Raises :obj:`ImportError` that says what to install where matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"drawing needs matplotlib ({error}). Run: "
            f"pip install 'temporaldata-video[plot]'"
        ) from error


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    r"""Writes a figure in the format that the suffix names, as PNG without one."""
    suffix = os.path.splitext(path)[1][1:]
    figure.savefig(path, format=suffix or "png")


def draw_sheet(
    pixels: np.ndarray,
    times: np.ndarray,
    numbers: np.ndarray,
    valid: np.ndarray,
    *,
    columns: int,
    width: int,
    title: str,
) -> Figure:
    r"""Draws frames in rows, each under its time and number.

    Args:
        pixels: RGB frames, uint8 of shape (n, H, W, 3), n at least 1.
        times: seconds, float64 of shape (n,).
        numbers: frame numbers, int64 of shape (n,).
        valid: which frames did decode, bool of shape (n,).
        columns: frames side by side.
        width: of the figure in pixels.
        title: goes on top.

    Raises:
        ValueError: if so many columns leave no room to read the labels.
    """
    n, frame_height, frame_width, _ = pixels.shape
    cell_width = (width - _MARGIN) / columns - _MARGIN
    labels = [_label(time, number) for time, number in zip(times, numbers)]
    font = _font_size(cell_width, labels)
    if font < _SMALLEST_FONT:
        raise ValueError(
            f"{columns} columns are too many to label in {width} pixels of width; draw "
            f"fewer columns or a wider picture."
        )
    cell_height = cell_width * frame_height / frame_width
    label_height = 2.2 * font / _POINTS_PER_PIXEL
    rows = -(-n // columns)
    top = 3 * _MARGIN
    height = top + rows * (label_height + cell_height) + _MARGIN
    figure = _new_figure(width, height)
    figure.text(
        _MARGIN / width,
        1 - _MARGIN / height,
        title,
        va="top",
        fontsize=_font_size(width - 2 * _MARGIN, [title]),
    )
    for i in range(n):
        row, column = divmod(i, columns)
        left = _MARGIN + column * (cell_width + _MARGIN)
        below = top + row * (label_height + cell_height) + label_height
        axes = _add_axes(figure, left, below, cell_width, cell_height)
        _show_frame(axes, pixels[i], labels[i], font)
        if not valid[i]:
            axes.text(0.5, 0.5, "does not\ndecode", **_centred(axes), color="white")
    return figure


def draw_in_time(
    pixels: np.ndarray,
    times: np.ndarray,
    numbers: np.ndarray,
    *,
    all_times: np.ndarray,
    spike_times: np.ndarray,
    spike_units: np.ndarray,
    lfp_times: np.ndarray,
    lfp: np.ndarray,
    extent: tuple[float, float],
    width: int = 1200,
) -> Figure:
    r"""Draws a row of frames above the camera's ticks, a spike raster and LFP traces.

    Args:
        pixels: the RGB frames to show, uint8 of shape (n, H, W, 3).
        times: when they were taken, seconds of shape (n,).
        numbers: their frame numbers, int64 of shape (n,).
        all_times: when all frames of the window were taken, seconds of shape (m,).
        spike_times: seconds of shape (n_spikes,).
        spike_units: which neuron fired, int64 of shape (n_spikes,).
        lfp_times: seconds of shape (n_samples,).
        lfp: traces, of shape (n_samples, n_channels).
        extent: begin and end of the window in seconds.
        width: of the figure in pixels.
    """
    n, frame_height, frame_width, _ = pixels.shape
    inner = width - _LEFT - _RIGHT
    cell_width = (inner + _MARGIN) / n - _MARGIN
    cell_height = cell_width * frame_height / frame_width
    labels = [_label(time, number) for time, number in zip(times, numbers)]
    font = _font_size(cell_width, labels)
    label_height = 2.2 * font / _POINTS_PER_PIXEL

    frames_top = _MARGIN + label_height
    camera_top = frames_top + cell_height + 50
    raster_top = camera_top + 24 + _MARGIN
    lfp_top = raster_top + 180 + _MARGIN
    figure = _new_figure(width, lfp_top + 160 + 60)

    camera = _add_axes(figure, _LEFT, camera_top, inner, 24)
    raster = _add_axes(figure, _LEFT, raster_top, inner, 180)
    traces = _add_axes(figure, _LEFT, lfp_top, inner, 160)
    camera.vlines(all_times, 0, 1, color="black", linewidth=0.8)
    camera.vlines(times, 0, 1, color=_MARKED, linewidth=2)
    camera.set(ylim=(0, 1), yticks=[])
    raster.scatter(spike_times, spike_units, marker="|", s=90, color="tab:blue")
    units = np.arange(spike_units.max(initial=0) + 1)
    raster.set(ylim=(-0.7, units[-1] + 0.7), yticks=units)
    # Traces on top of each other hide one another.
    step = 1.1 * float(np.ptp(lfp)) if lfp.size else 1.0
    offsets = -step * np.arange(lfp.shape[1])
    traces.plot(lfp_times, lfp + offsets, linewidth=1, color="tab:green")
    traces.set(yticks=offsets, yticklabels=[str(i) for i in range(len(offsets))])
    traces.set_xlabel("time in the recording (s)")
    for axes, name in ((camera, "camera"), (raster, "unit"), (traces, "LFP channel")):
        axes.set_xlim(*extent)
        axes.set_ylabel(name, rotation=0 if axes is camera else 90, va="center")
        axes.yaxis.set_label_coords(-50 / inner, 0.5)
        if axes is not traces:
            axes.tick_params(axis="x", bottom=False, labelbottom=False)
        for time in times:
            axes.axvline(time, color=_MARKED, linewidth=0.6, alpha=0.5, zorder=0)
    for i in range(n):
        left = _LEFT + i * (cell_width + _MARGIN)
        axes = _add_axes(figure, left, frames_top, cell_width, cell_height)
        _show_frame(axes, pixels[i], labels[i], font)
        _connect(axes, camera, float(times[i]))
    return figure


def _new_figure(width: float, height: float) -> Figure:
    require_matplotlib()
    from matplotlib.figure import Figure

    # A figure of its own, without pyplot, needs no display and leaves nothing open.
    return Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)


def _add_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    # In pixels from the upper left corner.
    total_width, total_height = figure.get_size_inches() * _DPI
    return figure.add_axes(
        (
            left / total_width,
            1 - (top + height) / total_height,
            width / total_width,
            height / total_height,
        )
    )


def _show_frame(axes: Axes, pixels: np.ndarray, label: str, font: float) -> None:
    axes.imshow(pixels, aspect="auto")
    axes.set_title(label, fontsize=font, pad=4)
    axes.set(xticks=[], yticks=[])


def _connect(frame: Axes, camera: Axes, time: float) -> None:
    from matplotlib.patches import ConnectionPatch

    line = ConnectionPatch(
        xyA=(0.5, 0.0),
        coordsA=frame.transAxes,
        xyB=(time, 1.0),
        coordsB=camera.transData,
        color=_MARKED,
        linewidth=0.8,
    )
    frame.figure.add_artist(line)


def _label(time: float, number: int) -> str:
    return f"{time:.3f} s  #{number}"


def _font_size(width: float, texts: list[str]) -> float:
    # A character of matplotlib's font is about 0.62 times as wide as the font is high.
    longest = max(len(text) for text in texts)
    return min(_LARGEST_FONT, width * _POINTS_PER_PIXEL / (0.62 * longest))


def _centred(axes: Axes) -> dict[str, Any]:
    return {"ha": "center", "va": "center", "transform": axes.transAxes}
