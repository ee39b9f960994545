r"""``temporaldata-video index``: writes the sidecars of videos."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.filesize import decimal

from .._base.uris import normalize_uri, short_path
from .._clock.faults import ClockReport, examine
from .._clock.file_clocks import read_file_clocks, report_file_clocks
from .._clock.times_in_words import format_extent, format_pauses
from .._plugin.place import VideoPlace, locate
from .._sidecar.sidecar import LanceFrameIndex
from .._tools.freshness import fresh_index, indexed_pts_tables
from .._tools.info import size_on_disk
from .._tools.write_index import write_index
from ..errors import ClockError
from .clock_options import (
    AnchorOption,
    BitsOption,
    ColumnOption,
    DecimalOption,
    FirstFrameOption,
    FrameCounterOption,
    FrameIndexOption,
    FrequencyOption,
    LabOption,
    LostFramesOption,
    MaxDriftOption,
    MaxResidualOption,
    OnGapOption,
    OnJumpOption,
    OnMismatchOption,
    OnNanOption,
    OnRepeatOption,
    OriginOption,
    PulseCounterOption,
    PulsesColumnOption,
    PulsesOption,
    PulsesRateOption,
    PulsesUnitOption,
    RateOption,
    SkipLinesOption,
    StartOption,
    SyncFitOption,
    SyncOption,
    SyncToOption,
    TimestampsOption,
    UnitOption,
    clock_from_options,
    only_start,
    print_report,
    pulse_fields,
    starts_from_option,
    sync_field,
)
from .index_several import clocks_for, fill_in, index_several

# Of more files, the first and the last are named.
_MOST_FILES = 4

Method = Enum("Method", {"auto": "auto", "header": "header", "demux": "demux"}, type=str)


def index(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="One video or more: paths, uris, or folders of numbered files.",
            show_default=False,
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
    sync_to: SyncToOption = None,
    sync_fit: SyncFitOption = None,
    pulses: PulsesOption = None,
    pulses_column: PulsesColumnOption = None,
    pulses_unit: PulsesUnitOption = None,
    pulses_rate: PulsesRateOption = None,
    frame_counter: FrameCounterOption = None,
    pulse_counter: PulseCounterOption = None,
    anchor: AnchorOption = None,
    max_drift_ppm: MaxDriftOption = None,
    max_residual: MaxResidualOption = None,
    frame_index: FrameIndexOption = None,
    first_frame: FirstFrameOption = None,
    lost_frames: LostFramesOption = None,
    skip_lines: SkipLinesOption = None,
    decimal: DecimalOption = None,
    segments: Annotated[
        bool,
        typer.Option(
            "--segments",
            help="The files are one video in pieces. Numbered files go in the order of "
            "their numbers, and others as given.",
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON for each video.")
    ] = False,
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

    Example: temporaldata-video index cam.mp4 --pulses ttl.csv --frame-counter ids.txt

    Example: temporaldata-video index */cam.mp4 --timestamps '{stem}_times.npy' --workers 4

    Example: temporaldata-video index Miniscope/

    Example: temporaldata-video index --segments cam_*.mp4 --start 0,95.5,300
    """
    is_one = segments or len(files) == 1
    starts = starts_from_option(start) if is_one else []
    clock = clock_from_options(
        lab,
        {
            "source": timestamps,
            "column": column,
            "unit": unit,
            "origin": origin,
            "start": starts[0] if starts else only_start(start),
            "rate": rate,
            "frequency": frequency,
            "bits": bits,
            **sync_field(sync, sync_to),
            "sync_fit": sync_fit,
            **pulse_fields(pulses, pulses_column, pulses_unit, pulses_rate),
            "frame_counter": frame_counter,
            "pulse_counter": pulse_counter,
            "anchor": anchor,
            "max_drift_ppm": max_drift_ppm,
            "max_residual": max_residual,
            "skip_lines": skip_lines,
            "decimal": decimal,
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
    options: dict[str, Any] = {
        "timestamps": clock,
        "max_gap": max_gap,
        "pose": pose,
        "method": method.value,
        "verify": verify,
        "overwrite": overwrite,
        "progress": not (quiet or as_json),
    }
    if is_one:
        place = locate(files)
        _, pose, index_uri = fill_in(place.uri, clock, pose, index_uri)
        place = replace(place, index_uri=normalize_uri(index_uri) if index_uri else None)
        times = clocks_for(place.uris, clock, starts)
        options |= {"timestamps": times, "pose": pose, "index_uri": index_uri}
        try:
            _index_one(place, options, quiet, as_json)
        except ClockError as error:
            if error.report is not None and not quiet:
                print_report(error.report, to_stderr=True)
            raise
    else:
        options |= {"index_uri": index_uri}
        index_several(files, options, workers, dask, quiet, as_json)


def _as_dict(index: LanceFrameIndex, kept: bool) -> dict[str, Any]:
    times = index.timestamps()
    return {
        "uri": index.segments[0].uri,
        "status": "skipped" if kept else "done",
        "frames": len(times),
        "frames_without_time": int(np.count_nonzero(np.isnan(times))),
        "index_uri": index.uri,
        "clock": index.clock_facts,
    }


def _index_one(
    place: VideoPlace, options: dict[str, Any], quiet: bool, as_json: bool
) -> None:
    found = None
    timestamps = options["timestamps"]
    if not options["overwrite"]:
        found = fresh_index(
            place,
            timestamps,
            options["pose"],
            options["verify"],
            max_gap=options["max_gap"],
        )
    kept = place.kept_clock if timestamps is None else None
    started = time.perf_counter()
    options = options | {"timestamps": timestamps if kept is None else kept}
    written = found or write_index(place.uris, **options)
    seconds = time.perf_counter() - started
    if as_json:
        typer.echo(json.dumps(_as_dict(written, found is not None)))
        return
    if quiet:
        return
    first, again = written.timestamps(), written.shown_again()
    times = np.sort(np.concatenate([first[~np.isnan(first)], again.times]))
    shown = f", shown {len(times)} times" if len(again.times) else ""
    frames = len(times) - len(again.times)
    files = " + ".join(map(short_path, place.uris))
    if len(place.uris) > _MOST_FILES:
        last = short_path(place.uris[-1])
        files = f"{len(place.uris)} files, {short_path(place.uri)} to {last}"
    typer.echo(f"{files}: {frames} frames{shown}, {format_extent(times)}")
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
    if kept is not None and not found:
        typer.echo(f"The times are those that lie in {short_path(place.folder)}.")
    if options["timestamps"] is not None:
        print_report(_report(written, options["timestamps"]))
    elif len(written.segments) > 1 and not found:
        typer.echo(
            "No clock says when each file began, so that they follow one another without "
            "a pause; --start or --timestamps says it."
        )


def _report(written: LanceFrameIndex, timestamps: Any) -> ClockReport:
    clocks = read_file_clocks(timestamps, len(written.segments))
    if len(clocks) > 1:
        times = written.timestamps()
        return examine(times, frames=len(times))
    ((_, report),) = report_file_clocks(clocks, indexed_pts_tables(written))
    return report
