r"""Shows what was found or done as a table, in text and in notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, ClassVar

_MOST_ROWS = 100
_CELL = "style='text-align:left;padding:1px 12px 1px 0;vertical-align:top'"


class Report:
    r"""Something with rows, which ``print`` and notebooks show as a table."""

    columns: ClassVar[tuple[str, ...]] = ()

    def table(self) -> Iterable[Sequence[Any]]:
        r"""Returns its rows."""
        raise NotImplementedError

    def _heading(self) -> str:
        # What stands above the table; "" for nothing.
        return ""

    def __str__(self) -> str:
        rows = [[str(cell) for cell in row] for row in _first(self.table())]
        if self.columns and rows:
            rows.insert(0, [*self.columns])
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join(filter(None, [self._heading(), *lines]))

    def _repr_html_(self) -> str:
        return table_html(self._heading(), _first(self.table()), self.columns)


def _first(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    # Nobody reads a longer table.
    every = list(rows)
    if len(every) <= _MOST_ROWS:
        return every
    more = f"and {len(every) - _MOST_ROWS} more"
    return [*every[:_MOST_ROWS], (more, *[""] * (len(every[0]) - 1))]


def table_html(
    heading: str, rows: Iterable[Sequence[Any]], columns: Sequence[str] = ()
) -> str:
    r"""Returns a table for notebooks; colours come from the notebook, light or dark.

    Args:
        heading: text above it.
        rows: texts, or what becomes text; not HTML.
        columns: names of the columns; without them, the first cell names its row.

    Example ::

        >>> "<th" in table_html("clip", [("frames", 60)]), table_html("a<b", [])[:14]
        (True, '<strong>a&lt;b')
    """

    def cells(row: Sequence[Any], names: int) -> str:
        kinds = ["th"] * names + ["td"] * (len(row) - names)
        parts = zip(kinds, row)
        return "".join(f"<{k} {_CELL}>{escape(str(cell))}</{k}>" for k, cell in parts)

    lines = [cells(row, 0 if columns else 1) for row in rows]
    if columns:
        lines.insert(0, cells(columns, len(columns)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<strong>{escape(heading)}</strong><table>{body}</table>"
