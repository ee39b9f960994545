r"""What blocks of a cache cost in bytes: ``python -m benchmarks.blocks --help``.

Plans random windows of laboratory videos, and counts the bytes of the blocks that hold
their packets. Nothing is fetched: a plan says which bytes a window needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from temporaldata_video._decode.plan import byte_ranges, plan_runs

from .__main__ import CORPUS, ROOT
from .proxies import FILES, linked
from .videos import Video, indexed

SIZES_KIB = (8, 16, 32, 64, 128, 256)


def main(
    windows: Annotated[int, typer.Option(help="Random windows of each file.")] = 64,
    frames: Annotated[int, typer.Option(help="Frames of a window.")] = 16,
    corpus: Annotated[Path, typer.Option(help="Folder of real videos.")] = CORPUS,
    out: Annotated[Path, typer.Option(help="Where indexes are kept.")] = ROOT
    / "build"
    / "proxies",
) -> None:
    r"""Prints how many times the bytes needed the blocks have, by their size."""
    out.mkdir(parents=True, exist_ok=True)
    sizes = [f"{size} KiB" for size in SIZES_KIB]
    table = Table("video", "needed by a window", *sizes)
    for name in FILES:
        needed, fetched = count_bytes(
            indexed(linked(corpus / name, out), "corpus", out), windows, frames
        )
        ratios = [f"{number / needed:.2f}" for number in fetched]
        table.add_row(Path(name).stem, f"{needed / windows / 1e3:.0f} kB", *ratios)
    Console(width=110).print(table)


def count_bytes(video: Video, windows: int, frames: int) -> tuple[int, list[int]]:
    r"""Returns the bytes that windows need, and those of their blocks, by their size.

    Args:
        video: the file.
        windows: how many windows are drawn.
        frames: of a window.
    """
    packets, n_bytes = video.segment, video.path.stat().st_size
    needed, fetched = 0, [0] * len(SIZES_KIB)
    rng = np.random.default_rng(0)
    for first in rng.integers(len(packets) - frames + 1, size=windows).tolist():
        ranges = byte_ranges(plan_runs(packets, np.arange(first, first + frames)))
        needed += sum(stop - start for start, stop in ranges)
        for place, size in enumerate(SIZES_KIB):
            block = size * 1024
            numbers = {
                number
                for start, stop in ranges
                for number in range(start // block, (stop - 1) // block + 1)
            }
            fetched[place] += sum(min(block, n_bytes - n * block) for n in numbers)
    return needed, fetched


if __name__ == "__main__":
    typer.run(main)
