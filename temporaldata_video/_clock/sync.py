r"""Maps the clock of a camera to that of the recording, by pairs of times."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from .clock_files import read_values


@dataclass(frozen=True)
class SyncFit:
    r"""How well pairs of times determine a map, and how far it was stretched.

    Args:
        pairs: number of pairs.
        drift_ppm: how much faster the recording's clock runs than the camera's, in
            millionths, by the line that fits all pairs best.
        residual: greatest distance in seconds of a pair from that line.
        outside: stamps before the first or after the last pair.
        reach: how far beyond the pairs the farthest of them lies, in seconds of the camera.
    """

    pairs: int
    drift_ppm: float
    residual: float
    outside: int
    reach: float


def read_pairs(sync: Any) -> np.ndarray:
    r"""Returns pairs of camera time and recording time, float64 of shape (m, 2).

    Args:
        sync: an array of shape (m, 2), or a file with the pairs in its first two columns.

    Raises:
        ValueError: if they are fewer than two, not finite, or not increasing in both
            clocks.
    """
    if isinstance(sync, (str, os.PathLike)):
        columns = [read_values(sync, column) for column in (0, 1)]
        pairs = np.column_stack([column.astype(np.float64) for column in columns])
    else:
        pairs = np.asarray(sync)
        if pairs.dtype.kind not in "fiu" or pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(
                f"sync must be pairs of camera time and recording time, shape (m, 2), got "
                f"shape {pairs.shape} of {pairs.dtype}."
            )
        pairs = pairs.astype(np.float64)
    if len(pairs) < 2:
        raise ValueError(f"sync needs two pairs of times or more, got {len(pairs)}.")
    if not np.isfinite(pairs).all():
        row = int(np.flatnonzero(~np.isfinite(pairs).all(axis=1))[0])
        raise ValueError(f"sync has the pair {pairs[row].tolist()} in row {row}.")
    for number, name in enumerate(("camera", "recording")):
        backwards = np.flatnonzero(np.diff(pairs[:, number]) <= 0)
        if len(backwards):
            raise ValueError(
                f"sync must increase in both clocks; the {name}'s does not from row "
                f"{backwards[0]} to row {backwards[0] + 1}."
            )
    return pairs


def map_times(times: np.ndarray, pairs: np.ndarray, fit: str) -> tuple[np.ndarray, SyncFit]:
    r"""Returns times of the recording for times of the camera.

    Args:
        times: seconds of the camera, float64 of shape (n,).
        pairs: as :func:`read_pairs` returns them.
        fit: ``"piecewise"``, which continues its first and its last line beyond the
            pairs, or ``"affine"``.
    """
    camera, recording = pairs[:, 0], pairs[:, 1]
    # Times are centred: those that count from 1970 would leave no digits for the slope.
    centre, mean = camera.mean(), recording.mean()
    spread = camera - centre
    slope = float(spread @ (recording - mean) / (spread @ spread))
    line = mean + slope * spread
    if fit == "affine":
        mapped = mean + slope * (times - centre)
    else:
        piece = np.clip(np.searchsorted(camera, times, side="right") - 1, 0, len(pairs) - 2)
        slopes = np.diff(recording) / np.diff(camera)
        mapped = recording[piece] + slopes[piece] * (times - camera[piece])
    beyond = np.maximum(camera[0] - times, times - camera[-1])
    outside = beyond[beyond > 0]
    found = SyncFit(
        pairs=len(pairs),
        drift_ppm=1e6 * (slope - 1),
        residual=float(np.abs(recording - line).max()),
        outside=len(outside),
        reach=float(outside.max(initial=0.0)),
    )
    return mapped, found
