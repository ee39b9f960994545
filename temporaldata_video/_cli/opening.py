r"""What the commands share: an argument, an option, and a console."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

VideoArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A video, or a recording.", show_default=False)
]
IndexUriOption = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Where the sidecar lies, if it is not FILE.lance."),
]


def make_console(to_stderr: bool = False) -> Console:
    r"""Returns a console that prints text as it is, without colouring numbers."""
    return Console(highlight=False, markup=False, stderr=to_stderr)
