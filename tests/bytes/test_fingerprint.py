r"""A file is known again by its size and edges, and by its etag where there is one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import pytest

from temporaldata_video._bytes.fingerprint import matches, take_fingerprint
from temporaldata_video.types import ObjectMeta

EDGE = 64 * 1024


@dataclass
class Shelf:
    r"""One object in memory, whose etag is whatever a test says."""

    data: bytes
    etag: str = ""
    read: list = field(default_factory=list)

    def head(self, key):
        return ObjectMeta(len(self.data), self.etag)

    def read_range(self, key, start, length, etag=None):
        self.read.append((start, start + length))
        return self.data[start : start + length]


def is_same(shelf, expected):
    return matches(shelf, "cam", expected, shelf.head("cam"))


@pytest.mark.parametrize(
    "size", [0, 1, EDGE - 1, EDGE, EDGE + 1, 2 * EDGE, 2 * EDGE + 1, 10**6]
)
def test_the_digest_is_of_both_edges(size):
    shelf = Shelf(bytes(k * 7 % 251 for k in range(size)))
    found = take_fingerprint(shelf, "cam")
    edges = shelf.data if size <= 2 * EDGE else shelf.data[:EDGE] + shelf.data[-EDGE:]
    assert found.digest == hashlib.blake2b(edges, digest_size=16).hexdigest()
    assert found.size == size and sum(b - a for a, b in shelf.read) == len(edges)
    assert is_same(shelf, found)


@pytest.mark.parametrize("place", [0, EDGE - 1, -1, -EDGE])
def test_other_edges_are_another_file(place):
    shelf = Shelf(bytes(300_000))
    found = take_fingerprint(shelf, "cam")
    changed = bytearray(shelf.data)
    changed[place] = 1
    assert not is_same(Shelf(bytes(changed)), found)


def test_another_size_is_another_file_whatever_the_etag():
    shelf = Shelf(b"abc", "v1")
    found = take_fingerprint(shelf, "cam")
    assert not is_same(Shelf(b"abcd", "v1"), found)


def test_an_equal_etag_is_enough_and_costs_no_read():
    found = take_fingerprint(Shelf(b"abc", "v1"), "cam")
    shelf = Shelf(b"abc", "v1")
    assert is_same(shelf, found) and shelf.read == []


def test_another_etag_is_not_another_file():
    found = take_fingerprint(Shelf(b"abc", "v1"), "cam")
    assert is_same(Shelf(b"abc", "v2"), found)
    assert not is_same(Shelf(b"abd", "v2"), found)


def test_stores_without_etags_are_compared_by_digest():
    found = replace(take_fingerprint(Shelf(b"abc"), "cam"), etag="")
    assert is_same(Shelf(b"abc"), found) and not is_same(Shelf(b"xyz"), found)
