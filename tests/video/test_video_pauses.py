r"""A camera that pauses: its domain leaves pauses out, and nothing is shown in them."""

from __future__ import annotations

import copy
import importlib.util
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers
from tests.test_cases import shared

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")

N = 120
# Three stretches of 40 frames, with a pause of 12 s, and one of 33 s.
CLOCK = 10 + np.arange(N) / 16 + np.repeat([0.0, 12.0, 45.0], 40)
STRETCHES = [[CLOCK[k], CLOCK[k + 39]] for k in (0, 40, 80)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = make_clip(tmp_path_factory.mktemp("pauses") / "cam.mp4", N, size=(32, 32))
    tv.write_index(path, timestamps=CLOCK, progress=False)
    return path


@pytest.fixture
def own(clip, tmp_path) -> Path:
    r"""The clip without an index."""
    return Path(shutil.copy(clip, tmp_path / "cam.mp4"))


def intervals(video) -> list[list[float]]:
    return np.c_[video.domain.start, video.domain.end].tolist()


def test_the_domain_is_where_there_are_frames(clip):
    assert intervals(tv.LazyVideo.from_uri(clip)) == STRETCHES


@pytest.mark.parametrize(
    ("max_gap", "expected"),
    [
        (None, STRETCHES),
        (11, STRETCHES),
        (20.0, [[CLOCK[0], CLOCK[79]], STRETCHES[2]]),
        (np.inf, [[CLOCK[0], CLOCK[-1]]]),
    ],
)
def test_the_longest_step_that_is_no_pause(own, clip, max_gap, expected):
    index = tv.write_index(own, timestamps=CLOCK, max_gap=max_gap, progress=False)
    assert intervals(tv.LazyVideo.from_uri(own)) == expected
    reopened = tv.LanceFrameIndex.open(index.uri)
    assert reopened.pace == index.pace == (1 / 16, 1.0 if max_gap is None else max_gap)
    # Without an index that says it, and against one that does.
    assert intervals(tv.LazyVideo.from_uri(clip, max_gap=max_gap)) == expected
    again = tv.LazyVideo.from_uri(own, max_gap=11)
    assert intervals(again) == STRETCHES


def test_a_video_without_an_index(tmp_path):
    pts = np.rint(1000 * (CLOCK - CLOCK[0])).astype(int)
    path = make_clip(tmp_path / "bare.mp4", N, size=(32, 32), pts=pts)
    with pytest.warns(tv.IndexWarning, match="built in memory"):
        video = tv.LazyVideo.from_uri(path)
    assert np.allclose(intervals(video), np.subtract(STRETCHES, CLOCK[0]), atol=1e-3)
    assert video.resample([5.0]).valid.tolist() == [False]


def test_sidecars_that_say_nothing_of_pauses_are_read(own):
    import lance

    tv.write_index(own, timestamps=CLOCK, max_gap=np.inf, progress=False)
    table = lance.dataset(f"{own}.lance").to_table()
    metadata = table.schema.metadata
    header = json.loads(metadata[b"temporaldata_video"])
    assert header.pop("pace") == [1 / 16, None]
    metadata[b"temporaldata_video"] = json.dumps(header).encode()
    shutil.rmtree(f"{own}.lance")
    table = table.replace_schema_metadata(metadata)
    lance.write_dataset(table, f"{own}.lance", data_storage_version="2.0")
    assert tv.LanceFrameIndex.open(f"{own}.lance").pace is None
    video = tv.LazyVideo.from_uri(own)
    assert intervals(video) == STRETCHES
    assert video.resample([CLOCK[39] + 2.0]).valid.tolist() == [False]


@pytest.mark.parametrize("wrong", [0, -1.0, np.nan, "5"])
def test_gaps_that_make_no_sense(own, clip, wrong):
    with pytest.raises(ValueError, match="max_gap must be"):
        tv.write_index(own, max_gap=wrong)
    with pytest.raises(ValueError, match="max_gap must be"):
        tv.LazyVideo.from_uri(clip, max_gap=wrong)


def test_fresh_indexes_have_the_gap_asked_for(own):
    options = {"timestamps": CLOCK, "progress": False}
    assert tv.index_many([own], max_gap=20, **options)[0].status == "done"
    for max_gap in (20, 20.0, None):
        assert tv.index_many([own], max_gap=max_gap, **options)[0].status == "skipped"
    failed = tv.index_many([own], max_gap=5, **options)[0]
    assert failed.status == "failed" and "another max_gap" in failed.reason


# What becomes of a domain with pauses ----------------------------------------------------


def eager() -> IrregularTimeSeries:
    domain = Interval(*np.array(STRETCHES).T.copy())
    return IrregularTimeSeries(timestamps=CLOCK, domain=domain)


@pytest.mark.parametrize(
    ("start", "end"),
    [(10.0, 11.0), (12.0, 25.0), (13.0, 24.0), (0.0, 100.0), (24.5, 62.0), (14.0, 15.0)],
)
@pytest.mark.parametrize("reset_origin", [True, False])
def test_windows_cut_it_as_the_host_does(clip, start, end, reset_origin):
    video = tv.LazyVideo.from_uri(clip)
    window = video.slice(start, end, reset_origin)
    expected = eager().slice(start, end, reset_origin)
    assert intervals(window) == intervals(expected)
    assert window.timestamps.tolist() == expected.timestamps.tolist()
    for again in (copy.deepcopy(window), pickle.loads(pickle.dumps(window))):
        assert intervals(again) == intervals(expected)
        assert again.slice(0.1, 0.2).frame_count == expected.slice(0.1, 0.2).timestamps.size


def test_concat_joins_it(clip):
    video = tv.LazyVideo.from_uri(clip)
    joined = tv.concat([video.lazy_slice(a, b) for a, b in [(0, 12), (12, 30), (30, 99)]])
    assert intervals(joined) == [[STRETCHES[0][0], STRETCHES[0][1]], *STRETCHES[1:]]
    assert joined.resample([20.0]).valid.tolist() == [False]


@pytest.mark.parametrize("max_gap", [None, 20.0, np.inf])
@pytest.mark.parametrize("lazy", [True, False])
def test_recordings_keep_it(own, tmp_path, max_gap, lazy):
    tv.write_index(own, timestamps=CLOCK, progress=False)
    video = tv.LazyVideo.from_uri(own, max_gap=max_gap)
    expected = intervals(video)
    shown = video.resample(np.arange(0.0, 80.0), tolerance=None).valid
    Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    # Another default of the index changes nothing.
    tv.write_index(own, timestamps=CLOCK, max_gap=5.0, overwrite=True, progress=False)
    loaded = Data.load(tmp_path / "rec.h5", lazy=lazy)
    assert intervals(loaded.video) == expected == intervals(loaded)
    assert loaded.video.resample(np.arange(0.0, 80.0)).valid.tolist() == shown.tolist()
    loaded.materialize()
    loaded.save(tmp_path / "again.h5")
    again = Data.load(tmp_path / "again.h5", lazy=lazy)
    assert intervals(again.video) == expected
    assert again.video.resample(np.arange(0.0, 80.0)).valid.tolist() == shown.tolist()


def test_old_recordings_are_read(clip, tmp_path):
    import h5py

    folder = tmp_path / "old"
    shutil.copytree(clip.parent, folder)
    video = tv.LazyVideo.from_uri(folder / "cam.mp4", domain=Interval(0.0, 100.0))
    Data(video=video, domain=Interval(0.0, 100.0)).save(folder / "rec.h5")
    with h5py.File(folder / "rec.h5", "a") as file:
        attributes = file["video"].attrs
        (part,) = json.loads(attributes["parts"])
        del part["pace"], attributes["has_holes"]
        attributes["parts"] = json.dumps([part])
    loaded = Data.load(folder / "rec.h5").video
    assert intervals(loaded) == [[0.0, 100.0]], "they keep what they were saved with"
    assert loaded.resample([CLOCK[39], CLOCK[39] + 2]).valid.tolist() == [True, False]


def test_a_damaged_pace_is_said(clip, tmp_path):
    import h5py

    video = tv.LazyVideo.from_uri(clip)
    Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    with h5py.File(tmp_path / "rec.h5", "a") as file:
        attributes = file["video"].attrs
        attributes["parts"] = attributes["parts"].replace('"pace": [0.0625', '"pace": [-1')
    with pytest.raises(tv.FrameIndexError, match="is damaged"):
        Data.load(tmp_path / "rec.h5").video  # noqa: B018


# What is shown ---------------------------------------------------------------------------


def assert_never_far(video, clock, tolerance, read, seconds=1.0):
    r"""Draws 400 windows from the whole recording, resamples each at random times, and
    asserts that each frame that is said to be valid was taken within the tolerance."""
    rng = np.random.default_rng(0)
    n_valid = n_none = 0
    for start in rng.uniform(clock[0] - 3, clock[-1] + 3, 400):
        window = video.slice(start, start + seconds)
        times = np.sort(rng.uniform(-0.2, seconds + 0.2, 8))
        method = ["previous", "nearest", "next"][rng.integers(3)]
        sample = window.resample(times, method)
        frames, valid = sample.frames, sample.valid
        assert frames.shape[0] == 8 and not frames[~valid].any()
        away = np.abs(clock[read(frames[valid])] - (start + times[valid]))
        assert (away <= tolerance + 1e-9).all()
        # And nothing is left out that is near enough.
        distance = np.abs(clock[:, None] - (start + times))
        side = {
            "previous": clock[:, None] <= start + times,
            "next": clock[:, None] >= start + times,
            "nearest": True,
        }[method]
        nearest = np.where(side, distance, np.inf).min(axis=0)
        assert (valid == (nearest <= tolerance)).all()
        n_valid, n_none = n_valid + valid.sum(), n_none + (~valid).sum()
    assert n_valid > 400 and n_none > 400


def test_random_samples_show_no_frame_from_afar(clip):
    assert_never_far(tv.LazyVideo.from_uri(clip), CLOCK, 1.0, read_numbers)


def test_random_samples_of_a_camera_in_three_files(tmp_path):
    folder = shared() / "cases" / "labs"
    if not (folder / "pause").is_dir():
        pytest.skip(f"no files at {folder}; set TEMPORALDATA_VIDEO_CASES to their folder")
    for path in (folder / "pause").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spec = importlib.util.spec_from_file_location("num", folder / "numbers_in_pixels.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    clock = np.load(tmp_path / "t.npy")
    parts = [tmp_path / f"part{k}.mp4" for k in range(3)]
    tv.write_index(parts[0], segment_uris=parts[1:], timestamps=clock, progress=False)
    video = tv.LazyVideo.from_uri(parts[0])
    assert intervals(video) == [
        [clock[0], clock[99]],
        [clock[100], clock[179]],
        [clock[180], clock[299]],
    ]
    assert_never_far(video, clock, 1.0, lambda f: np.array([*map(module.num, f)], int))


def test_windows_of_the_domain_have_frames_throughout(clip):
    video = tv.LazyVideo.from_uri(clip)
    rng = np.random.default_rng(1)
    starts, ends = video.domain.start, video.domain.end - 0.5
    for k in rng.integers(3, size=400):
        start = rng.uniform(starts[k], ends[k])
        sample = video.slice(start, start + 0.5).resample(np.arange(8) / 16)
        assert sample.frame_indices.min() >= 0
        assert np.abs(CLOCK[sample.frame_indices] - start - sample.timestamps).max() < 0.1


def test_a_sampler_draws_no_window_in_a_pause(clip):
    samplers = pytest.importorskip("torch_brain.samplers")
    ours = pytest.importorskip("temporaldata_video.hosts.torch_brain")
    video = ours.LazyVideo.from_uri(clip)
    sampler = samplers.RandomFixedWindowSampler(
        sampling_intervals={"day1": video.domain}, window_length=0.5
    )
    drawn = list(sampler)
    assert len(drawn) >= 12
    for index in drawn:
        assert video.slice(index.start, index.end).frame_count in (7, 8, 9)


def test_both_hosts_have_the_same_domain(clip, tmp_path):
    ours = pytest.importorskip("temporaldata_video.hosts.torch_brain")
    video = ours.LazyVideo.from_uri(clip)
    assert intervals(video) == STRETCHES
    assert intervals(ours.LazyVideo.from_video(tv.LazyVideo.from_uri(clip))) == STRETCHES
    window = video.slice(12.0, 25.0)
    assert intervals(window) == intervals(eager().slice(12.0, 25.0))
    resampled = window.resample(np.arange(0.0, 13.0))
    Data(video=tv.LazyVideo.from_video(resampled), domain=Interval(0.0, 13.0)).save(
        tmp_path / "rec.h5"
    )
    loaded = Data.load(tmp_path / "rec.h5").video
    assert loaded.frame_indices.tolist() == resampled.frame_indices.tolist()
    assert intervals(loaded) == intervals(resampled)
    assert loaded.valid.tolist() == resampled.valid.tolist()


# Resampled videos with holes -------------------------------------------------------------


@pytest.fixture
def holes(clip):
    r"""A resampled video, and the frame that it shows at each time."""
    times = np.arange(8.0, 30.0, 0.5)
    found = np.searchsorted(CLOCK, times, side="right") - 1
    near = (found >= 0) & (times - CLOCK[found] <= 1.0)
    return tv.LazyVideo.from_uri(clip).resample(times), np.where(near, found, -1)


def test_holes_are_zeros_and_not_valid(holes):
    video, expected = holes
    assert video.frame_indices.tolist() == expected.tolist()
    assert video.valid.tolist() == (expected >= 0).tolist()
    assert not video.frames[expected < 0].any()
    assert (
        read_numbers(video.frames[expected >= 0]).tolist()
        == expected[expected >= 0].tolist()
    )
    assert intervals(video) == [[10.0, 13.0], [24.5, 27.5]]


def test_holes_cost_nothing(holes, clip):
    video, expected = holes
    shown = np.flatnonzero(expected >= 0)
    assert video.cost() == video.select_by_mask(expected >= 0).cost()
    assert video.select_by_mask(expected < 0).cost() == tv.Cost(0, 0, 0, 0)
    video.prefetch()
    with pytest.raises(tv.DecodeError, match="of times at which the video shows none"):
        video.frames_at([0, shown[0]])
    frames, valid = video.frames_at([0, shown[0]], return_valid=True)
    assert valid.tolist() == [False, True] and not frames[0].any()


def test_holes_are_handed_on(holes, tmp_path):
    video, expected = holes
    joined = tv.concat([video.lazy_slice(0.0, 14.0), video.lazy_slice(14.0, 40.0)])
    Data(video=video, domain=Interval(0.0, 40.0)).save(tmp_path / "rec.h5")
    for again in (
        copy.copy(video),
        pickle.loads(pickle.dumps(video)),
        joined,
        Data.load(tmp_path / "rec.h5").video,
    ):
        window = again.lazy_slice(9.0, 26.0)
        inside = (video.timestamps >= 9.0) & (video.timestamps < 26.0)
        assert window.frame_indices.tolist() == expected[inside].tolist()
        assert window.valid.tolist() == (expected[inside] >= 0).tolist()
        (frames,) = tv.read_many([window.slice(9.0, 12.0)])
        assert len(frames) == 6 and not frames[:2].any()
        assert read_numbers(frames[2:]).tolist() == expected[4:8].tolist()


def test_holes_of_another_recording_in_concat(clip, own, holes):
    video, expected = holes
    tv.write_index(own, timestamps=CLOCK + 100, progress=False)
    joined = tv.concat([tv.LazyVideo.from_uri(own), video])
    assert (
        joined.frame_indices[: len(video)].tolist()
        == np.where(expected < 0, -1, expected + N).tolist()
    )
    assert joined.valid[: len(video)].tolist() == (expected >= 0).tolist()


def test_videos_that_are_not_sorted_show_the_same(clip):
    video = tv.LazyVideo.from_uri(clip)
    windows = [video.lazy_slice(24.0, 26.0), video.lazy_slice(10.0, 12.0)]
    at = np.array([9.5, 10.0, 11.3, 12.5, 24.6, 25.99, 40.0])
    unsorted, ordered = tv.concat(windows, sort=False), tv.concat(windows)
    assert not unsorted.is_sorted()
    found = unsorted.resample(at).frame_indices.tolist()
    assert found == ordered.resample(at).frame_indices.tolist()
    assert found == [-1, 0, 20, 31, 41, 63, -1]


def test_resampling_again_knows_the_holes(holes):
    video, expected = holes
    again = video.resample(video.timestamps, "nearest")
    assert again.frame_indices.tolist() == expected.tolist()


def test_no_points_where_no_frame_is_shown(holes, tmp_path):
    video, expected = holes
    lines = ["scorer,net,net", "bodyparts,nose,nose", "coords,x,y"]
    lines += [f"{k},{k},{k + 0.5}" for k in range(N)]
    (tmp_path / "pose.csv").write_text("\n".join(lines) + "\n")
    nose = tv.read_pose(tmp_path / "pose.csv", video).nose
    assert np.isnan(nose[expected < 0]).all()
    assert nose[expected >= 0, 0].tolist() == expected[expected >= 0].tolist()


def test_holes_are_drawn_as_such(holes, monkeypatch):
    pytest.importorskip("matplotlib")
    video, _ = holes
    axes = video.lazy_slice(8.0, 10.5).plot(count=5)
    texts = [t.get_text() for inset in axes.child_axes for t in inset.texts]
    assert texts.count("no frame") == 4
    html = video.lazy_slice(8.0, 10.5)._repr_html_()
    assert html.count("no frame</small>") == 4 and "#-1" not in html


@pytest.mark.parametrize("wrong", [-1.0, np.nan, "1", True])
def test_tolerances_that_make_no_sense(clip, wrong):
    with pytest.raises(ValueError, match="tolerance must be"):
        tv.LazyVideo.from_uri(clip).resample([1.0], tolerance=wrong)


@pytest.mark.parametrize("method", ["previous", "nearest", "next"])
def test_no_time_and_no_frame_at_all(clip, method):
    video = tv.LazyVideo.from_uri(clip)
    assert video.resample([], method).shape == (0, 3, 32, 32)
    nothing = video.select_by_mask(np.zeros(N, bool)).resample([1.0, 11.0], method)
    assert nothing.valid.tolist() == [False, False] and not nothing.frames.any()
    assert intervals(nothing) == []
    far = video.slice(1e6, 1e6 + 1).resample([0.0, 0.5], method, np.inf)
    assert far.frame_indices.tolist() == [-1 if method == "next" else N - 1] * 2
