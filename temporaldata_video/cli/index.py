r"""``temporaldata-video index``: writes the sidecars of videos."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.filesize import decimal
from rich.table import Column, Table

from ..errors import VideoError
from ..freshness import fresh_index
from ..index.sidecar import LanceFrameIndex
from ..indexing import IndexReport, index_many, write_index
from ..layout import frame_index_uri, normalize_uri
from ..plugin.manager import resolve_store
from .opening import format_extent, make_console, short_path, size_on_disk

OnMismatch = Enum("OnMismatch", {"raise": "raise", "trim": "trim"}, type=str)
Method = Enum("Method", {"auto": "auto", "boxes": "boxes", "demux": "demux"}, type=str)
OnNan = Enum("OnNan", {"raise": "raise", "drop": "drop"}, type=str)


def index(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="One video or more: paths or uris.", show_default=False
        ),
    ],
    timestamps: Annotated[
        Path | None,
        typer.Option(
            help="When each frame was taken, in seconds: a .npy, .csv, .tsv or .txt file. "
            "The video's own clock by default. Holds for each FILE."
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME_OR_NUMBER",
            help="Column of a text file that has several: its name, or number from 0.",
        ),
    ] = None,
    segments: Annotated[
        bool,
        typer.Option(
            "--segments", help="The files are one video in pieces, given in their order."
        ),
    ] = False,
    index_uri: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Where the sidecar goes; beside the video by default."
        ),
    ] = None,
    on_mismatch: Annotated[
        OnMismatch,
        typer.Option(
            help="If there are more frames than timestamps, or the reverse: stop, or drop "
            "the surplus at the end."
        ),
    ] = OnMismatch["raise"],
    on_nan: Annotated[
        OnNan,
        typer.Option(help="If timestamps are NaN: stop, or leave out their frames."),
    ] = OnNan["raise"],
    method: Annotated[
        Method,
        typer.Option(
            help="Read the header of an MP4 file alone (boxes), or any file packet by "
            "packet (demux)."
        ),
    ] = Method["auto"],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace indexes that are there already.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")
    ] = False,
) -> None:
    r"""Index videos, once: writes FILE.lance beside each.

    The index is small. It says where in the file each frame lies and when it was taken,
    so that windows open at once, and on the clock of your recording.

    An index that is there already is kept if it fits the file and the timestamps asked
    for. If it does not, that is an error; --overwrite replaces it.

    Example: temporaldata-video index cam.mp4 --timestamps cam_times.csv --column time
    """
    clock = {
        "timestamps": timestamps,
        "column": column,
        "on_mismatch": on_mismatch.value,
        "on_nan": on_nan.value,
    }
    one_video = segments or len(files) == 1
    _check_usage(clock, one_video, index_uri)
    if one_video:
        _index_one(files, clock, index_uri, method.value, overwrite, quiet)
    else:
        _index_several(files, clock, method.value, overwrite, quiet)


def _check_usage(clock: dict[str, Any], one_video: bool, index_uri: str | None) -> None:
    if index_uri and not one_video:
        raise typer.BadParameter("--index-uri is for one video; there are several FILEs.")
    given = clock["column"] or clock["on_mismatch"] != "raise" or clock["on_nan"] != "raise"
    if given and clock["timestamps"] is None:
        raise typer.BadParameter(
            "--column, --on-mismatch and --on-nan are about --timestamps, which is missing."
        )


def _index_one(
    files: list[str],
    clock: dict[str, Any],
    index_uri: str | None,
    method: str,
    overwrite: bool,
    quiet: bool,
) -> None:
    found = None if overwrite else find_index(files, clock, index_uri)
    started = time.perf_counter()
    written = found or write_index(
        files[0],
        segment_uris=files[1:],
        index_uri=index_uri,
        method=method,
        overwrite=overwrite,
        progress=not quiet,
        **clock,
    )
    seconds = time.perf_counter() - started
    if quiet:
        return
    times = written.timestamps()
    times = np.sort(times[~np.isnan(times)])
    typer.echo(f"{' + '.join(files)}: {len(times)} frames, {format_extent(times)}")
    size = size_on_disk(written.uri)
    sidecar = short_path(written.uri) + ("" if size is None else f" ({decimal(size)})")
    if found:
        typer.echo(f"{sidecar} is fresh and was kept; --overwrite indexes again.")
    else:
        typer.echo(f"{sidecar} was written in {seconds:.2f} s.")


def _index_several(
    files: list[str], clock: dict[str, Any], method: str, overwrite: bool, quiet: bool
) -> None:
    reports = index_many(
        files, overwrite=overwrite, progress=not quiet, method=method, **clock
    )
    known = dict(zip(files, reports))
    if not quiet:
        _print_reports(files, known)
    failed = [file for file in files if known[file].status == "failed"]
    if quiet:
        for file in failed:
            typer.echo(f"error: {known[file].reason}", err=True)
    if failed:
        raise VideoError(f"{len(failed)} of {len(files)} videos could not be indexed.")


def _print_reports(files: list[str], reports: dict[str, IndexReport]) -> None:
    table = Table("file", "status", Column("frames", justify="right"), "reason")
    for file in files:
        report = reports[file]
        reason = "has a fresh index" if report.status == "skipped" else report.reason
        frames = "" if report.status == "failed" else str(report.frames)
        table.add_row(file, report.status, frames, reason)
    make_console().print(table)


def find_index(
    files: list[str], clock: dict[str, Any], index_uri: str | None = None
) -> LanceFrameIndex | None:
    r"""Returns the index that a video has already, :obj:`None` if there is none.

    Args:
        files: the file or files of the video.
        clock: what :func:`~temporaldata_video.write_index` is told about timestamps.
        index_uri: where the sidecar lies, beside the video by default.
    """
    uris = [normalize_uri(file) for file in files]
    place = normalize_uri(index_uri) if index_uri else frame_index_uri(uris[0])
    return fresh_index(uris, place, resolve_store(uris[0]), **clock)
