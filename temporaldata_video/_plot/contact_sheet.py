r"""Draws frames in rows, as a contact sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .figure import (
    SMALLEST_FONT,
    add_axes,
    fitting_font,
    line_height,
    new_figure,
    shortened,
)
from .stills import Stills, show_still

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARGIN = 12
_MOST_COLUMNS = 10
_TALLEST = 900  # height of a frame in pixels, so that a sheet of one fits a screen


def columns_for(n: int, aspect: float) -> int:
    r"""Returns how many frames to draw side by side so that the sheet isn't too high.

    Args:
        n: frames to draw.
        aspect: width of a frame as a multiple of its height.

    Example ::

        >>> columns_for(30, 4 / 3), columns_for(30, 9 / 16), columns_for(1, 1.0)
        (6, 10, 1)
    """
    for columns in range(1, _MOST_COLUMNS):
        if -(-n // columns) / (columns * aspect) <= 0.7:
            return min(columns, n)
    return min(_MOST_COLUMNS, n)


def draw_sheet(
    stills: Stills, labels: list[str], *, columns: int, width: int, title: str
) -> Figure:
    r"""Draws frames in rows, each under its label.

    Args:
        stills: the frames, at least one.
        labels: one per frame; where all are empty, they get no room.
        columns: frames side by side.
        width: of the figure in pixels.
        title: text on top, cut off where it is too long.

    Raises:
        ValueError: if so many columns leave no room to read the labels.
    """
    cell_width = (width - _MARGIN) / columns - _MARGIN
    font = fitting_font(cell_width, labels)
    labelled = any(labels)
    if cell_width < 8 or (labelled and font < SMALLEST_FONT):
        raise ValueError(
            f"{columns} columns are too many to label in {width} pixels of width; draw "
            f"fewer columns or a wider picture."
        )
    frame_width = min(cell_width, _TALLEST * stills.aspect)
    cell_height = frame_width / stills.aspect
    lines = max(label.count("\n") + 1 for label in labels) if labelled else 0
    above = lines * line_height(font) + (6 if labelled else _MARGIN)
    title_font = max(fitting_font(width - 2 * _MARGIN, [title]), 8.0)
    top = _MARGIN + line_height(title_font)
    height = top + -(-len(stills) // columns) * (above + cell_height) + _MARGIN
    figure = new_figure(width, height)
    figure.text(
        _MARGIN / width,
        1 - _MARGIN / height,
        shortened(title, width - 2 * _MARGIN, title_font),
        va="top",
        fontsize=title_font,
    )
    for i, label in enumerate(labels):
        row, column = divmod(i, columns)
        left = _MARGIN + column * (cell_width + _MARGIN) + (cell_width - frame_width) / 2
        below = top + row * (above + cell_height) + above
        axes = add_axes(figure, left, below, frame_width, cell_height)
        show_still(axes, stills, i, frame_width)
        axes.set_title(label, fontsize=font, pad=3, linespacing=1.1)
    return figure
