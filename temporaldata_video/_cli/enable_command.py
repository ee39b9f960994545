r"""``temporaldata-video enable``, ``disable``: videos where only a host is imported."""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path

import typer

from ..errors import VideoError
from ..hosts import _door

_NAME = "temporaldata_video_door"
# Python runs a line of a .pth file that begins with "import" when it starts.
_LINE = f"import sys, {_NAME}; sys.meta_path.insert(0, {_NAME})\n"


def enable() -> None:
    r"""Load videos even where a program imports temporaldata alone.

    A program that loads a recording without `import temporaldata_video` gets a plain series
    of times where the video is. After this command, Python imports this package when
    temporaldata or torch_brain.data loads a recording with a video. Two small files in this
    environment do that. They stay when the package is uninstalled, and do no harm then.

    Example: temporaldata-video enable
    """
    with _site_packages() as folder:
        module, line = folder / f"{_NAME}.py", folder / f"{_NAME}.pth"
        # The line comes last, so that it never names a module that is not there.
        for place, text in (
            (module, Path(_door.__file__).read_text("utf-8")),
            (line, _LINE),
        ):
            place.write_text(text, "utf-8")
    typer.echo(f"enabled in {sys.prefix}; wrote\n  {module}\n  {line}")


def disable() -> None:
    r"""Undo what `enable` did to this environment.

    Example: temporaldata-video disable
    """
    with _site_packages() as folder:
        module = folder / f"{_NAME}.py"
        compiled = Path(cache_from_source(str(module)))
        there = [p for p in (folder / f"{_NAME}.pth", module, compiled) if p.exists()]
        for place in there:
            place.unlink()
    if there:
        typer.echo("\n  ".join([f"disabled in {sys.prefix}; removed", *map(str, there)]))
    else:
        typer.echo(f"was not enabled in {sys.prefix}")


@contextmanager
def _site_packages() -> Iterator[Path]:
    folder = Path(sysconfig.get_path("purelib"))
    if str(folder) not in site.getsitepackages():
        raise VideoError(
            f"{sys.executable} runs no .pth files of {str(folder)!r}, where they would go. "
            f"Use an environment of your own: python -m venv ENV."
        )
    try:
        yield folder
    except OSError as error:
        raise VideoError(
            f"{error.filename!r} cannot be changed: {error.strerror}. Run this as its "
            f"owner, or use an environment of your own: python -m venv ENV."
        ) from error
