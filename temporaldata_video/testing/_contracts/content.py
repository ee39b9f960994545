r"""Bytes and ranges that the suites read."""

from __future__ import annotations

import random

# Long enough for several blocks of any cache.
LENGTH = 700_001
READS = 40


def content(seed: int, length: int = LENGTH) -> bytes:
    r"""Returns random bytes, always the same for one seed."""
    return random.Random(seed).randbytes(length)


def ranges_of(length: int, count: int, seed: int = 0) -> list[tuple[int, int]]:
    r"""Returns start and length of ranges of all sizes, the ends of a file among them."""
    chance = random.Random(seed)
    found = [(0, 1), (length - 1, 1), (0, length)]
    for _ in range(count):
        start = chance.randrange(length)
        found.append((start, 1 + chance.randrange(min(length - start, 1 << 17))))
    return found
