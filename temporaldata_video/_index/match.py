r"""Finds the frames of an index in its file, for an index without byte positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import StaleIndexError


def match_frames(
    tables: Sequence[np.ndarray], file_pts: np.ndarray, uri: str
) -> list[np.ndarray]:
    r"""Returns which frame of a file each row of an index is.

    Several segments may lie in one file one after the other. Their pts are then either
    those of the file, or each segment counts from a beginning of its own.

    Args:
        tables: pts of each segment that lies in the file, in presentation order.
        file_pts: pts of the file, in presentation order.
        uri: the file, for messages.

    Returns:
        For each segment the frame numbers within the file, int64 of shape (n,).

    Raises:
        StaleIndexError: if the file does not hold those frames.
    """
    pts = np.concatenate(tables) if tables else np.empty(0, np.int64)
    stops = np.cumsum([len(table) for table in tables])
    if (np.diff(pts) >= 0).all():
        repeats = np.arange(len(pts)) - np.searchsorted(pts, pts)
        frames = np.searchsorted(file_pts, pts) + repeats
        found = frames < len(file_pts)
        found[found] = file_pts[frames[found]] == pts[found]
    else:
        frames = np.arange(len(pts))
        found = frames < len(file_pts)
        for start, table in zip([0, *stops[:-1]], tables):
            part = file_pts[start : start + len(table)]
            same = part - part[:1] == table[: len(part)] - table[:1]
            found[start : start + len(part)] &= same
    if not found.all():
        row = int(np.flatnonzero(~found)[0])
        raise StaleIndexError(
            f"the index of {uri!r} has a frame with pts {pts[row]} in row {row}, and none "
            f"of the {len(file_pts)} frames of the file is that frame. If the video was "
            f"meant to change, run: temporaldata-video index --overwrite {uri}"
        )
    return np.split(frames.astype(np.int64), stops[:-1])
