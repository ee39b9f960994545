r"""The memory of requests: none that is not there, and that of pixels is used again.

Memory fresh from the system is zeroed page by page when it is first written, and in a
virtual machine it may have to be fetched from the host: for windows of many frames that
takes as long as decoding. A training loop lets go of one window when it asks for the next,
so that the same memory will do. While nobody uses it, the system may take it away.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections import deque
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RequestTooLargeError
from .process_cache import env_integer

# Below this, the C library keeps memory by itself.
_LEAST_BYTES = 1 << 20
_HUGE_PAGE = 2 << 20
_SHARE_OF_AVAILABLE = 0.8
# Smaller requests are not worth asking the system.
_FREE_BYTES = 64 * 1024 * 1024
_ENVIRONMENT = "TEMPORALDATA_VIDEO_MAX_REQUEST_BYTES"
_CGROUP = Path("/sys/fs/cgroup")

_bound: int | None = env_integer(_ENVIRONMENT, 0) or None


def _default_bound() -> int:
    # What the machine has is known on Linux and macOS; elsewhere, little is kept.
    if not hasattr(os, "sysconf"):
        return 1 << 28
    return min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8, 1 << 31)


_MAX_KEPT = env_integer("TEMPORALDATA_VIDEO_OUTPUT_BYTES", _default_bound())
# Oldest first. Nothing here takes a lock: arrays may be let go at any time, in any thread,
# and in a child that was forked while another thread held it.
_KEPT: deque[_Block] = deque()


class _Block:
    r"""Memory that is taken by one array at a time.

    Args:
        size: in bytes.
    """

    def __init__(self, size: int) -> None:
        self._map = None
        if hasattr(mmap, "MAP_PRIVATE"):
            # Shared, as it is by default, a forked child would write into our pixels.
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
            self._map = mmap.mmap(-1, size, flags=flags)
            self._advise("MADV_HUGEPAGE")
            self.bytes = np.frombuffer(self._map, np.uint8)
        else:
            self.bytes = np.empty(size, np.uint8)

    def let_go(self) -> None:
        r"""Tells the system that the contents are of no more use."""
        self._advise("MADV_FREE")

    def _advise(self, name: str) -> None:
        advice = getattr(mmap, name, None)
        if self._map is None or advice is None:
            return
        with contextlib.suppress(OSError):  # a kernel that was built without it
            self._map.madvise(advice)


class _Lease:
    r"""The base of an array; when the last view of the array is gone, so is this."""

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
        uint8 of that shape, whatever its memory held before.
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
    r"""Bounds how much memory of pixels that were let go a process keeps for reuse.

    The environment variable ``TEMPORALDATA_VIDEO_OUTPUT_BYTES`` sets the same for all
    processes. By default it is an eighth of the machine's memory, and 2 GiB at most.
    Windows larger than the bound are given fresh memory, and give it back.

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


def configure_request_memory(max_bytes: int | None = None) -> int | None:
    r"""Bounds how much memory one request for frames may take.

    The environment variable ``TEMPORALDATA_VIDEO_MAX_REQUEST_BYTES`` sets the same for all
    processes. By default it is 80 % of what is available at the time of the request, within
    the limit of the container that the process runs in.

    Args:
        max_bytes: the bound in bytes; 0 returns to the default. Unchanged by default.

    Returns:
        The bound as it is now, in bytes; :obj:`None` if it is the default.

    Raises:
        ValueError: if the bound is negative.

    Example ::

        >>> import temporaldata_video as tv
        >>> tv.configure_request_memory(8 << 30)
        8589934592
        >>> tv.configure_request_memory(0)
    """
    global _bound
    if max_bytes is not None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes must not be negative, got {max_bytes}.")
        _bound = max_bytes or None
    return _bound


def check_request(size: int, what: str) -> None:
    r"""Refuses what would need more memory than the bound.

    Args:
        size: bytes that are about to be allocated.
        what: describes them, with their numbers.

    Raises:
        RequestTooLargeError: if they are too many.
    """
    if size <= (_FREE_BYTES if _bound is None else _bound):
        return
    available = available_memory() if _bound is None else None
    if _bound is None and (available is None or size <= _SHARE_OF_AVAILABLE * available):
        return
    bound = (
        f"{_mib(_bound)} are allowed"
        if _bound is not None
        else f"80 % of the {_mib(available or 0)} that are available are allowed"
    )
    raise RequestTooLargeError(
        f"{what} need {_mib(size)} of memory, and {bound}. Ask for fewer frames at a time, "
        f"pass resize=(height, width), or set the bound: "
        f"temporaldata_video.configure_request_memory({size})."
    )


def available_memory() -> int | None:
    r"""Returns how many bytes this process can allocate without harm, :obj:`None` where
    the system does not say."""
    known = [size for size in (_of_machine(), _of_container()) if size is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _of_container() -> int | None:
    # Control groups of version 2 and 1; what files have in the page cache can be dropped.
    for limit, usage, cached in (
        ("memory.max", "memory.current", "file"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ):
        try:
            most = int((_CGROUP / limit).read_text())
            used = int((_CGROUP / usage).read_text())
            stat = (_CGROUP / limit).with_name("memory.stat").read_text()
        except (OSError, ValueError):
            continue
        counted = dict(line.split() for line in stat.splitlines())
        return max(0, most - used + int(counted.get(cached, 0)))
    return None


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
