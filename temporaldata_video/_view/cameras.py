r"""Tells which frame of a camera is on screen at a time, and makes a picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.fork_safety import kept_property
from .._pixels.jpeg import encode_jpeg
from .._plot.contrast import ValueRange
from .._plot.pose_marks import Pose, as_pose
from .._video.lazy_arrays import NO_FRAME
from .._video.resample import frames_on_screen, match_times, with_neighbours
from .._video.series import VideoSeries
from .._video.thumbnails import half_frame, read_stills, shown_size, usual_range_of
from .wire import pack

Extent = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Camera:
    r"""A video of the recording, and when it shows which of its frames.

    Args:
        name: of the video in the recording.
        video: the lazy video.
        pose: points to be drawn on its frames.
        extent: first and last second of what is viewed.
        times: from which on each frame is shown, sorted seconds, float64 of shape (n,);
            the frame that is on screen when the window begins is among them.
        numbers: of these frames, int64 of shape (n,).
    """

    name: str
    video: VideoSeries
    pose: Pose | None
    extent: Extent
    times: np.ndarray
    numbers: np.ndarray

    @kept_property
    def value_range(self) -> ValueRange | None:
        r"""What is black and what is white in all frames; :obj:`None` for 8 bits."""
        return usual_range_of(self.video._recording, self.numbers[self.numbers != NO_FRAME])

    @kept_property
    def size(self) -> tuple[int, int]:
        r"""Height and width of a frame as the user has it."""
        return shown_size(self.video._recording)


def camera_of(name: str, video: VideoSeries, pose: Any, extent: Extent) -> Camera:
    r"""Returns a camera.

    Args:
        name: of the video in the recording.
        video: the lazy video.
        pose: the series of its points, or :obj:`None`.
        extent: first and last second of what is viewed.
    """
    order = np.argsort(video.timestamps, kind="stable")
    times, numbers = with_neighbours(
        video._recording,
        video.timestamps[order],
        video._numbers[order],
        video._origin,
        video._edge,
        np.array(extent),
    )
    points = None if pose is None else as_pose(pose)
    return Camera(name, video, points, extent, times, numbers)


def showing(camera: Camera, time: float) -> dict[str, Any]:
    r"""Returns which frame is on screen at a time, and from when until when.

    Args:
        camera: the camera.
        time: seconds.

    Returns:
        ``number`` of the frame, -1 in a pause; the half-open ``[start, end)`` in which the
        same is shown, and ``previous``, the time at which something else began to be
        shown before; all within what is viewed.
    """
    recording, times = camera.video._recording, camera.times
    here = np.array([time])
    number = int(
        frames_on_screen(recording, times, camera.numbers, here, "previous", None)[0]
    )
    at = int(match_times(times, here, "previous")[0])
    first, last = camera.extent
    start = float(times[at]) if at >= 0 else first
    end = float(times[at + 1]) if at + 1 < len(times) else last
    previous = float(times[at - 1]) if at > 0 else first
    if at >= 0:
        # A frame is shown as long as its tolerance, and that instant is still its own.
        longest = float(recording.tolerances(camera.numbers[at : at + 1])[0])
        fades = float(np.nextafter(start + longest, np.inf))
        if number != NO_FRAME:
            end = min(end, fades)
        elif fades <= time:
            previous, start = start, fades
    start, end, previous = (min(max(x, first), last) for x in (start, end, previous))
    return {"number": number, "start": start, "end": end, "previous": previous}


def picture(camera: Camera, time: float, width: int) -> bytes:
    r"""Returns the frame on screen at a time as an answer of the server.

    Args:
        camera: the camera.
        time: seconds.
        width: pixels that the picture will be wide at most.

    Returns:
        The facts of :func:`showing`; ``taken``, the second of the frame; ``fault``, why
        there is no picture; ``points`` in pixels of the picture, :obj:`None` for those
        that are not there; and the array ``jpeg``, empty in a pause.
    """
    facts = showing(camera, time)
    if facts["number"] == NO_FRAME:
        return pack({**facts, "fault": "no frame", "points": []}, jpeg=_NOTHING)
    number = np.array([facts["number"]])
    taken = camera.times[match_times(camera.times, np.array([time]), "previous")]
    stills = read_stills(camera.video._recording, number, taken, width, camera.value_range)
    facts |= {"taken": float(taken[0]), "fault": stills.fault(0), "points": []}
    if camera.pose is not None:
        stills = stills.with_pose(camera.pose, taken, half_frame(camera.times))
        height, across = stills.pixels.shape[1:3]
        scale = np.array([across / stills.whole[1], height / stills.whole[0]])
        # The middle of the upper left pixel is (0, 0) in a pose and (0.5, 0.5) on a canvas.
        points = (stills.points[0] + 0.5) * scale
        facts["points"] = [p if np.isfinite(p).all() else None for p in points.tolist()]
    jpeg = encode_jpeg(stills.pixels[0], stills.pixels.shape[1:3])
    return pack(facts, jpeg=np.frombuffer(jpeg, np.uint8))


_NOTHING = np.empty(0, np.uint8)
