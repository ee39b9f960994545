r"""``temporaldata-video sheet``: the frames of a window on one picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..media.convert import OutputFormat
from ..plot import draw_sheet, require_matplotlib, save_figure
from ..source import VideoSource
from .opening import IndexUriOption, VideoArgument, format_extent, open_part


def sheet(
    file: VideoArgument,
    start: Annotated[
        float,
        typer.Argument(
            metavar="START", help="Begin of the window in seconds.", show_default=False
        ),
    ],
    end: Annotated[
        float,
        typer.Argument(
            metavar="END",
            help="End of the window in seconds, not included.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture to write.")
    ] = Path("sheet.png"),
    columns: Annotated[int, typer.Option(min=1, help="Frames side by side, at most.")] = 6,
    width: Annotated[int, typer.Option(min=100, help="Pixels, of the picture.")] = 1200,
    max_frames: Annotated[
        int, typer.Option(min=1, help="Of more frames show this many, evenly spread.")
    ] = 36,
    index_uri: IndexUriOption = None,
) -> None:
    r"""Draw the frames of a window on one picture.

    To see whether video and clock belong together: each frame has its time and number.
    Times below zero go behind two dashes: sheet cam.mp4 -o sheet.png -- -1.5 0

    Example: temporaldata-video sheet cam.mp4 100 101 -o sheet.png
    """
    if not start < end:
        raise typer.BadParameter(f"END must come after START, got {start:g} and {end:g}.")
    require_matplotlib()
    source = VideoSource(
        (open_part(file, index_uri),), OutputFormat(None, "RGB", "NHWC"), on_error="mask"
    )
    times = source.sorted_timestamps
    first, stop = np.searchsorted(times, [start, end]).tolist()
    found = stop - first
    if found == 0:
        raise ValueError(
            f"{file!r} has no frame from {start:g} s to {end:g} s; it has "
            f"{format_extent(times)}."
        )
    shown = np.linspace(first, stop - 1, min(found, max_frames)).round().astype(int)
    columns = min(columns, len(shown))
    small = replace(source, output=_thumbnail(source, width // columns))
    numbers = source.time_order[shown]
    pixels, valid = small.read(numbers)
    note = f"{found} frames" if len(shown) == found else f"{len(shown)} of {found} frames"
    figure = draw_sheet(
        pixels,
        times[shown],
        numbers,
        valid,
        columns=columns,
        width=width,
        title=f"{Path(file).name}, {start:g} s to {end:g} s: {note}",
    )
    save_figure(figure, output)
    typer.echo(f"{output}: {note} from {start:g} s to {end:g} s")


def _thumbnail(source: VideoSource, width: int) -> OutputFormat:
    # Large frames are scaled down as they decode; a window of them can outgrow memory.
    frame_height, frame_width, _ = source.frame_shape
    if frame_width <= width:
        return source.output
    height = max(1, round(width * frame_height / frame_width))
    return replace(source.output, resize=(height, width))
