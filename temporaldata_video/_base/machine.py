r"""Asks the machine what it has for this process: memory and processors.

Linux answers all of it. Where another system does not, a bound is lower, or missing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def usable_threads() -> int:
    r"""Returns how many processors this process may use, and 1 in a worker of PyTorch's
    ``DataLoader``, whose siblings use the others."""
    data = sys.modules.get("torch.utils.data")
    if data is not None and data.get_worker_info() is not None:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_memory() -> int | None:
    r"""Returns how many bytes of memory the machine has, or :obj:`None` if the system does
    not say, as Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def available_memory() -> int | None:
    r"""Returns how many bytes this process can allocate without harm, or :obj:`None` if
    the system does not say."""
    sizes = [size for size in (_of_machine(), _of_container()) if size is not None]
    return min(sizes, default=None)


def _of_machine() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return machine_memory()


def _of_container() -> int | None:
    # Control groups of version 2 and 1. The system can drop the page cache of files.
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
