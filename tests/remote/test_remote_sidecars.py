r"""Sidecars on a store: kept, gone, damaged, forbidden, missing, half written, raced."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.configured_cache import configured_cache
from temporaldata_video._bytes.remote import FsspecStore
from tests.helpers import right

from .names import N


def test_an_open_video_keeps_its_sidecar(indexed, s3):
    options = s3.options()
    before = tv.LazyVideo.from_uri(indexed, storage_options=options)
    clock = np.arange(N) / 10
    tv.write_index(
        indexed, timestamps=clock, storage_options=options, overwrite=True, progress=False
    )
    after = tv.LazyVideo.from_uri(indexed, storage_options=options)
    assert after.timestamps.tolist() == clock.tolist()
    assert np.allclose(before.timestamps, np.arange(N) / 30)
    assert right(before.slice(2.0, 3.0)) and right(after.slice(6.0, 7.0))


def test_a_sidecar_that_is_gone_is_stale(indexed, s3, monkeypatch, tmp_path):
    video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options())
    for name in s3.names("lab"):
        if f"s3://lab/{name}".startswith(f"{indexed}.lance/"):
            s3.client().delete_object(Bucket="lab", Key=name)
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    with pytest.raises(tv.StaleIndexError, match="open the video again"):
        _ = video.timestamps


def test_copies_that_vanish_all_the_time_are_no_harm(
    indexed, s3, monkeypatch, tmp_path, recwarn
):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    index = tv.LanceFrameIndex.open(f"{indexed}.lance", FsspecStore("s3", s3.options()))
    clock, done = index.timestamps(), threading.Event()
    cache_files = configured_cache().files

    def delete():
        while not done.is_set():
            cache_files.prune(keep_bytes=0)

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for _ in range(20):
            assert np.array_equal(index.timestamps(), clock)
            assert len(index.pts_table(0)) == N
    finally:
        done.set()
        thread.join()
    assert {warning.category for warning in recwarn} <= {tv.CacheWarning}
    assert np.array_equal(index.timestamps(), clock)
    assert [os.path.isdir(entry.path) for entry in cache_files.entries()] == [True]


@pytest.mark.parametrize("part", ["_versions/", "data/"])
def test_a_damaged_sidecar_is_an_error_and_can_be_replaced(indexed, s3, part):
    options = s3.options()
    store, sidecar = FsspecStore("s3", options), f"{indexed}.lance"
    for name in s3.names("lab"):
        if f"s3://lab/{name}".startswith(f"{sidecar}/{part}"):
            s3.put(f"lab/{name}", b"nonsense")
    before = store.list_objects(sidecar)
    with pytest.raises(tv.IndexFormatError, match="overwrite=True"):
        _ = tv.LazyVideo.from_uri(indexed, storage_options=options).timestamps
    with pytest.warns(tv.IndexWarning, match=r"moved to 's3://.*\.lance\.damaged'"):
        tv.write_index(indexed, storage_options=options, overwrite=True, progress=False)
    aside = store.list_objects(f"{sidecar}.damaged")
    assert {n: m.size for n, m in aside.items()} == {n: m.size for n, m in before.items()}
    assert right(tv.LazyVideo.from_uri(indexed, storage_options=options).slice(2.0, 3.0))


def test_a_forbidden_sidecar_is_not_a_missing_one(indexed, s3, proxy):
    proxy.behave(matching=r"cam.mp4.lance", fault_rate=1.0, faults=["403"])
    with pytest.raises(tv.FrameIndexError, match="denied"):
        tv.LazyVideo.from_uri(indexed, storage_options=s3.options(proxy))


def test_without_a_sidecar_there_is_a_warning(uri, s3):
    with pytest.warns(tv.IndexWarning, match=f"temporaldata-video index {uri}"):
        video = tv.LazyVideo.from_uri(uri, storage_options=s3.options())
    assert right(video.slice(2.0, 3.0))


WRITER = """
import sys
import temporaldata_video as tv
tv.write_index(sys.argv[1], timestamps=[k / 10 for k in range(240)],
               storage_options=eval(sys.argv[2]), overwrite=True, progress=False)
"""


@pytest.mark.parametrize("upload", ["data", "_transactions", "_versions"])
def test_a_killed_writer_leaves_the_old_sidecar(indexed, s3, proxy, upload):
    proxy.behave(matching=rf"PUT .*cam\.mp4\.lance/{upload}", script=["hang"] * 9)
    command = [sys.executable, "-c", WRITER, indexed, str(s3.options(proxy))]
    with subprocess.Popen(command) as writer:  # each waits for an answer to its upload
        while not any(r.fault for r in proxy.requests()):
            assert writer.poll() is None
            time.sleep(0.05)
        writer.kill()
    clock = tv.LazyVideo.from_uri(indexed, storage_options=s3.options()).timestamps
    assert np.allclose(clock, np.arange(N) / 30)


def sidecar(uri, s3):
    r"""Returns how many objects lie in each folder of the sidecar of a video."""
    folder = f"{uri}.lance/".removeprefix("s3://lab/")
    names = [name for name in s3.names("lab") if name.startswith(folder)]
    return Counter(name.removeprefix(folder).partition("/")[0] for name in names)


def rewrite(uri, s3, seconds):
    clock = seconds + np.arange(N) / 30
    options = {"storage_options": s3.options(), "overwrite": True, "progress": False}
    return tv.write_index(uri, timestamps=clock, **options)


def test_readers_at_work_have_the_version_before(indexed, s3, monkeypatch, tmp_path):
    first = tv.LazyVideo.from_uri(indexed, storage_options=s3.options())
    assert rewrite(indexed, s3, 1).version == 2
    second = tv.LazyVideo.from_uri(indexed, storage_options=s3.options())
    assert rewrite(indexed, s3, 2).version == 3
    found = sidecar(indexed, s3)
    assert found["_versions"] == found["data"] == 2
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    assert second.timestamps[0] == 1.0 and right(second.slice(3.0, 4.0))
    with pytest.raises(tv.StaleIndexError, match="open the video again"):
        _ = first.timestamps


def test_what_killed_writers_left_goes_with_the_next_write(indexed, s3):
    place = indexed.removeprefix("s3://") + ".lance"
    for name in ("data/0123.lance", "_transactions/0-0123.txn"):
        s3.put(f"{place}/{name}", b"half")
    s3.put(f"{place}/notes.txt", b"of somebody else")
    rewrite(indexed, s3, 1)
    found = {"_versions": 2, "data": 2, "_transactions": 1, "notes.txt": 1}
    assert sidecar(indexed, s3) == found


class Forgetful(FsspecStore):
    r"""Whose first attempt succeeds without an answer, so that a second one is made."""

    def create_object(self, key, data):
        return super().create_object(key, data) and super().create_object(key, data)


def test_what_an_unanswered_attempt_wrote_is_known_as_ones_own(uri, s3):
    store = Forgetful("s3", s3.options())
    for overwrite in (False, True):
        tv.write_index(uri, store=store, overwrite=overwrite, progress=False)
    assert right(tv.LazyVideo.from_uri(uri, storage_options=s3.options()).slice(2.0, 3.0))


# Both have sent all but the manifest before either sends that, one after the other.
RIVAL = """
import os, sys, time
import numpy as np
import temporaldata_video as tv
from temporaldata_video._bytes.remote import FsspecStore

uri, options, overwrite, number, meeting = sys.argv[1:]

class Rival(FsspecStore):
    def create_object(self, key, data):
        if key.endswith(".manifest"):
            open(f"{meeting}/ready{number}", "w").close()
            while not all(os.path.exists(f"{meeting}/ready{n}") for n in "01"):
                time.sleep(0.01)
            while number == "1" and not os.path.exists(f"{meeting}/done0"):
                time.sleep(0.01)
        created = super().create_object(key, data)
        if key.endswith(".manifest"):
            open(f"{meeting}/done{number}", "w").close()
        return created

clock = int(number) + np.arange(240) / 64
try:
    tv.write_index(uri, timestamps=clock, store=Rival("s3", eval(options)),
                   overwrite=overwrite == "True", progress=False)
except tv.VideoError as error:
    print(type(error).__name__, error)
else:
    print("written")
"""


@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_writers_one_wins_and_the_other_is_told(
    uri, s3, tmp_path, monkeypatch, overwrite
):
    if overwrite:
        tv.write_index(uri, storage_options=s3.options(), progress=False)
        before = tv.LazyVideo.from_uri(uri, storage_options=s3.options())
    arguments = [uri, str(s3.options()), str(overwrite)]
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, *arguments, str(number), str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    first, second = (rival.communicate(timeout=100)[0] for rival in rivals)
    assert first == "written\n"
    assert second.startswith("FrameIndexError another process wrote the index")
    assert "overwrite=True" in second
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    video = tv.LazyVideo.from_uri(uri, storage_options=s3.options())
    assert video.timestamps.tolist() == (np.arange(N) / 64).tolist()
    assert right(video.slice(1.0, 2.0))
    found = sidecar(uri, s3)  # nothing is left of the one that lost
    assert found["data"] == found["_versions"] == 1 + overwrite
    if overwrite:
        assert right(before.slice(2.0, 3.0))
