r"""Kills writers of sidecars at random moments, and looks at what they leave."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

import temporaldata_video as tv
from temporaldata_video.errors import IndexNotFoundError, VideoError
from temporaldata_video.testing import make_clip

N_FRAMES = 600
# Says when it is about to write; each index it writes has a clock of its own.
WRITER = """
import sys, warnings
import numpy as np
import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._sidecar.sidecar_write import write_sidecar
from temporaldata_video._bytes.local import LocalStore
video, target = sys.argv[1:]
segment = build_segment(LocalStore(), video)
# The first one loads what all of them need.
write_sidecar(target + "-warm", [video], [segment], np.arange(len(segment)) / 64)
print("ready", flush=True)
n = 0
while True:
    n += 1
    times = n + np.arange(len(segment)) / 64
    write_sidecar(target, [video], [segment], times, overwrite=True)
    print(n, flush=True)
"""


def clock_of(target: Path) -> float:
    r"""Reads all of an index and returns which of the writer's clocks it holds.

    Raises:
        AssertionError: if it is half of one index and half of another.
    """
    index = tv.LanceFrameIndex.open(target)
    times = index.timestamps()
    offsets = set((times - np.arange(N_FRAMES) / 64).tolist())
    assert len(times) == N_FRAMES and len(offsets) == 1, "half an index"
    assert len(index.segments[0].rows(0, N_FRAMES)) == N_FRAMES
    return offsets.pop()


def kill_writers(times: int, seed: int) -> Counter:
    r"""Kills a writer so many times and returns what was found afterwards.

    Half of them write into nothing, half over an index that is there.

    Args:
        times: how many writers are killed.
        seed: decides the moments.
    """
    chance, found = random.Random(seed), Counter()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder, "cam.mp4"), N_FRAMES, size=(32, 32), gop=60)
        for number in range(times):
            target = Path(folder, f"{number}.lance")
            exists = number % 2 == 1
            if exists:
                tv.write_index(
                    clip,
                    index_uri=target,
                    timestamps=np.arange(N_FRAMES) / 64,
                    progress=False,
                )
            written = _kill(clip, target, chance.uniform(0.0, 0.12))
            try:
                clock = clock_of(target)
            except IndexNotFoundError:
                found["none"] += 1
                found["corrupt"] += exists or written > 0
            except (VideoError, AssertionError):
                found["corrupt"] += 1
            else:
                found["old" if clock == 0 else "new"] += 1
                # What was said to be written is there, or what came after it.
                found["corrupt"] += clock < written
            tv.write_index(clip, index_uri=target, overwrite=True, progress=False)
            assert len(tv.LanceFrameIndex.open(target).timestamps()) == N_FRAMES
    return found


def _kill(clip: Path, target: Path, seconds: float) -> int:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(clip), str(target)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    said = process.stdout.read().split()
    process.wait()
    return int(said[-1]) if said else 0
