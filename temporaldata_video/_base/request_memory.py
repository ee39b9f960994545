r"""Refuses a request that needs more memory than there is, before anything is decoded."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import RequestTooLargeError
from .configuration import REQUEST_MEMORY_BYTES

_SHARE_OF_AVAILABLE = 0.8
# Smaller requests are not worth asking the system.
_FREE_BYTES = 64 * 1024 * 1024
_CGROUP = Path("/sys/fs/cgroup")


def check_request(size: int, what: str) -> None:
    r"""Refuses what would need more memory than the bound.

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
