r"""Google's and Azure's stores, where their libraries and emulators are installed."""

from __future__ import annotations

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._bytes.remote import FsspecStore
from temporaldata_video.testing import make_clip, read_numbers
from tests.servers import serve_proxy
from tests.servers.azure import find_azurite, serve_azure
from tests.servers.gcs import BUCKET, serve_gcs


@pytest.fixture(scope="session")
def google():
    with pytest.MonkeyPatch.context() as patch:
        # Otherwise gcsfs, when imported, asks each bucket for its kind by gRPC, of which
        # the emulator knows nothing, and waits a minute for the answer.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        pytest.importorskip("gcsfs")
        pytest.importorskip("gcp_storage_emulator")
        with serve_gcs() as url:
            options = {"endpoint_url": url, "token": "anon", "project": "lab"}
            yield FsspecStore("gs", options), f"gs://{BUCKET}/day1"


@pytest.fixture(scope="session")
def azure():
    adlfs = pytest.importorskip("adlfs")
    if not find_azurite():
        pytest.skip("Azurite is not installed: npm install -g azurite")
    with serve_azure() as connection_string:
        options = {"connection_string": connection_string}
        adlfs.AzureBlobFileSystem(**options).mkdir("lab")
        yield FsspecStore("az", options), "az://lab/day1"


@pytest.fixture(params=["google", "azure"])
def place(request):
    return request.getfixturevalue(request.param)


def test_ranges_of_one_version(place):
    store, folder = place
    key, content = f"{folder}/ranges.bin", bytes(range(256)) * 100
    assert store.create_object(key, content)
    meta = store.head(key)
    assert meta.size == len(content) and meta.etag
    assert store.read_range(key, 1000, 300, meta.etag) == content[1000:1300]
    with pytest.raises(tv.SourceChangedError, match="cut off"):
        store.read_range(key, len(content) - 5, 10)
    if store.protocol != "gs":  # the emulator takes no notice of ifGenerationMatch
        assert not store.create_object(key, content[::-1])
        assert store.head(key) == meta
    store.delete_object(key)
    assert store.create_object(key, content[::-1])
    assert store.head(key).etag != meta.etag
    with pytest.raises(tv.SourceNotFoundError):
        store.head(f"{folder}/none.bin")
    if store.protocol == "gs":
        pytest.skip("the emulator takes no notice of ifGenerationMatch")
    with pytest.raises(tv.SourceChangedError, match="changed"):
        store.read_range(key, 1000, 300, meta.etag)


def test_google_is_asked_to_replace_nothing(google):
    store, folder = google
    with serve_proxy(store.storage_options["endpoint_url"]) as proxy:
        options = {**store.storage_options, "endpoint_url": proxy.url}
        assert FsspecStore("gs", options).create_object(f"{folder}/new.bin", b"1")
        (request,) = proxy.requests("POST")
    assert "ifGenerationMatch=0" in request.path
    assert store.head(f"{folder}/new.bin").size == 1


def test_folders(place):
    store, folder = place
    names = ["a.manifest", "data/b.lance"]
    for name in names:
        store.create_object(f"{folder}/listed/{name}", b"1234")
    store.create_object(f"{folder}/listed2", b"1")
    found = store.list_objects(f"{folder}/listed")
    assert {name: meta.size for name, meta in found.items()} == dict.fromkeys(names, 4)
    # An etag of the listing is good for reading.
    assert store.read_range(f"{folder}/listed/a.manifest", 0, 4, found[names[0]].etag)
    for name in names * 2:
        store.delete_object(f"{folder}/listed/{name}")
    assert store.list_objects(f"{folder}/listed") == {}
    assert store.head(f"{folder}/listed2").size == 1


def test_a_video(place, tmp_path):
    store, folder = place
    clip = make_clip(tmp_path / "cam.mp4", 90, rate=30)
    uri = f"{folder}/cam.mp4"
    store.create_object(uri, clip.read_bytes())
    for overwrite in (False, True):
        tv.write_index(uri, store=store, overwrite=overwrite, progress=False)
        window = tv.LazyVideo.from_uri(uri, store=store).slice(1.0, 2.0)
        assert read_numbers(window.frames).tolist() == list(range(30, 60))
    with pytest.raises(tv.FrameIndexError, match="already, and it has other timestamps"):
        tv.write_index(uri, timestamps=np.arange(90) / 10, store=store, progress=False)
