r"""Watches descriptors, threads and memory of a process that cuts many windows."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple

import temporaldata_video as tv
from temporaldata_video.testing import make_clip


class Usage(NamedTuple):
    r"""What a process holds.

    Args:
        descriptors: open files.
        threads: of the operating system where it tells, else of Python.
        memory_kib: resident memory.
    """

    descriptors: int
    threads: int
    memory_kib: int


def usage() -> Usage:
    r"""Returns what this process holds now."""
    gc.collect()
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    return Usage(
        descriptors=len(os.listdir("/proc/self/fd")),
        threads=int(status.get("Threads", threading.active_count())),
        memory_kib=int(status["VmRSS"].split()[0]),
    )


def cut(slices: int, seed: int, every: int) -> list[Usage]:
    r"""Cuts and decodes windows of a video, and returns what the process holds meanwhile.

    Single windows at random, sliding ones, with and without threads, and pickled ones.

    Args:
        slices: how many.
        seed: decides which.
        every: how many lie between two looks.
    """
    import pickle

    chance = random.Random(seed)
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder, "cam.mp4"), 600, size=(64, 96), gop=30)
        tv.write_index(clip, progress=False)
        videos = [tv.LazyVideo.from_uri(clip, threads=threads) for threads in (1, 2)]
        for number in range(slices):
            video = videos[number % 16 == 0]
            if number % 50 == 0:
                video = pickle.loads(pickle.dumps(video))
            start = number / 30 % 19 if number % 3 else chance.uniform(0.0, 19.0)
            frames = video.slice(start, start + 0.2).frames
            assert frames.shape[1:] == (3, 64, 96) and 5 <= len(frames) <= 7
            if (number + 1) % every == 0:
                seen.append(usage())
    return seen
