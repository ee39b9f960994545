r"""Remote stores against real servers: the bytes of one version, or an error in time."""

from __future__ import annotations

import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.remote import FsspecStore

CONTENT = bytes(range(256)) * 4000


class Place:
    r"""An object behind a proxy, and how to replace it."""

    def __init__(self, server, proxy, is_s3):
        self.proxy, self.is_s3, self._server = proxy, is_s3, server
        name = f"object-{time.monotonic_ns()}.bin"
        self.path = f"lab/{name}" if is_s3 else name
        self.write(CONTENT)
        options = server.options(proxy) if is_s3 else {}
        self.store = FsspecStore("s3" if is_s3 else "http", options)
        self.key = f"s3://{self.path}" if is_s3 else f"{proxy.url}/{name}"

    def write(self, data):
        self._server.put(self.path, data)


@pytest.fixture(params=["s3", "http"])
def place(request):
    is_s3 = request.param == "s3"
    names = ("s3", "proxy") if is_s3 else ("files", "files_proxy")
    return Place(*map(request.getfixturevalue, names), is_s3)


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (0, 1024000), (5000, 300), (1023999, 1)]
)
def test_exactly_the_bytes_asked_for_in_one_request(place, start, length):
    etag = place.store.head(place.key).etag
    assert etag
    place.proxy.forget()
    data = place.store.read_range(place.key, start, length, etag)
    assert data == CONTENT[start : start + length]
    (request,) = place.proxy.requests()
    assert request.sent == length


def test_it_is_a_store_that_can_be_pickled(place):
    again = pickle.loads(pickle.dumps(place.store))
    assert isinstance(again, tv.ObjectStore) and again == place.store
    assert again.head(place.key).size == len(CONTENT)


def test_an_object_that_was_replaced(place):
    before = place.store.head(place.key)
    place.write(CONTENT[::-1])
    assert place.store.head(place.key).etag != before.etag
    with pytest.raises(tv.SourceChangedError, match="changed"):
        place.store.read_range(place.key, 0, 10, before.etag)
    assert place.store.read_range(place.key, 0, 10) == CONTENT[::-1][:10]


@pytest.mark.parametrize("start", [len(CONTENT) - 1, len(CONTENT), 2 * len(CONTENT)])
def test_bytes_behind_the_end(place, start):
    with pytest.raises(tv.SourceChangedError, match="cut off"):
        place.store.read_range(place.key, start, 2)


@pytest.mark.parametrize("fault", ["drop", "truncate", "503", "500", "429"])
def test_a_request_that_fails_is_made_again(place, fault):
    etag = place.store.head(place.key).etag
    place.proxy.behave(script=[fault, fault])
    assert place.store.read_range(place.key, 7, 500, etag) == CONTENT[7:507]
    assert [r.fault for r in place.proxy.requests()] == [fault, fault, ""]


def test_the_attempts_have_an_end(place, monkeypatch):
    monkeypatch.setenv("TEMPORALDATA_VIDEO_RETRIES", "2")
    place.proxy.behave(fault_rate=1.0, faults=["503"])
    with pytest.raises(
        tv.SourceError, match=r"bytes 7 to 507 of '.*object-.*503"
    ) as caught:
        place.store.read_range(place.key, 7, 500)
    assert caught.value.__cause__ is not None
    assert len(place.proxy.requests()) == 3


@pytest.mark.parametrize(("status", "error"), [("403", "denied"), ("404", "no object")])
def test_what_stays_wrong_is_not_tried_again(place, status, error):
    place.proxy.behave(script=[status])
    with pytest.raises(tv.SourceError, match=error) as caught:
        place.store.read_range(place.key, 0, 1)
    assert len(place.proxy.requests()) == 1
    assert isinstance(caught.value, FileNotFoundError) == (status == "404")


def test_nothing_there(place):
    missing = place.key.replace("object-", "none-")
    for ask in (place.store.head, place.store.open):
        with pytest.raises(tv.SourceNotFoundError, match="none-"):
            ask(missing)


def test_a_random_tenth_of_the_requests_fails(place, monkeypatch):
    etag = place.store.head(place.key).etag
    place.proxy.behave(fault_rate=0.1)
    starts = range(0, len(CONTENT) - 100, len(CONTENT) // 60)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda s: place.store.read_range(place.key, s, 100, etag), starts)
        assert list(found) == [CONTENT[start : start + 100] for start in starts]
    assert any(r.fault for r in place.proxy.requests())


def test_an_open_object_is_a_file_of_one_version(place):
    with place.store.open(place.key) as file:
        file.seek(5000)
        assert file.read(300) == CONTENT[5000:5300]
        file.seek(-4, os.SEEK_END)
        assert file.read() == CONTENT[-4:]
    with place.store.open(place.key) as file:
        place.write(CONTENT[::-1])
        with pytest.raises(tv.SourceChangedError):
            file.read(10)


def test_a_server_that_knows_no_ranges(tmp_path):
    import http.server
    import threading

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=tmp_path)

        def log_message(self, *arguments):
            pass

    (tmp_path / "cam.mp4").write_bytes(CONTENT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        key = f"http://127.0.0.1:{server.server_port}/cam.mp4"
        with pytest.raises(tv.SourceError, match="whole files only"):
            FsspecStore("http").head(key)
        server.shutdown()


def test_a_folder_is_listed(s3):
    store = FsspecStore("s3", s3.options())
    for name in ("a.manifest", "data/b.lance"):
        s3.put(f"lab/listed.lance/{name}", b"1234")
    s3.put("lab/listed.lance2/c", b"1")
    found = store.list_objects("s3://lab/listed.lance")
    assert {name: meta.size for name, meta in found.items()} == {
        "a.manifest": 4,
        "data/b.lance": 4,
    }
    assert store.list_objects("s3://lab/none") == {}


def test_secrets_stay_secret(place):
    secret = {
        "secret": "hunter2",
        "client_kwargs": {"headers": {"Authorization": "hunter2"}},
    }
    store = FsspecStore(place.store.protocol, {**place.store.storage_options, **secret})
    assert "hunter2" not in repr(store)
    with pytest.raises(tv.VideoError) as caught:
        store.head(place.key.replace("object-", "none-") + "?signature=hunter2")
    shown = str(caught.value)
    assert place.is_s3 or "hunter2" not in shown


WITHOUT_LIBRARIES = """
import sys

for name in ("s3fs", "gcsfs", "adlfs", "aiohttp"):
    sys.modules[name] = None

import temporaldata_video as tv
from temporaldata_video._plugin.manager import resolve_store

for uri in sys.argv[1:]:
    try:
        resolve_store(uri, {"account_id": "0123"}).head(uri)
    except tv.BackendError as error:
        print(error)
"""


def test_a_missing_library_names_the_extra(run_python):
    extras = {"s3": "s3", "r2": "s3", "gs": "gcs", "az": "azure", "https": "http"}
    said = run_python(WITHOUT_LIBRARIES, *(f"{p}://lab/cam.mp4" for p in extras))
    lines = said.splitlines()
    assert len(lines) == len(extras)
    for line, (protocol, extra) in zip(lines, extras.items()):
        assert f"{protocol}://" in line
        assert line.endswith(f"pip install 'temporaldata-video[{extra}]'")


def test_a_server_that_falls_silent(s3, proxy):
    uri = s3.put("lab/silent.bin", CONTENT)
    options = {**s3.options(proxy), "config_kwargs": {"read_timeout": 1}}
    proxy.behave(script=["stall", "hang"])
    assert FsspecStore("s3", options).read_range(uri, 7, 500) == CONTENT[7:507]
    assert [r.fault for r in proxy.requests()] == ["stall", "hang", ""]
