r"""Tells whether a file is still the one that was indexed."""

from __future__ import annotations

import hashlib

from ..types import Fingerprint, ObjectMeta, ObjectStore
from .fetch import ranged

_EDGE_BYTES = 64 * 1024


def take_fingerprint(store: ObjectStore, key: str, lasting: bool = True) -> Fingerprint:
    r"""Returns the fingerprint of the file as it is now.

    Args:
        store: where the file lies.
        key: its uri.
        lasting: whether the fingerprint must identify the file under another etag, too,
            which takes a read of its edges.
    """
    meta = store.head(key)
    needed = lasting or not meta.etag
    return Fingerprint(
        meta.size, meta.etag, digest_edges(store, key, meta) if needed else ""
    )


def digest_edges(store: ObjectStore, key: str, meta: ObjectMeta) -> str:
    r"""Returns 16 bytes of BLAKE2b (RFC 7693) of the first and last 64 KiB, as hex."""
    digest, etag = hashlib.blake2b(digest_size=16), meta.etag or None
    head = min(_EDGE_BYTES, meta.size)
    tail = min(_EDGE_BYTES, meta.size - head)
    read_range = ranged(store).read_range
    digest.update(read_range(key, 0, head, etag) if head else b"")
    if tail:
        digest.update(read_range(key, meta.size - tail, tail, etag))
    return digest.hexdigest()


def matches(store: ObjectStore, key: str, expected: Fingerprint, meta: ObjectMeta) -> bool:
    r"""Returns whether a file is the one that a fingerprint was taken of.

    The size must agree. An equal etag is proof enough; otherwise the digest decides, so
    that a file that was copied or uploaded again still counts as the same.

    Args:
        store: where the file lies.
        key: its uri.
        expected: the fingerprint that the index keeps.
        meta: size and etag of the file now.
    """
    if meta.size != expected.size:
        return False
    if expected.etag and meta.etag == expected.etag:
        return True
    return digest_edges(store, key, meta) == expected.digest
