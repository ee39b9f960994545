r"""A lazy video in a ``Data`` object, beside spikes, LFP and trials: cut, copied, saved."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
import timeit

import numpy as np
import pytest
import temporaldata
from temporaldata import Data, Interval, IrregularTimeSeries, RegularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import LFP_RATE, make_clip, read_numbers

SECONDS = 6.0

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")


def make_data(recording, **options) -> Data:
    domain = Interval(0.0, SECONDS)
    spikes = IrregularTimeSeries(
        timestamps=recording.spike_timestamps,
        unit_index=recording.spike_unit_index,
        domain=domain,
    )
    lfp = RegularTimeSeries(raw=recording.lfp, sampling_rate=LFP_RATE, domain="auto")
    video = tv.LazyVideo.from_uri(recording.video, **options)
    return Data(
        session_id="day1",
        spikes=spikes,
        lfp=lfp,
        trials=Interval(recording.trial_start, recording.trial_end),
        video=video,
        behavior=Data(video=copy.copy(video), lfp=copy.copy(lfp), domain=domain),
        domain=domain,
    )


@pytest.fixture
def data(recording) -> Data:
    return make_data(recording)


@pytest.fixture
def clock(recording) -> np.ndarray:
    return np.load(recording.camera_times)


@pytest.fixture
def moved(recording, tmp_path):
    r"""The recording in a folder of its own, and what it was saved as there."""
    folder = tmp_path / "here"
    folder.mkdir()
    for path in (recording.video, recording.camera_times):
        shutil.copy(path, folder)
    tv.write_index(folder / "cam.mp4", timestamps=folder / "cam_times.npy", progress=False)
    domain = Interval(0.0, SECONDS)
    video = tv.LazyVideo.from_uri(folder / "cam.mp4")
    Data(video=video, domain=domain).save(folder / "rec.h5")
    return folder


def assert_window(video, clock, start, end, origin) -> None:
    expected = np.flatnonzero((clock >= start) & (clock < end))
    assert type(video) is tv.LazyVideo
    assert video.frame_indices.tolist() == expected.tolist()
    assert np.array_equal(video.timestamps, clock[expected] - origin)
    assert read_numbers(video.frames).tolist() == expected.tolist()


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
    assert read_numbers(inner.video.frames).tolist() == expected.tolist()
    kept = data.slice(1.0, 5.0, reset_origin=False).slice(1.5, 3.0, reset_origin=False)
    assert_window(kept.video, clock, 1.5, 3.0, 0.0)


def test_select_by_interval_keeps_the_frames_of_all_intervals(data, clock):
    chosen = data.select_by_interval(data.trials)
    inside = np.zeros(len(clock), bool)
    for start, end in zip(data.trials.start, data.trials.end):
        inside |= (clock >= start) & (clock < end)
    assert chosen.video.frame_indices.tolist() == np.flatnonzero(inside).tolist()
    assert chosen.behavior.video.frame_indices.tolist() == np.flatnonzero(inside).tolist()
    assert read_numbers(chosen.video.frames).tolist() == np.flatnonzero(inside).tolist()
    eager = IrregularTimeSeries(timestamps=clock, domain="auto")
    expected = eager.select_by_interval(data.trials).domain
    assert np.array_equal(chosen.video.domain.start, expected.start)
    assert np.array_equal(chosen.video.domain.end, expected.end)


def test_select_by_mask(data):
    mask = np.arange(len(data.video)) % 7 == 3
    chosen = data.video.select_by_mask(mask)
    assert read_numbers(chosen.frames).tolist() == np.flatnonzero(mask).tolist()


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


# Saving and loading ---------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [True, False])
def test_saved_and_loaded(data, clock, tmp_path, lazy):
    data.save(tmp_path / "rec.h5")
    loaded = Data.load(tmp_path / "rec.h5", lazy=lazy)
    assert_window(loaded.slice(1.0, 2.0).video, clock, 1.0, 2.0, 1.0)
    assert_window(loaded.slice(1.0, 2.0).behavior.video, clock, 1.0, 2.0, 1.0)
    assert loaded.video.timestamps.tobytes() == clock.tobytes()
    assert loaded.video.domain.start.tobytes() == data.video.domain.start.tobytes()
    assert loaded.video.shape == data.video.shape
    assert len(loaded.slice(1.0, 2.0).spikes) == len(data.slice(1.0, 2.0).spikes)
    assert loaded.session_id == "day1"


def test_a_loaded_video_outlives_its_open_file(data, clock, tmp_path):
    data.save(tmp_path / "rec.h5")
    loaded = Data.load(tmp_path / "rec.h5")
    video = loaded.video
    loaded.close()
    assert_window(video.slice(1.0, 2.0), clock, 1.0, 2.0, 1.0)
    assert_window(pickle.loads(pickle.dumps(video)).slice(1, 2), clock, 1.0, 2.0, 1.0)


def test_a_loaded_recording_is_saved_again(data, clock, tmp_path):
    data.save(tmp_path / "one.h5")
    loaded = Data.load(tmp_path / "one.h5", lazy=False)
    (tmp_path / "deep").mkdir()
    loaded.save(tmp_path / "deep" / "two.h5")
    (tmp_path / "one.h5").unlink()
    again = Data.load(tmp_path / "deep" / "two.h5")
    assert_window(again.slice(1.0, 2.0).video, clock, 1.0, 2.0, 1.0)


@pytest.mark.parametrize("lazy", [True, False])
def test_options_and_origin_are_saved(recording, clock, tmp_path, lazy):
    options = {"resize": (32, 48), "colorspace": "G", "channel_format": "NHWC"}
    data = make_data(recording, **options, threads="auto", on_error="mask")
    sample = data.slice(1.0, 4.0)
    sample.save(tmp_path / "part.h5")
    loaded = Data.load(tmp_path / "part.h5", lazy=lazy)
    assert {name: getattr(loaded.video, name) for name in options} == options
    assert loaded.video._source.threads == "auto"
    assert loaded.video._source.on_error == "mask"
    assert loaded.video.shape == (len(sample.video), 32, 48, 1)
    assert loaded.video.timestamps.tobytes() == sample.video.timestamps.tobytes()
    assert np.array_equal(
        loaded.slice(0.5, 1.0).video.frames, sample.slice(0.5, 1.0).video.frames
    )
    # What was on screen when the window began was shown before it.
    before = int(np.flatnonzero(clock <= 1.0)[-1])
    assert loaded.video.resample([0.0]).frame_indices.tolist() == [before]


@pytest.mark.parametrize("start, end", [(1.0, 1.0), (2.0, 1.0), (100.0, 101.0)])
@pytest.mark.parametrize("lazy", [True, False])
def test_empty_windows_are_saved_and_loaded(data, tmp_path, start, end, lazy):
    empty = data.video.slice(start, end)
    assert empty.frames.shape == (0, 3, 64, 96)
    Data(video=empty, domain=Interval(0.0, 1.0)).save(tmp_path / "empty.h5")
    loaded = Data.load(tmp_path / "empty.h5", lazy=lazy).video
    assert type(loaded) is tv.LazyVideo and len(loaded) == 0
    assert loaded.frames.shape == (0, 3, 64, 96)
    assert len(loaded.slice(0.0, 1.0)) == 0


@pytest.mark.parametrize("lazy", [True, False])
def test_the_host_alone_loads_a_plain_series(data, clock, tmp_path, run_python, lazy):
    data.save(tmp_path / "rec.h5")
    program = """
import sys
from temporaldata import Data
data = Data.load(sys.argv[1], lazy=sys.argv[2] == "True")
sample = data.slice(1.0, 2.0)
print(len(data.behavior.video.timestamps), sample.video.timestamps.sum(),
      type(sample.video).__mro__[-3].__name__, sample.video.frame_indices.tolist(),
      any(name.startswith("temporaldata_video") for name in sys.modules))
"""
    inside = np.flatnonzero((clock >= 1.0) & (clock < 2.0))
    said = run_python(program, tmp_path / "rec.h5", lazy).split(" ", 3)
    assert said[0] == str(len(clock))
    assert float(said[1]) == pytest.approx((clock[inside] - 1.0).sum())
    assert said[2] == "IrregularTimeSeries"
    assert said[3].strip() == f"{inside.tolist()} False"


def test_the_host_alone_loads_empty_windows_too(data, tmp_path, run_python):
    Data(video=data.video.slice(9.0, 9.5), domain=Interval(0.0, 1.0)).save(
        tmp_path / "e.h5"
    )
    program = "import sys, temporaldata as t; print(len(t.Data.load(sys.argv[1]).video))"
    assert run_python(program, tmp_path / "e.h5").strip() == "0"


def test_a_moved_folder_still_works(moved, clock, tmp_path):
    shutil.move(moved, tmp_path / "there")
    video = Data.load(tmp_path / "there" / "rec.h5").slice(1.0, 2.0).video
    assert video.uri == str(tmp_path / "there" / "cam.mp4")
    assert_window(video, clock, 1.0, 2.0, 1.0)


def test_the_file_holds_a_relative_uri_and_no_pixels(moved):
    import h5py

    with h5py.File(moved / "rec.h5") as file:
        group = file["video"]
        assert group.attrs["backend"] == "MP4_INDEX"
        assert group.attrs["uri"] == "cam.mp4"
        assert group.attrs["object"] == "IrregularTimeSeries"
        assert set(group) == {
            "timestamps",
            "frame_indices",
            "timestamp_indices_1s",
            "domain",
        }
        assert json.loads(group.attrs["parts"])[0]["uri"] == "cam.mp4"
        assert str(moved) not in str(dict(group.attrs))


def test_an_index_elsewhere_is_found_again(recording, clock, tmp_path):
    shutil.copy(recording.video, tmp_path / "bare.mp4")
    (tmp_path / "indexes").mkdir()
    index_uri = tmp_path / "indexes" / "bare.lance"
    tv.write_index(
        tmp_path / "bare.mp4", timestamps=clock, index_uri=index_uri, progress=False
    )
    video = tv.LazyVideo.from_uri(tmp_path / "bare.mp4", index_uri=index_uri)
    Data(video=video, domain=Interval(0.0, SECONDS)).save(tmp_path / "rec.h5")
    loaded = Data.load(tmp_path / "rec.h5")
    assert_window(loaded.slice(1.0, 2.0).video, clock, 1.0, 2.0, 1.0)


# Segments and concat --------------------------------------------------------------------


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    r"""A video cut into three files of 20, 30 and 10 frames, with one clock."""
    folder = tmp_path_factory.mktemp("segments")
    first, paths = 0, []
    for name, frames in (("cam", 20), ("cam_001", 30), ("cam_002", 10)):
        paths.append(
            make_clip(
                folder / f"{name}.mp4", frames, size=(32, 48), gop=8, first_frame=first
            )
        )
        first += frames
    tv.write_index(
        paths[0], segment_uris=paths[1:], timestamps=np.arange(60) / 10, progress=False
    )
    return paths


def test_a_video_of_several_files_is_one_video(segments):
    video = tv.LazyVideo.from_uri(segments[0])
    assert video.segment_frame_counts.tolist() == [20, 30, 10]
    assert video.segment_frame_offsets.tolist() == [0, 20, 50]
    assert read_numbers(video.frames).tolist() == list(range(60))
    assert read_numbers(video.slice(1.75, 2.25).frames).tolist() == [18, 19, 20, 21, 22]
    assert read_numbers(video.frames_at([55, 3, 20, 55])).tolist() == [55, 3, 20, 55]


def test_a_video_of_several_files_is_saved_and_moved(segments, tmp_path):
    shutil.copytree(segments[0].parent, tmp_path / "here")
    video = tv.LazyVideo.from_uri(tmp_path / "here" / "cam.mp4")
    Data(video=video, domain=Interval(0.0, 6.0)).save(tmp_path / "here" / "rec.h5")
    shutil.move(tmp_path / "here", tmp_path / "there")
    loaded = Data.load(tmp_path / "there" / "rec.h5").slice(1.9, 5.2).video
    assert read_numbers(loaded.frames).tolist() == list(range(19, 52))


def test_the_explicit_constructor_takes_segments(segments, tmp_path):
    index = tv.LanceFrameIndex.open(f"{segments[0]}.lance")
    video = tv.LazyVideo(segments[0], frame_index=index, segment_uris=segments[1:])
    assert read_numbers(video.slice(1.75, 2.25).frames).tolist() == [18, 19, 20, 21, 22]
    Data(video=video, domain=Interval(0.0, 6.0)).save(tmp_path / "rec.h5")
    loaded = Data.load(tmp_path / "rec.h5").video
    assert read_numbers(loaded.slice(1.75, 2.25).frames).tolist() == [18, 19, 20, 21, 22]


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    r"""Two files of one recording, each with its own index and its part of the clock."""
    folder = tmp_path_factory.mktemp("days")
    paths = []
    for number in (0, 1):
        path = make_clip(
            folder / f"part{number}.mp4", 20, size=(32, 48), first_frame=20 * number
        )
        tv.write_index(path, timestamps=2.0 * number + np.arange(20) / 10, progress=False)
        paths.append(path)
    return paths


def test_concat_merges_indexes_in_time_order(days):
    one, two = (tv.LazyVideo.from_uri(path) for path in days)
    whole = tv.concat([two, one])
    assert np.allclose(whole.timestamps, np.arange(40) / 10)
    assert read_numbers(whole.frames).tolist() == list(range(40))
    # Frames are numbered in the order in which the files were given.
    assert whole.frame_indices.tolist() == [*range(20, 40), *range(20)]
    assert whole.segment_frame_counts.tolist() == [20, 20]
    assert read_numbers(whole.slice(1.85, 2.15).frames).tolist() == [19, 20, 21]


def test_concat_of_windows_of_several_files_is_saved(days, tmp_path):
    one, two = (tv.LazyVideo.from_uri(path) for path in days)
    whole = tv.concat([one.lazy_slice(1.0, 2.0), two.lazy_slice(2.0, 3.0)])
    Data(video=whole, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    for lazy in (True, False):
        loaded = Data.load(tmp_path / "rec.h5", lazy=lazy).video
        assert read_numbers(loaded.frames).tolist() == list(range(10, 30))
        assert loaded.domain.start.tolist() == whole.domain.start.tolist()


def test_concat_of_one_recording_knows_its_frames_once(days):
    video = tv.LazyVideo.from_uri(days[0])
    again = tv.LazyVideo.from_uri(days[0])
    joined = tv.concat([video.lazy_slice(0.0, 1.0), again.lazy_slice(1.0, 2.0)])
    assert joined.segment_frame_counts.tolist() == [20]
    assert joined.frame_indices.tolist() == list(range(20))


def test_concat_hands_everything_else_to_the_host(data):
    early, late = (data.spikes.slice(a, a + 1.0, False) for a in (0.0, 1.0))
    ours, theirs = tv.concat([late, early]), temporaldata.concat([late, early])
    assert type(ours) is IrregularTimeSeries
    assert ours.timestamps.tobytes() == theirs.timestamps.tobytes()
    with pytest.raises(ValueError, match="same type"):
        tv.concat([data.video, data.spikes])
    with pytest.raises(NotImplementedError):
        tv.concat([data.lfp, data.lfp])


class Metadata:
    def __init__(self, recording_hash):
        self.recording_hash = recording_hash


def test_concat_refuses_what_does_not_belong_together(days):
    def opened(path=days[0], **options):
        return tv.LazyVideo.from_uri(path, **options)

    assert len(tv.concat([opened(metadata=Metadata("a")), opened(metadata=Metadata("a"))]))
    with pytest.raises(ValueError, match=r"recording_hash.*'a', 'b'"):
        tv.concat([opened(metadata=Metadata("a")), opened(days[1], metadata=Metadata("b"))])
    with pytest.raises(ValueError, match=r"resize.*\(8, 8\)"):
        tv.concat([opened(), opened(resize=(8, 8))])
    with pytest.raises(ValueError, match=r"colorspace.*'G'"):
        tv.concat([opened(), opened(colorspace="G")])
    with pytest.raises(ValueError, match=r"channel_format.*'NHWC'"):
        tv.concat([opened(), opened(channel_format="NHWC")])
    with pytest.raises(ValueError, match="at least one"):
        tv.LazyVideo.concat([])
    with pytest.raises(TypeError, match="IrregularTimeSeries"):
        tv.LazyVideo.concat([IrregularTimeSeries(np.arange(3.0), domain="auto")])


def test_files_of_different_sizes_need_a_resize(days, tmp_path):
    path = make_clip(tmp_path / "large.mp4", 5, size=(64, 64), first_frame=60)
    tv.write_index(path, timestamps=10.0 + np.arange(5.0), progress=False)
    joined = tv.concat([tv.LazyVideo.from_uri(p) for p in (days[0], path)])
    with pytest.raises(ValueError, match=r"different shapes.*resize"):
        joined.frames  # noqa: B018
    resized = tv.concat(
        [tv.LazyVideo.from_uri(p, resize=(48, 48)) for p in (days[0], path)]
    )
    assert read_numbers(resized.frames).tolist() == [*range(20), *range(60, 65)]
