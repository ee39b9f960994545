r"""Videos on S3 in worker processes, whose parent has read from S3 itself before."""

from __future__ import annotations

import multiprocessing

import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

# Programs of their own, since what spawn starts imports the main module again.
COMMON = """
import sys

import numpy as np

import temporaldata_video as tv
from temporaldata_video.testing import read_numbers

WINDOWS = [(a, a + 0.3) for a in np.arange(0.0, 7.5, 0.6)]


def right(window):
    numbers = read_numbers(window.frames).tolist()
    return bool(numbers) and numbers == window.frame_indices.tolist()
"""

POOL = (
    COMMON
    + """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

INHERITED = []


def by_argument(video, a, b):
    return right(video.slice(a, b))


def by_inheritance(_, a, b):
    return right(INHERITED[0].slice(a, b))


def by_uri(uri, a, b):
    return right(tv.LazyVideo.from_uri(uri).slice(a, b))


if __name__ == "__main__":
    method, uri, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    video = tv.LazyVideo.from_uri(uri)
    INHERITED.append(video)
    assert all(right(video.slice(a, b)) for a, b in WINDOWS[::4])
    ways = [(by_argument, video), (by_uri, uri)]
    ways += [(by_inheritance, None)] * (method == "fork")
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(workers, context) as pool:
        results = [pool.submit(f, what, a, b) for a, b in WINDOWS for f, what in ways]
        assert all(result.result() for result in results)
    assert all(right(video.slice(a, b)) for a, b in WINDOWS[1::4])
    print("right:", len(results))
"""
)

LOADER = (
    COMMON
    + """
from torch.utils.data import DataLoader, Dataset


class Windows(Dataset):
    def __init__(self, video):
        self.video = video

    def __len__(self):
        return len(WINDOWS)

    def __getitem__(self, k):
        window = self.video.slice(*WINDOWS[k])
        return right(window), k


if __name__ == "__main__":
    method, uri, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    video = tv.LazyVideo.from_uri(uri)
    assert all(right(video.slice(a, b)) for a, b in WINDOWS[::4])
    context = {"multiprocessing_context": method, "persistent_workers": True}
    loader = DataLoader(
        Windows(video),
        batch_size=4,
        shuffle=True,
        num_workers=workers,
        **(context if workers else {}),
    )
    for epoch in range(2):
        seen = [k for good, numbers in loader for k in numbers[good].tolist()]
        assert sorted(seen) == list(range(len(WINDOWS))), epoch
    print("right:", len(seen))
"""
)

METHODS = multiprocessing.get_all_start_methods()


@pytest.fixture(scope="session")
def uri(s3, tmp_path_factory) -> str:
    path = make_clip(tmp_path_factory.mktemp("workers") / "cam.mp4", 240, size=(32, 48))
    stored = s3.put("lab/workers/cam.mp4", path.read_bytes())
    tv.write_index(stored, storage_options=s3.options(), progress=False)
    return stored


@pytest.fixture
def run(s3, tmp_path, run_script, monkeypatch):
    r"""Runs a program that knows the way to S3 from its environment."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TEMPORALDATA_VIDEO_CACHE_DIRECTORY", str(tmp_path / "cache"))
    return lambda *arguments: run_script(*arguments)[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_of_processes(run, uri, method):
    assert run(POOL, method, uri, 2).startswith("right: ")


@pytest.mark.parametrize("workers", [0, 2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_a_data_loader_with_persistent_workers(run, uri, method, workers):
    pytest.importorskip("torch")
    if not workers and method != METHODS[0]:
        pytest.skip("without workers there is nothing to start")
    assert run(LOADER, method, uri, workers) == "right: 13\n"
