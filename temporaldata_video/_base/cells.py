r"""Turns the cells of a text table into numbers and dates."""

from __future__ import annotations

import bisect
import re
from typing import Any

import numpy as np

# A longer cell is no number and no date.
MAX_CELL = 64
# The texts of cells that hold no value, in small letters.
_BLANK = ("", "nan", "na", "n/a", "nat", "null", "none")
_NOUNS = {
    "number": "number",
    "integer": "count of a counter, which is a whole number",
    "date": "date of ISO 8601 from 1678 to 2261",
    "instant": "date of ISO 8601 from 1678 to 2261",
}


class UnreadableCell(ValueError):
    r"""A cell cannot be read as a value of its kind.

    Args:
        position: of the cell among all cells.
        why: what is wrong with it.
    """

    def __init__(self, position: int, why: str) -> None:
        super().__init__(why)
        self.position = position


def fits(kind: str, cell: str) -> bool:
    r"""Returns whether a cell holds a value of a kind, as for :func:`parse`."""
    import pyarrow as pa

    found = _read(kind, _tidy(pa.array([cell], pa.string()), False))
    return found is not None and found.null_count == 0


def is_blank(cell: str) -> bool:
    r"""Returns whether a cell says that it has no value."""
    return cell.strip().lower() in _BLANK


def parse(kind: str, cells: Any, decimal_comma: bool = False) -> np.ndarray:
    r"""Returns the values of cells of one column.

    Args:
        kind: ``"number"``, ``"integer"``, ``"date"``, or ``"instant"`` for a date that
            says its offset from UTC.
        cells: a pyarrow array of strings.
        decimal_comma: whether ``0,5`` is a half.

    Returns:
        int64 where all are whole numbers, else float64 with NaN for blanks; dates as
        datetime64[ns] in UTC.

    Raises:
        UnreadableCell: if one is of another kind.
    """
    found = _read(kind, cells)
    if found is None:
        tidy = _tidy(cells, decimal_comma)
        found = _read(kind, tidy)
    if found is None:
        # The first wrong cell is the last cell of the shortest part that cannot be read.
        position = bisect.bisect_left(
            range(len(cells)),
            True,
            key=lambda last: _read(kind, tidy.slice(0, last + 1)) is None,
        )
        raise UnreadableCell(position, _why(kind, cells[position].as_py()))
    values = found.to_numpy(zero_copy_only=False)
    return values.astype("M8[ns]") if kind in ("date", "instant") else values


def _why(kind: str, cell: str) -> str:
    shown = repr(cell) if len(cell) <= MAX_CELL else f"{cell[:40]!r}..."
    if kind == "instant" and fits("date", cell):
        return (
            f"{shown} has no offset from UTC, so that nobody knows when it was; pass "
            f"origin='first'"
        )
    if kind == "date" and fits("date", cell):
        return f"{shown} has an offset from UTC and others have none, or the reverse"
    if kind == "number" and re.fullmatch(r"[+-]?\d+,\d+", cell):
        return f"{shown} is no number; if its comma marks decimals, pass decimal=','"
    if kind == "number" and re.match(r"\d{4}-\d", cell) and fits("date", cell):
        return (
            f"{shown} is a date; pass unit='iso8601' with origin='first' or origin='epoch'"
        )
    return f"{shown} is no {_NOUNS[kind]}"


def _read(kind: str, cells: Any) -> Any:
    r"""Returns the cells as an array of their kind, or :obj:`None` if one does not fit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if (pc.max(pc.utf8_length(cells)).as_py() or 0) > MAX_CELL:
        return None
    if kind in ("date", "instant"):
        # Arrow 16 wraps dates that nanoseconds in 64 bits cannot reach.
        ends = pc.min_max(cells).as_py()
        if ends["min"] and (ends["min"] < "1678" or ends["max"] >= "2262"):
            return None
    zoned, unzoned = pa.timestamp("ns", "UTC"), pa.timestamp("ns")
    types = {
        "number": (pa.int64(), pa.float64()),
        "integer": (pa.int64(),),
        "date": (unzoned, zoned),
        "instant": (zoned,),
    }[kind]
    for value_type in types:
        # A failing cast of many cells takes ten times as long as one that works.
        if value_type == pa.int64() and not _are_whole(cells):
            continue
        try:
            cells.drop_null().slice(0, 1).cast(value_type)
            return cells.cast(value_type)
        except pa.ArrowInvalid:
            continue
    return None


def _are_whole(cells: Any) -> bool:
    import pyarrow.compute as pc

    # Arrow would read 0xFF too, and 0xFFFFFFFFFFFFFFFF as -1.
    digits = pc.ascii_is_decimal(pc.ascii_ltrim(cells, "-"))
    return bool(pc.all(digits, min_count=0).as_py())


def _tidy(cells: Any, decimal_comma: bool) -> Any:
    r"""Returns cells as :func:`_read` knows them: blank ones are null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pc.utf8_trim(cells, ' \t"')
    blank = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(_BLANK))
    cells = pc.if_else(blank, pa.scalar(None, pa.string()), cells)
    cells = pc.replace_substring_regex(cells, r"^\+([\d.])", r"\1")
    cells = pc.replace_substring_regex(cells, r"^(\d{4}-.*\d) ?([Zz]|[+-][\d:]+)$", r"\1\2")
    cells = pc.replace_substring_regex(cells, r"^(\d{4}-.*)z$", r"\1Z")
    if decimal_comma:
        cells = pc.replace_substring_regex(cells, r"^([+-]?\d*),(\d)", r"\1.\2")
    return cells
