r"""How commands treat several videos: workers, and a table of what became of each."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context, parent_process
from typing import Any

import typer
from rich.table import Column, Table

from .._tools.many import ManyReport
from ..errors import VideoError
from .opening import make_console
from .wording import in_options

# Nobody reads a longer table: of more videos than this, it shows the failures alone.
_MOST_ROWS = 60


@contextmanager
def pool_of(workers: int, dask: str | None) -> Iterator[Executor | None]:
    r"""Yields what runs the work, :obj:`None` for one video after the other.

    Args:
        workers: number of processes.
        dask: address of a Dask scheduler.

    Raises:
        typer.BadParameter: if both are asked for.
    """
    if workers > 1 and dask:
        raise typer.BadParameter("--dask and --workers exclude each other.")
    if dask:
        try:
            from distributed import Client
        except ImportError as error:
            raise ImportError(
                "--dask needs distributed: pip install 'temporaldata-video[dask]'"
            ) from error
        connect: Any = Client  # of some versions it has types, of others none
        with connect(dask) as client:
            yield client.get_executor()
    elif workers > 1:
        # Ctrl-C reaches this process alone: workers finish the file that they work on.
        with ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_begin_worker
        ) as pool:
            _start_workers(pool, workers)
            yield pool
    else:
        yield None


def _start_workers(pool: ProcessPoolExecutor, workers: int) -> None:
    # Workers inherit that interrupts are ignored, so they ignore them as they start, too.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for _ in range(workers):
            pool.submit(int)
    finally:
        signal.signal(signal.SIGINT, before)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A parent that is killed cannot end its workers, which would go on without it. What
    # they write appears in one step, so a worker may end at any moment.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def tell(
    files: Sequence[str], report: ManyReport, what: str, quiet: bool, as_json: bool = False
) -> None:
    r"""Prints what became of each video.

    Args:
        files: the videos, as the user named them.
        report: what became of them.
        what: they were to have, such as ``"index"``.
        quiet: print nothing but errors.
        as_json: print one line of JSON for each video instead of a table.

    Raises:
        VideoError: if one failed.
    """
    if as_json:
        for one in report:
            typer.echo(json.dumps(asdict(one)))
    elif not quiet:
        _print(files, report, what)
    for one in report.failed if quiet and not as_json else ():
        typer.echo(f"error: {in_options(one.reason)}", err=True)
    if report.failed:
        raise VideoError(
            f"{len(report.failed)} of {len(files)} videos have no {what} now, since it "
            f"could not be made."
        )


def _print(files: Sequence[str], many: ManyReport, what: str) -> None:
    console = make_console()
    table = Table("file", "status", Column("frames", justify="right"), "reason")
    for file, report in zip(files, many):
        if len(many) > _MOST_ROWS and report.status != "failed":
            continue
        fresh = report.status == "skipped"
        reason = f"has a fresh {what}" if fresh else in_options(report.reason)
        frames = "" if report.status == "failed" else str(report.frames)
        table.add_row(file, report.status, frames, reason)
    if table.row_count:
        console.print(table)
    counts = ", ".join(f"{n} {status}" for status, n in many.counts().items())
    console.print(counts)
