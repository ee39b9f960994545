r"""Pulses matched to frames: right, or refused, never off by half a frame."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

import temporaldata_video as tv
from stress.pulses import draw, match_many, outcome
from temporaldata_video._clock.alignment import align, is_constant, resolution
from temporaldata_video._clock.frame_counter import unwrap_counter
from tests.helpers import words

N, STEP = 300, 1 / 30
PULSES = 10 + np.arange(N) * STEP
# Triggers that a computer sends, whose intervals differ by some percent.
RNG = np.random.default_rng(7)
JITTERY = 10 + STEP * (np.arange(N) + RNG.uniform(-0.05, 0.05, N))


def ticks_of(pulses, drift=50e-6):
    r"""The same events by a camera's clock."""
    return (pulses - 3) * (1 - drift)


# The property -----------------------------------------------------------------------------


def test_trains_drawn_at_random_are_matched_right_or_refused():
    found = match_many(32)
    assert not any("wrong" in outcomes for outcomes in found.values()), found
    # What both have in their intervals is enough, whatever was dropped and added.
    assert found["jitter of both"] == {"right": 8}
    assert found["counter"]["right"] > 0


def test_the_draws_have_what_they_should():
    trains = [draw(seed) for seed in range(40)]
    assert any(len(t.pulses) > len(t.ticks) for t in trains)
    assert any(len(t.pulses) < len(t.ticks) for t in trains)
    wrapped = [
        t for t in trains if t.counter is not None and (np.diff(t.counter) < 0).any()
    ]
    assert wrapped and {outcome(t) for t in wrapped} <= {"right", "refused"}


# Evidence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    "lost",
    [[], [0], [N - 1], [0, 1, 2, N - 1], list(range(100, 140)), [5, 6, 150, 151, 299]],
    ids=str,
)
def test_intervals_with_jitter(lost, reverse):
    some = np.delete(JITTERY, lost)
    pulses, ticks = (some, JITTERY) if reverse else (JITTERY, some)
    match = tv.match_clock(pulses, ticks_of(ticks))
    assert match.evidence in ("intervals", "counts")
    expected = np.delete(np.arange(N), lost)
    if reverse:
        assert match.frames_left.tolist() == lost and not len(match.pulses_left)
        assert np.flatnonzero(np.isnan(match.times)).tolist() == lost
        np.testing.assert_array_equal(match.times[expected], pulses)
    else:
        assert match.pulses_left.tolist() == lost and not len(match.frames_left)
        np.testing.assert_array_equal(match.times, some)
    assert match.drift_ppm == pytest.approx(50, abs=1)
    assert match.residual_worst < 1e-6


def test_missed_and_spurious_pulses_at_once():
    pulses = np.delete(JITTERY, [3, 77, 78, 200])
    spurious = pulses[[10, 120, 250]] + 0.4 * STEP
    pulses = np.sort(np.concatenate([pulses, spurious, [pulses[0] - 0.3 * STEP]]))
    ticks = ticks_of(np.delete(JITTERY, [30, 299]))
    match = tv.match_clock(pulses, ticks)
    kept = np.delete(np.arange(N), [30, 299])
    assert kept[match.frames_left].tolist() == [3, 77, 78, 200]
    assert set(spurious) <= set(pulses[match.pulses_left])
    timed = match.pulse >= 0
    np.testing.assert_array_equal(match.times[timed], JITTERY[kept][timed])


def test_pulses_far_before_and_after_the_camera():
    rng = np.random.default_rng(1)
    pulses = 5 + STEP * (np.arange(9000) + rng.uniform(-0.05, 0.05, 9000))
    ticks = ticks_of(pulses[4000:4600])
    match = tv.match_clock(pulses, ticks)
    assert match.pulse.tolist() == list(range(4000, 4600))


@pytest.mark.parametrize("period", [256, 65536])
@pytest.mark.parametrize("first", [0, 200, 65500])
def test_a_counter_that_starts_over(period, first):
    kept = np.delete(np.arange(N), [100, 101, 150, 240])
    counter = (first + kept) % period
    match = tv.match_clock(PULSES, len(kept), frame_counter=counter)
    np.testing.assert_array_equal(match.times, PULSES[kept])
    assert match.evidence == "counter" and np.isnan(match.drift_ppm)
    assert match.pulses_left.tolist() == [100, 101, 150, 240]


def test_a_counter_from_one_and_a_counter_of_pulses():
    counter = np.array([254, 255, 1, 2, 4])
    assert unwrap_counter(counter, "c").tolist() == [254, 255, 256, 257, 259]
    # Numbers on both sides need no intervals: pulse 4 was missed, frame 2 was lost.
    ids = np.array([1, 2, 3, 5, 6])
    match = tv.match_clock(PULSES[ids], 4, frame_counter=[1, 3, 4, 5], pulse_counter=ids)
    np.testing.assert_array_equal(match.times, [*PULSES[[1, 3]], np.nan, PULSES[5]])


def test_a_counter_alone_on_the_pulses():
    seen = np.delete(np.arange(N), [40, 41])
    match = tv.match_clock(PULSES[seen], ticks_of(PULSES), pulse_counter=seen % 256)
    assert match.frames_left.tolist() == [40, 41]
    np.testing.assert_array_equal(match.times[seen], PULSES[seen])


@pytest.mark.parametrize(
    ("counter", "says"),
    [
        ([1, 2, 2, 3], r"\[2\] is 2 again"),
        ([1, 2.5, 3, 4], r"\[1\] is 2.5, which is no whole"),
        ([5, 4, 3, 2], r"\[1\] is 4 after 5"),
        ([1, 2, 3], "3 numbers for 4 frames"),
    ],
)
def test_counters_that_are_none(counter, says):
    with pytest.raises(ValueError, match=says):
        tv.match_clock(PULSES[:6], 4, frame_counter=counter)


def test_counts_alone_are_believed_with_a_warning():
    with pytest.warns(tv.IndexWarning, match="nothing else says that no frame was lost"):
        match = tv.match_clock(PULSES, N)
    np.testing.assert_array_equal(match.times, PULSES)
    assert match.evidence == "counts"
    # Gaps in the frames that the pulses fill are evidence of their own.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = np.delete(np.arange(N), [50, 200])
        match = tv.match_clock(PULSES, kept * STEP)
    assert match.pulses_left.tolist() == [50, 200]


# Refusals ---------------------------------------------------------------------------------


def test_constant_intervals_are_refused_with_the_candidates():
    with pytest.raises(tv.ClockError) as raised:
        tv.match_clock(PULSES, N - 4)
    text = str(raised.value)
    assert "296 frames, and there are 300 pulses" in text and "constant" in text
    assert "anchor='0:0' (pulses 296 to 299 have no frame)" in text
    assert "anchor='0:4' (pulses 0 to 3 have no frame)" in text
    with pytest.raises(tv.ClockError, match=r"anchor='1:0' \(frame 0 has no pulse\)"):
        tv.match_clock(PULSES, np.arange(N + 1) * STEP)


@pytest.mark.parametrize("anchor", [(1, 0), "1:0", (-1, -1), "-1:-1"])
def test_an_anchor_decides(anchor):
    match = tv.match_clock(PULSES, N + 1, anchor=anchor)
    assert match.frames_left.tolist() == [0] and match.evidence == "anchor"
    np.testing.assert_array_equal(match.times[1:], PULSES)


def test_an_anchor_that_intervals_contradict():
    with pytest.raises(tv.ClockError, match="anchor='1:0' contradicts the intervals"):
        tv.match_clock(JITTERY, ticks_of(JITTERY[3:]), anchor=(1, 0))
    for wrong in ("1", (1, 2, 3), "a:b", (N, 0), (0, -N - 1)):
        with pytest.raises(ValueError, match="anchor"):
            tv.match_clock(PULSES, N, anchor=wrong)


def test_the_start_and_the_end_of_each_exposure():
    edges = np.sort(np.concatenate([JITTERY, JITTERY + 0.3 * STEP]))
    with pytest.raises(tv.ClockError, match=r"start and the end of each exposure.*::2"):
        tv.match_clock(edges, ticks_of(JITTERY))
    assert tv.match_clock(edges[::2], ticks_of(JITTERY)).pulse.tolist() == list(range(N))


def test_trains_at_other_rates():
    with pytest.raises(tv.ClockError, match=r"pulse comes every 0.333333 s.*as sync"):
        tv.match_clock(PULSES[::10], np.arange(N) * STEP)
    with pytest.raises(tv.ClockError, match="in seconds, say its unit"):
        tv.match_clock(JITTERY * 1e3, ticks_of(JITTERY))


def test_drift_and_residual_are_bounded_unless_insisted_on():
    fast = ticks_of(JITTERY, drift=2e-3)
    with pytest.raises(tv.ClockError, match=r"differ by 2004 ppm.*max_drift_ppm"):
        tv.match_clock(JITTERY, fast)
    match = tv.match_clock(JITTERY, fast, max_drift_ppm=3000)
    assert match.drift_ppm == pytest.approx(2004, abs=1)
    bent = ticks_of(JITTERY) + 0.8 * STEP * np.sin(np.arange(N) / 60)
    with pytest.raises(tv.ClockError, match=r"off a line.*max_residual"):
        tv.match_clock(JITTERY, bent, max_drift_ppm=1e5)
    match = tv.match_clock(JITTERY, bent, max_drift_ppm=1e5, max_residual=1.0)
    assert match.pulse.tolist() == list(range(N))


@pytest.mark.parametrize(
    ("pulses", "says"),
    [
        ([1.0], "two is the least"),
        ([1.0, np.nan, 3.0], "row 1 is nan"),
        ([1.0, 3.0, 2.0], "row 2 is .*2.0.* after .*3.0"),
        ([1.0, 1.0, 2.0], "must increase"),
    ],
)
def test_trains_that_are_none(pulses, says):
    with pytest.raises(tv.ClockError, match=says):
        tv.match_clock(pulses, 3)


# What is made of times ------------------------------------------------------------------


def test_rounding_is_no_jitter():
    # Whole milliseconds go 33, 33, 34: a pattern that says nothing of which frame is whose.
    rounded = np.round(PULSES, 3)
    assert is_constant(rounded) and not is_constant(JITTERY)
    assert resolution(rounded) == pytest.approx(1e-3)
    with pytest.raises(tv.ClockError, match="constant"):
        tv.match_clock(np.round(PULSES, 3), np.round(np.arange(N - 4) * STEP, 3))


def test_barcodes_and_random_intervals():
    rng = np.random.default_rng(3)
    marks = np.cumsum(rng.exponential(2.0, 200) + 0.05)
    camera = np.delete(marks, [0, 50, 51, 120]) * (1 + 80e-6) + 500
    recording = np.sort(np.append(np.delete(marks, [20, 199]), [7.7, 300.1]))
    choice = align(camera, recording)
    found = choice.found[0]
    assert choice.evidence == "intervals"
    same = np.delete(marks, [0, 50, 51, 120])[found.first]
    np.testing.assert_allclose(recording[found.second], same, atol=1e-9)
    assert len(found) == 200 - 6


def test_long_trains_take_no_tables_of_both():
    rng = np.random.default_rng(5)
    n = 120_000
    pulses = STEP * (np.arange(n) + rng.uniform(-0.05, 0.05, n))
    kept = rng.random(n) > 0.02
    match = tv.match_clock(pulses, ticks_of(pulses[kept], drift=3e-4))
    np.testing.assert_array_equal(match.times, pulses[kept])


def test_what_was_done_as_text_and_as_json():
    match = tv.match_clock(PULSES, N + 1, anchor=(1, 0))
    facts = json.loads(match.to_json())
    assert facts["matched"] == N and facts["frames_left"] == [[0, 0]]
    assert facts["drift_ppm"] is None and facts["pulses_left"] == []
    text = words(match)
    assert "frames with a pulse 300 by anchor" in text
    assert "frames without a pulse 1 frame 0" in text
    assert "pulses without a frame 0" in text


def test_files_and_units(tmp_path):
    np.savetxt(tmp_path / "ttl.csv", PULSES * 30000, fmt="%d", header="n", comments="")
    np.savetxt(tmp_path / "ids.txt", np.delete(np.arange(N), [9, 10]), fmt="%d")
    pulses = tv.Clock(tmp_path / "ttl.csv", unit="samples", rate=30000)
    match = tv.match_clock(pulses, tmp_path / "ids.txt")
    assert match.evidence == "counter" and match.pulses_left.tolist() == [9, 10]
    np.testing.assert_allclose(match.times, np.delete(PULSES, [9, 10]), atol=1e-4)


def test_a_clock_with_pulses_is_read_and_examined_like_any_other():
    kept = np.delete(np.arange(N), [9, 10])
    clock = tv.Clock(ticks_of(JITTERY[kept]), pulses=JITTERY)
    np.testing.assert_array_equal(tv.read_timestamps(clock), JITTERY[kept])
    report = tv.examine_clock(clock)
    assert report.match.pulses_left.tolist() == [9, 10]
    assert "pulses without a frame 2 pulses 9 to 10" in words(report)
    with pytest.raises(ValueError, match="pulses must be an array, a file or a Clock"):
        tv.read_timestamps(tv.Clock(JITTERY, pulses=tv.Clock(rate=30.0)))


def test_check_of_pulses_that_nothing_assigns(tiny_clip):
    report = tv.check_video(tiny_clip, timestamps=tv.Clock(pulses=PULSES[:44]))
    (finding,) = [f for f in report.findings if f.code == "clock-refused"]
    assert "40 frames, and there are 44 pulses" in finding.what
