r"""What is asked of a store for frames: which bytes, and of which version of the file."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._decode import read_file
from temporaldata_video._decode.plan import byte_ranges
from temporaldata_video._decode.read_file import (
    VideoFile,
    fetch_ahead,
    forget,
    plan_frames,
    prefetch_frames,
    read_cost,
    read_frames,
)
from temporaldata_video._pixels.convert import OutputFormat
from temporaldata_video.testing import make_clip, read_numbers

N = 60


class Store(LocalStore):
    r"""Notes what is asked of it, and finds the file changed the first few times."""

    def __init__(self, changes: int = 0) -> None:
        super().__init__()
        self.asked: list[tuple[int, int, str | None]] = []
        self.heads, self.changes = 0, changes

    def head(self, uri):
        self.heads += 1
        return super().head(uri)

    def read_range(self, uri, start, length, etag=None):
        self.asked.append((start, length, etag))
        if self.changes:
            self.changes -= 1
            raise tv.SourceChangedError(f"{uri} has changed")
        return super().read_range(uri, start, length, etag)


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "cam.mp4", N, size=(32, 48), gop=6)


def opened(clip, store: Store, **options) -> VideoFile:
    file = VideoFile(
        str(clip), build_segment(LocalStore(), str(clip), lasting=True), store, **options
    )
    forget(file)
    store.asked.clear()
    return file


def numbers(file: VideoFile, wanted: list[int], threads: int = 1) -> list[int]:
    frames = np.array(wanted)
    pixels = np.zeros((len(wanted), 3, 32, 48), np.uint8)
    slot = dict(zip(wanted, pixels))
    missing = read_frames(file, frames, OutputFormat(), slot.__getitem__, threads)
    assert missing == {}
    return read_numbers(pixels).tolist()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("wanted", [[0], [3, 4], [10, 40], [*range(N)]])
def test_the_bytes_of_one_version_are_asked_for(clip, wanted, threads):
    store = Store()
    file = opened(clip, store)
    assert numbers(file, wanted, threads) == wanted
    etag = LocalStore().head(str(clip)).etag
    assert etag and {tag for _, _, tag in store.asked} == {etag}


def test_the_cost_is_what_is_read(clip):
    for wanted in ([0], [3, 4], [7, 40], [59]):
        store = Store()
        file = opened(clip, store)
        cost = read_cost(file, np.array(wanted))
        assert store.asked == []
        # Side by side, so that no packets are added for the next request.
        numbers(file, wanted, threads=2)
        assert cost.frames == len(wanted)
        assert cost.ranges == len(store.asked)
        assert cost.bytes == sum(length for _, length, _ in store.asked)
        runs = plan_frames(file, np.array(wanted))
        assert cost.decoded == sum(len(run.frames) for run in runs)


def test_a_file_that_was_touched_is_looked_at_again(clip):
    store = Store(changes=1)
    file = opened(clip, store)
    assert numbers(file, [20]) == [20]
    assert store.heads == 2


def test_a_file_that_keeps_changing_is_an_error(clip):
    store = Store(changes=100)
    file = opened(clip, store)
    with pytest.raises(
        tv.SourceChangedError, match="keeps changing while it is being read"
    ):
        numbers(file, [20])


@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_what_is_prefetched_is_all_that_is_read(clip, tmp_path, monkeypatch, most):
    # As in a large file, where neighbours lie far apart.
    monkeypatch.setattr(read_file, "byte_ranges", partial(byte_ranges, merge_gap=0))
    monkeypatch.setattr(read_file, "MAX_REQUESTS", most)
    store = Store()
    cache = tv.BlockCache(str(tmp_path / "cache"), block_bytes=4096)
    file = opened(clip, store, cache=cache)
    advanced = []
    wanted = [2, 30, 55]
    prefetch_frames(file, np.array(wanted), advanced.append)
    assert len(advanced) == -(-3 // most)
    assert sum(advanced) == read_cost(file, np.array(wanted)).bytes
    asked = len(store.asked)
    assert asked and numbers(file, wanted, threads=2) == wanted
    assert len(store.asked) == asked


def test_two_files_are_fetched_before_they_are_decoded(clip, tmp_path):
    other = make_clip(tmp_path / "other.mp4", N, size=(32, 48), gop=6)
    stores, files = [Store(), Store()], []
    for store, path in zip(stores, (clip, other)):
        cache = tv.BlockCache(str(tmp_path / "cache"), block_bytes=4096)
        files.append(opened(path, store, cache=cache))
    wanted = np.array([5, 33])
    ahead = fetch_ahead([(file, plan_frames(file, wanted, 2)) for file in files])
    asked = [list(store.asked) for store in stores]
    assert all(asked)
    for file in ahead:
        assert numbers(file, [5, 33], threads=2) == [5, 33]
    assert [store.asked for store in stores] == asked


@pytest.mark.parametrize("threads", [1, 2])
def test_where_a_key_frame_is_none_decoding_starts_at_the_one_before(clip, threads):
    index = build_segment(LocalStore(), str(clip))
    first, second = np.flatnonzero(index.frames.keyframe)[[1, 2]].tolist()
    keys = index.frames.keyframe.copy()
    keys[second] = True
    false = int(
        np.flatnonzero(index.frames.dts == np.sort(index.frames.dts)[second + 1])[0]
    )
    keys[false] = True
    wrong = replace(index, frames=replace(index.frames, keyframe=keys))
    file = VideoFile(str(clip), wrong, LocalStore())
    assert first < second <= false
    assert numbers(file, [false], threads) == [false]
