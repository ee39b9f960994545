r"""Clock files of every kind, and what only looks like one."""

from __future__ import annotations

import contextlib
import os
import tracemalloc

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import temporaldata_video as tv

TIMES = np.array([0.5, 0.75, 1.0, 1.5])
SUFFIXES = [".csv", ".tsv", ".ssv", ".txt", ".dat", ".npy", ".parquet", ".h5"]

TEXTS = {
    "commas.csv": ("k,t\n0,0.5\n1,0.75\n2,1.0\n3,1.5\n", "t"),
    "spaced_commas.dat": ("0, 0.5\n1, 0.75\n2, 1.0\n3, 1.5\n", 1),
    "semicolons.csv": ("k;t\n0;0.5\n1;0.75\n2;1.0\n3;1.5\n", "t"),
    "quoted.csv": ('"the k","the t"\n0,"0.5"\n1,"0.75"\n2,"1.0"\n3,"1.5"\n', "the t"),
    "tabs.tsv": ("k\tt\n0\t0.5\n1\t0.75\n2\t1.0\n3\t1.5\n", "t"),
    "names with commas.tsv": ("k, n\tt\n0\t0.5\n1\t0.75\n2\t1.0\n3\t1.5\n", "t"),
    "blanks.ssv": ("0 0.5 \n1 0.75 \n2 1.0 \n3 1.5 \n", 1),
    "numpy.txt": ("# k t\n0 0.5\n1 0.75\n2 1.0\n3 1.5\n", "t"),
    "windows.csv": ("k,t\r\n0,0.5\r\n1,0.75\r\n2,1.0\r\n3,1.5\r\n", "t"),
    "holes.csv": ("t\n\n0.5\n0.75\n\n1.0\n1.5", None),
    "pandas.csv": (",t\n0,0.5\n1,0.75\n2,1.0\n3,1.5\n", "t"),
    "UPPER.CSV": ("0.5\n0.75\n1e0\n+1.5\n", None),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_tables(tmp_path, name, encoding):
    content, column = TEXTS[name]
    (tmp_path / name).write_bytes(content.encode(encoding))
    np.testing.assert_array_equal(tv.read_timestamps(tmp_path / name, column), TIMES)


@pytest.mark.parametrize("blank", ["", "nan", "NaN", "NA", "null"])
def test_blank_cells_are_nan(tmp_path, blank):
    (tmp_path / "t.csv").write_text(f"k,t\n0,0.5\n1,{blank}\n2,1.5\n")
    found = tv.read_timestamps(tmp_path / "t.csv", "t")
    np.testing.assert_array_equal(found, [0.5, np.nan, 1.5])


def test_a_last_row_that_was_cut_off(tmp_path):
    (tmp_path / "t.csv").write_text("k,t\n0,0.5\n1,0.75\n2")
    assert np.isnan(tv.read_timestamps(tmp_path / "t.csv", "t")[2])


def test_many_rows_are_read_in_pieces(tmp_path):
    times = np.arange(150_000) / 64
    np.savetxt(tmp_path / "t.csv", times, fmt="%.6f", header="t", comments="")
    np.testing.assert_array_equal(tv.read_timestamps(tmp_path / "t.csv"), times)
    with open(tmp_path / "t.csv", "a") as file:
        file.write("soon\n")
    with pytest.raises(ValueError, match=r"line 150002: 'soon' is no number"):
        tv.read_timestamps(tmp_path / "t.csv")


@pytest.mark.parametrize("column", ["t", 1, "1"])
def test_parquet(tmp_path, column):
    table = pa.table({"k": pa.array(range(4)), "t": pa.array(TIMES)})
    pq.write_table(table, tmp_path / "t.parquet")
    found = tv.read_timestamps(tmp_path / "t.parquet", column)
    np.testing.assert_array_equal(found, TIMES)


def test_parquet_with_dates_and_holes(tmp_path):
    times = pa.array([10**9, None, 3 * 10**9], pa.timestamp("ns", "UTC"))
    pq.write_table(pa.table({"t": times, "list": [[1], [2], [3]]}), tmp_path / "t.parquet")
    clock = tv.Clock(tmp_path / "t.parquet", column="t", origin="first")
    np.testing.assert_array_equal(tv.read_timestamps(clock), [0.0, np.nan, 2.0])
    with pytest.raises(ValueError, match=r"dates.*origin='first'"):
        tv.read_timestamps(tmp_path / "t.parquet", "t")
    with pytest.raises(ValueError, match="'list' is of list"):
        tv.read_timestamps(tmp_path / "t.parquet", "list")


@pytest.fixture
def hdf5(tmp_path):
    with h5py.File(tmp_path / "rec.h5", "w") as file:
        file["cam/times"] = TIMES
        file["matlab"] = TIMES[None]
        file["table"] = np.column_stack([np.arange(4.0), TIMES])
        fields = np.zeros(4, [("k", int), ("t", float)])
        fields["t"] = TIMES
        file["records"] = fields
        file["words"] = np.array([b"a", b"b"])
    return tmp_path / "rec.h5"


@pytest.mark.parametrize(
    ("path", "column"),
    [
        (":/cam/times", None),
        ("", "/cam/times"),
        ("", "cam/times"),
        (":/matlab", None),
        (":/table", 1),
        (":/table", "1"),
        (":/records", "t"),
    ],
)
def test_hdf5(hdf5, path, column):
    np.testing.assert_array_equal(tv.read_timestamps(f"{hdf5}{path}", column), TIMES)


@pytest.mark.parametrize(
    ("path", "column", "says"),
    [
        ("", None, "name one.*/cam/times"),
        (":/none", None, "no dataset '/none'"),
        (":/cam", None, "no dataset '/cam'"),
        (":/words", None, "one-dimensional array of numbers"),
        (":/table", 7, "no column 7"),
        (":/records", None, "2 columns"),
    ],
)
def test_hdf5_that_makes_no_sense(hdf5, path, column, says):
    with pytest.raises(ValueError, match=says):
        tv.read_timestamps(f"{hdf5}{path}", column)


def test_hdf5_with_one_dataset_needs_no_name(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["times"] = TIMES
    np.testing.assert_array_equal(tv.read_timestamps(tmp_path / "t.h5"), TIMES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file_is_an_oserror(tmp_path, suffix):
    with pytest.raises(FileNotFoundError, match="none"):
        tv.read_timestamps(tmp_path / f"none{suffix}")


def test_a_remote_file_is_said_to_be_so():
    with pytest.raises(ValueError, match="not on this machine"):
        tv.read_timestamps("s3://lab/times.npy")


# What only looks like a clock -----------------------------------------------------------


@settings(max_examples=150)
@given(
    suffix=st.sampled_from(SUFFIXES),
    head=st.sampled_from(
        [b"", b"\x93NUMPY\x01\x00", b"\x89HDF\r\n\x1a\n", b"PAR1", b"t\n"]
    ),
    content=st.binary(max_size=400),
    unit=st.sampled_from(["s", "ns", "iso8601", "pointgrey"]),
)
def test_any_bytes_are_a_clock_or_a_value_error(
    tmp_path_factory, suffix, head, content, unit
):
    path = tmp_path_factory.getbasetemp() / f"bytes{suffix}"
    path.write_bytes(head + content)
    try:
        times = tv.read_timestamps(tv.Clock(path, unit=unit, origin="first"))
    except ValueError:
        return
    assert times.dtype == np.float64 and times.ndim == 1
    assert not np.isinf(times).any()


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
@pytest.mark.parametrize("suffix", [".npy", ".parquet", ".h5"])
def test_one_wrong_byte_is_no_crash(tmp_path_factory, suffix, place, byte):
    whole = tmp_path_factory.getbasetemp() / f"whole{suffix}"
    if not whole.exists():
        write_binary(whole)
    content = bytearray(whole.read_bytes())
    content[int(place * len(content))] = byte
    path = tmp_path_factory.getbasetemp() / f"broken{suffix}"
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        assert tv.read_timestamps(path).ndim == 1


def write_binary(path):
    if path.suffix == ".npy":
        np.save(path, TIMES)
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"t": TIMES}), path)
    else:
        with h5py.File(path, "w") as file:
            file["t"] = TIMES


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("line.csv", b"t\n" + b"1" * 50_000_000),
        ("zeros.txt", b"\0" * 50_000_000),
        ("cell.csv", b"t\n" + b"1" * 60_000 + b"\n"),
        ("quote.csv", b't\n"' + b"1\n" * 200_000),
        ("huge.npy", b"\x93NUMPY\x01\x00v\x00" + b" " * 117 + b"\n"),
    ],
)
def test_memory_is_bounded(tmp_path, name, content):
    if name == "huge.npy":
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000,), }"
        content = content[:10] + header.encode().ljust(117) + b"\n"
    (tmp_path / name).write_bytes(content)
    del content
    tracemalloc.start()
    with pytest.raises(ValueError, match=name):
        tv.read_timestamps(tmp_path / name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16e6


def test_more_stamps_than_any_video_has_frames(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("t", (1 << 40,), "f8", chunks=(1024,))  # takes no space
    assert os.path.getsize(tmp_path / "t.h5") < 10_000
    with pytest.raises(ValueError, match="shape"):
        tv.read_timestamps(tmp_path / "t.h5")


def test_rows_may_have_fewer_cells_than_names_and_not_more(tmp_path):
    (tmp_path / "fewer.csv").write_text("time,frame,note\n1.5,0,\n2.5,1,\n")
    assert tv.read_timestamps(tmp_path / "fewer.csv", column="time").tolist() == [1.5, 2.5]
    (tmp_path / "more.csv").write_text("time,frame\n1.5,0,7\n2.5,1,8\n")
    with pytest.raises(ValueError, match="3 cells under 2 names"):
        tv.read_timestamps(tmp_path / "more.csv", column="time")


def test_fictrac_has_its_stamps_in_the_22nd_column(tmp_path):
    rows = [", ".join(str(100 * column + row) for column in range(25)) for row in range(4)]
    (tmp_path / "fly.dat").write_text("\n".join(rows))
    times = tv.read_timestamps(tv.lab_clock("fictrac", tmp_path / "fly.dat"))
    assert times.tolist() == [2.1, 2.101, 2.102, 2.103]


def test_dates_without_their_unit_name_it(tmp_path):
    path = tmp_path / "times.csv"
    path.write_text("time\n2023-03-26T01:59:58.25\n2023-03-26T01:59:58.28\n")
    with pytest.raises(
        ValueError, match=r"line 2: '2023-.*' is a date; pass unit='iso8601'"
    ):
        tv.read_timestamps(path)
