r"""``temporaldata-video index-nwb``: writes sidecars of videos that NWB files name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._clock.clock import POLICIES
from .._clock.faults import examine
from ..nwb import write_index
from .clock_options import OnJumpOption, OnMismatchOption, print_report
from .opening import short_path


def index_nwb(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An NWB file.", show_default=False)
    ],
    series: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The ImageSeries, if the file has several with external files.",
        ),
    ] = None,
    index_uri: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Where the sidecar goes; beside the first video by default.",
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
    folder of the NWB file.

    Example: temporaldata-video index-nwb session.nwb --series BehaviorVideo
    """
    for name, value in (("on_mismatch", on_mismatch), ("on_jump", on_jump)):
        if value not in (None, *POLICIES[name]):
            raise typer.BadParameter(f"{name} must be one of {POLICIES[name]}.")
    written = write_index(
        file,
        series,
        index_uri=index_uri,
        on_mismatch=on_mismatch or "raise",
        on_jump=on_jump or "raise",
        overwrite=overwrite,
    )
    if quiet:
        return
    counts = written.segment_frame_counts()
    files = ", ".join(short_path(segment.uri) for segment in written.segments)
    typer.echo(f"{files}: {counts.sum()} frames")
    typer.echo(f"{short_path(written.uri)} was written.")
    print_report(examine(written.timestamps(), frames=int(counts.sum())))
