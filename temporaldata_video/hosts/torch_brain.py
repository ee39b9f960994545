r"""The lazy video of ``torch_brain`` 0.2 and later, which has series classes of its own.

Import it where ``torch_brain.data`` is used; :mod:`temporaldata_video` alone imports
neither torch_brain nor PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_brain.data import ArrayDict, Data, Interval, IrregularTimeSeries, concat

from .._video.series import VideoSeries
from ._hosts import Host, add_host


class LazyVideo(VideoSeries, IrregularTimeSeries):
    r"""A video as an ``IrregularTimeSeries`` of ``torch_brain.data``.

    Everything else is as in :class:`temporaldata_video.LazyVideo`, arguments included.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.hosts.torch_brain import LazyVideo
        >>> from temporaldata_video.testing import make_clip
        >>> from torch_brain.data import Data, Interval
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30, size=(64, 96))
        >>> index = tv.write_index(clip, progress=False)

        >>> video = LazyVideo.from_uri("clip.mp4")
        >>> data = Data(video=video, domain=Interval(0.0, 2.0))
        >>> data.slice(1.0, 1.5).video.frames.shape
        (15, 3, 64, 96)

        >>> data.other = tv.LazyVideo.from_uri("clip.mp4")
        Traceback (most recent call last):
        TypeError: 'other' is a LazyVideo for temporaldata, and this Data is of ...
        >>> data.other = LazyVideo.from_video(tv.LazyVideo.from_uri("clip.mp4"))
    """

    _interval_class = Interval
    _series_class = IrregularTimeSeries

    if TYPE_CHECKING:
        domain: Interval


add_host(Host("torch_brain.data", Data, ArrayDict, concat, LazyVideo))
