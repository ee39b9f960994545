r"""What a process may hold: bounded memory, no descriptors left, nothing after Ctrl-C."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from stress.resources import cut, usage
from temporaldata_video.testing import make_clip
from tests.helpers import needs_fork, right

linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


@pytest.fixture
def own_clip(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 60, size=(64, 96))
    tv.write_index(path, progress=False)
    return path


def test_more_pixels_than_there_is_memory(own_clip):
    video = tv.LazyVideo.from_uri(own_clip, resize=(60_000, 60_000))
    own_clip.unlink()  # it fails before the file is looked for
    with pytest.raises(tv.RequestTooLargeError) as raised:
        _ = video.frames
    size = 60 * 3 * 60_000**2
    mebibytes = f"{size / (1 << 20):,.0f} MiB"
    said = str(raised.value)
    assert "60 frames of 3 x 60000 x 60000" in said and mebibytes in said
    assert "80 % of the" in said and f"configure(request_memory_bytes={size})" in said
    assert isinstance(raised.value, MemoryError) and isinstance(raised.value, tv.VideoError)


def test_the_bound_can_be_set(own_clip, configure):
    video = tv.LazyVideo.from_uri(own_clip)
    one_second = 30 * 3 * 64 * 96
    configure(request_memory_bytes=one_second)
    assert len(video.slice(0.0, 1.0).frames) == 30
    with pytest.raises(tv.RequestTooLargeError, match=r"31 frames .* are allowed"):
        _ = video.slice(0.0, 1.03).frames
    configure(request_memory_bytes=0)
    assert len(video.slice(0.0, 1.03).frames) == 31


def test_the_bound_is_for_packets_as_well(own_clip, configure):
    video = tv.LazyVideo.from_uri(own_clip, resize=(1, 1))
    configure(request_memory_bytes=1000)
    with pytest.raises(tv.RequestTooLargeError, match=r"the packets of .* frames need"):
        _ = video.frames


@linux
def test_many_windows_leave_nothing_behind():
    seen = cut(600, seed=2, every=150)
    first, last = seen[0], seen[-1]
    assert last.descriptors <= first.descriptors and last.threads <= first.threads
    assert last.memory_kib - first.memory_kib < 16 * 1024


@linux
def test_errors_leave_no_descriptor(own_clip):
    video = tv.LazyVideo.from_uri(own_clip)
    _ = video.slice(0.0, 0.5).frames
    data = own_clip.read_bytes()
    own_clip.write_bytes(data[:-1000])
    before = usage()
    for _ in range(50):
        with pytest.raises(tv.VideoError):
            _ = tv.LazyVideo.from_uri(own_clip).slice(0.5, 1.0).frames
        with pytest.raises(tv.VideoError):
            tv.write_index(own_clip, method="header", overwrite=True, progress=False)
    assert usage().descriptors <= before.descriptors


needs_timers = pytest.mark.skipif(
    not hasattr(signal, "setitimer"), reason="needs timers of the system"
)
# It may also come while an object is let go of, where Python can but report it.
reported = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def interrupted():
    r"""Runs a job, with a KeyboardInterrupt after some seconds; returns whether it came."""

    def interrupt(*_):
        raise KeyboardInterrupt

    def run(seconds: float, job) -> bool:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            try:
                job()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return True
        return False

    before = signal.signal(signal.SIGALRM, interrupt)
    yield run
    signal.signal(signal.SIGALRM, before)


@needs_timers
@reported
@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_at_any_moment(own_clip, interrupted, threads):
    r"""A KeyboardInterrupt in the middle of decoding; what is read next is right."""
    chance = random.Random(threads)
    video = tv.LazyVideo.from_uri(own_clip, threads=threads)
    _ = video.frames
    folder = set(os.listdir(own_clip.parent))

    def slide():
        window = tv.LazyVideo.from_uri(own_clip, threads=threads).slice(0.2, 1.8)
        for start in np.arange(0.0, 1.2, 0.1):
            _ = window.slice(start, start + 0.3).frames

    came = 0
    for _ in range(60):
        came += interrupted(chance.uniform(0.0002, 0.01), slide)
        start = chance.randrange(50)
        assert right(video.slice(start / 30, start / 30 + 0.25))
    assert came > 30
    assert set(os.listdir(own_clip.parent)) == folder


@needs_timers
@reported
@pytest.mark.parametrize("kind", ["blocks", "files"])
def test_ctrl_c_while_bytes_are_fetched(
    own_clip, interrupted, configure, s3, proxy, kind, tmp_path
):
    r"""A KeyboardInterrupt in the middle of requests, with a cache that knows nothing."""
    chance = random.Random(kind)
    uri = s3.put(f"lab/ctrl-c-{kind}/cam.mp4", own_clip.read_bytes())
    tv.write_index(uri, storage_options=s3.options(), progress=False)
    video = tv.LazyVideo.from_uri(uri, storage_options=s3.options(proxy))
    # Every window is read anew.
    configure(cache_kind=kind, cache_block_bytes=4096, decoders=0)
    proxy.behave(delay=0.01)
    came = 0
    for n in range(40):
        cache = tmp_path / str(n)
        configure(cache_directory=cache)
        seconds = chance.uniform(0.001, 0.04)
        came += interrupted(seconds, lambda: video.slice(0.0, 1.9).frames)
        assert [*cache.rglob("aside/*")] == []
        assert right(video.slice(0.0, 1.9))
    assert came > 15


READS_IN_A_CHILD = """
import os
import random
import signal
import sys

import temporaldata_video as tv
from temporaldata_video._sidecar.lance_access import read_columns


def interrupt(*_):
    raise KeyboardInterrupt


uri, chance = sys.argv[1], random.Random(0)
index = tv.LanceFrameIndex.open(uri)
names = ("pts", "dts", "pos", "timestamp")
read = lambda name: read_columns(uri, (), index.version, "", (name,), 0, 60)[name].tolist()
expected = {name: read(name) for name in names}
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
signal.signal(signal.SIGALRM, interrupt)
came = 0
for _ in range(6):
    read("pts")
    signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0005, 0.01))
    try:
        while True:
            for name in names:
                read(name)
    except KeyboardInterrupt:
        came += 1
    assert {name: read(name) for name in names} == expected
print("interrupted:", came, flush=True)
os._exit(0)
"""


@needs_timers
@needs_fork
def test_ctrl_c_while_a_helper_reads_the_index(own_clip, run_script):
    r"""A forked child asks a helper for rows; what it was asked for before is not given."""
    said, _ = run_script(READS_IN_A_CHILD, f"{own_clip}.lance")
    assert said == "interrupted: 6\n"
