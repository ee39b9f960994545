r"""Writes sidecars in one commit: readers find the whole old one, or the whole new one."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from .._base.uris import is_local, relative_uri
from .._base.user_warnings import warn_user
from .._bytes.fetch import ranged
from .._clock.pauses import pace_of
from .._index.packets import SegmentIndex
from ..errors import (
    FrameIndexError,
    IndexFormatError,
    IndexNotFoundError,
    IndexWarning,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
)
from ..types import FolderStore, ObjectStore, Packets, Showings
from .lance_access import LanceError, write_columns
from .proxy_record import ProxyRecord
from .sidecar import LanceFrameIndex, check_columns
from .sidecar_header import encode_header, encode_segment
from .sidecar_place import (
    Place,
    first_line,
    folders_at,
    index_exists,
    list_sidecar,
    open_place,
)

# On a disk, versions younger than this stay, for processes that are reading them.
_KEEP_OLD_VERSIONS = timedelta(days=1)


def write_sidecar(
    uri: str,
    segment_uris: Sequence[str],
    segments: Sequence[SegmentIndex],
    timestamps: np.ndarray,
    *,
    again: Showings | None = None,
    max_gap: float | None = None,
    clock: Mapping[str, Any] | None = None,
    checksums: np.ndarray | None = None,
    proxy: ProxyRecord | None = None,
    store: ObjectStore | None = None,
    overwrite: bool = False,
) -> LanceFrameIndex:
    r"""Writes a sidecar in one commit: all of it is there, or all of the old one.

    Args:
        uri: where the sidecar goes.
        segment_uris: the file of each segment.
        segments: the index of each segment.
        timestamps: seconds, float64 of shape (n,), NaN for frames that have no time.
        again: when frames are shown again, after their time in ``timestamps``.
        max_gap: longest step in seconds that is no pause; by default 10 times the median
            step, and 1 s at least.
        clock: how these came about, for ``check``.
        checksums: of each frame, int64 of shape (n,), if key frames were proven.
        proxy: whose proxy the file is, if it is one.
        store: writes it where it is remote.
        overwrite: replace an index that is there already.

    Raises:
        FrameIndexError: if there is an index already, or it cannot be written.
        BackendError: if the store of a remote uri does not know folders.
    """
    if not overwrite:
        check_vacant(uri, store)
    old, is_damaged = _replaced(uri, store) if overwrite else (None, False)
    again = again or Showings.none()
    header = encode_header(
        [
            encode_segment(relative_uri(segment_uri, uri), segment)
            for segment_uri, segment in zip(segment_uris, segments)
        ],
        verified=checksums is not None,
        pace=pace_of(np.concatenate([timestamps, again.times]), max_gap),
        again=again,
        clock=clock,
        proxy=proxy,
    )
    columns = _to_columns(segments, timestamps)
    if checksums is not None:
        columns["checksum"] = checksums
    try:
        if not is_local(uri):
            if is_damaged:
                _copy_aside(uri, folders_at(uri, store))
            _send(uri, folders_at(uri, store), columns, header, old)
        elif is_damaged:
            _write_before_moving(uri, columns, header)
        else:
            write_columns(uri, columns, header, old is not None, _KEEP_OLD_VERSIONS)
    except (LanceError, OSError, SourceError) as error:
        raise FrameIndexError(
            f"cannot write the index {uri!r} ({first_line(error)}). Pass index_uri to "
            f"put it elsewhere."
        ) from error
    return LanceFrameIndex.open(uri, store)


def check_vacant(uri: str, store: ObjectStore | None) -> None:
    r"""Raises :obj:`FrameIndexError` if there is an index at a place already.

    Args:
        uri: where an index is to be written.
        store: reads it where it is remote.
    """
    if index_exists(uri, store):
        raise FrameIndexError(
            f"there is an index at {uri!r} already; pass overwrite=True to replace it."
        )


def _send(
    uri: str,
    store: FolderStore,
    columns: Mapping[str, np.ndarray],
    header: Mapping[bytes, bytes],
    old: Place | None,
) -> None:
    # Lance writes the sidecar here, on top of the manifest that it replaces. Then its files
    # are sent, the new manifest last: before it is there, nobody sees the others.
    listed = list_sidecar(uri, store)
    with tempfile.TemporaryDirectory() as folder:
        if old is not None:
            _fetch_manifest(old, store, folder)
        before = _files_below(folder)
        write_columns(folder, columns, header, old is not None, None)
        new = [name for name in _files_below(folder) - before if name.endswith(_SENT)]
        new.sort(key=lambda name: name.endswith(".manifest"))
        for name in new:
            if not _create(store, f"{uri}/{name}", Path(folder, name).read_bytes()):
                _delete(uri, store, new[: new.index(name)])
                raise _overtaken(uri)
    # Processes that are reading have the version before. All other listed files are of
    # older versions, of writers that died, or of writers that must fail, since their
    # manifest would have the name of this one.
    kept = {name for name, _ in old.files} if old is not None else set()
    _delete(uri, store, _manifests_first(listed.keys() - kept))


# The files of a dataset; Lance also leaves a hint, which only helps local paths.
_SENT = (".lance", ".txn", ".manifest")


def _overtaken(uri: str) -> FrameIndexError:
    return FrameIndexError(
        f"another process wrote the index {uri!r} at the same time, and its index counts. "
        f"To replace it, write again with overwrite=True."
    )


def _fetch_manifest(old: Place, store: FolderStore, folder: str) -> None:
    name, meta = old.files[0]
    target = Path(folder, name)
    target.parent.mkdir()
    try:
        data = ranged(store).read_range(f"{old.uri}/{name}", 0, meta.size, meta.etag)
    except (SourceNotFoundError, SourceChangedError) as error:
        raise _overtaken(old.uri) from error
    target.write_bytes(data)


def _files_below(folder: str) -> set[str]:
    paths = Path(folder).rglob("*")
    return {path.relative_to(folder).as_posix() for path in paths if path.is_file()}


def _create(store: FolderStore, key: str, data: bytes) -> bool:
    if store.create_object(key, data):
        return True
    # It may be our own, if the answer to a first attempt got lost.
    there = store.head(key)
    same_size = there.size == len(data)
    return same_size and ranged(store).read_range(key, 0, len(data), there.etag) == data


def _delete(uri: str, store: FolderStore, names: Iterable[str]) -> None:
    with suppress(SourceError):  # the index is written, and old files do no harm
        for name in names:
            store.delete_object(f"{uri}/{name}")


def _manifests_first(names: Iterable[str]) -> list[str]:
    # A manifest must not lead to files that are gone.
    return sorted(names, key=lambda name: not name.endswith(".manifest"))


def _replaced(uri: str, store: ObjectStore | None) -> tuple[Place | None, bool]:
    # The version that a new one is written over, and whether there is one that cannot be
    # read: Lance reads a dataset before it writes.
    try:
        place, dataset = open_place(uri, store)
    except IndexNotFoundError:
        return None, False
    except IndexFormatError:
        pass
    else:
        if dataset.columns:
            check_columns(uri, dataset)  # never write over a dataset of another kind
            return place, False
    if is_local(uri) and not Path(uri).is_dir():
        raise IndexFormatError(
            f"{uri!r} is a file and no index. Move it away, or write the index to another "
            f"place: index_uri=..."
        )
    return None, True


# What cannot be read may hold a clock that is nowhere else. It leaves its place when its
# successor is written, or, on a store, when all of it is copied.


def _write_before_moving(
    uri: str, columns: Mapping[str, np.ndarray], header: Mapping[bytes, bytes]
) -> None:
    with tempfile.TemporaryDirectory(dir=Path(uri).parent, prefix=".new-") as folder:
        written = str(Path(folder, "index.lance"))
        write_columns(written, columns, header, False, None)
        aside = next(name for name in _names_aside(uri) if not os.path.lexists(name))
        os.replace(uri, aside)
        os.replace(written, uri)
    _warn_aside(uri, aside)


def _copy_aside(uri: str, store: FolderStore) -> None:
    aside = next(name for name in _names_aside(uri) if not store.list_objects(name))
    found = list_sidecar(uri, store)
    for name, meta in found.items():
        data = ranged(store).read_range(f"{uri}/{name}", 0, meta.size, meta.etag)
        if not _create(store, f"{aside}/{name}", data):
            raise _overtaken(uri)
    for name in _manifests_first(found):
        store.delete_object(f"{uri}/{name}")
    _warn_aside(uri, aside)


def _names_aside(uri: str) -> Iterator[str]:
    return (f"{uri}.damaged{f'-{n}' if n else ''}" for n in itertools.count())


def _warn_aside(uri: str, aside: str) -> None:
    warn_user(
        f"the index at {uri!r} cannot be read. It was moved to {aside!r}; delete that "
        f"folder if it holds no clock that you need.",
        IndexWarning,
    )


def _to_columns(
    segments: Sequence[SegmentIndex], timestamps: np.ndarray
) -> dict[str, np.ndarray]:
    packets = Packets.concatenate([segment.frames for segment in segments])
    counts = [len(segment) for segment in segments]
    return {
        "segment_idx": np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        "local_frame_idx": np.concatenate([np.arange(n, dtype=np.int64) for n in counts]),
        "pts": packets.pts,
        "timestamp": np.asarray(timestamps, np.float64),
        "dts": packets.dts,
        "pos": packets.pos,
        "size": packets.size,
        "keyframe": packets.keyframe,
    }
