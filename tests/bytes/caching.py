r"""An object that caches keep blocks of, and what the tests ask of them."""

from __future__ import annotations

import temporaldata_video as tv
from temporaldata_video.types import ByteRange

BLOCK = 4096
SIZE = 40 * BLOCK + 1234
KEY = "s3://lab/cam.mp4"


def read(cache, store, *ranges) -> list[bytes]:
    return cache.read_ranges(store, KEY, [ByteRange(*r) for r in ranges], store.head(KEY))


def kept_bytes(cache: tv.BlockCache | tv.SegmentCache) -> int:
    return sum(entry.bytes for entry in cache.files.entries())
