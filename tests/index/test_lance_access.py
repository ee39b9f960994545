r"""Datasets of Lance: rows are those that were written, and files that lie are refused."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from temporaldata_video._sidecar import lance_access
from temporaldata_video._sidecar.lance_access import (
    LanceError,
    describe,
    read_columns,
    write_columns,
)

N = 10_000
COLUMNS = {
    "number": np.arange(N),
    "time": np.arange(N) / 7,
    "is_even": np.arange(N) % 2 == 0,
}
NAMES = tuple(COLUMNS)


def write(uri: Path, tag: str = "one", overwrite: bool = False) -> None:
    write_columns(str(uri), COLUMNS, {b"name": tag.encode()}, overwrite, None)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> str:
    uri = tmp_path_factory.mktemp("lance") / "table.lance"
    write(uri)
    return str(uri)


@pytest.fixture
def own_dataset(tmp_path) -> str:
    write(tmp_path / "own.lance")
    return str(tmp_path / "own.lance")


def data_file(uri: str) -> Path:
    (path,) = Path(uri, "data").glob("*.lance")
    return path


def test_a_dataset_says_what_it_holds(dataset):
    found = describe(dataset, ())
    assert (found.version, found.rows, found.columns) == (1, N, NAMES)
    assert found.metadata == {b"name": b"one"}
    assert found.files == (f"data/{data_file(dataset).name}",)


@pytest.mark.parametrize("names", [NAMES, ("time",), ("is_even", "number")])
@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, 1), (N - 1, 1), (17, 4096), (17, 4097), (4095, 4098), (0, N), (1, N - 1)],
)
def test_rows_are_those_that_were_written(dataset, names, offset, count):
    found = read_columns(dataset, (), 1, "one", names, offset, count)
    assert tuple(found) == names
    for name in names:
        assert found[name].dtype == COLUMNS[name].dtype
        assert np.array_equal(found[name], COLUMNS[name][offset : offset + count])


def test_many_rows_are_tried_before_they_are_read(own_dataset):
    read_columns(own_dataset, (), 1, "one", ("time",), 0, 10)
    opened = lance_access._find(own_dataset, (), 1, "one")
    assert opened.tried == {()}
    read_columns(own_dataset, (), 1, "one", ("time",), 0, N)
    assert opened.tried == {(), ("time",)}


def test_a_version_is_read_as_long_as_it_is_there(own_dataset):
    write(Path(own_dataset), "two", overwrite=True)
    assert describe(own_dataset, ()).metadata == {b"name": b"two"}
    assert describe(own_dataset, (), 1).metadata == {b"name": b"one"}
    for version, tag in ((1, "one"), (2, "two")):
        found = read_columns(own_dataset, (), version, tag, ("number",), 5, 2)
        assert found["number"].tolist() == [5, 6]
    with pytest.raises(LanceError, match="written anew"):
        read_columns(own_dataset, (), 1, "two", ("number",), 5, 2)


def test_those_used_last_stay_open(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(lance_access, "_OPENED", type(lance_access._OPENED)())
    monkeypatch.setattr(lance_access, "_MOST_OPENED", 2)
    uris = [str(tmp_path / name) for name in ("a", "b", "c")]
    for uri in uris:
        write(Path(uri))
    describe(uris[0], ())
    describe(uris[1], ())
    read_columns(uris[0], (), 1, "one", ("number",), 0, 1)
    describe(uris[2], ())
    assert [uri for uri, _, _ in lance_access._OPENED] == [uris[0], uris[2]]


@pytest.mark.parametrize("mark", [b"LANB", b"LAND", b"\0\0\0\0", b"\xff\xff\xff\xff"])
def test_a_data_file_with_another_mark_is_refused(own_dataset, mark):
    with open(data_file(own_dataset), "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(mark)
    with pytest.raises(LanceError, match="does not end as a data file of Lance does"):
        describe(own_dataset, ())


@pytest.mark.parametrize("place", [8, 16])
def test_a_table_that_ends_behind_its_file_is_refused(own_dataset, place):
    path = data_file(own_dataset)
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(place - 40, os.SEEK_END)
        file.write(struct.pack("<Q", size - 15))
    with pytest.raises(LanceError, match="does not end as a data file of Lance does"):
        describe(own_dataset, ())


@pytest.mark.parametrize("length", [0, 10, 39])
def test_a_data_file_that_is_cut_off_is_refused(own_dataset, length):
    os.truncate(data_file(own_dataset), length)
    with pytest.raises(LanceError, match="does not end as a data file of Lance does"):
        describe(own_dataset, ())


def test_what_is_not_there_is_an_error(tmp_path, dataset):
    with pytest.raises(LanceError):
        describe(str(tmp_path / "nothing.lance"), ())
    with pytest.raises(LanceError):
        read_columns(dataset, (), 1, "one", ("colour",), 0, 1)
    with pytest.raises(LanceError):
        write(Path(dataset))


# The helper of a forked child ------------------------------------------------------------


@pytest.fixture
def forked(monkeypatch):
    r"""As in a child that was forked after Lance had been imported."""
    monkeypatch.setattr(lance_access, "_forked_with_lance", True)
    monkeypatch.setattr(lance_access, "_helper", None)
    yield
    if lance_access._helper is not None:
        lance_access._helper.close()


def test_a_helper_says_what_lance_says(forked, dataset, tmp_path):
    here = lance_access._describe(dataset, (), None)
    assert describe(dataset, ()) == here
    helper = lance_access._helper
    found = read_columns(dataset, (), 1, "one", NAMES, 3, N - 3)
    for name in NAMES:
        assert np.array_equal(found[name], COLUMNS[name][3:])
    with pytest.raises(LanceError, match="written anew"):
        read_columns(dataset, (), 1, "two", NAMES, 0, 1)
    write(tmp_path / "new.lance", "new")
    assert describe(str(tmp_path / "new.lance"), ()).metadata == {b"name": b"new"}
    assert lance_access._helper is helper


def test_a_helper_that_has_ended_is_replaced(forked, dataset):
    describe(dataset, ())
    ended = lance_access._helper
    ended.process.kill()
    ended.process.wait()
    assert describe(dataset, ()).rows == N
    assert lance_access._helper is not ended


class Noise:
    r"""Writes a byte to the standard output of who unpickles it, and becomes 1."""

    def __reduce__(self):
        return os.write, (1, b"x")


def test_output_of_libraries_does_not_get_between_the_replies(forked, dataset):
    for _ in range(2):
        assert describe(dataset, (), Noise()).version == 1
