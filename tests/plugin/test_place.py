r"""Where a video is, as users say it: files, store and index as one value."""

from __future__ import annotations

import os

import pytest

from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._bytes.remote import FsspecStore
from temporaldata_video._plugin.place import locate
from temporaldata_video._sidecar.sidecar import LanceFrameIndex
from temporaldata_video.errors import IndexNotFoundError


def test_files_are_named_as_everywhere_else():
    place = locate("cam.mp4", ["file:///data/b.mp4", "~/c.mp4"])
    home = os.path.expanduser("~")
    assert place.uris == (os.path.abspath("cam.mp4"), "/data/b.mp4", f"{home}/c.mp4")
    assert place.uri == place.uris[0] and isinstance(place.reader, LocalStore)
    assert place.index_uri is None and place.sidecar_uri == f"{place.uri}.lance"


def test_the_store_is_the_one_given_or_one_for_the_first_file():
    options = {"key": "secret"}
    found = locate("s3://lab/cam.mp4", storage_options=options)
    assert found.store == FsspecStore("s3", options)
    assert "secret" not in repr(found)
    given = FsspecStore("memory")
    assert locate("s3://lab/cam.mp4", store=given).reader is given


def test_an_index_elsewhere_has_a_store_of_its_own():
    place = locate("s3://lab/cam.mp4", index_uri="cam.lance")
    assert place.sidecar_uri == os.path.abspath("cam.lance")
    assert isinstance(place.store_of(place.sidecar_uri), LocalStore)
    assert place.store_of("s3://other/cam.lance") is place.store


class Keyed(LocalStore):
    r"""A store that tells Lance how to reach it."""

    def lance_connection(self):
        return "s3://lab", {}


def test_a_relative_path_is_a_key_to_a_store_with_keys():
    place = locate("day1/cam.mp4", store=Keyed())
    assert place.uri == "day1/cam.mp4" and place.sidecar_uri == "day1/cam.mp4.lance"
    assert place.store_of(place.sidecar_uri) is place.store
    beside = locate("day1/cam.mp4", store=Keyed(), index_uri="other/cam.lance")
    assert beside.sidecar_uri == "other/cam.lance"
    here = os.path.abspath("cam.lance")
    own = locate("lab://cam.mp4", store=Keyed(), index_uri="cam.lance")
    assert own.sidecar_uri == here
    assert type(own.store_of(here)) is LocalStore
    assert locate("cam.mp4", store=LocalStore()).uri == os.path.abspath("cam.mp4")


def test_the_index_is_the_one_that_was_named(clip, tmp_path):
    found = locate(clip).find_index()
    assert isinstance(found, LanceFrameIndex) and found.uri == f"{clip}.lance"
    named = locate(tmp_path / "none.mp4", index_uri=f"{clip}.lance")
    assert named.find_index().uri == f"{clip}.lance"
    assert locate(tmp_path / "none.mp4").find_index() is None
    with pytest.raises(IndexNotFoundError):
        locate(clip, index_uri=tmp_path / "none.lance").find_index()
