r"""Reads the frames of several windows at once, each group of pictures once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import numpy as np

from .._base.process_cache import usable_threads
from .._base.request_memory import check_request
from .._decode.read_file import VideoFile, fetch_ahead, read_frames
from .._pixels.buffers import empty_frames
from .._pixels.convert import OutputFormat
from ..errors import DecodeError
from .masks import note_masked
from .recording import Recording


class Request(NamedTuple):
    r"""Frames that are wanted of a recording.

    Args:
        recording: the one that they belong to.
        frames: frame numbers in any order, repeated or not, int64 of shape (n,).
    """

    recording: Recording
    frames: np.ndarray


@dataclass(eq=False)
class _FileRead:
    # What is wanted of one file in one kind of pixels: for each frame of the file the
    # requests that want it, and where in their arrays it goes.
    file: VideoFile
    output: OutputFormat
    threads: int
    places: dict[int, list[tuple[int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )


def read_together(requests: Sequence[Request]) -> list[tuple[np.ndarray, np.ndarray]]:
    r"""Decodes the frames of all requests, planned as one.

    What several of them want of a file is fetched and decoded once, where they agree in
    the pixels that they want of it.

    Args:
        requests: of one recording or several.

    Returns:
        For each request the pixels, uint8 of shape (n, \*frame_shape), and which of them
        are valid, bool of shape (n,).

    Raises:
        RequestTooLargeError: if the pixels need more memory than there is.
        DecodeError: if a frame does not decode, unless ``on_error`` of its recording is
            ``"mask"``.
    """
    sizes = [len(r.frames) * prod(r.recording.frame_shape) for r in requests]
    if sizes:
        n_frames = sum(len(r.frames) for r in requests)
        shape = requests[int(np.argmax(sizes))].recording.frame_shape
        check_request(sum(sizes), f"{n_frames} frames of {' x '.join(map(str, shape))}")
    arrays = [empty_frames((len(r.frames), *r.recording.frame_shape)) for r in requests]
    unique = [np.unique(r.frames, return_index=True, return_inverse=True) for r in requests]
    missing: list[dict[int, str]] = [{} for _ in requests]
    reads = _by_file(requests, unique)
    rows_of = [np.array(sorted(read.places), np.int64) for read in reads]
    files = fetch_ahead([(read.file, rows) for read, rows in zip(reads, rows_of)])
    for read, file, rows in zip(reads, files, rows_of):
        places = read.places

        def target(row: int, places=places) -> np.ndarray:
            request, slot = places[row][0]
            return arrays[request][slot]

        failed = read_frames(file, rows, read.output, target, read.threads)
        for row, shared in places.items():
            if row in failed:
                for request, slot in shared:
                    missing[request][slot] = failed[row]
                continue
            for request, slot in shared[1:]:
                arrays[request][slot] = target(row)
    return [
        (pixels, _fill_in(pixels, request, lacking, first[inverse]))
        for request, pixels, lacking, (_, first, inverse) in zip(
            requests, arrays, missing, unique
        )
    ]


def _by_file(
    requests: Sequence[Request],
    unique: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> list[_FileRead]:
    reads: dict[Hashable, _FileRead] = {}
    for number, ((recording, _), (frames, first, _)) in enumerate(zip(requests, unique)):
        threads = recording.threads
        threads = usable_threads() if threads == "auto" else int(threads)
        for file, rows, wanted in recording.by_file(frames):
            # Copies of a video have an index each; what they say of the same file is equal.
            known_by = file.packets.fingerprint or id(file.packets)
            key = (file.uri, known_by, recording.output, threads)
            read = reads.setdefault(key, _FileRead(file, recording.output, threads))
            for row, slot in zip(rows.tolist(), first[wanted].tolist()):
                read.places[row].append((number, slot))
    return list(reads.values())


def _fill_in(
    pixels: np.ndarray, request: Request, missing: dict[int, str], origin: np.ndarray
) -> np.ndarray:
    # What did not decode is refused or becomes zeros, and what was asked for more than
    # once is copied from where it was decoded to. Returns what is valid.
    if missing and request.recording.on_error == "raise":
        slot, why = min(missing.items())
        raise _decode_error(request.recording, int(request.frames[slot]), why)
    if missing:
        reasons = {int(request.frames[slot]): why for slot, why in missing.items()}
        _note_masked(request.recording, reasons)
    for slot in missing:
        pixels[slot] = 0
    copies = np.flatnonzero(origin != np.arange(len(origin)))
    for slot in copies.tolist():
        pixels[slot] = pixels[origin[slot]]
    valid = np.ones(len(pixels), bool)
    valid[list(missing)] = False
    return valid[origin]


def _note_masked(recording: Recording, reasons: dict[int, str]) -> None:
    frames = np.array(sorted(reasons), np.int64)
    for file, rows, wanted in recording.by_file(frames):
        numbers = frames[wanted].tolist()
        known = [(float(recording.timestamps[n]), reasons[n]) for n in numbers]
        note_masked(file.uri, dict(zip(rows.tolist(), known)))


def _decode_error(recording: Recording, frame: int, why: str) -> DecodeError:
    segment = int(np.searchsorted(recording.frame_offsets, frame, side="right")) - 1
    file, _ = recording.files[segment]
    return DecodeError(
        f"frame {frame} of {file.uri!r} (t = {recording.timestamps[frame]:.6f} s) does not "
        f"decode: {why}. Open the video with on_error='mask' to have zeros there and "
        f"to see in .valid which frames they are."
    )
