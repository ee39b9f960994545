r"""Hypothesis strategies for requests to readers, and for the bytes that they read."""

from __future__ import annotations

from hypothesis import strategies as st

from ..types import ByteRange
from .damage import damaged, damaged_boxes


def windows(start: float, end: float) -> st.SearchStrategy[tuple[float, float]]:
    r"""Pairs of times in seconds, within a recording, at its edges and beyond.

    Args:
        start: of the recording.
        end: of the recording.
    """
    span = end - start
    times = st.floats(start - span, end + span) | st.sampled_from([start, end])
    return st.tuples(times, times)


def positions(n_frames: int, max_size: int = 20) -> st.SearchStrategy[list[int]]:
    r"""Frame numbers in any order, some of them more than once.

    Args:
        n_frames: frames of the video.
        max_size: how many at most.
    """
    return st.lists(st.integers(0, n_frames - 1), max_size=max_size)


def byte_ranges(size: int) -> st.SearchStrategy[ByteRange]:
    r"""Ranges of a file that are not empty.

    Args:
        size: of the file in bytes.
    """
    bounds = st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True)
    return bounds.map(sorted).map(lambda pair: ByteRange(*pair))


def damaged_bytes(data: bytes) -> st.SearchStrategy[bytes]:
    r"""Bytes that :func:`~temporaldata_video.testing.damage.damaged` damaged.

    Args:
        data: the bytes before the damage.
    """
    return st.randoms(use_true_random=False).map(lambda chance: damaged(data, chance))


def damaged_mp4(data: bytes) -> st.SearchStrategy[bytes]:
    r"""MP4 files whose boxes say something else.

    Args:
        data: a file that is whole.
    """
    return st.randoms(use_true_random=False).map(lambda chance: damaged_boxes(data, chance))
