r"""Forks a process at random moments of what another of its threads does with a video.

Run as a program, it forks a parent for each moment before anything heavy is imported. The
parent starts a thread, forks a child meanwhile, and the child must read the right frames.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

# A child that has not ended by then is taken to hang.
PATIENCE_SECONDS = 60.0


def read(uri: str) -> None:
    r"""Reads some frames of a clip and compares them with their numbers."""
    video = tv.LazyVideo.from_uri(uri)
    for first in (3, 30, 8):
        wanted = list(range(first, first + 5))
        assert read_numbers(video.frames_at(wanted)).tolist() == wanted


def _read_again(path: str) -> Callable[[], None]:
    read(path)
    return lambda: [read(path) for _ in range(10)] and None


def _index(path: str) -> Callable[[], None]:
    def index() -> None:
        for _ in range(3):
            target = f"{path}-{os.getpid()}.lance"
            tv.write_index(path, index_uri=target, overwrite=True, progress=False)

    return index


# What the thread does, by name: the first read of a process, reads of what its caches hold,
# indexing, and reading through a cache on disk. Each is made before the thread starts.
KINDS: dict[str, Callable[[str], Callable[[], None]]] = {
    "first read": lambda path: lambda: read(path),
    "cached read": _read_again,
    "index": _index,
    "fetch": lambda url: lambda: read(url),
}


def fork_at(moment: float, act: Callable[[], None], uri: str) -> str:
    r"""Returns what became of a child that was forked while a thread acts.

    Args:
        moment: seconds after the start of the thread.
        act: what the thread does.
        uri: what the child reads.
    """
    thread = threading.Thread(target=act)
    thread.start()
    time.sleep(moment)
    child = os.fork()
    if child == 0:
        status = 1
        faulthandler.dump_traceback_later(PATIENCE_SECONDS / 2)  # says where it hangs
        try:
            read(uri)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            thread.join()
            return "right" if status == 0 else "wrong"
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "hung"
        time.sleep(0.01)


def fork_at_random_moments(
    clip: Path, url: str, count: int, seed: int, kinds: tuple[str, ...] = tuple(KINDS)
) -> Counter:
    r"""Returns what became of so many children of each kind of work, by kind and outcome.

    Args:
        clip: a video whose frames hold their numbers, with its index.
        url: the same video on a server.
        count: children for each kind.
        seed: decides the moments.
        kinds: of :data:`KINDS`.
    """
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "stress.forks", folder, str(clip), url]
        done = subprocess.run(
            [*program, str(count), str(seed), *kinds],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            check=True,
        )
    return Counter(json.loads(done.stdout))


def fork_clip(count: int, seed: int, kinds: tuple[str, ...] = tuple(KINDS)) -> Counter:
    r"""As :func:`fork_at_random_moments`, of a clip that is made for it and served."""
    from .servers import FAULTS, serving

    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder, "cam.mp4"), 60, size=(64, 96), gop=30)
        tv.write_index(clip, progress=False)
        with serving(clip.read_bytes(), FAULTS["good"]) as url:
            return fork_at_random_moments(clip, url, count, seed, kinds)


def _main(folder: str, clip: str, url: str, count: str, seed: str, *kinds: str) -> None:
    warnings.simplefilter("ignore")
    chance, found = random.Random(int(seed)), Counter[str]()
    for kind in kinds:
        uri = url if kind == "fetch" else clip
        longest = 2.0
        for number in range(int(count) + 1):
            # The first parent says how long the work takes.
            moment = chance.uniform(0.0, longest) if number else 0.0
            # Each parent has a cache of its own, which is empty.
            cache = Path(folder, kind, str(number))
            cache.mkdir(parents=True)
            tv.configure(cache_directory=str(cache))
            outcome, seconds = _in_a_new_process(kind, uri, moment if number else None)
            if number:
                found[f"{kind}: {outcome}"] += 1
            else:
                longest = seconds
    print(json.dumps(found))


def _in_a_new_process(kind: str, uri: str, moment: float | None) -> tuple[str, float]:
    # Without a moment, it returns how many seconds the work takes.
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        outcome, seconds = "wrong", 0.0
        try:
            act = KINDS[kind](uri)
            began = time.monotonic()
            if moment is None:
                act()
                outcome, seconds = "right", time.monotonic() - began
            else:
                outcome = fork_at(moment, act, uri)
        except BaseException:
            traceback.print_exc()
        finally:
            os.write(writer, f"{outcome} {seconds}".encode())
            os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        outcome, seconds_taken = pipe.read().split()
    os.waitpid(parent, 0)
    return outcome, float(seconds_taken)


if __name__ == "__main__":
    _main(*sys.argv[1:])
