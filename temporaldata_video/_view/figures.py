r"""Makes the axes of a row by Bokeh, empty: the page fills in what it reads."""

from __future__ import annotations

from typing import Any

from .._plot.pose_marks import color_of
from .tracks import Track

# Pixels on either side of all rows, so that one cursor runs through them. The style sheet
# of the page says the same.
LEFT, RIGHT = 56, 16
_BELOW, _AXIS = 5, 40
_FONT, _FAMILY = "11px", "system-ui, sans-serif"


def figure_of(track: Track, axis_label: str) -> dict[str, Any]:
    r"""Returns the axes of a row as Bokeh's page script takes them.

    Args:
        track: the row.
        axis_label: what is written below it and its times; ``""`` for neither.
    """
    from bokeh.embed import json_item
    from bokeh.models import Range1d
    from bokeh.plotting import figure

    below = _AXIS if axis_label else _BELOW
    axes = figure(
        height=round(track.height) + below,
        sizing_mode="stretch_width",
        x_range=Range1d(start=0.0, end=1.0),
        y_range=Range1d(start=track.low, end=track.high),
        tools="",
        toolbar_location=None,
        min_border_left=LEFT,
        min_border_right=RIGHT,
        min_border_top=2,
        min_border_bottom=below,
        background_fill_color=None,
        border_fill_color=None,
        lod_threshold=None,
    )
    axes.xaxis.visible = bool(axis_label)
    axes.xaxis.axis_label = axis_label
    axes.ygrid.visible = False
    for text in ("major_label", "axis_label"):
        setattr(axes.axis, f"{text}_text_font_size", _FONT)
        setattr(axes.axis, f"{text}_text_font", _FAMILY)
    axes.axis.axis_label_text_font_style = "normal"
    axes.axis.minor_tick_line_color = None
    _DRAWN[track.kind](axes, track)
    return {**json_item(axes)}


def _add_marks(axes: Any, track: Track) -> None:
    height = track.height / (track.high - track.low)
    color = color_names()["tab:blue"]
    axes.scatter(
        "x",
        "y",
        source=_source("x", "y"),
        marker="dash",
        angle=1.5707963267948966,
        size=max(0.8 * height, 2.0),
        line_color=color,
        line_width=1.0,
    )
    if track.high - track.low > 1:
        axes.yaxis.ticker.min_interval = 1.0
        axes.yaxis.ticker.desired_num_ticks = max(2, int(track.height / 24))
    else:
        axes.yaxis.visible = False


def _add_lines(axes: Any, track: Track) -> None:
    colors = color_names()
    # Of a pose, x and y of each point have its colour.
    styles = [("tab:green", "solid")] * len(track.labels)
    for key_point in track.pairs:
        styles += [(color_of(key_point), "solid"), (color_of(key_point), "dashed")]
    for color, dash in styles:
        axes.line(
            "x",
            "y",
            source=_source("x", "y"),
            line_width=1.0,
            line_color=colors[color],
            line_dash=dash,
        )
    if track.labels:
        axes.yaxis.ticker = [-line for line in range(len(track.labels))]
        labels = {-line: _plain(label) for line, label in enumerate(track.labels)}
        axes.yaxis.major_label_overrides = labels
    else:
        axes.yaxis.ticker.desired_num_ticks = 4


def _add_bars(axes: Any, track: Track) -> None:
    from bokeh.core.properties import value

    source = _source("left", "right", "middle", "label")
    color = color_names()["tab:purple"]
    axes.quad(
        left="left",
        right="right",
        bottom=0.1,
        top=0.9,
        source=source,
        fill_color=color,
        fill_alpha=0.35,
        line_color=color,
    )
    axes.text(
        x="middle",
        y=0.5,
        text="label",
        source=source,
        text_align="center",
        text_baseline="middle",
        text_font_size=_FONT,
        text_font=value(_FAMILY),
    )
    axes.yaxis.visible = False


_DRAWN = {"marks": _add_marks, "lines": _add_lines, "bars": _add_bars}


def color_names() -> dict[str, str]:
    r"""Returns colours of the web by the names that matplotlib has for its cycle."""
    from bokeh.palettes import Category10

    names = (
        *("blue", "orange", "green", "red", "purple"),
        *("brown", "pink", "gray", "olive", "cyan"),
    )
    return {f"tab:{name}": color for name, color in zip(names, Category10[10])}


def _source(*columns: str) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({column: [] for column in columns})


def _plain(text: str) -> Any:
    # A text between dollars would be read as a formula.
    from bokeh.models import PlainText

    return PlainText(text=text)
