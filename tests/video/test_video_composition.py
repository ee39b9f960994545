r"""A lazy video in a ``Data`` object, beside spikes, LFP and trials: cut and copied."""

from __future__ import annotations

import copy
import pickle
import timeit

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import LFP_RATE
from tests.helpers import assert_window, numbers

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")


def test_a_slice_cuts_every_modality(data, clock):
    sample = data.slice(1.0, 2.5)
    assert_window(sample.video, clock, 1.0, 2.5, 1.0)
    assert_window(sample.behavior.video, clock, 1.0, 2.5, 1.0)
    inside = (data.spikes.timestamps >= 1.0) & (data.spikes.timestamps < 2.5)
    assert len(sample.spikes) == inside.sum()
    assert len(sample.lfp) == round(1.5 * LFP_RATE)
    assert sample.trials.start.tolist() == [-0.5]
    assert sample.video.domain.start[0] >= 0.0 and sample.video.domain.end[-1] <= 1.5


def test_slices_of_slices(data, clock):
    inner = data.slice(1.0, 5.0).slice(0.5, 2.0)
    assert inner.absolute_start == 1.5
    expected = np.flatnonzero((clock >= 1.5) & (clock < 3.0))
    assert inner.video.frame_indices.tolist() == expected.tolist()
    assert np.allclose(inner.video.timestamps, clock[expected] - 1.5, rtol=0, atol=1e-12)
    assert numbers(inner.video) == expected.tolist()
    kept = data.slice(1.0, 5.0, reset_origin=False).slice(1.5, 3.0, reset_origin=False)
    assert_window(kept.video, clock, 1.5, 3.0, 0.0)


def test_select_by_interval_keeps_the_frames_of_all_intervals(data, clock):
    chosen = data.select_by_interval(data.trials)
    inside = np.zeros(len(clock), bool)
    for start, end in zip(data.trials.start, data.trials.end):
        inside |= (clock >= start) & (clock < end)
    assert chosen.video.frame_indices.tolist() == np.flatnonzero(inside).tolist()
    assert chosen.behavior.video.frame_indices.tolist() == np.flatnonzero(inside).tolist()
    assert numbers(chosen.video) == np.flatnonzero(inside).tolist()
    eager = IrregularTimeSeries(timestamps=clock, domain="auto")
    expected = eager.select_by_interval(data.trials).domain
    assert np.array_equal(chosen.video.domain.start, expected.start)
    assert np.array_equal(chosen.video.domain.end, expected.end)


def test_select_by_mask(data):
    mask = np.arange(len(data.video)) % 7 == 3
    chosen = data.video.select_by_mask(mask)
    assert numbers(chosen) == np.flatnonzero(mask).tolist()


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_lazy_and_right(data, clock, again):
    other = again(data)
    assert repr(other) == repr(data)
    assert_window(other.slice(1.0, 2.0).video, clock, 1.0, 2.0, 1.0)
    assert_window(other.slice(1.0, 2.0).behavior.video, clock, 1.0, 2.0, 1.0)
    # The host cannot copy a slice of Data, but every series of it.
    assert_window(again(data.slice(1.0, 2.0).video), clock, 1.0, 2.0, 1.0)


def test_a_pickled_slice_is_the_slice(data, clock):
    sample = pickle.loads(pickle.dumps(data.slice(1.0, 4.0)))
    assert_window(sample.video, clock, 1.0, 4.0, 1.0)
    assert (
        sample.spikes.timestamps.tolist() == data.slice(1.0, 4.0).spikes.timestamps.tolist()
    )


def test_copies_do_not_share_what_can_be_written(data):
    video = data.slice(1.0, 2.0).video
    frames = video.frames.copy()
    copy.deepcopy(video).frames[:] = 0
    assert np.array_equal(video.frames, frames)


class HourAtSixty:
    r"""The index of 216,000 frames, of which none is looked at."""

    def segment_frame_counts(self):
        return np.array([216_000])

    def pts_table(self, segment):
        return np.arange(216_000)

    def timestamps(self):
        return np.arange(216_000) / 60


@pytest.mark.parametrize("looked_at", [False, True])
def test_copying_a_long_video_costs_next_to_nothing(looked_at):
    video = tv.LazyVideo("hour.mp4", frame_index=HourAtSixty())
    domain = Interval(0.0, 3600.0)
    without, data = Data(domain=domain), Data(video=video, domain=domain)
    if looked_at:
        assert len(video.timestamps) == 216_000

    def seconds(obj):
        return min(timeit.repeat(lambda: copy.deepcopy(obj), number=10, repeat=20)) / 10

    assert seconds(data) - seconds(without) < 0.2e-3


def test_materialize_returns_the_data_and_frames_still_come(data, clock):
    sample = data.slice(1.0, 2.0)
    assert sample.materialize() is sample
    assert_window(sample.video, clock, 1.0, 2.0, 1.0)


def test_repr_and_keys_say_what_there_is(data):
    assert data.keys() == ["session_id", "spikes", "lfp", "trials", "video", "behavior"]
    assert data.video.keys() == ["timestamps", "frame_indices", "frames"]
    assert "frames=[180, 3, 64, 96]" in repr(data)
    assert "frames" in data.video and "valid" not in data.video.keys()  # noqa: SIM118
    assert data.slice(0.0, 0.0).video.keys() == data.video.keys()


def test_to_dict_is_independent(data, clock):
    video = data.to_dict()["video"]
    assert video is not data.video
    assert_window(video.slice(1.0, 2.0), clock, 1.0, 2.0, 1.0)


def test_domain_auto_takes_the_video_in(data):
    alone = Data(video=data.video, domain="auto")
    assert alone.domain.start[0] == data.video.timestamps[0]
    assert alone.domain.end[-1] == data.video.timestamps[-1]


def test_own_columns_beside_the_frames_are_cut_saved_and_loaded(data, tmp_path):
    data.video.pupil = np.linspace(0.0, 1.0, len(data.video))
    sample = data.slice(1.0, 2.0)
    expected = data.video.pupil[sample.video.frame_indices]
    assert np.array_equal(sample.video.pupil, expected)
    data.save(tmp_path / "rec.h5")
    for lazy in (True, False):
        loaded = Data.load(tmp_path / "rec.h5", lazy=lazy)
        assert np.array_equal(loaded.slice(1.0, 2.0).video.pupil, expected)


def test_what_the_frames_are_cannot_be_overwritten(data):
    for name in ("frames", "frame_indices"):
        with pytest.raises(AttributeError, match="cannot be set"):
            setattr(data.video, name, np.zeros(len(data.video)))
