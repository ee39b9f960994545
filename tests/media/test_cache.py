r"""Caches give the bytes of the store, fetch each block once, and fear nothing."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video.media.cache_settings import ConfiguredCache
from temporaldata_video.media.fetch import REQUEST_BYTES, read_through
from temporaldata_video.types import ByteRange

from .fetching import LoggingStore

BLOCK = 4096
SIZE = 40 * BLOCK + 1234
KEY = "s3://lab/cam.mp4"
REPOSITORY = Path(__file__).resolve().parents[2]
AS_ROOT = os.name == "posix" and os.geteuid() == 0


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    return np.random.default_rng(0).bytes(SIZE)


@pytest.fixture
def store(tmp_path, content) -> LoggingStore:
    (tmp_path / "object").write_bytes(content)
    return LoggingStore(str(tmp_path / "object"), str(tmp_path / "log"))


@pytest.fixture
def cache(tmp_path) -> tv.BlockCache:
    return tv.BlockCache(str(tmp_path), block_bytes=BLOCK)


def read(cache, store, *ranges) -> list[bytes]:
    return cache.read_ranges(store, KEY, [ByteRange(*r) for r in ranges], store.head(KEY))


def kept_bytes(cache) -> int:
    return sum(entry.bytes for entry in cache.files.entries())


# Which bytes are fetched ----------------------------------------------------------------

offsets = st.integers(0, SIZE)
spans = st.tuples(offsets, offsets).map(sorted)


@given(reads=st.lists(st.lists(spans, min_size=1, max_size=4), min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_block_is_fetched_once_and_neighbours_together(
    reads, content, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("cache")
    (folder / "object").write_bytes(content)
    store = LoggingStore(str(folder / "object"), str(folder / "log"))
    cache = tv.BlockCache(str(folder), block_bytes=BLOCK)
    known: set[int] = set()
    for ranges in reads:
        store.forget()
        assert read(cache, store, *ranges) == [content[a:b] for a, b in ranges]
        wanted = {n for a, b in ranges if b > a for n in range(a // BLOCK, -(-b // BLOCK))}
        missing = sorted(wanted - known)
        runs = [n for n in missing if n - 1 not in missing]
        starts = sorted(start for start, _ in store.requests())
        assert starts == [n * BLOCK for n in runs]
        n_bytes = sum(min(BLOCK, SIZE - n * BLOCK) for n in missing)
        assert sum(length for _, length in store.requests()) == n_bytes
        known |= wanted


def test_long_ranges_are_fetched_side_by_side_in_requests_of_bounded_size(tmp_path):
    content = np.random.default_rng(1).bytes(2 * REQUEST_BYTES + 5000)
    (tmp_path / "object").write_bytes(content)
    together = threading.Barrier(3, timeout=30)

    class Meeting(LoggingStore):
        def read_range(self, *arguments):
            together.wait()  # nobody is answered before all have asked
            return super().read_range(*arguments)

    store = Meeting(str(tmp_path / "object"), str(tmp_path / "log"))
    cache = tv.BlockCache(str(tmp_path), block_bytes=2**20)
    assert read(cache, store, (100, len(content))) == [content[100:]]
    assert sorted(start for start, _ in store.requests()) == [
        0,
        REQUEST_BYTES,
        2 * REQUEST_BYTES,
    ]


@given(ranges=st.lists(spans, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_through_gives_the_same(ranges, store, content):
    spans = [ByteRange(*r) for r in ranges]
    found = read_through(store, KEY, spans, store.head(KEY))
    assert found == [content[a:b] for a, b in ranges]


def test_an_object_without_an_etag_is_not_kept(tmp_path, cache, store, content):
    store = LoggingStore(store.path, store.log, etag="")
    for _ in range(2):
        assert read(cache, store, (10, 20)) == [content[10:20]]
    assert store.requests() == [(10, 10), (10, 10)]


def test_versions_are_kept_apart(cache, store, content):
    assert read(cache, store, (0, 9000)) == [content[:9000]]
    Path(store.path).write_bytes(content[::-1])
    newer = LoggingStore(store.path, store.log, etag="v2")
    assert read(cache, newer, (0, 9000)) == [content[::-1][:9000]]
    # What is kept of the old one is still the old one; the rest is gone.
    stale = tv.ObjectMeta(SIZE, "v1")
    assert cache.read_ranges(newer, KEY, [ByteRange(0, 9000)], stale) == [content[:9000]]
    with pytest.raises(tv.SourceChangedError):
        cache.read_ranges(newer, KEY, [ByteRange(0, 20000)], stale)


@pytest.mark.parametrize("damage", ["cut off", "zeros", "another block", "empty", "link"])
def test_a_damaged_block_is_fetched_again(cache, store, content, damage, tmp_path):
    read(cache, store, (0, 3 * BLOCK))
    paths = sorted(entry.path for entry in cache.files.entries())
    data = Path(paths[1]).read_bytes()
    if damage == "another block":
        Path(paths[1]).write_bytes(Path(paths[0]).read_bytes())
    elif damage == "link":
        os.rename(paths[1], tmp_path / "elsewhere")
        os.symlink(tmp_path / "elsewhere", paths[1])
    else:
        spoilt = {"cut off": data[:100], "zeros": bytes(len(data)), "empty": b""}
        Path(paths[1]).write_bytes(spoilt[damage])
    store.forget()
    for _ in range(2):
        assert read(cache, store, (0, 3 * BLOCK)) == [content[: 3 * BLOCK]]
    assert store.requests() == [(BLOCK, BLOCK)]


def test_whole_files(tmp_path, store, content):
    cache = tv.SegmentCache(str(tmp_path))
    for _ in range(2):
        assert read(cache, store, (5, 70), (9000, SIZE)) == [content[5:70], content[9000:]]
    assert store.requests() == [(0, SIZE)]
    assert kept_bytes(cache) == SIZE


def test_a_whole_file_that_is_too_large_is_read_from_its_store(tmp_path, store, content):
    cache = tv.SegmentCache(str(tmp_path), quota_bytes=SIZE - 1)
    with pytest.warns(tv.CacheWarning, match=f"{SIZE} bytes.*Raise quota_bytes"):
        assert read(cache, store, (5, 70)) == [content[5:70]]
    assert read(cache, store, (5, 70)) == [content[5:70]]
    assert kept_bytes(cache) == 0


# Room -----------------------------------------------------------------------------------


@pytest.mark.parametrize("quota_blocks", [0, 1, 5, 12])
def test_the_quota_holds(tmp_path, store, content, quota_blocks):
    quota = quota_blocks * (BLOCK + 50)
    cache = tv.BlockCache(str(tmp_path), quota_bytes=quota, block_bytes=BLOCK)
    for start in [*range(0, SIZE - 9000, 5000), 100]:
        assert read(cache, store, (start, start + 9000)) == [content[start : start + 9000]]
        assert kept_bytes(cache) <= quota
    assert kept_bytes(cache) >= max(0, quota_blocks - 2) * BLOCK


def test_what_was_not_used_for_longest_goes_first(tmp_path, store):
    cache = tv.BlockCache(str(tmp_path), quota_bytes=10 * (BLOCK + 50), block_bytes=BLOCK)
    for number in range(10):
        read(cache, store, (number * BLOCK, number * BLOCK + 1))
    read(cache, store, (0, 1))  # used again
    read(cache, store, (20 * BLOCK, 20 * BLOCK + 1))
    store.forget()
    read(cache, store, (0, 1))
    assert store.requests() == []
    read(cache, store, (BLOCK, BLOCK + 1))
    assert store.requests() == [(BLOCK, BLOCK)]


def test_a_wrong_total_is_counted_again(tmp_path, store):
    cache = tv.BlockCache(str(tmp_path), quota_bytes=20 * (BLOCK + 50), block_bytes=BLOCK)
    read(cache, store, (0, 5 * BLOCK))
    for wrong in (b"", b"nonsense beyond measure", (10**12).to_bytes(8, "little")):
        Path(cache.files.root, "total").write_bytes(wrong)
        read(cache, store, (0, SIZE // 3))
        store.forget()
        read(cache, store, (0, SIZE // 3))
        assert store.requests() == []


@pytest.mark.parametrize("deleted", ["", "objects", "locks", "aside", "total"])
def test_what_others_delete_is_made_again(cache, store, content, deleted):
    for start in (0, 10000):
        read(cache, store, (start, start + 9000))
        subprocess.run(["rm", "-r", os.path.join(cache.files.root, deleted)], check=True)
        assert read(cache, store, (start, start + 9000)) == [content[start : start + 9000]]
    assert stat.S_IMODE(os.stat(cache.files.root).st_mode) == 0o700


def test_blocks_that_vanish_all_the_time_are_no_harm(cache, store, content):
    done = threading.Event()

    def delete():
        while not done.is_set():
            for entry in cache.files.entries():
                Path(entry.path).unlink(missing_ok=True)

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for start in np.random.default_rng(0).integers(0, SIZE - 20000, 60).tolist():
            got = read(cache, store, (start, start + 20000))
            assert got == [content[start : start + 20000]]
    finally:
        done.set()
        thread.join()


# Threads and processes ------------------------------------------------------------------


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
needs_fork = pytest.mark.skipif(FORK is None, reason="there is no fork")


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
    monkeypatch.setattr("temporaldata_video.media.cache._PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr("temporaldata_video.media.blockfiles._LOCK_SECONDS", 0.3)
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


def test_caches_are_handed_to_workers(cache, tmp_path):
    for one in (cache, tv.SegmentCache(str(tmp_path)), ConfiguredCache()):
        assert isinstance(one, tv.ByteCache)
        assert pickle.loads(pickle.dumps(one)) == one


# Places that cannot be used or trusted --------------------------------------------------


def refused(cache, store, content, match):
    with pytest.warns(tv.CacheWarning, match=match) as warned:
        for _ in range(3):
            assert read(cache, store, (10, 9000)) == [content[10:9000]]
    assert len(warned) == 1
    assert len(store.requests()) == 3


def test_a_link_is_not_followed(cache, store, content, tmp_path):
    (tmp_path / "mine").mkdir(mode=0o700)
    os.symlink(tmp_path / "mine", cache.files.root)
    refused(cache, store, content, "is a link")
    assert os.listdir(tmp_path / "mine") == []
    with pytest.raises(tv.CacheError, match="is a link"):
        tv.configure_cache(directory=tmp_path)


@pytest.mark.skipif(not AS_ROOT, reason="only root gives folders away")
def test_the_folder_of_another_user_is_not_used(cache, store, content):
    os.mkdir(cache.files.root, 0o700)
    os.chown(cache.files.root, 65534, 65534)
    refused(cache, store, content, "belongs to user 65534")
    assert os.listdir(cache.files.root) == []


@pytest.mark.skipif(not AS_ROOT, reason="only root gives files away")
def test_the_file_of_another_user_is_not_read(cache, store, content):
    read(cache, store, (0, 100))
    (entry,) = cache.files.entries()
    os.chown(entry.path, 65534, 65534)
    store.forget()
    assert read(cache, store, (0, 100)) == [content[:100]]
    assert len(store.requests()) == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_folder_that_others_can_write_is_not_used(cache, store, content):
    os.mkdir(cache.files.root)
    os.chmod(cache.files.root, 0o770)
    refused(cache, store, content, r"written by others \(mode 770\)")


@pytest.mark.parametrize("when", ["from the start", "later"])
def test_a_folder_that_cannot_be_written(cache, store, content, when, tmp_path):
    if when == "later":
        read(cache, store, (50000, 50001))
        store.forget()
        subprocess.run(["rm", "-r", cache.files.root], check=True)
    # A file in the folder's place stops even root.
    Path(cache.files.root).write_bytes(b"")
    refused(cache, store, content, "link or no folder")


READ_ONLY = """
import os, sys, warnings
import temporaldata_video as tv
from temporaldata_video.types import ByteRange
from tests.media.fetching import LoggingStore

folder, log = sys.argv[1:]
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
    root = f"{folder}/temporaldata-video-65534"
else:
    root = f"{folder}/temporaldata-video-{os.geteuid()}"
store = LoggingStore(f"{folder}/object", log)
cache = tv.BlockCache(folder, block_bytes=4096)
content = open(store.path, "rb").read()
def read(a, b):
    (got,) = cache.read_ranges(store, "s3://cam", [ByteRange(a, b)], store.head(""))
    assert got == content[a:b]
read(0, 100)
for path in (root, f"{root}/locks", f"{root}/aside", f"{root}/objects"):
    os.chmod(path, 0o500)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for start in (0, 50000, 90000):
        read(start, start + 100)
print(len(store.requests()), [w.category.__name__ for w in caught])
os.chmod(root, 0o700)
"""


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_read_only_folder_still_serves_what_it_has(store, run_python):
    # Where pytest keeps its files, another user than root cannot look.
    with tempfile.TemporaryDirectory() as shared:
        os.chmod(shared, 0o777)
        shutil.copy(store.path, f"{shared}/object")
        said = run_python(READ_ONLY, shared, f"{shared}/log", paths=[REPOSITORY])
    assert said == "3 ['CacheWarning']\n"


FULL_DISK = """
import resource, sys, warnings
import temporaldata_video as tv
from temporaldata_video.types import ByteRange
from tests.media.fetching import LoggingStore

folder, kind = sys.argv[1:]
store = LoggingStore(f"{folder}/object", f"{folder}/log")
content = open(store.path, "rb").read()
cache = tv.SegmentCache(folder) if kind == "files" else tv.BlockCache(folder)
# No file can grow beyond this: what the system says then is what a full disk says.
resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for start in (0, 50000, 90000):
        span = ByteRange(start, start + 100)
        (got,) = cache.read_ranges(store, "s3://cam", [span], store.head(""))
        assert got == content[slice(*span)]
print([w.category.__name__ for w in caught], cache.files.entries())
"""


@pytest.mark.skipif(os.name != "posix", reason="limits are those of POSIX")
@pytest.mark.parametrize("kind", ["blocks", "files"])
def test_a_full_disk_is_no_harm(store, tmp_path, run_python, kind):
    said = run_python(FULL_DISK, tmp_path, kind, paths=[REPOSITORY])
    assert said == "['CacheWarning'] []\n"
    root = tv.BlockCache(str(tmp_path)).files.root
    assert os.listdir(os.path.join(root, "aside")) == []


# Settings -------------------------------------------------------------------------------


@pytest.fixture
def clean_settings(monkeypatch):
    for name in ("KIND", "DIRECTORY", "QUOTA_BYTES", "BLOCK_BYTES"):
        monkeypatch.setenv(f"TEMPORALDATA_VIDEO_CACHE_{name}", "1")
        monkeypatch.delenv(f"TEMPORALDATA_VIDEO_CACHE_{name}")


def test_settings_reach_this_process_and_its_children(clean_settings, tmp_path, run_python):
    asked = {"directory": tmp_path / "scratch", "quota_bytes": 10**6, "kind": "files"}
    now = tv.configure_cache(**asked)
    assert now == tv.CacheSettings("files", str(tmp_path / "scratch"), 10**6)
    assert tv.configure_cache(block_bytes=8192).kind == "files"
    program = "import temporaldata_video as tv; print(tv.configure_cache())"
    assert run_python(program).strip() == str(tv.configure_cache())


@pytest.mark.parametrize("kind", ["blocks", "files", "none"])
def test_the_configured_cache_follows_the_settings(
    kind, clean_settings, tmp_path, store, content
):
    tv.configure_cache(directory=tmp_path, kind=kind, block_bytes=BLOCK)
    for _ in range(2):
        assert read(ConfiguredCache(), store, (10, 20)) == [content[10:20]]
    expected = {"blocks": [(0, BLOCK)], "files": [(0, SIZE)], "none": [(10, 10)] * 2}
    assert store.requests() == expected[kind]


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"kind": "some"}, "kind must be one of .*, got 'some'"),
        ({"quota_bytes": -1}, "quota_bytes must not be negative, got -1"),
        ({"block_bytes": 100}, "block_bytes must be at least 4096, got 100"),
    ],
)
def test_wrong_settings_are_refused(wrong, message, clean_settings):
    with pytest.raises(ValueError, match=message):
        tv.configure_cache(**wrong)
    (name, value), *_ = wrong.items()
    variable = f"TEMPORALDATA_VIDEO_CACHE_{name.upper()}"
    os.environ[variable] = str(value)
    with pytest.raises(ValueError, match=variable):
        tv.configure_cache()


def test_nothing_is_warned_of_where_all_is_well(cache, store):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(cache, store, (0, SIZE))
