r"""Says what was measured: tables, a file of all samples, and a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .measure import Cell
from .readers import FLOOR, OURS
from .thresholds import Ratio, Threshold, mean, ratios

PACKAGES = (
    "temporaldata-video",
    "av",
    "torchcodec",
    "torch",
    "decord",
    "opencv-python-headless",
    "numpy",
    "pylance",
)


def machine() -> dict[str, Any]:
    r"""Returns what the figures depend on."""
    import av

    cpu = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line for line in file if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else ""
    return {
        "system": platform.platform(),
        "cpu": cpu or platform.processor(),
        "processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "ffmpeg": {name: ".".join(map(str, v)) for name, v in av.library_versions.items()},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def print_workload(console: Console, workload: str, cells: list[Cell], clock: str) -> None:
    r"""Prints the readers of a workload, file by file."""
    mine = [cell for cell in cells if cell.workload == workload]
    if not mine:
        return
    readers = list(dict.fromkeys(cell.reader for cell in mine))
    table = Table(title=f"{workload}: median ms a request (times ours)", show_lines=False)
    table.add_column("file", no_wrap=True)
    for reader in readers:
        table.add_column(reader.replace("torchcodec ", "tc "), justify="right")
    found = {(r.video, r.reader): r for r in ratios(mine, clock)}
    by_place = {(cell.video, cell.reader): cell for cell in mine}
    for video in dict.fromkeys(cell.video for cell in mine):
        row = [
            _say(by_place.get((video, r)), found.get((video, r)), clock) for r in readers
        ]
        table.add_row(video[:34], *row)
    table.add_section()
    means = [mean(r for r in found.values() if r.reader == reader) for reader in readers]
    table.add_row(
        "geometric mean of times ours",
        *(
            "1.00" if r == OURS else f"{m:.2f}" if m == m else ""
            for r, m in zip(readers, means)
        ),
    )
    wrong = [[c for c in mine if c.reader == reader] for reader in readers]
    table.add_row("wrong frames of those checked", *(_count_wrong(of) for of in wrong))
    console.print(table)


def _say(cell: Cell | None, ratio: Ratio | None, clock: str) -> str:
    if cell is None or (not cell.seconds and not cell.failure):
        return ""
    if cell.failure:
        return "failed"
    wrong = f" [red]{cell.wrong} wrong[/red]" if cell.wrong else ""
    times = f" ({ratio.value:.2f})" if ratio else ""
    return f"{cell.median(clock) * 1e3:.1f}{times}{wrong}"


def _count_wrong(cells: list[Cell]) -> str:
    checked = sum(cell.checked for cell in cells)
    return f"{sum(cell.wrong for cell in cells)}/{checked}" if checked else ""


def print_overview(console: Console, cells: list[Cell], clock: str) -> None:
    r"""Prints the geometric means over all files, and the wrong frames of each reader."""
    found = ratios(cells, clock)
    readers = [r for r in dict.fromkeys(cell.reader for cell in cells) if r != OURS]
    workloads = list(dict.fromkeys(cell.workload for cell in cells))
    table = Table(title="times ours, geometric mean over files; the floor as ours / floor")
    table.add_column("reader", no_wrap=True)
    for name in [*workloads, "all", "wrong", "largest difference", "failed"]:
        table.add_column(name, justify="right")
    for reader in [OURS, *readers]:
        mine = [ratio for ratio in found if ratio.reader == reader]
        means = [mean(r for r in mine if r.workload == w) for w in workloads] + [mean(mine)]
        if reader == FLOOR:
            means = [1 / m for m in means]
        of_reader = [cell for cell in cells if cell.reader == reader]
        table.add_row(
            "ours / floor" if reader == FLOOR else reader,
            *("1" if reader == OURS else f"{m:.2f}" if m == m else "" for m in means),
            _count_wrong(of_reader),
            "" if reader == FLOOR else str(max(c.max_difference for c in of_reader)),
            str(sum(bool(cell.failure) for cell in of_reader)),
        )
    console.print(table)


def print_rows(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    r"""Prints rows that were measured apart; seconds become milliseconds."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "video" else "right")
    for row in rows:
        table.add_row(*(_say_value(name, value) for name, value in row.items()))
    console.print(table)


def _say_value(name: str, value: Any) -> str:
    if value is None:
        return "failed"
    if isinstance(value, float):
        return f"{value:.2f}" if name in ("gain", "ratio") else f"{value * 1e3:.1f} ms"
    return str(value)


def print_thresholds(console: Console, thresholds: Iterable[Threshold]) -> None:
    r"""Prints what is promised and what was measured."""
    table = Table(title="thresholds")
    for name in ("what", "wanted", "measured", "ok", "worst at"):
        table.add_column(name, overflow="fold")
    for row in thresholds:
        ok = {True: "[green]yes", False: "[red]NO", None: "-"}[row.ok]
        table.add_row(row.what, row.wanted, row.measured, ok, row.where)
    console.print(table)


def write_json(path: Path, results: dict[str, Any], cells: list[Cell]) -> None:
    r"""Writes everything that was measured, sample by sample."""
    of_cells = [
        asdict(cell) | {"seconds": {k: s._asdict() for k, s in cell.seconds.items()}}
        for cell in cells
    ]
    path.write_text(json.dumps(results | {"cells": of_cells}, indent=1))


def read_json(path: Path) -> tuple[dict[str, Any], list[Cell]]:
    r"""Returns what :func:`write_json` wrote."""
    from .measure import Seconds

    results = json.loads(path.read_text())
    cells = []
    for row in results.pop("cells"):
        seconds = {int(k): Seconds(**s) for k, s in row.pop("seconds").items()}
        cells.append(Cell(seconds=seconds, **row))
    return results, cells
