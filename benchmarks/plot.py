r"""One picture: how fast every reader is, with this package as the measure."""

from __future__ import annotations

from pathlib import Path

from .measure import Cell
from .readers import FLOOR, FRESH, KEPT, OURS, PYAV
from .thresholds import mean, ratios

# Modes of torchcodec share a colour; the floor is what nobody can pass.
STYLES = {
    FLOOR: ("#222222", "|"),
    f"{KEPT} exact": ("#1f77b4", "o"),
    f"{KEPT} approximate": ("#1f77b4", "^"),
    f"{KEPT} mappings": ("#1f77b4", "s"),
    f"{FRESH} exact": ("#ff7f0e", "o"),
    f"{FRESH} approximate": ("#ff7f0e", "^"),
    f"{FRESH} mappings": ("#ff7f0e", "s"),
    PYAV: ("#2ca02c", "D"),
    "decord": ("#d62728", "P"),
    "opencv": ("#9467bd", "X"),
}
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)


def draw(path: Path, cells: list[Cell], clock: str) -> None:
    r"""Draws the geometric mean over files of the speed relative to ours.

    Args:
        path: the PNG.
        cells: what was measured.
        clock: ``"wall"`` or ``"cpu"``.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    found = ratios(cells, clock)
    workloads = list(dict.fromkeys(cell.workload for cell in cells))
    figure, axes = plt.subplots(figsize=(12, 1.4 + 0.62 * len(workloads)), dpi=100)
    for row in range(1, len(workloads), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f3f3f3", zorder=0)
    shown = [r for r in STYLES if any(ratio.reader == r for ratio in found)]
    for place, reader in enumerate(shown):
        points = [
            (1 / mean(r for r in found if (r.reader, r.workload) == (reader, w)), row)
            for row, w in enumerate(workloads)
        ]
        lift = 0 if reader == FLOOR else 0.62 * (place / max(1, len(shown) - 1) - 0.5)
        color, marker = STYLES[reader]
        axes.plot(
            [speed for speed, _ in points],
            [row + lift for _, row in points],
            linestyle="none",
            marker=marker,
            color=color,
            markersize=26 if reader == FLOOR else 7,
            markeredgewidth=2 if reader == FLOOR else 0.5,
            label=f"{reader} (FFmpeg alone)" if reader == FLOOR else reader,
        )
    axes.axvline(1, color="#222222", linewidth=1.2)
    axes.text(1, -0.58, f"{OURS} = 1", ha="center", va="bottom", fontsize=11)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g} x" for tick in ticks], fontsize=11)
    axes.minorticks_off()
    axes.set_yticks(range(len(workloads)), workloads, fontsize=11)
    axes.set_ylim(len(workloads) - 0.5, -0.6)
    axes.grid(axis="x", color="#dddddd", zorder=0)
    axes.set_axisbelow(True)
    axes.set_xlabel("speed relative to temporaldata_video: slower ← → faster", fontsize=11)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    for handle in legend.legend_handles:
        handle.set_markersize(9)
    n_files = len({cell.video for cell in cells})
    axes.set_title(f"geometric mean over {n_files} files, one thread", pad=22)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
