r"""Copies of small remote folders on the local disk, for a library that reads files.

They lie beside the cache of blocks, in the user's own folder, and all processes share them.
A copy is named by the version of its first file, so that it never has to be compared; a
file of it is whole or absent.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from uuid import uuid4

from ..errors import CacheError, VideoError
from ..types import ObjectMeta, ObjectStore
from .configured_cache import configured_cache
from .private_folder import create_private, make_private

# What all copies have together; those that were not used for longest are deleted.
_MOST_BYTES = 1 << 30
_PIECE_BYTES = 32 << 20
_ABANDONED_SECONDS = 3600.0


def local_folder(
    store: ObjectStore, folder: str, files: Sequence[tuple[str, ObjectMeta]]
) -> str:
    r"""Returns a local folder that holds these files of a remote one, in these versions.

    Args:
        store: reads what is not there yet.
        folder: uri of the remote folder.
        files: names below the folder, size and etag; what is first tells the version of
            all, and is in no other.

    Raises:
        SourceChangedError: if a file is of another version by now.
        CacheError: if there is no place for copies, or no etag.
    """
    if not all(meta.etag for _, meta in files):
        raise CacheError(f"{folder!r} has no etags, so that copies of it would be guesses.")
    root = _root()
    name = _name(folder, *files[0])
    copy = os.path.join(root, name)
    made = False
    try:
        for file, meta in files:
            path = os.path.join(copy, *file.split("/"))
            if not _is_whole(path, meta.size):
                _fetch(store, f"{folder}/{file}", meta, path, root)
                made = True
        os.utime(copy)
        if made:
            _make_room(root, name)
    except VideoError:  # some of them are an OSError, too
        raise
    except OSError as error:
        raise CacheError(f"cannot copy {folder!r} to {root!r}: {error}") from error
    return copy


def _root() -> str:
    cache = configured_cache()
    if cache is None:
        raise CacheError("the cache is switched off.")
    files = cache.files
    files.start()
    try:
        return make_private(files.root, "sidecars")
    except OSError as error:
        raise CacheError(f"cannot make {files.root!r}: {error}") from error


def stored_copies() -> list[tuple[str, int]]:
    r"""Returns path and bytes of all copies, those that were not used for longest first.

    Raises:
        CacheError: if the cache cannot be used.
    """
    return [(path, size) for _, path, size in sorted(_copies(_root()))]


def delete_copies(folder: str = "") -> int:
    r"""Deletes copies, and returns how many bytes they had.

    Args:
        folder: uri of the remote folder; all by default.

    Raises:
        CacheError: if the cache cannot be used.
    """
    freed = 0
    for path, size in stored_copies():
        if os.path.basename(path).startswith(_hash(folder) if folder else ""):
            shutil.rmtree(path, ignore_errors=True)
            freed += size
    return freed


def _name(folder: str, file: str, meta: ObjectMeta) -> str:
    version = _hash("\0".join([file, meta.etag, str(meta.size)]))
    return f"{_hash(folder)}-{version}"


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _is_whole(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False


def _fetch(store: ObjectStore, key: str, meta: ObjectMeta, path: str, root: str) -> None:
    aside = os.path.join(root, f"{uuid4().hex}.part")
    try:
        with create_private(aside) as file:
            for start in range(0, meta.size, _PIECE_BYTES):
                length = min(_PIECE_BYTES, meta.size - start)
                file.write(store.read_range(key, start, length, meta.etag))
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.replace(aside, path)
    finally:
        with suppress(OSError):
            os.unlink(aside)


def _copies(root: str) -> Iterator[tuple[float, str, int]]:
    # When it was last used, path and bytes of each; what a killed process left goes.
    for entry in os.scandir(root):
        with suppress(OSError):
            used = entry.stat().st_mtime
            if entry.is_dir():
                yield used, entry.path, _size(entry.path)
            elif used < time.time() - _ABANDONED_SECONDS:
                os.unlink(entry.path)


def _make_room(root: str, kept: str) -> None:
    copies = sorted(_copies(root))
    total = sum(size for _, _, size in copies)
    for _, path, size in copies:
        if total > _MOST_BYTES and os.path.basename(path) != kept:
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def _size(folder: str) -> int:
    return sum(
        os.stat(os.path.join(path, name)).st_size
        for path, _, names in os.walk(folder)
        for name in names
    )
