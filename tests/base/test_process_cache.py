r"""What is one process's own: handles, bounded and never across a fork, and processors."""

from __future__ import annotations

import gc
import os
import threading
import weakref

import numpy as np
import pytest

from temporaldata_video._base.process_cache import ArrayCache, ProcessCache
from tests.helpers import needs_fork


def test_entries_are_made_once():
    cache = ProcessCache(3)
    made = []
    for _ in range(3):
        assert cache.get("a", lambda: made.append(1) or "value") == "value"
    assert made == [1] and len(cache) == 1


def test_what_was_not_used_for_longest_goes_first():
    cache = ProcessCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a", lambda: 0)
    cache.put("c", 3)
    assert (cache.pop("a"), cache.pop("b"), cache.pop("c")) == (1, None, 3)
    assert len(cache) == 0


def test_none_is_kept_when_nothing_may_be():
    cache = ProcessCache(0)
    assert cache.get("a", lambda: 1) == 1 and len(cache) == 0


def test_a_failure_is_not_kept():
    cache = ProcessCache(2)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 5) == 5


def test_making_an_entry_may_use_the_cache():
    cache = ProcessCache(2)
    assert cache.get("a", lambda: cache.get("b", lambda: 1) + 1) == 2
    assert len(cache) == 2


def test_threads_see_whole_entries():
    cache = ProcessCache(4)
    wrong = []

    def work():
        for number in range(3000):
            key = number % 7
            if cache.get(key, lambda key=key: key) != key:
                wrong.append(key)
            cache.pop(number % 3)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(cache) <= 4


class Handle:
    r"""Tells when it is freed, as a handle that holds threads would hang."""

    def __init__(self, pipe):
        self.pipe = pipe

    def __del__(self):
        os.write(self.pipe, b"freed")


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_has_none_of_it_and_frees_none_of_it():
    cache = ProcessCache(2)
    read, write = os.pipe()
    cache.put("a", Handle(write))
    # A lock that a thread of the parent holds is held forever in the child.
    cache._lock.acquire()
    child = os.fork()
    if child == 0:
        empty = len(cache) == 0 and cache.pop("a") is None
        cache.put("b", 1)
        cache.clear()
        gc.collect()
        os._exit(0 if empty else 1)
    cache._lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(cache) == 1
    os.set_blocking(read, False)
    with pytest.raises(BlockingIOError):
        os.read(read, 5)
    cache.clear()
    assert os.read(read, 5) == b"freed"
    os.close(read)
    os.close(write)


def test_caches_that_nobody_uses_are_forgotten():
    cache = ProcessCache(2)
    gone = weakref.ref(cache)
    del cache
    gc.collect()
    assert gone() is None


# Arrays that can be made again ----------------------------------------------------------


def test_arrays_are_kept_within_a_bound_of_bytes():
    cache = ArrayCache(max_bytes=lambda: 2000, max_arrays=100)
    made = []

    def array_of(key):
        return cache.get(key, lambda: made.append(key) or np.full(100, key, np.float64))

    for key in (1, 2, 1, 3, 1, 2):
        assert (array_of(key) == key).all() and not array_of(key).flags.writeable
    assert made == [1, 2, 3, 2]  # 2 had to go for 3, and 3 for 2
    assert (cache.get("large", lambda: np.zeros(10_000)) == 0).all()
    assert cache.get("large", lambda: 1 / 0) is not None
    assert array_of(1).sum() == 100.0 and made[-1] == 1


def test_no_more_arrays_are_kept_than_allowed():
    cache = ArrayCache(max_bytes=lambda: 10**9, max_arrays=3)
    for key in range(10):
        cache.get(key, lambda: np.zeros(1))
    assert list(cache._arrays) == [7, 8, 9] and cache._bytes == 24


def test_a_smaller_bound_holds_at_the_next_use():
    bounds = [10**9]
    cache = ArrayCache(max_bytes=lambda: bounds[-1], max_arrays=3)
    for key in range(3):
        cache.get(key, lambda: np.zeros(1))
    bounds.append(16)
    assert cache.get(0, lambda: np.ones(1)).sum() == 0.0  # it was kept
    assert list(cache._arrays) == [2, 0] and cache._bytes == 16


@needs_fork
@pytest.mark.filterwarnings("ignore:lance is not fork-safe")
def test_arrays_go_across_a_fork_though_a_thread_has_the_lock():
    cache = ArrayCache(max_bytes=lambda: 10**9, max_arrays=3)
    cache.get("a", lambda: np.arange(5))
    with cache._lock:
        child = os.fork()
        if child == 0:
            os._exit(int(cache.get("a", lambda: np.zeros(1)).sum()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10
