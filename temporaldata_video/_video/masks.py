r"""Remembers which frames were masked, in this process and in the workers it started.

A worker appends what it masks to a file of its parent, in a private folder of the user, so
that the training loop can say in the end which frames its workers masked. If no worker
masks anything, there is no file.
"""

from __future__ import annotations

import atexit
import json
import multiprocessing
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from .._base.user_warnings import warn_user
from .._bytes.private_folder import (
    check_private,
    make_private,
    open_private,
    user_name,
    write_private,
)
from ..errors import CacheError, DecodeWarning

# How many runs of frames per file are named before the rest is only counted.
_TOLD = 5


@dataclass(frozen=True, eq=False)
class MaskedFrames:
    r"""The frames of one file that were masked.

    Args:
        uri: the file.
        frames: their numbers in the file, sorted int64 of shape (n,).
        timestamps: their times on the recording's clock in seconds, float64 of shape (n,).
        reasons: why each of them does not decode.
    """

    uri: str
    frames: NDArray[np.int64]
    timestamps: NDArray[np.float64]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        # Frames that follow one another and have one reason are named together.
        same = [a == b for a, b in zip(self.reasons, self.reasons[1:])]
        breaks = np.flatnonzero((np.diff(self.frames) != 1) | ~np.array(same, bool)) + 1
        runs = np.split(np.arange(len(self.frames)), breaks)
        parts = [self._tell(int(run[0]), int(run[-1])) for run in runs[:_TOLD]]
        if len(runs) > _TOLD:
            parts.append(f"and {sum(map(len, runs[_TOLD:]))} more")
        return f"{self.uri}: {len(self.frames)} frames masked: {'; '.join(parts)}"

    def _tell(self, first: int, last: int) -> str:
        frames, times = self.frames, self.timestamps
        to = (f" to {frames[last]}", f" to {times[last]:.6f}") if last > first else ("", "")
        where = f"{frames[first]}{to[0]} ({times[first]:.6f}{to[1]} s)"
        return f"{where}: {self.reasons[first]}"


# For each file and frame its timestamp, and why it does not decode.
_Files = dict[str, dict[int, tuple[float, str]]]
# It has no lock, and forked children keep it, since they need not report it again.
_KNOWN: _Files = {}


def masked_frames() -> list[MaskedFrames]:
    r"""Returns which frames ``on_error="mask"`` has made zeros so far.

    It covers this process and the workers that it started with :mod:`multiprocessing`, as
    a ``DataLoader`` does, whether they still run or not.

    Returns:
        One entry for each file with masked frames, sorted by uri.

    Example ::

        >>> import temporaldata_video as tv
        >>> print(*tv.masked_frames(), sep="\\n")  # doctest: +SKIP
        /data/cam.mp4: 1 frames masked: 17 (0.566667 s): the decoder shows no frame
    """
    files = _merged(_KNOWN, _read(_ledger(os.getpid())))
    return [
        MaskedFrames(
            uri,
            np.array(sorted(found), np.int64),
            np.array([found[frame][0] for frame in sorted(found)], np.float64),
            tuple(found[frame][1] for frame in sorted(found)),
        )
        for uri, found in sorted(files.items())
        if found
    ]


def note_masked(uri: str, masked: Mapping[int, tuple[float, str]]) -> None:
    r"""Remembers masked frames of a file, and warns about the first of the file.

    Args:
        uri: the file.
        masked: timestamp and reason by the number in the file.
    """
    noted = _KNOWN.setdefault(uri, {})
    parent = multiprocessing.parent_process()
    ledger = _ledger(parent.pid) if parent is not None and parent.pid is not None else None
    if not noted:  # a sibling may have masked some before
        noted.update(_read(ledger).get(uri, {}))
    new = {frame: why for frame, why in masked.items() if frame not in noted}
    first = not noted
    noted.update(new)
    if new and ledger is not None:
        _append(ledger, uri, new)
    if first and new:
        frame, (time, reason) = min(new.items())
        warn_user(
            f"frame {frame} of {uri!r} (t = {time:.6f} s) does not decode: {reason}. It is "
            f"masked: zeros, and False in .valid. Later ones of this file raise no further "
            f"warning; temporaldata_video.masked_frames() lists them all.",
            DecodeWarning,
        )


def _merged(*parts: _Files) -> _Files:
    files: _Files = {}
    for part in parts:
        for uri, found in part.items():
            files.setdefault(uri, {}).update(found)
    return files


def _ledger(pid: int) -> str:
    # Where the children of a process report. Process numbers are used again; the random
    # key that multiprocessing gives to a process and to all that it starts is not.
    key = multiprocessing.current_process().authkey
    name = f"{pid}-{blake2b(key, digest_size=16).hexdigest()}.jsonl"
    folder = f"temporaldata-video-masked-{user_name()}"
    return os.path.join(tempfile.gettempdir(), folder, name)


def _read(ledger: str | None) -> _Files:
    files: _Files = {}
    if ledger is None:
        return files
    try:
        check_private(os.path.dirname(ledger))
        with open_private(ledger) as file:
            lines = file.read().splitlines()
    except (OSError, CacheError):
        return files
    for line in lines:
        try:
            uri, frame, time, reason = json.loads(line)
        except ValueError:  # still being written
            continue
        files.setdefault(uri, {})[frame] = (time, reason)
    return files


def _append(ledger: str, uri: str, masked: Mapping[int, tuple[float, str]]) -> None:
    lines = [json.dumps([uri, frame, *why]) + "\n" for frame, why in masked.items()]
    # A full disk, or a folder of somebody else, is no reason to end a training run.
    with suppress(OSError, CacheError):
        check_private(make_private(os.path.dirname(ledger)))
        # One write in append mode, so that the lines of two workers do not mix.
        write_private(ledger, "".join(lines).encode(), append=True)


@atexit.register
def _remove_own_ledger() -> None:
    with suppress(OSError):
        os.unlink(_ledger(os.getpid()))
