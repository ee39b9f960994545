r"""``temporaldata-video index``: writes the sidecars of videos."""

from __future__ import annotations

import json
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
from .._sidecar.sidecar import LanceFrameIndex
from .._tools.freshness import fresh_index, indexed_container_clock
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
    print_report,
    pulse_fields,
    sync_field,
)
from .index_several import fill_in, index_several
from .opening import format_extent, short_path, size_on_disk

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
    skip_lines: SkipLinesOption = None,
    decimal: DecimalOption = None,
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
            "on_mismatch": on_mismatch,
            "on_nan": on_nan,
            "on_jump": on_jump,
            "on_gap": on_gap,
            "on_repeat": on_repeat,
        },
    )
    options = {
        "timestamps": clock,
        "pose": pose,
        "method": method.value,
        "verify": verify,
        "overwrite": overwrite,
        "progress": not (quiet or as_json),
    }
    if segments or len(files) == 1:
        clock, pose, index_uri = fill_in(files[0], clock, pose, index_uri)
        options |= {"timestamps": clock, "pose": pose}
        try:
            _index_one(files, index_uri, options, quiet, as_json)
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
    files: list[str],
    index_uri: str | None,
    options: dict[str, Any],
    quiet: bool,
    as_json: bool,
) -> None:
    clock = options["timestamps"]
    found = None
    if not options["overwrite"]:
        place = locate(files[0], files[1:], index_uri=index_uri)
        found = fresh_index(place, clock, options["pose"], options["verify"])
    started = time.perf_counter()
    written = found or write_index(
        files[0], segment_uris=files[1:], index_uri=index_uri, **options
    )
    seconds = time.perf_counter() - started
    if as_json:
        typer.echo(json.dumps(_as_dict(written, found is not None)))
        return
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
        for segment in written.segments:
            if segment.stream.decoded_for:
                typer.echo(
                    f"{short_path(segment.uri)} was decoded once to learn the order of its "
                    f"frames: {segment.stream.decoded_for}."
                )
    if not clock.is_container:
        own = indexed_container_clock(written)
        print_report(time_stamps(clock, read_stamps(clock), own)[1])
