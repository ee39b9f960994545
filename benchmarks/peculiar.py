r"""Which frames readers give of files that are not plain: run ``benchmarks.peculiar``.

Single frames of each file are asked for by number, in random order, from a handle that is
kept; they are compared with a sequential decode by PyAV.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from .__main__ import CORPUS, ROOT
from .readers import KEPT, OURS, Reader, find_readers
from .truth import Truth, spread
from .videos import Video, indexed
from .workloads import Request

# Files of the corpus whose frames all decode, and what is peculiar about them.
FILES = {
    "mb_video-h265.mp4": "open groups of pictures",
    "ax_sample_edit_list.mp4": "edit list, open groups, variable rate, turned",
    "ax_sample_edit_list_only_preroll_sync_sample.mp4": "only key frame is not shown",
    "tc_discard_first_keyframe.mp4": "edit list leaves out the first group",
    "tc_test_non_zero_start.mp4": "empty edit, starts at 8.3 s",
    "ax_trim_optimization_failure.mp4": "variable rate",
    "ax_sample_with_increasing_timestamps_320w_240h_fragmented.mp4": "fragmented",
    "ax_sample_without_stss.mp4": "no table of key frames",
    "psd_issue-134-rotate.mp4": "turned by 90 degrees",
    "decord_flipping_a_pancake.mkv": "Matroska",
    "ax_sample.avi": "AVI",
}
NAMES = (OURS, "pyav", f"{KEPT} exact", f"{KEPT} approximate", "decord", "opencv")


def main(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Instead of those of the corpus.")
    ] = None,
    corpus: Annotated[Path, typer.Option(help="Folder of real videos.")] = CORPUS,
    frames: Annotated[int, typer.Option(help="How many are asked for.")] = 40,
    out: Annotated[Path, typer.Option(help="Where results and indexes go.")] = ROOT
    / "build"
    / "peculiar",
) -> None:
    r"""Counts right, wrong and refused frames of this package and its peers."""
    out.mkdir(parents=True, exist_ok=True)
    readers, missing = find_readers()
    readers = [reader for reader in readers if reader.name in NAMES]
    known = {corpus / name: what for name, what in FILES.items()}
    rows = []
    for path, what in {p: p.stem for p in files}.items() if files else known.items():
        video = indexed(path, "given" if files else "corpus", out)
        counts = {r.name: count(r, video, frames) for r in readers}
        rows.append({"file": path.name, "what": what, "readers": counts})
    (out / "results.json").write_text(json.dumps({"rows": rows, "missing": missing}))
    table = Table("file", *(reader.name for reader in readers))
    for row in rows:
        table.add_row(row["what"], *map(said, row["readers"].values()))
    Console(width=200).print(table)
    Console().print(*(f"missing: {name}" for name in missing))


def count(reader: Reader, video: Video, most: int) -> dict[str, int]:
    r"""Returns how many frames of a file a reader gives right, wrong and not at all.

    Args:
        reader: is asked for one frame at a time.
        video: the file.
        most: frames asked for, spread over the file.
    """
    wanted = spread(video.frames, most)
    truth = Truth(video, set(wanted))
    counts = {"right": 0, "wrong": 0, "refused": 0}
    for number, pixels in ask(reader, video, wanted):
        if pixels is None:
            counts["refused"] += 1
        else:
            wrong = truth.judge([number], [pixels], reader.name == OURS).wrong
            counts["wrong" if wrong else "right"] += 1
    return counts


def ask(
    reader: Reader, video: Video, wanted: list[int]
) -> Iterator[tuple[int, np.ndarray | None]]:
    r"""Yields the number and the pixels of each frame, :obj:`None` where it is refused."""
    handle = None
    for number in np.random.default_rng(0).permutation(wanted).tolist():
        try:
            handle = reader.open(video) if handle is None else handle
            yield number, np.asarray(reader.read(handle, Request(np.array([number]), 1))[0])
        # Readers of others say by errors of all kinds that they have no such frame.
        except Exception:
            yield number, None


def said(counts: dict[str, int]) -> str:
    asked = sum(counts.values())
    bad = [f"{n} {name}" for name, n in counts.items() if n and name != "right"]
    return ", ".join(bad) + f" of {asked}" if bad else "all right"


if __name__ == "__main__":
    typer.run(main)
