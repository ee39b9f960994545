r"""How ``temporaldata-video index`` treats several videos: workers, clocks, the table."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import typer
from rich.table import Column, Table

from .._base.uris import normalize_uri, protocol_of
from .._clock.clock import Clock
from .._plugin.place import locate
from .._tools.index_many import IndexSummary, index_many
from ..errors import VideoError
from .opening import make_console
from .wording import in_options

STEM, FOLDER = "{stem}", "{folder}"
# Nobody reads a longer table: of more videos than this, it shows the failures alone.
_MOST_ROWS = 60


def fill_in(
    uri: str, clock: Clock, pose: Path | None, index_uri: str | None
) -> tuple[Clock, Path | None, str | None]:
    r"""Returns the options for one file, with its name in place of ``{stem}``, and its
    folder in place of ``{folder}``.

    Args:
        uri: the file.
        clock: as the options describe it.
        pose: a pose table.
        index_uri: where the sidecar goes.
    """
    filled: dict[str, Any] = {
        name: _filled(uri, value)
        for name in ("source", "sync", "pulses", "frame_counter", "lost_frames")
        if _is_pattern(value := getattr(clock, name))
    }
    return (
        replace(clock, **filled) if filled else clock,
        Path(of_video(uri, pose)) if _is_pattern(pose) else pose,
        of_video(uri, index_uri) if _is_pattern(index_uri) else index_uri,
    )


def _filled(uri: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_filled(uri, part) for part in value)
    if isinstance(value, Clock):
        return replace(value, source=_filled(uri, value.source))
    return of_video(uri, value) if _is_pattern(value) else value


def _is_pattern(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_is_pattern, value))
    if isinstance(value, Clock):
        return _is_pattern(value.source)
    if not isinstance(value, (str, os.PathLike)):
        return False
    return STEM in os.fspath(value) or FOLDER in os.fspath(value)


def of_video(uri: str, pattern: Any) -> str:
    r"""Returns a path with a file's name in place of ``{stem}``, and its folder in place
    of ``{folder}``; it counts from that folder.

    Args:
        uri: the file.
        pattern: the path.
    """
    folder, name = os.path.split(normalize_uri(uri))
    path = os.fspath(pattern).replace(STEM, os.path.splitext(name)[0])
    path = path.replace(FOLDER, folder)
    if protocol_of(path) or os.path.isabs(path):
        return path
    return f"{folder}/{path}"


def clocks_for(uris: Sequence[str], clock: Clock, starts: Sequence[float]) -> Any:
    r"""Returns the ``timestamps`` of a video: a clock for all of its files, or a list with
    one for each; :obj:`None` for the containers' own.

    Args:
        uris: the files of the video.
        clock: as the options describe it, for any file.
        starts: when each clock begins; none, or one for all.

    Raises:
        typer.BadParameter: if there are more or fewer starts than clocks.
    """
    if clock.is_container and not starts:
        return None
    clocks: list[Clock] = []
    for uri in uris:
        own = fill_in(uri, clock, None, None)[0]
        before = clocks[-1] if clocks else None
        # Files in a row whose times are in one place share these.
        shared = before is not None and all(
            getattr(own, name) == getattr(before, name)
            for name in ("source", "sync", "pulses", "lost_frames")
        )
        clocks.append(before if before is not None and shared else own)
    if len(starts) > 1 and clock.source is None:
        clocks = [replace(own) for own in clocks]
    different = list({id(own): own for own in clocks}.values())
    if len(starts) > 1 and len(starts) != len(different):
        raise typer.BadParameter(
            f"--start names {len(starts)} times for {len(different)} clocks of "
            f"{len(uris)} files; give one for each clock, or one for all."
        )
    if len(starts) > 1:
        begun = {id(own): replace(own, start=s) for own, s in zip(different, starts)}
        clocks = [begun[id(own)] for own in clocks]
    return clocks[0] if len(different) == 1 else clocks


def index_several(
    files: list[str],
    options: dict[str, Any],
    workers: int,
    dask: str | None,
    quiet: bool,
    as_json: bool = False,
) -> None:
    r"""Indexes videos and prints what became of each.

    Args:
        files: the videos.
        options: of :func:`~temporaldata_video.index_many`.
        workers: number of processes.
        dask: address of a Dask scheduler.
        quiet: print nothing but errors.
        as_json: print one line of JSON for each video instead of a table.

    Raises:
        VideoError: if one could not be indexed.
    """
    for name, value in (("--index-uri", options["index_uri"]), ("--pose", options["pose"])):
        if value and not _is_pattern(value):
            raise typer.BadParameter(
                f"{name} is for one video; there are several FILEs. Use a pattern such as "
                f"'{STEM}.h5'."
            )
    if workers > 1 and dask:
        raise typer.BadParameter("--dask and --workers exclude each other.")
    clock, pose, place = options["timestamps"], options["pose"], options["index_uri"]
    options |= {
        "timestamps": lambda uri: clocks_for(locate(uri).uris, clock, ()),
        "pose": lambda uri: fill_in(locate(uri).uri, clock, pose, None)[1],
        "index_uri": lambda uri: fill_in(locate(uri).uri, clock, None, place)[2],
    }
    with _executor(workers, dask) as executor:
        summary = index_many(files, executor=executor, **options)
    if as_json:
        for report in summary:
            typer.echo(json.dumps(asdict(report)))
    elif not quiet:
        _print(files, summary)
    for report in summary.failed if quiet and not as_json else ():
        typer.echo(f"error: {in_options(report.reason)}", err=True)
    if summary.failed:
        raise VideoError(
            f"{len(summary.failed)} of {len(files)} videos could not be indexed."
        )


@contextmanager
def _executor(workers: int, dask: str | None) -> Iterator[Executor | None]:
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
    # A parent that is killed cannot end its workers, which would index on without it. An
    # index is written in one step, so a worker may end at any moment.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _print(files: list[str], summary: IndexSummary) -> None:
    console = make_console()
    table = Table("file", "status", Column("frames", justify="right"), "reason")
    for file, report in zip(files, summary):
        if len(summary) > _MOST_ROWS and report.status != "failed":
            continue
        fresh = report.status == "skipped"
        reason = "has a fresh index" if fresh else in_options(report.reason)
        frames = "" if report.status == "failed" else str(report.frames)
        table.add_row(file, report.status, frames, reason)
    if table.row_count:
        console.print(table)
    counts = ", ".join(f"{n} {status}" for status, n in summary.counts().items())
    console.print(counts)
