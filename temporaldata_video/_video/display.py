r"""How a video shows itself: frames along time, and a summary in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._base.uris import shown_uri
from .._pixels.jpeg import encode_jpeg
from .._plot.figure import require_matplotlib
from .._plot.html import video_html
from .._plot.pose_marks import as_pose
from .._plot.stills import choose_evenly
from .._plot.timeline import draw_strip, label_time, strip_count
from .facts import VideoFacts
from .thumbnails import half_frame, shown_size, stills_of, times_taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What a notebook may cost that only shows its variables.
_THUMBNAIL = (120, 160)
_THUMBNAIL_COUNTS = (5, 3, 1)
_MOST_DECODED = 500
_MOST_BYTES = 16 << 20


class VideoDisplay(VideoFacts):
    r"""The pictures of a lazy video."""

    if TYPE_CHECKING:  # what the host and the video bring
        domain: Any

        @property
        def timestamps(self) -> NDArray[np.float64]: ...

    def plot(
        self, ax: Axes | None = None, *, pose: Any = None, count: int | None = None
    ) -> Axes:
        r"""Draws a few frames of this video along time, above a tick for each frame.

        Args:
            ax: axes to draw on, whose x axis becomes time in seconds; new ones by default.
            pose: an ``IrregularTimeSeries`` of key points in pixels of the upright frame
                before any ``resize``. A column of shape (n, 2) is x and y of one point.
                Each frame has the points whose own time is nearest to that of the frame,
                if that is at most half a frame away.
            count: how many frames, as many as there is room for by default.

        Returns:
            The axes.

        Raises:
            ImportError: if matplotlib is missing.
            ValueError: if ``pose`` holds no points, or ``count`` is not positive.
            VideoError: if the video cannot be read. A frame that does not decode is marked.

        Example ::

            >>> import temporaldata_video as tv
            >>> from temporaldata_video.testing import make_clip
            >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
            >>> index = tv.write_index(clip, progress=False)
            >>> video = tv.LazyVideo.from_uri("clip.mp4")
            >>> axes = video.slice(0.5, 1.5).plot(count=6)
            >>> axes.get_xlabel()
            'time (s)'
        """
        require_matplotlib()
        if ax is None:
            from matplotlib import pyplot

            _, ax = pyplot.subplots(figsize=(12, 2.4), layout="constrained")
        plot_video(self, ax, self._extent(), pose=pose, count=count)
        label_time(ax, self._extent()[0])
        return ax

    def _extent(self) -> tuple[float, float]:
        starts, ends = self.domain.start, self.domain.end
        if len(starts) == 0:
            return 0.0, 1.0
        start, end = float(np.min(starts)), float(np.max(ends))
        # A single frame has no duration that its times would tell.
        return (start, end) if end > start else (start - 0.5, start + 0.5)

    def _repr_html_(self) -> str:
        try:
            facts = self._facts()
            pictures, note = self._thumbnails()
        # A notebook that shows its variables must not fail, whatever is wrong with them.
        except Exception as error:
            facts, pictures = {"uri": shown_uri(self.uri)}, []
            said = str(error).replace(self.uri, shown_uri(self.uri))
            note = f"{type(error).__name__}: {said}"
        return video_html(type(self).__name__, facts, pictures, note)

    def _facts(self) -> dict[str, str]:
        times = self.timestamps
        facts = {"uri": shown_uri(self.uri), "shape": str(self.shape)}
        if len(times):
            facts["clock"] = f"{times[0]:.3f} s to {times[-1]:.3f} s"
        if len(times) > 1 and times[-1] > times[0]:
            rate = 1 / float(np.median(np.diff(times)) or np.inf)
            facts["rate"] = f"{rate:.4g} frames a second (median)"
        return facts

    def _thumbnails(self) -> tuple[list[tuple[bytes, str]], str]:
        if len(self) == 0:
            return [], "no frame in this window"
        for count in _THUMBNAIL_COUNTS:
            shown = choose_evenly(self.timestamps, count, self._extent())
            decoded = self._lazy_frames.decoded is not None
            cost = self._recording.cost(self.frame_indices[shown])
            if decoded or (cost.decoded <= _MOST_DECODED and cost.bytes <= _MOST_BYTES):
                break
        else:
            return [], (
                f"no frame is shown, since one costs {cost.decoded} frames to decode and "
                f"{cost.bytes:,} bytes to fetch; .plot() shows some all the same"
            )
        stills = stills_of(self, shown, _THUMBNAIL[1])
        captions = [
            f"{time:.3f} s #{number}" + ("" if valid else " does not decode")
            for time, number, valid in zip(stills.times, stills.numbers, stills.valid)
        ]
        pictures = [encode_jpeg(pixels, _THUMBNAIL) for pixels in stills.pixels]
        return list(zip(pictures, captions)), ""


def plot_video(
    video: Any,
    axes: Axes,
    extent: tuple[float, float],
    *,
    pose: Any = None,
    count: int | None = None,
) -> None:
    r"""Draws frames of a video along a time axis.

    Args:
        video: what has :class:`VideoDisplay`.
        axes: to draw on.
        extent: begin and end of the axis in seconds.
        pose: a series of key points, or :obj:`None`.
        count: how many frames, as many as there is room for by default.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be a positive number of frames, got {count!r}.")
    height, width = shown_size(video._recording)
    n = count or strip_count(axes.bbox.width, axes.bbox.height, width / height)
    shown = choose_evenly(video.timestamps, n, extent)
    room = axes.bbox.width / max(len(shown), 1)
    stills = stills_of(video, shown, max(16, int(room)))
    if pose is not None:
        taken, clock = times_taken(video)[shown], video._recording.sorted_timestamps
        step = half_frame(clock if len(clock) > 1 else video.timestamps)
        stills = stills.with_pose(as_pose(pose), taken, step)
    draw_strip(axes, stills, video.timestamps, extent)
