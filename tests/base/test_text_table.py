r"""Columns of text tables are what was written, however it was."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporaldata_video._base.text_table import open_table, read_columns

INT64 = st.integers(-(2**63), 2**63 - 1)


def read(
    path, content, kind="number", *, n_header=0, column=0, encoding="utf-8", **options
):
    path.write_bytes(content.encode(encoding))
    table = open_table(path, "the table")
    return read_columns(table, n_header, [column], kind, **options)[0]


@given(
    wholes=st.lists(INT64, min_size=2, max_size=30),
    data=st.data(),
    mark=st.sampled_from(",;\t "),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_numbers_are_exact(tmp_path_factory, wholes, data, mark, end, quoting, encoding):
    finite = st.floats(allow_nan=False, allow_infinity=False)
    floats = [data.draw(finite) for _ in wholes]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, lineterminator=end, quoting=quoting)
    writer.writerow(["a name", "seconds"])
    writer.writerows(zip(wholes, map(repr, floats)))
    path = tmp_path_factory.getbasetemp() / "exact.txt"
    path.write_bytes(out.getvalue().encode(encoding))
    table = open_table(path, "the table")
    assert table.top[0] == ["a name", "seconds"]
    first, second = read_columns(table, 1, [0, 1], "number")
    assert first.dtype == np.int64 and first.tolist() == wholes
    assert second.astype(np.float64).tolist() == floats


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("0;0,5\n1;0,75\n", [0.5, 0.75]),
        ("0;1\n1;-0,75\n", [1.0, -0.75]),
        ("k;t\n0;1e-3\n1;,5\n", [0.001, 0.5]),
        ("0\t0.5\n1\t0.75\n", [0.5, 0.75]),
        ("0,+.5\n1,7.\n", [0.5, 7.0]),
        ('0, "0.5"\n1, "0.75"\n', [0.5, 0.75]),
        ('0,"a, b"\n1, "0.75"\n', None),
        ("0,0.5,,\n1,0.75,,\n", [0.5, 0.75]),
        ("0,0.5\n1\n2,0.75,6\n", [0.5, np.nan, 0.75]),
        ("0,0.5\n,\n  , \n\n1,0.75\n,,,\n", [0.5, 0.75]),
        ("0,0.5\r1,0.75\r", [0.5, 0.75]),
        ("# made by, hand\n#k t\n0 0.5\n1 0.75", [0.5, 0.75]),
        ("0,None\n1,N/A\n2, \n3,1", [np.nan, np.nan, np.nan, 1.0]),
    ],
)
def test_ways_to_write_numbers(tmp_path, content, found):
    n_header = int(content.startswith("k"))
    if found is None:
        with pytest.raises(ValueError, match="line 1: 'a, b' is no number"):
            read(tmp_path / "t.csv", content, column=1)
        return
    values = read(tmp_path / "t.csv", content, n_header=n_header, column=1)
    np.testing.assert_array_equal(values, found)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("0x1F", "number"),
        ("0xFFFFFFFFFFFFFFFF", "integer"),
        ("5.0", "integer"),
        (str(2**63), "integer"),
        ("1_000", "number"),
        ("0,5", "number"),
        ("1.5,5", "number"),
        ("true", "number"),
        ("1" * 65, "number"),
        ("2020-01-01", "number"),
        ("20200101", "date"),
        ("1500-01-01", "date"),
        ("2020-01-01T24:00:00", "date"),
        ("2020-01-01T00:00:00", "instant"),
    ],
)
def test_what_is_no_value_is_named(tmp_path, cell, kind):
    good = {"date": "2020-01-01", "instant": "2020-01-01T00:00:00Z"}.get(kind, "7")
    content = f"k\tt\n0\t{good}\n\n1\t{cell}\n2\tsoon\n"
    with pytest.raises(ValueError, match=rf"the table, line 4: '{cell[:40]}"):
        read(tmp_path / "t.csv", content, kind, n_header=1, column=1)


def test_dates_with_seven_digits_and_any_offset(tmp_path):
    cells = [
        "2021-03-01 12:00:00.1234567 +01:00",
        "2021-03-01T11:00:00.1234568z",
        "2021-03-01T05:30:00.1234569-0530",
        "NaT",
    ]
    found = read(tmp_path / "t.csv", "\n".join(cells), "instant")
    start = np.datetime64("2021-03-01T11:00:00.123456700")
    assert (found[:3] - start).astype(int).tolist() == [0, 100, 200]
    assert np.isnat(found[3])


def test_one_column_of_dates_with_blanks_in_them(tmp_path):
    content = "date\n\n2020-01-01 00:00:00.5\n2020-01-01 00:00:01\n"
    found = read(tmp_path / "t.txt", content, "date", n_header=1)
    assert (found[1] - found[0]).astype(int) == 500_000_000


def test_dates_that_say_their_offset_and_dates_that_do_not(tmp_path):
    content = "2020-01-01T00:00:00\n2020-01-01T00:00:01Z\n"
    with pytest.raises(ValueError, match=r"line 2: .* has an offset from UTC and others"):
        read(tmp_path / "t.csv", content, "date")


def test_rows_and_cells_over_the_ends_of_pieces(tmp_path):
    note = 'it said, ""hm""\n\n2 lines later'
    rows = [f'{k},"{note}",{k / 64!r}\n' for k in range(60_000)]
    found = read(tmp_path / "t.csv", "".join(rows), column=2)
    np.testing.assert_array_equal(found, np.arange(60_000) / 64)
    rows[50_000] = '50000,"",soon\n'
    with pytest.raises(ValueError, match="line 150001: 'soon' is no number"):
        read(tmp_path / "t.csv", "".join(rows), column=2)


def test_quotes_that_stand_for_inches(tmp_path):
    content = "".join(f'{k},a 5" disk,{k}\n' for k in range(70_001))
    assert read(tmp_path / "t.csv", content, column=2)[-1] == 70_000


def test_a_line_longer_than_a_piece(tmp_path):
    content = "1\n2\n" + "3," * 700_000
    with pytest.raises(ValueError, match="line 3 is longer than"):
        read(tmp_path / "t.csv", content)


def test_a_cell_longer_than_any(tmp_path):
    content = f'1,"{"x" * 200_000}"\nsoon,2\n'
    with pytest.raises(ValueError, match="the table is no text table: field larger"):
        read(tmp_path / "t.csv", content)


def test_rows_of_other_lengths_where_they_must_not_be(tmp_path):
    with pytest.raises(ValueError, match=r"a row has 1 cells and not 2: '2'"):
        read(tmp_path / "t.csv", "0,1\n2\n", ragged=False)
