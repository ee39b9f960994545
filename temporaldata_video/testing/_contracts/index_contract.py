r"""The suite for authors of frame indexes."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ..._index.packets import segments_of
from ...errors import VideoError
from ...hosts.temporaldata import LazyVideo
from ...types import FrameIndex
from .._clips import make_clip
from .._numbers import read_numbers


class FrameIndexContract:
    r"""What a :obj:`~temporaldata_video.types.FrameIndex` promises.

    A subclass has one fixture: ``make_index`` returns a function that takes the path of a
    video and the times of its frames, float64 seconds, and returns the index.
    """

    @pytest.fixture
    def clip(self, tmp_path: Path) -> Path:
        r"""A video of 50 frames, with frames shown in another order than decoded."""
        return make_clip(tmp_path / "cam.mp4", 50, size=(32, 32), gop=10, open_gop=True)

    @pytest.fixture
    def times(self) -> np.ndarray:
        r"""When the frames were taken, a little irregularly."""
        return np.arange(50) / 30 + np.random.default_rng(0).uniform(0, 0.01, 50)

    @pytest.fixture
    def index(self, make_index: Callable, clip: Path, times: np.ndarray) -> FrameIndex:
        r"""The index of the clip."""
        return make_index(clip, times)

    def test_it_has_the_methods_of_an_index(self, index: FrameIndex) -> None:
        assert isinstance(index, FrameIndex)

    def test_it_counts_frames(self, index: FrameIndex) -> None:
        counts = index.segment_frame_counts()
        assert counts.dtype == np.int64 and counts.tolist() == [50]

    def test_pts_are_in_presentation_order(self, index: FrameIndex) -> None:
        pts = index.pts_table(0)
        assert pts.dtype == np.int64 and pts.shape == (50,)
        assert len(set(np.diff(pts).tolist())) == 1 and pts[1] > pts[0]

    def test_timestamps_are_those_given(self, index: FrameIndex, times: np.ndarray) -> None:
        found = index.timestamps()
        assert found.dtype == np.float64 and np.array_equal(found, times)

    def test_there_is_no_further_segment(self, index: FrameIndex) -> None:
        for number in (1, 7):
            with pytest.raises((IndexError, ValueError, VideoError)):
                index.pts_table(number)

    def test_nobody_can_change_it(self, index: FrameIndex) -> None:
        for read in (index.timestamps, lambda: index.pts_table(0)):
            before = read().copy()
            again = read()
            if again.flags.writeable:
                again[:] = 0
            assert np.array_equal(read(), before)

    def test_it_can_be_pickled(self, index: FrameIndex) -> None:
        again = pickle.loads(pickle.dumps(index))
        assert np.array_equal(again.timestamps(), index.timestamps())
        assert np.array_equal(again.pts_table(0), index.pts_table(0))

    def test_packets_lie_within_the_file(self, index: FrameIndex, clip: Path) -> None:
        segments = segments_of(index)
        if not segments:
            pytest.skip("the index has no byte positions")
        whole = segments[0].rows(0, 50)
        assert len(segments[0]) == len(whole) == 50
        assert whole.pos.min() >= 0 and whole.size.min() > 0
        assert (whole.pos + whole.size).max() <= clip.stat().st_size
        assert np.array_equal(whole.pts, index.pts_table(0))
        assert len(np.unique(whole.dts)) == 50 and whole.keyframe.any()
        for start, stop in ((0, 0), (0, 1), (13, 31), (49, 50)):
            part = segments[0].rows(start, stop)
            assert np.array_equal(part.pos, whole.pos[start:stop])

    def test_frames_are_read_by_it(
        self, index: FrameIndex, clip: Path, times: np.ndarray
    ) -> None:
        video = LazyVideo(clip, frame_index=index)
        assert read_numbers(video.frames).tolist() == list(range(50))
        for number in (49, 0, 23, 10):
            assert read_numbers(video.frames_at([number])).tolist() == [number]
        window = video.slice(times[7], times[19], reset_origin=False)
        assert window.frame_indices.tolist() == list(range(7, 19))
        assert read_numbers(window.frames).tolist() == list(range(7, 19))
