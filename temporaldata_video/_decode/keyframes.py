r"""Proves by decoding where decoding can start, and takes a checksum of each frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..types import Packets, SegmentPackets
from .plan import plan_runs
from .read_file import VideoFile
from .sequence import decode_run, frame_digest, whole_run

if TYPE_CHECKING:
    import av

Advance = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Proof:
    r"""The facts that decoding a whole file showed.

    Args:
        checksums: of each frame, int64 of shape (n,); 0 where it does not decode.
        entries: frames at which decoding can start, bool of shape (n,): from such a frame
            up to the next one, frames are the same as in a sequential decode.
        hidden_entry: whether decoding can start at key frames among the hidden packets.
    """

    checksums: np.ndarray
    entries: np.ndarray
    hidden_entry: bool


def checksums(file: VideoFile, advance: Advance | None = None) -> np.ndarray:
    r"""Returns the checksum of each frame of a sequential decode, int64 of shape (n,).

    It covers the frame's own planes, before any conversion, and is 0 where a frame does
    not decode.

    Args:
        file: the file.
        advance: called with the number of frames decoded so far.
    """
    found = np.zeros(len(file.packets), np.int64)
    done = 0

    def note(number: int, frame: av.VideoFrame) -> None:
        nonlocal done
        found[number] = _checksum(frame)
        done += 1
        if advance is not None:
            advance(done)

    decode_run(file, whole_run(file.packets), note)
    return found


def _checksum(frame: av.VideoFrame) -> int:
    return int.from_bytes(frame_digest(frame)[:8], "little", signed=True) or 1


def prove(file: VideoFile, advance: Advance | None = None) -> Proof:
    r"""Decodes a file in sequence, and from each of its key frames.

    If other frames come out of a key frame than in sequence, it is none. The frames after
    it are then decoded from the key frame before, until all agree.

    Args:
        file: the file.
        advance: called with the number of frames decoded so far.
    """
    sequential = checksums(file, advance)
    n = len(sequential)
    entries = file.packets.rows(0, n).keyframe.copy()
    hidden_entry = bool(file.packets.hidden.keyframe.any())
    agreed: set[tuple[int, int]] = set()
    done = n
    while True:
        candidate = _with_entries(file, entries, hidden_entry)
        starts = np.unique([0, *np.flatnonzero(entries).tolist(), n]).tolist()
        failed = []
        for start, stop in pairwise(starts):
            if (start, stop) in agreed:
                continue
            if _agrees(candidate, np.arange(start, stop), sequential):
                agreed.add((start, stop))
            else:
                failed.append(start)
            done += stop - start
            if advance is not None:
                advance(done)
        demotable = [start for start in failed if entries[start] or hidden_entry]
        if not demotable:
            return Proof(sequential, entries, hidden_entry)
        for start in demotable:
            if not entries[start]:
                hidden_entry = False
            # Before it, at the beginning of the file, there is no frame to start at.
            entries[start] = False
        agreed = {span for span in agreed if span[1] not in demotable}


def _with_entries(file: VideoFile, entries: np.ndarray, hidden_entry: bool) -> VideoFile:
    return replace(file, packets=_Entries(file.packets, entries, hidden_entry))


class _Entries:
    # The packets of a file with other key frames.

    def __init__(
        self, packets: SegmentPackets, entries: np.ndarray, hidden_entry: bool
    ) -> None:
        self.stream, self.fingerprint = packets.stream, packets.fingerprint
        self._rows = replace(packets.rows(0, len(packets)), keyframe=entries.copy())
        hidden = packets.hidden
        self.hidden = replace(hidden, keyframe=hidden.keyframe & hidden_entry)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, start: int, stop: int) -> Packets:
        return self._rows[start:stop]


def _agrees(file: VideoFile, rows: np.ndarray, sequential: np.ndarray) -> bool:
    found = dict.fromkeys(rows.tolist(), 0)

    def note(number: int, frame: av.VideoFrame) -> None:
        found[number] = _checksum(frame)

    for run in plan_runs(file.packets, rows):
        decode_run(file, run, note)
    return all(checksum == sequential[row] for row, checksum in found.items())
