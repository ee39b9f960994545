r"""Videos on plain HTTP servers, which keep no sidecar: few bytes, few requests."""

from __future__ import annotations

import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.helpers import right

from .names import NUMBERS, N


@pytest.fixture(scope="session")
def long_content(tmp_path_factory) -> bytes:
    r"""3,000 tiny frames, so that the header outweighs the reading ahead."""
    path = tmp_path_factory.mktemp("long") / "cam.mp4"
    return make_clip(path, 3000, rate=30, gop=50, size=(32, 32)).read_bytes()


def moov_bytes(data: bytes) -> int:
    at = data.index(b"moov") - 4
    return int.from_bytes(data[at : at + 4], "big")


def test_without_a_sidecar_only_the_header_is_read(files, files_proxy, long_content):
    files.put("long.mp4", long_content)
    with pytest.warns(tv.IndexWarning, match="--index-uri PATH"):
        video = tv.LazyVideo.from_uri(f"{files_proxy.url}/long.mp4")
    requests = files_proxy.requests()
    assert sum(r.sent for r in requests) <= 1.2 * moov_bytes(long_content)
    assert len(requests) <= 4 and len(video) == 3000
    assert right(video.slice(20.0, 20.5))


def test_an_index_on_the_local_disk(files, files_proxy, content, tmp_path):
    name = f"video-{next(NUMBERS)}.mp4"
    files.put(name, content)
    uri, place = f"{files_proxy.url}/{name}", tmp_path / "cam.mp4.lance"
    with pytest.raises(tv.BackendError, match="index_uri"):
        tv.write_index(uri, progress=False)
    tv.write_index(uri, index_uri=place, progress=False)
    files_proxy.forget()
    video = tv.LazyVideo.from_uri(uri, index_uri=place)
    assert len(video.timestamps) == N and not files_proxy.requests()
    assert right(video.slice(2.0, 3.0))
    assert len(files_proxy.requests()) == 2
