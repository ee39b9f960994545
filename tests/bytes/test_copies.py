r"""Copies of remote folders: whole or absent, of one version, under the cache's quota."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.configured_cache import configured_cache
from temporaldata_video._bytes.copies import local_folder
from temporaldata_video._bytes.remote import FsspecStore
from temporaldata_video.testing._contracts import DictStore

from .caching import BLOCK, KEY, read

FOLDER = "memory://copied/cam.mp4.lance"
NAMES = ["_versions/1.manifest", "data/a.lance", "data/b.lance"]


@pytest.fixture
def store(monkeypatch, tmp_path):
    r"""A store with a folder, and a cache of its own."""
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    store = FsspecStore("memory")
    for name in NAMES:
        store.create_object(f"{FOLDER}/{name}", name.encode() * 1000)
    yield store
    fsspec.filesystem("memory").rm("/copied", recursive=True)


def listed(store, *names):
    found = store.list_objects(FOLDER)
    return [(name, found[name]) for name in names or NAMES]


def is_whole(path):
    return all(Path(path, name).read_bytes() == name.encode() * 1000 for name in NAMES)


def entries():
    return configured_cache().files.entries()


def test_a_copy_holds_what_is_asked_for(store):
    path = Path(local_folder(store, FOLDER, listed(store, NAMES[0])))
    assert [p.name for p in path.rglob("*") if p.is_file()] == ["1.manifest"]
    assert local_folder(store, FOLDER, listed(store)) == str(path)
    assert is_whole(path)
    assert os.stat(path.parent).st_mode & 0o077 == 0
    (entry,) = entries()
    assert entry.path == str(path)
    assert entry.bytes == 1000 * sum(map(len, NAMES))


def test_another_version_is_another_copy(store):
    old = listed(store)
    first = local_folder(store, FOLDER, old[:1])
    for name in NAMES:
        fsspec.filesystem("memory").pipe_file(f"{FOLDER}/{name}", b"new")
    assert local_folder(store, FOLDER, listed(store)) != first
    with pytest.raises(tv.SourceChangedError):
        local_folder(store, FOLDER, old)


def test_a_file_that_someone_deleted_or_cut_is_fetched_again(store):
    path = Path(local_folder(store, FOLDER, listed(store)))
    (path / NAMES[1]).unlink()
    (path / NAMES[2]).write_bytes(b"cut")
    assert local_folder(store, FOLDER, listed(store)) == str(path)
    assert is_whole(path)


def test_many_at_once_get_the_same_copy(store):
    files = listed(store)
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: local_folder(store, FOLDER, files), range(16)))
    assert len(paths) == 1
    path = Path(paths.pop())
    assert is_whole(path)
    assert not list((path.parents[2] / "aside").iterdir())


# Room -----------------------------------------------------------------------------------


def copy(store, number, sizes=(2_000, 28_000)):
    r"""Makes the copy of a folder that is only kept in the dict of a store."""
    folder = f"s3://lab/{number}.lance"
    for name, size in zip(NAMES, sizes):
        store.objects[f"{folder}/{name}"] = bytes(size)
    files = [(name, store.head(f"{folder}/{name}")) for name in NAMES[: len(sizes)]]
    local_folder(store, folder, files[:1])
    return local_folder(store, folder, files)


def test_the_quota_holds_with_a_thousand_sidecars(tmp_path, monkeypatch):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_QUOTA_BYTES", "10000000")
    store = DictStore()
    held = []
    for number in range(1000):
        path = copy(store, number)
        assert os.path.getsize(os.path.join(path, NAMES[1])) == 28_000
        if number % 50 == 49:
            files = [*Path(path).parents[2].rglob("*")]
            held.append(sum(file.stat().st_size for file in files if file.is_file()))
    assert 8_000_000 < max(held) <= 10_001_000  # what counts them is a file, too
    assert all(entry.bytes == 30_000 for entry in entries())


def test_blocks_and_copies_make_room_for_each_other(tmp_path, monkeypatch, content):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_QUOTA_BYTES", "100000")
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_BLOCK_BYTES", str(BLOCK))
    cache = configured_cache()
    store = DictStore({KEY: content})
    oldest, used = copy(store, 0), copy(store, 1)
    for number in range(20):
        read(cache, store, (number * BLOCK, number * BLOCK + 1))
        assert copy(store, 1) == used
    assert not os.path.exists(oldest) and os.path.exists(used)
    assert sum(entry.bytes for entry in entries()) <= 100_000
    copy(store, 2), copy(store, 3)
    kinds = [os.path.isdir(entry.path) for entry in entries()]
    assert kinds.count(True) >= 2 and sum(entry.bytes for entry in entries()) <= 100_000


def test_a_copy_goes_as_a_whole(store, monkeypatch):
    path = local_folder(store, FOLDER, listed(store))
    freed = configured_cache().files.prune(keep_bytes=20_000)
    assert freed == 1000 * sum(map(len, NAMES))
    assert not os.path.exists(path) and entries() == []
    assert is_whole(local_folder(store, FOLDER, listed(store)))


def test_a_copy_that_is_larger_than_the_quota_lies_elsewhere(store, monkeypatch, tmp_path):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_QUOTA_BYTES", "30000")
    with pytest.warns(tv.CacheWarning, match="configure.cache_quota_bytes="):
        path = local_folder(store, FOLDER, listed(store))
    assert is_whole(path) and not Path(path).is_relative_to(tmp_path)
    assert local_folder(store, FOLDER, listed(store)) == path


# Where there is no cache ----------------------------------------------------------------

READS = """
import os, signal, sys
import fsspec
from temporaldata_video._bytes.copies import local_folder
from temporaldata_video._bytes.remote import FsspecStore
store, folder = FsspecStore("memory"), "memory://copied/cam.lance"
store.create_object(f"{folder}/data/a.lance", b"rows")
files = [("data/a.lance", store.list_objects(folder)["data/a.lance"])]
path = local_folder(store, folder, files)
if child := os.fork():
    os.waitpid(child, 0)
    assert open(f"{path}/data/a.lance", "rb").read() == b"rows"
    print(path)
    raise KeyboardInterrupt
assert local_folder(store, folder, files) != path
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_without_a_cache_copies_go_with_the_process(tmp_path):
    environment = {
        **os.environ,
        "TEMPORALDATA_VIDEO_CACHE_KIND": "none",
        "TMPDIR": str(tmp_path),
    }
    command = [sys.executable, "-c", READS]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "KeyboardInterrupt" in done.stderr
    assert done.stdout.startswith(f"{tmp_path}/temporaldata-video-copies-"), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_cache_is_warned_of_and_done_without(store, monkeypatch, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path / "file"))
    with pytest.warns(tv.CacheWarning, match="Choose another place"):
        assert is_whole(local_folder(store, FOLDER, listed(store)))


# What killed processes leave --------------------------------------------------------------


def test_what_a_killed_process_left_aside_is_removed(store, tmp_path):
    root = Path(local_folder(store, FOLDER, listed(store))).parents[2]
    half, gone = root / "aside" / "mark.0123", root / "aside" / "gone-0123"
    half.write_bytes(b"half")
    (gone / "data").mkdir(parents=True)
    (gone / "data" / "a.lance").write_bytes(b"rows")
    configured_cache().files.prune(keep_bytes=10**9)
    assert not half.exists() and not gone.exists()
    assert len(entries()) == 1


def test_what_is_being_written_is_left_alone(store):
    r"""A sweep takes none of the files that another thread is fetching."""
    files = listed(store)
    sweeper = configured_cache().files

    class Sweeping(FsspecStore):
        def read_range(self, *arguments):
            sweeper.prune(keep_bytes=10**9)
            return super().read_range(*arguments)

    assert is_whole(local_folder(Sweeping("memory"), FOLDER, files))
    assert len(entries()) == 1
