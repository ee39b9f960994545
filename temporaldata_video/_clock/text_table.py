r"""Reads one column of a text table, whoever wrote it."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from .cells import UnreadableCell, fits, has_zone, is_blank, parse

# A line of a table of numbers is shorter; what is longer is no such table.
MAX_LINE = 1 << 16
MAX_ROWS = 1 << 27
_CHUNK_ROWS = 1 << 16


class Table:
    r"""The rows of a text file, one at a time.

    The separator is a comma, semicolon or tab where the first line has one, in this
    order, else blanks. In a ``.tsv`` file it is a tab.

    Args:
        path: names the file in messages.
        file: opened as text.
    """

    def __init__(self, path: Path, file: IO[str]) -> None:
        self.path, self._file, self.line = path, file, 0
        lines = self._lines()
        first = next(lines, None)
        if first is None:
            raise ValueError(f"timestamps file {str(path)!r} is empty.")
        first = first.lstrip("# ") if first.startswith("#") else first
        marks = "\t" if path.suffix.lower() == ".tsv" else ",;\t"
        mark = next((m for m in marks if m in first), None)
        self._rows = self._split(first, lines, mark)
        self.first = next(self._rows)

    def _lines(self) -> Iterator[str]:
        while line := self._file.readline(MAX_LINE):
            self.line += 1
            if len(line) >= MAX_LINE:
                raise ValueError(
                    f"timestamps file {str(self.path)!r} is no text table: line "
                    f"{self.line} is longer than {MAX_LINE} characters."
                )
            if line.strip():
                yield line

    def _split(self, first: str, rest: Iterator[str], mark: str | None):
        def lines() -> Iterator[str]:
            yield first
            yield from rest

        if mark is None:
            yield from map(str.split, lines())
        else:
            for cells in csv.reader(lines(), delimiter=mark, skipinitialspace=True):
                yield [cell.strip() for cell in cells]

    def __iter__(self) -> Iterator[list[str]]:
        r"""Yields the rows after the first."""
        for cells in self._rows:
            if any(cells):
                yield cells


def read_text_column(
    path: Path,
    column: str | int | None,
    kind: str,
    *,
    needs_zone: bool = False,
    alone: bool = False,
) -> np.ndarray:
    r"""Returns one column of a text table.

    Args:
        path: of the file.
        column: name or number of the column; the only one by default.
        kind: ``"number"``, ``"integer"`` or ``"date"``.
        needs_zone: whether dates must say their offset from UTC.
        alone: whether a column is found by being the only one of its kind.

    Returns:
        int64, float64 or datetime64[ns] of shape (n,).

    Raises:
        ValueError: if there is no such column or it holds something else.
    """
    try:
        with _open(path) as file:
            table = Table(path, file)
            chunks = list(_read_chunks(table, column, kind, needs_zone, alone))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"timestamps file {str(path)!r} is no text table: {error}"
        ) from error
    return np.concatenate(chunks) if chunks else np.empty(0)


def _open(path: Path) -> IO[str]:
    with open(path, "rb") as file:
        head = file.read(4)
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return open(path, encoding="utf-16" if wide else "utf-8-sig", newline=None)


def _read_chunks(
    table: Table,
    column: str | int | None,
    kind: str,
    needs_zone: bool,
    alone: bool,
) -> Iterator[np.ndarray]:
    rows = iter(table)
    has_header = not any(
        (cell and is_blank(cell)) or fits("number", cell) or fits("date", cell)
        for cell in table.first
    )
    names = (
        table.first if has_header else [str(number) for number in range(len(table.first))]
    )
    first = next(rows, None) if has_header else table.first
    fitting = [number for number, cell in enumerate(first or ()) if fits(kind, cell)]
    number = choose_column(
        f"timestamps file {str(table.path)!r}", names, column, fitting if alone else ()
    )

    def values(cells: Sequence[str], lines: Sequence[int]) -> np.ndarray:
        try:
            return parse(kind, cells)
        except UnreadableCell as error:
            raise _at(table.path, lines[error.position], error) from error

    cells: list[str] = []
    lines: list[int] = []
    total = 0
    row = first
    while row is not None:
        cell = row[number] if number < len(row) else ""
        if needs_zone and not is_blank(cell) and fits("date", cell) and not has_zone(cell):
            raise _at(
                table.path,
                table.line,
                f"{cell!r} has no offset from UTC, so that it is unknown when it was; pass "
                f"origin='first'",
            )
        cells.append(cell)
        lines.append(table.line)
        if len(cells) == _CHUNK_ROWS:
            total += len(cells)
            check_size(total, table.path)
            yield values(cells, lines)
            cells, lines = [], []
        row = next(rows, None)
    if cells:
        yield values(cells, lines)


def _at(path: Path, line: int, why: object) -> ValueError:
    return ValueError(f"timestamps file {str(path)!r}, line {line}: {why}.")


def check_size(rows: int, path: Path) -> None:
    r"""Raises :obj:`ValueError` if there are more stamps than any video has frames."""
    if rows > MAX_ROWS:
        raise ValueError(
            f"timestamps file {str(path)!r} has {rows} stamps or more; {MAX_ROWS} are "
            f"the most that are read."
        )


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
