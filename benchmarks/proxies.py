r"""What proxies gain: ``python -m benchmarks.proxies --help``.

Each file gets a lossless and a lossy proxy. The same random reads are made from the
original, with ``resize``, and from each proxy, turn about, in one run and one thread. Every
pixel of the lossless proxy is compared with the original, over the whole video.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import temporaldata_video as tv

from .__main__ import CORPUS, ROOT
from .measure import ClockOption, clock_of
from .report import machine
from .videos import Video, indexed, made_video

# Laboratory videos of 384 x 384 to 1920 x 1080, in groups of 48 to 250.
FILES = (
    "sleap_fly_courtship_120s.mp4",
    "nc_melanogaster_courtship.mp4",
    "dlc_openfield_m3v1mp4.mp4",
    "pims_bulk-water.mov",
    "lp_mirror_mouse_test_vid.mp4",
    "tracktor_spider_video.mp4",
)
MADE = "made_1080p_gop250_b3"
READS = (1, 16, 60)  # frames in a row
LOSSLESS_WANTED = {1: 50.0, 16: 15.0, 60: 6.0}
LOSSY_WANTED = {1: 25.0, 16: 10.0}
# Of originals that have at least so many bits a second, a lossy proxy is to be smaller.
LEAST_RATE, MOST_SHARE = 1e6, 0.8
# Frames that are compared at a time.
CHUNK = 200
USES = ("never", "lossless", "lossy")


def main(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Instead of those of the corpus.")
    ] = None,
    size: Annotated[int, typer.Option(help="Height and width of the proxies.")] = 224,
    reads: Annotated[int, typer.Option(help="Random reads of each length.")] = 40,
    clock: ClockOption = "wall",
    corpus: Annotated[Path, typer.Option(help="Folder of real videos.")] = CORPUS,
    out: Annotated[Path, typer.Option(help="Where proxies and results go.")] = ROOT
    / "build"
    / "proxies",
) -> None:
    r"""Measures what proxies gain and cost, and compares their pixels."""
    now = clock_of(clock)
    out.mkdir(parents=True, exist_ok=True)
    # A decoder that goes on where the last read ended would hide what a seek costs.
    tv.configure(decoders=0)
    console = Console()
    paths = files or [corpus / name for name in FILES]
    videos = [indexed(linked(path, out), "given", out) for path in paths]
    videos += [] if files else [made_video(MADE, out)]
    rows = []
    for video in videos:
        with console.status(video.name):
            rows.append(measure(video, (size, size), reads, now))
        print_row(console, rows[-1])
    results = {"machine": machine(), "size": size, "reads": reads, "clock": clock}
    (out / "results.json").write_text(json.dumps({**results, "rows": rows}, indent=1))
    missed = [text for row in rows for text in misses(row)]
    for text in missed:
        console.print(text)
    if missed:
        raise typer.Exit(1)


def linked(path: Path, folder: Path) -> Path:
    r"""Returns a link to a file, in a folder where proxies may lie beside it."""
    link = folder / path.name
    if not link.exists():
        link.symlink_to(path.resolve())
    return link


def measure(
    video: Video, size: tuple[int, int], reads: int, now: Callable[[], float]
) -> dict[str, Any]:
    r"""Returns what the proxies of a file gain and cost.

    Args:
        video: the file.
        size: of the proxies.
        reads: how many random reads of each length.
        now: returns seconds.
    """
    options = {"index_uri": video.index_uri, "progress": False}
    reports = {
        use: tv.write_proxy(video.path, size, lossless=use == "lossless", **options)
        for use in USES[1:]
    }
    opened = {
        use: tv.LazyVideo.from_uri(
            video.path, index_uri=video.index_uri, resize=size, proxy=use
        )
        for use in USES
    }
    times = {length: timed(opened, length, reads, now) for length in READS}
    seconds = float(opened["never"].timestamps[-1] - opened["never"].timestamps[0])
    before = video.path.stat().st_size
    apart = different(opened)
    return {
        "video": video.name,
        "size": video.size,
        "frames": len(opened["never"]),
        "bits_per_second": 8 * before / seconds,
        "ms": times,
        "bytes": {use: report.bytes_after for use, report in reports.items()},
        "share": {use: report.bytes_after / before for use, report in reports.items()},
        "made_fps": {use: r.frames / r.seconds for use, r in reports.items() if r.written},
        "different_bytes": apart["lossless"][0],
        "largest_error": apart["lossy"][1],
    }


def timed(
    opened: dict[str, tv.LazyVideo], length: int, reads: int, now: Callable[[], float]
) -> dict[str, float]:
    r"""Returns milliseconds of a read of so many frames in a row, medians.

    Args:
        opened: videos to read from, turn about.
        length: frames of a read.
        reads: how many reads.
        now: returns seconds.
    """
    rng = np.random.default_rng(length)
    spent: dict[str, list[float]] = {use: [] for use in opened}
    for number in range(reads + 1):
        start = int(rng.integers(len(opened["never"]) - length + 1))
        frames = np.arange(start, start + length)
        for use in rng.permutation(list(opened)):
            started = now()
            opened[use].frames_at(frames)
            if number:  # the first read loads libraries
                spent[use].append(now() - started)
    return {use: 1e3 * median(values) for use, values in spent.items()}


def different(opened: dict[str, tv.LazyVideo]) -> dict[str, tuple[int, int]]:
    r"""Returns how many bytes of each proxy differ from the original, and by how much at
    most.

    Args:
        opened: the original as ``"never"``, and the proxies.
    """
    counts, largest = dict.fromkeys(opened, 0), dict.fromkeys(opened, 0)
    for start in range(0, len(opened["never"]), CHUNK):
        frames = np.arange(start, min(start + CHUNK, len(opened["never"])))
        original = opened["never"].frames_at(frames).astype(np.int16)
        for use in USES[1:]:
            apart = np.abs(original - opened[use].frames_at(frames))
            counts[use] += int(np.count_nonzero(apart))
            largest[use] = max(largest[use], int(apart.max()))
    return {use: (counts[use], largest[use]) for use in opened}


def misses(row: dict[str, Any]) -> list[str]:
    r"""Returns what a file does not reach, as sentences."""
    found = []
    for use, wanted in (("lossless", LOSSLESS_WANTED), ("lossy", LOSSY_WANTED)):
        for length, least in wanted.items():
            gain = row["ms"][length]["never"] / row["ms"][length][use]
            if gain < least:
                found.append(
                    f"{row['video']}: {length} frames, {use}: {gain:.1f} x, "
                    f"{least:g} wanted"
                )
    if row["different_bytes"]:
        found.append(f"{row['video']}: {row['different_bytes']} bytes differ")
    if row["bits_per_second"] >= LEAST_RATE and row["share"]["lossy"] > MOST_SHARE:
        found.append(f"{row['video']}: lossy is {row['share']['lossy']:.2f} of its bytes")
    return found


def print_row(console: Console, row: dict[str, Any]) -> None:
    r"""Prints what was measured of one file."""
    rate = row["bits_per_second"] / 1e6
    table = Table(
        title=f"{row['video']}, {row['size'][1]} x {row['size'][0]}, "
        f"{row['frames']} frames, {rate:.2f} Mbit/s; {row['different_bytes']} bytes "
        f"differ, lossy by {row['largest_error']} at most"
    )
    for name in ("read", "original", "lossless", "", "lossy", ""):
        table.add_column(name, justify="right")
    for length, ms in row["ms"].items():
        gains = [f"{ms['never'] / ms[use]:.1f} x" for use in USES[1:]]
        cells = [f"{ms[use]:.2f} ms" for use in USES]
        table.add_row(f"{length} frames", *cells[:2], gains[0], cells[2], gains[1])
    sizes = [f"{row['bytes'][use] / row['frames'] / 1e3:.1f} kB" for use in USES[1:]]
    shares = [f"{row['share'][use]:.2f}" for use in USES[1:]]
    table.add_row("a frame", "", sizes[0], shares[0], sizes[1], shares[1])
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
