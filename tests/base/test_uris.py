r"""Uris: what is local, what is relative, and where sidecars and segments lie."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._base import uris
from temporaldata_video._base.uris import (
    file_name,
    followed,
    normalize_uri,
    protocol_of,
    relative_uri,
    resolve_uri,
    segment_uris,
)


@pytest.mark.parametrize(
    "uri", ["s3://lab/cam.mp4", "https://a.b/c.mp4?x=1", "memory://c.mp4"]
)
def test_remote_uris_stay_as_they_are(uri):
    assert normalize_uri(uri) == uri and protocol_of(uri)


def test_local_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = str(tmp_path / "cam.mp4")
    for uri in ("cam.mp4", Path("cam.mp4"), "./a/../cam.mp4", "~/cam.mp4"):
        assert normalize_uri(uri) == expected
    assert normalize_uri(f"file://{tmp_path}/cam.mp4") == expected
    assert normalize_uri("file:///data/my%20cam%231.mp4") == "/data/my cam#1.mp4"
    assert normalize_uri("file://localhost/data/cam.mp4") == "/data/cam.mp4"


def test_a_uri_of_another_machine_is_no_path_of_this_one():
    with pytest.raises(ValueError, match=r"of the machine 'data'.*file:///data/cam\.mp4"):
        normalize_uri("file://data/cam.mp4")


@pytest.fixture
def windows(monkeypatch):
    r"""The functions of paths that Windows has."""
    monkeypatch.setattr(uris, "os", WindowsOs)


class WindowsOs:
    sep, path, PathLike, fspath = "\\", ntpath, os.PathLike, staticmethod(os.fspath)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///C:/data/my%20cam.mp4", r"C:\data\my cam.mp4"),
        ("file://server/share/cam.mp4", r"\\server\share\cam.mp4"),
        (r"C:\data\..\cam.mp4", r"C:\cam.mp4"),
        ("C://data/cam.mp4", r"C:\data\cam.mp4"),
        ("s3://lab/cam.mp4", "s3://lab/cam.mp4"),
    ],
)
def test_uris_of_windows(windows, uri, path):
    assert normalize_uri(uri) == path


def test_relative_paths_of_windows(windows):
    reference = relative_uri(r"C:\data\day1\cam.mp4", r"C:\data\rec.h5")
    assert reference == "day1/cam.mp4"
    assert resolve_uri(reference, r"C:\data\rec.h5") == r"C:\data\day1\cam.mp4"
    assert relative_uri(r"D:\cam.mp4", r"C:\data\rec.h5") == r"D:\cam.mp4"
    assert file_name(r"C:\data\cam.mp4") == "cam.mp4"
    assert segment_uris(r"C:\day.1\cam", 2)[1] == r"C:\day.1\cam_001"
    beside = r"C:\data\cam_001.mp4"
    assert followed([beside], r"C:\data\cam.mp4") == [beside]


def test_a_path_with_signs_of_a_uri_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert normalize_uri("50%25 #1?.mp4") == str(tmp_path / "50%25 #1?.mp4")


def test_sidecars_and_segments():
    assert tv.frame_index_uri("s3://lab/cam.mp4") == "s3://lab/cam.mp4.lance"
    assert tv.segment_uris("lab/cam.mp4", 1) == ["lab/cam.mp4"]
    assert tv.segment_uris("s3://lab/cam.mp4", 2)[1] == "s3://lab/cam_001.mp4"
    assert tv.segment_uris("cam", 2) == ["cam", "cam_001"]
    assert tv.segment_uris("day.1/cam", 2)[1] == "day.1/cam_001"
    with pytest.raises(ValueError, match="n_segments must be at least 1, got 0"):
        tv.segment_uris("cam.mp4", 0)


names = st.text("ab.-_ é", min_size=1, max_size=4).filter(lambda n: n.strip(". "))
folders = st.lists(names, max_size=3)


@given(folders, folders, names, names)
def test_a_relative_path_leads_back(one, other, name, base_name):
    uri = os.path.normpath("/" + "/".join([*one, name]))
    base = os.path.normpath("/" + "/".join([*other, base_name]))
    reference = relative_uri(uri, base)
    assert not os.path.isabs(reference)
    assert resolve_uri(reference, base) == uri


@given(folders, folders, names, names)
def test_a_relative_uri_leads_back(one, other, name, base_name):
    uri = "s3://" + "/".join(["lab", *one, name])
    base = "s3://" + "/".join(["lab", *other, base_name])
    assert resolve_uri(relative_uri(uri, base), base) == uri


def test_across_protocols_nothing_is_relative():
    for uri, base in [
        ("s3://lab/cam.mp4", "/data/rec.h5"),
        ("/data/cam.mp4", "s3://lab/rec.h5"),
        ("gs://lab/cam.mp4", "s3://lab/rec.h5"),
    ]:
        assert relative_uri(uri, base) == uri == resolve_uri(uri, base)
