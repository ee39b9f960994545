r"""The lazy video of the ``temporaldata`` package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import temporaldata
from temporaldata import Data, Interval, IrregularTimeSeries

from ..plugin.backends import Backend
from ..video import VideoSeries
from .hdf5 import dispatch_to_backends
from .pointer import BACKEND_NAME, read_pointer, write_pointer


class LazyVideo(VideoSeries, IrregularTimeSeries):
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

    def to_hdf5(self, file: Any) -> None:
        r"""Saves timestamps, frame numbers and a pointer to the video, never pixels.

        Args:
            file: an ``h5py.Group``.
        """
        write_pointer(self, file)

    @classmethod
    def from_hdf5(cls, file: Any, lazy: bool = True) -> LazyVideo:
        r"""Returns the video that a group points to.

        Args:
            file: an ``h5py.Group``, written by :meth:`to_hdf5`.
            lazy: leave the timestamps in the file until they are needed.
        """
        return cast(LazyVideo, read_pointer(cls, file, lazy))


def concat(objs: Sequence[Any], sort: bool = True) -> Any:
    r"""Concatenates videos, or whatever else the host can concatenate.

    Args:
        objs: all lazy videos, or none of them.
        sort: put the result in time order.

    Raises:
        ValueError: if they are of different types, or do not belong together.
    """
    objs = list(objs)
    if objs and all(isinstance(obj, LazyVideo) for obj in objs):
        return LazyVideo.concat(objs, sort)
    return temporaldata.concat(objs, sort)


def _read_hdf5(group: Any, *, data_class: type = Data, lazy: bool = True) -> LazyVideo:
    return LazyVideo.from_hdf5(group, lazy)


MP4_INDEX = Backend(name=BACKEND_NAME, open=LazyVideo.from_uri, read_hdf5=_read_hdf5)

dispatch_to_backends(Data)
