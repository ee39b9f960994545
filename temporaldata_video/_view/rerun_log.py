r"""Logs a recording to rerun, with its videos by reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._base.uris import shown_uri
from .._bytes.fetch import read_through
from .._decode.read_file import VideoFile, verified
from .._plot.pose_marks import as_pose
from .._tools.plot_recording import POSE, labels_of, poses_by_video, series_of, traces_of
from .._video.lazy_arrays import NO_FRAME
from .._video.series import VideoSeries
from ..errors import VideoError
from ..types import ByteRange
from .tracks import Traces

# A place in rerun, seconds or None for what holds at all times, and what is logged there.
Rows = Iterator[tuple[str, np.ndarray | None, Any]]


def to_rerun(data: Any, *, recording: Any = None, pose: Any = POSE) -> Any:
    r"""Logs a recording to rerun: files of videos whole, and frames by reference to them.

    Args:
        data: a ``Data`` object, nested or not, or a lazy video.
        recording: the ``RecordingStream`` to log to; a new one by default.
        pose: key points to be drawn on the frames, as for :func:`plot_recording`.

    Returns:
        The ``RecordingStream``, whose timeline ``time`` has the seconds of ``data``.

    Raises:
        ImportError: if rerun is missing.
        VideoError: if rerun cannot show the frames of a file as they are.
        ValueError: if a time is not finite, or ``pose`` holds no points.
    """
    try:
        import rerun as rr
    except ImportError as error:
        raise ImportError('rerun needs: pip install "temporaldata-video[rerun]"') from error
    out = rr.RecordingStream("temporaldata") if recording is None else recording
    series = {"video": data} if isinstance(data, VideoSeries) else dict(series_of(data))
    poses = poses_by_video(pose, series)
    drawn = {id(one) for one in poses.values()}
    jobs = [(name, one, _rows) for name, one in series.items() if id(one) not in drawn]
    jobs += [(f"{video}.{POSE}", one, _pose_rows) for video, one in poses.items()]
    for name, one, rows in jobs:
        for place, times, logged in rows(rr, rr.new_entity_path(name.split(".")), one):
            if times is None:
                rr.log(place, logged, static=True, recording=out, strict=True)
            elif np.isfinite(times).all():
                nanoseconds = np.round(times * 1e9).astype("timedelta64[ns]")
                index = [rr.TimeColumn("time", duration=nanoseconds)]
                rr.send_columns(place, index, logged, recording=out, strict=True)
            else:
                raise ValueError(f"{name!r} has times that are not finite; take them out.")
    return out


def _rows(rr: Any, entity: str, series: Any) -> Rows:
    if isinstance(series, VideoSeries):
        yield from _video_rows(rr, entity, series)
    elif hasattr(series, "start"):
        yield from _interval_rows(rr, entity, series)
    elif hasattr(series, "unit_index") or not [*traces_of(series, len(series))]:
        units = getattr(series, "unit_index", np.zeros(len(series.timestamps)))
        yield entity, None, rr.SeriesPoints(markers="circle", marker_sizes=1.5)
        yield entity, series.timestamps, rr.Scalars.columns(scalars=np.asarray(units))
    else:
        domain, names = series.domain, tuple(dict(traces_of(series, len(series))))
        start, end = np.min(domain.start, initial=0.0), np.max(domain.end, initial=0.0)
        times, values, _ = Traces(series, names).samples(float(start), float(end) + 1)
        yield entity, None, rr.SeriesLines(names=names)
        yield entity, times, rr.Scalars.columns(scalars=values)


def _video_rows(rr: Any, entity: str, video: VideoSeries) -> Rows:
    recording, order = video._recording, np.argsort(video.timestamps, kind="stable")
    times, numbers = video.timestamps[order], video._numbers[order]
    shown, offsets = numbers != NO_FRAME, recording.frame_offsets
    segments = np.searchsorted(offsets, numbers, side="right") - 1
    for segment in np.unique(segments[shown]).tolist():
        here, place = shown & (segments == segment), f"{entity}/segment_{segment}"
        file, rows = recording.files[segment]
        asset, nanoseconds = _asset_and_frame_times(rr, file)
        yield place, None, asset
        frames = numbers[here] - offsets[segment]
        pictures = nanoseconds[frames if rows is None else rows[frames]]
        columns = {"timestamp": pictures, "video_reference": [place] * len(frames)}
        yield entity, times[here], rr.VideoFrameReference.columns(**columns)
    # A frame is on screen until the next one, and its tolerance to the last nanosecond.
    fades = times[shown] + recording.tolerances(numbers[shown]) + 1e-9
    following = np.append(times, np.inf)[np.flatnonzero(shown) + 1]
    ends = np.concatenate([fades[fades < following], times[~shown]])
    yield entity, ends, rr.Clear.columns(is_recursive=np.zeros(len(ends), bool))


def _asset_and_frame_times(rr: Any, file: VideoFile) -> tuple[Any, np.ndarray]:
    stream, meta = file.packets.stream, verified(file)
    frames = file.packets.rows(0, len(file.packets)).pts
    pts = np.sort(np.concatenate([frames, file.packets.hidden.pts]))
    try:
        if stream.rotation or stream.mirrored:
            raise RuntimeError(f"it turns no frames ({stream.rotation}°), and mirrors none")
        if meta.size >= 2**31:
            raise RuntimeError(f"it takes less than 2 GiB of a file, not {meta.size} bytes")
        whole = read_through(file.store, file.uri, [ByteRange(0, meta.size)], meta)[0]
        asset = rr.AssetVideo(contents=whole, media_type="video/mp4")
        found = np.asarray(asset.read_frame_timestamps_nanos(), np.int64)
        ticks = float(stream.time_base * 1_000_000_000)
        if stream.decoded_for or len(found) != len(pts) or (np.diff(pts) <= 0).any():
            raise RuntimeError(f"it finds {len(found)} frames, the index has {len(pts)}")
        if not np.allclose(found - found[:1], (pts - pts[:1]) * ticks, rtol=0, atol=1000):
            raise RuntimeError("it finds its frames at other times than the index")
    except RuntimeError as error:
        raise VideoError(
            f"rerun cannot show {shown_uri(file.uri)!r} as it is: {error}. View it with "
            f"tv.view. If it is no MP4 with H.264, tv.reencode makes a copy that is one."
        ) from error
    return asset, found[np.searchsorted(pts, frames)]


def _pose_rows(rr: Any, entity: str, series: Any) -> Rows:
    pose = as_pose(series)
    yield entity, None, rr.AnnotationContext(list(enumerate(pose.names)))
    seen = np.isfinite(pose.points).all(axis=-1)
    ids = np.broadcast_to(pose.key_points, seen.shape)[seen]
    # The middle of the upper left pixel is (0, 0) in a pose and (0.5, 0.5) in rerun.
    columns = rr.Points2D.columns(positions=pose.points[seen] + 0.5, class_ids=ids)
    yield entity, pose.times, columns.partition(seen.sum(axis=1))


def _interval_rows(rr: Any, entity: str, intervals: Any) -> Rows:
    starts, ends = np.asarray(intervals.start), np.asarray(intervals.end)
    labels = [label or str(i) for i, label in enumerate(labels_of(intervals))]
    lanes: list[list[int]] = []  # one state at a time; "" ends what no other state ends
    for i in np.argsort(starts, kind="stable").tolist():
        lane = next((lane for lane in lanes if ends[lane[-1]] <= starts[i]), [])
        lanes += [] if lane else [lane]
        lane.append(i)
    for n, lane in enumerate(lanes):
        over = ends[lane][ends[lane] < np.append(starts[lane][1:], np.inf)]
        states = [*(labels[i] for i in lane), *[""] * len(over)]
        times = np.concatenate([starts[lane], over])
        yield entity + f"/lane_{n}" * (n > 0), times, rr.StateChange.columns(state=states)
