r"""What short groups of pictures gain: ``python -m benchmarks.reencoding --help``.

Each file is copied with ``reencode``, and random single frames are read from the original
and from the copy, turn about, in one run. Numbers and times of all frames are compared.
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
from .videos import Video, indexed

# Files of up to 640 x 480 pixels with groups of 150 to 250.
FILES = (
    "dlc_openfield_m3v1mp4.mp4",
    "pims_bulk-water.mov",
    "sleap_centered_pair_small.mp4",
    "fictrac_sample.mp4",
)
WANTED = 4.0


def main(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Instead of those of the corpus.")
    ] = None,
    gop: Annotated[int, typer.Option(help="Groups of pictures of the copies.")] = 30,
    crf: Annotated[int, typer.Option(help="Quality of the copies.")] = 18,
    reads: Annotated[int, typer.Option(help="Random frames of each file.")] = 100,
    clock: ClockOption = "wall",
    corpus: Annotated[Path, typer.Option(help="Folder of real videos.")] = CORPUS,
    out: Annotated[Path, typer.Option(help="Where copies and results go.")] = ROOT
    / "build"
    / "reencoding",
) -> None:
    r"""Measures what copies with short groups of pictures gain and cost."""
    now = clock_of(clock)
    out.mkdir(parents=True, exist_ok=True)
    # A decoder that goes on where the last read ended would hide what a seek costs.
    tv.configure(decoders=0)
    console = Console()
    rows = []
    for path in files or [corpus / name for name in FILES]:
        video = indexed(path, "given", out)
        with console.status(video.name):
            rows.append(measure(video, out, gop, crf, reads, now))
    print_rows(console, rows)
    results = {
        "machine": machine(),
        "gop": gop,
        "crf": crf,
        "reads": reads,
        "clock": clock,
        "rows": rows,
    }
    (out / "results.json").write_text(json.dumps(results, indent=1))
    slow = [row["video"] for row in rows if row["gain"] < WANTED]
    wrong = [row["video"] for row in rows if row["different"]]
    if slow or wrong:
        console.print(f"below {WANTED:g} times: {slow}; other frames or times: {wrong}")
        raise typer.Exit(1)


def measure(
    video: Video, out: Path, gop: int, crf: int, reads: int, now: Callable[[], float]
) -> dict[str, Any]:
    r"""Returns what a copy of a file costs and gains.

    Args:
        video: the file.
        out: where the copy goes.
        gop: its groups of pictures.
        crf: its quality.
        reads: how many random frames are read.
        now: returns seconds.
    """
    copy = out / f"{video.name}_gop{gop}_crf{crf}.mp4"
    report = tv.reencode(
        video.path,
        copy,
        gop=gop,
        crf=crf,
        index_uri=video.index_uri,
        overwrite=True,
        progress=False,
    )
    before, after = video.lazy, tv.LazyVideo.from_uri(copy)
    frames = np.random.default_rng(0).integers(len(before), size=reads)
    before.frames_at(frames[:1]), after.frames_at(frames[:1])  # libraries are loaded
    spent: dict[str, list[float]] = {"before": [], "after": []}
    for number, frame in enumerate(frames.tolist()):
        turns = [("before", before), ("after", after)]
        for name, read in turns if number % 2 else reversed(turns):
            started = now()
            read.frames_at([frame])
            spent[name].append(now() - started)
    old, new = median(spent["before"]), median(spent["after"])
    return {
        "video": video.name,
        "frames": report.frames,
        "different": len(before) != len(after)
        or not np.array_equal(before.timestamps, after.timestamps),
        "before_ms": 1e3 * old,
        "after_ms": 1e3 * new,
        "gain": old / new,
        "decoded_before": report.before.single_decoded,
        "decoded_after": report.after.single_decoded,
        "window_before": report.before.window_decoded,
        "window_after": report.after.window_decoded,
        "size": report.bytes_after / report.bytes_before,
        "psnr": report.psnr,
        "encoded_fps": report.frames / report.seconds,
    }


def print_rows(console: Console, rows: list[dict[str, Any]]) -> None:
    r"""Prints what was measured, one line a file."""
    table = Table(title="random single frames, medians; frames decoded, means")
    for name in (
        "video",
        "frames",
        "before",
        "after",
        "gain",
        "decoded for one",
        "for 1 s",
        "size",
        "PSNR",
        "made at",
    ):
        table.add_column(name, justify="left" if name == "video" else "right")
    for row in rows:
        table.add_row(
            row["video"],
            str(row["frames"]),
            f"{row['before_ms']:.1f} ms",
            f"{row['after_ms']:.1f} ms",
            f"{row['gain']:.1f} x",
            f"{row['decoded_before']:.0f} -> {row['decoded_after']:.0f}",
            f"{row['window_before']:.0f} -> {row['window_after']:.0f}",
            f"{row['size']:.2f} x",
            f"{row['psnr']:.1f} dB",
            f"{row['encoded_fps']:.0f} fps",
        )
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
