r"""The plan of a request holds every packet that is needed, few others, and their bytes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporaldata_video._decode.plan import byte_ranges, follow_run, plan_runs
from temporaldata_video._index.packets import (
    NO_TIME,
    SegmentIndex,
    increasing_dts,
    order_frames,
)
from temporaldata_video.errors import SourceError
from temporaldata_video.types import Packets, StreamInfo

STREAM = StreamInfo("mov", 0, "h264", 0, b"", Fraction(1, 30), 64, 64)


@st.composite
def segments(draw) -> SegmentIndex:
    r"""Groups of pictures, open or closed, with frames out of order and hidden ones."""
    pts, keys = [], []
    base = 0
    for _ in range(draw(st.integers(1, 6))):
        size = draw(st.integers(1, 9))
        lead = draw(st.integers(0, min(2, size - 1))) if pts else 0
        # A key frame, and before it in presentation what leads it in an open group.
        group = [base + lead, *(base + i for i in range(size) if i != lead)]
        rest = group[1:]
        for i in range(0, len(rest) - 1, 2):
            if draw(st.booleans()):
                rest[i], rest[i + 1] = rest[i + 1], rest[i]
        pts += [group[0], *rest]
        keys += [True] + [False] * len(rest)
        base += size
    n = len(pts)
    size = np.array(draw(st.lists(st.integers(1, 500), min_size=n, max_size=n)))
    gaps = np.array(draw(st.lists(st.integers(0, 100), min_size=n, max_size=n)))
    hidden = draw(st.sets(st.integers(0, n - 1), max_size=min(3, n - 1)))
    packets = Packets(
        np.array(pts), np.arange(n) - 3, np.cumsum(size + gaps) - size, size, np.array(keys)
    )
    rows = np.setdiff1d(np.arange(n), list(hidden))
    return order_frames(STREAM, packets, rows[np.argsort(packets.pts[rows])])


@st.composite
def requests(draw) -> tuple[SegmentIndex, np.ndarray]:
    segment = draw(segments())
    wanted = draw(st.sets(st.integers(0, len(segment) - 1), min_size=1))
    return segment, np.array(sorted(wanted))


def all_packets(segment: SegmentIndex) -> Packets:
    table = Packets.concatenate([segment.frames, segment.hidden])
    return table[np.argsort(table.dts)]


@given(requests(), st.booleans())
def test_a_plan_holds_what_is_needed_in_decoding_order(request_, split):
    segment, wanted = request_
    runs = plan_runs(segment, wanted, split=split)
    shown = np.concatenate([run.frames[run.wanted] for run in runs])
    assert sorted(shown.tolist()) == wanted.tolist()
    table = all_packets(segment)
    for run in runs:
        assert len(run.packets) == len(run.frames) == len(run.wanted)
        # A stretch of the file without a gap, that ends when the last one wanted is fed.
        first = int(np.flatnonzero(table.dts == run.packets.dts[0])[0])
        assert (
            run.packets.dts.tolist() == table.dts[first : first + len(run.frames)].tolist()
        )
        assert run.wanted[-1]
        for row, dts in zip(run.frames[run.wanted], run.packets.dts[run.wanted]):
            keys = segment.frames.keyframe & (segment.frames.pts <= segment.frames.pts[row])
            if keys.any():
                # From the last key frame that is shown before it, or from further back.
                last_key = np.flatnonzero(keys)[-1]
                assert run.packets.dts[0] <= segment.frames.dts[last_key] or len(
                    segment.hidden
                )
            assert run.packets.dts[0] <= dts


@given(requests())
def test_packets_show_the_frames_they_are_said_to_show(request_):
    segment, wanted = request_
    for run in plan_runs(segment, wanted):
        for number, pts, dts in zip(run.frames, run.packets.pts, run.packets.dts):
            if number >= 0:
                row = segment.frames[number : number + 1]
                assert (row.pts[0], row.dts[0]) == (pts, dts)
            else:
                assert dts in segment.hidden.dts
        assert len(set(run.frames.tolist())) == len(run.frames)


@given(requests())
def test_nothing_is_decoded_twice(request_):
    segment, wanted = request_
    for split in (False, True):
        dts = np.concatenate(
            [run.packets.dts for run in plan_runs(segment, wanted, split=split)]
        )
        assert len(np.unique(dts)) == len(dts)


@given(requests())
def test_starting_earlier_only_adds_packets(request_):
    segment, wanted = request_
    plain = {d for run in plan_runs(segment, wanted) for d in run.packets.dts.tolist()}
    more = {
        d for run in plan_runs(segment, wanted, earlier=1) for d in run.packets.dts.tolist()
    }
    assert plain <= more


@given(requests(), st.integers(0, 300))
def test_ranges_hold_all_packets_and_waste_little(request_, gap):
    segment, wanted = request_
    runs = plan_runs(segment, wanted)
    ranges = byte_ranges(runs, gap)
    assert all(a.start < a.stop for a in ranges)
    assert all(b.start - a.stop > gap for a, b in pairwise(ranges))
    used = np.zeros(max(r.stop for r in ranges), bool)
    for run in runs:
        for pos, size in zip(run.packets.pos, run.packets.size):
            assert sum(r.start <= pos and pos + size <= r.stop for r in ranges) == 1
            used[pos : pos + size] = True
    for start, stop in ranges:
        assert used[start] and used[stop - 1]
        edges = np.flatnonzero(np.diff(np.concatenate([[1], used[start:stop], [1]])))
        assert (np.diff(edges)[::2] <= gap).all()


def test_no_request_no_plan():
    segment = order_frames(STREAM, Packets([0], [0], [0], [5], [True]), np.arange(1))
    assert plan_runs(segment, np.array([], np.int64)) == [] and byte_ranges([]) == []


def make_regular(n: int, gop: int) -> SegmentIndex:
    k = np.arange(n)
    packets = Packets(k, k, 100 * k, np.full(n, 100), k % gop == 0)
    return order_frames(STREAM, packets, np.argsort(packets.pts))


@pytest.mark.parametrize(
    ("wanted", "runs"),
    [
        ([5], [(0, 6)]),
        ([10, 12], [(10, 13)]),
        ([9, 10], [(0, 11)]),
        ([3, 25], [(0, 4), (20, 26)]),
        ([19999], [(19990, 20000)]),
        ([3, 15000], [(0, 4), (15000, 15001)]),
    ],
)
def test_the_runs_of_regular_groups(wanted, runs):
    planned = plan_runs(make_regular(20000, 10), np.array(wanted))
    assert [(run.frames[0], run.frames[-1] + 1) for run in planned] == runs


def test_groups_are_kept_apart_to_be_decoded_side_by_side():
    segment = make_regular(100, 10)
    planned = plan_runs(segment, np.arange(5, 35), split=True)
    assert [(run.frames[0], run.frames[-1] + 1) for run in planned] == [
        (0, 10),
        (10, 20),
        (20, 30),
        (30, 35),
    ]


def test_a_group_longer_than_what_is_looked_at_first():
    segment = make_regular(30000, 10000)
    (run,) = plan_runs(segment, np.array([9999]))
    assert (run.frames[0], run.frames[-1]) == (0, 9999)


def test_only_a_few_rows_are_looked_at():
    segment, asked = make_regular(200_000, 10), []

    class Watched:
        stream, hidden = segment.stream, segment.hidden

        def __len__(self):
            return len(segment)

        def rows(self, start, stop):
            asked.append(stop - start)
            return segment.rows(start, stop)

    plan_runs(Watched(), np.array([100, 199_000]))
    assert sum(asked) < 2000


@pytest.mark.parametrize("trailing", [1, 2, 60_000])
def test_packets_that_belong_to_the_frame_before_them(trailing):
    # The first of four packets shows a frame, and at the end the second does, too.
    shown = np.sort(np.append(np.arange(0, 40, 4), 37))
    keys, size = np.arange(40) == 0, np.full(40, 10)
    packets = Packets(np.arange(40), np.arange(40), 10 * np.arange(40), size, keys)
    segment = order_frames(replace(STREAM, trailing=trailing), packets, shown)
    for row, place in enumerate(shown.tolist()):
        (run,) = plan_runs(segment, np.array([row]))
        after = shown[row + 1] if row + 1 < len(shown) else 40
        assert len(run.frames) == min(place + 1 + trailing, after)


def test_frames_that_are_decoded_far_from_where_they_are_shown_are_refused():
    n = 1030
    packets = Packets(*np.tile(np.arange(n), (4, 1)), np.arange(n) == 0)
    order_frames(STREAM, packets, np.roll(np.arange(n), 1)[:1024])
    with pytest.raises(SourceError, match="is decoded 1029 places from where"):
        order_frames(STREAM, packets, np.roll(np.arange(n), 1))


@given(st.lists(st.just(NO_TIME) | st.integers(-50, 50), max_size=30))
def test_decoding_timestamps_are_made_to_increase(dts):
    made = increasing_dts(dts)
    assert len(made) == len(dts) and (np.diff(made) >= 1).all()


@given(st.lists(st.integers(1, 9), max_size=30).map(np.cumsum))
def test_good_decoding_timestamps_are_kept(dts):
    assert increasing_dts(dts.tolist()).tolist() == dts.tolist()


@given(segments(), st.data())
def test_what_follows_a_run_is_what_comes_next_in_the_file(segment, data):
    first = data.draw(st.integers(0, len(segment) - 1))
    last = data.draw(st.integers(first, len(segment) - 1))
    count = data.draw(st.integers(0, 20))
    run = plan_runs(segment, np.arange(first, last + 1))[-1]
    followed = follow_run(segment, run, last, int(run.packets.dts[-1]), count)
    everything = Packets.concatenate([segment.rows(0, len(segment)), segment.hidden])
    in_file = np.sort(everything.dts)
    begin = np.searchsorted(in_file, run.packets.dts[0])
    expected = in_file[begin : begin + len(run.frames) + count]
    assert followed.packets.dts.tolist() == expected.tolist()
    assert followed.wanted.sum() == run.wanted.sum()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("reach", [2, 4, 9])
def test_what_follows_a_run_that_is_far_out_of_order(reach, seed):
    # Each frame is decoded up to `reach` places from where it is shown, early ones late.
    rng = np.random.default_rng(seed)
    n = 50
    late = rng.choice([0, reach], n) + np.arange(n)
    late[0] = -1
    pts = np.argsort(late, kind="stable")
    keys, size = np.arange(n) == 0, np.full(n, 10)
    packets = Packets(pts, np.arange(n), np.cumsum(size), size, keys)
    segment = order_frames(STREAM, packets, np.argsort(pts))
    assert segment.stream.reorder == np.abs(pts - np.arange(n)).max() > 0
    for last in range(n):
        for wanted in (np.arange(last + 1), np.array([last])):
            run = plan_runs(segment, wanted)[0]
            last_dts = int(run.packets.dts[-1])
            for count in (0, 1, 2, 5, 11):
                followed = follow_run(segment, run, last, last_dts, count)
                stop = min(n, last_dts + 1 + count)
                assert followed.packets.dts.tolist() == list(range(stop))
                assert followed.frames.tolist() == pts[:stop].tolist()
                assert not followed.wanted[len(run.wanted) :].any()
                # A decoder that has gone further is given what comes next, or less of it.
                begin = last_dts + 1 + 2 * reach
                more = follow_run(segment, run, last, begin - 1, count)
                dts = more.packets.dts[len(run.frames) :]
                assert dts.tolist() == list(range(begin, begin + len(dts)))


@pytest.mark.parametrize("row", [0, 2, 3, 799, 800, 801, 802, 803, 849])
def test_pictures_that_lead_a_key_frame_far_into_a_file(row):
    # Groups of 50, each with two pictures that are shown before its key frame.
    group = np.array([2, 0, 1, *range(3, 50)])
    pts = (np.arange(0, 1000, 50)[:, None] + group).ravel()
    n = len(pts)
    packets = Packets(pts, np.arange(n), 10 * np.arange(n), np.full(n, 10), pts % 50 == 2)
    segment = order_frames(STREAM, packets, np.argsort(pts))
    (run,) = plan_runs(segment, np.array([row]))
    before = [key for key in range(2, 1000, 50) if key <= row]
    assert run.frames[0] == (before[-1] if before else 2)
    assert run.frames[run.wanted].tolist() == [row]
    (longer,) = plan_runs(segment, np.array([row]), earlier=1)
    assert longer.frames[0] == (before[-2] if len(before) > 1 else 2)
