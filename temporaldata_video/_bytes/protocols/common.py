r"""Says for all protocols how long they wait, and how a uri names an object."""

from __future__ import annotations

import asyncio
from threading import Lock
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

    fsspec's own ``sync`` waits inside threading's conditions, where Ctrl-C can become a
    ``RuntimeError``. So this thread waits for a plain lock.

    Args:
        system: of fsspec.
        function: returns the coroutine.
        *arguments: of the function.
        **options: of the function, by name.
    """
    from fsspec.exceptions import FSTimeoutError

    left = seconds_left()
    timeout = None if left == float("inf") else max(0.001, left)
    results: list[Any] = []
    errors: list[BaseException] = []
    ended = Lock()
    ended.acquire()

    async def run() -> None:
        try:
            coroutine = function(*arguments, **options)
            results.append(await asyncio.wait_for(coroutine, timeout))
        except BaseException as error:
            errors.append(error)
        finally:
            ended.release()

    asyncio.run_coroutine_threadsafe(run(), system.loop)
    if not ended.acquire(timeout=-1 if timeout is None else timeout + 1):
        raise FSTimeoutError  # the loop's thread does not run
    if not errors:
        return results.pop()
    error = errors.pop()
    try:
        if isinstance(error, asyncio.TimeoutError):
            raise FSTimeoutError from error
        raise error
    finally:
        del error  # its traceback holds this frame
