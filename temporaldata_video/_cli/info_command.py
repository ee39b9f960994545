r"""``temporaldata-video info``: what a video is, and what reading it costs."""

from __future__ import annotations

import typer
from rich.table import Table

from .._base.uris import short_path
from .._tools.info import VideoInfo, describe_video
from .._tools.named_videos import named_videos
from .opening import IndexUriOption, VideoArgument, make_console


def info(file: VideoArgument, index_uri: IndexUriOption = None) -> None:
    r"""Show what a video is, and what reading a window costs.

    It shows frames, clock, codec, groups of pictures and index. For a video without an
    index, it builds one in memory, which takes a while for long videos. Of a recording, it
    shows all videos, or the one that is named: rec.h5:face

    Example: temporaldata-video info cam.mp4

    Example: temporaldata-video info rec.h5
    """
    videos = named_videos(file, index_uri=index_uri)
    for name, video in videos.items():
        if len(videos) > 1:
            typer.echo(f"{name}: {short_path(video.parts[0].uri)}")
        _print(describe_video(video))


def _print(found: VideoInfo) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in found.table():
        table.add_row(label, value)
    make_console().print(table)
    if found.changed:
        typer.echo(
            f"warning: the index is of another file than {found.changed!r} is now, and so "
            f"are the facts above. Run: temporaldata-video index --overwrite {found.uri}",
            err=True,
        )
