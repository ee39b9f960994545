r"""Reads what lies below the frames, as much as a screen can show of a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from .._base.fork_safety import kept_property
from .._plot.figure import shortened
from .._plot.pose_marks import Pose, as_pose
from .._plot.rows import raster_height, traces_height
from .._tools.plot_recording import labels_of, some_traces, traces_of
from .cameras import Camera, Extent

Arrays = dict[str, np.ndarray]

_EVENTS_HEIGHT, _POSE_HEIGHT = 26.0, 110.0
_LABEL_FONT = 8.0
# Samples of all traces of a series that one answer reads; longer windows are shown by the
# least and greatest value of blocks of samples, which are found once.
MOST_SAMPLES = 2_000_000
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class Track:
    r"""A row below the frames.

    Args:
        name: of the series in the recording.
        place: sorts rows from the top, the lowest first.
        kind: what is drawn.
        height: in pixels.
        low: least value on its axis.
        high: greatest value on its axis.
        read: given a window in seconds and pixels, returns facts and arrays to draw.
        labels: of traces, the first on top.
        key_points: names of the key points of a pose.
        pairs: which key point each pair of lines, x and y, is of.
    """

    name: str
    place: int
    kind: Literal["marks", "lines", "bars"]
    height: float
    low: float
    high: float
    read: Callable[[Extent, int], tuple[dict[str, Any], Arrays]]
    labels: tuple[str, ...] = ()
    key_points: tuple[str, ...] = ()
    pairs: tuple[int, ...] = ()


class Samples(NamedTuple):
    r"""Values in time.

    Args:
        times: seconds, float64 of shape (n,).
        lows: least values from this time to the next, float64 of shape (n, m).
        highs: greatest values there, likewise.
    """

    times: np.ndarray
    lows: np.ndarray
    highs: np.ndarray


def track_of(name: str, series: Any) -> Track:
    r"""Returns the row of a series that is no video and no pose of one.

    Args:
        name: in the recording.
        series: any series of a host, or its intervals.
    """
    if hasattr(series, "start") and hasattr(series, "end"):
        read = partial(_read_bars, series)
        return Track(name, 5, "bars", _EVENTS_HEIGHT, 0.0, 1.0, read)
    if hasattr(series, "unit_index"):
        units = np.asarray(series.unit_index)
        low, high = (int(units.min()), int(units.max())) if len(units) else (0, 0)
        height, read = raster_height(high - low + 1), partial(_read_marks, series)
        return Track(name, 1, "marks", height, low - 0.7, high + 0.7, read)
    at = float(np.min(series.domain.start, initial=np.inf))
    names = list(dict(traces_of(series.slice(at, at), 0)))
    if not names:
        return events_track(name, 4, series)
    shown = some_traces(names)
    title = f"{name} ({len(shown)} of {len(names)})" if len(shown) < len(names) else name
    return Track(
        title,
        2 if hasattr(series, "sampling_rate") else 4,
        "lines",
        traces_height(len(shown)),
        0.4 - len(shown),
        0.6,
        partial(_read_lines, Traces(series, tuple(shown))),
        tuple(shortened(n.removeprefix(f"{name}:"), 50, _LABEL_FONT) for n in shown),
    )


def events_track(name: str, place: int, series: Any) -> Track:
    r"""Returns a row with a mark for each time of a series."""
    read = partial(_read_marks, series)
    return Track(name, place, "marks", _EVENTS_HEIGHT, -0.5, 0.5, read)


def pose_track(name: str, series: Any, camera: Camera) -> Track:
    r"""Returns the row of points that belong to a camera, x and y of each.

    Args:
        name: of the series in the recording.
        series: the points.
        camera: whose pixels they are in.
    """
    pose = as_pose(series)
    high = float(np.nanmax(pose.points, initial=max(camera.size)))
    low = float(np.nanmin(pose.points, initial=0.0))
    return Track(
        name,
        3,
        "lines",
        _POSE_HEIGHT,
        low,
        high,
        partial(_read_pose, pose),
        key_points=pose.names,
        pairs=tuple(pose.key_points.tolist()),
    )


# Marks and bars -----------------------------------------------------------------------


def _read_marks(series: Any, extent: Extent, pixels: int) -> tuple[dict[str, Any], Arrays]:
    window = series.slice(*extent, reset_origin=False)
    times = np.asarray(window.timestamps, np.float64)
    units = np.asarray(getattr(window, "unit_index", np.zeros(len(times), np.int64)))
    first = _seen_once(times, units, extent, pixels)
    return {}, {"x": times[first], "y": units[first] * 1.0}


def _seen_once(
    times: np.ndarray, rows: np.ndarray, extent: Extent, pixels: int
) -> np.ndarray:
    # Positions of the first mark on each half pixel of each row: the others look the same.
    start, end = extent
    columns = 2 * pixels + 1
    column = ((times - start) * (2 * pixels / (end - start))).astype(np.int64)
    base = int(rows.min(initial=0))
    cell = (rows.astype(np.int64) - base) * columns + column
    if len(cell) and int(cell.max()) < 4 * len(cell) + 1_000_000:
        # Of several values for one place, the last one stays.
        first = np.full(int(cell.max()) + 1, -1, np.int64)
        first[cell[::-1]] = np.arange(len(cell) - 1, -1, -1)
        return np.sort(first[first >= 0])
    return np.sort(np.unique(cell, return_index=True)[1])


def _read_bars(series: Any, extent: Extent, pixels: int) -> tuple[dict[str, Any], Arrays]:
    start, end = extent
    window = series.slice(*extent, reset_origin=False)
    left, right = (np.asarray(x, np.float64) for x in (window.start, window.end))
    rank = np.argsort(right - left, kind="stable")[::-1]
    shown = rank[
        _seen_once(left[rank].clip(start, end), np.zeros(len(rank)), extent, pixels)
    ]
    left, right = left[shown].clip(start, end), right[shown].clip(start, end)
    texts = labels_of(window)
    room = (right - left) * (pixels / (end - start)) - 6
    labels = [_fitting(texts[i], room[n]) for n, i in enumerate(shown.tolist())]
    return {"labels": labels}, {"left": left, "right": right}


def _fitting(label: str, room: float) -> str:
    text = shortened(label, room, _LABEL_FONT) if room > 0 else ""
    return text if len(text) > 1 or text == label else ""


# Lines ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Traces:
    r"""Traces of a series, of which long windows are read from an overview.

    Args:
        series: of a host, regular or not.
        names: of the traces that are shown.
    """

    series: Any
    names: tuple[str, ...]

    def read(self, extent: Extent, pixels: int) -> Samples:
        r"""Returns the samples of a window, and of half a window on either side."""
        start, end = extent
        half = (end - start) / 2
        window = (start - half, end + half)
        if self._expected(*window) * len(self.names) > MOST_SAMPLES:
            times = self.overview.times
            first, stop = np.searchsorted(times, window)
            samples = Samples(*(array[max(0, first - 1) : stop] for array in self.overview))
        else:
            samples = self.samples(*window)
        return envelope(samples, 4 * pixels)

    @kept_property
    def overview(self) -> Samples:
        r"""The least and greatest values of blocks of samples of the whole series, which is
        read piece by piece."""
        start = float(np.min(self.series.domain.start))
        end = float(np.max(self.series.domain.end))
        n = self._expected(start, end) * len(self.names)
        edges = np.linspace(start, end, 1 + max(1, -(-2 * n // MOST_SAMPLES)))
        edges[-1] = np.nextafter(end, np.inf)
        pieces = [
            envelope(piece, -(-len(piece.times) // _BLOCK))
            for piece in (self.samples(a, b) for a, b in pairwise(edges.tolist()))
        ]
        return Samples(*(np.concatenate(arrays) for arrays in zip(*pieces)))

    def _expected(self, start: float, end: float) -> int:
        # How many samples lie in a window, or somewhat more.
        if hasattr(self.series, "sampling_rate"):
            domain = self.series.domain
            start = max(start, float(np.min(domain.start, initial=np.inf)))
            end = min(end, float(np.max(domain.end, initial=-np.inf)))
            return max(0, int((end - start) * float(self.series.sampling_rate)))
        first, stop = np.searchsorted(self.series.timestamps, [start, end])
        return int(stop - first)

    def samples(self, start: float, end: float) -> Samples:
        r"""Returns all samples of a window, with NaN at the begin of each gap."""
        window = self.series.slice(start, end, reset_origin=False)
        times = np.asarray(window.timestamps, np.float64)
        traces = dict(traces_of(window, len(times)))
        columns = [np.asarray(traces[name], np.float64) for name in self.names]
        values = np.stack(columns, axis=1)
        values[~np.isfinite(values)] = np.nan
        # No line leads over a gap of the domain.
        gaps = np.searchsorted(times, np.asarray(self.series.domain.start))
        gaps = np.unique(gaps[(gaps > 0) & (gaps < len(times))])
        values = np.insert(values, gaps, np.nan, axis=0)
        times = np.insert(times, gaps, times[gaps])
        return Samples(times, values, values)


def envelope(samples: Samples, n: int) -> Samples:
    r"""Returns the least and greatest values of blocks of samples.

    Args:
        samples: in time order.
        n: how many blocks, if there are more samples than that.

    Example ::

        >>> values = np.array([[0.0], [9.0], [1.0], [2.0]])
        >>> few = envelope(Samples(np.arange(4.0), values, values), 2)
        >>> few.times, few.lows[:, 0], few.highs[:, 0]
        (array([0., 2.]), array([0., 1.]), array([9., 2.]))
    """
    times, lows, highs = samples
    if len(times) <= n:
        return samples
    edges = np.linspace(0, len(times), n, endpoint=False).astype(np.int64)
    return Samples(
        times[edges], np.fmin.reduceat(lows, edges), np.fmax.reduceat(highs, edges)
    )


def _read_lines(
    traces: Traces, extent: Extent, pixels: int
) -> tuple[dict[str, Any], Arrays]:
    times, lows, highs = traces.read(extent, pixels)
    seen = slice(*np.searchsorted(times, extent))
    if not len(times[seen]):
        seen = slice(None)
    least = np.fmin.reduce(lows[seen], initial=np.nan)
    most = np.fmax.reduce(highs[seen], initial=np.nan)
    # All traces have one scale, and none hides another.
    step = 1.1 * float(np.nan_to_num(np.fmax.reduce(most - least))) or 1.0
    middle = np.nan_to_num((least + most) / 2)
    above = -np.arange(len(middle))
    drawn = (lows - middle) / step + above
    # Samples that are their own envelope are drawn once.
    upper = drawn if lows is highs else (highs - middle) / step + above
    facts = {"note": f"{step:.3g} from line to line"}
    return facts, _as_lines(Samples(times, drawn, upper))


def _read_pose(pose: Pose, extent: Extent, pixels: int) -> tuple[dict[str, Any], Arrays]:
    first, stop = np.searchsorted(pose.times, extent)
    piece = slice(max(0, first - 1), stop + 1)
    values = pose.points[piece].reshape(-1, 2 * pose.points.shape[1])
    samples = envelope(Samples(pose.times[piece], values, values), 4 * pixels)
    return {"note": "x solid, y dashed"}, _as_lines(samples)


def _as_lines(samples: Samples) -> Arrays:
    times, lows, highs = samples
    if lows is highs:
        return {"x": times, "y": lows.T.astype(np.float32)}
    y = np.stack([lows, highs], axis=1).reshape(-1, lows.shape[1])
    return {"x": np.repeat(times, 2), "y": y.T.astype(np.float32)}
