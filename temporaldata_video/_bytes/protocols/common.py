r"""Says for all protocols how long they wait, and how a uri names an object."""

from __future__ import annotations

from typing import Any

from ..retry import seconds_left

CONNECT_SECONDS = 10
READ_SECONDS = 30


def bucket_and_name(key: str) -> tuple[str, str]:
    r"""Returns the two parts of an object's uri."""
    bucket, _, name = key.partition("://")[2].partition("/")
    return bucket, name


def wait_for(system: Any, function: Any, *arguments: Any, **options: Any) -> Any:
    r"""Returns what a coroutine of a file system returns, while the request has time left.

    Args:
        system: of fsspec.
        function: returns the coroutine.
        *arguments: of the function.
        **options: of the function, by name.
    """
    from fsspec.asyn import sync

    left = seconds_left()
    timeout = None if left == float("inf") else max(0.001, left)
    return sync(system.loop, function, *arguments, timeout=timeout, **options)
