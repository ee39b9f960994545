r"""Says for all protocols how long they wait, and how a uri names an object."""

from __future__ import annotations

CONNECT_SECONDS = 10
READ_SECONDS = 30


def bucket_and_name(key: str) -> tuple[str, str]:
    r"""Returns the two parts of an object's uri."""
    bucket, _, name = key.partition("://")[2].partition("/")
    return bucket, name
