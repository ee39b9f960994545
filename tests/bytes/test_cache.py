r"""Caches give the bytes of the store, fetch each block once, and keep to their room."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._bytes.fetch import REQUEST_BYTES, read_through
from temporaldata_video.types import ByteRange

from .caching import BLOCK, KEY, SIZE, kept_bytes, read
from .fetching import LoggingStore

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


needs_nofollow = pytest.mark.skipif(
    not hasattr(os, "O_NOFOLLOW"), reason="this system follows links"
)


@pytest.mark.parametrize(
    "damage",
    [
        *("cut off", "zeros", "another block", "empty"),
        pytest.param("link", marks=needs_nofollow),
    ],
)
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
    with pytest.warns(tv.CacheWarning, match=f"{SIZE} bytes.*Raise the quota"):
        assert read(cache, store, (5, 70)) == [content[5:70]]
    assert read(cache, store, (5, 70)) == [content[5:70]]
    assert kept_bytes(cache) == 0


def test_nothing_is_warned_of_where_all_is_well(cache, store):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(cache, store, (0, SIZE))


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


@pytest.mark.parametrize("quota_blocks", [7, 100])
def test_the_total_is_that_of_what_is_kept(tmp_path, store, quota_blocks):
    quota = quota_blocks * (BLOCK + 50)
    cache = tv.BlockCache(str(tmp_path), quota_bytes=quota, block_bytes=BLOCK)
    total = Path(cache.files.root, "total")
    last = (SIZE - 10, SIZE)
    for start, stop in (
        (0, 1),
        last,
        (3 * BLOCK, 6 * BLOCK),
        (9 * BLOCK, 14 * BLOCK),
        last,
    ):
        read(cache, store, (start, stop))
        assert int.from_bytes(total.read_bytes(), "little") == kept_bytes(cache) <= quota
        store.forget()
        read(cache, store, (start, stop))
        assert store.requests() == []
    assert os.listdir(Path(cache.files.root, "aside")) == []


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
