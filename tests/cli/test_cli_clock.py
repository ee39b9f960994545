r"""The clock options of ``temporaldata-video index``, and ``index-nwb``."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime

import h5py
import numpy as np
import pytest

import temporaldata_video as tv

N = 40
CLOCK = 5 + np.arange(N) / 32


@pytest.fixture
def video(tiny_clip, tmp_path):
    return shutil.copy(tiny_clip, tmp_path / "cam.mp4")


@pytest.fixture
def log(tmp_path):
    r"""A clock of every kind in one folder."""
    counts = (np.arange(N) * 1000 + 2**16 - 5000) % 2**16
    rows = [
        f"{k};{1e3 * t:.3f};2026-01-01T00:00:{t:09.6f}Z;{c}"
        for k, (t, c) in enumerate(zip(CLOCK, counts))
    ]
    (tmp_path / "log.csv").write_text("\n".join(["k;ms;date;count", *rows]) + "\n")
    (tmp_path / "pairs.tsv").write_text("0\t100\n1\t101\n")
    np.save(tmp_path / "triggers.npy", np.r_[0.0, CLOCK[:7], 5.2, 5.201, CLOCK[7:]])
    (tmp_path / "lost.txt").write_text("1,9-10\n")
    (tmp_path / "cam_lost.csv").write_text("lost\n0\n8\n9\n")
    with h5py.File(tmp_path / "log.h5", "w") as file:
        file["cam/times"] = CLOCK
    return tmp_path


def timestamps_of(video):
    return tv.LanceFrameIndex.open(f"{video}.lance").timestamps()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--timestamps log.csv --column ms --unit ms", CLOCK),
        ("--timestamps log.csv --unit iso8601 --origin first --start 5", CLOCK),
        ("--timestamps log.csv --lab bonsai", CLOCK - 5),
        (
            "--timestamps log.csv --column count --unit ticks --frequency 1e3 --bits 16 "
            "--origin first",
            np.arange(N),
        ),
        ("--timestamps log.csv --lab miniscope --column ms --frame-index k", CLOCK),
        ("--timestamps log.h5:/cam/times", CLOCK),
        ("--timestamps log.h5 --column cam/times --sync pairs.tsv", CLOCK + 100),
        ("--rate 16 --start 2", 2 + np.arange(N) / 16),
        ("--sync pairs.tsv --sync-fit affine", 100 + np.arange(N) / 30),
        ("--timestamps triggers.npy --lost-frames lost.txt --first-frame 1", CLOCK),
        ("--timestamps triggers.npy --lost-frames {stem}_lost.csv", CLOCK),
    ],
)
def test_clocks(cli, video, log, monkeypatch, options, expected):
    monkeypatch.chdir(log)
    done = cli("index", video, *options.split())
    assert done.status == 0, done.err
    np.testing.assert_allclose(timestamps_of(video), expected, atol=1e-4)
    assert "median step" in done.out and "steps back" in done.out
    kept = cli("index", video, *options.split())
    assert kept.status == 0 and "kept" in kept.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--unit ms", "unit can only go with timestamps"),
        ("--lab fictrac", "--lab describes --timestamps, which is missing"),
        ("--on-jump keep", "--on-jump needs --timestamps"),
        ("--timestamps log.csv --lab ours", "lab must be one of"),
        ("--timestamps log.csv --unit h", "unit must be one of"),
        ("--timestamps log.csv --unit iso8601", "origin='first'"),
        ("--timestamps log.csv --rate 30", "either rate or timestamps"),
        ("--lost-frames lost.txt", "there are none; give timestamps or rate"),
        ("--timestamps log.csv --frame-index k --lost-frames lost.txt", "one of the two"),
    ],
)
def test_options_that_contradict_each_other(cli, video, log, options, says):
    done = cli("index", video, *options.split())
    assert done.status == 2
    assert says in " ".join(done.err.replace("│", " ").split())


def test_a_refused_clock_is_shown_as_a_table(cli, video, tmp_path):
    clock = CLOCK.copy()
    clock[9:] -= 3
    np.save(tmp_path / "t.npy", clock)
    done = cli("index", video, "--timestamps", tmp_path / "t.npy")
    assert (done.status, done.out) == (1, "")
    lines = done.err.splitlines()
    (row,) = (line.split() for line in lines if "steps back  " in line)
    assert row == ["steps", "back", "1", "row", "9", "longest", "2.969", "s"]
    assert lines[-1].startswith("error: the clock of") and "--on-jump keep" in lines[-1]
    keep = ["--timestamps", tmp_path / "t.npy", "--on-jump", "keep"]
    assert cli("index", video, *keep, "-q") == (0, "", "")
    np.testing.assert_array_equal(timestamps_of(video), clock)


def test_pauses_are_told_and_left_out_of_the_domain(cli, video, tmp_path):
    np.save(tmp_path / "t.npy", CLOCK + np.repeat([0.0, 12.0, 45.0], [10, 10, 20]))
    times = ["--timestamps", tmp_path / "t.npy"]
    done = cli("index", video, *times)
    assert "2 pauses of over 1.000 s, the longest 33.031 s" in done.out
    assert len(tv.LazyVideo.from_uri(video).domain) == 3
    info = cli("info", video).out
    assert "pauses" in info and "2 pauses of over 1.000 s" in info
    done = cli("index", video, *times, "--max-gap", 20)
    assert done.status == 1 and "another max_gap" in done.err
    done = cli("index", video, *times, "--max-gap", 20, "--overwrite")
    assert "1 pause of over 20.000 s, the longest 33.031 s" in done.out
    assert len(tv.LazyVideo.from_uri(video).domain) == 2
    assert "kept" in cli("index", video, *times, "--max-gap", 20.0).out
    done = cli("index", video, *times, "--max-gap", "inf", "--overwrite")
    assert done.status == 0 and "pauses of" not in done.out
    assert len(tv.LazyVideo.from_uri(video).domain) == 1
    assert "pauses of" not in cli("info", video).out
    assert cli("index", video, "--max-gap", "-1", "--overwrite").status == 1


def test_a_movie_that_is_shown_again(cli, video, tmp_path):
    rows = [f"{100 + k / 20},{k % N}" for k in range(3 * N)]
    (tmp_path / "shown.csv").write_text("\n".join(["t,frame", *rows]) + "\n")
    times = ["--timestamps", tmp_path / "shown.csv", "--column", "t"]
    done = cli("index", video, *times, "--frame-index", "frame")
    assert "40 frames, shown 120 times, 100.000 s to 105.950 s" in done.out
    info = cli("info", video).out
    assert "shown again" in info and "80 times" in info
    assert "no time" not in info and "steps back" not in info


def test_checking_triggers_without_those_that_were_lost(cli, video, log, monkeypatch):
    monkeypatch.chdir(log)
    times = ["--timestamps", "triggers.npy"]
    assert "count-mismatch" in cli("check", video, *times).out
    lost = ["--lost-frames", "lost.txt", "--first-frame", 1]
    done = cli("check", video, *times, *lost)
    assert "count-mismatch" not in done.out


def test_a_pose_table_of_another_video(cli, video, tmp_path):
    head = "scorer,n,n\nbodyparts,a,a\ncoords,x,y\n"
    (tmp_path / "pose.csv").write_text(head + "0,1,1\n1,1,1\n")
    done = cli("index", video, "--pose", tmp_path / "pose.csv")
    assert done.status == 1 and "40 frames" in done.err and "2 rows" in done.err
    done = cli("index", video, video, "--pose", tmp_path / "pose.csv")
    assert done.status == 2 and "one video" in done.err


def test_pulses_for_frames_of_which_some_are_lost(cli, video, tmp_path):
    ids = (250 + np.delete(np.arange(N + 3), [7, 8, 20])) % 256
    pulses = 9000 + 500 * np.arange(N + 3)
    np.savetxt(tmp_path / "ids.txt", ids, fmt="%d")
    np.savetxt(tmp_path / "ttl.csv", np.c_[pulses], fmt="%d", header="on", comments="")
    options = ["--pulses", tmp_path / "ttl.csv"]
    options += ["--pulses-unit", "samples", "--pulses-rate", 15000]
    done = cli("index", video, *options)
    assert done.status == 1 and "40 frames, and there are 43 pulses" in done.err
    assert "--anchor 0:0 (pulses 40 to 42 have no frame)" in done.err
    assert not os.path.exists(f"{video}.lance")
    counted = [*options, "--frame-counter", "{stem}_ids.txt"]
    shutil.copy(tmp_path / "ids.txt", tmp_path / "cam_ids.txt")
    done = cli("index", video, *counted)
    assert done.status == 0, done.err
    (row,) = (line for line in done.out.splitlines() if "pulses without a frame" in line)
    assert row.split()[-5:] == ["pulses", "7", "to", "8,", "20"]
    kept = np.delete(pulses, [7, 8, 20]) / 15000
    np.testing.assert_allclose(timestamps_of(video), kept)
    done = cli("index", video, *counted, "--json")
    found = json.loads(done.out)
    assert found["status"] == "skipped" and found["frames"] == N
    assert found["clock"]["match"]["pulses_left"] == [[7, 8], [20, 20]]
    findings = json.loads(cli("check", video, "--json").out)["findings"]
    (finding,) = [f for f in findings if f["code"] == "clock-of-pulses"]
    assert "40 of 40 frames" in finding["what"] and "by counter" in finding["what"]


@pytest.mark.filterwarnings("default::temporaldata_video.VideoWarning")
def test_an_anchor_a_bound_and_trains_in_two_files(cli, video, tmp_path):
    np.save(tmp_path / "ttl.npy", 3 + np.arange(N - 1) / 30)
    done = cli("index", video, "--pulses", tmp_path / "ttl.npy", "--anchor=-1:-1")
    assert done.status == 0, done.err
    assert np.flatnonzero(np.isnan(timestamps_of(video))).tolist() == [0]
    marks = np.array([0.0, 0.2, 0.9, 1.0, 1.6, 2.5, 2.7])
    np.savetxt(tmp_path / "cam.txt", marks)
    np.savetxt(tmp_path / "rec.txt", np.delete(50 + 1.004 * marks, 3))
    trains = ["--sync", tmp_path / "cam.txt", "--sync-to", tmp_path / "rec.txt"]
    done = cli("index", video, *trains, "--overwrite")
    assert done.status == 1 and "larger --max-drift-ppm" in done.err
    bounds = ["--max-drift-ppm", 5000, "--overwrite"]
    done = cli("index", video, *trains, *bounds)
    assert done.status == 0 and "pulses of the camera alone" in done.out
    np.testing.assert_allclose(
        timestamps_of(video), 50 + 1.004 * np.arange(N) / 30, atol=1e-3
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--pulses-unit ms", "--pulses-... needs --pulses"),
        ("--pulses log.csv --pulses-unit samples", "of --pulses: unit='samples' goes with"),
        ("--sync-to pairs.tsv", "--sync-to needs --sync"),
        ("--anchor 1:0", "anchor goes with pulses or sync"),
        ("--frame-counter ids.txt", "frame_counter goes with pulses"),
    ],
)
def test_options_of_pulses_that_contradict_each_other(cli, video, log, options, says):
    done = cli("index", video, *options.split())
    assert done.status == 2
    assert says in " ".join(done.err.replace("│", " ").split())


def test_several_videos_as_json(cli, video, tmp_path):
    shutil.copy(video, tmp_path / "two.mp4")
    done = cli("index", video, tmp_path / "two.mp4", tmp_path / "none.mp4", "--json")
    reports = [json.loads(line) for line in done.out.splitlines()]
    assert [r["status"] for r in reports] == ["done", "done", "failed"]
    assert done.status == 1 and "none.mp4" in reports[2]["reason"]


def test_videos_of_an_nwb_file(cli, video, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    from pynwb.image import ImageSeries

    file = pynwb.NWBFile("test", "id", datetime(2026, 1, 1, tzinfo=UTC))
    for name in ("left", "right"):
        file.add_acquisition(
            ImageSeries(
                name=name, external_file=["cam.mp4"], format="external", timestamps=CLOCK
            )
        )
    with pynwb.NWBHDF5IO(tmp_path / "rec.nwb", "w") as io:
        io.write(file)
    done = cli("index-nwb", tmp_path / "rec.nwb")
    assert done.status == 1 and "'left', 'right'" in done.err
    done = cli("index-nwb", tmp_path / "rec.nwb", "--series", "left")
    assert done.status == 0, done.err
    assert "40 frames" in done.out and "median step" in done.out
    np.testing.assert_array_equal(timestamps_of(video), CLOCK)
    done = cli("index-nwb", tmp_path / "rec.nwb", "--series", "left")
    assert done.status == 0 and "is fresh and was kept" in done.out
    again = ["--series", "left", "--overwrite", "-q"]
    assert cli("index-nwb", tmp_path / "rec.nwb", *again) == (0, "", "")
    done = cli("index-nwb", tmp_path / "rec.nwb", "--on-jump", "perhaps")
    assert done.status == 2
