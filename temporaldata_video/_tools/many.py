r"""Does the same to many videos over any executor, with a report for each."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, overload

from .._base.progress import progress_bar
from .._base.report import Report
from ..errors import VideoError

STATUSES = ("done", "skipped", "failed")


@dataclass(frozen=True)
class VideoReport:
    r"""What became of one of many videos.

    Args:
        uri: the video.
        status: ``"done"``, ``"skipped"`` (it has a fresh result already) or ``"failed"``.
        frames: number of frames, 0 where it failed.
        reason: why it failed; empty otherwise.
    """

    uri: str
    status: str
    frames: int = 0
    reason: str = ""


@dataclass(frozen=True, repr=False)
class ManyReport(Report, Sequence[VideoReport]):
    r"""What became of many videos, in the order of ``uris``.

    Args:
        reports: one for each video.

    Example ::

        >>> import temporaldata_video as tv
        >>> tv.ManyReport([tv.VideoReport("/a.mp4", "done", frames=60),
        ...                tv.VideoReport("/b.mp4", "failed", reason="it is empty.")])
        ManyReport: 1 done, 0 skipped, 1 failed
          /b.mp4: it is empty.
    """

    reports: Sequence[VideoReport]
    columns = ("video", "status", "frames", "reason")

    @overload
    def __getitem__(self, key: int) -> VideoReport: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[VideoReport]: ...
    def __getitem__(self, key: int | slice) -> VideoReport | Sequence[VideoReport]:
        return self.reports[key]

    def __len__(self) -> int:
        return len(self.reports)

    @property
    def failed(self) -> list[VideoReport]:
        r"""The reports of the videos that failed."""
        return [report for report in self.reports if report.status == "failed"]

    def counts(self) -> dict[str, int]:
        r"""Returns how many videos there are of each status."""
        found = Counter(report.status for report in self.reports)
        return {status: found[status] for status in STATUSES}

    def table(self) -> list[tuple[str, str, int, str]]:
        r"""Returns uri, status, number of frames and reason of each video."""
        return [(r.uri, r.status, r.frames, r.reason) for r in self.reports]

    def _heading(self) -> str:
        return ", ".join(f"{n} {status}" for status, n in self.counts().items())

    def __repr__(self) -> str:
        counts = self._heading()
        lines = [f"  {report.uri}: {report.reason}" for report in self.failed]
        return "\n".join([f"ManyReport: {counts}", *lines])


@dataclass(frozen=True)
class Task:
    r"""What a worker is sent.

    Args:
        uri: the video.
        work: does it; pickled, so a function of a module with its arguments.
    """

    uri: str
    work: Callable[[], VideoReport] = field(repr=False)


def do_many(
    names: Sequence[str],
    task_of: Callable[[str], Task],
    executor: Executor | None,
    progress: bool,
) -> ManyReport:
    r"""Does one task for each of many videos; one that fails does not stop the others.

    Args:
        names: the videos; of those that are there twice, one is done.
        task_of: returns the task for a video, here and not in a worker.
        executor: runs them; :obj:`None` does one after the other.
        progress: show a progress bar.
    """
    tasks, reports = [], {}
    for name in dict.fromkeys(names):
        try:
            tasks.append(task_of(name))
        except (VideoError, OSError, ValueError, LookupError) as error:
            reports[name] = VideoReport(name, "failed", reason=reason_of(error))
    with progress_bar("videos", len(names), progress and len(names) > 1) as advance:
        for report in _run(tasks, executor):
            reports[report.uri] = report
            if advance is not None:
                advance(len(reports))
    return ManyReport(tuple(reports[name] for name in names))


def reason_of(error: BaseException) -> str:
    r"""Returns why something failed, as a report says it.

    Args:
        error: what was raised.
    """
    explains = isinstance(error, (VideoError, OSError, ValueError)) and str(error)
    return str(error) if explains else f"{type(error).__name__}: {error}"


def _do(task: Task) -> VideoReport:
    try:
        return task.work()
    except Exception as error:  # whatever it is, the others go on
        return VideoReport(task.uri, "failed", reason=reason_of(error))


def _run(tasks: Sequence[Task], executor: Executor | None) -> Iterator[VideoReport]:
    if executor is None:
        yield from map(_do, tasks)
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


def _run_until_broken(queue: deque[Task], executor: Executor) -> Any:
    # A pool whose worker dies does not say which file the worker had. The pool gets no more
    # files than keep its workers busy, so that few files come into question.
    workers = _workers(executor)
    window = 2 * workers if workers else len(queue)
    pending: dict[Future[VideoReport], Task] = {}
    suspects: list[Task] = []
    try:
        while pending or (queue and not suspects):
            while queue and len(pending) < window and not suspects:
                try:
                    pending[executor.submit(_do, queue[0])] = queue[0]
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
                    yield VideoReport(task.uri, "failed", reason=reason_of(error))
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


def _run_alone(task: Task, executor: Executor) -> VideoReport:
    try:
        with _similar_pool(executor, 1) as pool:
            return pool.submit(_do, task).result()
    except BrokenProcessPool:
        return VideoReport(
            task.uri,
            "failed",
            reason="the process that worked on it died, twice: it was killed (out of "
            "memory?) or crashed. Do this file alone to see more.",
        )
