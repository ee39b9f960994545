r"""Clocks beside frames: what is found, what is refused, and what choices do."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._clock.faults import Faults
from temporaldata_video._clock.fit import container_clock
from temporaldata_video.testing import make_clip
from tests.helpers import words

N = 40
CLOCK = 5 + np.arange(N) / 32


@pytest.fixture
def video(tiny_clip, tmp_path):
    return shutil.copy(tiny_clip, tmp_path / "cam.mp4")


def times_of(video, clock, **options):
    return tv.write_index(video, timestamps=clock, progress=False, **options).timestamps()


# The report -----------------------------------------------------------------------------


def test_every_fault_is_found_with_its_rows_and_length():
    clock = CLOCK.copy()
    clock[10:] += 2  # a gap
    clock[20] = clock[19]  # a repeat, and a gap after it
    clock[30], clock[31] = clock[31], clock[30]  # a step back, and gaps around it
    clock[35:] += 1e6  # another epoch
    clock[[2, 3]] = np.nan  # and a gap over them
    report = tv.examine_clock(clock, 45)
    assert (report.stamps, report.frames) == (N, 45)
    assert (report.first, report.last) == (clock[0], clock[-1])
    assert report.interval == 1 / 32
    assert report.gaps.rows.tolist() == [4, 10, 21, 30, 32]
    assert report.gaps.longest == 2 + 1 / 32
    assert report.frames_lost == 2 + 64 + 1 + 1 + 1
    assert report.repeats.rows.tolist() == [20]
    assert report.backwards.rows.tolist() == [31]
    assert report.backwards.seconds.tolist() == [-1 / 32]
    assert report.jumps.rows.tolist() == [35]
    assert report.jumps.longest == 1e6 + 1 / 32
    assert report.missing.rows.tolist() == [2, 3]
    assert report.untimed.tolist() == list(range(40, 45))
    assert not report.is_clean
    text = words(report)
    assert "gaps 5 rows 4, 10, 21 and 2 more longest 2.031 s, 69 frames lost" in text
    assert "frames without a stamp 5 frames 40, 41, 42 and 2 more" in text


@pytest.mark.parametrize(
    ("step", "duration"),
    [
        (0.00005, "50 us"),
        (0.0001, "0.100 ms"),
        (0.5, "500.000 ms"),
        (1.0, "1.000 s"),
        (2.0, "2.000 s"),
    ],
)
def test_durations_in_words(step, duration):
    clock = np.array([0.0, 1.0, 2.0, 5.0, 5.0]) * step
    report = tv.examine_clock(clock)
    assert f"median step {duration}" in words(report)
    assert (report.gaps.total, report.gaps.longest) == (3 * step, 3 * step)
    assert report.frames_lost == 2 and ", 2 frames lost" in words(report)
    assert "repeats 1 row 4 " in words(report)
    assert "1 frame lost" in str(tv.examine_clock([0.0, 1.0, 3.0, 4.0]))
    assert "lost" not in str(tv.examine_clock([0.0, 1.0, 2.0]))


def test_stamps_on_either_side_of_the_pairs():
    clock = tv.Clock([-3.0, 0.0, 5.0, 10.0, 12.0], sync=[[0, 0], [5, 5], [10, 10]])
    report = tv.examine_clock(clock)
    assert (report.sync.outside, report.sync.reach) == (2, 3.0)
    assert (report.sync.residual, report.sync.drift_ppm) == (0.0, 0.0)
    assert "drift 0.000 ppm, off a line by 0.000 s" in words(report)


def test_a_clean_clock_has_nothing():
    report = tv.examine_clock(CLOCK, N)
    assert report.is_clean
    assert len(list(report.table())) == 9
    assert "rows" not in words(report)


@pytest.mark.parametrize("clock", [[], [3.0], [np.nan, np.nan]])
def test_clocks_with_nothing_to_measure(clock):
    report = tv.examine_clock(clock)
    assert report.stamps == len(clock)
    assert not report.interval > 0
    assert words(report)


def test_the_resolution_is_that_of_the_source():
    assert tv.examine_clock(np.array([1e9, 1e9 + 64], np.float32)).resolution == 64
    assert tv.examine_clock(tv.Clock([5, 7], unit="ms")).resolution == 1e-3


# Refusals -------------------------------------------------------------------------------


FAULTS = {
    "back": ("on_jump", r"back in 1 place \(row 9, by 1 s\)"),
    "jump": ("on_jump", r"more than a day in 1 place \(row 9"),
    "gap": ("on_gap", r"1 steps of over 1.5 .*row 9"),
    "repeat": ("on_repeat", r"repeats a time at 1 stamps.*row 9"),
}


def with_fault(kind):
    clock = CLOCK.copy()
    if kind == "back":
        clock[9] = clock[8] - 1
    elif kind == "repeat":
        clock[9] = clock[8]
    else:
        clock[9:] += {"jump": 9e4, "gap": 1}[kind]
    return clock


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_refused_or_kept_as_chosen(video, kind):
    choice, says = FAULTS[kind]
    clock = with_fault(kind)
    with pytest.raises(tv.ClockError, match=says) as raised:
        times_of(video, tv.Clock(clock, **{choice: "raise"}))
    assert f"{choice}='keep'" in str(raised.value)
    assert not raised.value.report.is_clean
    assert isinstance(raised.value, ValueError)
    again = pickle.loads(pickle.dumps(raised.value))
    assert again.report.stamps == N and str(again) == str(raised.value)
    kept = times_of(video, tv.Clock(clock, **{choice: "keep"}))
    np.testing.assert_array_equal(kept, clock)


def test_gaps_and_repeats_shift_nothing_and_are_kept(video):
    clock = CLOCK.copy()
    clock[9:] += 1
    clock[20] = clock[19]
    np.testing.assert_array_equal(times_of(video, clock), clock)


def test_all_faults_are_said_at_once(video):
    clock = CLOCK[:30].copy()
    clock[4], clock[9] = np.nan, 0
    with pytest.raises(tv.ClockError) as raised:
        times_of(video, clock)
    for word in ("NaN", "40 frames and 30 timestamps", "steps back", "row 9"):
        assert word in str(raised.value)


def test_a_clock_in_the_wrong_unit_is_refused_unless_it_is_named(video):
    slow = np.arange(N) * 100 / 3
    with pytest.raises(tv.ClockError, match="most likely ms: unit='ms'"):
        times_of(video, slow)
    assert not Path(f"{video}.lance").exists()
    np.testing.assert_array_equal(times_of(video, tv.Clock(slow, unit="s")), slow)


def test_choices_are_made_in_one_place(video):
    clock = tv.Clock(CLOCK[:30], on_mismatch="trim")
    with pytest.warns(tv.IndexWarning, match="last 10 frames"):
        times_of(video, clock)
    with pytest.raises(ValueError, match="say on_nan in it"):
        times_of(video, clock, on_nan="drop", overwrite=True)


# Rates, maps, numbers of frames ---------------------------------------------------------


def test_a_rate_and_a_start(video):
    found = times_of(video, tv.Clock(rate=16, start=3.5))
    np.testing.assert_array_equal(found, 3.5 + np.arange(N) / 16)


def test_the_clocks_of_files_are_laid_end_to_end():
    ticks = [([100, 200, 300], 100), ([50, 150], 100), ([7], 8), ([], 10), ([1, 3], 2)]
    tables = [(np.array(pts, float), Fraction(1, rate)) for pts, rate in ticks]
    # A file of one frame says nothing of how long that is shown.
    assert container_clock(tables[:3]).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert container_clock(tables[4:]).tolist() == [0.5, 1.5]
    assert container_clock([tables[2], tables[4]]).tolist() == [0.875, 0.875, 1.875]
    assert container_clock([]).tolist() == []


def test_a_map_from_container_time(video):
    pairs = [[0.0, 100.0], [1.0, 101.5]]
    with pytest.raises(tv.ClockError, match=r"differ by 500000 ppm.*max_drift_ppm"):
        times_of(video, tv.Clock(sync=pairs))
    found = times_of(video, tv.Clock(sync=pairs, max_drift_ppm=1e6))
    np.testing.assert_allclose(found, 100 + 1.5 * np.arange(N) / 30, atol=1e-4)


@pytest.mark.parametrize(("fit", "middle"), [("piecewise", 10.0), ("affine", 40 / 3)])
def test_a_map_from_stamps(tmp_path, fit, middle):
    (tmp_path / "pairs.csv").write_text("cam,rec\n0,0\n10,10\n20,40\n")
    clock = tv.Clock([10.0, 25.0], sync=tmp_path / "pairs.csv", sync_fit=fit)
    found = tv.read_timestamps(clock)
    beyond = {"piecewise": 55.0, "affine": 50 / 3 + 2 * 15}[fit]
    np.testing.assert_allclose(found, [50 / 3 if fit == "affine" else middle, beyond])
    sync = tv.examine_clock(clock).sync
    assert (sync.pairs, sync.outside, sync.reach) == (3, 1, 5.0)
    assert sync.drift_ppm == pytest.approx(1e6)
    assert sync.residual == pytest.approx(20 / 3)
    assert "stamps beyond the pairs 1 by up to 5.000 s" in words(tv.examine_clock(clock))


@given(
    offset=st.floats(-1e9, 1e9),
    drift=st.floats(-1e-3, 1e-3),
    pairs=st.lists(st.integers(0, 4000), min_size=2, max_size=20, unique=True),
)
def test_an_affine_clock_is_found_by_either_fit(offset, drift, pairs):
    camera = np.sort(np.array(pairs, float))
    recording = offset + (1 + drift) * camera
    if (np.diff(recording) <= 0).any():
        return
    times = np.array([camera[0] - 1, camera.mean(), camera[-1] + 1])
    for fit in ("piecewise", "affine"):
        clock = tv.Clock(times, sync=np.c_[camera, recording], sync_fit=fit)
        found = tv.read_timestamps(clock)
        np.testing.assert_allclose(found, offset + (1 + drift) * times, atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([[0, 1]], "two pairs"),
        ([[0, 1], [0, 2]], "camera's does not from row 0"),
        ([[0, 1], [1, 1]], "recording's does not"),
        ([[0, 1], [np.nan, 2], [3, 4]], "nan for the camera in row 1"),
        ([0, 1], "shape"),
        ([[0, 1, 2], [1, 2, 3]], "shape"),
        ([[[0, 1]], [[1, 2]]], "shape"),
        ([[0, 1], [2, 3], [1, 4]], "camera's does not from row 1 to row 2"),
        ([[0, 1], [1, np.inf]], "inf for the recording in row 1"),
        ([["a", "b"]], "pairs of camera time"),
    ],
)
def test_maps_that_make_no_sense(pairs, says):
    with pytest.raises(ValueError, match=says):
        tv.read_timestamps(tv.Clock([0.0], sync=pairs))


def test_stamps_of_numbered_frames(video, tmp_path):
    # The camera's log lacks the frames 3 and 4, which the file has, and starts at 1000.
    numbers = np.delete(np.arange(N), [3, 4])
    rows = "".join(f"{1000 + n},{CLOCK[n]}\n" for n in numbers)
    (tmp_path / "log.csv").write_text(f"frame,t\n{rows}")
    fields = {"column": "t", "frame_index": "frame", "first_frame": 1000}
    clock = tv.Clock(tmp_path / "log.csv", **fields)
    with pytest.raises(tv.ClockError, match=r"for 2 of the 40 frames .* is frame 3"):
        times_of(video, clock)
    found = times_of(video, tv.Clock(tmp_path / "log.csv", on_nan="drop", **fields))
    expected = CLOCK.copy()
    expected[[3, 4]] = np.nan
    np.testing.assert_array_equal(found, expected)
    assert tv.LazyVideo.from_uri(video).frame_indices.tolist() == numbers.tolist()


def test_stamps_of_frames_that_the_file_lacks(video):
    numbers = np.r_[np.arange(38), 41, 42]
    clock = tv.Clock(CLOCK, frame_index=numbers)
    with pytest.raises(tv.ClockError, match=r"names 2 beyond them.*leave frame_index out"):
        times_of(video, clock)
    clock = tv.Clock(CLOCK, frame_index=numbers, on_mismatch="trim", on_nan="drop")
    with pytest.warns(tv.IndexWarning, match="2 timestamps are of frames beyond"):
        found = times_of(video, clock)
    np.testing.assert_array_equal(found[:38], CLOCK[:38])
    assert np.isnan(found[38:]).all()


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ([0, 1], "2 numbers for 3"),
        ([-1, 0, 1], r"frame_index\[0\] is -1"),
        ([0.0, 1.0, 2.0], "whole numbers"),
    ],
)
def test_numbers_that_make_no_sense(video, numbers, says):
    with pytest.raises(ValueError, match=says):
        times_of(video, tv.Clock([0.0, 1.0, 2.0], frame_index=numbers))


def test_one_clock_for_many_videos(tmp_path):
    videos = [make_clip(tmp_path / f"{k}.mp4", 10, size=(32, 32)) for k in range(2)]
    clock = tv.Clock(rate=5.0, start=1.0)
    done = tv.index_many(videos, timestamps=clock, progress=False)
    assert [report.status for report in done] == ["done", "done"]
    again = tv.index_many(videos, timestamps=clock, progress=False)
    assert [report.status for report in again] == ["skipped", "skipped"]
    other = tv.index_many(videos, timestamps=tv.Clock(rate=6.0), progress=False)
    assert [report.status for report in other] == ["failed", "failed"]
    assert "other timestamps" in other[0].reason


FAULT = Faults(np.array([1]), np.array([0.5]))


@pytest.mark.parametrize(
    "fault",
    [
        *({name: FAULT} for name in ("gaps", "repeats", "backwards", "jumps", "missing")),
        {"untimed": np.array([3])},
        {"surplus": 1},
    ],
    ids=lambda fault: next(iter(fault)),
)
def test_a_clock_with_one_fault_is_not_clean(fault):
    report = tv.examine_clock([0.0, 0.1, 0.2, 0.3])
    assert report.is_clean
    assert not replace(report, **fault).is_clean
