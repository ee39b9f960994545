r"""Gives every frame its time: reads clock files and lays them beside the frames."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import IndexWarning
from .packets import SegmentIndex

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": r"[\s,;]+"}


def read_timestamps(source: Any, column: str | int | None = None) -> np.ndarray:
    r"""Returns a clock in seconds, from an array or a file.

    Args:
        source: an array of shape (n,), or the path of a ``.npy``, ``.csv``, ``.tsv`` or
            ``.txt`` file.
        column: name or number (from 0) of the column of a text file; needed where there
            is more than one.

    Returns:
        float64 of shape (n,); NaN where the file has nothing.

    Raises:
        ValueError: if there is no such column, or it holds anything but numbers.

    Example ::

        >>> read_timestamps([0.0, 0.033, 0.066])
        array([0.   , 0.033, 0.066])
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.suffix == ".npy":
            try:
                values = np.load(path, allow_pickle=False)
            except (EOFError, ValueError) as error:
                raise ValueError(
                    f"timestamps file {str(path)!r} is no array of numbers: {error}"
                ) from error
        elif path.suffix in _SEPARATORS:
            values = _read_column(path, column)
        else:
            raise ValueError(
                f"timestamps file {str(path)!r} has the suffix {path.suffix!r}; known are "
                f".npy, {', '.join(_SEPARATORS)}."
            )
    else:
        values = np.asarray(source)
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise ValueError(
            f"timestamps must be a one-dimensional array of seconds, got shape "
            f"{values.shape} of {values.dtype}."
        )
    values = values.astype(np.float64)
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        raise ValueError(f"timestamps[{row}] is {values[row]}; times must be finite.")
    return values


def _read_column(path: Path, column: str | int | None) -> np.ndarray:
    import pandas as pd

    separator = _SEPARATORS[path.suffix]
    options: dict[str, Any] = {
        "sep": separator,
        "engine": "python" if len(separator) > 1 else "c",
    }
    try:
        first = pd.read_csv(path, header=None, nrows=1, dtype=str, **options)
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"timestamps file {str(path)!r} is empty.") from error
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(
            f"timestamps file {str(path)!r} is no text table: {error}"
        ) from error
    has_header = pd.to_numeric(first.iloc[0], errors="coerce").isna().all()
    table = pd.read_csv(path, header=0 if has_header else None, **options)
    names = [str(name) for name in table.columns]
    if column is None:
        if len(names) != 1:
            raise ValueError(
                f"timestamps file {str(path)!r} has {len(names)} columns; say which one "
                f"is the clock, by name or number: {', '.join(names)}."
            )
        column = 0
    if isinstance(column, str) and column not in names and column.lstrip("-").isdigit():
        column = int(column)
    if isinstance(column, str) and column in names:
        column = names.index(column)
    if not isinstance(column, int) or not 0 <= column < len(names):
        raise ValueError(
            f"timestamps file {str(path)!r} has no column {column!r}; it has "
            f"{', '.join(f'{i}: {name}' for i, name in enumerate(names))}."
        )
    raw = table.iloc[:, column]
    values = pd.to_numeric(raw, errors="coerce")
    wrong = np.flatnonzero(values.isna() & raw.notna())
    if len(wrong):
        line = int(wrong[0]) + 1 + int(has_header)
        raise ValueError(
            f"timestamps file {str(path)!r}, line {line}: {raw.iloc[wrong[0]]!r} is no "
            f"number of seconds."
        )
    return values.to_numpy(np.float64)


def container_clock(segments: Sequence[SegmentIndex]) -> np.ndarray:
    r"""Returns the container's own clock in seconds, float64 of shape (n,).

    The first file starts at its first pts. A further one starts where the one before it
    ends, one median frame interval after its last frame.

    Args:
        segments: the index of each file.
    """
    clocks: list[np.ndarray] = []
    for segment in segments:
        time_base = segment.stream.time_base
        seconds = segment.frames.pts * (time_base.numerator / time_base.denominator)
        if clocks and len(seconds) and len(clocks[-1]):
            before = clocks[-1]
            step = float(np.median(np.diff(before))) if len(before) > 1 else 0.0
            seconds = seconds - seconds[0] + before[-1] + step
        clocks.append(seconds)
    return np.concatenate(clocks) if clocks else np.empty(0)


def fit_clock(
    timestamps: np.ndarray, n_frames: int, *, on_mismatch: str, on_nan: str, what: str
) -> np.ndarray:
    r"""Returns one time for each frame, NaN for frames that are to be left out.

    Args:
        timestamps: seconds, float64 of shape (m,).
        n_frames: how many frames there are.
        on_mismatch: ``"raise"``, or ``"trim"`` to drop the surplus of the longer side.
        on_nan: ``"raise"``, or ``"drop"`` to leave out frames without a time.
        what: names the video in messages.

    Raises:
        ValueError: if there are more of one than of the other, or times are missing.
    """
    for name, value, allowed in (
        ("on_mismatch", on_mismatch, ("raise", "trim")),
        ("on_nan", on_nan, ("raise", "drop")),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {value!r}.")
    gaps = np.flatnonzero(np.isnan(timestamps))
    if len(gaps) and on_nan == "raise":
        raise ValueError(
            f"{len(gaps)} of {len(timestamps)} timestamps of {what} are NaN, the first at "
            f"row {gaps[0]}. Mend the clock, or pass on_nan='drop' to leave those frames "
            f"out."
        )
    if len(timestamps) != n_frames:
        message = f"{what} has {n_frames} frames and {len(timestamps)} timestamps"
        if on_mismatch == "raise":
            raise ValueError(
                f"{message}. Check that they belong together; on_mismatch='trim' drops "
                f"the surplus at the end."
            )
        longer = "frames" if n_frames > len(timestamps) else "timestamps"
        surplus = abs(n_frames - len(timestamps))
        warnings.warn(
            f"{message}; the last {surplus} {longer} are dropped.",
            IndexWarning,
            stacklevel=3,
        )
    clock = np.full(n_frames, np.nan)
    common = min(n_frames, len(timestamps))
    clock[:common] = timestamps[:common]
    return clock
