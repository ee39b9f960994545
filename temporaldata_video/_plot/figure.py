r"""Makes figures and axes by pixels, and measures the room that text takes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 100
MARKED = "tab:red"
_POINTS_PER_PIXEL = 72 / DPI
# Smaller text cannot be read in a picture that is shown at its own size.
SMALLEST_FONT, LARGEST_FONT = 5.5, 10.0
# The average width of a character, at most, as a share of the size of matplotlib's font.
_WIDTH_OF_CHARACTER = 0.64


def require_matplotlib() -> None:
    r"""Raises an :obj:`ImportError` that says what to install if matplotlib is missing."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"drawing needs matplotlib ({error}). Run: "
            f"pip install 'temporaldata-video[plot]'"
        ) from error


def new_figure(width: float, height: float) -> Figure:
    r"""Returns an empty figure of a size in pixels, which pyplot doesn't know.

    Such a figure needs no display, and Python frees it as soon as nothing refers to it.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    r"""Writes a figure in the format that the suffix names; without a suffix, as PNG."""
    suffix = os.path.splitext(path)[1][1:]
    figure.savefig(path, format=suffix or "png", dpi=DPI)


def add_axes(
    figure: Figure, left: float, top: float, width: float, height: float, **options: Any
) -> Axes:
    r"""Returns axes at a place in pixels from the upper left corner of a figure."""
    total_width, total_height = figure.get_size_inches() * DPI
    return figure.add_axes(
        (
            left / total_width,
            1 - (top + height) / total_height,
            width / total_width,
            height / total_height,
        ),
        **options,
    )


def fitting_font(width: float, texts: list[str]) -> float:
    r"""Returns the font size in points at which every line of some texts fits a width in
    pixels; never larger than that of ordinary text."""
    longest = max((len(line) for text in texts for line in text.split("\n")), default=1)
    return min(
        LARGEST_FONT, width * _POINTS_PER_PIXEL / (_WIDTH_OF_CHARACTER * max(longest, 1))
    )


def text_width(text: str, font: float) -> float:
    r"""Returns roughly how many pixels wide a line of text is at most."""
    return len(text) * _WIDTH_OF_CHARACTER * font / _POINTS_PER_PIXEL


def line_height(font: float) -> float:
    r"""Returns how many pixels lie from one line of text to the next."""
    return 1.4 * font / _POINTS_PER_PIXEL


def shortened(text: str, width: float, font: float) -> str:
    r"""Returns a text cut off where it would be wider than a width in pixels."""
    room = int(width / text_width("x", font))
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"
