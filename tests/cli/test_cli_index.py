r"""``temporaldata-video index``: what it writes, what it keeps, and what it refuses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

N_FRAMES = 40


@pytest.fixture
def video(tiny_clip, tmp_path):
    return shutil.copy(tiny_clip, tmp_path / "cam [1].mp4")


@pytest.fixture
def clock(tmp_path):
    times = 100 + np.cumsum(np.random.default_rng(0).uniform(0.02, 0.04, N_FRAMES))
    np.save(tmp_path / "times.npy", times)
    table = np.column_stack([np.arange(N_FRAMES), times])
    np.savetxt(tmp_path / "times.csv", table, delimiter=",", header="row,time", comments="")
    return times


def timestamps_of(video):
    return tv.LanceFrameIndex.open(f"{video}.lance").timestamps()


def test_one_video_by_its_own_clock(cli, video):
    done = cli("index", video)
    assert done.status == 0
    assert done.err == ""
    assert f"{N_FRAMES} frames, 0.000 s to 1.300 s" in done.out
    assert "cam [1].mp4.lance (" in done.out
    assert "kB) was written in" in done.out
    np.testing.assert_allclose(timestamps_of(video), np.arange(N_FRAMES) / 30, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        ["times.npy"],
        ["times.csv", "--column", "time"],
        ["times.csv", "--column", "1"],
    ],
    ids=" ".join,
)
def test_timestamps_from_a_file(cli, video, clock, tmp_path, options):
    done = cli("index", video, "--timestamps", tmp_path / options[0], *options[1:])
    assert done.status == 0
    np.testing.assert_allclose(timestamps_of(video), clock)
    assert f"{clock[0]:.3f} s to {clock[-1]:.3f} s" in done.out


def test_quiet_prints_nothing(cli, video):
    assert cli("index", video, "--quiet") == (0, "", "")
    assert len(timestamps_of(video)) == N_FRAMES
    assert cli("index", video, "--quiet") == (0, "", "")


def test_a_sidecar_elsewhere(cli, video, tmp_path):
    place = tmp_path / "elsewhere.lance"
    assert cli("index", video, "--index-uri", place).status == 0
    assert len(tv.LanceFrameIndex.open(place).timestamps()) == N_FRAMES
    assert not (tmp_path / "cam [1].mp4.lance").exists()


def test_why_a_video_was_decoded_is_said(cli, tmp_path):
    video = make_clip(tmp_path / "cam.avi", 20, size=(32, 48), gop=10, codec="mpeg4")
    done = cli("index", video)
    assert done.status == 0
    assert "decoded once to learn the order of its frames: avi has no" in done.out
    assert "by the decoder, since avi has no" in " ".join(cli("info", video).out.split())


def test_a_fresh_index_is_kept(cli, video, clock, tmp_path):
    assert cli("index", video, "--timestamps", tmp_path / "times.npy").status == 0
    version = tv.LanceFrameIndex.open(f"{video}.lance").version
    for again in ([], ["--timestamps", tmp_path / "times.npy"]):
        done = cli("index", video, *again)
        assert done.status == 0
        assert "is fresh and was kept" in done.out
    assert tv.LanceFrameIndex.open(f"{video}.lance").version == version


def test_a_fresh_index_is_replaced_only_when_told_so(cli, video, clock, tmp_path):
    assert cli("index", video).status == 0
    done = cli("index", video, "--timestamps", tmp_path / "times.npy")
    assert done.status == 1
    assert "has other timestamps" in done.err
    assert "--overwrite" in done.err
    assert timestamps_of(video)[0] == 0
    done = cli("index", video, "--timestamps", tmp_path / "times.npy", "--overwrite")
    assert done.status == 0
    np.testing.assert_allclose(timestamps_of(video), clock)


def test_a_stale_index_is_replaced_only_when_told_so(cli, video):
    assert cli("index", video).status == 0
    make_clip(video, 12, size=(32, 32))
    done = cli("index", video)
    assert done.status == 1
    assert "stale" in done.err
    assert "--overwrite" in done.err
    assert cli("index", video, "--overwrite").status == 0
    assert len(timestamps_of(video)) == 12


def test_segments_are_one_video(cli, video, tmp_path):
    second = make_clip(tmp_path / "second.mp4", 10, size=(32, 32), first_frame=N_FRAMES)
    done = cli("index", "--segments", video, second)
    assert done.status == 0
    assert f"{N_FRAMES + 10} frames" in done.out
    counts = tv.LanceFrameIndex.open(f"{video}.lance").segment_frame_counts()
    assert counts.tolist() == [N_FRAMES, 10]
    assert not (tmp_path / "second.mp4.lance").exists()
    assert "kept" in cli("index", "--segments", video, second).out
    # The first file alone would be another video.
    done = cli("index", video)
    assert done.status == 1
    assert "second.mp4" in done.err


def test_several_videos_in_a_table(cli, video, tmp_path, no_videos):
    other = make_clip(tmp_path / "other.mp4", 10, size=(32, 32))
    assert cli("index", video).status == 0
    done = cli("index", video, other, *no_videos)
    assert done.status == 1
    assert f"{len(no_videos)} of {len(no_videos) + 2} videos" in done.err
    rows = {row[0]: row for row in map(cells, done.out.splitlines()) if len(row) > 1}
    assert rows[str(video)][1:3] == ["skipped", str(N_FRAMES)]
    assert rows[str(other)][1:3] == ["done", "10"]
    for path, word in no_videos.items():
        assert rows[str(path)][1] == "failed"
        assert word in rows[str(path)][3]
    assert len(timestamps_of(other)) == 10


def cells(line):
    return [cell.strip() for cell in line.split("│")[1:-1]]


def test_several_videos_quietly(cli, video, no_videos):
    done = cli("index", video, *no_videos, "--quiet")
    assert done.status == 1
    assert done.out == ""
    lines = done.err.splitlines()
    assert len(lines) == len(no_videos) + 1
    assert all(line.startswith("error: ") for line in lines)


def test_several_videos_do_not_lose_their_clocks(cli, video, clock, tmp_path):
    other = make_clip(tmp_path / "other.mp4", N_FRAMES, size=(32, 32))
    assert cli("index", video).status == 0
    done = cli("index", video, other, "--timestamps", tmp_path / "times.npy")
    assert done.status == 1
    assert "has other timestamps" in done.out
    assert timestamps_of(video)[0] == 0
    np.testing.assert_allclose(timestamps_of(other), clock)


def test_what_is_no_video_is_said(cli, no_videos):
    for path, word in no_videos.items():
        done = cli("index", path)
        assert (done.status, done.out) == (1, "")
        assert done.err.startswith("error: ")
        assert word in done.err
        assert done.err.count("\n") == 1
        assert not path.with_name(f"{path.name}.lance").exists()


def test_a_count_mismatch_names_both_numbers(cli, video, tmp_path):
    np.save(tmp_path / "short.npy", np.arange(30.0))
    done = cli("index", video, "--timestamps", tmp_path / "short.npy")
    assert done.status == 1
    assert "40 frames and 30 timestamps" in done.err


@pytest.mark.filterwarnings("default::temporaldata_video.VideoWarning")
def test_a_count_mismatch_is_trimmed_when_told_so(cli, video, tmp_path):
    np.save(tmp_path / "short.npy", np.arange(30.0))
    trim = ["--timestamps", tmp_path / "short.npy", "--on-mismatch", "trim"]
    trim += ["--unit", "s"]
    done = cli("index", video, *trim)
    assert done.status == 0
    assert done.err.startswith("warning: ")
    assert "the last 10 frames are dropped" in done.err
    assert ": 30 frames, 0.000 s to 29.000 s" in done.out
    assert "kept" in cli("index", video, *trim).out


def test_timestamps_that_are_nan(cli, video, clock, tmp_path):
    clock[3] = np.nan
    np.save(tmp_path / "gaps.npy", clock)
    gaps = ["--timestamps", tmp_path / "gaps.npy"]
    done = cli("index", video, *gaps)
    assert done.status == 1
    assert "NaN" in done.err
    done = cli("index", video, *gaps, "--on-nan", "drop")
    assert done.status == 0
    assert ": 39 frames" in done.out


@pytest.mark.parametrize("column", ["speed", "7", "-1"])
def test_a_wrong_column_names_those_there_are(cli, video, clock, tmp_path, column):
    done = cli("index", video, "--timestamps", tmp_path / "times.csv", f"--column={column}")
    assert done.status == 1
    assert "0: row, 1: time" in done.err


def test_a_missing_column_is_asked_for(cli, video, clock, tmp_path):
    done = cli("index", video, "--timestamps", tmp_path / "times.csv")
    assert done.status == 1
    assert "row, time" in done.err


def test_a_clock_file_that_is_not_there(cli, video, tmp_path):
    done = cli("index", video, "--timestamps", tmp_path / "gone.npy")
    assert done.status == 1
    assert "gone.npy" in done.err
    assert done.err.count("\n") == 1
