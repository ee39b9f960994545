r"""Frames that are shown more than once, as those of a natural movie in an experiment."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._decode import decode
from temporaldata_video._index.memory_index import MemoryFrameIndex
from temporaldata_video.testing import make_clip, read_numbers
from temporaldata_video.types import Showings
from tests.helpers import words

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")

N = 30
# Shown ten times at 16 frames a second, with a grey screen of 4 s between.
TIMES = np.concatenate([100 + 6.0 * k + np.arange(N) / 16 for k in range(10)])
FRAMES = np.tile(np.arange(N), 10)


@pytest.fixture(scope="module")
def movie(tmp_path_factory) -> Path:
    path = make_clip(
        tmp_path_factory.mktemp("movie") / "movie.mp4", N, size=(32, 32), gop=15
    )
    clock = tv.Clock(TIMES, frame_index=FRAMES)
    tv.write_index(path, timestamps=clock, progress=False)
    return path


def test_each_showing_is_in_the_video(movie):
    video = tv.LazyVideo.from_uri(movie)
    assert video.timestamps.tolist() == TIMES.tolist()
    assert video.frame_indices.tolist() == FRAMES.tolist()
    assert video.segment_frame_counts.tolist() == [N]
    assert video.shape == (10 * N, 3, 32, 32)
    assert read_numbers(video.frames).tolist() == FRAMES.tolist()
    assert video.domain.start.tolist() == TIMES[::N].tolist()
    assert video.domain.end.tolist() == TIMES[N - 1 :: N].tolist()


def test_the_index_keeps_one_row_for_each_frame(movie):
    index = tv.LanceFrameIndex.open(f"{movie}.lance")
    assert index.timestamps().tolist() == TIMES[:N].tolist()
    again = index.shown_again()
    assert sorted(zip(again.times, again.frames)) == list(zip(TIMES[N:], FRAMES[N:]))
    assert isinstance(index, tv.ClockIndex)


@pytest.mark.parametrize("reset_origin", [True, False])
def test_windows(movie, reset_origin):
    video = tv.LazyVideo.from_uri(movie)
    for start, end in ((100.5, 101.0), (112.25, 113.0), (101.0, 119.0), (102.0, 105.0)):
        window = video.slice(start, end, reset_origin)
        inside = (start <= TIMES) & (end > TIMES)
        assert window.frame_indices.tolist() == FRAMES[inside].tolist()
        since = start if reset_origin else 0.0
        assert window.timestamps.tolist() == (TIMES[inside] - since).tolist()
        assert read_numbers(window.frames).tolist() == FRAMES[inside].tolist()


@pytest.mark.parametrize("method", ["previous", "nearest", "next"])
def test_resample_shows_what_was_on_screen(movie, method):
    video = tv.LazyVideo.from_uri(movie)
    rng = np.random.default_rng(2)
    for start in rng.uniform(98.0, 160.0, 60):
        window = video.slice(start, start + 1.0)
        at = np.sort(rng.uniform(-2.5, 3.5, 6))
        found = [shown_at(TIMES, FRAMES, start + time, method) for time in at]
        resampled = window.resample(at, method)
        assert resampled.frame_indices.tolist() == found
        assert resampled.valid.tolist() == [frame >= 0 for frame in found]


def test_a_selection_of_several_showings_knows_itself_alone(movie):
    video = tv.LazyVideo.from_uri(movie)
    # All frames of the movie in their order, the first half of one showing and the rest of
    # another.
    mask = np.zeros(10 * N, bool)
    mask[: N // 2] = mask[N + N // 2 : 2 * N] = True
    chosen = video.select_by_mask(mask)
    assert chosen.frame_indices.tolist() == list(range(N))
    at = np.array([100.0, 101.0, 101.5, 106.5, 107.0, 107.8])
    expected = [shown_at(TIMES[mask], FRAMES[mask], t, "previous") for t in at]
    assert chosen.resample(at).frame_indices.tolist() == expected


def shown_at(times, frames, time, method, tolerance=1.0) -> int:
    # The definition, word for word.
    by_time = sorted(range(len(times)), key=lambda k: times[k])
    before = [k for k in by_time if times[k] <= time][-1:]
    after = [k for k in by_time if times[k] >= time][:1]
    chosen = {"previous": before, "next": after, "nearest": before + after}[method]
    if not chosen:
        return -1
    nearest = min(chosen, key=lambda k: abs(times[k] - time))
    return int(frames[nearest]) if abs(times[nearest] - time) <= tolerance else -1


@pytest.mark.parametrize("lazy", [True, False])
def test_recordings_keep_every_showing(movie, tmp_path, lazy):
    folder = shutil.copytree(movie.parent, tmp_path / "here")
    video = tv.LazyVideo.from_uri(folder / "movie.mp4")
    Data(video=video, domain=video.domain).save(folder / "rec.h5")
    loaded = Data.load(folder / "rec.h5", lazy=lazy)
    assert loaded.video.frame_indices.tolist() == FRAMES.tolist()
    window = loaded.slice(112.0, 113.0).video
    assert read_numbers(window.frames).tolist() == list(range(16))
    # The frame before is known, since the clock of the index is still the recording's.
    before = loaded.slice(112.26, 113.0).video.resample([0.0])
    assert before.frame_indices.tolist() == [4]
    others = tv.Clock(TIMES + np.repeat(np.arange(10), N), frame_index=FRAMES)
    tv.write_index(folder / "movie.mp4", timestamps=others, overwrite=True, progress=False)
    with pytest.warns(tv.IndexWarning, match="another clock"):
        assert Data.load(folder / "rec.h5").video.resample([112.25]).frame_indices == [4]


def test_windows_of_several_showings_in_concat(movie):
    video = tv.LazyVideo.from_uri(movie)
    joined = tv.concat([video.lazy_slice(112.0, 112.5), video.lazy_slice(100.0, 100.5)])
    assert joined.timestamps.tolist() == [*TIMES[:8], *TIMES[60:68]]
    assert read_numbers(joined.frames).tolist() == [*range(8), *range(8)]


def test_each_frame_is_decoded_once_in_a_request(movie, monkeypatch):
    fed = []
    cut = decode._cut

    def counting(*arguments):
        for packet in cut(*arguments):
            fed.append(packet)
            yield packet

    monkeypatch.setattr(decode, "_cut", counting)
    video = tv.LazyVideo.from_uri(movie)
    assert len(video.frames) == 10 * N
    assert len(fed) == N
    assert video.cost().frames == N == video.cost().decoded


def test_the_report_counts_what_is_shown_again():
    report = tv.examine_clock(tv.Clock(TIMES, frame_index=FRAMES + 10**12))
    assert report.again.times.tolist() == TIMES[N:].tolist()
    assert report.again.frames.tolist() == (FRAMES[N:] + 10**12).tolist()
    assert "shown again 270" in words(report)
    assert "again" not in str(tv.examine_clock(TIMES))


def test_a_fresh_index_has_the_same_showings(movie, tmp_path):
    path = shutil.copy(movie, tmp_path / "movie.mp4")
    clock = tv.Clock(TIMES, frame_index=FRAMES)
    assert tv.index_many([path], timestamps=clock)[0].status == "done"
    assert tv.index_many([path], timestamps=clock)[0].status == "skipped"
    once = tv.Clock(TIMES[:N], frame_index=FRAMES[:N])
    failed = tv.index_many([path], timestamps=once)[0]
    assert failed.status == "failed" and "other timestamps" in failed.reason


def test_a_copy_is_shown_as_often(movie, tmp_path):
    made = tv.reencode(movie, tmp_path / "copy.mp4", gop=5, progress=False)
    copy = tv.LazyVideo.from_uri(made.uris[0])
    assert copy.timestamps.tolist() == TIMES.tolist()
    assert copy.frame_indices.tolist() == FRAMES.tolist()


def test_orders_and_frames_of_a_random_presentation(tiny_clip):
    segment = build_segment(LocalStore(), str(tiny_clip))
    n = len(segment)

    @given(
        st.lists(st.tuples(st.integers(0, 640), st.integers(0, n - 1)), max_size=80),
        st.tuples(st.integers(0, 640), st.integers(0, 640)),
    )
    def check(shown, bounds):
        first = np.full(n, np.nan)
        again = []
        for time, frame in sorted(shown):
            if np.isnan(first[frame]):
                first[frame] = time / 64
            else:
                again.append((time / 64, frame))
        showings = Showings(
            np.array([time for time, _ in again], float),
            np.array([frame for _, frame in again], np.int64),
        )
        index = MemoryFrameIndex((str(tiny_clip),), (segment,), first, "it", again=showings)
        video = tv.LazyVideo(tiny_clip, frame_index=index)
        start, end = min(bounds) / 64, max(bounds) / 64
        window = video.lazy_slice(start, end)
        expected = sorted((t / 64, frame) for t, frame in shown if start <= t / 64 < end)
        assert window.timestamps.tolist() == [time for time, _ in expected]
        found = sorted(zip(window.timestamps.tolist(), window.frame_indices.tolist()))
        assert found == expected
        assert read_numbers(window.frames).tolist() == window.frame_indices.tolist()
        for before, after in pairwise(sorted({time / 64 for time, _ in shown})):
            middle = (before + after) / 2
            at = window.resample([middle], tolerance=np.inf).frame_indices.tolist()
            assert at[0] in [frame for time, frame in shown if time / 64 == before]

    check()


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: stored | {"times": "%%%"},
        lambda stored: stored | {"times": stored["times"][:-4]},
        lambda stored: stored | {"frames": stored["frames"][: 8 * 4]},
        lambda stored: stored | {"frames": "/" * len(stored["frames"])},
        lambda stored: stored | {"times": "/" * len(stored["times"])},
        lambda stored: {"times": stored["times"]},
        lambda stored: 5,
        lambda stored: [],
    ],
)
def test_damaged_showings_are_said(movie, tmp_path, change):
    import lance

    table = lance.dataset(f"{movie}.lance").to_table()
    metadata = dict(table.schema.metadata)
    header = json.loads(metadata[b"temporaldata_video"])
    header["shown_again"] = change(header["shown_again"])
    metadata[b"temporaldata_video"] = json.dumps(header).encode()
    table = table.replace_schema_metadata(metadata)
    lance.write_dataset(table, tmp_path / "d.lance", data_storage_version="2.0")
    with pytest.raises(tv.IndexFormatError, match="is damaged"):
        tv.LanceFrameIndex.open(tmp_path / "d.lance")


def test_frames_that_are_never_shown(movie, tmp_path):
    path = shutil.copy(movie, tmp_path / "movie.mp4")
    fields = {"frame_index": [3, 5, 3], "unit": "s"}
    with pytest.raises(tv.ClockError, match="no timestamp for 28 of the 30 frames"):
        tv.write_index(path, timestamps=tv.Clock([1.0, 2.0, 3.0], **fields))
    clock = tv.Clock([1.0, 2.0, 3.0], **fields, on_nan="drop")
    tv.write_index(path, timestamps=clock, progress=False)
    video = tv.LazyVideo.from_uri(path)
    assert read_numbers(video.frames).tolist() == [3, 5, 3]


def test_pose_is_drawn_when_a_frame_is_shown(movie):
    from temporaldata_video._video.thumbnails import times_taken

    window = tv.LazyVideo.from_uri(movie).slice(112.0, 113.0)
    assert times_taken(window).tolist() == window.timestamps.tolist()


def test_an_index_series_of_nwb(movie, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    from datetime import UTC, datetime

    nwb = pynwb.NWBFile("a movie", "movie", datetime(2026, 1, 1, tzinfo=UTC))
    picture = pynwb.image.GrayscaleImage(name="first", data=np.zeros((2, 2), np.uint8))
    frames = pynwb.base.Images(name="frames", images=[picture])
    nwb.add_stimulus_template(frames)
    shown = pynwb.image.IndexSeries(
        name="shown",
        data=FRAMES.astype("uint32"),
        timestamps=TIMES,
        unit="N/A",
        indexed_images=frames,
    )
    nwb.add_stimulus(shown)
    with pynwb.NWBHDF5IO(tmp_path / "rec.nwb", "w") as file:
        file.write(nwb)
    path = shutil.copy(movie, tmp_path / "movie.mp4")
    group = "stimulus/presentation/shown"
    clock = tv.Clock(
        tmp_path / "rec.nwb", column=f"{group}/timestamps", frame_index=f"{group}/data"
    )
    tv.write_index(path, timestamps=clock, progress=False)
    data = Data(video=tv.LazyVideo.from_uri(path), domain=Interval(90.0, 170.0))
    assert read_numbers(data.slice(118.0, 118.5).video.frames).tolist() == list(range(8))
