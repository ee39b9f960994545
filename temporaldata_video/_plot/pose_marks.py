r"""Reads the points of a pose in time, and draws them on frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = [
    f"tab:{name}"
    for name in ["red", "cyan", "orange", "green", "pink", "blue", "olive", "purple"]
]


@dataclass(frozen=True, eq=False)
class Pose:
    r"""Key points in pixels of the whole, upright frame, (0, 0) its upper left pixel.

    Args:
        times: seconds, sorted, float64 of shape (n,).
        points: x and y in pixels, float64 of shape (n, m, 2); NaN where there is none.
        names: of the key points.
        key_points: which of the names each point has, int64 of shape (m,).
        edges: pairs of the m points to draw a line between.
    """

    times: np.ndarray
    points: np.ndarray
    names: tuple[str, ...]
    key_points: np.ndarray
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def colors(self) -> list[str]:
        r"""The colour of each point; points of the same key point share one."""
        return [color_of(key_point) for key_point in self.key_points.tolist()]

    def at(self, times: np.ndarray, tolerance: float) -> np.ndarray:
        r"""Returns the points whose own times are nearest to those of frames.

        Args:
            times: seconds, float64 of shape (k,).
            tolerance: seconds by which they may be off; points farther away are NaN.

        Returns:
            x and y in pixels, float64 of shape (k, m, 2).
        """
        out = np.full((len(times), *self.points.shape[1:]), np.nan)
        if len(self.times):
            after = np.searchsorted(self.times, times).clip(0, len(self.times) - 1)
            before = (after - 1).clip(0)
            nearer = np.abs(times - self.times[before]) <= np.abs(self.times[after] - times)
            nearest = np.where(nearer, before, after)
            close = np.abs(self.times[nearest] - times) <= tolerance
            out[close] = self.points[nearest[close]]
        return out


def color_of(key_point: int) -> str:
    r"""Returns the colour of a key point by its number."""
    return _COLORS[key_point % len(_COLORS)]


def edges_of(
    key_points: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    r"""Returns which points a skeleton joins, each animal's with its own.

    Args:
        key_points: which key point each point is, int64 of shape (m,), of the animals in
            the same order for all.
        pairs: of key points.
    """
    places = [(np.flatnonzero(key_points == k) for k in pair) for pair in pairs]
    return tuple((int(a), int(b)) for one, other in places for a, b in zip(one, other))


def as_pose(series: Any, skeleton: Sequence[tuple[str, str]] = ()) -> Pose:
    r"""Returns the points that a series holds.

    Args:
        series: an ``IrregularTimeSeries``. Each column of floats of shape (n, 2) is a key
            point, x before y; one of shape (n, ..., 2) is one for several animals, or
            many key points if it is the only one.
        skeleton: pairs of key points to draw a line between.

    Raises:
        TypeError: if it is no series in time.
        ValueError: if no column holds points, or ``skeleton`` names others.

    Example ::

        >>> import numpy as np
        >>> from temporaldata import IrregularTimeSeries
        >>> nose = np.array([[10.0, 20.0], [11.0, 21.0]])
        >>> times = np.array([0.0, 0.1])
        >>> series = IrregularTimeSeries(timestamps=times, nose=nose, domain="auto")
        >>> as_pose(series).names
        ('nose',)
    """
    if not hasattr(series, "timestamps") or not hasattr(series, "keys"):
        raise TypeError(
            f"pose must be an IrregularTimeSeries with a column of x and y for each key "
            f"point, got {type(series).__name__}."
        )
    columns = {k: np.asarray(getattr(series, k)) for k in keys(series)}
    times = np.asarray(columns.pop("timestamps", series.timestamps), np.float64)
    found = {name: c for name, c in columns.items() if _is_points(c)}
    if not found:
        shapes = ", ".join(f"{k}: {c.dtype}{list(c.shape)}" for k, c in columns.items())
        raise ValueError(
            f"pose must have a column of floats of shape (n, 2), or (n, ..., 2), in "
            f"pixels; its columns are {shapes or 'none'}."
        )
    flat = [c.reshape(len(times), int(np.prod(c.shape[1:-1])), 2) for c in found.values()]
    names = tuple(found)
    key_points = np.repeat(np.arange(len(flat)), [c.shape[1] for c in flat])
    if len(flat) == 1:
        key_points = np.arange(flat[0].shape[1])
        names = names if len(key_points) == 1 else tuple(map(str, key_points.tolist()))
    strange = [name for pair in skeleton for name in pair if name not in names]
    if strange:
        raise ValueError(
            f"skeleton names {strange[0]!r}, and the key points are {', '.join(names)}."
        )
    pairs = [(names.index(one), names.index(other)) for one, other in skeleton]
    order = np.argsort(times, kind="stable")
    points = np.concatenate(flat, axis=1).astype(np.float64)
    return Pose(times[order], points[order], names, key_points, edges_of(key_points, pairs))


def holds_points(series: Any) -> bool:
    r"""Returns whether a series has a column that :func:`as_pose` takes for points."""
    in_time = hasattr(series, "timestamps") and hasattr(series, "keys")
    return in_time and any(_is_points(np.asarray(getattr(series, k))) for k in keys(series))


def draw_points(
    axes: Axes,
    points: np.ndarray,
    colors: list[str],
    size: float,
    edges: Sequence[tuple[int, int]] = (),
) -> None:
    r"""Draws the points of one frame, and lines between them.

    Args:
        axes: in pixels of the whole frame.
        points: x and y, float64 of shape (m, 2).
        colors: one per point.
        size: diameter of a mark in pixels of the picture.
        edges: pairs of points; a line has the colour of its first one.
    """
    from matplotlib.collections import LineCollection

    seen = np.isfinite(points).all(axis=1)
    lines = [(one, other) for one, other in edges if seen[one] and seen[other]]
    if lines:
        axes.add_collection(
            LineCollection(
                [points[[one, other]] for one, other in lines],
                colors=[colors[one] for one, _ in lines],
                linewidths=0.2 * size,
                zorder=2,
            )
        )
    axes.scatter(
        points[seen, 0],
        points[seen, 1],
        s=(0.72 * size) ** 2,
        c=[color for color, here in zip(colors, seen.tolist()) if here],
        edgecolors="white",
        linewidths=0.08 * size,
        zorder=3,
    )


def keys(series: Any) -> list[str]:
    r"""Returns the names of what a series or a recording holds."""
    return list(series.keys())


def _is_points(column: np.ndarray) -> bool:
    return column.ndim >= 2 and column.shape[-1] == 2 and column.dtype.kind == "f"
