r"""The entry point: all commands, and how errors and warnings reach the user."""

from __future__ import annotations

import inspect
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer

from .._base.shell_words import printable
from ..errors import VideoError, VideoWarning
from .cache_command import cache
from .check_command import check
from .demo_command import demo
from .enable_command import disable, enable
from .index_command import index
from .info_command import info
from .nwb_command import index_nwb
from .proxy_command import proxy
from .reencode_command import reencode
from .relink_command import relink
from .sheet_command import sheet
from .view_command import view
from .wording import OPTIONS, in_options

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    *(check, demo, disable, enable, index, index_nwb, info, proxy, reencode, relink, sheet),
    view,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(cache, name="cache")
registered: Any
for registered in (
    *app.registered_commands,
    *cache.registered_commands,
    cache.registered_callback,
):
    # Lists of commands cut what they find in docstrings, and leave what they are given.
    summary = inspect.getdoc(registered.callback) or ""
    registered.short_help = " ".join(summary.partition("\n\n")[0].split())
OPTIONS.update(
    name
    for command in typer.main.get_group(app).commands.values()
    for option in command.params
    for name in (*option.opts, *option.secondary_opts)
)


def main(arguments: Sequence[str] | None = None) -> None:
    r"""Runs a command and exits: 0 done, 1 failed, 2 wrongly called, 130 interrupted, 143
    terminated.

    Args:
        arguments: what follows the name of the program; those of this process by default.
    """
    with warnings.catch_warnings(), _terminated_in_order():
        warnings.showwarning = _warning_printer(warnings.showwarning)
        try:
            app(arguments, prog_name="temporaldata-video")
        except (VideoError, ValueError, OSError, ImportError) as error:
            typer.echo(f"error: {_shown(in_options(_one_line(error)))}", err=True)
            sys.exit(1)


@contextmanager
def _terminated_in_order() -> Iterator[None]:
    # Without a handler, SIGTERM ends a process before it removes what it wrote aside.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"temporaldata-video {version('temporaldata-video')}")
        raise typer.Exit


@app.callback()
def _describe(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    r"""Video beside spikes and LFP: index a video once, then cut exact windows out of it.

    New here? Run: temporaldata-video demo

    Your own video: temporaldata-video index cam.mp4 --timestamps cam_times.npy
    """


def _warning_printer(show_others: Any) -> Any:
    # A user at a shell needs no line number of this package.
    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, VideoWarning):
            typer.echo(f"warning: {_shown(in_options(str(message)))}", err=True)
        else:
            show_others(message, category, *where, **more)

    return show


def _shown(message: str) -> str:
    return "\n".join(map(printable, message.split("\n")))


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = "" if error.filename is None else f"{str(error.filename)!r}: "
        return f"{name}{error.strerror}"
    return " ".join(str(error).split("\n")) or repr(error)


if __name__ == "__main__":
    main()
