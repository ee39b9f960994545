r"""Gives readers of foreign bytes damaged inputs, guided by coverage where atheris is."""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

from temporaldata_video.testing.damage import damaged, damaged_boxes, damaged_json

from .seeds import seeds
from .targets import TARGETS, pack, scratch, unpack

# More memory or time than this for one small input is a mistake of its own.
MAX_MEMORY_BYTES = 6 << 30
MAX_SECONDS = 20.0
# What a row may hold that no writer of ours would put there.
ROW_VALUES = (None, -1, 0, 1, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63), 5)


def mutate(target: str, data: bytes, chance: random.Random) -> bytes:
    r"""Returns an input for a target, made from one that it takes."""
    if target in ("packets", "video") and chance.random() < 0.7:
        return damaged_boxes(data, chance)
    if target in ("header", "pointer"):
        if chance.random() < 0.9:
            return json.dumps(damaged_json(json.loads(data), chance)).encode()
    elif target in ("sidecar", "rows"):
        files = unpack(data)
        name = chance.choice([name for name in files if name != "cam.mp4"])
        if target == "sidecar":
            files[name] = damaged(files[name], chance)
        else:
            value = json.loads(files[name])
            if name == "columns" and chance.random() < 0.8:
                column = value[chance.choice(list(value))]
                column[chance.randrange(len(column))] = chance.choice(ROW_VALUES)
            else:
                value = damaged_json(value, chance)
            files[name] = json.dumps(value).encode()
        return pack(files)
    return damaged(data, chance)


def fuzz(target: str, seconds: float, seed: int, corpus: Path | None, out: Path) -> dict:
    r"""Runs a target on mutated real inputs.

    Args:
        target: its name.
        seconds: for how long.
        seed: decides the mutations.
        corpus: the folder of a corpus of real files.
        out: where inputs that fail are written.

    Returns:
        How many inputs were tried, made sense, and failed, and the slowest one.
    """
    # Lance asks for what a damaged page claims to have, and ends the process if it does
    # not get it; where memory may be promised without being there, it never uses it.
    if target != "sidecar":
        limit_memory()
    # What crashes or hangs the interpreter is found here afterwards.
    running = Path(scratch(), f"{target}-running.bin")
    run, chance = TARGETS[target], random.Random(seed)
    tried = sensible = failed = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        known = seeds(target, Path(folder), corpus)
        for data in known:
            run(data)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = mutate(target, chance.choice(known), chance)
            tried += 1
            begin = time.monotonic()
            faulthandler.dump_traceback_later(30, exit=True)
            running.write_bytes(data)
            try:
                sensible += run(data)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                failed += 1
                report(target, data, out, traceback.format_exc())
            took = time.monotonic() - begin
            if took > MAX_SECONDS:
                failed += 1
                report(target, data, out, f"took {took:.1f} s")
            slowest = max(slowest, took)
    return {
        "target": target,
        "inputs": tried,
        "made sense": sensible,
        "failed": failed,
        "slowest_seconds": round(slowest, 3),
        "most_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def limit_memory() -> None:
    r"""Makes an absurd allocation fail instead of the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


def report(target: str, data: bytes, out: Path, why: str) -> None:
    r"""Keeps an input that a target failed on."""
    out.mkdir(parents=True, exist_ok=True)
    place = out / f"{target}-{abs(hash(data)):x}.bin"
    place.write_bytes(data)
    print(f"{place}: {why}", file=sys.stderr)
