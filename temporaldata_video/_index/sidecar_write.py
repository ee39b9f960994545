r"""Writes sidecars in one commit: there is the old one, or the new one as a whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from .._base.uris import protocol_of, relative_uri
from ..errors import BackendError, FrameIndexError, IndexFormatError, SourceError
from ..types import FolderStore, ObjectStore, Packets
from .lance_access import LanceError, write_columns
from .packets import SegmentIndex
from .sidecar import LanceFrameIndex, check_columns
from .sidecar_header import encode_header, encode_segment
from .sidecar_place import first_line, index_exists, lance_address, open_place

# Readers that are at work while a video is indexed again keep their version this long.
_KEEP_OLD_VERSIONS = timedelta(days=1)


def write_sidecar(
    uri: str,
    segment_uris: Sequence[str],
    segments: Sequence[SegmentIndex],
    timestamps: np.ndarray,
    *,
    checksums: np.ndarray | None = None,
    store: ObjectStore | None = None,
    overwrite: bool = False,
) -> LanceFrameIndex:
    r"""Writes a sidecar in one commit: it is there as a whole, or the old one still is.

    Args:
        uri: where the sidecar goes.
        segment_uris: the file of each segment.
        segments: the index of each segment.
        timestamps: seconds, float64 of shape (n,), NaN for frames that have no time.
        checksums: of each frame, int64 of shape (n,), if key frames were proven.
        store: writes it where it is remote.
        overwrite: replace an index that is there already.

    Raises:
        FrameIndexError: if there is an index already, or it cannot be written.
        BackendError: if there is no way to write there.
    """
    if not overwrite:
        check_vacant(uri, store)
    exists = index_exists(uri, store) and not _move_damaged_away(uri, store)
    header = encode_header(
        [
            encode_segment(relative_uri(segment_uri, uri), segment)
            for segment_uri, segment in zip(segment_uris, segments)
        ],
        verified=checksums is not None,
    )
    columns = _to_columns(segments, timestamps)
    if checksums is not None:
        columns["checksum"] = checksums
    try:
        _commit(uri, store, columns, header, exists)
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
            f"there is an index at {uri!r} already; pass overwrite=True (--overwrite) to "
            f"replace it."
        )


def _commit(
    uri: str,
    store: ObjectStore | None,
    columns: Mapping[str, np.ndarray],
    header: Mapping[bytes, bytes],
    exists: bool,
) -> None:
    try:
        address = lance_address(uri, store)
    except BackendError:
        if not isinstance(store, FolderStore):
            raise
        _upload(uri, store, columns, header, exists)
        return
    write_columns(*address, columns, header, exists, _KEEP_OLD_VERSIONS)


def _upload(
    uri: str,
    store: FolderStore,
    columns: Mapping[str, np.ndarray],
    header: Mapping[bytes, bytes],
    exists: bool,
) -> None:
    # Where Lance has no way, the sidecar is written here and its files are sent, the
    # manifest last: before it is there, nobody sees the others.
    with tempfile.TemporaryDirectory() as folder:
        known = set()
        if exists:
            name, meta = open_place(uri, store)[0].files[0]
            target = Path(folder, name)
            target.parent.mkdir()
            target.write_bytes(store.read_range(f"{uri}/{name}", 0, meta.size, meta.etag))
            known.add(target)
        write_columns(folder, (), columns, header, exists, None)
        new = {path for path in Path(folder).rglob("*") if path.is_file()} - known
        for path in sorted(new, key=lambda path: path.suffix == ".manifest"):
            name = path.relative_to(folder).as_posix()
            store.write_object(f"{uri}/{name}", path.read_bytes())


def _move_damaged_away(uri: str, store: ObjectStore | None) -> bool:
    # Lance reads a dataset before it writes a new version of it, and cannot if the old
    # one is damaged. There is nothing in it to lose.
    try:
        _, dataset = open_place(uri, store)
    except IndexFormatError:
        damaged = True
    else:
        damaged = not dataset.columns
        if not damaged:
            check_columns(uri, dataset)  # never write over a dataset of another kind
    if damaged:
        if isinstance(store, FolderStore) and protocol_of(uri):
            store.delete_folder(uri)
        elif protocol_of(uri):
            raise IndexFormatError(
                f"the index at {uri!r} is damaged. Delete it, then index the video again."
            )
        else:
            shutil.rmtree(os.fspath(uri))
    return damaged


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
