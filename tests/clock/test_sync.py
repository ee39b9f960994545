r"""Pulses that both clocks saw: trains that lack some, maps that cannot be right."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import temporaldata_video as tv

SECONDS = 0.5 + np.arange(30.0)
CLOCK = np.arange(40) / 2


def mapped(seconds):
    return 100 + (1 + 20e-6) * seconds


@pytest.fixture
def video(tiny_clip, tmp_path):
    return shutil.copy(tiny_clip, tmp_path / "cam.mp4")


def report_of(sync, **fields):
    return tv.examine_clock(tv.Clock(CLOCK, sync=sync, **fields)).sync


def written(video, sync, **fields):
    clock = tv.Clock(CLOCK, sync=sync, **fields)
    return tv.write_index(video, timestamps=clock, progress=False, overwrite=True)


def test_a_pulse_that_the_camera_missed_in_a_table_of_pairs(video):
    camera = np.delete(SECONDS, 10)[:29]
    pairs = np.c_[camera, mapped(SECONDS)[:29]]
    found = report_of(pairs)
    assert found.recording_left.tolist() == [10] and found.camera_left.tolist() == [28]
    assert found.residual < 1e-6 and found.pairs == 28
    with pytest.warns(tv.IndexWarning, match="the camera missed pulse 10 of the recording"):
        times = written(video, pairs).timestamps()
    np.testing.assert_allclose(times, mapped(CLOCK), atol=1e-3)
    facts = tv.LanceFrameIndex.open(f"{video}.lance").clock_facts["sync"]
    assert facts["recording_left"] == [[10, 10]] and facts["pairs"] == 28
    assert "sync-pulses-missed" in tv.check_video(video).codes


def test_columns_of_unequal_length(tmp_path):
    recording = mapped(SECONDS)
    rows = [f"{c},{r}" for c, r in zip(np.delete(SECONDS, 10), recording)]
    (tmp_path / "pairs.csv").write_text("\n".join(["cam,rec", *rows, f",{recording[-1]}"]))
    found = report_of(tmp_path / "pairs.csv")
    assert found.recording_left.tolist() == [10] and not len(found.camera_left)


def test_two_trains_in_two_files(tmp_path):
    rng = np.random.default_rng(2)
    marks = np.cumsum(rng.uniform(0.2, 3.0, 60))
    np.savetxt(tmp_path / "cam.txt", np.delete(marks, [0, 30]))
    np.save(tmp_path / "rec.npy", np.sort(np.append(np.delete(mapped(marks), 44), 111.0)))
    found = report_of((tmp_path / "cam.txt", tmp_path / "rec.npy"))
    assert (found.pairs, len(found.camera_left), len(found.recording_left)) == (57, 1, 3)
    assert found.drift_ppm == pytest.approx(20, abs=0.1)


def test_trains_that_nothing_aligns(tmp_path):
    trains = (SECONDS[:25], mapped(SECONDS))
    with pytest.raises(
        tv.ClockError, match=r"25 pulses and the recording 30.*anchor='0:0'"
    ):
        report_of(trains)
    found = report_of(trains, anchor=(0, 0))
    assert found.recording_left.tolist() == [25, 26, 27, 28, 29]
    rng = np.random.default_rng(0)
    others = tuple(np.cumsum(rng.uniform(0.2, 3.0, 60)) for _ in range(2))
    with pytest.raises(tv.ClockError):
        report_of(others)


@pytest.mark.parametrize("sign", [1, -1])
def test_maps_beyond_the_bounds_are_refused_unless_insisted_on(video, sign):
    fast = np.c_[SECONDS, 100 + (1 + sign * 1200e-6) * SECONDS]
    with pytest.raises(tv.ClockError, match=rf"{sign * 1200} ppm.*max_drift_ppm"):
        written(video, fast)
    written(video, fast, max_drift_ppm=1500.0)
    (doubt,) = [f for f in tv.check_video(video).findings if f.code == "clock-doubtful"]
    assert f"{sign * 1200} ppm" in doubt.what and doubt.severity is tv.Severity.WARNING


def test_pairs_off_a_line_are_refused_unless_insisted_on(video):
    shaky = np.c_[SECONDS, mapped(SECONDS)]
    shaky[::2, 1] += 0.1
    clock = {"source": CLOCK / 15, "sync": shaky, "max_drift_ppm": 5000.0}
    with pytest.raises(tv.ClockError, match=r"off a line.*half a frame.*max_residual"):
        tv.write_index(video, timestamps=tv.Clock(**clock), progress=False)
    clock = tv.Clock(**clock, max_residual=1.0)
    tv.write_index(video, timestamps=clock, progress=False)
    report = tv.check_video(video)
    assert "clock-doubtful" in report.codes
    assert all("on the right clock" not in finding.meaning for finding in report.findings)


def test_check_says_nothing_of_a_right_clock_that_drifts_too_much(video):
    times = 7 + 1.03 * np.arange(40) / 30
    tv.write_index(video, timestamps=times, progress=False, overwrite=True)
    (drift,) = [f for f in tv.check_video(video).findings if f.code == "clock-drift"]
    assert "right clock" not in drift.meaning and "nothing here can tell" in drift.meaning
