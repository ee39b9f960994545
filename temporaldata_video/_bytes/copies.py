r"""Copies of small remote folders on the local disk, for a library that reads files.

A copy is an entry of the cache, beside the blocks and under the same quota. Its name holds
the version of its first file, so that nobody has to compare it; each of its files is whole
or absent, and all of them are deleted at once. If the cache cannot keep a copy, the copy
lies in a folder of the process, which is deleted when the process ends.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from typing import BinaryIO

from .._base.configuration import CACHE_QUOTA_BYTES
from .._base.process_cache import ProcessCache
from ..errors import CacheError
from ..types import ByteRange, ObjectMeta, ObjectStore
from .caches import object_folder, warn_once
from .configured_cache import configured_cache
from .disk_files import CacheFiles
from .fetch import ranged, split_range

Files = Sequence[tuple[str, ObjectMeta]]

# Another process may fetch the same file. If it takes longer than this, it is stuck.
_PATIENCE_SECONDS = 60.0


def local_folder(store: ObjectStore, folder: str, files: Files) -> str:
    r"""Returns a local folder that holds these files of a remote one, in these versions.

    Other processes may delete it at any time, to make room for other copies.

    Args:
        store: reads the files that are not there yet.
        folder: uri of the remote folder.
        files: names below the folder, size and etag, which none must lack; the first file
            stands for the version of all, and belongs to no other version.

    Raises:
        SourceChangedError: if a file is of another version by now.
        CacheError: if there is no place for copies.
    """
    configured = configured_cache()
    if configured is None:
        return own_folder(store, folder, files)
    cache = configured.files
    try:
        return _copy(cache, store, folder, files)
    except CacheError as error:
        warn_once(cache.root, str(error))
    return own_folder(store, folder, files)


def own_folder(store: ObjectStore, folder: str, files: Files) -> str:
    r"""Returns what :func:`local_folder` does, for this process alone.

    Args:
        store: reads the files that are not there yet.
        folder: uri of the remote folder.
        files: names below the folder, size and etag.

    Raises:
        SourceChangedError: if a file is of another version by now.
        CacheError: if there is no place for copies.
    """
    return _copy(_OWN.get("", _make_own), store, folder, files)


# The copies of this process: those that the cache cannot keep.
_OWN: ProcessCache[CacheFiles] = ProcessCache(1)


def _make_own() -> CacheFiles:
    from multiprocessing.util import Finalize

    try:
        folder = tempfile.mkdtemp(prefix="temporaldata-video-copies-")
    except OSError as error:
        raise CacheError(
            f"there is no place for a copy of an index: {error}. Set TMPDIR."
        ) from error
    # Unlike an atexit function, it also runs when workers end, and never in a forked child.
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=0)
    # The configured quota does not hold here: copies that are too large for it come here.
    return CacheFiles(folder, CACHE_QUOTA_BYTES.default())


def _copy(cache: CacheFiles, store: ObjectStore, folder: str, files: Files) -> str:
    cache.start()
    name = f"{object_folder(folder)}/{_version(*files[0])}"
    sizes = {file: meta.size for file, meta in files}
    found = cache.folder(name, sizes)
    if found is None:
        _fetch_missing(cache, store, folder, name, files)
        found = cache.folder(name, sizes)
    if found is None:
        raise CacheError(
            f"a copy of {folder!r} ({sum(sizes.values())} bytes) did not stay in "
            f"{cache.root!r}, which holds {cache.quota_bytes} bytes at most. Raise it: "
            f"temporaldata_video.configure(cache_quota_bytes=...)."
        )
    return found


def _fetch_missing(
    cache: CacheFiles, store: ObjectStore, folder: str, name: str, files: Files
) -> None:
    if sum(meta.size for _, meta in files) > cache.quota_bytes:
        return
    for file, meta in files:
        target = f"{name}/{file}"
        with cache.locked(target, _PATIENCE_SECONDS) as held:
            if held and cache.folder(name, {file: meta.size}) is None:
                fill = partial(_fill, store, f"{folder}/{file}", meta)
                cache.write_whole(target, meta.size, fill)


def _fill(store: ObjectStore, key: str, meta: ObjectMeta, file: BinaryIO) -> None:
    for start, stop in split_range(ByteRange(0, meta.size)):
        file.write(ranged(store).read_range(key, start, stop - start, meta.etag))


def _version(file: str, meta: ObjectMeta) -> str:
    text = "\0".join([file, meta.etag, str(meta.size)])
    return blake2b(text.encode(), digest_size=12).hexdigest()
