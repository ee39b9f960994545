r"""Rows of an index without byte positions are found in the file, or it is another file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._index.match import match_frames

file_tables = st.lists(st.integers(1, 5), min_size=1, max_size=30).map(np.cumsum)


def matched(tables, file_pts):
    tables = [np.asarray(table, np.int64) for table in tables]
    return [rows.tolist() for rows in match_frames(tables, np.asarray(file_pts), "cam.mp4")]


@given(file_tables, st.data())
def test_any_part_of_the_file_is_found(pts, data):
    chosen = sorted(data.draw(st.sets(st.integers(0, len(pts) - 1), min_size=1)))
    assert matched([pts[chosen]], pts) == [chosen]


@given(file_tables, st.data())
def test_logical_segments_are_found_by_the_pts_of_the_file(pts, data):
    cut = data.draw(st.integers(0, len(pts)))
    expected = [list(range(cut)), list(range(cut, len(pts)))]
    assert matched(np.split(pts, [cut]), pts) == expected


@given(file_tables, st.data())
def test_logical_segments_are_found_by_pts_of_their_own(pts, data):
    assume(len(pts) > 2)
    cut = data.draw(st.integers(2, len(pts) - 1))
    tables = [table - table[0] for table in np.split(pts, [cut])]
    assert matched(tables, pts) == [list(range(cut)), list(range(cut, len(pts)))]


def test_frames_of_the_same_time_are_told_apart():
    assert matched([[0, 0, 0, 5, 5]], [0, 0, 0, 5, 5, 9]) == [[0, 1, 2, 3, 4]]
    assert matched([[0, 0], [0, 5]], [0, 0, 0, 5]) == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    "tables",
    [
        [[0, 1, 3]],
        [[0, 1, 2, 4]],
        [[-1, 0]],
        [[2, 2]],
        [[0, 1, 2], [0, 1]],
        [[0, 1], [0, 4]],
        [[0, 1, 2, 3, 4, 5]],
    ],
)
def test_frames_that_the_file_lacks(tables):
    with pytest.raises(
        tv.StaleIndexError, match=r"'cam.mp4'.*4 frames.*--overwrite cam.mp4"
    ):
        matched(tables, [0, 1, 2, 4] if tables == [[0, 1, 3]] else [0, 1, 2, 5])
