r"""Indexes a video that has no sidecar, in memory."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from .._base.shell_words import shell_words
from .._base.user_warnings import warn_user
from .._base.uris import shown_uri
from .._clock.file_clocks import PtsTable, fit_file_clocks, read_file_clocks
from .._index.memory_index import MemoryFrameIndex
from .._index.packets import SegmentIndex
from ..errors import IndexWarning
from ..types import ObjectStore
from .file_index import build_segment, clock_trouble


def warn_of_clocks(uris: Sequence[str], segments: Sequence[SegmentIndex]) -> None:
    r"""Warns about files whose own clock has faults.

    Args:
        uris: the files of a video.
        segments: the index of each.
    """
    for uri, segment in zip(uris, segments):
        if trouble := clock_trouble(segment):
            warn_user(
                f"{shown_uri(uri)!r} {trouble} Pass timestamps=... to use the times of a "
                f"camera.",
                IndexWarning,
            )


def pts_tables(segments: Sequence[SegmentIndex]) -> list[PtsTable]:
    r"""Returns the presentation times of each file, and their time base.

    Args:
        segments: the index of each file.
    """
    return [(segment.frames.pts, segment.stream.time_base) for segment in segments]


def build_memory_index(
    store: ObjectStore, uris: Sequence[str], timestamps: Any = None, named: str = ""
) -> MemoryFrameIndex:
    r"""Indexes a video that has no sidecar, with a warning that says how to make one.

    Args:
        store: reads the files.
        uris: the files of the video.
        timestamps: as for :func:`~temporaldata_video.write_index`.
        named: what a user called the video, if not by its files.
    """
    clocks = read_file_clocks(timestamps, len(uris))
    started = time.perf_counter()
    segments = tuple(build_segment(store, uri, lasting=False) for uri in uris)
    seconds = time.perf_counter() - started
    names = [shown_uri(uri) for uri in uris]
    if all(clock.is_container for clock, *_ in clocks):
        warn_of_clocks(uris, segments)
    words = [named] if named else [*(["--segments"] if len(names) > 1 else []), *names]
    words += ["--index-uri", "PATH"] if uris[0].startswith("http") else []
    warn_user(
        f"{named or names[0]!r} has no frame index; one was built in memory in "
        f"{seconds:.2f} s. To keep it, run: temporaldata-video index {shell_words(words)}",
        IndexWarning,
    )
    fitted = fit_file_clocks(clocks, pts_tables(segments), uris)
    index_id = uuid.uuid4().hex
    return MemoryFrameIndex(
        tuple(uris), segments, fitted.times, index_id=index_id, again=fitted.again
    )
