r"""Copies of remote folders: whole or absent, of one version, and bounded in total."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes import copies
from temporaldata_video._bytes.remote import FsspecStore

FOLDER = "memory://copied/cam.mp4.lance"
NAMES = ["_versions/1.manifest", "data/a.lance", "data/b.lance"]


@pytest.fixture
def store(monkeypatch, tmp_path):
    r"""A store with a folder, and a cache of its own."""
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    store = FsspecStore("memory")
    for name in NAMES:
        store.write_object(f"{FOLDER}/{name}", name.encode() * 1000)
    yield store
    fsspec.filesystem("memory").rm("/copied", recursive=True)


def listed(store, *names):
    found = store.list_objects(FOLDER)
    return [(name, found[name]) for name in names or NAMES]


def test_a_copy_holds_what_is_asked_for(store):
    path = Path(store.local_folder(FOLDER, listed(store, NAMES[0])))
    assert [p.name for p in path.rglob("*") if p.is_file()] == ["1.manifest"]
    assert store.local_folder(FOLDER, listed(store)) == str(path)
    for name in NAMES:
        assert (path / name).read_bytes() == name.encode() * 1000
    assert os.stat(path.parent).st_mode & 0o077 == 0


def test_another_version_is_another_copy(store):
    old = listed(store)
    first = store.local_folder(FOLDER, old[:1])
    for name in NAMES:
        store.write_object(f"{FOLDER}/{name}", b"new")
    assert store.local_folder(FOLDER, listed(store)) != first
    with pytest.raises(tv.SourceChangedError):
        store.local_folder(FOLDER, old)


def test_a_file_that_someone_deleted_or_cut_is_fetched_again(store):
    path = Path(store.local_folder(FOLDER, listed(store)))
    (path / NAMES[1]).unlink()
    (path / NAMES[2]).write_bytes(b"cut")
    store.local_folder(FOLDER, listed(store))
    assert all((path / name).read_bytes() == name.encode() * 1000 for name in NAMES)


def test_many_at_once_get_the_same_copy(store):
    files = listed(store)
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: store.local_folder(FOLDER, files), range(16)))
    assert len(paths) == 1
    path = Path(paths.pop())
    assert all((path / name).read_bytes() == name.encode() * 1000 for name in NAMES)
    assert not list(path.parent.glob("*.part"))


def test_what_was_not_used_for_longest_makes_room(store, monkeypatch):
    monkeypatch.setattr(copies, "_MOST_BYTES", 30_000)
    files = listed(store, NAMES[1])
    paths = [store.local_folder(FOLDER, files)]
    for number in range(1, 4):
        folder = f"memory://copied/{number}.lance"
        store.write_object(f"{folder}/{NAMES[1]}", b"x" * 12_000)
        meta = store.list_objects(folder)[NAMES[1]]
        os.utime(paths[0])  # the first stays in use
        time.sleep(0.02)
        paths.append(store.local_folder(folder, [(NAMES[1], meta)]))
    assert [os.path.exists(path) for path in paths] == [True, False, False, True]
    assert [path for path, _ in copies.stored_copies()] == [paths[0], paths[3]]


def test_what_a_killed_process_left_is_removed(store, tmp_path):
    root = Path(store.local_folder(FOLDER, listed(store, NAMES[0]))).parent
    litter = root / "left.part"
    litter.write_bytes(b"half")
    os.utime(litter, (0, 0))
    store.local_folder(FOLDER, listed(store))
    assert not litter.exists()


def test_copies_of_one_folder_can_be_deleted(store):
    path = store.local_folder(FOLDER, listed(store))
    assert copies.delete_copies("memory://copied/other.lance") == 0
    assert copies.delete_copies(FOLDER) == 1000 * sum(map(len, NAMES))
    assert not os.path.exists(path)


def test_without_a_cache_there_are_no_copies(store, monkeypatch):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", "none")
    with pytest.raises(tv.CacheError, match="off"):
        store.local_folder(FOLDER, listed(store))
