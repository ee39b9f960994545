r"""Changes a video or its index between every two steps of reading it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

import temporaldata_video as tv
from temporaldata_video.errors import VideoError
from temporaldata_video.testing import make_clip, read_numbers

N_FRAMES = 60
PATIENCE_SECONDS = 30.0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replaced(path: Path, other: Path) -> None:
    _remove(path)
    if other.is_dir():
        shutil.copytree(other, path)
    else:
        shutil.copy(other, path)


def _made(path: Path, make: Callable[[Path], None]) -> None:
    _remove(path)
    make(path)


def _linked(path: Path, target: str) -> None:
    _remove(path)
    path.symlink_to(target)


def _each_file(path: Path, change: Callable[[Path], None]) -> None:
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    for file in files:
        change(file)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(5000))


# What happens to a video or to its index, given another one of the same kind.
CHANGES: dict[str, Callable[[Path, Path], None]] = {
    "replaced": _replaced,
    "truncated": lambda path, _: _each_file(
        path, lambda file: os.truncate(file, file.stat().st_size // 2)
    ),
    "emptied": lambda path, _: _each_file(path, lambda file: os.truncate(file, 0)),
    "grown": lambda path, _: _each_file(path, _grow),
    "deleted": lambda path, _: _remove(path),
    "a pipe": lambda path, _: _made(path, os.mkfifo),
    "a folder": lambda path, _: _made(path, os.mkdir),
    "a device": lambda path, _: _linked(path, "/dev/zero"),
    "a link to itself": lambda path, _: _linked(path, path.name),
    "touched": lambda path, _: _each_file(path, lambda file: os.utime(file, (1, 1))),
}


def _steps(path: Path) -> Iterator[bool]:
    # Opens and reads a video step by step, and yields whether it has read what is right.
    video = tv.LazyVideo.from_uri(path)
    yield True
    yield bool(np.isclose(video.timestamps, np.arange(N_FRAMES) / 30).all())
    yield video.shape == (N_FRAMES, 3, 64, 96)
    for first in (0, 30, 33, 5):
        wanted = [*range(first, first + 6)]
        yield read_numbers(video.frames_at(wanted)).tolist() == wanted


N_STEPS = 7


def change_between(
    folder: Path, change: str, of_index: bool, step: int, fresh: bool
) -> str:
    r"""Returns what became of a video that was changed before a step: ``"right"``,
    ``"wrong"``, ``"late"`` or the name of an error.

    Args:
        folder: to work in.
        change: of :data:`CHANGES`.
        of_index: whether the index is changed, and not the video.
        step: how many steps of reading come before.
        fresh: whether the video is opened again after that.
    """
    path, other = folder / "cam.mp4", folder / "other.mp4"
    for target, source in ((path, folder / "whole.mp4"), (other, folder / "others.mp4")):
        _replaced(target, source)
        _replaced(Path(f"{target}.lance"), Path(f"{source}.lance"))
    began, reading = time.monotonic(), _steps(path)
    suffix = ".lance" if of_index else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right = [*islice(reading, step)]
            CHANGES[change](Path(f"{path}{suffix}"), Path(f"{other}{suffix}"))
            right += _steps(path) if fresh else reading
        outcome = "right" if all(right) else "wrong"
    except VideoError as error:
        outcome = type(error).__name__
    return outcome if time.monotonic() - began < PATIENCE_SECONDS else "late"


def change_everything(changes: tuple[str, ...] = tuple(CHANGES)) -> Counter:
    r"""Returns what became of a video or its index that was changed before each step, in
    each way, by way and outcome.

    Args:
        changes: of :data:`CHANGES`.
    """
    found: Counter = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for clip, first in (("whole.mp4", 0), ("others.mp4", 500)):
            options = {"size": (64, 96), "gop": 15, "first_frame": first}
            path = make_clip(folder / clip, N_FRAMES, **options)
            tv.write_index(path, progress=False)
        for change in changes:
            for of_index in (False, True):
                for step in range(N_STEPS):
                    for fresh in (False, True):
                        outcome = change_between(folder, change, of_index, step, fresh)
                        what = "index" if of_index else "video"
                        found[f"{what} {change}: {outcome}"] += 1
    return found
