r"""``temporaldata-video proxy``: frames of videos, kept at the size of a model."""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from .._base.uris import short_path
from .._tools.proxies.proxy_many import proxy_many
from .._tools.proxies.write_proxy import DEFAULT_CRF, DEFAULT_GOP, ProxyReport, write_proxy
from .opening import IndexUriOption, make_console
from .several import pool_of, tell

PixelType = Enum(
    "PixelType", {"uint8": "uint8", "uint16": "uint16", "auto": "auto"}, type=str
)
_SIZE = re.compile(r"([1-9]\d*)x([1-9]\d*)")


def _parse_size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(
            f"--size is HEIGHTxWIDTH in pixels, such as 224x224, got {text!r}."
        )
    return int(found[1]), int(found[2])


def proxy(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Videos: paths or uris.", show_default=False
        ),
    ],
    size: Annotated[
        str,
        typer.Option(
            metavar="HEIGHTxWIDTH",
            help="Size of the frames in pixels, as resize=(height, width) in Python: "
            "first the height, then the width.",
            show_default=False,
        ),
    ],
    gray: Annotated[
        bool, typer.Option("--gray", help="Keep one channel, as of colorspace='G'.")
    ] = False,
    dtype: Annotated[
        PixelType,
        typer.Option(help="Of the pixels; auto keeps all bits of a sample."),
    ] = PixelType.uint8,
    lossless: Annotated[
        bool | None,
        typer.Option(
            "--lossless/--lossy",
            help="Keep every pixel (the default), or write H.264 with a tenth of the bytes "
            "or less, which is read only where proxy='lossy' is asked for.",
            show_default=False,
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=51,
            help="Quality of a lossy proxy: a lower number gives better pictures and a "
            f"larger file; {DEFAULT_CRF} by default.",
            show_default=False,
        ),
    ] = None,
    gop: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Frames from one key frame of a lossy proxy to the next; "
            f"{DEFAULT_GOP} by default.",
            show_default=False,
        ),
    ] = None,
    index_uri: IndexUriOption = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Work on so many videos at once, one process each.")
    ] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make fresh proxies anew, too.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but warnings and errors.")
    ] = False,
) -> None:
    r"""Keep the frames of videos at the size that a model reads.

    Videos that are read with that resize then read their pixels there by themselves, many
    times as fast. A proxy lies beside its video: cam.mp4.224x224.proxy. It is read back and
    compared before it counts. Those that are fresh are kept, so the same command goes on
    where it was interrupted. --crf and --gop stand for --lossy, too.

    Example: temporaldata-video proxy */cam.mp4 --size 224x224 --workers 4
    """
    coarser = crf is not None or gop is not None
    if lossless and coarser:
        raise typer.BadParameter("--crf and --gop are of lossy proxies: no --lossless.")
    lossy = lossless is False or coarser
    options: dict[str, Any] = {
        "gray": gray,
        "dtype": dtype.value,
        "lossless": not lossy,
        "crf": crf,
        "gop": gop,
        "overwrite": overwrite,
        "progress": not quiet,
    }
    shape = _parse_size(size)
    if len(files) > 1 or workers > 1:
        if index_uri:
            raise typer.BadParameter("--index-uri is for one video; give one FILE.")
        with pool_of(workers, None) as executor:
            report = proxy_many(files, shape, executor=executor, **options)
        tell(files, report, "proxy", quiet)
        return
    made = write_proxy(files[0], shape, index_uri=index_uri, **options)
    if not quiet:
        make_console().print(_text(made))


def _text(report: ProxyReport) -> str:
    names = " + ".join(map(short_path, report.uris))
    if not report.written:
        return f"{names}: fresh, and kept"
    exact = math.isinf(report.psnr)
    pixels = "the same pixels" if exact else f"PSNR {report.psnr:.1f} dB"
    lost = f", of which {report.lost} do not decode" if report.lost else ""
    return (
        f"{names}: {report.frames} frames{lost}; {pixels}; "
        f"{decimal(report.bytes_before)} -> {decimal(report.bytes_after)}; "
        f"took {report.seconds:.1f} s"
    )
