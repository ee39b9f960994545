r"""Plans a request: which packets to decode for which frames, and which bytes to fetch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..types import ByteRange, Packets, SegmentPackets

# Rows looked at before the first frame wanted, at first, in search of its key frame.
_LOOK_BACK = 256
# Wanted frames further apart than this are looked up one by one.
_CLUSTER_GAP = 1024
# Reading this many useless bytes takes less time than another request for a range.
MERGE_GAP_BYTES = 128 * 1024


@dataclass(frozen=True, eq=False)
class Run:
    r"""Packets that are decoded in one go, from a key frame on.

    Args:
        packets: in decoding order.
        frames: the frame that each packet shows, int64 of shape (n,); negative and unique
            for packets that show none.
        wanted: which of them are asked for, bool of shape (n,).
    """

    packets: Packets
    frames: np.ndarray
    wanted: np.ndarray


def plan_runs(
    segment: SegmentPackets, wanted: np.ndarray, *, earlier: int = 0, split: bool = False
) -> list[Run]:
    r"""Returns the fewest packets that decode to the wanted frames.

    Decoding starts at the last key frame whose pts is not after the frame's own: pictures
    that follow a key frame in decoding order and precede it in presentation order (open
    groups of pictures) refer to the group before.

    Args:
        segment: the packets of the file.
        wanted: frame numbers within the segment, sorted and unique, int64 of shape (n,).
        earlier: start this many key frames before the one that should do.
        split: keep adjacent groups of pictures apart, so that they can be decoded side by
            side.
    """
    runs: list[Run] = []
    # A frame that the file does not have is in no run.
    wanted = wanted[(wanted >= 0) & (wanted < len(segment))]
    if len(wanted) == 0:
        return runs
    breaks = np.flatnonzero(np.diff(wanted) > _CLUSTER_GAP) + 1
    for cluster in np.split(wanted, breaks):
        runs.extend(_plan_cluster(segment, cluster, earlier, split))
    return runs


def _plan_cluster(
    segment: SegmentPackets, wanted: np.ndarray, earlier: int, split: bool
) -> Iterable[Run]:
    first_row, table = _load_rows(segment, int(wanted[0]), int(wanted[-1]), earlier)
    frames = np.arange(first_row, first_row + len(table), dtype=np.int64)
    if len(segment.hidden):
        hidden = _hidden_between(segment, table, first_row)
        table = Packets.concatenate([hidden, table])
        frames = np.concatenate([-1 - np.arange(len(hidden)), frames])
    shown_order = np.lexsort((table.dts, table.pts))
    decoding_order = np.argsort(table.dts)
    rank = np.empty(len(table), np.int64)
    rank[decoding_order] = np.arange(len(table))

    keys = shown_order[table.keyframe[shown_order]]
    place = np.empty(len(table), np.int64)
    place[shown_order] = np.arange(len(table))
    entries = np.flatnonzero(np.isin(frames, wanted))
    entries = entries[np.argsort(frames[entries])]
    nearest = np.searchsorted(place[keys], place[entries], side="right") - 1 - earlier
    starts = (
        np.where(nearest >= 0, rank[keys[np.maximum(nearest, 0)]], 0)
        if len(keys)
        else np.zeros(len(entries), np.int64)
    )
    stops = rank[entries] + 1

    packets, frames = table[decoding_order], frames[decoding_order]
    is_wanted = np.zeros(len(table), bool)
    is_wanted[rank[entries]] = True
    for start, stop in _merge(starts, stops, adjacent=not split):
        if start >= stop:  # a key frame that is decoded after what is shown behind it
            continue
        yield Run(packets[start:stop], frames[start:stop], is_wanted[start:stop])


def _load_rows(
    segment: SegmentPackets, first: int, last: int, earlier: int
) -> tuple[int, Packets]:
    # Rows from the key frame at or before `first` up to `last`, and on either side as
    # many more as a packet can be displaced between presentation and decoding order.
    reorder = segment.stream.reorder
    stop = min(len(segment), last + reorder + 1)
    look_back = _LOOK_BACK
    while True:
        start = max(0, first - look_back)
        table = segment.rows(start, stop)
        keys = np.flatnonzero(table.keyframe[: first - start + 1])
        if len(keys) > earlier or start == 0:
            break
        look_back *= 4
    key = int(keys[-1 - earlier]) if len(keys) > earlier else 0
    if key >= reorder or start == 0:
        skip = max(0, key - reorder)
        return start + skip, table[skip:]
    return max(0, start + key - reorder), segment.rows(max(0, start + key - reorder), stop)


def _hidden_between(segment: SegmentPackets, table: Packets, first_row: int) -> Packets:
    # Packets of an edit list are few, so that all of them are looked at. Before the first
    # frame of the file everything counts: the only key frame may be hidden there.
    hidden = segment.hidden
    lowest = table.dts.min() if first_row else np.iinfo(np.int64).min
    return hidden[(hidden.dts >= lowest) & (hidden.dts <= table.dts.max())]


def _merge(
    starts: np.ndarray, stops: np.ndarray, adjacent: bool
) -> Iterable[tuple[int, int]]:
    order = np.argsort(starts, kind="stable")
    current: list[int] | None = None
    for start, stop in zip(starts[order].tolist(), stops[order].tolist()):
        if current is not None and (
            start <= current[1] if adjacent else start < current[1]
        ):
            current[1] = max(current[1], stop)
            continue
        if current is not None:
            yield current[0], current[1]
        current = [start, stop]
    if current is not None:
        yield current[0], current[1]


def follow_run(
    segment: SegmentPackets, run: Run, last_row: int, last_dts: int, count: int
) -> Run:
    r"""Returns a run with the packets that come next in the file added to it.

    Args:
        segment: the packets of the file.
        run: what is to be decoded.
        last_row: the last frame wanted of it.
        last_dts: dts of the last packet that is needed for it.
        count: how many packets to add at most.
    """
    # A packet lies at most `reorder` places from the place of its frame.
    reorder = segment.stream.reorder
    start = max(0, last_row - 2 * reorder)
    stop = min(len(segment), last_row + 2 * reorder + count + 1)
    table = segment.rows(start, min(len(segment), stop + 2 * reorder + 1))
    # Of what lies in the file behind a packet that is left out nothing can be decoded.
    end_dts = table.dts[stop - start :].min(initial=np.iinfo(np.int64).max)
    table = table[: stop - start]
    frames = np.arange(start, stop, dtype=np.int64)
    if len(segment.hidden):
        table = Packets.concatenate([table, segment.hidden])
        frames = np.concatenate([frames, -1 - np.arange(len(segment.hidden))])
    order = np.argsort(table.dts)
    dts = table.dts[order]
    order = order[(dts > last_dts) & (dts < end_dts)][:count]
    return Run(
        Packets.concatenate([run.packets, table[order]]),
        np.concatenate([run.frames, frames[order]]),
        np.concatenate([run.wanted, np.zeros(len(order), bool)]),
    )


def byte_ranges(runs: Sequence[Run], merge_gap: int = MERGE_GAP_BYTES) -> list[ByteRange]:
    r"""Returns the ranges of bytes that hold all packets of the runs.

    Args:
        runs: what is to be decoded.
        merge_gap: ranges with at most this many bytes between them become one.
    """
    if not sum(len(run.frames) for run in runs):
        return []
    start = np.concatenate([run.packets.pos for run in runs])
    size = np.concatenate([run.packets.size for run in runs])
    order = np.argsort(start, kind="stable")
    start, stop = start[order], (start + size)[order]
    reach = np.maximum.accumulate(stop)
    first = np.concatenate([[True], start[1:] > reach[:-1] + merge_gap])
    last = np.concatenate([first[1:], [True]])
    return [ByteRange(a, b) for a, b in zip(start[first].tolist(), reach[last].tolist())]
