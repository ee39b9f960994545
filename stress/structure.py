r"""MP4 files whose boxes lie, indexed and read beside FFmpeg's sequential decode.

Each file is handled in a child that may not take more than 2 GB nor more than 20 s, since
lengths and counts in boxes are what makes readers ask for more.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from temporaldata_video.testing import make_clip
from temporaldata_video.testing.damage import box_places, damaged_boxes

from .outcomes import NONE, REFUSED, RIGHT, outcome

MAX_BYTES = 2 << 30
MAX_SECONDS = 20.0
N_FRAMES = 24
_NEGATIVE = {"avoid_negative_ts": "disabled"}
CLIPS = {
    "plain": {"b_frames": 0},
    "B-frames": {"open_gop": True},
    "fragmented": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "edit list": {"pts": range(-7, N_FRAMES - 7), "container_options": _NEGATIVE},
    "co64": {},
    "several tracks": {"audio": True, "second_video": True},
}
# Right, or an error of ours, be it one for each frame. What PyAV does not open for itself
# is not judged by it.
FINE = (RIGHT, REFUSED, NONE, "no truth")


class Damaged(NamedTuple):
    r"""What became of a damaged file.

    Args:
        number: of the file, from which it is made.
        clip: what was damaged.
        what: one of :data:`FINE`, or in capitals what is at fault.
        why: more of it.
        peak_mib: the most memory that the child has had so far, 0 if it died.
    """

    number: int
    clip: str
    what: str
    why: str
    peak_mib: int = 0


def originals(folder: Path) -> dict[str, bytes]:
    r"""Returns small MP4 files that are whole, by name.

    Args:
        folder: where they are made.
    """
    made = {}
    for name, options in CLIPS.items():
        path = make_clip(folder / f"{name}.mp4", N_FRAMES, size=(48, 64), gop=6, **options)
        made[name] = path.read_bytes()
    made["co64"] = _with_wide_offsets(made["co64"])
    return made


def _with_wide_offsets(data: bytes) -> bytes:
    # FFmpeg itself writes co64 in files of more than 4 GiB only. The header stands last, so
    # that no offset changes.
    (box,) = (place for place in box_places(data) if place.kind == b"stco")
    offsets = [data[at : at + 4] for at in range(box.start + 16, box.stop, 4)]
    inside = data[box.start + 8 : box.start + 16] + b"".join(bytes(4) + n for n in offsets)
    out = bytearray(data[: box.start] + bytes(4) + b"co64" + inside + data[box.stop :])
    for at, more in (*((at, 4 * len(offsets)) for at in box.parents), (box.start, 0)):
        length = int.from_bytes(out[at : at + 4], "big") + more
        out[at : at + 4] = (length or len(inside) + 8).to_bytes(4, "big")
    return bytes(out)


def damaged_file(whole: dict[str, bytes], number: int) -> tuple[str, bytes]:
    r"""Returns the name of a clip and its bytes, damaged.

    Args:
        whole: from :func:`originals`.
        number: decides clip and damage.
    """
    name = list(whole)[number % len(whole)]
    return name, damaged_boxes(whole[name], random.Random(number))


def handle(whole: dict[str, bytes], number: int, folder: Path) -> Damaged:
    r"""Makes a damaged file, indexes and reads it, and says what became of it.

    Args:
        whole: from :func:`originals`.
        number: of the file.
        folder: where it is written.
    """
    name, data = damaged_file(whole, number)
    path = folder / f"{number}.mp4"
    path.write_bytes(data)
    found = outcome(path, number)
    what = "no truth" if found.truth < 0 and found.what == "COUNT" else found.what
    return Damaged(number, name, what, found.why, _peak_mib())


def _peak_mib() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def damaged_files(numbers: range, folder: Path) -> Iterator[Damaged]:
    r"""Yields what becomes of files, one child after the other handling them.

    Args:
        numbers: of the files.
        folder: where they are written.
    """
    child = _Child(folder)
    try:
        for number in numbers:
            found = child.handle(number)
            if isinstance(found, str) or found.peak_mib > MAX_BYTES >> 20:
                child.stop()
                child = _Child(folder)
            if isinstance(found, str):
                name = list(CLIPS)[number % len(CLIPS)]
                found = Damaged(number, name, "DIED", found)
            elif found.peak_mib > MAX_BYTES >> 20:
                found = found._replace(what="MEMORY", why=f"{found.peak_mib} MiB")
            yield found
    finally:
        child.stop()


class _Child:
    r"""A process that handles files until it dies."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, folder), daemon=True)
        self._process.start()
        theirs.close()
        self._ours.recv()  # it has imported all that it needs

    def handle(self, number: int) -> Damaged | str:
        r"""Returns what became of a file, or how the process died of it."""
        self._ours.send(number)
        if not self._ours.poll(MAX_SECONDS):
            return f"took more than {MAX_SECONDS:.0f} s"
        try:
            return self._ours.recv()
        except EOFError:
            self._process.join()
            return f"exit status {self._process.exitcode}"

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()


def _work(connection: Connection, folder: Path) -> None:
    import resource

    # Of the address space threads reserve more than they ever use; data is what is had.
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_BYTES, MAX_BYTES))
    whole = originals(folder)
    connection.send("ready")
    while True:
        connection.send(handle(whole, connection.recv(), folder))
