r"""``temporaldata-video view``: a recording or a video in the browser."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from .._tools.named_videos import names_recording
from .._view.view import view as view_recording
from ..hosts.temporaldata import LazyVideo, load_recording


def view(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A recording (rec.h5), or a video: path or uri.",
            show_default=False,
        ),
    ],
    start: Annotated[
        float | None,
        typer.Argument(
            metavar="START",
            help="Begin of what is shown in seconds; of the recording by default.",
            show_default=False,
        ),
    ] = None,
    end: Annotated[
        float | None,
        typer.Argument(metavar="END", help="End of it in seconds.", show_default=False),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="To listen on; 0 for a free one.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option(help="Open the page in the browser.", show_default=False)
    ] = True,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on when the page is closed, until Ctrl-C.")
    ] = False,
) -> None:
    r"""Show a recording in the browser: video beside spikes, traces, pose and trials.

    The page plays the frames on the recording's clock, with a cursor in all else. It is
    for this machine alone; whoever has its address can see the recording. The command ends
    some seconds after the page is closed, or on Ctrl-C.

    Example: temporaldata-video view rec.h5
    """
    data = load_recording(file) if names_recording(file) else LazyVideo.from_uri(file)
    shown = view_recording(data, start, end, port=port)
    try:
        typer.echo(f"{shown.url}\n\nClose the page or press Ctrl-C to end.")
        if browser:
            webbrowser.open(shown.url)
        shown.wait(keep)
    except KeyboardInterrupt:
        pass
    finally:
        shown.close()
