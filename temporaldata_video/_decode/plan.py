r"""Plans a request: which packets to decode for which frames, and which bytes to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..types import ByteRange, Packets, SegmentPackets

# How many rows before the first wanted frame a first search for its key frame covers.
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
        wanted: which of these frames the caller wants, bool of shape (n,).
    """

    packets: Packets
    frames: np.ndarray
    wanted: np.ndarray


def plan_runs(
    segment: SegmentPackets, wanted: np.ndarray, *, earlier: int = 0, split: bool = False
) -> list[Run]:
    r"""Returns the fewest packets that decode to the wanted frames.

    Decoding starts at the last key frame that is neither shown nor decoded after the frame
    itself: pictures that follow a key frame in decoding order and precede it in
    presentation order (open groups of pictures) refer to the group before.

    Args:
        segment: the packets of the file.
        wanted: frame numbers within the segment, sorted and unique, int64 of shape (n,).
        earlier: start this many key frames before the one that should be enough.
        split: keep adjacent groups of pictures apart, so that they can be decoded side by
            side.
    """
    # No run has a frame that the file lacks.
    first, stop = np.searchsorted(wanted, (0, len(segment))).tolist()
    wanted = wanted[first:stop]
    edges = np.flatnonzero(wanted[1:] - wanted[:-1] > _CLUSTER_GAP) + 1
    runs: list[Run] = []
    for first, stop in pairwise((0, *edges.tolist(), len(wanted))):
        if first < stop:
            runs += _plan_cluster(segment, wanted[first:stop], earlier, split)
    return runs


def _plan_cluster(
    segment: SegmentPackets, wanted: np.ndarray, earlier: int, split: bool
) -> list[Run]:
    first_row, table = _load_rows(segment, int(wanted[0]), int(wanted[-1]), earlier)
    place = np.arange(len(table))
    frames = first_row + place
    hidden = _hidden_between(segment, table, first_row)
    if len(hidden):
        # Hidden packets stand among rows behind those that are shown before them.
        place_of = np.searchsorted(np.maximum.accumulate(table.pts), hidden.pts)
        place = np.concatenate([place, place_of])
        frames = np.concatenate([frames, -1 - np.arange(len(hidden))])
        table = Packets.concatenate([table, hidden])
    order = np.argsort(table.dts)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))

    entries = wanted - first_row
    ranks = rank[entries]
    keys = np.flatnonzero(table.keyframe)
    keys = keys[np.lexsort((rank[keys], place[keys]))]
    nearest = np.searchsorted(place[keys], entries, side="right") - 1 - earlier
    nearest = np.maximum(nearest, -1)
    # Without a key frame, decoding starts with the first packet there is.
    key_ranks = np.append(rank[keys], 0)
    # Edit lists put key frames that decode later before a frame; they don't help it.
    while (late := key_ranks[nearest] > ranks).any():
        nearest[late] -= 1
    starts = key_ranks[nearest]
    stops = ranks + 1
    if segment.stream.trailing:
        stops = _with_trailing(stops, frames[order] < 0, segment.stream.trailing)

    is_wanted = np.zeros(len(order), bool)
    is_wanted[ranks] = True
    return [
        Run(table[order[start:stop]], frames[order[start:stop]], is_wanted[start:stop])
        for start, stop in _merge(starts, stops, adjacent=not split)
    ]


def _with_trailing(stops: np.ndarray, is_hidden: np.ndarray, trailing: int) -> np.ndarray:
    # A frame may go on in packets after its own, which show no frame.
    n = len(is_hidden)
    shows = np.where(is_hidden, n, np.arange(n))
    next_shown = np.minimum.accumulate(np.append(shows, n)[::-1])[::-1]
    return np.minimum(next_shown[stops], stops + trailing)


def _load_rows(
    segment: SegmentPackets, first: int, last: int, earlier: int
) -> tuple[int, Packets]:
    # Rows from the key frame at or before `first` up to the one decoded after `last`. On
    # either side there are more rows, as many places as two packets can move between
    # presentation and decoding order.
    reorder = 2 * segment.stream.reorder
    stop = min(len(segment), last + reorder + 2)
    look_back = _LOOK_BACK
    while True:
        start = max(0, first - look_back)
        table = segment.rows(start, stop)
        soonest = table.dts[first - start : last - start + 1].min()
        before = slice(first - start + 1)
        keys = np.flatnonzero(table.keyframe[before] & (table.dts[before] <= soonest))
        if len(keys) > earlier or start == 0:
            break
        look_back *= 4
    key = int(keys[-1 - earlier]) if len(keys) > earlier else 0
    if key >= reorder or start == 0:
        skip = max(0, key - reorder)
        return start + skip, table[skip:]
    return max(0, start + key - reorder), segment.rows(max(0, start + key - reorder), stop)


def _hidden_between(segment: SegmentPackets, table: Packets, first_row: int) -> Packets:
    # At either end of the file all hidden packets count: the only key frame may be hidden
    # before the first frame, and the last frame may go on after its own packet.
    hidden = segment.hidden
    if len(hidden) == 0:
        return hidden
    bounds = np.iinfo(np.int64)
    lowest = table.dts.min() if first_row else bounds.min
    highest = table.dts.max() if first_row + len(table) < len(segment) else bounds.max
    return hidden[(hidden.dts >= lowest) & (hidden.dts <= highest)]


def _merge(starts: np.ndarray, stops: np.ndarray, adjacent: bool) -> list[list[int]]:
    order = np.argsort(starts, kind="stable")
    spans: list[list[int]] = []
    for start, stop in zip(starts[order].tolist(), stops[order].tolist()):
        if spans and start < spans[-1][1] + adjacent:
            spans[-1][1] = max(spans[-1][1], stop)
        else:
            spans.append([start, stop])
    return spans


def follow_run(
    segment: SegmentPackets, run: Run, last_row: int, last_dts: int, count: int
) -> Run:
    r"""Returns a run with the next packets of the file added to it.

    Args:
        segment: the packets of the file.
        run: the packets to decode.
        last_row: the last frame wanted of it.
        last_dts: dts of the last packet that is needed for it.
        count: how many packets to add at most.
    """
    if count == 0:
        return run
    # A packet lies at most `reorder` places from the place of its frame.
    reorder = segment.stream.reorder
    start = max(0, last_row - 2 * reorder)
    stop = min(len(segment), last_row + 2 * reorder + count + 1)
    table = segment.rows(start, min(len(segment), stop + 2 * reorder + 1))
    # No packet that follows a missing packet in the file can be decoded.
    end_dts = table.dts[stop - start :].min(initial=np.iinfo(np.int64).max)
    table = table[: stop - start]
    frames = np.arange(start, stop, dtype=np.int64)
    if len(segment.hidden):
        table = Packets.concatenate([table, segment.hidden])
        frames = np.concatenate([frames, -1 - np.arange(len(segment.hidden))])
    order = np.argsort(table.dts)
    dts = table.dts[order]
    order = order[(dts > last_dts) & (dts < end_dts)][:count]
    if not len(order):
        return run
    return Run(
        Packets.concatenate([run.packets, table[order]]),
        np.concatenate([run.frames, frames[order]]),
        np.concatenate([run.wanted, np.zeros(len(order), bool)]),
    )


def byte_ranges(runs: Sequence[Run], merge_gap: int = MERGE_GAP_BYTES) -> list[ByteRange]:
    r"""Returns the ranges of bytes that hold all packets of the runs.

    Args:
        runs: the packets to decode.
        merge_gap: ranges with at most this many bytes between them become one.
    """
    if len(runs) == 1:
        table = runs[0].packets
    else:
        table = Packets.concatenate([Packets.empty(), *(run.packets for run in runs)])
    if not len(table.pos):
        return []
    order = np.argsort(table.pos, kind="stable")
    start = table.pos[order]
    reach = np.maximum.accumulate(start + table.size[order])
    breaks = np.flatnonzero(start[1:] > reach[:-1] + merge_gap)
    starts = [start[0], *start[breaks + 1]]
    return list(map(ByteRange, map(int, starts), map(int, [*reach[breaks], reach[-1]])))
