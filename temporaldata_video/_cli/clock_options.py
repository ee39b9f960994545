r"""The options that say where the times of frames come from, and the table of faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from .._clock.clock import FITS, ORIGINS, POLICIES, UNITS, Clock
from .._clock.faults import ClockReport
from .._clock.fit import read_timestamps
from .._clock.labs import LABS, lab_clock
from .opening import make_console


def _choice(allowed: Iterable[str], text: str) -> Any:
    # The clock itself refuses all other values, and says which are allowed.
    return typer.Option(metavar=f"[{'|'.join(allowed)}]", help=text)


TimestampsOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="When each frame was taken: a .npy, .csv, .tsv, .ssv, .txt, .dat, .parquet or "
        "HDF5 file, FILE.h5:/path for one dataset. The video's own clock by default. It "
        "serves every FILE, unless the path contains {stem} or {folder}, which stand for "
        "the video's name without its suffix and for its folder. Such a path counts from "
        "the video's folder. With --segments, FILEs in a row with the same path share it.",
    ),
]
ColumnOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_NUMBER",
        help="Column of a table that has several: its name, or number from 0.",
    ),
]
LabOption = Annotated[
    str | None,
    _choice(
        LABS,
        "Tool that wrote --timestamps. It sets column and unit, unless you give them.",
    ),
]
UnitOption = Annotated[
    str | None,
    _choice(
        UNITS,
        "Unit of --timestamps, s by default; one that you name is believed. samples, "
        "frames: their numbers, see --rate. intervals: the time since the stamp before. "
        "iso8601: dates. ticks: a counter that wraps, see --frequency. pointgrey: the "
        "32-bit cycle counter of such cameras.",
    ),
]
OriginOption = Annotated[
    str | None,
    _choice(
        ORIGINS,
        "From where times count: as the clock does (the default), from the first stamp, or "
        "from 1970 (dates only; resolves 0.24 us). Dates need first or epoch.",
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(
        metavar="SECONDS",
        help="When the clock begins: its zero, or the first frame with --rate, --origin "
        "first or the video's own clock. With --segments also one for each clock, "
        "0,95.5,300 or a file of them.",
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        metavar="HZ",
        help="Frames per second of a camera without timestamps; or how many samples, "
        "frames or parts of an interval make a second, with such a --unit.",
    ),
]
FrequencyOption = Annotated[
    float | None, typer.Option(metavar="HZ", help="Ticks per second of --unit ticks.")
]
BitsOption = Annotated[
    int | None,
    typer.Option(
        help="Bits of the counter of --unit ticks, after which it wraps; 32 by default."
    ),
]
SyncOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Two columns: camera time and recording time of the same pulses in seconds, "
        "of which either may lack some. Maps --timestamps, or the video's own clock, to "
        "the recording's.",
    ),
]
SyncToOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The pulses by the recording's clock, where --sync has the camera's alone.",
    ),
]
PulsesOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Times of triggers or exposures in the recording's clock. Each frame gets the "
        "time of its pulse, also if there are more or fewer pulses than frames. "
        "--timestamps, or the video's own clock, says by its intervals which is whose.",
    ),
]
PulsesColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME_OR_NUMBER", help="Column of --pulses, if it has several."),
]
PulsesUnitOption = Annotated[str | None, _choice(UNITS, "Unit of --pulses, s by default.")]
PulsesRateOption = Annotated[
    float | None,
    typer.Option(metavar="HZ", help="How many of --pulses-unit samples make a second."),
]
FrameCounterOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE_OR_COLUMN",
        help="Number that the camera gave each frame, for --pulses: a column of "
        "--timestamps, or a file if there are none. It may start over.",
    ),
]
PulseCounterOption = Annotated[
    str | None,
    typer.Option(metavar="NAME_OR_NUMBER", help="Column of --pulses with the same number."),
]
AnchorOption = Annotated[
    str | None,
    typer.Option(
        metavar="FRAME:PULSE",
        help="A frame and its pulse, such as 0:4, or =-1:-1 for the last ones, where "
        "nothing else says it. With --sync, two pulses that are the same.",
    ),
]
MaxDriftOption = Annotated[
    float | None,
    typer.Option(
        "--max-drift-ppm",
        metavar="PPM",
        help="The most by which the clocks of --pulses or --sync may differ from the "
        "camera's; 1000 by default.",
    ),
]
MaxResidualOption = Annotated[
    float | None,
    typer.Option(
        "--max-residual",
        metavar="SECONDS",
        help="The most by which one of these pulses may lie off a line; half a frame by "
        "default.",
    ),
]
SkipLinesOption = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Lines at the top of --timestamps that are no part of its table."
    ),
]
DecimalOption = Annotated[
    str | None,
    typer.Option(metavar="MARK", help="Mark of decimals in --timestamps: '.' or ','."),
]
SyncFitOption = Annotated[
    str | None,
    _choice(
        FITS,
        "Through every pair of --sync (the default), or one line for all.",
    ),
]
FrameIndexOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME_OR_NUMBER",
        help="Column of --timestamps with the frame number of each stamp, for files with "
        "more or fewer frames than stamps.",
    ),
]
FirstFrameOption = Annotated[
    int | None,
    typer.Option(
        metavar="NUMBER",
        help="Number of the file's first frame in --frame-index, or of the first trigger "
        "in --lost-frames; 0 by default.",
    ),
]
LostFramesOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Numbers of the triggers that gave no frame, such as 18-23,455, if "
        "--timestamps has all triggers.",
    ),
]
OnMismatchOption = Annotated[
    str | None,
    _choice(
        POLICIES["on_mismatch"],
        "If there are more frames than timestamps, or the reverse: stop (the default), or "
        "drop the surplus at the end.",
    ),
]
OnNanOption = Annotated[
    str | None,
    _choice(
        POLICIES["on_nan"],
        "If frames have no time: stop (the default), or leave them out.",
    ),
]
OnJumpOption = Annotated[
    str | None,
    _choice(
        POLICIES["on_jump"],
        "If the clock steps back, or ahead by more than a day: stop (the default), or keep "
        "it and sort the frames by time.",
    ),
]
OnGapOption = Annotated[
    str | None,
    _choice(
        POLICIES["on_gap"],
        "If a step is over 1.5 times the median: stop, or keep it (the default).",
    ),
]
OnRepeatOption = Annotated[
    str | None,
    _choice(
        POLICIES["on_repeat"],
        "If a time repeats: stop, or keep it (the default).",
    ),
]


def starts_from_option(text: str | None) -> list[float]:
    r"""Returns the seconds at which clocks begin, none if the option was not given.

    Args:
        text: numbers with commas between them, or a file of them.

    Raises:
        ValueError: if it is neither.
        OSError: if there is no such file.
    """
    if text is None:
        return []
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return read_timestamps(text).tolist()


def only_start(text: str | None) -> float | None:
    r"""Returns the second at which the one clock of videos begins.

    Args:
        text: of ``--start``.

    Raises:
        typer.BadParameter: if it names several.
    """
    starts = starts_from_option(text)
    if len(starts) > 1:
        raise typer.BadParameter(
            f"--start names {len(starts)} times, which goes with index --segments."
        )
    return starts[0] if starts else None


def pulse_fields(
    pulses: str | None, column: str | None, unit: str | None, rate: float | None
) -> dict[str, Any]:
    r"""Returns the field of a clock that the options about pulses describe.

    Args:
        pulses: the file.
        column: of ``--pulses-column``.
        unit: of ``--pulses-unit``.
        rate: of ``--pulses-rate``.

    Raises:
        typer.BadParameter: if they contradict each other.
    """
    if pulses is None:
        if (column, unit, rate) != (None, None, None):
            raise typer.BadParameter("--pulses-... needs --pulses, which is missing.")
        return {}
    if (column, unit, rate) == (None, None, None):
        return {"pulses": pulses}
    try:
        return {"pulses": Clock(pulses, column=column, unit=unit, rate=rate)}
    except ValueError as error:
        raise typer.BadParameter(f"of --pulses: {error}") from error


def sync_field(sync: Path | None, sync_to: Path | None) -> dict[str, Any]:
    r"""Returns the field of a clock that ``--sync`` and ``--sync-to`` describe.

    Args:
        sync: a table of pairs, or the pulses of the camera.
        sync_to: the pulses of the recording.

    Raises:
        typer.BadParameter: if the first one is missing.
    """
    if sync_to is None:
        return {"sync": sync}
    if sync is None:
        raise typer.BadParameter("--sync-to needs --sync, which is missing.")
    return {"sync": (sync, sync_to)}


def clock_from_options(lab: str | None, options: Mapping[str, Any]) -> Clock:
    r"""Returns the clock that the options of a command describe.

    Args:
        lab: the tool that wrote the timestamps, if it is named.
        options: fields of :obj:`Clock` by name; :obj:`None` where not given.

    Raises:
        typer.BadParameter: if they contradict each other.
    """
    fields = {name: value for name, value in options.items() if value is not None}
    try:
        if lab is None:
            clock = Clock(**fields)
        elif "source" in fields:
            clock = lab_clock(lab, fields.pop("source"), **fields)
        else:
            raise ValueError("--lab describes --timestamps, which is missing. Give both.")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if clock.is_container and fields:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in fields)
        raise typer.BadParameter(f"{names} needs --timestamps, which is missing.")
    return clock


def print_report(report: ClockReport, *, to_stderr: bool = False) -> None:
    r"""Prints what was found in a clock as a table.

    Args:
        report: what was found.
        to_stderr: print it beside an error.
    """
    table = Table("clock", Column("number", justify="right"), "where", "how long", box=None)
    for row in report.table():
        table.add_row(*row)
    make_console(to_stderr).print(table)
