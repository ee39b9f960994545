r"""Tells whether a video has a fresh index already."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._bytes.fingerprint import matches
from .._clock.file_clocks import PtsTable, fit_file_clocks, read_file_clocks
from .._plugin.place import VideoPlace
from .._pose.frame_count import check_pose
from .._sidecar.sidecar import LanceFrameIndex
from ..errors import FrameIndexError, IndexNotFoundError
from ..types import ObjectStore


def fresh_index(
    place: VideoPlace,
    timestamps: Any = None,
    pose: str | os.PathLike[str] | None = None,
    verify: bool = False,
    max_gap: float | None = None,
    **fields: Any,
) -> LanceFrameIndex | None:
    r"""Returns the index that a video has already, or :obj:`None` if there is none.

    Args:
        place: the video, and where its sidecar lies.
        timestamps: the times that the index should have, as for :func:`write_index`; any
            will do by default.
        pose: a pose table; the index should have one frame per row of it.
        verify: whether its key frames should be proven.
        max_gap: longest step that should be no pause; any will do by default.
        **fields: further fields of the clock.

    Raises:
        FrameIndexError: if it is damaged, stale, or not of these files and timestamps.
            Nothing is written over it, since it may hold a clock that is nowhere else.
        ValueError: if the clock or the pose table does not fit the frames.
    """
    index_uri = place.sidecar_uri
    try:
        found = LanceFrameIndex.open(index_uri, place.store_of(index_uri))
    except IndexNotFoundError:
        return None
    wrong = _other_files(found, place.uris, place.reader)
    clocks = [] if wrong else read_file_clocks(timestamps, len(place.uris), **fields)
    if not all(clock.is_container for clock, *_ in clocks):
        tables = indexed_pts_tables(found)
        expected = fit_file_clocks(clocks, tables, place.uris)
        same = np.array_equal(found.timestamps(), expected.times, equal_nan=True)
        if not same or not all(map(np.array_equal, found.shown_again(), expected.again)):
            wrong = "it has other timestamps"
    if not wrong and max_gap not in (None, found.pace and found.pace.max_gap):
        wrong = "it has another max_gap"
    if not wrong and verify and not found.verified:
        wrong = "its key frames were not proven"
    if not wrong and pose is not None:
        check_pose(pose, int(found.segment_frame_counts().sum()), place.uri)
    if wrong:
        raise FrameIndexError(
            f"there is an index at {index_uri!r} already, and {wrong}. To replace it and "
            f"its timestamps, pass overwrite=True."
        )
    return found


def indexed_pts_tables(index: LanceFrameIndex) -> list[PtsTable]:
    r"""Returns the presentation times of each file by an index, and their time base.

    Args:
        index: one that knows its files.
    """
    return [
        (index.pts_table(number), segment.stream.time_base)
        for number, segment in enumerate(index.segments)
    ]


def _other_files(found: LanceFrameIndex, uris: Sequence[str], store: ObjectStore) -> str:
    if not found.segments:
        return "it does not say which file it was made for"
    indexed = [segment.uri for segment in found.segments]
    if indexed != list(uris):
        return f"it was made for {' + '.join(indexed)}"
    for segment in found.segments:
        fingerprint, meta = segment.fingerprint, store.head(segment.uri)
        if fingerprint is None or not matches(store, segment.uri, fingerprint, meta):
            return f"it is stale: {segment.uri!r} changed since"
    return ""
