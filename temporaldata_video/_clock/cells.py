r"""From the cells of a text table to numbers and dates."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

# A longer cell is no number and no date.
MAX_CELL = 64
_BLANK = {"", "nan", "na", "n/a", "nat", "null", "none"}
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
_ZONED = re.compile(r".*(Z|[+-]\d\d(:?\d\d)?)", re.IGNORECASE)


class UnreadableCell(ValueError):
    r"""A cell is not what it should be.

    Args:
        position: of the cell among those given.
        why: what is wrong with it.
    """

    def __init__(self, position: int, why: str) -> None:
        super().__init__(why)
        self.position = position


def fits(kind: str, cell: str) -> bool:
    r"""Returns whether a cell is of a kind: ``"number"``, ``"integer"`` or ``"date"``."""
    if len(cell) > MAX_CELL:
        return False
    if kind == "date":
        return _DATE.fullmatch(cell) is not None
    if kind == "integer":
        return cell.isascii() and cell.isdigit()
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_blank(cell: str) -> bool:
    r"""Returns whether a cell says that there is nothing."""
    return cell.lower() in _BLANK


def parse(kind: str, cells: Sequence[str]) -> np.ndarray:
    r"""Returns the values of cells of one column.

    Args:
        kind: ``"number"``, ``"integer"`` or ``"date"``.
        cells: without blanks around them.

    Returns:
        int64 where all are integers, else float64 with NaN for blanks; dates as
        datetime64[ns] in UTC.

    Raises:
        UnreadableCell: if one is of another kind.
    """
    for position, cell in enumerate(cells):
        if len(cell) > MAX_CELL:
            raise UnreadableCell(position, f"{cell[:40]!r}... is no {_NOUNS[kind]}")
    return _parse_dates(cells) if kind == "date" else _parse_numbers(kind, cells)


_NOUNS = {
    "number": "number",
    "integer": "count of a counter, which is a whole number",
    "date": "date of ISO 8601",
}


def _parse_numbers(kind: str, cells: Sequence[str]) -> np.ndarray:
    if all(fits("integer", cell.removeprefix("-")) for cell in cells):
        try:
            return np.array([int(cell) for cell in cells], np.int64)
        except OverflowError:
            pass
    if kind == "number":
        try:
            return np.array([float(cell) for cell in cells], np.float64)
        except ValueError:
            pass  # there are blanks, or worse
    values = np.empty(len(cells))
    for position, cell in enumerate(cells):
        if is_blank(cell):
            values[position] = np.nan
        elif fits(kind, cell):
            values[position] = float(cell)
        else:
            raise UnreadableCell(position, f"{cell!r} is no {_NOUNS[kind]}")
    return values


def _parse_dates(cells: Sequence[str]) -> np.ndarray:
    import pandas as pd

    for position, cell in enumerate(cells):
        if not is_blank(cell) and not fits("date", cell):
            raise UnreadableCell(position, f"{cell!r} is no {_NOUNS['date']}")
    try:
        found = pd.to_datetime(cells, format="ISO8601", utc=True, errors="coerce")
        dates = found.as_unit("ns").tz_localize(None).to_numpy()
    except (ValueError, OverflowError) as error:
        raise UnreadableCell(0, f"dates out of range: {error}") from error
    for position in np.flatnonzero(np.isnat(dates)).tolist():
        if not is_blank(cells[position]):
            raise UnreadableCell(
                position, f"{cells[position]!r} is no {_NOUNS['date']}, or out of range"
            )
    return dates


def has_zone(cell: str) -> bool:
    r"""Returns whether a date says its offset from UTC."""
    time = cell.replace(" ", "T", 1).partition("T")[2]
    return _ZONED.fullmatch(time) is not None
