r"""Reads windows of many remote videos for long, in processes that share a small cache."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import temporaldata_video as tv
from temporaldata_video._bytes.disk_files import CacheFiles
from temporaldata_video.testing import make_clip, read_numbers

from .resources import Usage, usage
from .servers import FAULTS, serving

N_FRAMES, LOOKS = 600, 10
REPOSITORY = Path(__file__).parents[1]


class LongRun(NamedTuple):
    r"""What processes held while they read for long.

    Args:
        usages: of each process, ten looks.
        quota_bytes: of the cache that they share.
        most_bytes: that the cache held, as seen ten times a second.
        videos_bytes: what all videos would take.
    """

    usages: list[list[Usage]]
    quota_bytes: int
    most_bytes: int
    videos_bytes: int


def _held(files: CacheFiles) -> int:
    with files._held_total():  # or files that come are counted with those that go
        return sum(entry.bytes for entry in files.entries())


def read_for_long(windows: int, processes: int, seed: int, videos: int = 20) -> LongRun:
    r"""Reads random windows of videos that lie on servers, and compares their frames.

    Args:
        windows: how many each process reads.
        processes: how many share the cache, which holds a third of the videos.
        seed: decides which windows.
        videos: how many there are.

    Raises:
        AssertionError: if a frame is another one.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, cache = Path(name), Path(name, "cache")
        urls, total = [], 0
        for number in range(videos):
            clip = make_clip(folder / f"{number}.mp4", N_FRAMES, size=(240, 320), gop=30)
            tv.write_index(clip, progress=False)
            total += clip.stat().st_size
            url = stack.enter_context(serving(clip.read_bytes(), FAULTS["good"]))
            urls.append([url, f"{clip}.lance"])
        cache.mkdir()
        quota = total // 3
        (folder / "urls.json").write_text(json.dumps(urls))
        started = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "stress.long_runs", folder / "urls.json"),
                    *(cache, str(quota), str(windows), str(seed + number)),
                ],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(processes)
        ]
        most, files = 0, CacheFiles(str(cache), quota)
        while any(process.poll() is None for process in started):
            most = max(most, _held(files))
            time.sleep(0.1)
        assert all(process.returncode == 0 for process in started)
        said = [process.communicate()[0].splitlines() for process in started]
        usages = [[Usage(*json.loads(line)) for line in lines] for lines in said]
        return LongRun(usages, quota, most, total)


def _main(urls: str, cache: str, quota: str, windows: str, seed: str) -> None:
    warnings.simplefilter("ignore")
    tv.configure(cache_directory=cache, cache_quota_bytes=int(quota))
    chance, count = random.Random(int(seed)), int(windows)
    videos = [
        tv.LazyVideo.from_uri(url, index_uri=index)
        for url, index in json.loads(Path(urls).read_text())
    ]
    for number in range(count):
        video = chance.choice(videos)
        first = chance.randrange(N_FRAMES - 16)
        wanted = list(range(first, first + chance.randrange(1, 17)))
        assert read_numbers(video.frames_at(wanted)).tolist() == wanted, os.getpid()
        if (number + 1) % max(1, count // LOOKS) == 0:
            print(json.dumps(usage()), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
