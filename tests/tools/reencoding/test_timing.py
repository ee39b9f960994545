r"""The rate that a copy gets when its container's times are evened out."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from temporaldata_video._tools.reencoding.timing import even_timing, kept_timing
from temporaldata_video.errors import VideoError


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(150)])
@pytest.mark.parametrize("ticks", [1000, 90_000])
def test_rounded_times_give_the_rate_that_was_meant(rate, ticks):
    pts = np.array([round(k * ticks / rate) for k in range(2000)])
    pts[1000:] += 7 * ticks  # a gap says nothing of the rate
    timing = even_timing(pts, Fraction(1, ticks))
    assert timing.rate == rate and timing.time_base == 1 / rate


def test_an_odd_rate_stays_odd():
    pts = np.arange(500) * 7
    timing = even_timing(pts, Fraction(1, 1000))
    assert abs(float(timing.rate) - 1000 / 7) < 1e-3


def test_times_that_are_all_one():
    assert even_timing(np.zeros(5, int), Fraction(1, 1000)).pts.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(VideoError, match=r"frames 0 and 1 of 'cam.mp4'.*fps_keep=False"):
        kept_timing(np.zeros(5, int), Fraction(1, 1000), "cam.mp4")
