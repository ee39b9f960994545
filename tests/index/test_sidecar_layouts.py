r"""Sidecars of other writers, and indexes of another kind, are read as ours are."""

from __future__ import annotations

import pickle
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from tests.helpers import numbers, right, write_four_columns

from .sidecars import CLOCK, N, index


@pytest.fixture(scope="session")
def concatenated(tmp_path_factory) -> Path:
    r"""One MP4 that two recordings were put into: a long pause is between their pts."""
    folder = tmp_path_factory.mktemp("concatenated")
    pts = 33 * np.arange(N) + np.where(np.arange(N) < 16, 0, 100_000)
    return make_clip(folder / "cam.mp4", N, size=(32, 48), gop=8, pts=pts)


def pts_of(path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        return np.array([frame.pts for frame in container.decode(video=0)])


def assert_reads_right(path, index_uri):
    video = tv.LazyVideo.from_uri(path, index_uri=index_uri)
    n = len(video)
    assert numbers(video) == list(range(n))
    for start in (10.1, 11.5, 11.9, 12.0, 13.3):
        assert right(video.slice(start, start + 0.6))
    assert read_numbers(video.frames_at([n - 1, 0, 20, 0])).tolist() == [n - 1, 0, 20, 0]
    assert numbers(pickle.loads(pickle.dumps(video)).slice(11.0, 11.5)) == [8, 9, 10, 11]
    return video


def test_four_columns_of_one_segment(own_clip):
    write_four_columns(f"{own_clip}.lance", [pts_of(own_clip)], CLOCK)
    video = assert_reads_right(own_clip, None)
    assert video.segment_frame_counts.tolist() == [N] and video.shape[1:] == (3, 32, 48)


@pytest.mark.parametrize("local", [False, True], ids=["pts of the file", "own pts"])
@pytest.mark.parametrize("cuts", [[16], [5, 16, 33], [20]])
def test_several_logical_segments_in_one_file(concatenated, tmp_path, cuts, local):
    tables = np.split(pts_of(concatenated), cuts)
    if local:
        tables = [table - table[0] for table in tables]
    write_four_columns(tmp_path / "four.lance", tables, CLOCK)
    video = assert_reads_right(concatenated, tmp_path / "four.lance")
    assert video.segment_frame_counts.tolist() == [len(table) for table in tables]
    assert video.segment_frame_offsets.tolist() == [0, *cuts]


def test_four_columns_with_a_clock_shorter_than_the_file(concatenated, tmp_path):
    first, second = np.split(pts_of(concatenated)[:33], [16])
    write_four_columns(tmp_path / "four.lance", [first, second], CLOCK[:33])
    assert len(assert_reads_right(concatenated, tmp_path / "four.lance")) == 33


def test_four_columns_with_a_segment_shorter_than_its_part(concatenated, tmp_path):
    pts = pts_of(concatenated)
    write_four_columns(tmp_path / "four.lance", [pts[:12], pts[16:30]], CLOCK[:26])
    video = tv.LazyVideo.from_uri(concatenated, index_uri=tmp_path / "four.lance")
    expected = [*range(12), *range(16, 30)]
    assert numbers(video) == expected


def test_four_columns_of_segments_in_files_of_their_own(tmp_path):
    names = ["cam.mp4", "cam_001.mp4"]
    paths = [
        make_clip(tmp_path / name, 20, size=(32, 48), first_frame=20 * k)
        for k, name in enumerate(names)
    ]
    write_four_columns(f"{paths[0]}.lance", [pts_of(path) for path in paths], CLOCK)
    assert_reads_right(paths[0], None)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".ts"])
def test_four_columns_of_other_containers(tmp_path, suffix):
    path = make_clip(tmp_path / f"cam{suffix}", N, size=(32, 48), gop=8, b_frames=0)
    pts = index(path, index_uri=tmp_path / "all.lance").pts_table(0)
    write_four_columns(f"{path}.lance", [pts], CLOCK)
    assert_reads_right(path, None)


def test_four_columns_read_what_all_columns_read(bare_clip, tmp_path):
    write_four_columns(tmp_path / "four.lance", [pts_of(bare_clip)], CLOCK)
    index(bare_clip, index_uri=tmp_path / "all.lance", timestamps=CLOCK)
    four, full = (
        tv.LazyVideo.from_uri(bare_clip, index_uri=tmp_path / f"{name}.lance")
        for name in ("four", "all")
    )
    assert np.array_equal(four.frames, full.frames)
    assert four.timestamps.tobytes() == full.timestamps.tobytes()


def test_four_columns_of_another_file(own_clip):
    write_four_columns(f"{own_clip}.lance", [pts_of(own_clip) + 7], CLOCK)
    video = tv.LazyVideo.from_uri(own_clip)
    with pytest.raises(tv.StaleIndexError, match=r"pts 7 in row 0.*--overwrite"):
        video.frames  # noqa: B018


@pytest.mark.parametrize(
    ("segment", "local"),
    [([0, 1, 0], [0, 0, 2]), ([0, 0, 0], [0, 1, 1]), ([-1, 0, 0], [0, 0, 1])],
)
def test_rows_that_do_not_count_are_refused(own_clip, segment, local):
    table = pa.table(
        {
            "segment_idx": segment,
            "local_frame_idx": local,
            "pts": [0, 1, 2],
            "timestamp": [0.0, 1.0, 2.0],
        }
    )
    lance.write_dataset(table, f"{own_clip}.lance")
    with pytest.raises(tv.IndexFormatError, match="each from 0 without a gap"):
        tv.LazyVideo.from_uri(own_clip)


def test_an_index_of_another_kind_with_a_short_clock(bare_clip):
    class Index:
        def segment_frame_counts(self):
            return np.array([N])

        def pts_table(self, segment):
            return pts_of(bare_clip)

        def timestamps(self):
            return CLOCK[:30]

    assert isinstance(Index(), tv.FrameIndex)
    video = tv.LazyVideo(bare_clip, frame_index=Index())
    assert len(video) == 30 and video.segment_frame_counts.tolist() == [N]
    assert numbers(video) == list(range(30))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint64])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_rows_of_any_order_and_kind_of_integer(tmp_path, dtype, seed):
    clips = [
        make_clip(tmp_path / name, n, size=(32, 32), first_frame=first)
        for name, n, first in (("cam.mp4", 12, 0), ("cam_001.mp4", 8, 12))
    ]
    tables = [tv.write_index(clip, progress=False).pts_table(0) for clip in clips]
    order = np.arange(20) if seed is None else np.random.default_rng(seed).permutation(20)
    columns = {
        "segment_idx": np.repeat([0, 1], [12, 8]).astype(dtype),
        "local_frame_idx": np.concatenate([np.arange(12), np.arange(8)]).astype(dtype),
        "pts": np.concatenate(tables).astype(np.int64),
        "timestamp": np.arange(20) / 10,
    }
    shuffled = {name: values[order] for name, values in columns.items()}
    lance.write_dataset(pa.table(shuffled), f"{clips[0]}.lance", mode="overwrite")
    video = pickle.loads(pickle.dumps(tv.LazyVideo.from_uri(clips[0])))
    assert video.segment_frame_counts.tolist() == [12, 8]
    assert video.timestamps.tolist() == columns["timestamp"].tolist()
    assert numbers(video) == list(range(20))
