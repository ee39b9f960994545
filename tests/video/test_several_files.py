r"""One camera in several files: folders, patterns and lists, with the times of each."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from temporaldata import Data

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from tests.helpers import numbers, right
from tests.labs import copy_lab, shown_numbers

in_memory = pytest.mark.filterwarnings("ignore:.*has no frame index.*")
COUNTS = (12, 9, 15)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    r"""A folder of 12 numbered clips of 5 frames, whose numbers go on from file to file."""
    folder = tmp_path_factory.mktemp("made") / "cam"
    folder.mkdir()
    for k in range(12):
        make_clip(folder / f"{k}.avi", 5, size=(32, 32), codec="mjpeg", first_frame=5 * k)
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "cam"))


# Folders, patterns and lists ------------------------------------------------------------


def as_folder(folder):
    return folder


def as_pattern(folder):
    return f"{folder}/*.avi"


def as_list(folder):
    return [folder / f"{k}.avi" for k in range(12)]


@in_memory
@pytest.mark.parametrize("named", [as_folder, as_pattern, as_list])
def test_a_video_by_all_of_its_files(folder, named):
    video = tv.LazyVideo.from_uri(named(folder))
    assert numbers(video) == list(range(60))
    assert video.segment_frame_counts.tolist() == [5] * 12
    assert video.timestamps == pytest.approx(np.arange(60) / 30)
    assert right(pickle.loads(pickle.dumps(video)).slice(0.5, 1.0))


@pytest.mark.parametrize("named", [as_folder, as_pattern, as_list])
def test_its_index_lies_beside_the_first_file(folder, named):
    clock = 100 + np.arange(60) / 10
    tv.write_index(named(folder), timestamps=clock, progress=False)
    assert (folder / "0.avi.lance").is_dir()
    for name in (named(folder), folder / "0.avi"):
        video = tv.LazyVideo.from_uri(name)
        assert video.timestamps.tolist() == clock.tolist()
        assert right(video.slice(102.0, 104.0))


def test_the_order_of_a_shell(folder):
    given = sorted(map(os.fspath, folder.glob("*.avi")))
    with pytest.warns(tv.IndexWarning, match=r"order 0.avi, 1.avi, 10.avi"):
        tv.write_index(given, progress=False)
    assert numbers(tv.LazyVideo.from_uri(folder)) == list(range(60))
    with pytest.warns(tv.IndexWarning, match=r"order 0.avi, 1.avi, 10.avi"):
        tv.write_index(given[0], segment_uris=given[1:], overwrite=True, progress=False)
    assert numbers(tv.LazyVideo.from_uri(folder)) == list(range(60))


def test_a_file_that_came_later_is_not_left_out_in_silence(folder):
    tv.write_index(folder, progress=False)
    make_clip(folder / "12.avi", 5, size=(32, 32), codec="mjpeg")
    with pytest.raises(tv.IndexFormatError, match=r"12 segments.* 13 files"):
        _ = tv.LazyVideo.from_uri(folder).frames


def test_a_recording_remembers_all_files(folder, tmp_path):
    tv.write_index(folder, progress=False)
    video = tv.LazyVideo.from_uri(folder)
    Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    shutil.rmtree(folder / "0.avi.lance")
    with pytest.warns(tv.IndexWarning, match="has no frame index"):
        assert numbers(Data.load(tmp_path / "rec.h5").video) == list(range(60))


def test_windows_of_one_video_are_one_however_it_was_named(folder):
    tv.write_index(folder, progress=False)
    first = tv.LazyVideo.from_uri(folder).slice(0.0, 0.5, reset_origin=False)
    second = tv.LazyVideo.from_uri(folder / "0.avi").slice(0.5, 1.0, reset_origin=False)
    joined = tv.concat([first, second])
    assert len(joined.segment_frame_counts) == 12
    assert joined.frame_indices.tolist() == list(range(len(joined))) == numbers(joined)


def test_a_folder_of_two_cameras_is_refused(tmp_path):
    for name in ("left_0.mp4", "left_1.mp4", "right_0.mp4", "right_1.mp4"):
        make_clip(tmp_path / name, 3, size=(32, 32))
    with pytest.raises(tv.SourceError, match=r"left_\*.mp4, right_\*.mp4"):
        tv.LazyVideo.from_uri(tmp_path)
    tv.write_index(f"{tmp_path}/left_*.mp4", progress=False)
    assert tv.LazyVideo.from_uri(f"{tmp_path}/left_*.mp4").frame_count == 6


def test_chapters_of_a_gopro(tmp_path):
    for chapter in (1, 2, 3):
        path = tmp_path / f"GX{chapter:02d}0123.MP4"
        make_clip(path, 4, size=(32, 32), first_frame=4 * chapter - 4)
    tv.write_index(tmp_path, progress=False)
    assert numbers(tv.LazyVideo.from_uri(tmp_path)) == list(range(12))


# Times ----------------------------------------------------------------------------------


@pytest.fixture
def restarted(tmp_path) -> list[Path]:
    r"""Three files of a camera that was stopped between them."""
    paths, first = [], 0
    for k, count in enumerate(COUNTS):
        paths.append(tmp_path / f"cam_{k}.mp4")
        make_clip(paths[-1], count, size=(32, 32), first_frame=first)
        first += count
    return paths


def test_gaps_between_files_stay_gaps(restarted):
    starts = (10.0, 40.0, 95.0)
    clocks = [tv.Clock(start=start) for start in starts]
    tv.write_index(restarted, timestamps=clocks, progress=False)
    video = tv.LazyVideo.from_uri(restarted)
    expected = np.concatenate([s + np.arange(n) / 30 for s, n in zip(starts, COUNTS)])
    assert video.timestamps == pytest.approx(expected, abs=1e-4)
    assert video.slice(39.0, 41.0).frame_indices.tolist() == list(range(12, 21))
    assert len(video.slice(11.0, 39.0)) == 0
    assert right(video.slice(94.0, 95.2))


def test_a_clock_for_each_file(restarted, tmp_path):
    for path, count, at in zip(restarted, COUNTS, (5.0, 105.0, 205.0)):
        np.save(path.with_suffix(".npy"), at + np.arange(count) / 7)
    clocks = [path.with_suffix(".npy") for path in restarted]
    tv.write_index(restarted, timestamps=clocks, progress=False)
    video = tv.LazyVideo.from_uri(restarted)
    assert video.timestamps[[0, 12, 21]].tolist() == [5.0, 105.0, 205.0]
    assert right(video.slice(105.0, 106.0))
    summary = tv.index_many([f"{tmp_path}/cam_*.mp4"], timestamps=lambda uri: clocks)
    assert summary.counts()["skipped"] == 1


def test_check_takes_a_clock_for_each_file(restarted):
    clocks = [tv.Clock(start=start) for start in (10.0, 40.0, 95.0)]
    report = tv.check_video(restarted[0].parent / "cam_*.mp4", timestamps=clocks)
    (gaps,) = (found for found in report.findings if found.code == "clock-gaps")
    assert "2 gaps" in gaps.what and "rows 12, 21" in gaps.what
    short = [np.arange(12.0), 50 + np.arange(8.0), 100 + np.arange(15.0)]
    report = tv.check_video(restarted[0].parent / "cam_*.mp4", timestamps=short)
    assert "count-mismatch" in report.codes


# Tools that keep the times beside the files ---------------------------------------------


@in_memory
def test_a_miniscope_session_opens_in_one_call(tmp_path):
    session = copy_lab("chunks", tmp_path) / "Miniscope"
    video = tv.LazyVideo.from_uri(session)
    table = np.loadtxt(session / "timeStamps.csv", delimiter=",", skiprows=1)
    assert video.timestamps.tolist() == (table[:, 1] / 1000).tolist()
    assert shown_numbers(video.frames) == list(range(117))


def test_a_miniscope_session_is_indexed_in_one_call(tmp_path):
    session = copy_lab("chunks", tmp_path) / "Miniscope"
    tv.write_index(session, progress=False)
    video = tv.LazyVideo.from_uri(session)
    # The last of ten chunks in a row, and the first of the next: a shell's order is wrong.
    window = video.slice(video.timestamps[95], video.timestamps[105])
    assert shown_numbers(window.frames) == list(range(95, 105))
    assert tv.index_many([session]).counts()["skipped"] == 1


def test_the_files_of_a_miniscope_session_in_the_order_of_a_shell(tmp_path):
    session = copy_lab("chunks", tmp_path) / "Miniscope"
    clock = tv.lab_clock("miniscope", session / "timeStamps.csv")
    with pytest.warns(tv.IndexWarning, match="The second order is taken"):
        tv.write_index(sorted(session.glob("*.avi")), timestamps=clock, progress=False)
    assert shown_numbers(tv.LazyVideo.from_uri(session).frames) == list(range(117))


def test_three_files_under_one_clock_with_pauses(tmp_path):
    folder = copy_lab("pause", tmp_path)
    clock = np.load(folder / "t.npy")
    tv.write_index(folder, timestamps=folder / "t.npy", progress=False)
    video = tv.LazyVideo.from_uri(folder)
    assert video.timestamps.tolist() == clock.tolist()
    pauses = np.flatnonzero(np.diff(clock) > 5)
    assert np.diff(clock)[pauses] == pytest.approx([12, 33], abs=0.2)
    for k in pauses:
        window = video.slice(clock[k] - 0.2, clock[k + 1] + 0.2, reset_origin=False)
        assert shown_numbers(window.frames) == window.frame_indices.tolist()
        assert np.diff(window.timestamps).max() > 5


@pytest.fixture
def imgstore(tmp_path) -> Path:
    r"""A folder as imgstore writes it: chunks, an index of each, and a description."""
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "metadata.yaml").write_text("__store:\n  chunksize: 10\n  format: avc1/mp4\n")
    for k, count in enumerate((10, 10, 4)):
        make_clip(folder / f"{k:06d}.mp4", count, size=(32, 32), first_frame=10 * k)
        np.savez(
            folder / f"{k:06d}.npz",
            frame_number=1000 + 10 * k + np.arange(count),
            frame_time=1.7e9 + 60 * k + np.arange(count) / 30,
            format="avc1/mp4",
        )
    return folder


def test_an_imgstore_has_its_own_times(imgstore):
    tv.write_index(imgstore, progress=False)
    video = tv.LazyVideo.from_uri(imgstore)
    assert video.timestamps[[0, 10, 20]].tolist() == [1.7e9, 1.7e9 + 60, 1.7e9 + 120]
    assert read_numbers(video.slice(1.7e9 + 60, 1.7e9 + 60.09).frames).tolist() == [
        10,
        11,
        12,
    ]


def test_an_imgstore_without_the_times_of_a_chunk_is_refused(imgstore):
    os.unlink(imgstore / "000001.npz")
    with pytest.raises(tv.ClockError, match=r"000001.mp4' is of an imgstore, and .*npz'"):
        tv.write_index(imgstore, progress=False)
    tv.write_index(imgstore, timestamps=tv.Clock(rate=30.0), progress=False)
