r"""Reads lists of the frames that a camera was triggered for and did not deliver."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from .clock_files import read_values

# One number, or the first and the last of a run of them.
_ENTRY = r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?"
_LIST = re.compile(rf"{_ENTRY}(?:[,;]{_ENTRY})*")
_MOST_BYTES = 64 << 20
_LONGEST_RUN = 1 << 24


def read_lost_frames(source: Any, first: int = 0) -> np.ndarray:
    r"""Returns the numbers of the triggers that gave no frame, counted from 0 and sorted.

    Args:
        source: whole numbers of shape (m,), or a file of them: text of numbers and runs,
            such as ``18-23,455``, on one line or one on each; the JSON report of the
            Multi-Video Recorder; or what a clock may be read from.
        first: number of the first trigger; that of the JSON report is 1.

    Returns:
        int64 of shape (m,).

    Raises:
        ValueError: if they are no such numbers, or one is there twice.
        OSError: if there is no file, or it cannot be opened.
    """
    is_file = isinstance(source, (str, os.PathLike))
    what = f"lost_frames file {os.fspath(source)!r}" if is_file else "lost_frames"
    numbers = _read_file(source, what) if is_file else None
    if numbers is None:
        try:
            numbers = read_values(source, None)
        except ValueError as error:
            raise ValueError(f"{what} cannot be read: {error}") from error
    if is_file and Path(source).suffix.lower() == ".json":
        first = 1
    if len(numbers) and numbers.dtype.kind not in "iu":
        raise ValueError(f"{what} must be whole numbers, got {numbers.dtype}.")
    lost = np.sort(numbers.astype(np.int64)) - first
    if len(lost) and lost[0] < 0:
        raise ValueError(
            f"{what} names frame {lost[0] + first}, before the first frame, {first}; see "
            f"first_frame."
        )
    twice = lost[1:][lost[1:] == lost[:-1]]
    if len(twice):
        raise ValueError(f"{what} names frame {twice[0] + first} twice.")
    return lost


def _read_file(source: str | os.PathLike[str], what: str) -> np.ndarray | None:
    # None if the file is of a kind that clocks may be of, too.
    path = Path(source)
    if path.suffix.lower() not in (".json", ".txt", ".csv", ".dat"):
        return None
    with open(path, "rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"{what} has over {_MOST_BYTES} bytes, and is no such list.")
    text = content.decode("utf-8", "replace")
    if path.suffix.lower() == ".json":
        return _of_report(text, what)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    entries = [re.findall(_ENTRY, line) for line in lines if _LIST.fullmatch(line)]
    # Several numbers on each of several lines are the columns of a table.
    is_table = len(lines) > 1 and any(len(found) > 1 for found in entries)
    if is_table or len(entries) < len(lines):
        return None
    return _numbers([entry for found in entries for entry in found], what)


def _of_report(text: str, what: str) -> np.ndarray:
    try:
        report = json.loads(text)["RecordingReport"]
        count, runs = report["FramesLostCount"], report["LostFrames"]
        listed = ",".join(runs) if count else ""
        entries = re.findall(_ENTRY, listed) if _LIST.fullmatch(listed) else []
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{what} has no RecordingReport with FramesLostCount and LostFrames."
        ) from error
    numbers = _numbers(entries, what)
    if len(numbers) != count:
        raise ValueError(
            f"{what} counts {count} lost frames and lists {len(numbers)}: {listed[:60]!r}."
        )
    return numbers


def _numbers(entries: list[tuple[str, str]], what: str) -> np.ndarray:
    runs = []
    for first, last in entries:
        start, stop = int(first), int(last or first) + 1
        if not 0 < stop - start <= _LONGEST_RUN or stop > 1 << 62:
            run = f"{first}-{last}" if last else first
            raise ValueError(f"{what} has {run[:40]!r}, which are no numbers of frames.")
        runs.append(np.arange(start, stop, dtype=np.int64))
    return np.concatenate(runs) if runs else np.empty(0, np.int64)
