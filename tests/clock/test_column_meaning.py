r"""Columns that are no seconds: refused with what they are, read when it is said."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv

N = 40
TIMES = np.arange(N) / 30


@pytest.fixture
def video(tiny_clip, tmp_path):
    return shutil.copy(tiny_clip, tmp_path / "cam.mp4")


def times_of(video, clock):
    return tv.write_index(
        video, timestamps=clock, progress=False, overwrite=True
    ).timestamps()


COLUMNS = {
    "frames": (np.arange(N), {"unit": "frames", "rate": 30.0}, TIMES),
    "frames from 1": (
        np.arange(1, N + 1),
        {"unit": "frames", "rate": 30.0},
        TIMES + 1 / 30,
    ),
    "days": (45047.5 + TIMES / 86400, {"unit": "days", "origin": "first"}, TIMES),
    "samples": (
        5_000_000_000 + 1000 * np.arange(N),
        {"unit": "samples", "rate": 30000.0},
        5e9 / 3e4 + TIMES,
    ),
    "intervals": (np.diff(TIMES, prepend=0.0), {"unit": "intervals"}, TIMES),
    "intervals, the first unknown": (
        np.diff(TIMES, prepend=np.nan),
        {"unit": "intervals", "on_nan": "drop"},
        TIMES,
    ),
    "intervals in ms": (
        1e3 * np.diff(TIMES, prepend=0.0),
        {"unit": "intervals", "rate": 1000.0},
        TIMES,
    ),
    "ms": (1e3 * TIMES, {"unit": "ms"}, TIMES),
    "us": (1e6 * TIMES, {"unit": "us"}, TIMES),
    "ns": (np.rint(1e9 * TIMES).astype(np.int64), {"unit": "ns"}, TIMES),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_refused_and_the_unit_it_names_takes_it(video, name):
    values, fields, times = COLUMNS[name]
    with pytest.raises(tv.ClockError, match="no seconds of a camera") as raised:
        times_of(video, values)
    assert not Path(f"{video}.lance").exists()
    assert f"unit='{fields['unit']}'" in str(raised.value)
    if "rate" in fields:
        assert f"rate={fields['rate']:g}" in str(raised.value)
    np.testing.assert_allclose(
        times_of(video, tv.Clock(values, **fields)), times, atol=1e-5
    )
    finding = next(
        f
        for f in tv.check_video(video, timestamps=values).findings
        if f.code == "clock-refused"
    )
    assert finding.severity is tv.Severity.ERROR and fields["unit"] in finding.what


@pytest.mark.parametrize("values", [np.arange(N), 500.0 * TIMES, 1e3 * TIMES])
def test_a_unit_that_is_named_is_believed(video, values):
    times = times_of(video, tv.Clock(values, unit="s"))
    np.testing.assert_array_equal(times, values)
    codes = tv.check_video(video, timestamps=tv.Clock(values, unit="s")).codes
    assert "clock-refused" not in codes


@pytest.mark.parametrize("pace", [0.04, 0.5, 1.0, 3.0, 15.0])
def test_clocks_of_other_rates_are_clocks(video, pace):
    jitter = np.random.default_rng(0).uniform(0, 1e-3, N)
    np.testing.assert_array_equal(
        times_of(video, pace * TIMES + jitter), pace * TIMES + jitter
    )


@pytest.mark.parametrize("hour", [3600, -3600])
def test_a_leap_of_an_hour_is_refused_as_a_change_of_the_clock(video, hour, tmp_path):
    dates = np.datetime64("2023-03-26T01:59:59", "ns") + np.rint(1e9 * TIMES).astype(
        "m8[ns]"
    )
    dates[30:] += np.timedelta64(hour, "s")
    clock = tv.Clock(dates, origin="first")
    with pytest.raises(
        tv.ClockError, match=r"leaps by an hour in row 30.*daylight"
    ) as raised:
        times_of(video, clock)
    assert raised.value.report.hours.tolist() == [30]
    assert re.search("leaps of an hour +1 +row 30", str(raised.value.report))
    kept = times_of(video, tv.Clock(dates, origin="first", on_jump="keep"))
    assert np.isclose(kept[30] - kept[29], hour + 1 / 30)


def test_units_and_rates_that_contradict_each_other():
    with pytest.raises(ValueError, match="unit='samples' goes with rate"):
        tv.Clock([1], unit="samples")
    with pytest.raises(ValueError, match="unit='samples' or unit='frames'"):
        tv.Clock([1], rate=30.0)
    with pytest.raises(ValueError, match="unit can only go with timestamps"):
        tv.Clock(rate=30.0, unit="samples")


# Files ------------------------------------------------------------------------------------


def test_timecodes_say_their_own_unit(video, tmp_path):
    lines = "".join(f"{1e3 * t:.3f}\n" for t in TIMES)
    (tmp_path / "t.txt").write_text(f"# timecode format v2\n{lines}")
    np.testing.assert_allclose(times_of(video, tmp_path / "t.txt"), TIMES, atol=1e-6)
    named = tv.read_timestamps(tv.Clock(tmp_path / "t.txt", unit="s"))
    np.testing.assert_allclose(named, 1e3 * TIMES, atol=1e-3)
    (tmp_path / "t.txt").write_text("# timestamp format v1\nassume 30\n0,9,25\n")
    with pytest.raises(ValueError, match="format v1; v2 lists a time"):
        tv.read_timestamps(tmp_path / "t.txt")


def test_npz(tmp_path):
    np.savez(tmp_path / "one.npz", times=TIMES)
    np.testing.assert_array_equal(tv.read_timestamps(tmp_path / "one.npz"), TIMES)
    np.savez_compressed(tmp_path / "two.npz", times=TIMES, frame=np.arange(N))
    np.testing.assert_array_equal(tv.read_timestamps(tmp_path / "two.npz", "times"), TIMES)
    with pytest.raises(ValueError, match=r"2 columns.*times, frame"):
        tv.read_timestamps(tmp_path / "two.npz")
    with pytest.raises(ValueError, match="no column 'time'"):
        tv.read_timestamps(tmp_path / "two.npz", "time")
    (tmp_path / "none.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match=r"none.npz"):
        tv.read_timestamps(tmp_path / "none.npz")


def test_matlab_5_is_read_by_scipy(tmp_path):
    io = pytest.importorskip("scipy.io")
    io.savemat(tmp_path / "one.mat", {"camera_ts": TIMES})
    np.testing.assert_array_equal(tv.read_timestamps(tmp_path / "one.mat"), TIMES)
    io.savemat(tmp_path / "two.mat", {"t": TIMES[:, None], "k": np.arange(N)})
    np.testing.assert_array_equal(tv.read_timestamps(tmp_path / "two.mat", "t"), TIMES)
    with pytest.raises(ValueError, match="2 columns"):
        tv.read_timestamps(tmp_path / "two.mat")


def test_matlab_5_without_scipy_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "cam.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(200))
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ValueError, match=r"pip install scipy.*'-v7.3'"):
        tv.read_timestamps(tmp_path / "cam.mat")


def test_lines_above_the_table(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("Recorded by nobody\nversion,3\nframe,time\n0,0.5\n1,0.75\n")
    with pytest.raises(ValueError, match="skip_lines"):
        tv.read_timestamps(path, "time")
    clock = tv.Clock(path, column="time", skip_lines=2)
    assert tv.read_timestamps(clock).tolist() == [0.5, 0.75]
    with pytest.raises(ValueError, match="skip_lines must be"):
        tv.Clock(path, skip_lines=-1)
    with pytest.raises(ValueError, match="is empty"):
        tv.read_timestamps(tv.Clock(path, skip_lines=9))


@pytest.mark.parametrize("header", ["", "time\n"])
def test_decimal_commas(tmp_path, header):
    path = tmp_path / "t.csv"
    path.write_text(header + "0,000\n0,033\n0,067\n12,100\n")
    assert tv.read_timestamps(path).tolist() == [0.0, 0.033, 0.067, 12.1]
    # Without a zero behind a comma nothing tells decimals from a second column.
    path.write_text(header + "0,5\n1,5\n")
    assert tv.read_timestamps(tv.Clock(path, decimal=",")).tolist() == [0.5, 1.5]
    with pytest.raises(ValueError, match=r"columns|decimal"):
        tv.read_timestamps(path)
    path.write_text("k\tt\n0\t0,5\n1\t1,5\n")
    with pytest.raises(ValueError, match="pass decimal=','"):
        tv.read_timestamps(path, "t")
    found = tv.read_timestamps(tv.Clock(path, column="t", decimal=","))
    assert found.tolist() == [0.5, 1.5]
    with pytest.raises(ValueError, match="decimal must be"):
        tv.Clock(path, decimal=";")
