r"""What is a pause of a camera, and which stretches of its clock lie between pauses."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporaldata_video._clock.pauses import (
    check_max_gap,
    decode_pace,
    encode_pace,
    pace_of,
    stretches,
)
from temporaldata_video.types import Pace


@pytest.mark.parametrize(
    ("times", "interval", "max_gap"),
    [
        (np.arange(100) / 32, 1 / 32, 1.0),
        (np.arange(100) * 2.0, 2.0, 20.0),
        (np.r_[np.arange(50), 100 + np.arange(50)] / 4, 1 / 4, 2.5),
        (np.array([3.0, 1.0, np.nan, 2.0]), 1.0, 10.0),  # unsorted, and one lacks a time
        (np.array([0.0, 0.0, 0.0, 1.0, 2.0]), 1.0, 10.0),  # repeats are no steps
        (np.array([5.0]), 0.0, 1.0),
        (np.empty(0), 0.0, 1.0),
    ],
)
def test_the_usual_step_and_the_longest_that_is_no_pause(times, interval, max_gap):
    assert pace_of(times) == Pace(interval, max_gap)
    assert pace_of(times, 7) == Pace(interval, 7.0)


@given(
    steps=st.lists(st.integers(0, 200), max_size=30),
    max_gap=st.integers(1, 100) | st.just(np.inf),
)
def test_stretches_are_the_times_without_pauses(steps, max_gap):
    times = np.cumsum([0, *steps]) / 64
    groups = [[times[0]]]
    for before, after in pairwise(times):
        if after - before > max_gap / 64:
            groups.append([])
        groups[-1].append(after)
    starts, ends = stretches(times, max_gap / 64)
    assert starts.tolist() == [group[0] for group in groups]
    assert ends.tolist() == [group[-1] for group in groups]


def test_no_times_are_no_stretch():
    assert [ends.shape for ends in stretches(np.empty(0), 1.0)] == [(0,), (0,)]


@pytest.mark.parametrize("wrong", [0, -1.0, np.nan, "5", True, [1.0]])
def test_gaps_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match="max_gap must be a positive number"):
        check_max_gap(wrong)


@pytest.mark.parametrize("pace", [Pace(0.1, 1.0), Pace(0.0, math.inf)])
def test_a_pace_goes_through_json(pace):
    assert decode_pace(encode_pace(pace)) == pace


@pytest.mark.parametrize(
    "wrong",
    [
        [1.0],
        ["1", 2],
        [1, "2"],
        [-1, 2],
        [1, 0],
        [math.nan, 1],
        [1, math.nan],
        [10**400, 1],
        [1, 10**400],
        [True, 1],
        "ab",
        5,
        {},
    ],
)
def test_paces_that_make_no_sense(wrong):
    with pytest.raises((ValueError, TypeError)):
        decode_pace(wrong)
