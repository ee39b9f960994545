r"""The page of the documentation that says what is read: ``docs/matrix.md``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import av

from stress.outcomes import REFUSED, RIGHT, Outcome
from tests.pages import REPOSITORY

from .clips import CLIPS, Clip
from .muxing import COLUMNS as CONTAINERS
from .muxing import VARIANTS, Container, Variant
from .refused import reason_to_refuse

PAGE = REPOSITORY / "docs" / "matrix.md"
COLUMNS = CONTAINERS
ROWS = list(CLIPS)

_NOT_WRITTEN = "\N{EN DASH}"
_HEAD = """\
# What is read

Each row is a codec and a structure that an encoder of FFmpeg makes, each column a
container. Of each of these files every frame, single frames and short windows were compared
with a sequential decode of the same file by PyAV {version}. `python -m tests.matrix` writes
this page, and `tests/matrix` holds every change to it.

- **right**: all frames are those of the sequential decode, and as many. A number says with
  how many variants of times and beginnings the file was written; all were read right but
  those that are named.
- **refused**: indexing raises an error; why stands below.
- **{not_written}**: FFmpeg does not write this codec into this container.

*B* means two B-frames in a row, *pyramid* B-frames that others refer to, *open* groups
whose first frames in presentation order refer to the group before, *hidden* packets that
show nothing. *MBAFF* is what x264 makes of interlaced video; no encoder in FFmpeg makes
field pairs (PAFF), two packets for one frame, so that no row stands for them.
"""
_VARIANTS = {
    "true": "presentation times as encoded, 25 frames a second",
    "ms": "times rounded to milliseconds, 30000/1001 frames a second",
    "90k": "times in units of 1/90000 s, 30000/1001 frames a second",
    "pts as dts": "each packet's decoding time stands for its presentation time",
    "coarse": "2000 frames a second in milliseconds, so that two have the same time",
    "equal pts": "two frames each have the same presentation time",
    "no pts": "the muxer is given no presentation times",
    "negative": "times begin 7 frames before 0",
    "cut": "packets from the second key frame on, times 4 frames before 0 there",
    "headless": "packets from the middle of a group on",
    "late": "times begin 100 frames after 0",
    "joined": "two files one behind the other, so that the clock starts again",
    "no edit list": "MP4 without an edit list",
    "edit list": "MP4 whose edit list begins with nothing for 100 frames",
    "negative ctts": "MP4 with negative composition offsets",
    "delayed moov": "fragments behind a header that is written after the first",
    "each frame": "a fragment for each frame",
    "cmaf": "fragments of CMAF",
}


class Row(NamedTuple):
    r"""What became of one file.

    Args:
        clip: what is in it.
        container: what it is in.
        variant: how it was written.
        outcome: what became of it.
    """

    clip: Clip
    container: Container
    variant: Variant
    outcome: Outcome

    @property
    def is_fault(self) -> bool:
        r"""Whether it was neither read right nor refused for a reason that is known."""
        reason = reason_to_refuse(*self[:3], self.outcome.truth)
        return self.outcome.what != (REFUSED if reason else RIGHT)


def page(rows: Iterable[Row]) -> str:
    r"""Returns the text of the page."""
    rows = list(rows)
    cells: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        cells[row.clip.name, row.container.name].append(row)
    table = [["codec and structure", *COLUMNS], ["---"] * (1 + len(COLUMNS))]
    table += [[n, *(_cell(cells[n, column]) for column in COLUMNS)] for n in ROWS]
    told = [["variant", "how the file is written"], ["---", "---"]]
    told += [[name, _VARIANTS[name]] for name in VARIANTS]
    parts = [
        _HEAD.format(version=av.__version__, not_written=_NOT_WRITTEN),
        _markdown(table),
    ]
    parts += ["## Variants\n", _markdown(told)]
    if refused := _refused(rows):
        parts += ["## Refused\n", _markdown(refused)]
    return "\n".join(parts)


def _cell(rows: list[Row]) -> str:
    if not rows:
        return _NOT_WRITTEN
    if faults := [row.variant.name for row in rows if row.is_fault]:
        return f"FAULT: {', '.join(faults)}"
    refused = [row.variant.name for row in rows if row.outcome.what == REFUSED]
    if len(refused) == len(rows):
        return "refused"
    number = f" {len(rows) - len(refused)}" if len(rows) > 1 else ""
    return f"right{number}" + (f", refused: {', '.join(refused)}" if refused else "")


def _refused(rows: list[Row]) -> list[list[str]]:
    r"""Returns a table of what was refused, rows that differ in the variant in one."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for row in rows:
        if row.outcome.what == REFUSED:
            reason = reason_to_refuse(*row[:3], row.outcome.truth)
            found[row.clip.name, row.container.name, reason].append(row.variant.name)
    if not found:
        return []
    table = [["codec and structure", "container", "variants", "why"], ["---"] * 4]
    for (clip, container, reason), variants in found.items():
        table.append([clip, container, ", ".join(variants), reason or "FAULT: no reason"])
    return table


def _markdown(table: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in table)
