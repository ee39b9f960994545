r"""Maps the clock of a camera to that of the recording, by pairs of times."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import ClockError
from .alignment import align, align_at, fit_line
from .clock_files import read_values
from .pulses import read_anchor, runs_in_words

# Rows whose times lie further off a line, in intervals, are not of the same pulse.
_ROW_FITS = 0.25
# Two trains of which fewer pulses match are not of the same pulses.
_MATCHED = 0.6
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class SyncPairs:
    r"""Times at which both clocks saw the same pulses.

    Args:
        times: of the camera and of the recording in seconds, float64 of shape (m, 2),
            increasing in both.
        camera_left: numbers of the camera's pulses that the recording lacks, int64.
        recording_left: numbers of the recording's pulses that the camera lacks, int64.
    """

    times: np.ndarray
    camera_left: np.ndarray = field(default_factory=_NONE.copy)
    recording_left: np.ndarray = field(default_factory=_NONE.copy)


@dataclass(frozen=True, eq=False)
class SyncFit:
    r"""How well pairs of times determine a map, and how far it was stretched.

    Args:
        pairs: number of pairs.
        drift_ppm: how much faster the recording's clock runs than the camera's, in
            millionths, by the line that fits all pairs best.
        residual: greatest distance in seconds of a pair from that line.
        outside: stamps before the first or after the last pair.
        reach: how far beyond the pairs the farthest of them lies, in seconds of the camera.
        camera_left: numbers of the camera's pulses that the recording lacks, int64 of
            shape (k,).
        recording_left: numbers of the recording's pulses that the camera lacks, int64 of
            shape (l,).
    """

    pairs: int
    drift_ppm: float
    residual: float
    outside: int
    reach: float
    camera_left: np.ndarray = field(default_factory=_NONE.copy)
    recording_left: np.ndarray = field(default_factory=_NONE.copy)

    def left_in_words(self) -> str:
        r"""Returns which pulses only one of the clocks saw; empty if there are none."""
        parts = [
            f"the {one} missed {runs_in_words(left, 'pulse')} of the {other}"
            for one, other, left in (
                ("camera", "recording", self.recording_left),
                ("recording", "camera", self.camera_left),
            )
            if len(left)
        ]
        return " and ".join(parts)


def read_pairs(sync: Any, anchor: Any = None) -> SyncPairs:
    r"""Returns the times at which both clocks saw the same pulses.

    The rows of a table are pairs, as far as they fit. If the camera or the recording missed
    a pulse, later rows do not; then intervals say which pulses are the same.

    Args:
        sync: an array of shape (m, 2), a file with the pairs in its first two columns, or
            a tuple of two trains of pulses, which may differ in number.
        anchor: numbers of two pulses that are the same.

    Raises:
        ValueError: if they are fewer than two, not finite, or not increasing in both
            clocks.
        ClockError: if nothing says which pulses are the same.
    """
    is_table = not (isinstance(sync, tuple) and len(sync) == 2 and _are_trains(sync))
    if isinstance(sync, (str, os.PathLike)):
        trains = [read_values(sync, column).astype(np.float64) for column in (0, 1)]
    elif not is_table:
        trains = [read_values(train, None).astype(np.float64) for train in sync]
    else:
        pairs = np.asarray(sync)
        if pairs.dtype.kind not in "fiu" or pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(
                f"sync must be pairs of camera time and recording time, shape (m, 2), got "
                f"shape {pairs.shape} of {pairs.dtype}."
            )
        trains = list(pairs.T.astype(np.float64))
    # The shorter of two columns ends with blank cells.
    trains = [train[: _last_value(train) + 1] for train in trains]
    for name, train in zip(("camera", "recording"), trains):
        _check_train(name, train)
    camera, recording = trains
    if is_table and anchor is None and len(camera) == len(recording):
        pairs = np.column_stack(trains)
        if _fits_a_line(camera, recording):
            return SyncPairs(pairs)
        try:
            return _paired(camera, recording, (0, 0))
        except ClockError:
            return SyncPairs(pairs)  # which fit so badly that they are refused later on
    if is_table and anchor is None:
        anchor = (0, 0)
    return _paired(camera, recording, anchor)


def _are_trains(sync: tuple[Any, Any]) -> bool:
    return all(
        isinstance(train, (str, os.PathLike))
        or (np.ndim(train) == 1 and (isinstance(train, np.ndarray) or len(train) > 2))
        for train in sync
    )


def _last_value(train: np.ndarray) -> int:
    there = np.flatnonzero(~np.isnan(train))
    return int(there[-1]) if len(there) else -1


def _check_train(name: str, train: np.ndarray) -> None:
    if len(train) < 2:
        raise ValueError(f"sync needs two pairs of times or more, got {len(train)}.")
    if not np.isfinite(train).all():
        row = int(np.flatnonzero(~np.isfinite(train))[0])
        raise ValueError(f"sync has {train[row]} for the {name} in row {row}.")
    backwards = np.flatnonzero(np.diff(train) <= 0)
    if len(backwards):
        raise ValueError(
            f"sync must increase in both clocks; the {name}'s does not from row "
            f"{backwards[0]} to row {backwards[0] + 1}."
        )


def _fits_a_line(camera: np.ndarray, recording: np.ndarray) -> bool:
    _, off = fit_line(camera, recording)
    return bool(np.abs(off).max() < _ROW_FITS * float(np.median(np.diff(camera))))


def _paired(camera: np.ndarray, recording: np.ndarray, anchor: Any) -> SyncPairs:
    r"""Returns the pairs that intervals show, or else an anchor."""
    choice = align(camera, recording)
    at = read_anchor(anchor, len(camera), len(recording))
    if choice.evidence:
        found = choice.found[0]
    elif at is not None:
        found = align_at(camera, recording, at)
    else:
        raise ClockError(
            f"the camera has {len(camera)} pulses and the recording {len(recording)}, and "
            f"intervals do not show which are the same: several ways fit equally well. "
            f"Pass two that are the same, such as anchor='0:0' if both begin with the same "
            f"pulse."
        )
    first, second = found.first, found.second
    fewer = min(len(camera), len(recording))
    enough = len(first) > max(2, _MATCHED * fewer)
    if not enough or not _fits_a_line(camera[first], recording[second]):
        raise ClockError(
            f"only {len(first)} of {fewer} pulses of camera and recording match: are they "
            f"of the same recording, and both in seconds?"
        )
    return SyncPairs(
        np.column_stack([camera[first], recording[second]]),
        np.setdiff1d(np.arange(len(camera)), first),
        np.setdiff1d(np.arange(len(recording)), second),
    )


def map_times(times: np.ndarray, sync: SyncPairs, fit: str) -> tuple[np.ndarray, SyncFit]:
    r"""Returns times of the recording for times of the camera.

    Args:
        times: seconds of the camera, float64 of shape (n,).
        sync: as :func:`read_pairs` returns it.
        fit: ``"piecewise"``, which continues its first and its last line beyond the
            pairs, or ``"affine"``.
    """
    camera, recording = sync.times[:, 0], sync.times[:, 1]
    # Times are centred: those that count from 1970 would leave no digits for the slope.
    centre, mean = camera.mean(), recording.mean()
    spread = camera - centre
    slope = float(spread @ (recording - mean) / (spread @ spread))
    line = mean + slope * spread
    if fit == "affine":
        mapped = mean + slope * (times - centre)
    else:
        piece = np.clip(
            np.searchsorted(camera, times, side="right") - 1, 0, len(camera) - 2
        )
        slopes = np.diff(recording) / np.diff(camera)
        mapped = recording[piece] + slopes[piece] * (times - camera[piece])
    beyond = np.maximum(camera[0] - times, times - camera[-1])
    outside = beyond[beyond > 0]
    found = SyncFit(
        pairs=len(camera),
        drift_ppm=1e6 * (slope - 1),
        residual=float(np.abs(recording - line).max()),
        outside=len(outside),
        reach=float(outside.max(initial=0.0)),
        camera_left=sync.camera_left,
        recording_left=sync.recording_left,
    )
    return mapped, found
