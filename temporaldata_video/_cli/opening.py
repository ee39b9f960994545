r"""What the commands share: opening a video, and telling whether its sidecar is fresh."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .._base.uris import protocol_of
from .._bytes.fingerprint import matches
from .._plugin.place import locate
from .._video.part import VideoPart
from ..types import Fingerprint, ObjectStore

VideoArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A video: path or uri.", show_default=False)
]
IndexUriOption = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Where the sidecar lies, if it is not FILE.lance."),
]


def make_console(to_stderr: bool = False) -> Console:
    r"""Returns a console that prints text as it is, without colouring numbers."""
    return Console(highlight=False, markup=False, stderr=to_stderr)


def open_part(file: str, index_uri: str | None) -> VideoPart:
    r"""Returns a video with its sidecar, or with an index that is built now.

    Args:
        file: a path or uri.
        index_uri: where the sidecar lies, beside the video by default.
    """
    part = VideoPart(locate(file, index_uri=index_uri))
    part.reader.head(part.uri)  # a sidecar alone is no video
    return part


def has_changed(store: ObjectStore, uri: str, fingerprint: Fingerprint | None) -> bool:
    r"""Returns whether a file is not, or not known to be, the one that was indexed."""
    return fingerprint is None or not matches(store, uri, fingerprint, store.head(uri))


def size_on_disk(uri: str) -> int | None:
    r"""Returns the bytes of a local directory, :obj:`None` if it is elsewhere."""
    if protocol_of(uri):
        return None
    return sum(path.stat().st_size for path in Path(uri).rglob("*") if path.is_file())


def short_path(uri: str) -> str:
    r"""Returns a path from the current directory where that is shorter."""
    if protocol_of(uri):
        return uri
    try:
        return min(os.path.relpath(uri), uri, key=len)
    except ValueError:  # another drive
        return uri
