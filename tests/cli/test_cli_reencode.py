r"""``temporaldata-video reencode``: what is made, printed and refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers


def slow_clip(tmp_path, **options):
    path = make_clip(tmp_path / "cam.mp4", 90, gop=250, **options)
    tv.write_index(path, timestamps=50 + np.arange(90) * 0.1, progress=False)
    return path


def test_a_copy_is_made_and_what_it_costs_is_said(cli, tmp_path):
    path = slow_clip(tmp_path)
    done = cli("reencode", path, "--gop", 10, "--crf", 30)
    assert done.status == 0
    copy = tv.LazyVideo.from_uri(tmp_path / "cam_gop10.mp4")
    assert read_numbers(copy.frames).tolist() == list(range(90))
    assert copy.timestamps[0] == 50
    lines = dict(line.split("  ", 1) for line in done.out.splitlines())
    assert "cam_gop10.mp4" in lines["copy"] and "90, compared" in lines["frames"]
    assert "times)" in lines["size"] and "PSNR" in lines["pixels"]
    assert "-> " in lines["1 s window"] and "to show 10" in lines["1 s window"]
    assert "cam_gop10.mp4.lance" in lines["index"]
    assert "sound" not in lines and "left out" not in lines


def test_all_options_take_effect(cli, tmp_path):
    path = slow_clip(tmp_path, audio=True)
    output = tmp_path / "copy.mp4"
    options = ["--codec", "hevc", "--lossless", "--no-fps-keep", "--no-audio"]
    done = cli("reencode", path, "-o", output, *options)
    assert done.status == 0 and "left out      the sound (aac)" in done.out
    assert "the same, every one" in done.out
    index = tv.LanceFrameIndex.open(f"{output}.lance")
    assert index.segments[0].stream.codec == "hevc"
    assert cli("reencode", path, "-o", output).status == 1
    done = cli("reencode", path, "-o", output, "--overwrite", "--quiet")
    assert done.status == 0 and done.out == done.err == ""
    index = tv.LanceFrameIndex.open(f"{output}.lance")
    assert index.segments[0].stream.codec == "h264"


def test_sound_that_is_copied_is_named(cli, tmp_path):
    done = cli("reencode", slow_clip(tmp_path, audio=True))
    assert "aac, copied as it is" in done.out and "left out" not in done.out


def test_a_copy_that_gains_nothing_says_so(cli, tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 40, gop=5)
    tv.write_index(path, progress=False)
    assert "short groups of pictures already: keep it" in cli("reencode", path).out


def test_what_cannot_be_copied_is_one_line(cli, tmp_path, no_videos):
    for path, word in no_videos.items():
        done = cli("reencode", path)
        assert done.status == 1 and word in done.err and done.err.count("\n") == 1
    path = slow_clip(tmp_path)
    done = cli("reencode", path, "-o", path, "--overwrite")
    assert done.status == 1 and "the video itself" in done.err
    assert cli("reencode", path, "--crf", 60).status == 2


@pytest.mark.skipif(os.name != "posix", reason="this system has no SIGTERM")
def test_a_copy_that_is_terminated_leaves_nothing(tmp_path):
    path = slow_clip(tmp_path)
    command = [sys.executable, "-m", "temporaldata_video._cli.main", "reencode", path]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and not [*tmp_path.glob("*.part")]:
        time.sleep(0.001)
    process.terminate()
    assert process.wait() in (0, 128 + signal.SIGTERM)
    assert {*tmp_path.glob("*.part")} == set()


@pytest.mark.skipif(os.name != "posix", reason="this system has no ulimit")
def test_a_copy_for_which_there_is_no_room_is_one_line(tmp_path):
    path = slow_clip(tmp_path)
    # No file may grow beyond 1 KiB.
    command = 'ulimit -f 1; exec "$0" -m temporaldata_video._cli.main reencode "$1"'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, path], capture_output=True, text=True
    )
    assert done.returncode == 1 and "error: cannot write the copy" in done.stderr
    assert "File too large" in done.stderr and not [*tmp_path.glob("*gop30*")]
