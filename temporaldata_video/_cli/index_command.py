r"""``temporaldata-video index``: writes the sidecars of videos."""

from __future__ import annotations

import time
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.filesize import decimal

from .._clock.fit import time_stamps
from .._clock.read_clock import read_stamps
from .._plugin.place import locate
from .._tools.freshness import fresh_index, indexed_container_clock
from .._tools.write_index import write_index
from ..errors import ClockError
from .clock_options import (
    BitsOption,
    ColumnOption,
    FirstFrameOption,
    FrameIndexOption,
    FrequencyOption,
    LabOption,
    LostFramesOption,
    OnGapOption,
    OnJumpOption,
    OnMismatchOption,
    OnNanOption,
    OnRepeatOption,
    OriginOption,
    RateOption,
    StartOption,
    SyncFitOption,
    SyncOption,
    TimestampsOption,
    UnitOption,
    clock_from_options,
    print_report,
)
from .index_several import fill_in, index_several
from .opening import format_extent, format_pauses, short_path, size_on_disk

Method = Enum("Method", {"auto": "auto", "header": "header", "demux": "demux"}, type=str)


def index(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="One video or more: paths or uris.", show_default=False
        ),
    ],
    timestamps: TimestampsOption = None,
    column: ColumnOption = None,
    lab: LabOption = None,
    unit: UnitOption = None,
    origin: OriginOption = None,
    start: StartOption = None,
    rate: RateOption = None,
    frequency: FrequencyOption = None,
    bits: BitsOption = None,
    sync: SyncOption = None,
    sync_fit: SyncFitOption = None,
    frame_index: FrameIndexOption = None,
    first_frame: FirstFrameOption = None,
    lost_frames: LostFramesOption = None,
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
    on_mismatch: OnMismatchOption = None,
    on_nan: OnNanOption = None,
    on_jump: OnJumpOption = None,
    on_gap: OnGapOption = None,
    on_repeat: OnRepeatOption = None,
    max_gap: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Longest step of the clock that is no pause: 10 times the median step by "
            "default, and 1 s at least; inf for none. No window is drawn in a pause.",
        ),
    ] = None,
    pose: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Pose table of SLEAP (.analysis.h5) or DeepLabCut (.h5, .csv). The video "
            "must have one frame per row of it.",
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="Read only the header of an MP4, MOV or 3GP file (header), or any file "
            "packet by packet (demux)."
        ),
    ] = Method["auto"],
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Decode everything, to start only at key frames that are proven, and keep "
            "a checksum of each frame for check --checksums.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace indexes that are there already.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Index N videos side by side.")
    ] = 1,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Index on a running Dask cluster, such as tcp://head:8786. Its workers "
            "must see the files at the same paths.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")
    ] = False,
) -> None:
    r"""Index videos, once: write FILE.lance beside each.

    The index is small. It says where in the file each frame lies and when it was taken,
    so that windows open at once, and on the clock of your recording.

    An index that is there already stays if it fits the file and --timestamps. If it does
    not fit, that is an error; --overwrite replaces it.

    The command refuses a clock that steps back, jumps to another epoch, lacks times, or
    has more or fewer times than there are frames, until an --on-... option says what to do.

    Example: temporaldata-video index cam.mp4 --timestamps cam_times.csv --column time

    Example: temporaldata-video index cam.avi --timestamps timeStamps.csv --lab miniscope

    Example: temporaldata-video index */cam.mp4 --timestamps '{stem}_times.npy' --workers 4
    """
    clock = clock_from_options(
        lab,
        {
            "source": timestamps,
            "column": column,
            "unit": unit,
            "origin": origin,
            "start": start,
            "rate": rate,
            "frequency": frequency,
            "bits": bits,
            "sync": sync,
            "sync_fit": sync_fit,
            "frame_index": frame_index,
            "first_frame": first_frame,
            "lost_frames": lost_frames,
            "on_mismatch": on_mismatch,
            "on_nan": on_nan,
            "on_jump": on_jump,
            "on_gap": on_gap,
            "on_repeat": on_repeat,
        },
    )
    options = {
        "timestamps": clock,
        "max_gap": max_gap,
        "pose": pose,
        "method": method.value,
        "verify": verify,
        "overwrite": overwrite,
        "progress": not quiet,
    }
    if segments or len(files) == 1:
        clock, pose, index_uri = fill_in(files[0], clock, pose, index_uri)
        options |= {"timestamps": clock, "pose": pose}
        try:
            _index_one(files, index_uri, options, quiet)
        except ClockError as error:
            if error.report is not None and not quiet:
                print_report(error.report, to_stderr=True)
            raise
    else:
        index_several(files, {**options, "index_uri": index_uri}, workers, dask, quiet)


def _index_one(
    files: list[str], index_uri: str | None, options: dict[str, Any], quiet: bool
) -> None:
    clock = options["timestamps"]
    found = None
    if not options["overwrite"]:
        place = locate(files[0], files[1:], index_uri=index_uri)
        found = fresh_index(
            place, clock, options["pose"], options["verify"], options["max_gap"]
        )
    started = time.perf_counter()
    written = found or write_index(
        files[0], segment_uris=files[1:], index_uri=index_uri, **options
    )
    seconds = time.perf_counter() - started
    if quiet:
        return
    first, again = written.timestamps(), written.shown_again()
    times = np.sort(np.concatenate([first[~np.isnan(first)], again.times]))
    shown = f", shown {len(times)} times" if len(again.times) else ""
    frames = len(times) - len(again.times)
    typer.echo(f"{' + '.join(files)}: {frames} frames{shown}, {format_extent(times)}")
    if pauses := format_pauses(times, written.pace):
        typer.echo(f"{pauses}, which the domain leaves out")
    size = size_on_disk(written.uri)
    sidecar = short_path(written.uri) + ("" if size is None else f" ({decimal(size)})")
    if found:
        typer.echo(f"{sidecar} is fresh and was kept; --overwrite indexes again.")
    else:
        typer.echo(f"{sidecar} was written in {seconds:.2f} s.")
        for segment in written.segments:
            if segment.stream.decoded_for:
                typer.echo(
                    f"{short_path(segment.uri)} was decoded once to learn the order of its "
                    f"frames: {segment.stream.decoded_for}."
                )
    if not clock.is_container:
        own = indexed_container_clock(written)
        print_report(time_stamps(clock, read_stamps(clock), own)[1])
