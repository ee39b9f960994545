r"""Windows on a lazy video equal the same windows on an eager series of frame numbers."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
import temporaldata
from hypothesis import assume, given
from hypothesis import strategies as st
from temporaldata import Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._index.memory_index import MemoryFrameIndex
from temporaldata_video.testing import read_numbers

N_FRAMES = 40

# Times are multiples of 1/64 s, so that sums and differences of them are exact and every
# difference between the two sides is a mistake. Jittered ones are whatever they are.
GRID = 64.0
times = st.integers(-20, 4 * 64 + 20).map(lambda k: k / GRID)
ordered_clocks = st.lists(st.integers(0, 4 * 64), min_size=N_FRAMES, max_size=N_FRAMES).map(
    lambda ks: np.sort(ks) / GRID
)
shuffled_clocks = st.lists(
    st.integers(0, 4 * 64), min_size=N_FRAMES, max_size=N_FRAMES
).map(lambda ks: np.array(ks) / GRID)
jittered_clocks = st.lists(st.floats(-0.4, 0.4), min_size=N_FRAMES, max_size=N_FRAMES).map(
    lambda jitter: (np.arange(N_FRAMES) + jitter) / 10
)
clocks = st.one_of(jittered_clocks, ordered_clocks, shuffled_clocks)
exact_clocks = st.one_of(ordered_clocks, shuffled_clocks)


@pytest.fixture(scope="session")
def pair(tiny_clip):
    r"""Makes a video with the clock given, and the eager series that it should equal."""
    segment = build_segment(LocalStore(), str(tiny_clip))

    def make(clock: np.ndarray) -> tuple[tv.LazyVideo, IrregularTimeSeries]:
        index = MemoryFrameIndex((str(tiny_clip),), (segment,), clock, index_id="pair")
        order = np.argsort(clock, kind="stable")
        video = tv.LazyVideo(tiny_clip, frame_index=index)
        return video, IrregularTimeSeries(
            timestamps=clock[order], frame_indices=order, domain=domain_of(clock)
        )

    return make


def usual_step(clock: np.ndarray) -> float:
    ordered = sorted(clock.tolist())
    steps = [after - before for before, after in pairwise(ordered) if after > before]
    return float(np.median(steps)) if steps else 0.0


def longest_step(clock: np.ndarray) -> float:
    return max(10 * usual_step(clock), 1.0)


def domain_of(clock: np.ndarray) -> Interval:
    # The definition, word for word: a step that is longer is a pause.
    ordered = sorted(clock.tolist())
    starts, ends = [ordered[0]], []
    for before, after in pairwise(ordered):
        if after - before > longest_step(clock):
            ends.append(before)
            starts.append(after)
    return Interval(np.array(starts), np.array([*ends, ordered[-1]]))


def assert_same(video: tv.LazyVideo, series: IrregularTimeSeries) -> None:
    assert isinstance(video, tv.LazyVideo)
    assert video.keys() == [*series.keys(), "frames"]
    assert video.timestamps.dtype == np.float64
    assert video.timestamps.tobytes() == series.timestamps.tobytes()
    assert video.frame_indices.dtype == np.int64
    assert video.frame_indices.tolist() == series.frame_indices.tolist()
    assert_same_domain(video, series)
    assert len(video) == video.frame_count == len(series)
    assert video.shape == (len(series), 3, 32, 32)
    assert video.is_sorted() == series.is_sorted()


def assert_same_domain(video: tv.LazyVideo, series: IrregularTimeSeries) -> None:
    assert video.domain.start.tobytes() == series.domain.start.tobytes()
    assert video.domain.end.tobytes() == series.domain.end.tobytes()


def assert_frames_are(video: tv.LazyVideo, numbers: np.ndarray) -> None:
    frames = video.frames
    assert frames.dtype == np.uint8 and frames.shape == video.shape
    assert frames.flags.c_contiguous and frames.flags.writeable
    assert read_numbers(frames).tolist() == list(numbers)
    assert video.valid.all()


def intervals_of(cuts: list[float]) -> Interval:
    cuts = cuts[: len(cuts) // 2 * 2]
    return Interval(np.array(cuts[::2]), np.array(cuts[1::2]))


interval_sets = st.lists(times, min_size=2, max_size=8, unique=True).map(
    lambda cuts: intervals_of(sorted(cuts))
)

# One step is applied to both sides alike.
steps = st.one_of(
    st.builds(
        lambda a, b, reset: lambda s: s.slice(min(a, b), max(a, b), reset),
        times,
        times,
        st.booleans(),
    ),
    st.builds(
        lambda bits: lambda s: s.select_by_mask(np.resize(bits, len(s))),
        st.lists(st.booleans(), min_size=1, max_size=9).map(lambda b: np.array(b, bool)),
    ),
    st.builds(lambda chosen: lambda s: s.select_by_interval(chosen), interval_sets),
    st.sampled_from([copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]),
)


@given(clock=clocks, program=st.lists(steps, max_size=5), decode=st.integers(0, 7))
def test_any_chain_of_operations_equals_that_on_an_eager_series(
    pair, clock, program, decode
):
    video, series = pair(clock)
    for number, step in enumerate(program):
        if number == decode:
            video.frames  # noqa: B018 - what is decoded must be handed on as well
        video, series = step(video), step(series)
        assert_same(video, series)
    if decode == 0:
        assert_frames_are(video, series.frame_indices)


@given(clock=clocks, a=times, b=times, reset_origin=st.booleans())
def test_a_window_holds_its_frames(pair, clock, a, b, reset_origin):
    video, series = pair(clock)
    window = video.slice(a, b, reset_origin) if a < b else video.slice(b, a, reset_origin)
    low, high = min(a, b), max(a, b)
    expected = series.frame_indices[(series.timestamps >= low) & (series.timestamps < high)]
    assert_frames_are(window, expected)
    kept = video.lazy_slice(low, high)
    assert_same(kept, series.slice(low, high, reset_origin=False))


@given(clock=clocks, bounds=st.lists(times, min_size=4, max_size=4))
def test_a_window_of_a_window_is_the_window(pair, clock, bounds):
    video, _ = pair(clock)
    (a, b), (c, d) = sorted(bounds[:2]), sorted(bounds[2:])
    twice = video.lazy_slice(a, b).lazy_slice(c, d)
    once = video.lazy_slice(max(a, c), max(c, min(b, d)))
    assert twice.timestamps.tobytes() == once.timestamps.tobytes()
    assert twice.frame_indices.tolist() == once.frame_indices.tolist()


@given(clock=exact_clocks, bounds=st.lists(times, min_size=4, max_size=4))
def test_a_window_of_a_window_counts_from_its_own_start(pair, clock, bounds):
    video, _ = pair(clock)
    (a, b), (c, d) = sorted(bounds[:2]), sorted(bounds[2:])
    twice = video.slice(a, b).slice(c, d)
    once = video.lazy_slice(max(a, a + c), min(b, a + d))
    assert twice.timestamps.tolist() == (once.timestamps - a - c).tolist()
    assert twice.frame_indices.tolist() == once.frame_indices.tolist()


@given(clock=clocks, cuts=st.lists(times, unique=True, max_size=6).map(sorted))
def test_adjacent_windows_tile_the_video(pair, clock, cuts):
    video, _ = pair(clock)
    edges = [-10.0, *cuts, 10.0]
    windows = [video.lazy_slice(a, b) for a, b in pairwise(edges)]
    tiled = np.concatenate([window.frame_indices for window in windows])
    assert tiled.tolist() == video.frame_indices.tolist()
    whole = tv.concat(windows)
    assert whole.timestamps.tobytes() == video.timestamps.tobytes()
    assert whole.frame_indices.tolist() == video.frame_indices.tolist()


@given(clock=clocks, a=times, b=times)
def test_no_window_at_all_is_an_empty_video(pair, clock, a, b):
    video, series = pair(clock)
    empty = video.slice(max(a, b), min(a, b))
    assert len(empty) == 0 and empty.timestamps.dtype == np.float64
    assert empty.frames.shape == (0, 3, 32, 32) and empty.frames.dtype == np.uint8
    assert empty.valid.shape == (0,)
    assert_same_domain(empty, series.slice(max(a, b), min(a, b)))


@given(
    clock=clocks,
    bounds=st.lists(st.tuples(times, times), min_size=1, max_size=4),
    sort=st.booleans(),
)
def test_concat_equals_that_of_eager_series(pair, clock, bounds, sort):
    video, series = pair(clock)
    windows = [video.lazy_slice(min(ab), max(ab)) for ab in bounds]
    eager = [series.slice(min(ab), max(ab), reset_origin=False) for ab in bounds]
    assume(all(len(window) for window in windows))
    joined, expected = tv.concat(windows, sort), temporaldata.concat(eager, sort)
    assert joined.timestamps.tobytes() == expected.timestamps.tobytes()
    assert_same_domain(joined, expected)
    # The host leaves frames of the same time in any order; here it is that of the windows.
    given_order = np.concatenate([window.frame_indices for window in windows])
    given_times = np.concatenate([window.timestamps for window in windows])
    order = np.argsort(given_times, kind="stable") if sort else slice(None)
    assert joined.frame_indices.tolist() == given_order[order].tolist()
    assert sorted(joined.frame_indices) == sorted(expected.frame_indices)


@given(clock=clocks, positions=st.lists(st.integers(0, N_FRAMES - 1), max_size=6))
def test_frames_at_positions_in_any_order(pair, clock, positions):
    video, series = pair(clock)
    frames = video.frames_at(positions)
    assert frames.shape == (len(positions), 3, 32, 32)
    assert read_numbers(frames).tolist() == series.frame_indices[positions].tolist()


def frame_shown(
    clock: np.ndarray, time: float, method: str, tolerance: float | None = None
) -> int:
    # The definition, word for word; among frames of the same time the order is kept.
    if tolerance is None:
        tolerance = max(2 * usual_step(clock), longest_step(clock))
    frame = frame_found(clock, time, method)
    return -1 if frame is None or abs(clock[frame] - time) > tolerance else frame


def frame_found(clock: np.ndarray, time: float, method: str) -> int | None:
    order = np.argsort(clock, kind="stable").tolist()
    before = [k for k in order if clock[k] <= time]
    after = [k for k in order if clock[k] >= time]
    previous, following = (before or [None])[-1], (after or [None])[0]
    if method == "nearest":
        if previous is None or following is None:
            return following if previous is None else previous
        return min(previous, following, key=lambda k: (abs(clock[k] - time), k != previous))
    return previous if method == "previous" else following


methods = st.sampled_from(["previous", "nearest", "next"])
tolerances = st.one_of(
    st.none(), st.just(np.inf), st.integers(0, 200).map(lambda k: k / GRID)
)


@given(
    clock=exact_clocks,
    wanted=st.lists(times, max_size=6).map(sorted),
    method=methods,
    tolerance=tolerances,
)
def test_resample_gives_the_frame_on_screen(pair, clock, wanted, method, tolerance):
    video, _ = pair(clock)
    expected = [frame_shown(clock, time, method, tolerance) for time in wanted]
    resampled = video.resample(wanted, method, tolerance)
    assert resampled.timestamps.tolist() == wanted
    assert resampled.frame_indices.tolist() == expected
    assert resampled.shape == (len(wanted), 3, 32, 32)
    again = pickle.loads(pickle.dumps(resampled)).lazy_slice(-10.0, 10.0)
    assert again.valid.tolist() == [frame >= 0 for frame in expected]
    assert not again.frames[~again.valid].any()
    shown = np.array(expected, int)[again.valid].tolist()
    assert read_numbers(again.frames[again.valid]).tolist() == shown
    for start, end in zip(resampled.domain.start, resampled.domain.end):
        within = [frame for time, frame in zip(wanted, expected) if start < time < end]
        assert -1 not in within
    for time, frame in zip(wanted, expected):
        inside = (resampled.domain.start <= time) & (time <= resampled.domain.end)
        assert frame < 0 or inside.any()


@given(
    clock=exact_clocks,
    bounds=st.tuples(times, times).filter(lambda ab: ab[0] < ab[1]),
    sixteenths=st.lists(st.integers(-20, 36), min_size=1, max_size=6).map(sorted),
    method=methods,
    tolerance=tolerances,
    reset_origin=st.booleans(),
)
def test_resample_of_a_window_shows_what_the_whole_video_shows(
    pair, clock, bounds, sixteenths, method, tolerance, reset_origin
):
    video, _ = pair(clock)
    start, end = bounds
    wanted = start + np.array(sixteenths) / 16 * (end - start)
    expected = [frame_shown(clock, time, method, tolerance) for time in wanted]
    window = video.slice(start, end, reset_origin)
    part = window.resample(wanted - start if reset_origin else wanted, method, tolerance)
    assert part.frame_indices.tolist() == expected


@given(
    clock=exact_clocks,
    bounds=st.tuples(times, times),
    method=methods,
)
def test_resample_of_a_concatenated_window_is_that_of_the_window(
    pair, clock, bounds, method
):
    video, _ = pair(clock)
    window = video.slice(min(bounds), max(bounds))
    assume(len(window))
    # A frame is on screen at its own time, whatever lies around the window.
    direct = window.resample(window.timestamps, method)
    joined = tv.concat([window]).resample(window.timestamps, method)
    assert joined.frame_indices.tolist() == direct.frame_indices.tolist()


@given(clock=exact_clocks, bits=st.lists(st.booleans(), min_size=1, max_size=9))
def test_resample_of_a_selection_knows_the_selection_alone(pair, clock, bits):
    video, series = pair(clock)
    mask = np.resize(np.array(bits, bool), len(video))
    chosen = video.select_by_mask(mask)
    assume(
        len(chosen) and not mask.all() and np.diff(np.flatnonzero(mask)).max(initial=0) > 1
    )
    middle = (chosen.timestamps[0] + chosen.timestamps[-1]) / 2
    kept = series.frame_indices[mask][series.timestamps[mask] <= middle]
    found = chosen.resample([middle], tolerance=np.inf)
    assert found.frame_indices.tolist() == [kept[-1]]


def test_resampled_frames_are_the_right_ones(pair):
    video, _ = pair(np.arange(N_FRAMES) / 10)
    window = video.slice(1.0, 2.0)
    resampled = window.resample(np.linspace(0.0, 0.99, 25))
    assert_frames_are(resampled, 10 + np.floor(np.linspace(0.0, 0.99, 25) * 10).astype(int))
    assert read_numbers(pickle.loads(pickle.dumps(resampled)).frames)[0] == 10


def test_timestamps_of_resample_are_a_copy(pair):
    video, _ = pair(np.arange(N_FRAMES) / 10)
    wanted = np.array([0.5, 1.5])
    resampled = video.resample(wanted)
    wanted[:] = 0.0
    assert resampled.timestamps.tolist() == [0.5, 1.5]


def test_a_clock_that_is_not_sorted_is_sorted_and_keeps_the_permutation(pair):
    clock = np.arange(N_FRAMES) / 10
    clock[[3, 7]] = clock[[7, 3]]
    video, _ = pair(clock)
    assert (np.diff(video.timestamps) >= 0).all()
    assert video.frame_indices[[3, 7]].tolist() == [7, 3]
    assert_frames_are(video.slice(0.25, 0.45), [7, 4])


def test_whole_and_parts_do_not_share_what_can_be_written(pair):
    video, _ = pair(np.arange(N_FRAMES) / 10)
    window = video.slice(0.0, 1.0)
    window.timestamps[:] = -1.0
    assert video.timestamps[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        video.timestamps[0] = 5.0
    window.frames[:] = 0
    part = window.slice(-2.0, 0.0)
    part.frames[:] = 1
    assert window.frames.max() == 0


def test_decoded_frames_survive_copies_and_pickling(pair):
    video, _ = pair(np.arange(N_FRAMES) / 10)
    window = video.slice(1.0, 2.0)
    frames = window.frames
    assert copy.copy(window).frames is frames
    deep = copy.deepcopy(window)
    assert deep.frames is not frames and np.array_equal(deep.frames, frames)
    assert np.array_equal(pickle.loads(pickle.dumps(window)).frames, frames)
    assert window.materialize() is window and window.frames is frames


def test_metadata_is_handed_on_as_the_same_object(pair, tiny_clip):
    video, _ = pair(np.arange(N_FRAMES) / 10)
    metadata = {"camera": "left"}
    video = tv.LazyVideo(
        tiny_clip, frame_index=video._recording.parts[0].index, metadata=metadata
    )
    assert video.slice(0.0, 1.0).metadata is metadata
    assert video.lazy_slice(0.0, 1.0).slice(0.1, 0.2).metadata is metadata
    assert video.select_by_mask(np.ones(N_FRAMES, bool)).metadata is metadata
    assert video.resample([1.0]).metadata is metadata
    assert tv.concat([video.slice(0, 1), video.slice(1, 2)]).metadata is metadata


def test_a_given_domain_is_cut_as_that_of_the_host(tiny_clip, pair):
    video, series = pair(np.arange(N_FRAMES) / 10)
    domain = Interval(np.array([0.0, 3.0]), np.array([1.0, 5.0]))
    video = tv.LazyVideo(
        tiny_clip, frame_index=video._recording.parts[0].index, domain=domain
    )
    series = IrregularTimeSeries(
        timestamps=series.timestamps, frame_indices=series.frame_indices, domain=domain
    )
    assert_same(video.slice(0.5, 3.5), series.slice(0.5, 3.5))


@pytest.mark.parametrize("reset_outer", [True, False])
@pytest.mark.parametrize("reset", [True, False])
def test_a_window_without_frames_knows_those_beside_it(pair, reset_outer, reset):
    video, _ = pair(np.arange(N_FRAMES) / 8)
    outer = video.slice(1.0, 4.0, reset_origin=reset_outer)
    start = 33 / 16 - reset_outer  # between the frames 16 and 17
    window = outer.slice(start, start + 1 / 32, reset_origin=reset)
    assert len(window) == 0
    here = 0.0 if reset else start
    for method, frame in (("previous", 16), ("next", 17)):
        assert window.resample([here], method).frame_indices.tolist() == [frame]
    same = tv.concat([window, window.lazy_slice(here, here)])
    assert same.resample([here]).frame_indices.tolist() == [16]


def test_joined_windows_without_frames_lie_where_the_first_one_lies(pair):
    video, _ = pair(np.arange(N_FRAMES) / 8)
    windows = [video.lazy_slice(start, start + 1 / 32) for start in (41 / 16, 33 / 16)]
    joined = tv.concat(windows)
    assert len(joined) == 0
    assert joined.resample([33 / 16]).frame_indices.tolist() == [16]


def test_height_and_width_may_be_a_list(clip):
    video = tv.LazyVideo.from_uri(clip, resize=[16, 24])
    assert video.resize == (16, 24) and video.slice(0.0, 0.1).frames.shape[2:] == (16, 24)


def test_the_rate_is_that_of_the_median_step(clip, tmp_path):
    video = tv.LazyVideo.from_uri(clip)
    assert video.rate == pytest.approx(30.0)
    assert video.slice(1.0, 2.0).rate == pytest.approx(30.0)
    assert np.isnan(video.slice(1.0, 1.03).rate)
    times = np.arange(120) / 25 + np.where(np.arange(120) < 60, 0.0, 7.0)
    place = tmp_path / "cam.lance"
    tv.write_index(clip, timestamps=times, index_uri=place, progress=False)
    paused = tv.LazyVideo.from_uri(clip, index_uri=place)
    assert paused.rate == pytest.approx(25.0)


def test_the_package_tells_its_version():
    from importlib.metadata import version

    assert tv.__version__ == version("temporaldata-video")
