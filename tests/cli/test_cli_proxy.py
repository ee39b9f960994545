r"""``temporaldata-video proxy``: what is made, printed and refused; ``info`` of proxies."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip


def test_a_proxy_is_made_and_used(cli, own_clip):
    done = cli("proxy", own_clip, "--size", "32x48")
    assert done.status == 0, done.err
    assert "cam.mp4.32x48.proxy: 120 frames; the same pixels; " in done.out
    video = tv.LazyVideo.from_uri(own_clip, resize=(32, 48))
    assert video.cost().from_proxy == 120
    again = cli("proxy", own_clip, "--size", "32x48")
    assert again.status == 0 and "fresh, and kept" in again.out
    assert cli("proxy", own_clip, "--size", "32x48", "-q", "--overwrite").out == ""


def test_all_options_take_effect(cli, own_clip):
    for options, name in (
        (["--gray"], "32x48-gray"),
        (["--dtype", "uint16"], "32x48-uint16"),
        (["--lossy"], "32x48-lossy"),
        (["--gray", "--crf", "30"], "32x48-gray-lossy"),
    ):
        done = cli("proxy", own_clip, "--size", "32x48", *options)
        assert done.status == 0 and f"cam.mp4.{name}.proxy: 120" in done.out
        assert ("PSNR" in done.out) == ("lossy" in name)
    done = cli("proxy", own_clip, "--size", "20x30", "--gop", 5)
    assert done.status == 0 and "cam.mp4.20x30-lossy.proxy" in done.out
    index = tv.LanceFrameIndex.open(f"{own_clip}.20x30-lossy.proxy.lance")
    keys = np.flatnonzero(index.segments[0].rows(0, 120).keyframe)
    assert np.diff([*keys, 120]).max() <= 5


def test_info_lists_proxies(cli, own_clip):
    assert "proxy" not in cli("info", own_clip).out
    cli("proxy", own_clip, "--size", "32x48")
    cli("proxy", own_clip, "--size", "20x30", "--gray", "--lossy")
    lines = [line for line in cli("info", own_clip).out.splitlines() if "proxy" in line]
    assert len(lines) == 2
    assert "cam.mp4.20x30-gray-lossy.proxy (" in lines[0] and "crf 18, gop 12)" in lines[0]
    assert "cam.mp4.32x48.proxy (" in lines[1] and "lossless)" in lines[1]
    make_clip(own_clip, 120, first_frame=300)
    cli("index", "--overwrite", own_clip)
    lines = [line for line in cli("info", own_clip).out.splitlines() if "proxy" in line]
    assert all("not used: it is of another version of the video" in line for line in lines)


@pytest.mark.parametrize("workers", [1, 2])
def test_many_videos_have_a_table(cli, tmp_path, workers):
    paths = [make_clip(tmp_path / f"{k}.mp4", 24) for k in range(2)]
    cli("index", *paths)
    cli("proxy", paths[0], "--size", "16x16")
    command = ["proxy", *paths, tmp_path / "none.mp4", "--size", "16x16"]
    done = cli(*command, "--workers", workers)
    assert done.status == 1 and "1 done, 1 skipped, 1 failed" in done.out
    assert "has a fresh proxy" in done.out and "there is no file" in done.out
    assert "1 of 3 videos have no proxy now" in done.err
    quiet = cli(*command, "--quiet")
    assert quiet.status == 1 and not quiet.out and "there is no file" in quiet.err


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--size", "32"], 2, "--size is HEIGHTxWIDTH in pixels"),
        (["--size", "0x48"], 2, "--size is HEIGHTxWIDTH in pixels"),
        ([], 2, "Missing option '--size'"),
        (["--size", "32x48", "--lossless", "--crf", "18"], 2, "--gop are of lossy proxies"),
        (["--size", "32x48", "--lossy", "--dtype", "uint16"], 1, "have 8 bits per sample"),
    ],
)
def test_what_makes_no_sense_is_refused(options, status, message, cli, own_clip):
    done = cli("proxy", own_clip, *options)
    assert done.status == status and message in done.err


def test_one_index_is_of_one_video(cli, own_clip):
    command = ["proxy", own_clip, own_clip, "--size", "32x48", "--index-uri", "x.lance"]
    done = cli(*command)
    assert done.status == 2 and "--index-uri is for one video" in done.err


@pytest.mark.skipif(os.name != "posix", reason="this system has no ulimit")
def test_a_proxy_for_which_there_is_no_room_is_one_line(own_clip):
    # No file may grow beyond 1 KiB.
    command = (
        'ulimit -f 1; exec "$0" -m temporaldata_video._cli.main proxy "$1" --size 32x48'
    )
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, own_clip, "--size", "32x48"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "error: cannot write the proxy" in done.stderr
    assert "File too large" in done.stderr and not [*own_clip.parent.glob("*.proxy*")]
