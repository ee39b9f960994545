r"""Holds frames to draw, with what is known about them, and draws one of them on axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .figure import LARGEST_FONT, fitting_font
from .pose_marks import Pose, draw_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Stills:
    r"""A few frames of a video.

    Args:
        pixels: RGB, uint8 of shape (n, h, w, 3), as small as they will be drawn.
        times: seconds at which they are drawn, float64 of shape (n,).
        numbers: of the frames in the whole video, int64 of shape (n,); below 0 for none.
        valid: whether each of them decoded, bool of shape (n,).
        shape: height and width of a frame as the user reads it; gives the proportions.
        whole: height and width of the upright frame before any resize; the points are in
            its pixels.
        points: x and y, float64 of shape (n, m, 2).
        colors: of the m points.
        edges: pairs of the points to draw a line between.
        note: how values became levels of the screen; ``""`` where they are the same.
    """

    pixels: np.ndarray
    times: np.ndarray
    numbers: np.ndarray
    valid: np.ndarray
    shape: tuple[int, int]
    whole: tuple[int, int]
    points: np.ndarray
    colors: tuple[str, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    note: str = ""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def aspect(self) -> float:
        r"""Width of a frame as a multiple of its height."""
        return self.shape[1] / self.shape[0]

    def fault(self, i: int) -> str:
        r"""Returns why a frame shows nothing, in words; ``""`` where it shows something."""
        if self.valid[i]:
            return ""
        return "does not decode" if self.numbers[i] >= 0 else "no frame"

    def caption(self, i: int) -> str:
        r"""Returns number and fault of a frame."""
        number = f"#{self.numbers[i]}" if self.numbers[i] >= 0 else ""
        return f"{number} {self.fault(i)}".strip()

    def with_pose(self, pose: Pose, taken: np.ndarray, tolerance: float) -> Stills:
        r"""Returns the frames with the points of a pose at the times they were taken.

        Args:
            pose: key points in time.
            taken: seconds, float64 of shape (n,).
            tolerance: seconds by which the times of points may be off.
        """
        points = pose.at(taken, tolerance)
        return replace(self, points=points, colors=tuple(pose.colors), edges=pose.edges)


def show_still(axes: Axes, stills: Stills, i: int, width: float) -> None:
    r"""Draws one frame and its points, in the frame's own proportions.

    Args:
        axes: to fill; in pixels of the whole frame afterwards.
        stills: the frames.
        i: which of them.
        width: of the axes in pixels.
    """
    height_whole, width_whole = stills.whole
    across, down = (-0.5, width_whole - 0.5), (height_whole - 0.5, -0.5)
    axes.imshow(stills.pixels[i], extent=(*across, *down), interpolation="antialiased")
    axes.set_aspect(width_whole / height_whole / stills.aspect)
    if len(stills.colors):
        size = min(max(0.03 * width, 4.0), 14.0)
        draw_points(axes, stills.points[i], list(stills.colors), size, stills.edges)
    axes.set(xticks=[], yticks=[], xlim=across, ylim=down)
    if fault := stills.fault(i):
        axes.text(
            0.5,
            0.5,
            fault.replace(" decode", "\ndecode"),
            ha="center",
            va="center",
            transform=axes.transAxes,
            color="white",
            fontsize=min(LARGEST_FONT, fitting_font(0.9 * width, ["does not"])),
        )


def choose_evenly(times: np.ndarray, count: int, extent: tuple[float, float]) -> np.ndarray:
    r"""Returns which of many frames to draw, so that they are spread evenly in time.

    Args:
        times: seconds, sorted, float64 of shape (n,).
        count: how many at most.
        extent: first and last second of the time they are drawn along.

    Returns:
        Positions in ``times``, int64 of shape (at most ``count``,).

    Example ::

        >>> choose_evenly(np.arange(100) / 10, 4, (0.0, 10.0))
        array([12, 37, 62, 87])
    """
    if len(times) <= count:
        return np.arange(len(times))
    start, end = extent
    centres = start + (np.arange(count) + 0.5) / count * (end - start)
    after = np.searchsorted(times, centres).clip(1, len(times) - 1)
    nearer = centres - times[after - 1] <= times[after] - centres
    return np.unique(after - nearer)
