r"""``temporaldata-video index`` of several videos: workers and one clock for each."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

import temporaldata_video as tv

N = 40


def test_workers_and_patterns(cli, tiny_clip, tmp_path):
    videos = [Path(shutil.copy(tiny_clip, tmp_path / f"{k}.mp4")) for k in range(4)]
    for k, video in enumerate(videos):
        times = np.arange(N) / 30 + 10.0 * k
        np.save(video.with_name(f"{video.stem}_times.npy"), times)
    clocks = ["--timestamps", "{stem}_times.npy"]
    done = cli("index", *videos, *clocks, "--workers", "2")
    assert done.status == 0, done.err
    assert "4 done, 0 skipped, 0 failed" in done.out
    for k, video in enumerate(videos):
        assert tv.LanceFrameIndex.open(f"{video}.lance").timestamps()[0] == 10.0 * k
    assert "kept" in cli("index", videos[3], *clocks).out
    done = cli("index", *videos, "--workers", "2", "--dask", "tcp://127.0.0.1:1")
    assert done.status == 2 and "exclude each other" in done.err
