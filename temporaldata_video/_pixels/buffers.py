r"""Keeps the memory of pixels that were freed, for the next window.

Memory fresh from the system is zeroed page by page when it is first written, and in a
virtual machine it may have to be fetched from the host: for windows of many frames that
takes as long as decoding. A training loop frees one window when it asks for the next, so
the next can use the same memory. While nobody uses it, the system may take it away.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections import deque
from math import prod
from typing import Any

import numpy as np

from .._base.process_cache import env_integer

# The C library itself keeps memory of less than this.
_LEAST_BYTES = 1 << 20
_HUGE_PAGE = 2 << 20


def _default_bound() -> int:
    # Linux and macOS say how much memory the machine has; elsewhere, little is kept.
    if not hasattr(os, "sysconf"):
        return 1 << 28
    return min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8, 1 << 31)


_MAX_KEPT = env_integer("TEMPORALDATA_VIDEO_OUTPUT_BYTES", _default_bound())
# Oldest first. Nothing here takes a lock: arrays may be freed at any time, in any thread,
# and in a child that was forked while another thread held it.
_KEPT: deque[_Block] = deque()


class _Block:
    r"""Memory that one array uses at a time.

    Args:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        self._map = None
        if hasattr(mmap, "MAP_PRIVATE"):
            # Memory is shared by default: a forked child would write into our pixels.
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._map = mmap.mmap(-1, size, flags=flags)
            self._advise("MADV_HUGEPAGE")
            self.bytes = np.frombuffer(self._map, np.uint8)
        else:
            self.bytes = np.empty(size, np.uint8)

    def let_go(self) -> None:
        r"""Tells the system that the contents are no longer needed."""
        self._advise("MADV_FREE")

    def _advise(self, name: str) -> None:
        advice = getattr(mmap, name, None)
        if self._map is None or advice is None:
            return
        with contextlib.suppress(OSError):  # a kernel that was built without it
            self._map.madvise(advice)


class _Lease:
    r"""The base of an array, deleted together with the last view of the array."""

    def __init__(self, block: _Block, shape: tuple[int, ...]) -> None:
        self._block = block
        interface: dict[str, Any] = dict(block.bytes.__array_interface__)
        self.__array_interface__ = interface | {"shape": shape, "strides": None}

    def __del__(self) -> None:
        self._block.let_go()
        _KEPT.append(self._block)
        _drop_beyond(_MAX_KEPT)


def empty_frames(shape: tuple[int, ...]) -> np.ndarray:
    r"""Returns an array for pixels that will all be written.

    Args:
        shape: ``(n, *frame_shape)``.

    Returns:
        uint8 of that shape, with whatever its memory held before.
    """
    size = prod(shape)
    if size < _LEAST_BYTES:
        return np.empty(shape, np.uint8)
    if size > _MAX_KEPT:
        _drop_beyond(0)
        return np.empty(shape, np.uint8)
    for block in list(_KEPT):
        if size <= block.bytes.size <= 2 * size + _HUGE_PAGE:
            try:
                _KEPT.remove(block)
            except ValueError:  # another thread took it
                continue
            return np.asarray(_Lease(block, shape))
    _drop_beyond(_MAX_KEPT - size)
    return np.asarray(_Lease(_Block(-(-size // _HUGE_PAGE) * _HUGE_PAGE), shape))


def configure_output_memory(max_bytes: int | None = None) -> int:
    r"""Bounds how much memory of freed pixels a process keeps for reuse.

    The environment variable ``TEMPORALDATA_VIDEO_OUTPUT_BYTES`` sets the same for all
    processes. By default it is an eighth of the machine's memory, and 2 GiB at most.
    Windows larger than the bound get fresh memory, and give it back.

    Args:
        max_bytes: the bound in bytes; 0 turns it off. Unchanged by default.

    Returns:
        The bound as it is now, in bytes.

    Raises:
        ValueError: if the bound is negative.

    Example ::

        >>> import temporaldata_video as tv
        >>> bound = tv.configure_output_memory()
        >>> tv.configure_output_memory(max_bytes=1 << 30)
        1073741824
        >>> tv.configure_output_memory(max_bytes=bound) == bound
        True
    """
    global _MAX_KEPT
    if max_bytes is not None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes must not be negative, got {max_bytes}.")
        _MAX_KEPT = max_bytes
        _drop_beyond(max_bytes)
    return _MAX_KEPT


def _drop_beyond(most: int) -> None:
    while sum(block.bytes.size for block in list(_KEPT)) > most:
        try:
            _KEPT.popleft()
        except IndexError:  # another thread was faster
            return
