r"""``temporaldata-video index-nwb``: writes sidecars of videos that NWB files name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Column, Table

from .._base.uris import short_path
from .._clock.clock import POLICIES
from .._clock.faults import examine
from ..errors import VideoError
from ..nwb._image_series import ExternalVideo, read_every_series, read_series
from ..nwb._nwb_video import keep_or_write, place_of
from .clock_options import OnJumpOption, OnMismatchOption, print_report
from .index_several import STEM, of_video
from .opening import make_console
from .wording import in_options


def index_nwb(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="An NWB file: path or url.", show_default=False
        ),
    ],
    series: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The ImageSeries, if the file has several with external files.",
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Index the videos of every ImageSeries of the file."),
    ] = False,
    index_uri: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Where the sidecar goes; beside the first video by default. {stem} stands "
            "for the first video's name without its suffix.",
        ),
    ] = None,
    on_mismatch: OnMismatchOption = None,
    on_jump: OnJumpOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an index that is there already.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")
    ] = False,
) -> None:
    r"""Index the videos that an NWB file names, on its times.

    The external files of one ImageSeries become one video. Their paths count from the
    folder of the NWB file, or from its url. An index that is there already stays if it is
    of these files and times.

    Example: temporaldata-video index-nwb session.nwb --series BehaviorVideo

    Example: temporaldata-video index-nwb session.nwb --all
    """
    for name, value in (("on_mismatch", on_mismatch), ("on_jump", on_jump)):
        if value not in (None, *POLICIES[name]):
            raise typer.BadParameter(f"{name} must be one of {POLICIES[name]}.")
    if every and series is not None:
        raise typer.BadParameter("Give either --series or --all.")
    choices = on_mismatch or "raise", on_jump or "raise", overwrite
    if every:
        _index_all(read_every_series(file), index_uri, choices, quiet)
    else:
        _index_one(read_series(file, series), index_uri, choices, quiet)


def _index_one(
    external: ExternalVideo,
    index_uri: str | None,
    choices: tuple[str, str, bool],
    quiet: bool,
) -> None:
    place = place_of(external, index_uri=_filled_in(index_uri, external))
    written, kept = keep_or_write(external, place, *choices)
    if quiet:
        return
    counts = written.segment_frame_counts()
    files = ", ".join(short_path(segment.uri) for segment in written.segments)
    typer.echo(f"{files}: {counts.sum()} frames")
    became = "is fresh and was kept" if kept else "was written"
    typer.echo(f"{short_path(written.uri)} {became}.")
    print_report(examine(written.timestamps(), frames=int(counts.sum())))


def _index_all(
    videos: Sequence[ExternalVideo],
    index_uri: str | None,
    choices: tuple[str, str, bool],
    quiet: bool,
) -> None:
    if index_uri is not None and STEM not in index_uri and len(videos) > 1:
        raise typer.BadParameter(
            f"--index-uri is for one video; the file has {len(videos)}. Use a pattern such "
            f"as '{STEM}.lance'."
        )
    table = Table("series", "status", Column("frames", justify="right"), "index", "reason")
    failed = 0
    for external in videos:
        try:
            place = place_of(external, index_uri=_filled_in(index_uri, external))
            written, kept = keep_or_write(external, place, *choices)
        except (VideoError, ValueError, OSError) as error:
            failed += 1
            reason = in_options(str(error))
            table.add_row(external.name, "failed", "", "", reason)
            if quiet:
                typer.echo(f"error: {external.name}: {reason}", err=True)
            continue
        frames = str(written.segment_frame_counts().sum())
        status = "kept" if kept else "done"
        table.add_row(external.name, status, frames, short_path(written.uri), "")
    if not quiet:
        make_console().print(table)
    if failed:
        raise VideoError(f"{failed} of {len(videos)} videos could not be indexed.")


def _filled_in(index_uri: str | None, external: ExternalVideo) -> str | None:
    if index_uri is None or STEM not in index_uri:
        return index_uri
    return of_video(external.uris[0], index_uri)
