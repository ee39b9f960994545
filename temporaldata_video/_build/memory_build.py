r"""Indexes a video that has no sidecar, in memory."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Sequence

import numpy as np

from .._base.uris import shown_uri
from .._clock.fit import container_clock
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
            warnings.warn(
                f"{shown_uri(uri)!r} {trouble} Pass timestamps=... to use the times of a "
                f"camera.",
                IndexWarning,
                stacklevel=4,
            )


def container_clock_of(segments: Sequence[SegmentIndex]) -> np.ndarray:
    r"""Returns the container's own clock of a video, seconds, float64 of shape (n,).

    Args:
        segments: the index of each of its files.
    """
    return container_clock([(s.frames.pts, s.stream.time_base) for s in segments])


def build_memory_index(store: ObjectStore, uris: Sequence[str]) -> MemoryFrameIndex:
    r"""Indexes a video that has no sidecar, with a warning that says how to make one.

    Args:
        store: reads the files.
        uris: the files of the video.
    """
    started = time.perf_counter()
    segments = tuple(build_segment(store, uri, lasting=False) for uri in uris)
    seconds = time.perf_counter() - started
    names = [shown_uri(uri) for uri in uris]
    warn_of_clocks(uris, segments)
    place = " --index-uri PATH" if uris[0].startswith("http") else ""
    warnings.warn(
        f"{names[0]!r} has no frame index; one was built in memory in {seconds:.2f} s. To "
        f"keep it, run: temporaldata-video index {' '.join(names)}{place}",
        IndexWarning,
        stacklevel=6,
    )
    return MemoryFrameIndex(
        tuple(uris), segments, container_clock_of(segments), index_id=uuid.uuid4().hex
    )
