r"""``temporaldata-video reencode``: a copy with short groups of pictures, and its index."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .._tools.reencoding.copy_plan import DEFAULT_CRF
from .._tools.reencoding.reencode import reencode as make_copy
from .opening import IndexUriOption, VideoArgument, make_console

Codec = Enum("Codec", {"h264": "h264", "hevc": "hevc", "ffv1": "ffv1"}, type=str)


def reencode(
    file: VideoArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The copy, a local .mp4; FILE_gop30.mp4 beside FILE by default.",
        ),
    ] = None,
    gop: Annotated[
        int, typer.Option(min=1, help="Frames from one key frame to the next, at most.")
    ] = 30,
    crf: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=51,
            help="Quality: a lower number gives better pictures and a larger file; "
            f"{DEFAULT_CRF} by default.",
        ),
    ] = None,
    codec: Annotated[
        Codec | None,
        typer.Option(
            help="hevc is smaller, and slower to encode and to decode. By default h264, "
            "and for more than 8 bits hevc; with --lossless, ffv1 for pixels that neither "
            "holds.",
            show_default=False,
        ),
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Keep every pixel; several times as large.")
    ] = False,
    fps_keep: Annotated[
        bool,
        typer.Option(
            "--fps-keep/--no-fps-keep",
            help="Keep the container's times, uneven ones too. With --no-fps-keep the "
            "container gets a constant rate, and the index keeps the times.",
        ),
    ] = True,
    audio: Annotated[
        bool, typer.Option("--audio/--no-audio", help="Copy the sound, as it is.")
    ] = True,
    index_uri: IndexUriOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier copy.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")
    ] = False,
) -> None:
    r"""Copy a video into short groups of pictures, to read it fast.

    The copy has the same frames, numbers, times, rotation, colour tags and sound, and an
    index with the same clock as the original's. It is read back and compared frame by frame
    before it takes its place. The original is never touched.

    Example: temporaldata-video reencode cam.mp4 --gop 30
    """
    report = make_copy(
        file,
        output,
        gop=gop,
        crf=crf,
        codec=codec and codec.value,
        lossless=lossless,
        fps_keep=fps_keep,
        audio=audio,
        index_uri=index_uri,
        overwrite=overwrite,
        progress=not quiet,
    )
    if quiet:
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in report.table():
        table.add_row(label, value)
    make_console().print(table)
