r"""Clocks of laboratories, as public threads describe them, beside what is true."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from tests.pages import REPOSITORY

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def labs() -> Path:
    default = REPOSITORY.parent / "shared" / "cases"
    folder = Path(os.environ.get("TEMPORALDATA_VIDEO_CASES", default)) / "labs"
    if not folder.is_dir():
        pytest.skip(f"no files at {folder}; set TEMPORALDATA_VIDEO_CASES to their folder")
    return folder


def index(labs, tmp_path, name, **fields):
    video = shutil.copy(labs / name, tmp_path / "cam.mp4")
    clock = tv.Clock(**fields)
    return tv.write_index(video, timestamps=clock, progress=False, overwrite=True)


def test_ttl_counts_with_and_without_the_cameras_ticks(labs, tmp_path):
    folder = labs / "ttl_counts"
    pulses = tv.read_timestamps(folder / "ttl.csv")
    kept = np.loadtxt(folder / "kept.txt").astype(int)
    for evidence in (
        {"frame_counter": folder / "kept.txt"},
        {"source": folder / "kept.txt", "unit": "frames", "rate": 30.0},
        {"source": kept / 30},
    ):
        found = index(
            labs, tmp_path, "ttl_counts/eye.mp4", pulses=folder / "ttl.csv", **evidence
        )
        np.testing.assert_array_equal(found.timestamps(), pulses[kept])
        facts = found.clock_facts["match"]
        assert facts["pulses_left"] == [[100, 101], [150, 150], [240, 240]]
    shutil.rmtree(tmp_path / "cam.mp4.lance")
    with pytest.raises(tv.ClockError, match="300 frames, and there are 304 pulses"):
        index(labs, tmp_path, "ttl_counts/eye.mp4", pulses=folder / "ttl.csv")
    assert not (tmp_path / "cam.mp4.lance").exists()


def test_a_frame_before_the_first_pulse(labs, tmp_path):
    pulses = labs / "ttl_counts" / "mvr_ttl.csv"
    with pytest.raises(tv.ClockError, match=r"anchor='1:0' \(frame 0 has no pulse\)"):
        index(labs, tmp_path, "ttl_counts/mvr.mp4", pulses=pulses)
    # By its own ticks the camera began to be triggered a while after the first frame.
    ticks = np.concatenate([[0.0], 0.47 + np.arange(300) / 30])
    expected = tv.read_timestamps(pulses)
    for evidence in ({"source": ticks}, {"anchor": (1, 0)}):
        found = index(labs, tmp_path, "ttl_counts/mvr.mp4", pulses=pulses, **evidence)
        times = found.timestamps()
        assert np.isnan(times[0])
        np.testing.assert_array_equal(times[1:], expected)


def test_sync_pulses(labs, tmp_path):
    folder = labs / "sync_pulses"
    times = {}
    for name in ("right", "one_missed"):
        clock = tv.Clock(folder / "cam.npy", sync=folder / f"pairs_{name}.csv")
        times[name] = tv.read_timestamps(clock)
        missed = tv.examine_clock(clock).sync.recording_left
        assert missed.tolist() == ([] if name == "right" else [10])
    assert np.abs(times["one_missed"] - times["right"]).max() < 1e-3


OTHER_CLOCKS = {
    "frame_numbers.csv": ("unit='frames' with rate=30", {"unit": "frames", "rate": 30.0}),
    "intervals.csv": ("unit='intervals'", {"unit": "intervals"}),
    "excel_days.csv": ("unit='days'", {"unit": "days", "origin": "first"}),
    "samples_30kHz.csv": (
        "unit='samples' with rate=30000",
        {"unit": "samples", "rate": 30000.0, "origin": "first"},
    ),
}


@pytest.mark.parametrize("name", OTHER_CLOCKS)
def test_other_clocks(labs, tmp_path, name):
    says, fields = OTHER_CLOCKS[name]
    source = labs / "other_clocks" / name
    with pytest.raises(tv.ClockError, match=says):
        index(labs, tmp_path, "other_clocks/cam.mp4", source=source)
    assert not (tmp_path / "cam.mp4.lance").exists()
    times = index(labs, tmp_path, "other_clocks/cam.mp4", source=source, **fields)
    np.testing.assert_allclose(times.timestamps(), np.arange(120) / 30, atol=1e-4)


def test_daylight_saving_time_and_timecodes(labs, tmp_path):
    source = labs / "other_clocks" / "dst_spring.csv"
    fields = {"source": source, "unit": "iso8601", "origin": "first"}
    with pytest.raises(tv.ClockError, match="daylight saving time"):
        index(labs, tmp_path, "other_clocks/cam.mp4", **fields)
    source = labs / "other_clocks" / "timecode_v2.txt"
    times = index(labs, tmp_path, "other_clocks/cam.mp4", source=source).timestamps()
    np.testing.assert_allclose(times, np.arange(120) / 30, atol=1e-3)


def test_matlab_5(labs, tmp_path):
    source = labs / "mat5" / "cam.mat"
    try:
        import scipy.io  # noqa: F401
    except ImportError:
        with pytest.raises(ValueError, match=r"scipy.*'-v7.3'"):
            index(labs, tmp_path, "mat5/cam.mp4", source=source)
        return
    times = index(labs, tmp_path, "mat5/cam.mp4", source=source).timestamps()
    assert len(times) == 120 and np.allclose(np.diff(times), 1 / 30, atol=1e-3)
