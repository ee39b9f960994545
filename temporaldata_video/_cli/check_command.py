r"""``temporaldata-video check``: what will hurt about a video, and what mends it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from .._base.uris import short_path
from .._tools.checking.check_video import check_video
from .._tools.checking.finding import CheckReport, Finding, Severity, counted
from .._tools.named_videos import named_videos, names_recording
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
    pulse_fields,
    sync_field,
)
from .opening import IndexUriOption, make_console
from .wording import in_options

_STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.INFO: "bold cyan",
}
_NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def check(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE", help="One video or more: paths or uris.", show_default=False
        ),
    ],
    decode: Annotated[
        bool,
        typer.Option(
            "--decode",
            help="Decode every frame, twice, to find damaged ones and false key frames. "
            "Without it, only a few key frames are tried.",
        ),
    ] = False,
    checksums: Annotated[
        bool,
        typer.Option(
            "--checksums",
            help="Decode every frame, and compare it with the checksum that index --verify "
            "kept.",
        ),
    ] = False,
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
    index_uri: IndexUriOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON for each FILE.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print no notes, and no progress bar.")
    ] = False,
) -> None:
    r"""Find what will hurt about videos, and what mends it.

    Nothing is written. It finds stale indexes, clocks that drift or have gaps, frames that
    are missing or damaged, and encodings that make random windows slow. With --timestamps,
    it checks the video on that clock. A recording, rec.h5, stands for its videos.

    Exit status: 0 for notes at most, 1 for warnings, 2 for errors or an unreadable file.

    Example: temporaldata-video check cam.mp4

    Example: temporaldata-video check cam.mp4 --timestamps cam_times.csv --column time
    """
    if index_uri is not None and len(files) > 1:
        raise typer.BadParameter("--index-uri is for one video; there are several FILEs.")
    clock = clock_from_options(
        lab,
        {
            "source": timestamps,
            "column": column,
            "unit": unit,
            "origin": origin,
            "start": only_start(start),
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
        },
    )
    worst = Severity.INFO
    named = [place for file in files for place in _places(file, index_uri)]
    for uri, own_index in named:
        report = check_video(
            uri,
            timestamps=clock,
            index_uri=own_index,
            decode=decode,
            checksums=checksums,
            progress=not quiet,
        )
        worst = max(worst, report.severity)
        if as_json:
            typer.echo(report.to_json())
        else:
            _print_report(report, Severity.WARNING if quiet else Severity.INFO)
    raise typer.Exit(int(worst))


def _places(file: str, index_uri: str | None) -> list[tuple[str, str | None]]:
    # The video and its index; of a recording, those of all its videos.
    if not names_recording(file):
        return [(file, index_uri)]
    videos = named_videos(file, index_uri=index_uri).values()
    parts = [part for video in videos for part in video.parts]
    return [(part.uri, part.place.index_uri) for part in parts]


def _print_report(report: CheckReport, least: Severity) -> None:
    console = make_console()
    numbers = Counter(finding.severity for finding in report.findings)
    counts = [counted(numbers[s], _NOUNS[s]) for s in _STYLES if numbers[s]]
    summary = f"{counted(report.frames, 'frame')}, {', '.join(counts) or 'nothing found'}"
    console.print(f"{short_path(report.uri)}: {summary}")
    for finding in report.findings:
        if finding.severity >= least:
            _print_finding(console, finding)


def _print_finding(console: Console, finding: Finding) -> None:
    noun = _NOUNS[finding.severity]
    what = in_options(finding.what)
    head = Text.assemble((noun, _STYLES[finding.severity]), f" {finding.code}: {what}")
    console.print()
    console.print(head)
    console.print(Padding(Text(finding.meaning), (0, 0, 0, 4)))
    console.print(Padding(Text(f"-> {finding.remedy}"), (0, 0, 0, 4)))
