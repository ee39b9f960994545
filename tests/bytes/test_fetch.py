r"""Ranges are read side by side, and what is held already is not read again."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._bytes.fetch import (
    MAX_REQUESTS,
    FetchedAhead,
    read_through,
    side_by_side,
    split_range,
)
from temporaldata_video.types import ByteRange

CONTENT = bytes(range(256)) * 4
META = tv.ObjectMeta(len(CONTENT), "v1")


class Memory:
    r"""A store and a cache of one object that counts what it is asked for."""

    def __init__(self):
        self.asked = []

    def read_range(self, key, start, length, etag=None):
        self.asked.append((start, length))
        return CONTENT[start : start + length]

    def read_ranges(self, store, key, ranges, meta):
        return [self.read_range(key, start, stop - start) for start, stop in ranges]


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 300))
def test_pieces_of_a_range_are_the_range(start, length, most):
    pieces = split_range(ByteRange(start, start + length), most)
    covered = [n for a, b in pieces for n in range(a, b)]
    assert covered == [*range(start, start + length)]
    assert all(0 < b - a <= most for a, b in pieces)


def test_results_come_in_the_order_asked():
    assert side_by_side([lambda k=k: k for k in range(50)]) == [*range(50)]
    assert side_by_side([]) == []


def test_as_many_run_at_once_as_may():
    together = threading.Barrier(MAX_REQUESTS, timeout=30)
    side_by_side([together.wait] * (2 * MAX_REQUESTS))


def test_after_a_failure_no_more_is_begun():
    begun = []

    def job(k):
        begun.append(k)
        if k == 0:
            raise tv.SourceError("gone")

    with pytest.raises(tv.SourceError, match="gone"):
        side_by_side([lambda k=k: job(k) for k in range(10_000)])
    assert len(begun) < 10_000


def test_no_thread_stays():
    before = threading.active_count()
    side_by_side([lambda: None] * 20)
    assert threading.active_count() == before


spans = st.tuples(st.integers(0, 1024), st.integers(0, 1024)).map(
    lambda pair: ByteRange(*sorted(pair))
)


@given(st.lists(spans, min_size=1, max_size=3), st.lists(spans, min_size=1, max_size=3))
def test_what_is_held_is_not_read_again(held, wanted):
    store = Memory()
    ahead = FetchedAhead(store, META, held, read_through(store, "", held, META))
    store.asked.clear()
    expected = [CONTENT[a:b] for a, b in wanted]
    assert ahead.read_ranges(store, "", wanted, META) == expected
    inside = all(any(a <= c and d <= b for a, b in held) for c, d in wanted)
    assert bool(store.asked) != inside


def test_bytes_of_another_version_are_not_held():
    store = Memory()
    ahead = FetchedAhead(store, META, [ByteRange(0, 10)], [b"0123456789"])
    newer = tv.ObjectMeta(len(CONTENT), "v2")
    assert ahead.read_ranges(store, "", [ByteRange(0, 10)], newer) == [CONTENT[:10]]
