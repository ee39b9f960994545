r"""Real clock files, with the numbers that their makers' tools give."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv

pytestmark = pytest.mark.corpus


@pytest.fixture
def files(corpus):
    return corpus / "timestamps"


def test_ibl_camera_times(files):
    times = np.load(files / "ibl_camera_times.npy").astype(float)
    clock = tv.lab_clock("ibl", files / "ibl_camera_times.npy")
    np.testing.assert_array_equal(tv.read_timestamps(clock), times)
    report = tv.examine_clock(clock, 2600)
    assert report.is_clean
    assert (report.first, report.last) == (49.12816619873047, 92.41336822509766)
    assert report.interval == pytest.approx(1 / 60, rel=1e-3)
    assert report.resolution == 2**-17  # of a float32 at 92 s


def ibllib_seconds(counts):
    r"""What ``convert_pgts`` and ``uncycle_pgts`` of ibllib say: they leave out the last
    12 bits, and add 128 s whenever the result falls."""
    seconds = (counts >> 25) + ((counts >> 12) & 8191) / 8000
    return seconds + 128 * np.cumsum(np.diff(seconds, prepend=seconds[0]) < 0)


def test_pointgrey_cycle_counter(files):
    path = files / "ibl_bodyCamera.timestamps.ssv"
    counts = np.array([line.split()[1] for line in path.read_text().splitlines()], int)
    clock = tv.lab_clock("pointgrey", path)  # the column is found by what it holds
    times = tv.read_timestamps(clock)
    expected = ibllib_seconds(counts)
    assert ((times >= expected) & (times < expected + 1 / 8000)).all()
    report = tv.examine_clock(clock, 6001)
    assert report.is_clean
    assert report.wraps.tolist() == [1769, 5636]
    assert report.first == pytest.approx(69.46689994, abs=1e-8)
    assert report.last - report.first == pytest.approx(198.60415800, abs=1e-8)


def test_bonsai_dates_of_the_same_camera(files):
    clock = tv.lab_clock("bonsai", files / "ibl_bodyCamera.timestamps.ssv")
    report = tv.examine_clock(clock, 6001)
    assert report.is_clean
    # 12:42:57.7903616 to 12:46:16.3515904
    assert (report.first, report.last) == (0.0, 198.5612288)


def test_bonsai_csv_with_two_clocks(files):
    path = files / "cottage_wf_camera_timestamps.csv"
    camera = tv.examine_clock(tv.Clock(path, column="PylonTimestamp", unit="ns"))
    assert camera.stamps == 42_340
    assert camera.first == 27_245.407670892
    assert camera.last == 28_032.658023879
    assert camera.interval == pytest.approx(0.017705331, abs=1e-9)
    assert len(camera.gaps) == 492
    assert camera.gaps.longest == pytest.approx(1.929882321, abs=1e-9)
    assert not len(camera.backwards) and not len(camera.repeats)
    host = tv.examine_clock(tv.lab_clock("bonsai", path))
    # 18:49:24.2125824+01:00 to 19:02:32.1643264+01:00
    assert (host.first, host.last) == (0.0, 787.951744)
    assert host.gaps.longest == pytest.approx(1.986048, abs=1e-9)
    epoch = tv.read_timestamps(tv.lab_clock("bonsai", path, origin="epoch"))
    assert abs(epoch[0] - 1617731364.2125824) <= 2.4e-7


@pytest.fixture
def miniscope(files, tmp_path):
    video = shutil.copy(files.parent / "nc_miniscope_behavcam_15_06_28.avi", tmp_path)
    return video, files / "nc_miniscope_behavcam_15_06_28.timeStamps.csv"


def test_miniscope_timestamps_with_their_video(miniscope):
    video, path = miniscope
    index = tv.write_index(
        video, timestamps=tv.lab_clock("miniscope", path), progress=False
    )
    assert index.timestamps().tolist() == [-0.031, 0.018, 0.048, 0.081, 0.113]


@pytest.fixture
def fictrac(files, tmp_path):
    video = shutil.copy(files.parent / "fictrac_sample.mp4", tmp_path)
    return video, files / "fictrac_sample-20230724_113055.dat"


def test_fictrac_that_jumps_between_two_epochs_is_refused(fictrac):
    video, path = fictrac
    with pytest.raises(tv.ClockError) as raised:
        tv.write_index(video, timestamps=tv.lab_clock("fictrac", path), progress=False)
    message = str(raised.value)
    assert "steps back in 1 place (row 1, by 1.69019e+09 s)" in message
    assert (
        "jumps ahead by more than a day in 1 place (row 292, by 1.69019e+09 s)" in message
    )
    assert "on_jump='keep'" in message
    report = raised.value.report
    assert (report.stamps, report.frames) == (300, 300)
    assert report.interval == pytest.approx(1 / 30, abs=1e-9)
    assert report.first == 1690191055440.6 / 1000
    assert not Path(f"{video}.lance").exists()


def test_fictrac_that_is_kept_is_sorted_by_time(fictrac):
    video, path = fictrac
    clock = tv.lab_clock("fictrac", path, on_jump="keep")
    tv.write_index(video, timestamps=clock, progress=False)
    found = tv.LazyVideo.from_uri(video)
    assert found.frame_indices[:2].tolist() == [1, 2]
    assert found.timestamps[:2].round(6).tolist() == [0.033333, 0.066667]
    assert found.timestamps[290] == 9.7
    # Row 0 was stamped after the last ones in file order, as FicTrac wrote them.
    assert sorted(found.frame_indices[291:].tolist()) == [0, *range(292, 300)]


def test_fictrac_time_of_capture(fictrac):
    video, path = fictrac
    clock = tv.lab_clock("fictrac", path, column=24, origin="first")
    times = tv.write_index(video, timestamps=clock, progress=False).timestamps()
    assert times[0] == 0
    assert times[-1] == pytest.approx(1.599078, abs=1e-6)


def test_a_lab_that_is_unknown():
    with pytest.raises(ValueError, match="lab must be one of"):
        tv.lab_clock("ours", "times.csv")
