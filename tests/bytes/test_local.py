r"""Stores give exactly the bytes asked for, of the version asked for, or say why not."""

from __future__ import annotations

import os
import pickle

import fsspec
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._bytes.remote import FsspecStore

CONTENT = bytes(range(256)) * 40


@pytest.fixture(params=["local", "memory", "file system"])
def stored(request, tmp_path):
    r"""A store, the key of an object in it, and a function that replaces the object."""
    if request.param == "memory":
        system = fsspec.filesystem("memory")
        store, key, folder = FsspecStore("memory"), "memory://day/cam.mp4", "memory://day"

        def write(data):
            system.pipe("/day/cam.mp4", data)
    else:
        store = LocalStore() if request.param == "local" else FsspecStore("file")
        key, folder = str(tmp_path / "cam.mp4"), str(tmp_path)

        def write(data):
            (tmp_path / "new").write_bytes(data)
            os.replace(tmp_path / "new", key)

    write(CONTENT)
    yield store, key, folder, write
    if request.param == "memory":
        system.rm("/day", recursive=True)


def test_it_is_a_store_that_can_be_pickled(stored):
    store, key, *_ = stored
    assert isinstance(store, tv.ObjectStore)
    again = pickle.loads(pickle.dumps(store))
    assert again == store and again.read_range(key, 0, 4) == CONTENT[:4]


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (0, 10240), (5000, 300), (10239, 1), (7, 0)]
)
def test_exactly_the_bytes_asked_for(stored, start, length):
    store, key, *_ = stored
    data = store.read_range(key, start, length)
    assert bytes(data) == CONTENT[start : start + length]
    etag = store.head(key).etag or None
    assert bytes(store.read_range(key, start, length, etag)) == bytes(data)


@pytest.mark.parametrize(("start", "length"), [(10239, 2), (10240, 1), (50000, 10)])
def test_bytes_behind_the_end(stored, start, length):
    store, key, *_ = stored
    with pytest.raises(tv.SourceChangedError, match="cut off"):
        store.read_range(key, start, length)


def test_the_head_knows_size_and_version(stored):
    store, key, _, write = stored
    before = store.head(key)
    assert before.size == len(CONTENT) and store.head(key) == before
    write(CONTENT + b"more")
    assert store.head(key).size == len(CONTENT) + 4


def test_another_version_is_refused(stored):
    store, key, _, write = stored
    before = store.head(key)
    if not before.etag:
        pytest.skip("this store has no versions")
    write(CONTENT[::-1])
    assert store.head(key).etag != before.etag
    with pytest.raises(tv.SourceChangedError, match="changed"):
        store.read_range(key, 0, 10, before.etag)


def test_an_open_object_is_a_seekable_file(stored):
    store, key, *_ = stored
    with store.open(key) as file:
        file.seek(5000)
        assert file.read(300) == CONTENT[5000:5300]
        file.seek(-4, os.SEEK_END)
        assert file.read() == CONTENT[-4:]


def test_nothing_there(stored):
    store, key, *_ = stored
    for ask in (store.head, store.open, lambda k: store.read_range(k, 0, 1)):
        with pytest.raises(tv.SourceNotFoundError, match=r"none.mp4"):
            ask(key.replace("cam", "none"))


def test_a_directory_is_no_video(stored):
    store, _, folder, _ = stored
    # A file system may know the size of a directory; nobody reads its bytes.
    for ask in (store.open, lambda folder: store.read_range(folder, 0, 1)):
        with pytest.raises(tv.SourceError, match=r"is a directory|there is no object"):
            ask(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices of POSIX")
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_only_regular_files_are_read(tmp_path, kind):
    key = str(tmp_path / "cam.mp4")
    if kind == "pipe":
        os.mkfifo(key)
    else:
        os.symlink("/dev/zero", key)
    store = LocalStore()
    for ask in (store.head, store.open, lambda key: store.read_range(key, 0, 1)):
        with pytest.raises(tv.SourceError, match="no regular file"):
            ask(key)
    with pytest.raises(tv.SourceError, match="no regular file"):
        tv.write_index(key, progress=False)


def test_a_path_through_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "cam.mp4").write_bytes(CONTENT)
    with pytest.raises(tv.SourceError, match=r"cam.mp4"):
        LocalStore().head(str(tmp_path / "cam.mp4" / "deeper"))


def test_a_protocol_that_nobody_knows():
    with pytest.raises(tv.BackendError, match="nowhere://"):
        FsspecStore("nowhere").head("nowhere://cam.mp4")


def test_options_are_not_shown():
    store = FsspecStore("s3", {"secret": "hunter2"})
    assert "hunter2" not in repr(store) + str(store)
    assert pickle.loads(pickle.dumps(store)).storage_options == {"secret": "hunter2"}
