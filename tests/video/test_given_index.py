r"""What does not fit an index that the user gives is said when the video is made."""

from __future__ import annotations

import logging
import pickle
import shutil

import lance
import numpy as np
import pyarrow as pa
import pytest
from temporaldata import Data

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

N = 20


def clock(first):
    r"""A time for each frame, which nobody takes for its number."""
    return first + np.arange(N)


class GivenIndex:
    r"""A frame index that knows pts and times alone."""

    def __init__(self, counts, tables, times):
        self.counts, self.tables, self.times = counts, tables, times

    def segment_frame_counts(self):
        return np.array(self.counts)

    def pts_table(self, segment):
        return self.tables[segment]

    def timestamps(self):
        return self.times


@pytest.fixture
def path(tmp_path):
    return make_clip(tmp_path / "cam.mp4", N, size=(32, 32), rate=20)


@pytest.fixture
def pts(path):
    index = tv.write_index(path, progress=False)
    table = index.pts_table(0)
    shutil.rmtree(f"{path}.lance")
    return table


def test_more_times_than_frames(path, pts):
    index = GivenIndex([N], [pts], np.arange(N + 3) / 20)
    with pytest.raises(ValueError, match=f"has {N + 3} timestamps and {N} frames"):
        tv.LazyVideo(path, frame_index=index)


def test_fewer_times_than_frames_leave_the_others_out(path, pts):
    video = tv.LazyVideo(path, frame_index=GivenIndex([N], [pts], np.arange(15) / 20))
    assert read_numbers(video.frames).tolist() == list(range(15))


@pytest.mark.parametrize("length", [N - 1, N + 1])
def test_pts_for_more_or_fewer_frames(path, pts, length):
    table = np.resize(pts, length)
    video = tv.LazyVideo(path, frame_index=GivenIndex([N], [table], np.arange(N) / 20))
    with pytest.raises(tv.IndexFormatError, match=f"{N} frames in segment 0.*of {length}"):
        video.frames  # noqa: B018


def test_more_or_fewer_files_than_segments(path, pts):
    index = GivenIndex([N], [pts], np.arange(N) / 20)
    with pytest.raises(ValueError, match="1 segments, and the video has 2 files"):
        tv.LazyVideo(path, frame_index=index, segment_uris=[path])


def test_an_index_that_holds_packets_names_its_files_too(path):
    tv.write_index(path, progress=False)
    with pytest.raises(tv.IndexFormatError, match="1 segments, and the video has 2 files"):
        tv.LazyVideo(path, segment_uris=[path])


def test_segments_of_one_file_take_no_other_beside_it(path, pts):
    make_clip(path.with_name("cam_001.mp4"), 8, size=(32, 32), first_frame=100)
    index = GivenIndex([12, 8], [pts[:12], pts[12:]], np.arange(N) / 20)
    video = tv.LazyVideo(path, frame_index=index)
    assert read_numbers(video.frames).tolist() == list(range(N))


def test_segments_of_files_of_their_own(path, pts):
    other = make_clip(path.with_name("cam_001.mp4"), 8, size=(32, 32), first_frame=N)
    further = tv.write_index(other, progress=False).pts_table(0)
    index = GivenIndex([N, 8], [pts, further], np.arange(N + 8) / 20)
    video = tv.LazyVideo(path, frame_index=index)
    assert read_numbers(video.frames).tolist() == list(range(N + 8))


def test_a_segment_that_is_not_there(path):
    index = tv.write_index(path, progress=False)
    with pytest.raises(ValueError, match="segment 1 is out of range"):
        index.pts_table(1)


def test_a_clock_that_steps_back_is_logged(path, pts, caplog):
    times = np.arange(N) / 20
    times[[3, 4]] = times[[4, 3]]
    video = tv.LazyVideo(path, frame_index=GivenIndex([N], [pts], times))
    with caplog.at_level(logging.INFO, logger="temporaldata_video"):
        assert video.frame_indices[:6].tolist() == [0, 1, 2, 4, 3, 5]
    assert "steps back: frames are sorted by it" in caplog.text


def test_without_pyav_it_is_named_at_construction(run_python, path):
    code = """
import sys
import temporaldata_video as tv
sys.modules["av"] = None
try:
    tv.LazyVideo(sys.argv[1])
except ImportError as error:
    print(error)
"""
    done = run_python(code, path)
    assert "videos need PyAV, which is missing. Run: pip install av" in done


class OneFolder:
    r"""A store with no more than seed readers need, whose keys lie inside its bucket."""

    def __init__(self, folder):
        self.folder = folder

    def head(self, key):
        return tv.ObjectMeta((self.folder / key).stat().st_size)

    def open(self, key):
        return open(self.folder / key, "rb")

    def lance_connection(self):
        return f"file-object-store://{self.folder}", {}


@pytest.fixture
def bucket(tmp_path):
    (tmp_path / "day1").mkdir()
    clip = make_clip(tmp_path / "day1" / "cam.mp4", N, size=(32, 32), rate=20)
    tv.write_index(clip, timestamps=clock(5.25), progress=False)
    return OneFolder(tmp_path)


@pytest.mark.parametrize("with_positions", [True, False])
def test_a_store_with_keys_inside_its_bucket(bucket, with_positions):
    key = "day1/cam.mp4"
    if not with_positions:
        keep_four_columns(bucket.folder / f"{key}.lance")
    video = pickle.loads(pickle.dumps(tv.LazyVideo(key, store=bucket)))
    assert video.uri == key and video.timestamps.tolist() == clock(5.25).tolist()
    assert read_numbers(video.slice(8.0, 11.0).frames).tolist() == [3, 4, 5]
    index = tv.LanceFrameIndex.open(f"{key}.lance", bucket)
    assert tv.LazyVideo(key, store=bucket, frame_index=index).frame_count == N
    with pytest.raises(tv.FrameIndexError, match="has lost its store"):
        pickle.loads(pickle.dumps(index)).timestamps()


def test_no_file_points_into_a_bucket(bucket, tmp_path):
    video = tv.LazyVideo.from_uri("day1/cam.mp4", store=bucket)
    with pytest.raises(tv.SourceError, match="a key in the bucket of the store"):
        Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")


def keep_four_columns(path):
    r"""Writes a sidecar anew as other programs do: no more columns, and no header."""
    table = lance.dataset(str(path)).to_table(
        columns=["segment_idx", "local_frame_idx", "pts", "timestamp"]
    )
    shutil.rmtree(path)
    return lance.write_dataset(table.replace_schema_metadata(None), str(path))


@pytest.mark.parametrize("with_positions", [True, False])
def test_an_index_of_an_open_dataset(path, with_positions):
    tv.write_index(path, timestamps=clock(5.25), progress=False)
    uri = f"{path}.lance"
    dataset = lance.dataset(uri) if with_positions else keep_four_columns(uri)
    index = tv.LanceFrameIndex(dataset, uri)
    assert index.uri == tv.LanceFrameIndex(dataset).uri == uri
    video = tv.LazyVideo(path, frame_index=pickle.loads(pickle.dumps(index)))
    assert read_numbers(video.slice(8.0, 11.0).frames).tolist() == [3, 4, 5]


def test_an_open_dataset_of_an_older_version(path):
    tv.write_index(path, timestamps=clock(5.25), progress=False)
    dataset = lance.dataset(f"{path}.lance")
    tv.write_index(path, timestamps=clock(9.25), overwrite=True, progress=False)
    assert tv.LanceFrameIndex(dataset, f"{path}.lance").timestamps()[0] == 5.25
    assert tv.LazyVideo.from_uri(path).timestamps[0] == 9.25


def test_an_open_dataset_that_is_no_index(tmp_path):
    table = pa.table({"spikes": [1, 2]})
    dataset = lance.write_dataset(table, str(tmp_path / "spikes.lance"))
    with pytest.raises(tv.IndexFormatError, match="is no frame index"):
        tv.LanceFrameIndex(dataset)


def test_a_sidecar_that_another_program_writes_anew_opens_again(path):
    uri = f"{path}.lance"
    for first in (5.25, 9.25, 13.25):
        shutil.rmtree(uri, ignore_errors=True)
        tv.write_index(path, timestamps=clock(first), progress=False)
        keep_four_columns(uri)
        video = tv.LazyVideo.from_uri(path)
        assert video.timestamps[0] == first
        assert read_numbers(video.frames_at([3])).tolist() == [3]


def test_repr_tells_uri_frames_segments_and_window(path):
    tv.write_index(path, timestamps=clock(5.25), progress=False)
    shown = repr(tv.LazyVideo.from_uri(path).slice(8.0, 11.0, reset_origin=False))
    assert f"uri='{path}'" in shown and "frames=[3, 3, 32, 32]" in shown
    assert "segments=1" in shown and "window=8.250 s to 10.250 s" in shown
