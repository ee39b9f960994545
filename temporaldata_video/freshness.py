r"""Tells whether a video has an index already that is the one asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import FrameIndexError, IndexNotFoundError
from .index.clock import fit_clock, read_timestamps
from .index.sidecar import LanceFrameIndex
from .media.fingerprint import matches
from .types import ObjectStore


def fresh_index(
    uris: Sequence[str],
    index_uri: str,
    store: ObjectStore,
    *,
    timestamps: Any = None,
    column: str | int | None = None,
    on_mismatch: str = "raise",
    on_nan: str = "raise",
) -> LanceFrameIndex | None:
    r"""Returns the index that a video has already, :obj:`None` if there is none.

    Args:
        uris: the file or files of the video.
        index_uri: where the index lies.
        store: reads them.
        timestamps: as for :func:`~temporaldata_video.write_index`; any clock will do by
            default.
        column: as there.
        on_mismatch: as there.
        on_nan: as there.

    Raises:
        FrameIndexError: if it is damaged, stale, or not of these files and timestamps.
            Nothing is written over it, since it may hold a clock that is nowhere else.
    """
    try:
        found = LanceFrameIndex.open(index_uri, store)
    except IndexNotFoundError:
        return None
    wrong = _other_files(found, uris, store)
    if not wrong and timestamps is not None:
        clock = found.timestamps()
        asked = fit_clock(
            read_timestamps(timestamps, column),
            len(clock),
            on_mismatch=on_mismatch,
            on_nan=on_nan,
            what=uris[0],
        )
        if not np.array_equal(clock, asked, equal_nan=True):
            wrong = "it has other timestamps"
    if wrong:
        raise FrameIndexError(
            f"there is an index at {index_uri!r} already, and {wrong}. To replace it, its "
            f"timestamps included, pass overwrite=True (--overwrite)."
        )
    return found


def _other_files(found: LanceFrameIndex, uris: Sequence[str], store: ObjectStore) -> str:
    if not found.segments:
        return "it does not say which file it was made for"
    indexed = [segment.uri for segment in found.segments]
    if indexed != list(uris):
        return f"it was made for {' + '.join(indexed)}"
    for segment in found.segments:
        known = segment.fingerprint
        if known is None or not matches(store, segment.uri, known, store.head(segment.uri)):
            return f"it is stale: {segment.uri!r} changed since"
    return ""
