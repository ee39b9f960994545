r"""Takes from a Python what Windows lacks, and macOS in part.

Every process that finds this folder on its ``PYTHONPATH`` imports it when it starts, those
that are spawned included. What the standard library itself needs on this system stays.
"""

# These two ask for some of it when they are imported: sysconf, and fcntl, in place of which
# filelock would take msvcrt on Windows.
import asyncio  # noqa: F401
import ctypes
import mmap
import multiprocessing.context
import os
import sys

import filelock  # noqa: F401

MODULES = ("fcntl", "grp", "pwd", "resource", "syslog", "termios", "tty")
NAMES = (
    *("fork", "forkpty", "register_at_fork", "killpg", "getpgid", "setpgid", "setsid"),
    *("pread", "preadv", "pwrite", "pwritev", "posix_fadvise", "sysconf", "geteuid"),
    *("mkfifo", "fchmod", "fchown", "chown", "statvfs", "sched_getaffinity"),
    *("sched_setaffinity", "sched_getscheduler", "O_NOFOLLOW", "O_CLOEXEC"),
    *("O_DIRECTORY", "nice", "getpriority", "getloadavg"),
)
# These folders are Linux's own, and what the loader links together only ELF and Mach-O.
FOLDERS = ("/proc/", "/sys/")

for name in MODULES:
    sys.modules[name] = None
for name in NAMES:
    vars(os).pop(name, None)
for name in [n for n in vars(mmap) if n.startswith(("MAP_", "MADV_"))]:
    delattr(mmap, name)
os.supports_fd = frozenset()
os.environ.setdefault("USERNAME", "portable")


def refuse_folders_of_linux(event: str, arguments: tuple) -> None:
    if event == "open" and str(arguments[0]).startswith(FOLDERS):
        raise FileNotFoundError(arguments[0])


sys.addaudithook(refuse_folders_of_linux)


class Library(ctypes.CDLL):
    def __init__(self, name, *arguments, **options) -> None:
        if name is not None and "reformatter" in os.fspath(name):
            raise OSError(f"{name}: symbols of other libraries are not found here")
        super().__init__(name, *arguments, **options)


ctypes.CDLL = Library

spawn = multiprocessing.context._concrete_contexts["spawn"]
multiprocessing.context._concrete_contexts = {"spawn": spawn}
multiprocessing.context._default_context._default_context = spawn
multiprocessing.get_all_start_methods = lambda: ["spawn"]
