r"""Indexes many videos over any executor, with a report for each."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, overload

from .._base.progress import progress_bar
from .._base.report import Report
from .._base.uris import is_local, normalize_uri, one_or_several
from .._plugin.place import VideoPlace, locate
from .._sidecar.sidecar import LanceFrameIndex
from .._sidecar.sidecar_place import index_exists
from ..errors import VideoError
from .freshness import fresh_index
from .write_index import write_index

STATUSES = ("done", "skipped", "failed")
# What may differ from video to video.
_PER_VIDEO = ("timestamps", "segment_uris", "index_uri", "pose")


@dataclass(frozen=True)
class IndexReport:
    r"""The result for one file of :func:`index_many`.

    Args:
        uri: the file.
        status: ``"done"``, ``"skipped"`` (its index is fresh) or ``"failed"``.
        frames: number of frames, 0 where it failed.
        reason: why it failed; empty otherwise.
    """

    uri: str
    status: str
    frames: int = 0
    reason: str = ""


@dataclass(frozen=True, repr=False)
class IndexSummary(Report, Sequence[IndexReport]):
    r"""The reports of many files, in the order of ``uris``.

    Args:
        reports: one for each file.

    Example ::

        >>> import temporaldata_video as tv
        >>> tv.IndexSummary([tv.IndexReport("/a.mp4", "done", frames=60),
        ...                  tv.IndexReport("/b.mp4", "failed", reason="it is empty.")])
        IndexSummary: 1 done, 0 skipped, 1 failed
          /b.mp4: it is empty.
    """

    reports: Sequence[IndexReport]
    columns = ("video", "status", "frames", "reason")

    @overload
    def __getitem__(self, key: int) -> IndexReport: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[IndexReport]: ...
    def __getitem__(self, key: int | slice) -> IndexReport | Sequence[IndexReport]:
        return self.reports[key]

    def __len__(self) -> int:
        return len(self.reports)

    @property
    def failed(self) -> list[IndexReport]:
        r"""The reports of the files that have no fresh index now."""
        return [report for report in self.reports if report.status == "failed"]

    def counts(self) -> dict[str, int]:
        r"""Returns how many files there are of each status."""
        found = Counter(report.status for report in self.reports)
        return {status: found[status] for status in STATUSES}

    def table(self) -> list[tuple[str, str, int, str]]:
        r"""Returns uri, status, number of frames and reason of each file."""
        return [(r.uri, r.status, r.frames, r.reason) for r in self.reports]

    def _heading(self) -> str:
        return ", ".join(f"{n} {status}" for status, n in self.counts().items())

    def __repr__(self) -> str:
        counts = self._heading()
        lines = [f"  {report.uri}: {report.reason}" for report in self.failed]
        return "\n".join([f"IndexSummary: {counts}", *lines])


@dataclass(frozen=True)
class _Task:
    # What a worker is sent.
    uri: str
    overwrite: bool
    existed: bool  # whether there was an index before any worker began
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def index_many(
    uris: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: bool = True,
    **options: Any,
) -> IndexSummary:
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
        IndexSummary: 2 done, 0 skipped, 0 failed
        >>> tv.index_many(clips).counts()
        {'done': 0, 'skipped': 2, 'failed': 0}
    """
    names = [normalize_uri(uri) for uri in one_or_several(uris)]
    choose = {
        name: _chooser(name, options[name], names) for name in _PER_VIDEO & options.keys()
    }
    tasks, reports = [], {}
    for name in dict.fromkeys(names):
        try:
            own = {**options, **{key: of(name) for key, of in choose.items()}}
            tasks.append(_Task(name, overwrite, _existed(name, own), own))
        except (VideoError, OSError, ValueError, LookupError) as error:
            reports[name] = IndexReport(name, "failed", reason=_reason(error))
    with progress_bar("videos", len(names), progress and len(names) > 1) as advance:
        for report in _run(tasks, executor):
            reports[report.uri] = report
            if advance is not None:
                advance(len(reports))
    return IndexSummary(tuple(reports[name] for name in names))


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


def _reason(error: BaseException) -> str:
    explains = isinstance(error, (VideoError, OSError, ValueError)) and str(error)
    return str(error) if explains else f"{type(error).__name__}: {error}"


def _index_one(task: _Task) -> IndexReport:
    uri, options = task.uri, task.options
    try:
        if not task.overwrite and (found := _known_index(uri, options)) is not None:
            frames = int(found.segment_frame_counts().sum())
            # An index made since the run began is by a worker that died before its report.
            return IndexReport(uri, "skipped" if task.existed else "done", frames)
        arguments = {**options, "overwrite": task.overwrite, "progress": False}
        frames = int(write_index(uri, **arguments).segment_frame_counts().sum())
        return IndexReport(uri, "done", frames)
    except Exception as error:  # whatever it is, the others go on
        return IndexReport(uri, "failed", reason=_reason(error))


def _known_index(uri: str, options: Mapping[str, Any]) -> LanceFrameIndex | None:
    names = (
        *("timestamps", "pose", "verify", "max_gap"),
        *("column", "on_mismatch", "on_nan"),
    )
    chosen = {name: options[name] for name in names if name in options}
    return fresh_index(_place(uri, options), **chosen)


def _run(tasks: Sequence[_Task], executor: Executor | None) -> Iterator[IndexReport]:
    if executor is None:
        yield from map(_index_one, tasks)
        return
    queue = deque(tasks)
    current, own = executor, None
    try:
        while queue:
            suspects = yield from _run_until_broken(queue, current)
            if not suspects:
                continue
            for task in suspects:
                yield _run_alone(task, executor)
            if own is not None:
                own.shutdown()
            current = own = _similar_pool(executor, _workers(executor) or 1)
    finally:
        if own is not None:
            own.shutdown(cancel_futures=True)


def _run_until_broken(queue: deque[_Task], executor: Executor) -> Any:
    # A pool whose worker dies does not say which file the worker had. The pool gets no more
    # files than keep its workers busy, so that few files come into question.
    workers = _workers(executor)
    window = 2 * workers if workers else len(queue)
    pending: dict[Future[IndexReport], _Task] = {}
    suspects: list[_Task] = []
    try:
        while pending or (queue and not suspects):
            while queue and len(pending) < window and not suspects:
                try:
                    pending[executor.submit(_index_one, queue[0])] = queue[0]
                except BrokenProcessPool:
                    suspects.append(queue[0])
                queue.popleft()
            finished = wait(pending, return_when=FIRST_COMPLETED).done if pending else ()
            for future in finished:
                task = pending.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects.append(task)
                except Exception as error:
                    yield IndexReport(task.uri, "failed", reason=_reason(error))
    finally:
        for future in pending:  # after an interrupt, no further file begins
            future.cancel()
    return suspects


def _workers(executor: Executor) -> int | None:
    if not isinstance(executor, ProcessPoolExecutor):
        return None
    return getattr(executor, "_max_workers", 1)


def _similar_pool(executor: Executor, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers,
        mp_context=getattr(executor, "_mp_context", None),
        initializer=getattr(executor, "_initializer", None),
        initargs=getattr(executor, "_initargs", ()),
    )


def _run_alone(task: _Task, executor: Executor) -> IndexReport:
    try:
        with _similar_pool(executor, 1) as pool:
            return pool.submit(_index_one, task).result()
    except BrokenProcessPool:
        return IndexReport(
            task.uri,
            "failed",
            reason="the process that indexed it died, twice: it was killed (out of "
            "memory?) or crashed. Index this file alone to see more.",
        )
