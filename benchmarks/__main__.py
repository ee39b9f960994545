r"""Runs the benchmark: ``python -m benchmarks --help``."""

from __future__ import annotations

import os
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from . import plot, report, thresholds
from .measure import Cell, ClockOption, Effort, clock_of, measure_video
from .readers import find_readers
from .special import index_times, long_recording, thread_gain
from .videos import Video, corpus_videos, indexed, made_names, made_video
from .workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[1]
CORPUS = Path(
    os.environ.get("TEMPORALDATA_VIDEO_CORPUS", ROOT.parent / "shared" / "corpus")
)
QUICK = ("skv_bikes", "lp_mirror_mouse_test_vid", "made_480p_gop30_b3")
# Scattered frames fall into too few groups of a shorter video to be shared out.
GROUPS_TO_SHARE = 16


def main(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Measure on these instead of the corpus and made clips."),
    ] = None,
    quick: Annotated[
        bool, typer.Option(help="Three files, few repeats: less than two minutes.")
    ] = False,
    full: Annotated[bool, typer.Option(help="All made clips; takes half an hour.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="FILE/WORKLOAD patterns, such as 'made_*/window*'."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Most repetitions of a cell.")] = 15,
    corpus: Annotated[Path, typer.Option(help="Folder of real videos.")] = CORPUS,
    out: Annotated[
        Path, typer.Option(help="Where results go, and clips and indexes are kept.")
    ] = ROOT / "build" / "benchmarks",
    clock: ClockOption = "wall",
    again: Annotated[
        bool, typer.Option(help="Print the results in OUT, without measuring.")
    ] = False,
) -> None:
    r"""Measures this package, its peers and FFmpeg itself on the same requests."""
    console = Console(width=None if Console().is_terminal else 220)
    clock_of(clock)
    if again:
        results, cells = report.read_json(out / "results.json")
        show(console, results, cells, clock, out)
        return
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    patterns = [_split(pattern) for pattern in only or ["*/*"]]
    readers, missing = find_readers()
    effort = Effort(min(repeats, 4), 3, 0.3, 3.0) if quick else Effort(repeats)
    if full:
        effort = Effort(max(repeats, 15), 5, 10.0, 120.0)
    cells: list[Cell] = []
    facts: dict[str, dict[str, Any]] = {}
    videos = []
    with console.status("") as status:
        for video in find_videos(files, corpus, out, quick, full, patterns, status.update):
            workloads = [
                w
                for w in WORKLOADS
                if any(_matches(p, video.name, w.name) for p in patterns)
            ]
            if not workloads:
                continue
            facts[video.name] = video.facts()
            videos.append(video)
            cells += measure_video(
                video,
                workloads,
                readers,
                effort,
                lambda doing, name=video.name: status.update(f"{name}: {doing}"),
            )
        special = measure_apart(videos, patterns, out, bool(files), effort, status.update)
    results = {
        "machine": report.machine(),
        "clock": clock,
        "minutes": (time.perf_counter() - started) / 60,
        "readers": [reader.name for reader in readers],
        "missing": missing,
        "videos": facts,
        "special": special,
    }
    report.write_json(out / "results.json", results, cells)
    show(console, results, cells, clock, out)


def find_videos(files, corpus, out, quick, full, patterns, note):
    r"""Yields the videos to measure on, one after the other."""

    def asked(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern, _ in patterns)

    if files:
        yield from (indexed(path, "given", out) for path in files)
        return
    note("indexing the corpus")
    for video in corpus_videos(corpus, out):
        if asked(video.name) and (not quick or video.name in QUICK):
            yield video
    for name in made_names(full):
        if asked(name) and (not quick or name in QUICK):
            note(f"making {name}")
            yield made_video(name, out)


def measure_apart(
    videos: list[Video],
    patterns: list[tuple[str, str]],
    out: Path,
    given: bool,
    effort: Effort,
    note: Any,
) -> dict[str, Any]:
    r"""Returns what is measured apart from reading frames, by name."""
    special: dict[str, Any] = {}

    def asked(name: str, workload: str) -> bool:
        return any(_matches(pattern, name, workload) for pattern in patterns)

    to_index = [video for video in videos if asked(video.name, "index")]
    if to_index:
        note("building indexes")
        special["index"] = index_times(to_index, effort.least)
    shared = [
        video
        for video in videos
        if asked(video.name, "threads")
        and video.groups >= GROUPS_TO_SHARE
        and min(video.size) >= 480
    ]
    if shared:
        note("two threads")
        special["threads"] = thread_gain(shared, max(3, effort.repeats // 2))
    if not given and asked("long", "long"):
        note("a recording of 216,000 frames")
        special["long"] = long_recording(out, effort.repeats)
    return special


def show(
    console: Console, results: dict[str, Any], cells: list[Cell], clock: str, out: Path
) -> None:
    r"""Prints the results, and draws them."""
    for workload in WORKLOADS:
        report.print_workload(console, workload.name, cells, clock)
    special = results["special"]
    if special.get("index"):
        report.print_rows(console, "building the index", special["index"])
    if special.get("long"):
        long = special["long"]
        windows = [{"what": k, **v} for k, v in long.items() if k.startswith("window")]
        report.print_rows(console, "216,000 frames (long) and 3,000 (short)", windows)
        report.print_rows(console, "index of 216,000 frames", [long["index"]])
    if special.get("threads"):
        report.print_rows(console, "16 scattered frames", special["threads"])
    if cells:
        report.print_overview(console, cells, clock)
    checked = thresholds.check(cells, results["videos"], special, clock)
    report.print_thresholds(console, checked)
    for name, why in results["missing"].items():
        console.print(f"[yellow]missing: {name} ({why})")
    try:
        if cells:
            plot.draw(out / "speed.png", cells, clock)
            console.print(f"plot: {out / 'speed.png'}")
    except ImportError:
        console.print("[yellow]missing: matplotlib, so that there is no plot")
    console.print(f"all samples: {out / 'results.json'} ({results['minutes']:.1f} min)")


def _split(pattern: str) -> tuple[str, str]:
    name, _, workload = pattern.partition("/")
    return name or "*", workload or "*"


def _matches(pattern: tuple[str, str], name: str, workload: str) -> bool:
    return fnmatch(name, pattern[0]) and fnmatch(workload, pattern[1])


if __name__ == "__main__":
    typer.run(main)
