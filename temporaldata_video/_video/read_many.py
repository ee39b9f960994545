r"""Decodes several windows as one request, for datasets that fetch whole batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from .lazy_arrays import read_together
from .series import VideoSeries


def read_many(windows: Iterable[VideoSeries]) -> list[NDArray[Any]]:
    r"""Returns the frames of several windows, planned together.

    Windows may overlap, and be of one video or of several. It decodes a group of pictures
    once, even if several windows need it, and fetches all bytes of a file in one go. The
    windows keep their frames, as after :attr:`LazyVideo.frames`.

    Args:
        windows: lazy videos; each says its own ``resize``, ``colorspace``,
            ``channel_format``, ``dtype``, ``on_error`` and ``threads``. Windows that differ
            in the pixels they ask for are decoded apart.

    Returns:
        The ``frames`` of each window, in the order of ``windows``.
        The ``valid`` of a window says which of its frames are masked.

    Raises:
        TypeError: if one is no lazy video.
        DecodeError: if a frame does not decode and ``on_error`` of its window is
            ``"raise"``. No window keeps frames then.
        StaleIndexError: if a file is not the one that was indexed.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30, size=(64, 96))
        >>> index = tv.write_index(clip, progress=False)
        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> windows = [video.slice(start, start + 0.5) for start in (1.0, 0.2, 0.4)]
        >>> [frames.shape for frames in tv.read_many(windows)]
        [(15, 3, 64, 96), (15, 3, 64, 96), (15, 3, 64, 96)]
    """
    videos = list(windows)
    for video in videos:
        if not isinstance(video, VideoSeries):
            raise TypeError(
                f"read_many needs lazy videos, got {type(video).__module__}."
                f"{type(video).__name__}; for Data objects, pass their videos."
            )
    lazy = {id(video): video._lazy_frames for video in videos}
    todo = [frames for frames in lazy.values() if frames.decoded is None]
    read_together(todo)
    return [lazy[id(video)].pixels for video in videos]
