r"""Refuses requests that need too much memory, and uses the memory of pixels again.

The system zeroes new memory page by page when it is first written, and a virtual machine
may have to get it from the host: for windows of many frames that takes as long as decoding.
A training loop frees one window when it asks for the next, so that both can use the same
memory. While nobody uses it, the system may take it away.
"""

from __future__ import annotations

import contextlib
import mmap
from collections import deque
from math import prod
from typing import Any

import numpy as np

from ..errors import RequestTooLargeError
from .configuration import OUTPUT_MEMORY_BYTES, REQUEST_MEMORY_BYTES
from .machine import available_memory

_SHARE_OF_AVAILABLE = 0.8
# For smaller requests, asking the system is not worth the time.
_FREE_BYTES = 64 * 1024 * 1024
# Smaller blocks of memory are kept by the C library itself.
_LEAST_BYTES = 1 << 20
_HUGE_PAGE = 2 << 20


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
    r"""The base of an array, deleted together with the last view of the array.

    Args:
        block: the memory of the array.
        shape: of the array.
        dtype: of the array.
        bound: how many bytes are kept in all.
    """

    def __init__(
        self, block: _Block, shape: tuple[int, ...], dtype: np.dtype[Any], bound: int
    ) -> None:
        self._block, self._bound = block, bound
        interface: dict[str, Any] = dict(block.bytes.__array_interface__)
        interface |= {"shape": shape, "strides": None}
        interface |= {"typestr": dtype.str, "descr": [("", dtype.str)]}
        self.__array_interface__ = interface

    def __del__(self) -> None:
        self._block.let_go()
        _KEPT.append(self._block)
        _drop_beyond(self._bound)


def empty_frames(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    r"""Returns an array for pixels that will all be written.

    Args:
        shape: ``(n, *frame_shape)``.
        dtype: of the pixels.

    Returns:
        An array of that shape, with whatever its memory held before.
    """
    size = prod(shape) * dtype.itemsize
    if size < _LEAST_BYTES:
        return np.empty(shape, dtype)
    bound = OUTPUT_MEMORY_BYTES.read()
    if size > bound:
        _drop_beyond(0)
        return np.empty(shape, dtype)
    for block in list(_KEPT):
        if size <= block.bytes.size <= 2 * size + _HUGE_PAGE:
            try:
                _KEPT.remove(block)
            except ValueError:  # another thread took it
                continue
            return np.asarray(_Lease(block, shape, dtype, bound))
    _drop_beyond(bound - size)
    block = _Block(-(-size // _HUGE_PAGE) * _HUGE_PAGE)
    return np.asarray(_Lease(block, shape, dtype, bound))


def _drop_beyond(most: int) -> None:
    while sum(block.bytes.size for block in list(_KEPT)) > most:
        try:
            _KEPT.popleft()
        except IndexError:  # another thread was faster
            return


def check_request(size: int, what: str) -> None:
    r"""Refuses a request that would need more memory than the bound.

    Args:
        size: bytes that are about to be allocated.
        what: describes them, with their numbers.

    Raises:
        RequestTooLargeError: if they are too many.
    """
    most = REQUEST_MEMORY_BYTES.read()
    if size <= (most or _FREE_BYTES):
        return
    if most:
        bound = f"{_mib(most)} are allowed"
    else:
        available = available_memory()
        if available is None or size <= _SHARE_OF_AVAILABLE * available:
            return
        bound = f"80 % of the {_mib(available)} that are available are allowed"
    raise RequestTooLargeError(
        f"{what} need {_mib(size)} of memory, and {bound}. Ask for fewer frames at a time, "
        f"pass resize=(height, width), or set the bound: "
        f"temporaldata_video.configure(request_memory_bytes={size})."
    )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
