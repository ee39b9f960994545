r"""The lazy video of the ``temporaldata`` package."""

from __future__ import annotations

import temporaldata
from temporaldata import ArrayDict, Data, Interval, IrregularTimeSeries

from .series import Host, HostedVideo, add_host


class LazyVideo(HostedVideo, IrregularTimeSeries):
    r"""A video as an ``IrregularTimeSeries`` whose ``frames`` decode when asked for.

    It is sliced, masked, copied, pickled and saved like any other series, and costs
    nothing until its :attr:`frames` are looked at.

    Args:
        uri: the video, or its first file: a path or uri.
        store: reads the video; found by its uri by default.
        frame_index: the index of the video; its sidecar by default.
        metadata: anything; handed on to slices as it is.
        segment_uris: the further files of a video that is cut into several.
        resize: ``(height, width)`` in pixels of the frames, or :obj:`None`.
        colorspace: ``"RGB"`` or ``"G"``.
        channel_format: ``"NCHW"`` or ``"NHWC"``.
        domain: an ``Interval``, or ``"auto"`` for first to last timestamp.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata import Data, Interval
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30, size=(64, 96))
        >>> index = tv.write_index(clip, progress=False)

        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> video
        LazyVideo(
          timestamps=[60],
          frame_indices=[60],
          frames=[60, 3, 64, 96]
        )

        >>> data = Data(video=video, domain=Interval(0.0, 2.0))
        >>> sample = data.slice(1.0, 1.5)
        >>> sample.video.frames.shape
        (15, 3, 64, 96)
        >>> sample.video.frame_indices[:3]
        array([30, 31, 32])
    """

    _interval_class = Interval
    _series_class = IrregularTimeSeries


add_host(Host("temporaldata", Data, ArrayDict, temporaldata.concat, LazyVideo))
