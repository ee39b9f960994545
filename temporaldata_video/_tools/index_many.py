r"""Indexes many videos over any executor, with a report for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from .._base.uris import is_local, normalize_uri, one_or_several
from .._plugin.place import VideoPlace, locate
from .._sidecar.sidecar import LanceFrameIndex
from .._sidecar.sidecar_place import index_exists
from .freshness import fresh_index
from .many import ManyReport, Task, VideoReport, do_many
from .write_index import write_index

# What may differ from video to video.
_PER_VIDEO = ("timestamps", "segment_uris", "index_uri", "pose")


def index_many(
    uris: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: bool = True,
    **options: Any,
) -> ManyReport:
    r"""Indexes many videos; one that fails does not stop the others.

    After an interrupt, the same call goes on where it stopped: it skips files whose index
    is fresh. If a worker of a ``ProcessPoolExecutor`` dies, the files that it may have
    worked on are tried again one by one, each in a process of its own, and the rest in a
    new pool. Other executors, such as Dask's, have their own way to try again.

    Args:
        uris: the videos, or a single one.
        executor: runs the work, any ``concurrent.futures.Executor``; without it, the files
            are indexed one by one.
        overwrite: replace indexes that are there. Otherwise a fresh index is kept, and an
            index that does not fit its video is reported as failed.
        progress: show a progress bar.
        **options: passed on to :func:`write_index` for every file. ``timestamps``,
            ``segment_uris``, ``index_uri`` and ``pose`` may be a mapping from video to
            value, or a function from the video's uri to its value, which is called here
            and not in a worker.

    Returns:
        One report for each file, in the order given. A file that a worker had indexed when
        it died is ``"done"`` in a local place, and ``"skipped"`` on an object store.

    Raises:
        ValueError: if a mapping is about a video that is not among ``uris``.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clips = [make_clip(f"{k}.mp4", n_frames=30, rate=30) for k in range(2)]
        >>> tv.index_many(clips, timestamps=lambda uri: tv.Clock(rate=30.0))
        ManyReport: 2 done, 0 skipped, 0 failed
        >>> tv.index_many(clips).counts()
        {'done': 0, 'skipped': 2, 'failed': 0}
    """
    names = [normalize_uri(uri) for uri in one_or_several(uris)]
    choose = {
        name: _chooser(name, options[name], names) for name in _PER_VIDEO & options.keys()
    }

    def task_of(name: str) -> Task:
        own = {**options, **{key: of(name) for key, of in choose.items()}}
        existed = _existed(name, own)
        return Task(name, partial(_index_one, name, own, overwrite, existed))

    return do_many(names, task_of, executor, progress)


def _chooser(option: str, value: Any, names: Sequence[str]) -> Callable[[str], Any]:
    if callable(value):
        return value
    if not isinstance(value, Mapping):
        return lambda uri: value
    by_uri = {normalize_uri(uri): one for uri, one in value.items()}
    strange = sorted(by_uri.keys() - set(names))
    if strange:
        raise ValueError(
            f"{option} has an entry for {strange[0]!r}, which is not among the videos "
            f"({len(strange)} such in all). Remove it, or add the video."
        )

    def look_up(uri: str) -> Any:
        if uri not in by_uri:
            raise ValueError(f"{option} has no entry for {uri!r}; add it to the mapping.")
        return by_uri[uri]

    return look_up


def _place(uri: str, options: Mapping[str, Any]) -> VideoPlace:
    return locate(
        uri,
        options.get("segment_uris") or (),
        store=options.get("store"),
        storage_options=options.get("storage_options"),
        index_uri=options.get("index_uri"),
    )


def _existed(uri: str, options: Mapping[str, Any]) -> bool:
    target = _place(uri, options).sidecar_uri
    return not is_local(target) or index_exists(target)


def _index_one(
    uri: str, options: Mapping[str, Any], overwrite: bool, existed: bool
) -> VideoReport:
    if not overwrite and (found := _known_index(uri, options)) is not None:
        frames = int(found.segment_frame_counts().sum())
        # An index made since the run began is by a worker that died before its report.
        return VideoReport(uri, "skipped" if existed else "done", frames)
    arguments = {**options, "overwrite": overwrite, "progress": False}
    frames = int(write_index(uri, **arguments).segment_frame_counts().sum())
    return VideoReport(uri, "done", frames)


def _known_index(uri: str, options: Mapping[str, Any]) -> LanceFrameIndex | None:
    names = (
        *("timestamps", "pose", "verify", "max_gap"),
        *("column", "on_mismatch", "on_nan"),
    )
    chosen = {name: options[name] for name in names if name in options}
    return fresh_index(_place(uri, options), **chosen)
