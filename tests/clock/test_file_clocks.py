r"""Clocks of several files: one for all, one for each, and those that overlap."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._clock.file_clocks import fit_file_clocks, read_file_clocks

COUNTS = (10, 8, 12)
TABLES = [(np.arange(5, 5 + n), Fraction(1, 10)) for n in COUNTS]
URIS = ["/a/0.avi", "/a/1.avi", "/a/2.avi"]
OWN = [np.arange(n) / 10 for n in COUNTS]


def fit(timestamps, **fields):
    clocks = read_file_clocks(timestamps, len(COUNTS), **fields)
    return fit_file_clocks(clocks, TABLES, URIS).times


def test_one_clock_for_all():
    times = np.arange(30) * 1.5
    assert fit(times).tolist() == times.tolist()
    assert fit(tv.Clock(start=100.0)) == pytest.approx(100 + np.arange(30) / 10)


def test_one_clock_for_each():
    clocks = [own + at for own, at in zip(OWN, (3, 100, 900))]
    expected = np.concatenate(clocks)
    assert fit(clocks).tolist() == expected.tolist()
    assert fit([list(clock) for clock in clocks]).tolist() == expected.tolist()
    assert fit([tv.Clock(clock) for clock in clocks]).tolist() == expected.tolist()


def test_clocks_in_files(tmp_path):
    for k, own in enumerate(OWN):
        np.save(tmp_path / f"{k}_times.npy", own + 50 * k)
    paths = [tmp_path / f"{k}_times.npy" for k in range(3)]
    assert fit(paths)[[0, 10, 18]].tolist() == [0, 50, 100]


def test_a_start_for_each():
    times = fit([tv.Clock(start=start) for start in (2.5, 60.0, 95.0)])
    expected = np.concatenate([own + at for own, at in zip(OWN, (2.5, 60.0, 95.0))])
    assert times == pytest.approx(expected)


def test_own_clocks_from_a_start():
    # Each counts from -0.2 s, as some tools do: its zero goes to the start.
    clocks = [tv.Clock(own - 0.2, start=at) for own, at in zip(OWN, (10, 20, 30))]
    assert fit(clocks)[[0, 10, 18]] == pytest.approx([9.8, 19.8, 29.8])
    first = [tv.Clock(own, start=s, origin="first") for own, s in zip(OWN, (10, 20, 30))]
    assert fit(first)[[0, 10, 18]] == pytest.approx([10, 20, 30])


def test_files_in_a_row_share_a_clock():
    shared = tv.Clock(np.arange(18) / 10)
    times = fit([shared, shared, tv.Clock(OWN[2], start=7.0)])
    assert times[:18].tolist() == (np.arange(18) / 10).tolist()
    assert times[18] == 7.0


def test_none_is_the_containers_own():
    assert fit([None, OWN[1] + 7, OWN[2] + 9])[0] == 0.5


@pytest.mark.parametrize("starts", [(0, 0.5, 50), (0, 50, 25), (50, 20, 90)])
def test_clocks_that_overlap_are_refused(starts):
    clocks = [tv.Clock(start=start) for start in starts]
    with pytest.raises(tv.ClockError, match=r"begins at .* their clocks overlap"):
        fit(clocks)
    kept = [tv.Clock(start=start, on_jump="keep") for start in starts]
    assert len(fit(kept)) == 30


def test_the_containers_own_clocks_overlap():
    with pytest.raises(tv.ClockError, match=r"'/a/1.avi' begins at 0.5 s, and '/a/0.avi'"):
        fit([tv.Clock(), tv.Clock(), tv.Clock()])


def test_the_file_whose_clock_does_not_fit_is_named():
    with pytest.raises(tv.ClockError, match=r"/a/1.avi has 8 frames and 7 timestamps"):
        fit([OWN[0], OWN[1][:-1] + 20, OWN[2] + 40])


def test_more_or_fewer_clocks_than_files():
    with pytest.raises(ValueError, match=r"one for each of the 3 files.* list of 2"):
        fit([OWN[0], OWN[1]])


def test_fields_beside_the_clocks_hold_for_each():
    clocks = [OWN[0], OWN[1][:-1] + 20, OWN[2] + 40]
    with pytest.warns(tv.IndexWarning, match="7 timestamps; the last 1 frames are dropped"):
        times = fit(clocks, on_mismatch="trim")
    assert np.flatnonzero(np.isnan(times)).tolist() == [17]


def test_frames_that_are_shown_again_are_numbered_over_all_files():
    # The third frame of the second file is shown once more, after all others.
    second = tv.Clock([*(OWN[1] + 100), 120.0], frame_index=[*range(8), 2])
    clocks = read_file_clocks([OWN[0], second, OWN[2] + 900], len(COUNTS))
    times, again, facts = fit_file_clocks(clocks, TABLES, URIS)
    assert facts == {}
    assert len(times) == sum(COUNTS)
    assert (again.times.tolist(), again.frames.tolist()) == ([120.0], [12])
