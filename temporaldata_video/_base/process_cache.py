r"""Keeps handles per process, bounded, so that none is used on both sides of a fork."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

from .configuration import CLOCK_MEMORY_BYTES
from .fork_safety import after_fork_in_child

T = TypeVar("T")

_ALL: weakref.WeakSet[ProcessCache] = weakref.WeakSet()
# A forked child never frees the handles that it inherits: they may hold threads or locks
# that exist only in the parent.
_INHERITED: list[object] = []


class ProcessCache(Generic[T]):
    r"""A least-recently-used cache whose entries belong to the process that made them.

    Args:
        maxsize: how many entries are kept.
    """

    def __init__(self, maxsize: int) -> None:
        self.maxsize = maxsize
        self._reset()
        _ALL.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        r"""Returns the entry of a key, and makes it if there is none."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        value = make()
        self.put(key, value)
        return value

    def put(self, key: Hashable, value: T) -> None:
        r"""Stores an entry, and drops those used least recently."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > self.maxsize:
                self._entries.popitem(last=False)

    def pop(self, key: Hashable) -> T | None:
        r"""Takes an entry out, or returns :obj:`None`."""
        with self._lock:
            return self._entries.pop(key, None)

    def clear(self) -> None:
        r"""Drops all entries."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries


class ArrayCache:
    r"""Keeps the arrays used last, within a bound; others can be made again.

    Unlike a :class:`ProcessCache` it survives a fork, since arrays hold no handle.

    Args:
        max_bytes: returns how many bytes are kept; the array used last always stays.
        max_arrays: how many arrays are kept.
    """

    def __init__(self, max_bytes: Callable[[], int], max_arrays: int) -> None:
        self.max_bytes, self.max_arrays = max_bytes, max_arrays
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        after_fork_in_child(self._unlock)

    def _unlock(self) -> None:
        # A thread of the parent may have held the lock.
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], np.ndarray]) -> np.ndarray:
        r"""Returns the array of a key, read-only, and makes it if it is not kept.

        Args:
            key: kept alive with the array, so that objects can be compared by identity.
            make: returns the array.
        """
        with self._lock:
            array = self._arrays.get(key)
        if array is None:
            array = make()
            array.flags.writeable = False
        max_bytes = self.max_bytes()
        with self._lock:
            if key not in self._arrays:
                self._arrays[key] = array
                self._bytes += array.nbytes
            self._arrays.move_to_end(key)
            # Here and not at a new array only: the bound may have become smaller.
            while len(self._arrays) > 1 and (
                len(self._arrays) > self.max_arrays or self._bytes > max_bytes
            ):
                self._bytes -= self._arrays.popitem(last=False)[1].nbytes
        return array


# The clocks of recordings that were read, and the order of their frames. A data set may
# hold thousands of recordings.
RECORDING_ARRAYS = ArrayCache(CLOCK_MEMORY_BYTES.read, 1024)


def _forget_inherited() -> None:
    for cache in list(_ALL):
        _INHERITED.append((cache._lock, cache._entries))
        cache._reset()


after_fork_in_child(_forget_inherited)
