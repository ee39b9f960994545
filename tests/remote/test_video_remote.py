r"""Videos on object stores: right frames, few requests, clear errors."""

from __future__ import annotations

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import fsspec
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.remote import FsspecStore
from temporaldata_video.testing import read_numbers
from tests.helpers import right

from .names import NUMBERS, N


def forget_connections_and_copies(monkeypatch, tmp_path):
    r"""As in a process on another machine: nothing is at hand."""
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))


# Opening and reading --------------------------------------------------------------------


def test_a_first_window_costs_three_requests_for_the_sidecar_and_two_for_the_media(
    indexed, s3, proxy, monkeypatch, tmp_path
):
    forget_connections_and_copies(monkeypatch, tmp_path)
    proxy.forget()
    video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options(proxy))
    assert len(proxy.requests("GET")) == 2 and not proxy.requests("cam.mp4?")
    window = video.slice(2.0, 3.0)
    assert len(window) == 30 and len(proxy.requests()) == 3
    assert right(window)
    sidecar = [r for r in proxy.requests() if "cam.mp4.lance" in r.path]
    media = [r for r in proxy.requests() if "cam.mp4.lance" not in r.path]
    assert len(sidecar) == 3 and [r.method for r in media] == ["HEAD", "GET"]


def test_another_process_opens_the_copy_with_one_request(
    indexed, s3, proxy, run_python, monkeypatch, tmp_path
):
    forget_connections_and_copies(monkeypatch, tmp_path)
    options = s3.options(proxy)
    assert len(tv.LazyVideo.from_uri(indexed, storage_options=options).timestamps) == N
    proxy.forget()
    program = """
import sys
import temporaldata_video as tv
options = eval(sys.argv[2])
print(len(tv.LazyVideo.from_uri(sys.argv[1], storage_options=options).timestamps))
"""
    assert run_python(program, indexed, options) == f"{N}\n"
    assert [r.method for r in proxy.requests()] == ["GET"]
    assert "list-type" in proxy.requests()[0].path


@pytest.mark.parametrize("kind", ["none", "a directory that is none"])
def test_without_a_cache_the_process_has_copies_of_its_own(
    indexed, s3, monkeypatch, tmp_path, kind
):
    (tmp_path / "file").write_bytes(b"")
    name = "KIND" if kind == "none" else "DIRECTORY"
    value = "none" if kind == "none" else str(tmp_path / "file")
    monkeypatch.setenv(f"TEMPORALDATA_VIDEO_CACHE_{name}", value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tv.CacheWarning)
        video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options())
        assert right(video.slice(2.0, 3.0))


def test_a_wrong_setting_is_not_put_down_to_the_index(indexed, s3, monkeypatch):
    video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options())
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", "everything")
    for use in (
        lambda: video.slice(2.0, 3.0).frames,
        lambda: tv.LazyVideo.from_uri(indexed, storage_options=s3.options()),
    ):
        with pytest.raises(ValueError, match="TEMPORALDATA_VIDEO_CACHE_KIND"):
            use()


def test_credentials_and_endpoint_from_the_environment(uri, s3, monkeypatch):
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    tv.write_index(uri, progress=False)
    assert right(tv.LazyVideo.from_uri(uri).slice(2.0, 3.0))


@pytest.mark.parametrize("by", ["options", "environment"])
def test_r2_is_s3_at_another_place(uri, s3, monkeypatch, by):
    r2 = uri.replace("s3://", "r2://")
    options = {"endpoint_url": s3.url, "key": "testing", "secret": "not-so-secret"}
    if by == "environment":
        monkeypatch.setenv("R2_ACCESS_KEY_ID", options.pop("key"))
        monkeypatch.setenv("R2_SECRET_ACCESS_KEY", options.pop("secret"))
    tv.write_index(r2, storage_options=options, progress=False)
    assert right(tv.LazyVideo.from_uri(r2, storage_options=options).slice(2.0, 3.0))


def test_options_by_the_names_of_lance(uri, s3):
    options = {
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "not-so-secret",
        "aws_endpoint": s3.url,
        "region": "eu-west-1",
    }
    tv.write_index(uri, storage_options=options, progress=False)
    assert right(tv.LazyVideo.from_uri(uri, storage_options=options).slice(2.0, 3.0))


def test_a_file_system_that_lance_does_not_know(content):
    system = fsspec.filesystem("memory")
    uri = f"memory://video-{next(NUMBERS)}/cam.mp4"
    system.pipe(uri, content)
    tv.write_index(uri, progress=False)
    assert right(tv.LazyVideo.from_uri(uri).slice(2.0, 3.0))
    clock = np.arange(N) / 10
    with pytest.raises(tv.FrameIndexError, match="already, and it has other timestamps"):
        tv.write_index(uri, timestamps=clock, progress=False)
    tv.write_index(uri, timestamps=clock, overwrite=True, progress=False)
    assert tv.LazyVideo.from_uri(uri).timestamps.tolist() == clock.tolist()


def test_a_video_in_several_files(uri, s3, content, other_content):
    options = s3.options()
    path = uri.removeprefix("s3://").replace(".mp4", "_001.mp4")
    second = s3.put(path, other_content)
    tv.write_index(uri, segment_uris=[second], storage_options=options, progress=False)
    video = tv.LazyVideo.from_uri(uri, storage_options=options)
    assert video.segment_frame_counts.tolist() == [N, N]
    expected = [N - 1, 1000]
    assert read_numbers(video.frames_at([N - 1, N])).tolist() == expected


class Least:
    r"""A store of somebody's own, with the least that one needs: keys begin with
    ``lab://``, and bytes come from S3."""

    def __init__(self, options):
        self._options = options

    def head(self, key):
        return self._s3.head(self._key(key))

    def open(self, key):
        return self._s3.open(self._key(key))

    @property
    def _s3(self):
        return FsspecStore("s3", self._options)

    def _key(self, key):
        return key.replace("lab://", "s3://lab/")


class OfBefore(Least):
    r"""The same as stores once were: Lance is told how it gets into the bucket."""

    def lance_connection(self):
        return "s3://lab", {
            "aws_access_key_id": self._options["key"],
            "aws_secret_access_key": self._options["secret"],
            "aws_endpoint": self._options["endpoint_url"],
            "aws_region": "eu-west-1",
            "allow_http": "true",
        }


class Whole(Least):
    r"""The same, which also holds indexes."""

    def list_objects(self, folder):
        return self._s3.list_objects(self._key(folder))

    def create_object(self, key, data):
        return self._s3.create_object(self._key(key), data)

    def delete_object(self, key):
        self._s3.delete_object(self._key(key))


def test_a_store_that_holds_no_indexes(uri, s3, tmp_path):
    store, own = Least(s3.options()), uri.replace("s3://lab/", "lab://")
    with pytest.raises(tv.BackendError, match=r"lacks list_objects.*index_uri"):
        tv.write_index(own, store=store, progress=False)
    with pytest.warns(tv.IndexWarning, match="no frame index"):
        assert right(tv.LazyVideo.from_uri(own, store=store).slice(2.0, 3.0))
    place = tmp_path / "cam.mp4.lance"
    tv.write_index(own, store=store, index_uri=place, progress=False)
    assert right(tv.LazyVideo.from_uri(own, store=store, index_uri=place).slice(2.0, 3.0))


def test_a_store_of_before_reads_its_sidecars_through_lance(indexed, s3):
    store, own = OfBefore(s3.options()), indexed.replace("s3://lab/", "lab://")
    index = tv.LanceFrameIndex.open(f"{own}.lance", store)
    assert index.segments[0].uri == own and len(index.timestamps()) == N
    with warnings.catch_warnings():
        warnings.simplefilter("error", tv.IndexWarning)  # it is not indexed in memory
        video = tv.LazyVideo.from_uri(own, store=store)
    assert right(pickle.loads(pickle.dumps(video)).slice(2.0, 3.0))
    with pytest.raises(tv.IndexNotFoundError):
        tv.LanceFrameIndex.open("lab://none.mp4.lance", store)


def test_a_store_of_ones_own(uri, s3):
    store, own = Whole(s3.options()), uri.replace("s3://lab/", "lab://")
    (report,) = tv.index_many([own], store=store, progress=False)
    assert report.status == "done", report.reason
    video = tv.LazyVideo.from_uri(own, store=store)
    assert right(video.slice(2.0, 3.0))
    clock = np.arange(N) / 10
    tv.write_index(own, timestamps=clock, store=store, overwrite=True, progress=False)
    assert tv.LazyVideo.from_uri(own, store=store).timestamps.tolist() == clock.tolist()


def test_many_videos(s3, content):
    folder = f"lab/many-{next(NUMBERS)}"
    uris = [s3.put(f"{folder}/{name}.mp4", content) for name in "ab"]
    for status in ("done", "skipped"):
        reports = tv.index_many(uris, storage_options=s3.options(), progress=False)
        assert [report.status for report in reports] == [status] * 2


# Change and failure ---------------------------------------------------------------------


@pytest.mark.parametrize("cached", [False, True])
def test_an_object_replaced_while_it_is_read(
    s3, proxy, content, other_content, tmp_path, monkeypatch, cached
):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path / "cache"))
    if not cached:
        monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", "none")
    (tmp_path / "other.mp4").write_bytes(other_content)
    wanted = [3, 60, 110, 160, 239]  # five ranges
    errors = 0
    for number in range(20):
        path = f"lab/replaced-{next(NUMBERS)}/cam.mp4"
        uri = s3.put(path, content)
        tv.write_index(uri, storage_options=s3.options(), progress=False)
        video = tv.LazyVideo.from_uri(uri, storage_options=s3.options(proxy))
        proxy.behave(
            matching=r"cam\.mp4$",
            replace_after=number % 7,
            replace_path=f"/{path}",
            replace_file=str(tmp_path / "other.mp4"),
        )
        try:
            assert read_numbers(video.frames_at(wanted)).tolist() == wanted
        except (tv.SourceChangedError, tv.StaleIndexError) as error:
            assert uri in str(error)
            errors += 1
    assert 0 < errors < 20


def test_windows_at_random_while_requests_fail(indexed, s3, proxy, monkeypatch, tmp_path):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_KIND", "none")
    video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options(proxy))
    faults = ["drop", "truncate", "503", "500", "429"]
    proxy.behave(fault_rate=0.05, faults=faults, seed=7)
    starts = np.random.default_rng(7).uniform(0.0, 7.9, 1000)
    with ThreadPoolExecutor(4) as pool:
        windows = pool.map(lambda s: right(video.slice(s, s + 0.1)), starts)
        assert sum(windows) == 1000
    assert {r.fault for r in proxy.requests()} == {"", *faults}


def test_a_failure_that_stays(indexed, s3, proxy, monkeypatch, tmp_path):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("TEMPORALDATA_VIDEO_RETRIES", "1")
    video = tv.LazyVideo.from_uri(indexed, storage_options=s3.options(proxy)).slice(
        2.0, 3.0
    )
    proxy.behave(matching=r"GET /.*cam\.mp4$", fault_rate=1.0, faults=["503"])
    with pytest.raises(tv.SourceError, match=rf"bytes \d+ to \d+ of '{indexed}'.*HTTP 503"):
        _ = video.frames
    assert len(proxy.requests("GET")) == 2
