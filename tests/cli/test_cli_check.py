r"""``temporaldata-video check``: what is printed, and the exit status."""

from __future__ import annotations

import json

import numpy as np

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

TAGGED = {"codec_options": {"colorspace": "bt709", "color_range": "tv", "g": "12"}}


def test_the_exit_status_is_that_of_the_worst_finding(cli, tmp_path, no_videos):
    path = make_clip(tmp_path / "cam.mp4", 60, **TAGGED)
    assert cli("check", path).status == 1  # there is no index
    tv.write_index(path, progress=False)
    done = cli("check", path)
    assert done.status == 0 and "60 frames, nothing found" in done.out
    assert cli("check", path, "--decode").status == 0
    for wrong in no_videos:
        done = cli("check", path, wrong)
        assert done.status == 2 and "error unreadable" in done.out
    assert cli("check", path, path, "--index-uri", "x").status == 2
    assert cli("check", path, "--unit", "ms").status == 2


def test_notes_alone_are_no_failure(cli, clip):
    done = cli("check", clip)
    assert done.status == 0
    assert "120 frames, 1 note" in done.out and "note untagged-colour: " in done.out
    assert "untagged-colour" not in cli("check", clip, "--quiet").out


def test_findings_say_what_mends_them(cli, tmp_path):
    path = make_clip(tmp_path / "my cam.mp4", 400, size=(32, 32), gop=200)
    out = cli("check", path).out
    assert "warning long-groups: groups of up to 200 pictures" in out
    assert f"-> temporaldata-video reencode '{path}' --gop 30" in out
    assert f"-> temporaldata-video index '{path}' --timestamps TIMES" in out


def test_json_is_one_line_a_file(cli, clip, tiny_clip):
    done = cli("check", "--json", clip, tiny_clip)
    first, second = map(json.loads, done.out.splitlines())
    assert first["severity"] == "info" and second["severity"] == "warning"
    assert first["uri"] == str(clip) and second["frames"] == 40


def test_a_clock_may_be_tried_before_indexing(cli, clip, tmp_path):
    times = tmp_path / "times.csv"
    rows = np.arange(118) * 33
    times.write_text("time,state\n" + "".join(f"{row},0\n" for row in rows))
    done = cli("check", clip, "--timestamps", times, "--column", "time", "--unit", "ms")
    assert done.status == 2
    assert "error count-mismatch: the video has 120 frames and 118 timestamps" in done.out
