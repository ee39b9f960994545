r"""Makes a folder that only one user writes into, below one that everybody may share."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import BinaryIO

from ..errors import CacheError

_HAS_OWNERS = hasattr(os, "geteuid")
_FLAGS = (
    getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
)


def user_name() -> str:
    r"""Returns a name that no other user of the machine has."""
    if _HAS_OWNERS:
        return str(os.geteuid())
    import getpass

    return getpass.getuser()


def is_ours(info: os.stat_result) -> bool:
    r"""Returns whether a file belongs to this user."""
    return not _HAS_OWNERS or info.st_uid == os.geteuid()


def check_private(root: str) -> None:
    r"""Checks that nobody else can put files into a folder.

    Args:
        root: the folder.

    Raises:
        CacheError: if it is a link, another user's, or open to others for writing.
        OSError: if there is none.
    """
    info = os.lstat(root)
    mode = stat.S_IMODE(info.st_mode)
    if not stat.S_ISDIR(info.st_mode):
        wrong = "is a link or no folder"
    elif not is_ours(info):
        wrong = f"belongs to user {info.st_uid}"
    elif _HAS_OWNERS and mode & 0o022:
        wrong = f"can be written by others (mode {mode:o})"
    else:
        if _HAS_OWNERS and mode & 0o077:
            with suppress(OSError):
                os.chmod(root, 0o700)
        return
    raise CacheError(
        f"{root!r} {wrong} and cannot be trusted as a cache. Remove it, or choose another "
        f"place: temporaldata_video.configure(cache_directory=...)."
    )


def make_private(root: str, *folders: str) -> str:
    r"""Returns a folder below ``root``, made together with it if need be.

    Args:
        root: the user's own folder.
        folders: one below the other.

    Raises:
        CacheError: if ``root`` cannot be trusted.
        OSError: if the folder cannot be made.
    """
    path = os.path.join(root, *folders)
    if not os.path.isdir(path):
        with suppress(FileExistsError):
            os.mkdir(root, 0o700)
        check_private(root)
        below = root
        for folder in folders:
            below = os.path.join(below, folder)
            with suppress(FileExistsError):
                os.mkdir(below, 0o700)
    return path


def create_private(path: str) -> BinaryIO:
    r"""Returns a new file to write, which nobody else can read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
    return open(os.open(path, flags, 0o600), "wb")


def write_private(path: str, data: bytes, append: bool = False) -> None:
    r"""Writes into a file that nobody else can read, in one go, and makes it if need be.

    Args:
        path: of the file, which is not emptied.
        data: the bytes.
        append: write at the end of the file, not at its beginning.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0) | _FLAGS
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def open_private(path: str) -> BinaryIO:
    r"""Returns a file to read, which is no link, without a buffer."""
    return open(os.open(path, os.O_RDONLY | _FLAGS), "rb", buffering=0)
