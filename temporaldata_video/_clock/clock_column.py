r"""Finds the column of a table that is the clock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .._base.cells import fits, is_blank
from .._base.text_table import TextTable, open_table, read_columns


def read_text_column(
    path: Path,
    column: str | int | None,
    kind: str,
    alone: bool = False,
    n_skipped: int = 0,
    decimal: str | None = None,
) -> np.ndarray:
    r"""Returns one column of a text table.

    Args:
        path: of the file.
        column: name or number of the column; the only one by default.
        kind: of its cells, as for :func:`~temporaldata_video._base.cells.parse`.
        alone: whether a column is found by being the only one of its kind.
        n_skipped: lines at the top of the file that are no part of the table.
        decimal: ``"."`` or ``","``, if the mark of decimals is known.

    Returns:
        int64, float64 or datetime64[ns] of shape (n,).

    Raises:
        ValueError: if there is no such column, or it holds something else.
    """
    table = open_table(path, f"timestamps file {str(path)!r}", n_skipped, decimal)
    names, n_header = _names(table)
    first = next(iter(table.top[n_header:]), [])
    if n_header and first and not any(map(_is_value, first)):
        raise ValueError(
            f"{table.what} has the names {table.top[0]}, and no value in the row below, "
            f"{first}. If its table begins further down, say how many lines lie above it: "
            f"skip_lines=..."
        )
    wanted = "date" if kind == "instant" else kind
    fitting = [number for number, cell in enumerate(first) if alone and fits(wanted, cell)]
    number = choose_column(table.what, names, column, fitting)
    return read_columns(table, n_header, [number], kind)[0]


def _names(table: TextTable) -> tuple[list[str], int]:
    r"""Returns the names of the columns, and how many rows at the top they are."""
    first = table.top[0] if table.top else []
    holds_values = any(cell and _is_value(cell, table.decimal_comma) for cell in first)
    if holds_values or not first:
        named = len(table.comment) == len(first) or not first
        return (table.comment if named else [str(k) for k in range(len(first))]), 0
    below = table.top[1] if len(table.top) > 1 else []
    if len(list(filter(None, below))) > len(first):
        raise ValueError(
            f"{table.what} has {len(below)} cells under {len(first)} names, {first}: "
            f"which are whose? Give every column a name, or say how many lines lie above "
            f"the table: skip_lines=..."
        )
    return first, 1


def _is_value(cell: str, decimal_comma: bool = True) -> bool:
    number = cell.replace(",", ".", 1) if decimal_comma else cell
    return is_blank(cell) or fits("number", number) or fits("date", cell)


def choose_column(
    what: str,
    names: Sequence[str],
    column: str | int | None,
    fitting: Sequence[int] = (),
) -> int:
    r"""Returns the number of a column.

    Args:
        what: names the table in messages.
        names: of all columns.
        column: name or number of the one wanted; :obj:`None` for the only one.
        fitting: those that could be meant if none is named.

    Raises:
        ValueError: if there is no such column, or none is named and there are several.
    """
    if column is None:
        if len(names) == 1:
            return 0
        if len(fitting) == 1:
            return fitting[0]
        raise ValueError(
            f"{what} has {len(names)} columns; say which one is the clock, by name or "
            f"number: {_shorten(names)}."
        )
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, str) and column.lstrip("-").isdigit():
        column = int(column)
    if not isinstance(column, int) or not 0 <= column < len(names):
        listed = _shorten([f"{i}: {name}" for i, name in enumerate(names)])
        raise ValueError(f"{what} has no column {column!r}; it has {listed}.")
    return column


def _shorten(names: Sequence[str]) -> str:
    shown = [name[:60] for name in names[:30]]
    return ", ".join([*shown, "..."] if len(names) > len(shown) else shown)
