r"""``python -m stress fuzz|damage|writers|resources``: what this package withstands."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from .fuzz import fuzz
from .targets import TARGETS


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
