r"""Times a host with and without our change: ``python -m benchmarks.hosts --help``.

It runs the benchmark that the host's own source distribution holds, by turns on the package
as it is and on a patched copy, and keeps the best time of each. The hosts do not time
``Data.load``, the one function that changes, so that it is timed here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import geometric_mean
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

UPSTREAM = Path(__file__).resolve().parents[1] / "docs" / "upstream"
MOST = 1.02
# Of each host: its program, and the variable that names the source.
PROGRAMS = {
    "temporaldata": (["benchmarks/benchmark.py"], "TEMPORALDATA_SOURCE"),
    "torch_brain": (
        ["scripts/benchmarks/benchmark.py", "--suite", "data"],
        "TORCH_BRAIN_SOURCE",
    ),
}
LOAD = """
import importlib, json, os, sys, tempfile, timeit
sys.path.insert(0, sys.argv[1])
import numpy as np
host = importlib.import_module(sys.argv[2])
times = np.arange(0.0, 100.0, 0.01)
series = {
    f"series_{k}": host.IrregularTimeSeries(timestamps=times, domain="auto")
    for k in range(20)
}
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "rec.h5")
    host.Data(**series, domain=host.Interval(0.0, 100.0)).save(path)
    best = min(timeit.repeat(lambda: host.Data.load(path).close(), number=20, repeat=5))
print(json.dumps({"results": [{"label": "Data.load() (20 series)", "us": best / 20e-6}]}))
"""


def main(
    source: Annotated[
        Path, typer.Argument(help="The unpacked source distribution of a host.")
    ],
    rounds: Annotated[int, typer.Option(help="How often each of the two is timed.")] = 5,
) -> None:
    r"""Exits with 1 if the host's own benchmark takes more than 1.02 times as long."""
    name = source.resolve().name.partition("-")[0]
    program, variable = PROGRAMS[name]
    module = "torch_brain.data" if name == "torch_brain" else name
    own, loads = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder, "as_it_is"), Path(folder, "patched")]
        for copy in copies:
            shutil.copytree(source, copy)
        patch = UPSTREAM / f"{source.resolve().name}.patch"
        subprocess.run(["patch", "-p1", "-s", "-i", patch], cwd=copies[1], check=True)
        for turn in range(rounds):
            for copy in copies if turn % 2 else copies[::-1]:
                command = [copy / program[0], *program[1:], "--json"]
                keep_best(own, copy.name, run(command, {variable: str(copy)}))
                keep_best(loads, copy.name, run(["-c", LOAD, copy, module], {}))
    table = Table("benchmark", "as it is (µs)", "patched (µs)", "ratio")
    ratios = {label: best["patched"] / best["as_it_is"] for label, best in own.items()}
    for label, best in (own | loads).items():
        ratio = best["patched"] / best["as_it_is"]
        table.add_row(
            label, f"{best['as_it_is']:.2f}", f"{best['patched']:.2f}", f"{ratio:.3f}"
        )
    console = Console(width=100)
    console.print(table)
    mean = geometric_mean(ratios.values())
    console.print(f"{source.resolve().name}: its own benchmark takes {mean:.3f} times")
    sys.exit(mean > MOST)


def run(command: list[str | Path], variables: dict[str, str]) -> list[dict]:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)["results"]


def keep_best(best: dict[str, dict[str, float]], name: str, results: list[dict]) -> None:
    for result in results:
        # The hosts name the time differently; an error has none.
        (time,) = (result[key] for key in ("us", "time_us", "mean_us") if key in result)
        times = best.setdefault(result["label"], {})
        times[name] = min(time, times.get(name, time))


if __name__ == "__main__":
    typer.run(main)
