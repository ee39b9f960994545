r"""Windows of many remote files: their requests go out together, and survive refusals."""

from __future__ import annotations

import numpy as np
import pytest

import temporaldata_video as tv
from tests.helpers import right

from .names import NUMBERS

MANY = 32


@pytest.fixture
def uris(s3, content) -> list[str]:
    r"""As many videos that nobody has read, with sidecars."""
    folder = f"lab/many-{next(NUMBERS)}"
    found = [s3.put(f"{folder}/cam{k}.mp4", content) for k in range(MANY)]
    tv.index_many(found, storage_options=s3.options(), progress=False)
    return found


def windows_of(videos):
    starts = np.random.default_rng(0).uniform(0.0, 7.0, len(videos))
    return [video.slice(start, start + 0.5) for video, start in zip(videos, starts)]


def distinct(requests):
    # The S3 library sends a request again whose connection the server has just closed.
    return {(r.method, r.path, r.range) for r in requests}


def test_the_bytes_of_a_batch_over_many_files_come_in_one_wave(uris, s3, proxy, configure):
    configure(cache_kind="none")
    videos = tv.training.open_many(uris, storage_options=s3.options(proxy))
    # Of each: the list of its sidecar, the manifest, and its rows.
    assert len(distinct(proxy.requests())) == 3 * MANY
    windows = windows_of(videos)
    # A request waits until all others of its wave are there: for bytes, and to look up
    # whether the file is still the indexed one.
    proxy.behave(together=2 * MANY)
    tv.read_many(windows)
    seen = proxy.requests()
    assert not any(r.fault for r in seen)
    methods = sorted(method for method, *_ in distinct(seen))
    assert methods == ["GET"] * MANY + ["HEAD"] * MANY
    needed = sum(window.cost().bytes for window in windows)
    fetched = {kind: r.sent for r in seen if (kind := distinct([r]).pop())[0] == "GET"}
    assert sum(fetched.values()) <= 1.15 * needed
    assert all(map(right, windows))


def test_known_sidecars_take_two_waves_from_opening_to_pixels(uris, s3, proxy, configure):
    configure(cache_kind="none")
    tv.read_many(windows_of(tv.training.open_many(uris, storage_options=s3.options())))
    proxy.behave(together=MANY)
    videos = tv.training.open_many(uris, storage_options=s3.options(proxy))
    # Whether each sidecar is still the one that was read.
    assert len(distinct(proxy.requests())) == MANY
    windows = windows_of(videos)
    tv.read_many(windows)
    seen = proxy.requests()
    assert len(distinct(seen)) == 2 * MANY and not any(r.fault for r in seen)
    assert all(map(right, windows))


def test_no_batch_fails_where_a_fifth_of_requests_is_refused(uris, s3, proxy, configure):
    configure(cache_kind="none")
    proxy.behave(fault_rate=0.2, faults=("429",), closed=0, seed=1)
    videos = tv.training.open_many(uris, storage_options=s3.options(proxy))
    windows = windows_of(videos)
    tv.read_many(windows)
    refused = [r for r in proxy.requests() if r.status == 429]
    assert len(refused) > MANY // 2
    assert all(map(right, windows))
