r"""One picture of a whole recording: frames, spikes, traces, pose, trials along time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from .._plot import rows as draw
from .._plot.figure import (
    DPI,
    LARGEST_FONT,
    add_axes,
    fitting_font,
    require_matplotlib,
    shortened,
)
from .._plot.pose_marks import Pose, as_pose, holds_points, keys
from .._plot.timeline import draw_ticks, label_time, strip_height
from .._video.display import draw_video
from .._video.series import VideoSeries
from .._video.thumbnails import shown_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Extent = tuple[float, float]

_LEFT, _RIGHT, _RIGHT_OF_NAMES = 90, 24, 108
_TOP, _BETWEEN, _BOTTOM = 10, 10, 46
_EVENTS_HEIGHT = 26.0
_SMALLEST_NAME = 7.0
# A series of this name counts as key points of the only video if it holds some, and one of
# the name of a video with it behind, `face_pose`, as those of that video.
POSE = "pose"


@dataclass(frozen=True)
class Row:
    r"""One modality of a recording on the picture.

    Args:
        name: of the series in the recording.
        place: sorts rows from the top, the lowest first.
        height: in pixels.
        draw: onto axes.
    """

    name: str
    place: int
    height: float
    draw: Callable[[Axes], None]


def plot_recording(
    data: Any,
    start: float,
    end: float,
    *,
    pose: Any = POSE,
    skeleton: Sequence[tuple[str, str]] = (),
    count: int | None = None,
    width: int = 1200,
    figure: Figure | None = None,
) -> dict[str, Axes]:
    r"""Draws all modalities of a window of a recording on one time axis.

    Videos come first, as frames above their times; then series with a ``unit_index`` as a
    raster, series at a regular rate as traces, pose, other series as traces or ticks, and
    intervals as bars. A row shows :data:`~temporaldata_video._plot.rows.MOST_TRACES`
    traces at most.

    Args:
        data: a ``Data`` object; nested ones are drawn too.
        start: begin of the window in seconds.
        end: end of the window in seconds, not included.
        pose: key points to be drawn on the frames too: a series as for
            :meth:`LazyVideo.plot`, or the name of one in ``data``; with several videos, a
            dict of these by the name of the video. By default, the series ``face_pose``
            of a video ``face``, and the series ``pose`` if there is but one video.
            :obj:`None` for no points.
        skeleton: as for :meth:`LazyVideo.plot`.
        count: frames per video; by default, as many as there is room for.
        width: of the picture in pixels.
        figure: to draw on, resized as needed; a new one of pyplot by default.

    Returns:
        The axes of each modality by its name, to be drawn on further. The figure is
        ``axes.figure`` of any of them.

    Raises:
        ImportError: if matplotlib is missing.
        ValueError: if ``end`` is not after ``start``, there is nothing to draw, or
            ``pose`` is no pose.

    Example ::

        >>> import numpy as np, temporaldata_video as tv
        >>> from temporaldata import Data, Interval, IrregularTimeSeries
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> spikes = IrregularTimeSeries(
        ...     timestamps=np.array([0.2, 0.9, 1.4]), unit_index=np.array([0, 1, 0]),
        ...     domain="auto",
        ... )
        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> data = Data(video=video, spikes=spikes, domain=Interval(0.0, 2.0))
        >>> axes = tv.plot_recording(data, 0.5, 1.5)
        >>> list(axes)
        ['video', 'spikes']
        >>> axes["video"].figure.savefig("recording.png")
    """
    require_matplotlib()
    if not start < end:
        raise ValueError(f"end must come after start, got {start!r} and {end!r}.")
    extent = (float(start), float(end))
    series = dict(series_of(data.slice(*extent, reset_origin=False)))
    poses = poses_by_video(pose, series)
    shown = {id(track): as_pose(track, skeleton) for track in poses.values()}
    inner = width - _LEFT - (_RIGHT_OF_NAMES if shown else _RIGHT)
    rows = []
    for name, one in series.items():
        if isinstance(one, VideoSeries):
            own = partial(draw_video, one, pose=poses.get(name), skeleton=skeleton)
            rows.append(_video_row(name, one, extent, inner, own, count))
        elif id(one) in shown:
            rows.append(_pose_row(name, shown[id(one)]))
        else:
            rows.extend(_row_of(name, one, extent))
    if not rows:
        raise ValueError(
            f"there is nothing to draw: the recording has {list(series) or 'no series'}."
        )
    rows.sort(key=lambda row: row.place)
    return _draw_rows(rows, extent, width, inner, figure)


def _draw_rows(
    rows: list[Row], extent: Extent, width: int, inner: int, figure: Figure | None
) -> dict[str, Axes]:
    heights = [row.height for row in rows]
    height = _TOP + sum(heights) + _BETWEEN * (len(rows) - 1) + _BOTTOM
    size = (width / DPI, height / DPI)
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=size, dpi=DPI)
    figure.set_size_inches(size)
    figure.set_dpi(DPI)
    drawn: dict[str, Axes] = {}
    top = float(_TOP)
    for row in rows:
        sharex = next(iter(drawn.values()), None)
        axes = add_axes(figure, _LEFT, top, inner, row.height, sharex=sharex)
        axes.set_xlim(*extent)
        row.draw(axes)
        axes.set_xlim(*extent)
        _name_row(axes, row, inner)
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
        drawn[row.name] = axes
        top += row.height + _BETWEEN
    axes.tick_params(axis="x", bottom=True, labelbottom=True)
    label_time(axes, extent[0])
    return drawn


def _name_row(axes: Axes, row: Row, inner: int) -> None:
    if row.height == _EVENTS_HEIGHT:
        name = shortened(row.name, _LEFT - 14, LARGEST_FONT)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.yaxis.set_label_coords(-8 / inner, 0.5)
        return
    font = max(fitting_font(row.height + _BETWEEN, [row.name]), _SMALLEST_NAME)
    axes.set_ylabel(shortened(row.name, row.height + _BETWEEN, font), fontsize=font)
    axes.yaxis.set_label_coords(-62 / inner, 0.5)


def _video_row(
    name: str,
    video: VideoSeries,
    extent: Extent,
    inner: int,
    draw_own: Callable[..., None],
    count: int | None,
) -> Row:
    height, width = shown_size(video._recording)
    return Row(
        name,
        0,
        strip_height(inner, width / height, count),
        lambda axes: draw_own(axes, extent, count=count),
    )


def _pose_row(name: str, pose: Pose) -> Row:
    return Row(name, 3, 110.0, partial(draw.draw_pose_traces, pose=pose))


def _row_of(name: str, series: Any, extent: Extent) -> Iterator[Row]:
    if hasattr(series, "start") and hasattr(series, "end"):
        yield _intervals_row(name, series, extent)
    elif hasattr(series, "unit_index"):
        times, units = series.timestamps, np.asarray(series.unit_index)
        yield Row(
            name,
            1,
            draw.raster_height(int(np.ptp(units)) + 1 if len(units) else 1),
            partial(draw.draw_raster, times=times, units=units, extent=extent),
        )
    else:
        yield _traces_row(name, series, extent)


def _traces_row(name: str, series: Any, extent: Extent) -> Row:
    times = np.asarray(series.timestamps)
    traces = dict(traces_of(series, len(times)))
    if not traces:
        return Row(name, 4, _EVENTS_HEIGHT, partial(_draw_events, times, extent))
    names = some_traces(list(traces))
    few = len(names) < len(traces)
    title = f"{name} ({len(names)} of {len(traces)})" if few else name
    values = np.stack([traces[n] for n in names], axis=1)
    labels = [n.removeprefix(f"{name}:") for n in names]
    return Row(
        title,
        2 if hasattr(series, "sampling_rate") else 4,
        draw.traces_height(len(names)),
        lambda axes: draw.draw_traces(axes, times, values, labels, extent),
    )


def _draw_events(times: np.ndarray, extent: Extent, axes: Axes) -> None:
    axes.set(ylim=(0, 1), yticks=[])
    draw_ticks(axes, times, extent)


def _intervals_row(name: str, intervals: Any, extent: Extent) -> Row:
    starts, ends = np.asarray(intervals.start), np.asarray(intervals.end)
    labels = labels_of(intervals)
    return Row(
        name,
        5,
        _EVENTS_HEIGHT,
        lambda axes: draw.draw_spans(axes, starts, ends, labels, extent),
    )


def labels_of(intervals: Any) -> list[str]:
    r"""Returns what is written on each interval: the first column of words, else of
    numbers."""
    columns = [np.asarray(getattr(intervals, k)) for k in keys(intervals)]
    for kinds in ("USO", "iub"):  # words say more than numbers
        for column in columns:
            if column.ndim == 1 and column.dtype.kind in kinds:
                texts = column.tolist()
                return [t.decode() if isinstance(t, bytes) else str(t) for t in texts]
    return [""] * len(intervals)


def some_traces(names: list[str]) -> list[str]:
    r"""Returns those of the traces of a series that are drawn, evenly chosen."""
    some = np.linspace(0, len(names) - 1, min(len(names), draw.MOST_TRACES))
    return [names[i] for i in some.round().astype(int)]


def traces_of(series: Any, n: int) -> Iterator[tuple[str, np.ndarray]]:
    r"""Yields the name and the values of each trace of a series of ``n`` samples."""
    for name in keys(series):
        column = np.asarray(getattr(series, name))
        if name != "timestamps" and column.dtype.kind in "fiub" and column.ndim:
            channels = column.reshape(n, int(np.prod(column.shape[1:])))
            for i, channel in enumerate(channels.T):
                yield (name if column.ndim == 1 else f"{name} {i}"), channel


def series_of(data: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    r"""Yields the name and the object of all that lies in time in a recording."""
    for name in keys(data):
        value = getattr(data, name)
        in_time = hasattr(value, "timestamps") or hasattr(value, "sampling_rate")
        # Some versions of the host give a recording a start, as intervals have one.
        if not in_time and hasattr(value, "domain") and hasattr(value, "keys"):
            yield from series_of(value, f"{prefix}{name}.")
        elif in_time or (hasattr(value, "start") and hasattr(value, "keys")):
            yield prefix + name, value


def poses_by_video(pose: Any, series: dict[str, Any]) -> dict[str, Any]:
    r"""Returns the pose of each video that has one, by the name of the video."""
    videos = [name for name, one in series.items() if isinstance(one, VideoSeries)]
    if pose is None:
        return {}
    if isinstance(pose, str) and pose == POSE:
        named = {video: f"{video}_{POSE}" for video in videos}
        if len(videos) == 1 and named[videos[0]] not in series:
            named = {videos[0]: POSE}
        return {
            video: series[name]
            for video, name in named.items()
            if name in series and holds_points(series[name])
        }
    if not isinstance(pose, dict):
        if len(videos) != 1:
            raise ValueError(
                f"pose must be a dict from the name of a video to its pose; the videos are "
                f"{videos}."
            )
        pose = {videos[0]: pose}
    for name, one in pose.items():
        if name not in videos or (isinstance(one, str) and one not in series):
            raise ValueError(
                f"pose={pose!r} names what the recording does not have: it has the videos "
                f"{videos} and the series {[n for n in series if n not in videos]}."
            )
    return {name: series[p] if isinstance(p, str) else p for name, p in pose.items()}
