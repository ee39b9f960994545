r"""Sidecars whose writers are killed, are two, or have no room."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from unittest import mock

import lance
import numpy as np
import pytest

import temporaldata_video as tv
from stress.writers import N_FRAMES, clock_of, kill_writers
from temporaldata_video.testing import make_clip, read_numbers
from tests.helpers import needs_fork

WRITE = """
import sys
import numpy as np
import temporaldata_video as tv
video, target, offset = sys.argv[1:]
times = float(offset) + np.arange(600) / 64
try:
    options = {"overwrite": True, "progress": False}
    tv.write_index(video, index_uri=target, timestamps=times, **options)
except tv.VideoError as error:
    print(type(error).__name__, error)
else:
    print("written")
"""

# Forks before Lance is loaded, so that the child that is killed writes the index itself.
FORKED = """
import itertools, os, random, signal, sys, time
import numpy as np
import temporaldata_video as tv

clip, folder, overwrite = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
moments = random.Random(0)
for number in range(16):
    child = os.fork()
    if child == 0:
        for k in itertools.count(1):
            target = f"{folder}/{number}" if overwrite else f"{folder}/{number}-{k}"
            clock = k + np.arange(600) / 64
            tv.write_index(clip, index_uri=target, timestamps=clock, overwrite=overwrite,
                           progress=False)
            open(f"{folder}.ready{number}", "w").close()
    while not os.path.exists(f"{folder}.ready{number}"):
        time.sleep(0.01)
    time.sleep(moments.uniform(0.0, 0.3))
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
"""

needs_kill = pytest.mark.skipif(os.name != "posix", reason="this system has no SIGKILL")


@pytest.fixture(scope="module")
def bare_clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("writers") / "cam.mp4"
    return make_clip(path, N_FRAMES, size=(32, 32), gop=60)


def write(clip, target, offset: float) -> None:
    times = offset + np.arange(N_FRAMES) / 64
    tv.write_index(clip, index_uri=target, timestamps=times, overwrite=True, progress=False)


@needs_kill
def test_a_killed_writer_leaves_the_old_index_or_a_whole_new_one():
    found = kill_writers(3, seed=3)
    assert found["corrupt"] == 0 and found.total() == 3


@needs_fork
def test_killed_while_overwriting(bare_clip, tmp_path, run_python):
    targets = [tmp_path / str(number) for number in range(16)]
    for target in targets:
        write(bare_clip, target, 0)
    run_python(FORKED, bare_clip, tmp_path, True)
    found = [clock_of(target) for target in targets]
    assert min(found) >= 1, "what was said to be written is not there"
    assert max(found) > 1, "killed before anything more was written: wait longer"
    for target in targets:
        video = tv.LazyVideo.from_uri(bare_clip, index_uri=target)
        last = N_FRAMES - 1
        assert read_numbers(video.frames_at([0, last])).tolist() == [0, last]
        # And what is left over does not stand in the way.
        write(bare_clip, target, 0)
        assert clock_of(target) == 0


@needs_fork
def test_killed_while_writing_a_first_index(bare_clip, tmp_path, run_python):
    run_python(FORKED, bare_clip, tmp_path, False)
    left = sorted(tmp_path.iterdir())
    assert len(left) > 16, "killed before anything more was written: wait longer"
    for path in left:
        try:
            assert clock_of(path) == int(path.name.split("-")[1])
        except tv.IndexNotFoundError:
            tv.write_index(bare_clip, index_uri=path, progress=False)
            assert len(tv.LanceFrameIndex.open(path).timestamps()) == N_FRAMES


def test_of_two_writers_each_leaves_a_whole_index_or_is_told(bare_clip, tmp_path):
    target = tmp_path / "both.lance"
    commands = [
        [sys.executable, "-c", WRITE, str(bare_clip), str(target), str(offset)]
        for offset in (1, 2)
    ]
    writers = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for c in commands]
    said = [writer.communicate()[0] for writer in writers]
    written = [n for n, text in enumerate(said, 1) if text == "written\n"]
    assert written and clock_of(target) in written
    for text in said:
        assert text == "written\n" or text.startswith("FrameIndexError cannot write")
    write(bare_clip, target, 9)
    assert clock_of(target) == 9


@needs_kill
@pytest.mark.parametrize("exists", [False, True])
def test_a_file_that_cannot_grow(bare_clip, tmp_path, exists):
    import resource

    target = tmp_path / "small.lance"
    if exists:
        write(bare_clip, target, 5)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(tv.FrameIndexError, match="cannot write the index"):
            write(bare_clip, target, 7)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    if exists:
        assert clock_of(target) == 5
    else:
        with pytest.raises(tv.IndexNotFoundError):
            clock_of(target)
    write(bare_clip, target, 8)
    assert clock_of(target) == 8


@needs_kill
def test_a_damaged_index_stays_until_its_successor_is_there(bare_clip, tmp_path):
    import resource

    target = tmp_path / "cam.lance"
    write(bare_clip, target, 5)
    (manifest,) = target.glob("_versions/*.manifest")
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[: len(whole) // 2])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(tv.FrameIndexError, match="cannot write the index"):
            write(bare_clip, target, 7)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == ["cam.lance"]
    manifest.write_bytes(whole)
    assert clock_of(target) == 5


# The child of a parent that has used Lance reads by a helper. It is killed as the system
# does when it is short of memory, between any two calls.
HELPED = """
import os, signal, sys
import numpy as np
import temporaldata_video as tv
from temporaldata_video._sidecar import lance_access

clip, clock = sys.argv[1], 7 + np.arange(600) / 64
tv.LanceFrameIndex.open(f"{clip}.lance")
if os.fork() == 0:
    for kill_before in ("read", "write"):
        times = tv.LanceFrameIndex.open(f"{clip}.lance").timestamps()
        os.kill(lance_access._helper.process.pid, signal.SIGKILL)
        if kill_before == "write":
            tv.write_index(clip, timestamps=clock, overwrite=True, progress=False)
            times = times + 7
        assert (tv.LanceFrameIndex.open(f"{clip}.lance").timestamps() == times).all()
    print(*os.listdir(os.path.dirname(clip)), flush=True)
    os._exit(0)
assert os.wait()[1] == 0
"""


@needs_kill
def test_a_helper_that_is_killed_loses_no_index(bare_clip, tmp_path, run_script):
    clip = shutil.copy(bare_clip, tmp_path / "cam.mp4")
    write(clip, f"{clip}.lance", 0)
    said, _ = run_script(HELPED, clip)
    assert "cam.mp4.lance" in said.split() and "damaged" not in said


@pytest.fixture
def full_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_index(bare_clip, full_disk):
    target = full_disk / "cam.lance"
    write(bare_clip, target, 5)
    filler = open(full_disk / "filler", "wb", buffering=0)  # noqa: SIM115
    with filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(1024))
    with pytest.raises(tv.FrameIndexError, match=r"cannot write the index .* index_uri"):
        write(bare_clip, target, 7)
    assert clock_of(target) == 5
    (full_disk / "filler").unlink()
    write(bare_clip, target, 8)
    assert clock_of(target) == 8


def test_a_folder_that_is_read_only(bare_clip, tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        clip = make_clip(folder / "cam.mp4", 24, size=(32, 32))
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(tv.FrameIndexError, match="Pass index_uri"):
            tv.write_index(clip, progress=False)
        with pytest.warns(tv.IndexWarning, match="no frame index"):
            assert len(tv.LazyVideo.from_uri(clip).frames) == 24
        index = tv.write_index(clip, index_uri=tmp_path / "cam.lance", progress=False)
        video = tv.LazyVideo.from_uri(clip, index_uri=index.uri)
        assert len(video.frames) == 24
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_old_versions_are_cleaned_up(bare_clip, tmp_path):
    target = tmp_path / "cam.lance"
    for offset in range(4):
        times = offset + np.arange(N_FRAMES) / 64
        tv.write_index(
            bare_clip, index_uri=target, timestamps=times, overwrite=True, progress=False
        )
    # What a reader may have open stays for a day; older versions are removed.
    assert len(lance.dataset(target).versions()) == 4
    with mock.patch(
        "temporaldata_video._sidecar.sidecar_write._KEEP_OLD_VERSIONS", timedelta(0)
    ):
        tv.write_index(bare_clip, index_uri=target, overwrite=True, progress=False)
    assert len(lance.dataset(target).versions()) == 1
    assert len(list((target / "data").iterdir())) == 1
