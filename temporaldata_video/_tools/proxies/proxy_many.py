r"""Writes the proxies of many videos over any executor, with a report for each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any

from ..._base.uris import normalize_uri
from ..many import ManyReport, Task, VideoReport, do_many
from .write_proxy import write_proxy


def proxy_many(
    uris: Iterable[str | os.PathLike[str]],
    size: tuple[int, int],
    *,
    executor: Executor | None = None,
    progress: bool = True,
    **options: Any,
) -> ManyReport:
    r"""Writes the proxies of many videos; one that fails does not stop the others.

    After an interrupt, the same call goes on where it stopped: fresh proxies are kept.
    Workers that die are treated as by :func:`index_many`.

    Args:
        uris: the videos.
        size: ``(height, width)`` in pixels.
        executor: runs the work, any ``concurrent.futures.Executor``; without it, one video
            is done after the other.
        progress: show a progress bar.
        **options: passed on to :func:`write_proxy` for every video.

    Returns:
        One report for each video, in the order given: ``"skipped"`` where all of its
        proxies were fresh.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clips = [make_clip(f"{k}.mp4", n_frames=30, rate=30) for k in range(2)]
        >>> indexed = tv.index_many(clips)
        >>> tv.proxy_many(clips, (32, 48))
        ManyReport: 2 done, 0 skipped, 0 failed
        >>> tv.proxy_many(clips, (32, 48)).counts()
        {'done': 0, 'skipped': 2, 'failed': 0}
    """

    def task_of(name: str) -> Task:
        return Task(name, partial(_proxy_one, name, size, options))

    return do_many([normalize_uri(uri) for uri in uris], task_of, executor, progress)


def _proxy_one(uri: str, size: tuple[int, int], options: Mapping[str, Any]) -> VideoReport:
    report = write_proxy(uri, size, **{**options, "progress": False})
    return VideoReport(uri, "done" if report.written else "skipped", report.frames)
