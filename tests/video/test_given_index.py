r"""What does not fit an index that the user gives is said when the video is made."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

N = 20


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
