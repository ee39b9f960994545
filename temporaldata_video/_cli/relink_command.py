r"""``temporaldata-video relink``: makes recordings point to where their videos are now."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from .._base.shell_words import printable
from .._base.uris import short_path
from .._tools.relink import RelinkReport
from .._tools.relink import relink as relink_one
from ..errors import VideoError
from .opening import make_console
from .wording import in_options


def relink(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="One recording or more: HDF5 files that point to videos.",
            show_default=False,
        ),
    ],
    moved: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OLD=NEW",
            help="Where videos went: a folder, or a file that also got another name. "
            "D:\\data=/mnt/data works too. May be given several times.",
            show_default=False,
        ),
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER",
            help="Search this folder, and those in it. May be given several times.",
            show_default=False,
        ),
    ] = None,
    take_clock: Annotated[
        bool,
        typer.Option(
            "--take-clock",
            help="Also take the times of the videos' indexes, where these have another "
            "clock than the recording.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look for the videos, and write nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON for each FILE.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")
    ] = False,
) -> None:
    r"""Find videos that moved, and make their recordings point there.

    A video is found by its name and its contents, never by its name alone: where the
    recording points, where --map leads, beside the recording, and in the folders of
    --search. A changed copy takes the recording's place in one step.

    A recording that cannot be read does not stop the others. Exit status: 0 if all videos
    of all recordings were found, 1 if not.

    Example: temporaldata-video relink rec.h5 --search /mnt/videos --dry-run

    Example: temporaldata-video relink *.h5 --map 'D:\data=/mnt/data'
    """
    places = dict(map(_old_and_new, moved or ()))
    missing = videos = failed = 0
    for file in files:
        try:
            report = relink_one(
                file,
                moved=places,
                search=search or (),
                take_clock=take_clock,
                dry_run=dry_run,
            )
        except (VideoError, OSError) as error:
            if len(files) == 1:
                raise
            typer.echo(f"error: {short_path(file)}: {in_options(str(error))}", err=True)
            failed += 1
            continue
        missing += len(report.missing)
        videos += len(report.files)
        if as_json:
            typer.echo(report.to_json())
        elif not quiet:
            _print_report(report, dry_run)
    if failed:
        raise VideoError(f"{failed} of {len(files)} recordings could not be relinked.")
    if missing:
        raise VideoError(
            f"{missing} of {videos} files were not found. Say where they are: --search "
            f"FOLDER, or --map OLD=NEW."
        )


def _old_and_new(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise typer.BadParameter(f"--map must be OLD=NEW, got {text!r}.")
    return old, new


def _print_report(report: RelinkReport, dry_run: bool) -> None:
    table = Table(*report.columns)
    for group, status, old, new, clock, note in report.table():
        where = "" if new == old else short_path(new) if new else ""
        table.add_row(printable(group), status, printable(old), where, clock, note)
    console = make_console()
    console.print(table)
    name = short_path(report.recording)
    unchanged = "would be changed" if _changes(report) else "needs no change"
    done = "was changed" if report.written else unchanged if dry_run else "was not changed"
    console.print(f"{name} {done}.")


def _changes(report: RelinkReport) -> bool:
    return any(f.status == "moved" or f.clock == "taken" for f in report.files)
