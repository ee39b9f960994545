r"""``python -m stress COMMAND``: what this package withstands; ``--help`` says which."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from .changes import change_everything
from .damage import FOUND, damaged_videos
from .forks import fork_clip
from .fuzz import fuzz
from .limits import short_of_everything
from .loaders import kill_workers
from .long_runs import read_for_long
from .mutants import draw_mutants, run_mutants
from .processes import run_programs
from .pulses import match_many
from .recordings import load_all
from .resources import Usage, cut
from .servers import read_from_all
from .signals import signal_all
from .structure import FINE, damaged_files
from .targets import TARGETS
from .writers import kill_writers


def main() -> int:
    r"""Runs what the command line asks for, and prints one line of JSON for each result."""
    parser = argparse.ArgumentParser(prog="python -m stress", description=__doc__)
    corpus = os.environ.get("TEMPORALDATA_VIDEO_CORPUS")
    parser.add_argument("--corpus", type=Path, default=corpus and Path(corpus))
    parser.add_argument("--out", type=Path, default=Path("stress-results"))
    commands = parser.add_subparsers(dest="command", required=True)
    each = commands.add_parser("fuzz", help="damaged inputs for all readers")
    each.add_argument("targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET")
    each.add_argument("--seconds", type=float, default=60, help="for each target")
    each.add_argument("--seed", type=int, default=0)
    each.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    damage = commands.add_parser("damage", help="damaged videos beside FFmpeg's decode")
    damage.add_argument("--variants", type=int, default=504)
    damage.add_argument("--seed", type=int, default=1)
    structure = commands.add_parser("structure", help="MP4 files whose boxes lie")
    structure.add_argument("--count", type=int, default=2000)
    structure.add_argument("--first", type=int, default=0, help="number of the first file")
    writers = commands.add_parser("writers", help="writers killed at random moments")
    writers.add_argument("--kills", type=int, default=100)
    writers.add_argument("--seed", type=int, default=1)
    loaders = commands.add_parser("loaders", help="workers of PyTorch's loaders killed")
    loaders.add_argument("--kills", type=int, default=100)
    loaders.add_argument("--seed", type=int, default=1)
    resources = commands.add_parser("resources", help="descriptors, threads and memory")
    resources.add_argument("--slices", type=int, default=10_000)
    resources.add_argument("--seed", type=int, default=1)
    long = commands.add_parser("long", help="many windows of 20 videos through a cache")
    long.add_argument("--windows", type=int, default=20_000, help="for each process")
    long.add_argument("--processes", type=int, default=4)
    long.add_argument("--seed", type=int, default=1)
    forks = commands.add_parser("forks", help="forks while another thread reads")
    forks.add_argument("--count", type=int, default=200, help="for each kind of work")
    forks.add_argument("--seed", type=int, default=1)
    commands.add_parser("changes", help="files that change between two steps")
    commands.add_parser("recordings", help="recordings that lead elsewhere")
    commands.add_parser("limits", help="too little memory, room, rights, descriptors")
    commands.add_parser("servers", help="HTTP servers that misbehave")
    signals = commands.add_parser("signals", help="commands that are interrupted or killed")
    signals.add_argument("--count", type=int, default=25, help="for each command")
    signals.add_argument("--seed", type=int, default=1)
    processes = commands.add_parser("processes", help="threads, pools, ends of programs")
    processes.add_argument("--count", type=int, default=12, help="for each program")
    processes.add_argument("--seed", type=int, default=1)
    mutants = commands.add_parser("mutants", help="mistakes that a test should notice")
    mutants.add_argument("--count", type=int, default=300)
    mutants.add_argument("--only", type=int, nargs="+", help="their numbers, from 1 on")
    mutants.add_argument("--seed", type=int, default=1)
    mutants.add_argument("--seconds", type=float, default=30, help="of tests for each")
    mutants.add_argument("--jobs", type=int, default=1, help="how many at a time")
    pulses = commands.add_parser("pulses", help="trains of pulses matched to frames")
    pulses.add_argument("--count", type=int, default=1000)
    pulses.add_argument("--first", type=int, default=0, help="number of the first train")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    return globals()[f"_{arguments.command}"](arguments)


def _fuzz(arguments: argparse.Namespace) -> int:
    failed = 0
    for target in arguments.targets or TARGETS:
        if arguments.guided:
            result = _guided(target, arguments)
        else:
            result = fuzz(
                target, arguments.seconds, arguments.seed, arguments.corpus, arguments.out
            )
        failed += result["failed"]
        print(json.dumps(result), flush=True)
    return bool(failed)


def _damage(arguments: argparse.Namespace) -> int:
    total: Counter = Counter()
    for result in damaged_videos(
        arguments.variants, arguments.seed, arguments.corpus, arguments.out
    ):
        total["variants"] += 1
        total += Counter({k: n for k, n in result.items() if type(n) is int})
        if FOUND in result:
            total["variants with a difference"] += 1
            total["of those not found by check --decode"] += not result[FOUND]
            print(json.dumps(result), flush=True)
    print(json.dumps(total), flush=True)
    return bool(total["of those not found by check --decode"])


def _structure(arguments: argparse.Namespace) -> int:
    total: Counter = Counter()
    numbers = range(arguments.first, arguments.first + arguments.count)
    with tempfile.TemporaryDirectory() as folder:
        for found in damaged_files(numbers, Path(folder)):
            total[found.clip, found.what] += 1
            path = Path(folder, f"{found.number}.mp4")
            if found.what not in FINE:
                print(json.dumps(found._asdict()), flush=True)
                shutil.copy(path, arguments.out / f"structure-{found.number}.mp4")
            path.unlink()
            shutil.rmtree(f"{path}.lance", ignore_errors=True)
    outcomes = sorted({what for _, what in total})
    print(f"{'damaged':<16}", *(f"{what:>12}" for what in outcomes))
    for clip in dict.fromkeys(clip for clip, _ in total):
        print(f"{clip:<16}", *(f"{total[clip, what]:>12}" for what in outcomes))
    return int(any(what not in FINE for what in outcomes))


def _writers(arguments: argparse.Namespace) -> int:
    found = kill_writers(arguments.kills, arguments.seed)
    print(json.dumps({"killed": arguments.kills, **found}), flush=True)
    return bool(found["corrupt"])


def _loaders(arguments: argparse.Namespace) -> int:
    found = kill_workers(arguments.kills, arguments.seed)
    print(json.dumps(found), flush=True)
    return bool(found["wrong frames"] or found["left in /dev/shm"])


def _resources(arguments: argparse.Namespace) -> int:
    # The first tenth fills what is kept on purpose: rows, decoders, memory of pixels.
    seen = cut(arguments.slices, arguments.seed, max(1, arguments.slices // 10))
    for number, now in enumerate(seen, 1):
        slices = number * arguments.slices // 10
        print(json.dumps({"slices": slices, **now._asdict()}), flush=True)
    return int(_grown(seen))


def _grown(seen: list[Usage]) -> bool:
    first, last = seen[0], seen[-1]
    grown = last.memory_kib - first.memory_kib > 32 * 1024
    return last.descriptors > first.descriptors or last.threads > first.threads or grown


def _long(arguments: argparse.Namespace) -> int:
    found = read_for_long(arguments.windows, arguments.processes, arguments.seed)
    for number, seen in enumerate(found.usages):
        print(json.dumps({"process": number, "looks": [u._asdict() for u in seen]}))
    print(json.dumps(found._replace(usages=[])._asdict()), flush=True)
    over = found.most_bytes > found.quota_bytes
    return int(over or any(_grown(seen) for seen in found.usages))


def _forks(arguments: argparse.Namespace) -> int:
    found = fork_clip(arguments.count, arguments.seed)
    print(json.dumps(found), flush=True)
    return int(any(not outcome.endswith(": right") for outcome in found))


# What must not become of a recording that leads elsewhere.
_HOSTILE = ("wrong", "late", "connected")


def _changes(arguments: argparse.Namespace) -> int:
    found = change_everything()
    print(json.dumps(found), flush=True)
    return int(any(outcome.endswith((": wrong", ": late")) for outcome in found))


def _recordings(arguments: argparse.Namespace) -> int:
    found = load_all()
    print(json.dumps(found), flush=True)
    return int(any(n for name, n in found.items() if name.startswith(_HOSTILE)))


def _limits(arguments: argparse.Namespace) -> int:
    found = short_of_everything()
    print(json.dumps(found), flush=True)
    return int(any(re.search(": (wrong|hung|lost)", outcome) for outcome in found))


def _servers(arguments: argparse.Namespace) -> int:
    found = read_from_all()
    print(json.dumps(found), flush=True)
    return int(any(outcome.endswith((": wrong", ": late")) for outcome in found))


def _signals(arguments: argparse.Namespace) -> int:
    found = signal_all(arguments.count, arguments.seed)
    print(json.dumps(found), flush=True)
    return int(any(not outcome.endswith(": right") for outcome in found))


def _processes(arguments: argparse.Namespace) -> int:
    found = run_programs(arguments.count, arguments.seed)
    print(json.dumps(found), flush=True)
    return int(any(not outcome.endswith(": right") for outcome in found))


def _mutants(arguments: argparse.Namespace) -> int:
    drawn = draw_mutants(arguments.count, arguments.seed)
    numbers = arguments.only or range(1, len(drawn) + 1)
    died = 0
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run_mutants(
            [drawn[number - 1] for number in numbers],
            Path(folder),
            arguments.out,
            arguments.seconds,
            arguments.jobs,
        )
        for number, outcome in zip(numbers, outcomes):
            died += outcome.died
            mutant = outcome.mutant
            print(
                f"{number} {'died' if outcome.died else 'SURVIVED'} {mutant.module} "
                f"{mutant.operator} {mutant.occurrence}: {outcome.last}",
                flush=True,
            )
            if not outcome.died:
                print(mutant.change, flush=True)
    print(f"{died} of {len(numbers)} mutants died: {died / len(numbers):.1%}")
    return int(died < 0.85 * len(numbers))


def _pulses(arguments: argparse.Namespace) -> int:
    found = match_many(arguments.count, arguments.first)
    print(json.dumps(found), flush=True)
    return int(any("wrong" in outcomes for outcomes in found.values()))


def _guided(target: str, arguments: argparse.Namespace) -> dict:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "stress.guided", target, str(int(arguments.seconds))),
            *(str(arguments.corpus or ""), str(arguments.out)),
        ],
        capture_output=True,
        text=True,
        errors="replace",
    )
    log = arguments.out / f"{target}.log"
    log.write_text(done.stdout + done.stderr)
    runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    memory = re.search(r"peak_rss_mb:\s*(\d+)", done.stderr)
    return {
        "target": target,
        "inputs": int(runs[1]) if runs else 0,
        "failed": int(done.returncode != 0),
        "most_memory_mb": int(memory[1]) if memory else 0,
        "log": str(log),
    }


if __name__ == "__main__":
    sys.exit(main())
