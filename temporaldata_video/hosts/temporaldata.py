r"""The lazy video of the ``temporaldata`` package."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import temporaldata
from temporaldata import ArrayDict, Data, Interval, IrregularTimeSeries

from .._pose.pose_table import read_pose as read_pose_table
from .._pose.sleap_labels import read_skeleton as skeleton_of
from .._video.lazy_arrays import NO_FRAME
from .._video.series import VideoSeries
from ._hosts import Host, add_host


class LazyVideo(VideoSeries, IrregularTimeSeries):
    r"""A video as an ``IrregularTimeSeries`` whose ``frames`` decode at first access.

    It is sliced, masked, copied, pickled and saved like any other series, and decodes
    nothing until somebody reads its :attr:`frames`.

    Args:
        uri: the video, or its first file: a path or uri.
        store: reads the video; found by its uri by default.
        frame_index: the index of the video; its sidecar by default.
        metadata: anything; slices get the same object.
        segment_uris: the further files of a video that is cut into several.
        resize: ``(height, width)`` in pixels of the frames, or :obj:`None`.
        colorspace: ``"RGB"`` or ``"G"``.
        channel_format: ``"NCHW"`` or ``"NHWC"``.
        dtype: of the pixels, ``"uint8"``, ``"uint16"``, or ``"auto"`` for uint16 where
            samples of the video have more than 8 bits.
        domain: an ``Interval``, or ``"auto"`` for the times in which there are frames.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata import Data, Interval
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30, size=(64, 96))
        >>> index = tv.write_index(clip, progress=False)

        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> video
        LazyVideo(
          uri='...clip.mp4',
          segments=1,
          window=0.000 s to 1.967 s,
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

    if TYPE_CHECKING:
        domain: Interval


def load_recording(path: str) -> Data:
    r"""Returns a recording whose arrays stay in its file until they are needed.

    Args:
        path: of an HDF5 file that ``Data.save`` wrote.
    """
    return Data.load(path)


def load_series(path: str, name: str) -> IrregularTimeSeries:
    r"""Returns a series from a recording.

    Args:
        path: of an HDF5 file that ``Data.save`` wrote.
        name: of the series; ``"behavior.pose"`` lies in a nested ``Data``.

    Raises:
        ValueError: if there is none of that name.
    """
    found: Any = Data.load(path, lazy=False)
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise ValueError(
            f"{path!r} has no {name!r}; it has {', '.join(found.keys()) or 'nothing'}."
        ) from error
    if not isinstance(found, IrregularTimeSeries):
        raise ValueError(
            f"{name!r} of {path!r} is no IrregularTimeSeries but {type(found).__name__}."
        )
    return found


def read_pose(
    path: str | os.PathLike[str], video: VideoSeries, min_confidence: float = 0.0
) -> IrregularTimeSeries:
    r"""Returns the points of a pose table at the times of a video's frames.

    Args:
        path: of an ``.analysis.h5`` of SLEAP, or an ``.h5`` or ``.csv`` of DeepLabCut, with
            a row for each frame of the whole video; or of a ``.slp`` of SLEAP, in which
            several videos are told apart by the names of their files.
        video: the lazy video, or a window of it.
        min_confidence: least score or likelihood of a point that is kept.

    Returns:
        A series with a column for each key point: x and y in pixels, float64 of shape
        (n, 2), or (n, n_animals, 2) with several animals. NaN where there is no point.
        Underscores replace characters that names of columns cannot have.

    Raises:
        ValueError: if it is no pose table, or has another number of rows than the video
            has frames.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=2, rate=10)
        >>> index = tv.write_index(clip, progress=False)
        >>> _ = open("pose.csv", "w").write(
        ...     "scorer,net,net\nbodyparts,nose,nose\ncoords,x,y\n0,1.5,2.5\n1,1.6,2.4\n"
        ... )
        >>> pose = tv.read_pose("pose.csv", tv.LazyVideo.from_uri("clip.mp4"))
        >>> pose.timestamps, pose.nose[1]
        (array([0. , 0.1]), array([1.6, 2.4]))
    """
    n_frames = int(video.segment_frame_counts.sum())
    table = read_pose_table(path, min_confidence, n_frames, video.uri)
    numbers = video._numbers
    points = table.points[numbers]
    points[numbers == NO_FRAME] = np.nan
    if points.shape[1] == 1:
        points = points[:, 0]
    columns = {
        name: points[..., i, :].copy() for i, name in enumerate(_column_names(table.names))
    }
    times = np.array(video.timestamps)
    return IrregularTimeSeries(timestamps=times, domain=video.domain, **columns)


def read_skeleton(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    r"""Returns which key points the skeleton of a SLEAP project joins.

    Args:
        path: of a ``.slp``.

    Returns:
        Pairs of names, those of the columns that :func:`read_pose` makes.

    Raises:
        ValueError: if it is no ``.slp``, or has several skeletons.
        OSError: if there is no file, or it cannot be opened.
    """
    skeleton = skeleton_of(path)
    names = _column_names(skeleton.names)
    return [(names[one], names[other]) for one, other in skeleton.edges]


def _column_names(key_points: Sequence[str]) -> list[str]:
    names: list[str] = []
    for key_point in key_points:
        name = "_".join(re.findall(r"\w+", key_point)) or "point"
        if hasattr(IrregularTimeSeries, name) or not name.isidentifier():
            name = f"point_{name}"
        while name in names:
            name += "_"
        names.append(name)
    return names


add_host(Host("temporaldata", Data, ArrayDict, temporaldata.concat, LazyVideo))
