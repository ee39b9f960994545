r"""Opens many videos at a time, since those on a store each wait for round trips."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import Any

from .._base.uris import protocol_of
from .._bytes.fetch import MAX_OBJECTS, side_by_side
from .._video.series import VideoSeries
from ..hosts.temporaldata import LazyVideo


def open_many(
    uris: Iterable[str | os.PathLike[str]],
    kind: type[VideoSeries] = LazyVideo,
    **options: Any,
) -> list[Any]:
    r"""Returns videos opened by their sidecars, with their clocks, side by side.

    A window of each can then be cut without a request.

    Args:
        uris: of one video each.
        kind: the class of the videos, such as
            :class:`temporaldata_video.hosts.torch_brain.LazyVideo`.
        **options: of :meth:`LazyVideo.from_uri`.

    Raises:
        VideoError: if one cannot be opened.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clips = [make_clip(f"cam{n}.mp4", n_frames=60) for n in range(2)]
        >>> index = tv.index_many(clips)
        >>> [len(video) for video in tv.training.open_many(clips, resize=(32, 32))]
        [60, 60]
    """
    given = [os.fspath(uri) for uri in uris]

    def opened(uri: str) -> VideoSeries:
        video = kind.from_uri(uri, **options)
        _ = video.timestamps
        return video

    remote = any(protocol_of(uri) for uri in given)
    jobs = [partial(opened, uri) for uri in given]
    return side_by_side(jobs, MAX_OBJECTS if remote else 1)
