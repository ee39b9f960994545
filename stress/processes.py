r"""Reads one video from many threads, from pools within pools, from workers that end with
their parent, beside an event loop, and while the interpreter ends.
"""

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

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

from .signals import members

N_FRAMES = 240
PATIENCE_SECONDS = 30.0

# Each program gets a video and a method of starting processes, and reads frames whose
# numbers must be right; what follows is common to all of them.
_COMMON = """
import random, sys, threading, time, warnings
import multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import temporaldata_video as tv
from temporaldata_video.testing import read_numbers
warnings.simplefilter("ignore")
PATH, METHOD, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3])
context = mp.get_context(METHOD)

def read(seed, video=None, count=4):
    chance = random.Random(seed)
    video = video or tv.LazyVideo.from_uri(PATH)
    for _ in range(count):
        first = chance.randrange(230)
        wanted = list(range(first, first + 8))
        assert read_numbers(video.frames_at(wanted)).tolist() == wanted
    return seed
"""
PROGRAMS = {
    "50 threads": """
if __name__ == "__main__":
    video = tv.LazyVideo.from_uri(PATH)
    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(lambda seed: read(seed, video), range(100))) == [*range(100)]
""",
    "pools within pools": """
def outer(seed):
    read(seed)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        return sum(pool.map(read, range(4)))

if __name__ == "__main__":
    read(SEED)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(outer, range(3))) == [6, 6, 6]
""",
    "daemonic workers": """
def forever(queue):
    for seed in range(10**9):
        queue.put(read(seed))

if __name__ == "__main__":
    read(SEED)
    queue = context.Queue()
    for _ in range(2):
        context.Process(target=forever, args=(queue,), daemon=True).start()
    for _ in range(6):
        queue.get()
""",
    "an event loop": """
import asyncio
async def main():
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        tasks = [asyncio.to_thread(read, seed) for seed in range(8)]
        tasks += [loop.run_in_executor(pool, read, seed) for seed in range(8, 12)]
        assert await asyncio.gather(*tasks) == [*range(12)]

if __name__ == "__main__":
    asyncio.run(main())
""",
    "shutdown with threads at work": """
if __name__ == "__main__":
    for daemon in (True, True, False):
        threading.Thread(target=read, args=(SEED, None, 40), daemon=daemon).start()
    time.sleep(random.Random(SEED).uniform(0.0, 0.8))
""",
    "shutdown with a pool at work": """
if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, mp_context=context)
    for seed in range(4):
        pool.submit(read, seed)
    time.sleep(random.Random(SEED).uniform(0.0, 0.8))
    pool.shutdown(wait=False, cancel_futures=True)
""",
}
METHODS = ("fork", "spawn", "forkserver")


def run_programs(
    count: int,
    seed: int,
    names: tuple[str, ...] = tuple(PROGRAMS),
    patience: float = PATIENCE_SECONDS,
) -> Counter:
    r"""Returns what became of the programs, by program and outcome.

    Args:
        count: runs of each program.
        seed: decides the moments, which frames are read, and how processes start.
        names: of :data:`PROGRAMS`.
        patience: seconds after which a program counts as one that hangs.
    """
    chance, found = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder, "cam.mp4"), N_FRAMES, size=(64, 96), gop=30)
        tv.write_index(clip, progress=False)
        for name in names:
            program = Path(folder, "program.py")
            program.write_text(_COMMON + PROGRAMS[name])
            for number in range(count):
                method = METHODS[(seed + number) % len(METHODS)]
                started = [program, clip, method, chance.randrange(10**6)]
                outcome = _run([sys.executable, *map(str, started)], patience)
                found[f"{name}: {outcome}"] += 1
                if outcome != "right":
                    print(name, method, started[-1], outcome, file=sys.stderr)
    return found


def _run(arguments: list[str], patience: float) -> str:
    began = time.monotonic()
    process = subprocess.Popen(
        arguments, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _, said = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        outcome = "hung"
    else:
        # Whether a thread of the interpreter had more to say at its end is its own affair.
        ended_well = process.returncode == 0 and "AssertionError" not in said
        outcome = "right" if ended_well else f"wrong: {said.strip()[-200:]}"
    while (left := members(process.pid)) and time.monotonic() < began + patience:
        time.sleep(0.02)
    for member in left:
        outcome = "left children" if outcome == "right" else outcome
        os.kill(member, signal.SIGKILL)
    process.wait()
    return outcome
