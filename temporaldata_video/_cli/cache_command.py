r"""``temporaldata-video cache``: shows and changes what the cache holds."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import typer
from rich.filesize import decimal
from rich.table import Table

from .._base.configuration import configuration
from .._base.uris import frame_index_uri, normalize_uri, protocol_of
from .._bytes.caches import object_folder
from .._bytes.disk_files import CacheFiles
from .._tools.named_videos import only_video
from .._video.cost import frames_cost
from .._video.prefetch import prefetch_recording
from ..errors import CacheError
from .opening import IndexUriOption, VideoArgument, make_console

_DAY_SECONDS = 86400.0

cache = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@cache.callback()
def _describe() -> None:
    r"""Show, empty, shrink or fill the cache of remote videos.

    Environment variables set its place and size: TEMPORALDATA_VIDEO_CACHE_DIRECTORY,
    TEMPORALDATA_VIDEO_CACHE_QUOTA_BYTES, TEMPORALDATA_VIDEO_CACHE_BLOCK_BYTES and
    TEMPORALDATA_VIDEO_CACHE_KIND (blocks, files or none).

    Example: temporaldata-video cache info
    """


@cache.command()
def info() -> None:
    r"""Show where the cache lies and what it holds."""
    settings, cache_files = configuration(), _files()
    entries = cache_files.entries()
    used = sum(entry.bytes for entry in entries)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("directory", cache_files.root)
    table.add_row("kind", settings.cache_kind)
    if settings.cache_kind == "blocks":
        table.add_row("block", f"{settings.cache_block_bytes} bytes")
    share = 100 * used / settings.cache_quota_bytes if settings.cache_quota_bytes else 0.0
    table.add_row(
        "used", f"{decimal(used)} of {decimal(settings.cache_quota_bytes)} ({share:.0f} %)"
    )
    files = [entry for entry in entries if not os.path.isdir(entry.path)]
    objects = {os.path.dirname(entry.path) for entry in files}
    table.add_row("holds", f"{len(files)} blocks or files of {len(objects)} objects")
    table.add_row("", f"{len(entries) - len(files)} copies of indexes")
    if entries:
        table.add_row("last used", _moment(max(entry.used for entry in entries)))
        table.add_row("longest unused", _moment(min(entry.used for entry in entries)))
    make_console().print(table)


@cache.command()
def clear(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[URI]", help="A file of a video; all by default."),
    ] = None,
) -> None:
    r"""Delete what the cache holds, of all videos or of one file.

    Processes that are reading go on, and fetch again what they need.

    Example: temporaldata-video cache clear s3://lab/cam.mp4
    """
    objects = [""]
    if file is not None:
        uri = _remote(file)
        objects = [object_folder(uri), object_folder(frame_index_uri(uri))]
    freed = sum(_delete(0, of_object=name) for name in objects)
    typer.echo(f"deleted {decimal(freed)}")


@cache.command()
def prune(
    keep_bytes: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="BYTES", help="Bytes that may stay; the quota by default."
        ),
    ] = None,
    unused_days: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Also delete what is unused for so long."),
    ] = None,
) -> None:
    r"""Delete what was used least recently.

    Example: temporaldata-video cache prune --unused-days 30
    """
    most = configuration().cache_quota_bytes if keep_bytes is None else keep_bytes
    since = 0.0 if unused_days is None else time.time() - unused_days * _DAY_SECONDS
    typer.echo(f"deleted {decimal(_delete(most, since))}")


@cache.command()
def prefetch(
    file: VideoArgument,
    start: Annotated[
        float | None, typer.Argument(help="Seconds; the beginning by default.")
    ] = None,
    end: Annotated[
        float | None, typer.Argument(help="Seconds; the end by default.")
    ] = None,
    index_uri: IndexUriOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    r"""Fetch a remote video, or a window of it, before it is needed.

    Credentials come from the environment, such as AWS_ACCESS_KEY_ID.

    Example: temporaldata-video cache prefetch s3://lab/cam.mp4 100 400
    """
    _remote(file)
    recording = only_video(file, index_uri=index_uri)
    edges = [-np.inf if start is None else start, np.inf if end is None else end]
    first, stop = np.searchsorted(recording.sorted_timestamps, edges).tolist()
    frames = recording.time_order[first : max(first, stop)]
    prefetch_recording(recording, frames, progress=not quiet)
    n_bytes = frames_cost(recording, frames).bytes
    typer.echo(f"{decimal(n_bytes)} of {len(frames)} frames are in {_files().root}")


def _files() -> CacheFiles:
    settings = configuration()
    return CacheFiles(settings.cache_directory, settings.cache_quota_bytes)


def _delete(keep_bytes: int, since: float = 0.0, of_object: str = "") -> int:
    files = _files()
    if not os.path.lexists(files.root):
        return 0
    files.start()
    return files.prune(keep_bytes, since, of_object)


def _remote(file: str) -> str:
    uri = normalize_uri(file)
    if not protocol_of(uri):
        raise CacheError(
            f"{uri!r} is a local file, and the cache holds remote files only. Give the uri "
            f"of a remote video."
        )
    return uri


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
