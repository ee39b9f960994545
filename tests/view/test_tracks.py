r"""What is drawn of a window is what all of its samples would look like."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries, RegularTimeSeries

from temporaldata_video._view import tracks
from temporaldata_video._view.tracks import track_of

PIXELS = 100


def regular(values, rate=1000.0, start=0.0) -> RegularTimeSeries:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return RegularTimeSeries(
            raw=values, sampling_rate=rate, domain_start=start, domain="auto"
        )


def read(track, start, end, pixels=PIXELS):
    facts, arrays = track.read((start, end), pixels)
    return facts, {name: np.asarray(array) for name, array in arrays.items()}


@pytest.fixture(params=["memory", "file"])
def kept(request, tmp_path):
    r"""Returns a series as it is, or as it comes out of a file."""
    files = []

    def keep(series):
        if request.param == "memory":
            return series
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            Data(one=series, domain=Interval(0.0, 1e4)).save(tmp_path / "rec.h5")
            files.append(Data.load(tmp_path / "rec.h5"))
        return files[-1].slice(0.0, 1e4, reset_origin=False).one

    yield keep
    for file in files:
        file.close()


def test_few_samples_are_drawn_as_they_are(kept):
    values = np.random.default_rng(0).normal(size=(300, 2))
    facts, drawn = read(track_of("lfp", kept(regular(values, 100.0))), 1.0, 2.0)
    seen = (drawn["x"] >= 1.0) & (drawn["x"] < 2.0)
    assert seen.sum() == 100
    step = 1.1 * np.ptp(values[100:200], axis=0).max()
    assert facts == {"note": f"{step:.3g} from line to line"}
    middle = (values[100:200].min(axis=0) + values[100:200].max(axis=0)) / 2
    lines = (values[100:200] - middle) / step - [0, 1]
    assert np.allclose(drawn["y"][:, seen].T, lines, atol=1e-6)


@pytest.mark.parametrize("most", [tracks.MOST_SAMPLES, 50_000])
def test_long_windows_keep_their_peaks(kept, monkeypatch, most):
    monkeypatch.setattr(tracks, "MOST_SAMPLES", most)
    values = np.zeros(300_000)
    peaks = np.random.default_rng(0).choice(300_000, 40, replace=False)
    values[peaks] = np.where(np.arange(40) % 2, 5.0, -5.0)
    track = track_of("lfp", kept(regular(values)))
    _, drawn = read(track, 0.0, 300.0)
    assert drawn["x"].size <= 8 * PIXELS
    assert np.isclose(np.ptp(drawn["y"]), 1 / 1.1)
    _, drawn = read(track, 100.0, 200.0)
    for peak in peaks[(peaks > 100_000) & (peaks < 200_000)] / 1000:
        near = np.abs(drawn["x"] - peak) < 100.0 / PIXELS
        assert np.isclose(np.abs(drawn["y"][0, near]).max(), 0.5 / 1.1)


def test_no_line_leads_over_a_gap(kept):
    times = np.concatenate([np.arange(0.0, 5.0, 0.1), np.arange(8.0, 10.0, 0.1)])
    domain = Interval(np.array([0.0, 8.0]), np.array([5.0, 10.0]))
    series = IrregularTimeSeries(timestamps=times, speed=np.ones(len(times)), domain=domain)
    _, drawn = read(track_of("run", kept(series)), 0.0, 10.0)
    broken = np.isnan(drawn["y"][0])
    assert drawn["x"][broken].tolist() == [8.0]


def test_at_most_16_traces_are_drawn():
    track = track_of("probe", regular(np.zeros((10, 64))))
    assert track.name == "probe (16 of 64)"
    assert len(track.labels) == 16
    assert read(track, 0.0, 1.0)[1]["y"].shape == (16, 10)


@pytest.mark.parametrize("n_units", [5, 100_000])
def test_spikes_that_look_like_one_are_drawn_once(kept, n_units):
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0.0, 100.0, 50_000))
    units = rng.integers(0, n_units, 50_000)
    series = IrregularTimeSeries(timestamps=times, unit_index=units, domain="auto")
    track = track_of("spikes", kept(series))
    assert (track.low, track.high) == (units.min() - 0.7, units.max() + 0.7)
    _, drawn = read(track, 20.0, 60.0)
    inside = (times >= 20.0) & (times < 60.0)
    places = {
        (unit, int(2 * PIXELS * (time - 20.0) / 40.0))
        for unit, time in zip(units[inside].tolist(), times[inside].tolist())
    }
    found = [
        (int(unit), int(2 * PIXELS * (time - 20.0) / 40.0))
        for unit, time in zip(drawn["y"].tolist(), drawn["x"].tolist())
    ]
    assert set(found) == places
    assert len(found) == len(places)


def test_intervals_and_their_labels(kept):
    start = np.arange(0.0, 100.0, 10.0)
    trials = Interval(start, start + 8.0, kind=np.array([f"kind{i}" for i in range(10)]))
    track = track_of("trials", kept(trials))
    facts, drawn = read(track, 15.0, 45.0, 600)
    found = sorted(zip(drawn["left"].tolist(), drawn["right"].tolist(), facts["labels"]))
    assert found == [
        (15, 18, "kind1"),
        (20, 28, "kind2"),
        (30, 38, "kind3"),
        (40, 45, "kind4"),
    ]
    facts, _ = read(track, 0.0, 100.0, 50)  # no room for words
    assert set(facts["labels"]) == {""}


@pytest.mark.parametrize("n", [0, 1])
def test_series_with_next_to_nothing(n):
    times = np.arange(float(n))
    domain = Interval(0.0, 1.0)
    series = {
        "spikes": IrregularTimeSeries(
            timestamps=times, unit_index=np.zeros(n, int), domain=domain
        ),
        "speed": IrregularTimeSeries(timestamps=times, speed=np.ones(n), domain=domain),
        "licks": IrregularTimeSeries(timestamps=times, domain=domain),
        "trials": Interval(times, times + 0.5),
    }
    for name, one in series.items():
        _, drawn = read(track_of(name, one), 0.0, 1.0)
        assert {array.shape[-1] for array in drawn.values()} == {n}
