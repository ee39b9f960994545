r"""Threads and processes share a cache, and are not held up by the dead and the stuck."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import stat
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.configured_cache import ConfiguredCache
from temporaldata_video._bytes.fetch import REQUEST_BYTES
from tests.helpers import needs_fork

from .caching import BLOCK, SIZE, kept_bytes, read
from .fetching import LoggingStore


@pytest.mark.parametrize("kind", [tv.BlockCache, tv.SegmentCache])
def test_threads_fetch_each_block_once(kind, tmp_path, store, content):
    store = LoggingStore(store.path, store.log, seconds=0.02)
    cache = kind(str(tmp_path))
    if kind is tv.BlockCache:
        cache = kind(str(tmp_path), block_bytes=BLOCK)
    starts = np.random.default_rng(0).integers(0, SIZE - 20000, 40).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda a: read(cache, store, (a, a + 20000)), starts))
    assert found == [[content[a : a + 20000]] for a in starts]
    fetched = [n for a, length in store.requests() for n in range(a, a + length, BLOCK)]
    assert len(fetched) == len(set(fetched))


FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


def read_at_random(folder, seed: int, n: int, quota: int) -> None:
    store = LoggingStore(f"{folder}/object", f"{folder}/log", seconds=0.005)
    cache = tv.BlockCache(str(folder), quota_bytes=quota, block_bytes=BLOCK)
    content = Path(store.path).read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for start in np.random.default_rng(seed).integers(0, SIZE - 20000, n).tolist():
            got = read(cache, store, (start, start + 20000))
            assert got == [content[start : start + 20000]]


def start_reader(folder, seed, n=50, quota=10**9):
    reader = FORK.Process(target=read_at_random, args=(folder, seed, n, quota))
    reader.start()
    return reader


def succeeded(reader) -> bool:
    reader.join(60)
    return reader.exitcode == 0


@needs_fork
def test_processes_fetch_each_block_once(tmp_path, store):
    readers = [start_reader(tmp_path, seed) for seed in range(3)]
    assert all(succeeded(reader) for reader in readers)
    fetched = [n for a, length in store.requests() for n in range(a, a + length, BLOCK)]
    assert len(fetched) == len(set(fetched)) > 30


@needs_fork
def test_processes_hold_the_quota_together(tmp_path, store):
    quota = 12 * (BLOCK + 50)
    cache = tv.BlockCache(str(tmp_path), quota_bytes=quota, block_bytes=BLOCK)
    cache.files.start()
    readers = [start_reader(tmp_path, seed, 60, quota) for seed in range(3)]
    most = 0
    while any(reader.is_alive() for reader in readers):
        # Deleting comes before writing, so that a walk in between counts too little only.
        folders = [Path(cache.files.root, name) for name in ("objects", "aside")]
        now = 0
        for path in (p for folder in folders for p in folder.rglob("*")):
            try:
                info = path.stat()
            except FileNotFoundError:
                continue
            now += info.st_size if stat.S_ISREG(info.st_mode) else 0
        most = max(most, now)
    assert all(succeeded(reader) for reader in readers)
    assert quota / 2 < most <= quota + len(readers) * BLOCK
    assert kept_bytes(cache) <= quota


@needs_fork
def test_readers_that_are_killed_leave_nothing_wrong(tmp_path, store, content):
    quota = 25 * (BLOCK + 50)
    random = np.random.default_rng(0)
    survivor = start_reader(tmp_path, 99, 150, quota)
    for seed in range(20):
        reader = start_reader(tmp_path, seed, 10**6, quota)
        time.sleep(random.uniform(0.01, 0.3))
        reader.kill()
        reader.join()
    assert succeeded(survivor)
    assert succeeded(start_reader(tmp_path, 7, 1, quota))
    cache = tv.BlockCache(str(tmp_path), quota_bytes=quota, block_bytes=BLOCK)
    assert os.listdir(os.path.join(cache.files.root, "aside")) == []
    assert kept_bytes(cache) <= quota
    assert read(cache, store, (0, SIZE)) == [content]


@needs_fork
def test_what_the_dead_left_aside_is_removed_by_the_next_to_start(tmp_path):
    files = tv.BlockCache(str(tmp_path)).files
    files.start()
    aside = Path(files.root, "aside")
    for name in ("block-0123", "0123-4567.89ab"):
        (aside / name).write_bytes(b"half of it")
    with files.locked("ffff/4567", 0.0):
        (aside / "ffff-4567.0000").write_bytes(b"being downloaded")
        starting = FORK.Process(target=files.start)
        starting.start()
        assert succeeded(starting)
        assert os.listdir(aside) == ["ffff-4567.0000"]
    starting = FORK.Process(target=files.start)
    starting.start()
    assert succeeded(starting)
    assert os.listdir(aside) == []


@needs_fork
def test_a_lock_held_during_a_fork_is_not_held_for_ever(tmp_path):
    files = tv.BlockCache(str(tmp_path)).files
    with files.locked("a", 0.0) as held:
        assert held
        child = os.fork()
        if child == 0:
            time.sleep(5)
            os._exit(0)
    try:
        with files.locked("a", 1.0) as held:
            assert held
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@needs_fork
@pytest.mark.parametrize("stuck", ["fetching", "writing"])
def test_who_is_stuck_does_not_hold_up_others_for_ever(
    cache, store, content, monkeypatch, stuck
):
    monkeypatch.setattr("temporaldata_video._bytes.caches._PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("temporaldata_video._bytes.disk_files._LOCK_SECONDS", 0.3)
    cache.files.start()
    holding = FORK.Event()

    def hang():
        if stuck == "writing":
            with cache.files._held_total():
                holding.set()
                time.sleep(60)
        monkeypatch.setattr(LoggingStore, "read_range", lambda *a: time.sleep(60))
        holding.set()
        read(cache, store, (0, SIZE))

    hung = FORK.Process(target=hang)
    hung.start()
    assert holding.wait(30)
    time.sleep(0.5)  # until it waits for its answer
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                assert read(cache, store, (10, 9000)) == [content[10:9000]]
        said = [w for w in caught if w.category is tv.CacheWarning]
        assert len(said) == (stuck == "writing")
    finally:
        hung.kill()
        hung.join()
    assert read(cache, store, (10, 9000)) == [content[10:9000]]


def test_nobody_waits_for_a_lock_when_patience_is_over(tmp_path, monkeypatch):
    patience = 0.2
    monkeypatch.setattr("temporaldata_video._bytes.caches._PATIENCE_SECONDS", patience)
    # Two neighbours that have a lock each; somebody is stuck who fetches the second.
    content = bytes(REQUEST_BYTES) + b"the end"
    (tmp_path / "object").write_bytes(content)
    second, both = (REQUEST_BYTES, len(content)), (REQUEST_BYTES - 10, len(content))
    is_fetched, may_end = threading.Event(), threading.Event()
    ended_in_time = []

    class Slow(LoggingStore):
        def read_range(self, key, start, length, etag=None):
            if start < REQUEST_BYTES:
                time.sleep(patience)
            elif not is_fetched.is_set():
                is_fetched.set()
                ended_in_time.append(may_end.wait(30))
            return super().read_range(key, start, length, etag)

    store = Slow(str(tmp_path / "object"), str(tmp_path / "log"))
    cache = tv.BlockCache(str(tmp_path), block_bytes=BLOCK)
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(read, cache, store, second)
        assert is_fetched.wait(30)
        # Patience for the second ends while this thread fetches the first.
        assert read(cache, store, both) == [bytes(10) + b"the end"]
        may_end.set()
        assert stuck.result() == [b"the end"]
    assert ended_in_time == [True]


def test_caches_are_handed_to_workers(cache, tmp_path):
    for one in (cache, tv.SegmentCache(str(tmp_path)), ConfiguredCache()):
        assert isinstance(one, tv.ByteCache)
        assert pickle.loads(pickle.dumps(one)) == one
