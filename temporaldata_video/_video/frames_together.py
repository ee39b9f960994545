r"""Reads the frames of several cameras at the same times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import ArrayLike

from .read_many import read_many
from .resample import Method
from .series import VideoSeries


def frames_together(
    data: Any,
    times: ArrayLike,
    method: Method = "previous",
    tolerance: float | None = None,
) -> dict[str, VideoSeries]:
    r"""Returns the frame of each camera at each of the times, read as one request.

    Each camera has its own clock and its own number of frames. A camera that shows nothing
    at a time, since it paused or had not begun, has zeros there and :obj:`False` in
    ``valid``.

    Args:
        data: a ``Data`` object, or a window of one, with videos in it or in nested ones; or
            a mapping from names to lazy videos.
        times: seconds in the times of ``data``, sorted, float64 of shape (m,).
        method: as for :meth:`LazyVideo.resample`.
        tolerance: as there; by default each camera's own.

    Returns:
        For each camera by its name a lazy video whose timestamps are ``times``, and whose
        ``frames`` of shape (m, ...) are read. One in a nested ``Data`` is named
        ``"nested.camera"``.

    Raises:
        TypeError: if a value of the mapping is no lazy video.
        ValueError: if there is no video at all, or an argument is wrong.
        DecodeError: if a frame does not decode, and ``on_error`` of its video is
            ``"raise"``.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata import Data, Interval
        >>> from temporaldata_video.testing import make_clip
        >>> left = make_clip("left.mp4", n_frames=60, rate=30, size=(64, 96))
        >>> right = make_clip("right.mp4", n_frames=35, rate=25, size=(48, 64))
        >>> index = tv.index_many([left, right])
        >>> data = Data(
        ...     left=tv.LazyVideo.from_uri(left),
        ...     right=tv.LazyVideo.from_uri(right),
        ...     domain=Interval(0.0, 4.0),
        ... )
        >>> shown = tv.frames_together(data, [0.5, 1.0, 3.5])
        >>> shown["left"].frames.shape, shown["right"].frames.shape
        ((3, 3, 64, 96), (3, 3, 48, 64))
        >>> shown["left"].frame_indices, shown["left"].valid
        (array([15, 30, -1]), array([ True,  True, False]))
    """
    if isinstance(data, Mapping):
        videos = dict(data)
        for name, video in videos.items():
            if not isinstance(video, VideoSeries):
                raise TypeError(
                    f"frames_together needs lazy videos, got {type(video).__module__}."
                    f"{type(video).__name__} as {name!r}."
                )
    else:
        videos = dict(_videos_in(data))
    if not videos:
        raise ValueError(
            f"there is no lazy video in {type(data).__name__}; pass a Data object that has "
            f"some, or a mapping from names to videos."
        )
    shown = {
        name: video.resample(times, method, tolerance) for name, video in videos.items()
    }
    read_many(shown.values())
    return shown


def _videos_in(data: Any, prefix: str = "") -> Iterator[tuple[str, VideoSeries]]:
    for name in data.keys():  # noqa: SIM118  # it is no mapping
        value = getattr(data, name)
        if isinstance(value, VideoSeries):
            yield prefix + name, value
        elif isinstance(value, type(data)) or isinstance(data, type(value)):
            yield from _videos_in(value, f"{prefix}{name}.")
