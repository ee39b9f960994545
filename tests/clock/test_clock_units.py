r"""Units, dates and counters that wrap."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._clock.read_clock import read_stamps


def seconds(source, **fields):
    return tv.read_timestamps(tv.Clock(source, **fields))


@pytest.mark.parametrize(("unit", "per_second"), [("s", 1), ("ms", 10**3), ("us", 10**6)])
def test_units(unit, per_second):
    ticks = np.array([-31, 18, 48, 2_000_001])
    np.testing.assert_array_equal(seconds(ticks, unit=unit), ticks / per_second)
    np.testing.assert_array_equal(seconds(ticks * 1.0, unit=unit), ticks / per_second)


def nearest_float(nanoseconds):
    return float(Fraction(int(nanoseconds), 10**9))


@given(st.lists(st.integers(0, 2 * 10**18), min_size=1, max_size=20))
def test_nanoseconds_are_as_exact_as_float64_is(ticks):
    array = np.array(ticks, np.int64)
    expected = np.array([nearest_float(t) for t in ticks])
    np.testing.assert_allclose(seconds(array, unit="ns"), expected, rtol=2**-52, atol=0)
    first = np.array([nearest_float(t - ticks[0]) for t in ticks])
    found = seconds(array, unit="ns", origin="first")
    np.testing.assert_allclose(found, first, rtol=2**-52, atol=0)


@pytest.mark.parametrize("least", [0, 2**52, 2**53, 17 * 10**17])
def test_nanoseconds_are_rounded_once(least):
    # Whole seconds and the rest are divided apart where a float64 does not hold the count.
    ticks = np.random.default_rng(3).integers(least, least + 2**52, 3000)
    expected = [nearest_float(t) for t in ticks.tolist()]
    assert seconds(ticks, unit="ns").tolist() == expected


def test_the_first_stamp_is_where_it_is_told():
    found = seconds([np.nan, 40.0, 41.5], origin="first", start=7.0)
    np.testing.assert_array_equal(found, [np.nan, 7.0, 8.5])


DATES = [
    "2020-08-19T12:42:57.7903616-04:00",
    "2020-08-19T12:42:57.8236928-04:00",
    "2020-08-19T16:42:58.8236928Z",
]


@pytest.fixture
def dates(tmp_path):
    def write(rows):
        (tmp_path / "t.csv").write_text(
            "".join(f"{k},{row}\n" for k, row in enumerate(rows))
        )
        return tmp_path / "t.csv"

    return write


def test_dates(dates):
    # The only column of dates is meant; offsets from UTC are heeded.
    found = seconds(dates(DATES), unit="iso8601", origin="first")
    np.testing.assert_array_equal(found, [0.0, 0.0333312, 1.0333312])
    found = seconds(dates(DATES), unit="iso8601", origin="epoch")
    assert abs(found[0] - 1597855377.7903616) <= 2.4e-7
    stamps = read_stamps(tv.Clock(dates(DATES), unit="iso8601", origin="epoch"))
    assert stamps.resolution == pytest.approx(2.4e-7, rel=0.01)


def test_dates_need_an_origin(dates):
    with pytest.raises(ValueError, match=r"origin='first'.*origin='epoch'"):
        tv.Clock(dates(DATES), unit="iso8601")
    with pytest.raises(ValueError, match="origin='epoch' is for dates"):
        seconds([1.0, 2.0], origin="epoch")


def test_dates_without_an_offset(dates):
    path = dates(["2020-08-19 12:00:00.5", "2020-08-19 12:00:01"])
    found = seconds(path, unit="iso8601", origin="first")
    np.testing.assert_array_equal(found, [0.0, 0.5])
    with pytest.raises(ValueError, match=r"line 1.*no offset from UTC"):
        seconds(path, unit="iso8601", origin="epoch")


@pytest.mark.parametrize(
    "row", ["soon", "2020-13-01T00:00:00", "0001-01-01T00:00:00", "12.5", "9999-01-01"]
)
def test_what_is_no_date(dates, row):
    path = dates(["2020-08-19T12:00:00", row])
    with pytest.raises(ValueError, match=r"t\.csv"):
        seconds(path, unit="iso8601", origin="first", column=1)


def test_arrays_of_dates_and_durations():
    stamps = np.array(["2020-01-01T00:00:00", "NaT", "2020-01-01T00:00:00.25"], "M8[ms]")
    np.testing.assert_array_equal(seconds(stamps, origin="first"), [0.0, np.nan, 0.25])
    np.testing.assert_array_equal(seconds(stamps, origin="epoch")[0], 1577836800.0)
    np.testing.assert_array_equal(seconds(stamps - stamps[0]), [0.0, np.nan, 0.25])
    with pytest.raises(ValueError, match="dates"):
        seconds(stamps)
    with pytest.raises(ValueError, match="cannot reach"):
        seconds(np.array(["3000-01-01"], "M8[D]"), origin="epoch")


# Counters -------------------------------------------------------------------------------


@given(
    bits=st.integers(4, 32),
    first=st.integers(0, 2**32),
    data=st.data(),
)
def test_a_counter_that_wraps(bits, first, data):
    period = 1 << bits
    steps = data.draw(st.lists(st.integers(0, period // 2 - 1), max_size=40))
    true = first % period + np.concatenate([[0], np.cumsum(steps, dtype=np.int64)])
    clock = tv.Clock(true % period, unit="ticks", frequency=1000, bits=bits)
    np.testing.assert_array_equal(tv.read_timestamps(clock), true / 1000)
    wraps = read_stamps(clock).wraps
    np.testing.assert_array_equal(wraps, np.flatnonzero(np.diff(true // period)) + 1)


def test_a_count_out_of_order_is_a_step_back_and_no_wrap():
    report = tv.examine_clock(tv.Clock([5, 7, 6, 8], unit="ticks", frequency=10.0))
    assert len(report.wraps) == 0
    assert report.backwards.rows.tolist() == [2]
    assert report.backwards.longest == pytest.approx(0.1)


@pytest.mark.parametrize("value", [-1, 1 << 32, 0.5, np.nan])
def test_what_is_no_count(value):
    with pytest.raises(ValueError, match=r"timestamps\[1\]"):
        seconds(np.array([0, value]), unit="ticks", frequency=1e6)


def pointgrey(second, cycle, part):
    return second << 25 | cycle << 12 | part


def test_a_pointgrey_counter():
    counts = [pointgrey(127, 7999, 0), pointgrey(127, 7999, 3071), pointgrey(0, 1, 1536)]
    expected = [128 - 1 / 8000, 128 - 1 / 3072 / 8000, 128 + 1.5 / 8000]
    np.testing.assert_allclose(seconds(counts, unit="pointgrey"), expected, rtol=1e-15)


@pytest.mark.parametrize("count", [pointgrey(0, 8000, 0), pointgrey(0, 0, 3072)])
def test_what_no_pointgrey_camera_writes(count):
    with pytest.raises(ValueError, match="which no PointGrey camera writes"):
        seconds([0, count], unit="pointgrey")


@pytest.mark.parametrize("count", [-1, 1 << 32, (1 << 33) - 1])
def test_what_no_counter_of_32_bits_holds(count):
    with pytest.raises(ValueError, match=r"timestamps\[1\].*no value of a counter of 32"):
        seconds([0, count], unit="pointgrey")


# The description itself -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"source": [0], "unit": "h"}, "unit must be one of"),
        ({"source": [0], "origin": "last"}, "origin must be one of"),
        ({"source": [0], "on_gap": "drop"}, "on_gap must be one of"),
        ({"source": [0], "rate": 30}, "either rate or timestamps"),
        ({"source": [0], "unit": "ticks"}, "go together"),
        ({"source": [0], "frequency": 1e6}, "go together"),
        ({"source": [0], "origin": "epoch", "start": 1.0}, "start goes with"),
        ({"source": [0], "bits": 16}, "bits goes with"),
        ({"source": [0], "sync_fit": "affine"}, "sync_fit goes with"),
        ({"source": [0], "first_frame": 1}, "first_frame goes with"),
        ({"rate": 0}, "rate must be a positive"),
        ({"rate": float("nan")}, "rate must be a positive"),
        ({"rate": 1, "start": "0"}, "start must be a number"),
        ({"unit": "ms"}, "unit can only go with timestamps"),
        ({"column": 1, "frame_index": [0]}, "column and frame_index can only"),
    ],
)
def test_descriptions_that_contradict_themselves(fields, says):
    with pytest.raises(ValueError, match=says):
        tv.Clock(**fields)
