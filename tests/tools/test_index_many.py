r"""Many videos at once: executors, workers that die, Ctrl-C, one clock for each."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

N = 40


@pytest.fixture
def copies(tiny_clip, tmp_path):
    def make(count):
        return [
            Path(shutil.copy(tiny_clip, tmp_path / f"{k:03d}.mp4")) for k in range(count)
        ]

    return make


def assert_whole(videos):
    for video in videos:
        index = tv.LanceFrameIndex.open(f"{video}.lance")
        assert index.segment_frame_counts().tolist() == [N]
        assert len(index.timestamps()) == N


class DeadlyClip(os.PathLike):
    r"""A path of a pose table; whoever opens it dies, as if a decoder had crashed."""

    def __fspath__(self):
        os.kill(os.getpid(), signal.SIGKILL)
        return ""


class DeadlyOnce(os.PathLike):
    r"""As :class:`DeadlyClip`, for the first reader only."""

    def __init__(self, mark, table):
        self.mark, self.table = str(mark), str(table)

    def __fspath__(self):
        if not os.path.exists(self.mark):
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.table


def pool(workers):
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def test_a_worker_that_dies_takes_no_other_file_with_it(copies, tmp_path):
    videos = copies(6)
    poses = dict.fromkeys(videos) | {videos[3]: DeadlyClip()}
    with pool(1) as executor:
        summary = tv.index_many(videos, executor=executor, pose=poses, progress=False)
    assert summary.counts() == {"done": 5, "skipped": 0, "failed": 1}
    assert summary[3].status == "failed" and "died, twice" in summary[3].reason
    assert "003.mp4: the process" in repr(summary)
    assert_whole(v for v in videos if v != videos[3])
    assert not Path(f"{videos[3]}.lance").exists()


def test_a_worker_that_dies_by_chance_costs_nothing(copies, tmp_path):
    videos = copies(5)
    table = tmp_path / "pose.csv"
    head = "scorer,n,n\nbodyparts,a,a\ncoords,x,y\n"
    table.write_text(head + "".join(f"{k},1,1\n" for k in range(N)))
    poses = dict.fromkeys(videos) | {videos[2]: DeadlyOnce(tmp_path / "mark", table)}
    with pool(1) as executor:
        summary = tv.index_many(videos, executor=executor, pose=poses, progress=False)
    assert (tmp_path / "mark").exists()
    assert summary.counts() == {"done": 5, "skipped": 0, "failed": 0}
    assert_whole(videos)


def test_one_file_that_fails_stops_no_other(copies, tmp_path):
    paths = copies(3)
    paths.insert(1, tmp_path / "none.mp4")
    reports = tv.index_many(paths, progress=False)
    assert [report.status for report in reports] == ["done", "failed", "done", "done"]
    assert [report.frames for report in reports] == [N, 0, N, N]
    assert "none.mp4" in reports[1].reason
    make_clip(paths[2], 10, size=(32, 32))
    with ThreadPoolExecutor(2) as executor:
        reports = tv.index_many(paths, executor=executor, progress=False)
    # A stale index may hold a clock that is nowhere else: it is not written over unasked.
    assert [report.status for report in reports] == [
        "skipped",
        "failed",
        "failed",
        "skipped",
    ]
    assert "stale" in reports[2].reason and "overwrite" in reports[2].reason
    again = tv.index_many(paths[2:], overwrite=True, progress=False)
    assert [(report.status, report.frames) for report in again] == [
        ("done", 10),
        ("done", N),
    ]
    assert [report.uri for report in reports] == [str(path) for path in paths]


def test_clocks_by_mapping_and_by_function(copies, tmp_path):
    videos = copies(3)
    clocks = {v: np.arange(N) / 30 + 100.0 * k for k, v in enumerate(videos)}
    with ThreadPoolExecutor(2) as executor:
        done = tv.index_many(videos, timestamps=clocks, executor=executor, progress=False)
    assert [r.status for r in done] == ["done"] * 3
    for k, video in enumerate(videos):
        assert tv.LanceFrameIndex.open(f"{video}.lance").timestamps()[0] == 100.0 * k

    def clock_of(uri):
        return clocks[Path(uri)] if "001" not in uri else {}["no clock"]

    again = tv.index_many(videos, timestamps=clock_of, progress=False)
    assert [r.status for r in again] == ["skipped", "failed", "skipped"]
    assert "no clock" in again[1].reason
    lacking = tv.index_many(videos, timestamps={videos[0]: None}, progress=False)
    assert [r.status for r in lacking] == ["skipped", "failed", "failed"]
    with pytest.raises(ValueError, match=r"timestamps has an entry for .*other"):
        tv.index_many(videos, timestamps={"other.mp4": None}, progress=False)


def test_the_summary_is_a_table(copies, tmp_path):
    videos = copies(1)
    summary = tv.index_many([videos[0], "none.mp4", videos[0]], progress=False)
    assert [row[1] for row in summary.table()] == ["done", "failed", "done"]
    assert len(summary) == 3 and summary.failed == [summary[1]]


# The command line -----------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_interrupted_and_started_again(copies):
    videos = copies(60)
    command = [sys.executable, "-m", "temporaldata_video._cli.main", "index"]
    command += ["--workers", "2", *map(str, videos)]
    process = subprocess.Popen(
        command,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Who runs tests in the background may have Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    begun = [Path(f"{v}.lance/_versions") for v in videos]
    while sum(map(Path.exists, begun)) < 3 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate()
    there = [v for v in videos if Path(f"{v}.lance").exists()]
    # A machine under load may have come to the end before the signal.
    assert process.returncode in ((1, 130) if len(there) < len(videos) else (0, 1, 130))
    assert b"Traceback" not in err and len(there) >= 3
    assert_whole(there)
    summary = tv.index_many(videos, progress=False)
    counts = {"done": len(videos) - len(there), "skipped": len(there), "failed": 0}
    assert summary.counts() == counts


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_workers_end_with_a_parent_that_is_killed(copies):
    videos = copies(2)
    clocks = [video.with_suffix(".csv") for video in videos]
    for clock in clocks:
        os.mkfifo(clock)
    command = [sys.executable, "-m", "temporaldata_video._cli.main", "index"]
    command += ["--workers", "2", "--timestamps", "{stem}.csv", *map(str, videos)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # Each worker waits for its clock, so that none is over before its parent is killed.
    writers = [opened_for_writing(clock, process) for clock in clocks]
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.communicate()
    assert len(children) >= 2
    # Only a hang comes to the limit of the suite.
    while any(map(is_running, children)):
        time.sleep(0.05)
    for writer in writers:
        os.close(writer)
    assert not any(Path(f"{video}.lance").exists() for video in videos)


def opened_for_writing(pipe, process) -> int:
    r"""Opens a pipe as soon as somebody reads it, which has a reader wait for more."""
    while process.poll() is None:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it
            time.sleep(0.01)
    raise AssertionError(process.communicate())


def is_running(number: str) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# Dask -----------------------------------------------------------------------------------


def test_dask_with_a_worker_killed_in_the_middle(dask, copies):
    from distributed import Client

    address, workers = dask
    videos = copies(200)
    with Client(address) as client, ThreadPoolExecutor(1) as thread:
        client.wait_for_workers(2)
        running = thread.submit(
            tv.index_many, videos, executor=client.get_executor(), progress=False
        )
        begun = [Path(f"{v}.lance/_versions") for v in videos]
        while sum(map(Path.exists, begun)) < 40 and not running.done():
            time.sleep(0.01)
        workers[0].kill()
        summary = running.result()
    assert summary.counts() == {"done": 200, "skipped": 0, "failed": 0}, summary
    assert [report.frames for report in summary] == [N] * 200
    assert_whole(videos)


def test_dask_from_the_command_line(dask, copies):
    videos = copies(3)
    command = [sys.executable, "-m", "temporaldata_video._cli.main", "index"]
    command += ["--dask", dask[0], *map(str, videos)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3 done" in done.stdout
    assert_whole(videos)
