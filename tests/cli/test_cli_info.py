r"""``temporaldata-video info``: what it says of files with and without an index."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.deep import depth_frames, write_frames


def facts(text):
    r"""What stands behind each label."""
    rows = [re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in text.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 2}


def test_all_facts_of_an_indexed_video(cli, own_clip):
    done = cli("info", own_clip)
    assert done.status == 0
    assert done.err == ""
    known = facts(done.out)
    assert known["frames"] == "120"
    assert known["segments"] == "1"
    assert known["clock"] == "0.000 s to 3.967 s"
    assert known["rate"] == "30.000 frames/s (median)"
    assert known["jitter"].startswith("0.000 ms around 33.333 ms")
    assert known["gaps"].startswith("0 longer")
    assert known["codec"] == "h264"
    assert known["size"] == "96 x 64"
    assert known["rotation"] == "0°"
    assert known["pixel format"] == "yuv420p"
    assert known["bits per sample"] == "8"
    assert "mp4" in known["container"]
    assert re.fullmatch(r"1/\d+ s", known["time base"])
    assert known["read"] == "by packet"
    assert "B-frames" in known["reordering"]
    assert known["hidden packets"] == "0"
    assert known["group of pictures"].startswith("12 / 12 / 12 frames")
    assert re.search(r"cam\.mp4\.lance \(.*B, fresh\)", known["sidecar"])


def test_a_window_costs_what_the_video_says(cli, own_clip):
    cost = facts(cli("info", own_clip).out)["random 1 s window"]
    frames, decoded = (float(n) for n in re.findall(r"([\d.]+) (?:frames|decoded)", cost))
    lazy = tv.LazyVideo.from_uri(own_clip)
    costs = [lazy.slice(t, t + 1).cost() for t in np.linspace(0, 2.9, 200)]
    assert frames == np.median([c.frames for c in costs])
    # Where the windows lie is random; how many frames a group adds is not.
    assert min(c.decoded for c in costs) <= decoded <= max(c.decoded for c in costs)
    assert re.search(r"time to decode it +\d+ ms", cli("info", own_clip).out)


@pytest.mark.filterwarnings("default::temporaldata_video.VideoWarning")
def test_without_an_index_it_says_so(cli, tiny_clip):
    done = cli("info", tiny_clip)
    assert done.status == 0
    assert done.err.startswith("warning: ")
    known = facts(done.out)
    assert known["sidecar"] == "none"
    assert known["frames"] == "40"
    assert known["reordering"] == "none (no B-frames)"


def test_a_camera_clock_with_gaps_and_steps(cli, own_clip):
    times = 10 + np.arange(120) / 30
    times[60:] += 5
    times[[80, 81]] = times[[81, 80]]
    clock = tv.Clock(times, on_jump="keep")
    tv.write_index(own_clip, timestamps=clock, overwrite=True, progress=False)
    known = facts(cli("info", own_clip).out)
    assert known["clock"] == "10.000 s to 18.967 s"
    assert known["gaps"].startswith("1 longer")
    assert known["gaps"].endswith("the longest 5.033 s")
    assert known["clock steps back"].startswith("1 times")


def test_frames_without_a_time(cli, own_clip):
    times = np.arange(120) / 30
    times[:7] = np.nan
    tv.write_index(
        own_clip, timestamps=times, on_nan="drop", overwrite=True, progress=False
    )
    known = facts(cli("info", own_clip).out)
    assert known["no time"].startswith("7 frames")


def test_a_stale_index_is_called_so(cli, own_clip):
    make_clip(own_clip, 20)
    done = cli("info", own_clip)
    assert done.status == 0
    assert "stale" in facts(done.out)["sidecar"]
    assert f"temporaldata-video index --overwrite {own_clip}" in done.err


def test_segments_and_a_sidecar_elsewhere(cli, tiny_clip, tmp_path):
    first = shutil.copy(tiny_clip, tmp_path / "first.mp4")
    second = make_clip(tmp_path / "second.mp4", 10, size=(32, 32), codec="mpeg4")
    place = tmp_path / "both.lance"
    tv.write_index(first, segment_uris=[second], index_uri=place, progress=False)
    known = facts(cli("info", first, "--index-uri", place).out)
    assert known["frames"] == "50"
    assert known["segments"] == "2, of 40, 10 frames"
    assert known["codec"] == "h264, mpeg4"
    assert "both.lance" in known["sidecar"]


def test_a_four_column_sidecar(cli, own_clip):
    import lance

    dataset = lance.dataset(f"{own_clip}.lance")
    columns = ["segment_idx", "local_frame_idx", "pts", "timestamp"]
    rows = dataset.to_table(columns=columns).replace_schema_metadata(None)
    shutil.rmtree(f"{own_clip}.lance")
    lance.write_dataset(rows, f"{own_clip}.lance")
    known = facts(cli("info", own_clip).out)
    assert known["frames"] == "120"
    assert known["group of pictures"].startswith("12 / 12 / 12 frames")
    assert "no positions of packets" in known["sidecar"]
    done = cli("index", own_clip)
    assert done.status == 1
    assert "--overwrite" in done.err


def test_a_single_frame(cli, tmp_path):
    video = make_clip(tmp_path / "one.mp4", 1, size=(32, 32))
    tv.write_index(video, progress=False)
    done = cli("info", video)
    assert done.status == 0
    assert facts(done.out)["random 1 s window"].startswith("1 frames")


def test_what_is_no_video_is_said(cli, no_videos):
    for path, word in no_videos.items():
        done = cli("info", path)
        assert (done.status, done.out) == (1, "")
        assert word in done.err
        assert done.err.count("\n") == 1


def test_a_sidecar_alone_is_no_video(cli, own_clip, tmp_path):
    (tmp_path / "cam.mp4").unlink()
    done = cli("info", tmp_path / "cam.mp4")
    assert done.status == 1
    assert "there is no file" in done.err


def test_bits_of_a_depth_camera(cli, tmp_path):
    path = write_frames(tmp_path / "depth.mkv", depth_frames(10))
    tv.write_index(path, progress=False)
    done = cli("info", path)
    known = facts(done.out)
    assert (known["pixel format"], known["bits per sample"]) == ("gray16le", "16")
    assert (known["read"], done.err) == ("by packet", "")
