r"""Sidecars on a store: kept, gone, damaged, forbidden, missing, half written."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

import temporaldata_video as tv
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


@pytest.mark.parametrize("part", ["_versions/", "data/"])
def test_a_damaged_sidecar_is_an_error_and_can_be_replaced(indexed, s3, part):
    options = s3.options()
    for name in s3.names("lab"):
        if f"s3://lab/{name}".startswith(f"{indexed}.lance/{part}"):
            s3.put(f"lab/{name}", b"nonsense")
    with pytest.raises(tv.IndexFormatError, match="--overwrite"):
        _ = tv.LazyVideo.from_uri(indexed, storage_options=options).timestamps
    tv.write_index(indexed, storage_options=options, overwrite=True, progress=False)
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
