r"""Reads columns of text tables from any program."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from .cells import UnreadableCell, fits, parse

# No video has more frames.
MAX_ROWS = 1 << 27
# Characters that are parsed at a time; a file with a longer line is no table.
_PIECE = 1 << 20
# How many rows at the top are examined; no header has more.
_N_TOP = 8


@dataclass(frozen=True)
class TextTable:
    r"""How a text table is laid out.

    Args:
        path: of the file.
        what: names it in messages.
        mark: the character between cells; a blank stands for any number of blanks.
        top: cells of the first rows.
        lines: how many lines lie above each of these rows, and above the row after them.
        comment: cells of the last line above the rows that begins with ``#``.
        decimal_comma: whether ``0,5`` is a half.
    """

    path: Path
    what: str
    mark: str
    top: tuple[list[str], ...]
    lines: tuple[int, ...]
    comment: list[str]
    decimal_comma: bool


def open_table(
    path: Path, what: str, n_skipped: int = 0, decimal: str | None = None
) -> TextTable:
    r"""Returns how a text table is laid out.

    The mark between cells is the first of tab, semicolon and comma that splits the first
    and the second row into the same number of cells, more than one; else the first of
    comma, semicolon and tab that the first row holds; else blanks. Of tab, semicolon and
    comma, a ``.tsv`` file can only have the tab. A comma before a zero and a further digit,
    as in ``0,033``, marks decimals, where no row has more than one.

    Args:
        path: of the file, in UTF-8 or, with a byte order mark, in UTF-16.
        what: names it in messages.
        n_skipped: lines at the top that are no part of the table.
        decimal: ``"."`` or ``","``, if the mark of decimals is known.

    Raises:
        ValueError: if it is empty, or no text.
        OSError: if there is no file, or it cannot be opened.
    """
    _, text = next(_pieces(path, what, 0), (0, ""))
    lines = list(io.StringIO(text))
    n_comments, comment = min(n_skipped, len(lines)), ""
    while n_comments < len(lines) and lines[n_comments].strip()[:1] in ("", "#"):
        comment = lines[n_comments].strip("# \t\n") or comment
        n_comments += 1
    first = lines[n_comments] if n_comments < len(lines) else comment
    if not first:
        raise ValueError(f"{what} is empty.")
    try:
        commas = decimal is None and _has_comma_decimals(lines[n_comments:])
        marks = "\t" if path.suffix.lower() == ".tsv" else "\t;,"
        if commas or decimal == ",":
            marks = marks.replace(",", "")
        mark = _find_mark(lines[n_comments:], first, marks)
        reader = _reader(lines[n_comments:], mark)
        top, ends = [], [n_comments]
        for row in islice(filter(any, reader), _N_TOP):
            top.append([cell.strip() for cell in row])
            ends.append(n_comments + reader.line_num)
        above = [cell.strip() for row in _reader([comment], mark) for cell in row]
    except csv.Error as error:
        raise ValueError(f"{what} is no text table: {error}") from error
    decimal_comma = decimal == "," or (decimal is None and (mark == ";" or commas))
    return TextTable(path, what, mark, tuple(top), tuple(ends), above, decimal_comma)


def read_columns(
    table: TextTable,
    n_header: int,
    columns: Sequence[int],
    kind: str,
    *,
    ragged: bool = True,
) -> list[np.ndarray]:
    r"""Returns columns of a table.

    Rows that have only blank cells are left out. Between semicolons, and where the
    layout says so, ``0,5`` is a half.

    Args:
        table: the layout of the file.
        n_header: rows at its top that hold no values.
        columns: their numbers.
        kind: of their cells, as for :func:`~temporaldata_video._base.cells.parse`, or
            ``"text"``.
        ragged: whether a short row is filled with blanks, and a long one cut.

    Returns:
        An array of shape (n,) for each column.

    Raises:
        ValueError: if a cell is of another kind; it says in which line.
    """
    found: list[list[np.ndarray]] = [[] for _ in columns]
    n_rows = 0
    try:
        for line, text in _pieces(table.path, table.what, table.lines[n_header]):
            values = _parse_piece(table, line, text, n_header, columns, kind, ragged)
            for place, column in zip(found, values):
                place.append(column)
            n_rows += len(found[0][-1])
            if n_rows > MAX_ROWS:
                raise ValueError(
                    f"{table.what} has {n_rows} rows or more; {MAX_ROWS} are the most that "
                    f"are read."
                )
    except csv.Error as error:
        raise ValueError(f"{table.what} is no text table: {error}.") from error
    return [np.concatenate(place) if place else np.empty(0) for place in found]


def _parse_piece(
    table: TextTable,
    line: int,
    text: str,
    n_header: int,
    columns: Sequence[int],
    kind: str,
    ragged: bool,
) -> list[np.ndarray]:
    width = max((len(row) for row in table.top[: n_header + 1]), default=1)
    plain = _plain(text, table.mark)
    try:
        cells = _split(plain, table.mark, width, columns, ragged)
        return [_values(kind, column, table.decimal_comma) for column in cells]
    except UnreadableCell as error:
        number = line + _lines_above(plain, table.mark, error.position)
        raise ValueError(f"{table.what}, line {number}: {error}.") from error
    except ValueError as error:
        raise ValueError(f"{table.what}, from line {line} on: {error}.") from error


def _values(kind: str, cells: Any, decimal_comma: bool) -> np.ndarray:
    if kind == "text":
        return cells.fill_null("").to_numpy(zero_copy_only=False)
    return parse(kind, cells, decimal_comma)


def _pieces(path: Path, what: str, n_above: int) -> Iterator[tuple[int, str]]:
    r"""Yields pieces of whole lines below the first ones, each with its line number."""
    line, rest = n_above + 1, ""
    with open(path, "rb") as file:
        head = file.read(2)
    wide = head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        with open(path, encoding="utf-16" if wide else "utf-8-sig") as lines:
            for _ in range(n_above):
                lines.readline()
            while piece := lines.read(_PIECE):
                end = piece.rfind("\n") + 1
                if not end and len(rest) + len(piece) > _PIECE:
                    raise ValueError(
                        f"{what} is no text table: line {line + rest.count(chr(10))} is "
                        f"longer than {_PIECE} characters."
                    )
                text, cut = rest + piece[:end], piece[end:]
                if not end or _ends_in_quotes(text):
                    rest = text + cut
                    continue
                yield line, text
                line, rest = line + text.count("\n"), cut
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{what} is no text table: {error}") from error
    if rest:
        yield line, rest


def _ends_in_quotes(text: str) -> bool:
    r"""Returns whether text ends within a cell in quotes that goes on in the next line."""
    if text.count('"') % 2 == 0:
        return False
    last: list[str] = []
    for row in csv.reader(io.StringIO(text)):
        last = row or last
    return last[-1:] != [] and last[-1].endswith("\n")


def _reader(lines: Iterable[str], mark: str) -> Any:
    trimmed = (line.strip(" \n") + "\n" for line in lines)
    return csv.reader(trimmed, delimiter=mark, skipinitialspace=True)


# A number with a comma before its decimals, of which the first is a zero.
_COMMA_DECIMAL = re.compile(r"[+-]?\d+,0\d+")
_HALF_COMMA = re.compile(r"[+-]?\d+,\d+")


def _has_comma_decimals(lines: Sequence[str]) -> bool:
    rows = list(islice(filter(None, map(str.strip, lines)), _N_TOP))
    numbers = [row.strip('"') for row in rows]
    if numbers and not any(map(str.isdigit, numbers[0])):  # the name of the column
        del numbers[0]
    return (
        bool(numbers)
        and all(map(_HALF_COMMA.fullmatch, numbers))
        and any(map(_COMMA_DECIMAL.fullmatch, numbers))
    )


def _find_mark(lines: Sequence[str], first: str, marks: str) -> str:
    for mark in marks:
        lengths = {len(row) for row in islice(filter(any, _reader(lines, mark)), 2)}
        if len(lengths) == 1 and min(lengths) > 1:
            return mark
    for mark in ",;\t":
        if mark in marks and mark in first:
            return mark
    # A single column may hold dates, each with a blank before its time.
    rows = list(islice(filter(None, map(str.strip, lines)), 2))
    dates = [fits("date", row) for row in rows]
    one = all(date or len(row.split()) == 1 for date, row in zip(dates, rows))
    return "," if one and any(dates) else " "


def _plain(text: str, mark: str) -> str:
    r"""Returns the same lines with one mark between cells, and blank rows empty."""
    if mark == " ":
        text = re.sub(r"[ \t]+", " ", text)
        text = re.sub(r" ?\n ?", "\n", text).strip(" ")
    elif f'{mark} "' in text:
        text = re.sub(rf'{mark} +"', f'{mark}"', text)
    return re.sub(rf'\n[{mark}\t "]+(?=\n|$)', "\n", f"\n{text}")


def _split(
    text: str, mark: str, width: int, columns: Sequence[int], ragged: bool
) -> list[Any]:
    r"""Returns columns of text as pyarrow arrays of strings."""
    import pyarrow as pa
    import pyarrow.csv as pc

    others: list[Any] = []

    def note(row: Any) -> str:
        others.append(row)
        return "skip"

    names = [str(number) for number in range(width)]
    data = text.encode()
    table = pc.read_csv(
        io.BytesIO(data),
        pc.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
        pc.ParseOptions(delimiter=mark, newlines_in_values=True, invalid_row_handler=note),
        pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[names[number] for number in columns],
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    if not others:
        return [column.combine_chunks() for column in table.columns]
    if not ragged:
        raise ValueError(
            f"a row has {others[0].actual_columns} cells and not {width}: "
            f"{others[0].text[:60]!r}"
        )
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, lineterminator="\n")
    for row in filter(None, _reader(io.StringIO(text), mark)):
        writer.writerow((row + [""] * width)[:width])
    return _split(out.getvalue(), mark, width, columns, ragged=False)


def _lines_above(text: str, mark: str, position: int) -> int:
    r"""Returns how many lines of plain text, which begins with an empty one, lie above."""
    reader = _reader(io.StringIO(text), mark)
    next(islice(filter(None, reader), position, None))
    return int(reader.line_num) - 2
