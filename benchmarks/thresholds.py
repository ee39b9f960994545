r"""What the package promises of its speed, and whether this run shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import Any

from .measure import Cell
from .readers import FLOOR, FRESH, KEPT, MODES, OURS, PYAV

SINGLE, STRIDE = "1 random frame", "16 with stride 8"
SCATTERED, SEQUENTIAL = "16 scattered", "sequential 300"


@dataclass(frozen=True)
class Threshold:
    r"""One promise.

    Args:
        what: in words.
        wanted: the figure.
        measured: the figure of this run.
        ok: whether it is kept; :obj:`None` if it was not measured.
        where: the worst place.
    """

    what: str
    wanted: str
    measured: str
    ok: bool | None
    where: str = ""


@dataclass(frozen=True)
class Ratio:
    r"""How much longer a reader takes than this package for the same requests."""

    video: str
    workload: str
    reader: str
    value: float

    @property
    def place(self) -> str:
        return f"{self.video} / {self.workload} / {self.reader}"


def ratios(cells: Iterable[Cell], clock: str) -> list[Ratio]:
    r"""Returns the median ratio to ours over the repetitions in which both took part."""
    cells = [cell for cell in cells if cell.seconds]
    ours = {(c.video, c.workload): c.seconds for c in cells if c.reader == OURS}
    found = []
    for cell in cells:
        mine = ours.get((cell.video, cell.workload), {})
        pairs = [
            getattr(seconds, clock) / getattr(mine[k], clock)
            for k, seconds in cell.seconds.items()
            if k in mine
        ]
        if pairs and cell.reader != OURS:
            found.append(Ratio(cell.video, cell.workload, cell.reader, median(pairs)))
    return found


def mean(found: Iterable[Ratio]) -> float:
    r"""Returns the geometric mean, NaN of nothing."""
    values = [ratio.value for ratio in found]
    return geometric_mean(values) if values else float("nan")


def check(
    cells: list[Cell],
    facts: dict[str, dict[str, Any]],
    special: dict[str, Any],
    clock: str,
) -> list[Threshold]:
    r"""Returns all thresholds with what was measured.

    Args:
        cells: of all videos, workloads and readers.
        facts: of each video.
        special: results of what is measured apart, by name.
        clock: ``"wall"`` or ``"cpu"``.
    """
    all_ratios = ratios(cells, clock)
    rows: list[Threshold] = []
    for kind, mean_wanted, least in ((FRESH, 1.35, 0.97), (KEPT, 1.15, 0.95)):
        for origin in sorted({f["origin"] for f in facts.values()}):
            mine = [
                r
                for r in all_ratios
                if r.reader.startswith(kind) and facts[r.video]["origin"] == origin
            ]
            rows += _mean_and_worst(f"{kind}, {origin}", mine, mean_wanted, least)
    rows += _by_skipping(all_ratios, facts)
    rows += _against_pyav(all_ratios, facts)
    rows += _over_floor(all_ratios, facts)
    rows += _apart(special)
    ours = [cell for cell in cells if cell.reader == OURS]
    wrong, checked = sum(c.wrong for c in ours), sum(c.checked for c in ours)
    where = next((f"{c.video} / {c.workload}" for c in ours if c.wrong), "")
    said = f"{wrong} of {checked} checked"
    return [*rows, Threshold("wrong frames of ours", "0", said, wrong == 0, where)]


def _mean_and_worst(
    what: str, found: list[Ratio], wanted: float, least: float | None
) -> list[Threshold]:
    name = f"{what}: geometric mean"
    if not found:
        return [Threshold(name, f">= {wanted} x", "not measured", None)]
    by_reader = {r.reader: [] for r in found}
    for ratio in found:
        by_reader[ratio.reader].append(ratio)
    means = {reader: mean(of_reader) for reader, of_reader in by_reader.items()}
    said = ", ".join(f"{_mode(name)}{value:.2f}" for name, value in means.items())
    rows = [Threshold(name, f">= {wanted} x", said, min(means.values()) >= wanted)]
    if least is not None:
        worst = min(found, key=lambda ratio: ratio.value)
        below = sum(ratio.value < least for ratio in found)
        measured = f"{worst.value:.2f}; {below} of {len(found)} below"
        name = f"{what}: everywhere"
        rows.append(Threshold(name, f">= {least} x", measured, not below, worst.place))
    return rows


def _mode(reader: str) -> str:
    mode = reader.rpartition(" ")[2]
    return f"{mode} " if mode in MODES else ""


def _by_skipping(found: list[Ratio], facts: dict[str, dict[str, Any]]) -> list[Threshold]:
    videos = {
        name for name, f in facts.items() if f["reorder"] and f["nonreference"] >= 1 / 3
    }
    rows: list[Threshold] = []
    for workload in (SINGLE, STRIDE):
        mine = [
            r
            for r in found
            if r.video in videos and r.workload == workload and r.reader.startswith(FRESH)
        ]
        what = f"{FRESH}, {workload}, a third skippable"
        rows += _mean_and_worst(what, mine, 1.8, 1.8)
    return rows


def _against_pyav(found: list[Ratio], facts: dict[str, dict[str, Any]]) -> list[Threshold]:
    mine = [ratio for ratio in found if ratio.reader == PYAV]
    sequential = [ratio for ratio in mine if ratio.workload == SEQUENTIAL]
    scattered = [
        ratio
        for ratio in mine
        if ratio.workload == SCATTERED
        and facts[ratio.video]["longest_group"] <= 250
        and facts[ratio.video]["frames"] >= 1000
    ]
    return [
        *_mean_and_worst("plain PyAV", mine, 2.0, None),
        *_mean_and_worst("plain PyAV, sequential", sequential, 2.5, None),
        *_mean_and_worst(
            "plain PyAV, scattered, groups <= 250, >= 1,000 frames", scattered, 4.0, None
        ),
    ]


def _over_floor(found: list[Ratio], facts: dict[str, dict[str, Any]]) -> list[Threshold]:
    mine = [
        ratio
        for ratio in found
        if ratio.reader == FLOOR
        and facts[ratio.video]["height"] * facts[ratio.video]["width"] >= 640 * 480
    ]
    rows = []
    for workload in dict.fromkeys(ratio.workload for ratio in mine):
        of_workload = [ratio for ratio in mine if ratio.workload == workload]
        over = 1 / mean(of_workload)
        worst = min(of_workload, key=lambda ratio: ratio.value)
        measured = f"{over:.2f}; at most {1 / worst.value:.2f}"
        what = f"over the floor, {workload}: geometric mean"
        rows.append(Threshold(what, "<= 1.15 x", measured, over <= 1.15, worst.video))
    return rows


def _apart(special: dict[str, Any]) -> list[Threshold]:
    long, gains = special.get("long"), special.get("threads")
    rows: list[Threshold] = []

    def add(what: str, wanted: str, value: Any, says: Callable, keeps: Callable) -> None:
        if value is None:
            rows.append(Threshold(what, wanted, "not measured", None))
        else:
            rows.append(Threshold(what, wanted, says(value), bool(keeps(value))))

    windows = long and max(v["ratio"] for k, v in long.items() if k.startswith("window"))
    add(
        "window in 216,000 frames over the same in 3,000",
        "<= 1.1 x",
        windows,
        "{:.2f} (worst of 1, 16, 60 frames)".format,
        lambda v: v <= 1.1,
    )
    index = long and long["index"]["header"] / long["index"]["pyav scan"]
    what = "index from the header over FFmpeg's own demux"
    add(what, "<= 2 x", index, "{:.2f}".format, lambda v: v <= 2)
    read = long and long["index_bytes"] / long["moov_bytes"]
    what = "bytes read for it over size of moov"
    add(what, "<= 1.2 x", read, "{:.2f}".format, lambda v: v <= 1.2)
    gain = geometric_mean([row["gain"] for row in gains]) if gains else None
    what = "two threads over one, 16 scattered"
    add(what, ">= 1.6 x", gain, "{:.2f}".format, lambda v: v >= 1.6)
    return rows
