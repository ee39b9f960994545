r"""Shows a recording in a browser: a server of its own in a thread, and its address."""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from .._plot.pose_marks import color_of
from .._plot.timeline import time_offset
from .._tools.plot_recording import POSE, poses_by_video, series_of
from .._video.series import VideoSeries
from .._video.thumbnails import half_frame
from .cameras import Camera, Extent, camera_of
from .figures import color_names, figure_of
from .serve import HOST, Watchers, make_app
from .tracks import Track, events_track, pose_track, track_of

_PATIENCE_SECONDS = 20.0
# A page that is loaded anew is gone for a moment.
_GRACE_SECONDS = 5.0
_HEIGHT = 720


class View:
    r"""A recording that a browser on this machine can show, as :func:`view` returns it.

    ``url`` is the address to open. Whoever has it can see the recording. A notebook shows
    the page itself.
    """

    url: str

    def __init__(self, make: Callable[[str, Watchers], Any], port: int) -> None:
        import uvicorn

        self._watchers = Watchers()
        token = secrets.token_urlsafe(24)
        config = uvicorn.Config(
            make(token, self._watchers),
            log_config=None,
            access_log=False,
            http="h11",
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._socket = _bound(port)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}/{token}/"
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="view", daemon=True
        )
        _OPEN.add(self)
        self._thread.start()

    def close(self) -> None:
        r"""Ends the server and frees its port; pages that are open say so."""
        self._watchers.dismissed = self._server.should_exit = True
        self._thread.join(_PATIENCE_SECONDS)
        self._socket.close()
        _OPEN.discard(self)

    def wait(self, keep: bool = False) -> None:
        r"""Returns when the pages that showed the recording have been closed.

        Args:
            keep: wait for an interrupt (Ctrl-C) alone.
        """
        gone = None
        while self._thread.is_alive():
            time.sleep(0.1)
            if keep or self._watchers.count != 0:
                gone = None
            else:
                gone = gone or time.monotonic()
                if time.monotonic() - gone > _GRACE_SECONDS:
                    return

    def __repr__(self) -> str:
        return f"View({self.url!r})"

    def _repr_html_(self) -> str:
        url = escape(self.url)
        style = f"width:100%;height:{_HEIGHT}px;border:0"
        return f"<iframe src='{url}' style='{style}' title='recording'></iframe>"


_OPEN: set[View] = set()


def view(
    data: Any,
    start: float | None = None,
    end: float | None = None,
    *,
    pose: Any = POSE,
    port: int = 0,
) -> View:
    r"""Shows a recording in a browser on this machine, video beside all else.

    The page has the frames of each camera on the recording's own clock, and below them
    spikes, traces, pose and intervals as :func:`plot_recording` draws them. It plays,
    pauses, steps from frame to frame, and shows the frame at any time that is clicked on.

    Nothing is written to disk. The server answers on the loopback address alone, and only
    those who know the address in full; it reads from ``data`` what the page shows.

    Args:
        data: a ``Data`` object, nested or not, or a lazy video.
        start: begin of what is shown in seconds; that of the recording by default.
        end: end of it in seconds; that of the recording by default.
        pose: key points to be drawn on the frames, as for :func:`plot_recording`.
        port: to listen on; a free one by default.

    Returns:
        A view with the address to open as ``url``, and ``close()`` to end it. A notebook
        shows it in its cell. It ends with its process at the latest.

    Raises:
        ImportError: if Bokeh, Starlette or uvicorn is missing.
        ValueError: if ``end`` is not after ``start``, there is nothing to show, or
            ``pose`` is no pose.
        OSError: if the port is in use.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> shown = tv.view(tv.LazyVideo.from_uri("clip.mp4"))
        >>> shown.url.startswith("http://127.0.0.1:")
        True
        >>> shown.close()
    """
    _require_libraries()
    extent = _extent(data, start, end)
    if isinstance(data, VideoSeries):
        series = {"video": data.slice(*extent, reset_origin=False)}
    else:
        series = dict(series_of(data.slice(*extent, reset_origin=False)))
    cameras, tracks = _rows(series, poses_by_video(pose, series), extent)
    if not tracks:
        raise ValueError(
            f"there is nothing to show: the recording has {list(series) or 'no series'}."
        )
    colors, offset = color_names(), time_offset(extent[0])
    axis_label = f"time (s) from {offset:.0f} s" if offset else "time (s)"
    session = {
        "start": extent[0],
        "end": extent[1],
        "offset": offset,
        "cameras": [
            {
                "name": camera.name,
                "size": camera.size,
                "colors": [colors[c] for c in (camera.pose.colors if camera.pose else ())],
            }
            for camera in cameras
        ],
        "tracks": [
            {
                "name": row.name,
                "kind": row.kind,
                "legend": [(n, colors[color_of(i)]) for i, n in enumerate(row.key_points)],
                "figure": figure_of(row, axis_label if row is tracks[-1] else ""),
            }
            for row in tracks
        ],
    }
    return View(
        lambda token, watchers: make_app(token, session, cameras, tracks, watchers), port
    )


def _extent(data: Any, start: float | None, end: float | None) -> Extent:
    domain: Any = getattr(data, "domain", None)
    has_domain = domain is not None and len(domain) > 0
    if (start is None or end is None) and not has_domain:
        raise ValueError("the recording has no domain: pass start and end in seconds.")
    first = float(np.min(domain.start)) if start is None else float(start)
    last = float(np.max(domain.end)) if end is None else float(end)
    if end is None and isinstance(data, VideoSeries):
        last += 2 * half_frame(data.timestamps)  # the last frame is on screen, too
    if not first < last:
        raise ValueError(f"end must come after start, got {first!r} and {last!r}.")
    return first, last


def _rows(
    series: dict[str, Any], poses: dict[str, Any], extent: Extent
) -> tuple[list[Camera], list[Track]]:
    cameras, tracks = [], []
    for name, one in series.items():
        if isinstance(one, VideoSeries):
            cameras.append(camera_of(name, one, poses.get(name), extent))
            tracks.append(events_track(f"{name}: frames", 0, one))
    of_pose = {id(poses[camera.name]): camera for camera in cameras if camera.name in poses}
    for name, one in series.items():
        if id(one) in of_pose:
            tracks.append(pose_track(name, one, of_pose[id(one)]))
        elif not isinstance(one, VideoSeries):
            tracks.append(track_of(name, one))
    return cameras, sorted(tracks, key=lambda row: row.place)


def _bound(port: int) -> socket.socket:
    # Only a socket that is known to be of TCP sends small answers at once.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port that was in use a moment ago may be named again.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise OSError(
            f"port {port} cannot be used ({error.strerror}); leave it out for a free one."
        ) from error
    listening.listen()
    return listening


def _require_libraries() -> None:
    try:
        import bokeh  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"viewing needs Bokeh, Starlette and uvicorn ({error}). Run: "
            f'pip install "temporaldata-video[view]"'
        ) from error


def _close_all() -> None:
    for one in list(_OPEN):
        one.close()


def _let_go() -> None:
    # A forked child has the sockets, too: as long as it lived, a port that its parent has
    # closed would still take connections that nobody answers. The numbers are not freed,
    # since objects of the parent, which the child may delete, would free them again.
    nothing = os.open(os.devnull, os.O_RDWR)
    for one in _OPEN:
        transports = (c.transport for c in one._server.server_state.connections)
        for held in (one._socket, *(t.get_extra_info("socket") for t in transports)):
            if held is not None and held.fileno() >= 0:
                os.dup2(nothing, held.fileno(), inheritable=False)
    os.close(nothing)
    _OPEN.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
