r"""Lets a process fork at any moment: no lock that its child needs is held then.

A child has only the thread that forked. A lock that another thread held stays locked in
the child for ever. The caches of a process make new locks in a child; this module is about
two kinds of locks that are Python's.
"""

from __future__ import annotations

import _imp
import concurrent.futures.thread
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib import _bootstrap
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class kept_property(Generic[T]):  # noqa: N801 - it is read as a decorator
    r"""A property that is computed once for each object.

    ``functools.cached_property`` of Python 3.11 holds a lock while it computes, one for all
    objects of a class. Here two threads may both compute, and all get the first value.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> kept_property[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> kept_property[T] | T:
        if instance is None:
            return self
        value = self.compute(instance)
        return instance.__dict__.setdefault(self.name, value)


# What this package and the libraries of its stores import when they first need it. Not all
# imports are waited for, since a program may run for hours within one.
_LIBRARIES = frozenset(
    (
        *("av", "lance", "pyarrow", "h5py", "fsspec", "filelock", "temporaldata_video"),
        *("temporaldata", "torch_brain", "numpy", "rich", "pluggy", "importlib"),
        *(
            "aiohttp",
            "s3fs",
            "aiobotocore",
            "botocore",
            "gcsfs",
            "google",
            "adlfs",
            "azure",
        ),
        *("requests", "urllib3", "asyncio", "concurrent", "multiprocessing", "ssl"),
    )
)
# Longer than any of these takes, unless its thread waits for the one that forks.
_PATIENCE_SECONDS = 10.0


def _wait_for_imports() -> None:
    # While a module is imported, its lock is held, and Python frees only its other locks of
    # imports in a child. Without the lock that is taken here, no import begins.
    deadline = time.monotonic() + _PATIENCE_SECONDS
    _make_first_loop()
    _imp.acquire_lock()
    while _others_import() and time.monotonic() < deadline:
        _imp.release_lock()
        time.sleep(0.001)
        _make_first_loop()
        _imp.acquire_lock()


def _make_first_loop() -> None:
    # The first event loop of a process is made under a lock of asyncio, which imports while
    # it is held. All later ones need no lock.
    global _has_loop
    if not _has_loop and "asyncio.events" in sys.modules:
        import asyncio

        asyncio.new_event_loop().close()
        _has_loop = True


_has_loop = False


def _others_import() -> bool:
    me = threading.get_ident()
    for name, reference in list(getattr(_bootstrap, "_module_locks", {}).items()):
        lock = reference()
        owner = lock and lock.owner
        if owner not in (None, me) and name.partition(".")[0] in _LIBRARIES:
            return True
    return False


def after_fork_in_child(function: Callable[[], None]) -> None:
    r"""Has a function called in each child that is forked; not all systems fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


# What was registered last is called first. These two take locks before a fork that imports
# need, so that they must come after the wait for imports.
_EARLIER = (logging, concurrent.futures.thread)

if hasattr(os, "register_at_fork") and sys.implementation.name == "cpython":
    os.register_at_fork(
        before=_wait_for_imports,
        after_in_parent=_imp.release_lock,
        after_in_child=_imp.release_lock,
    )
