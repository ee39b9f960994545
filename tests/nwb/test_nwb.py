r"""Videos of NWB files, there and back, with the numbers of their frames in the pixels."""

from __future__ import annotations

import os
import pickle
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers

pynwb = pytest.importorskip("pynwb")
from pynwb.image import ImageSeries  # noqa: E402

COUNTS = (20, 15)
N = sum(COUNTS)
TIMES = 3 + np.cumsum(np.random.default_rng(0).uniform(0.02, 0.04, N))


@pytest.fixture
def clips(tmp_path):
    (tmp_path / "videos").mkdir()
    paths, first = [], 0
    for name, count in zip("ab", COUNTS):
        path = tmp_path / "videos" / f"{name}.mp4"
        paths.append(make_clip(path, count, size=(32, 48), gop=8, first_frame=first))
        first += count
    return paths


@pytest.fixture
def save(tmp_path):
    def write(*series):
        file = pynwb.NWBFile("test", "id", datetime(2026, 1, 1, tzinfo=UTC))
        for item in series:
            file.add_acquisition(item)
        path = tmp_path / "rec.nwb"
        with pynwb.NWBHDF5IO(path, "w") as io:
            io.write(file)
        return path

    return write


def external(files, name="camera", **fields):
    if "rate" in fields and "num_samples" in ImageSeries.__nwbfields__:
        starts = fields.get("starting_frame", [0])
        fields["num_samples"] = sum(COUNTS[: len(starts)])
    return ImageSeries(
        name=name, external_file=[str(f) for f in files], format="external", **fields
    )


def open_quietly(*arguments, **options):
    with pytest.warns(tv.IndexWarning, match="temporaldata-video index-nwb"):
        return tv.nwb.open_video(*arguments, **options)


def errors_of(path):
    found = pynwb.validate(path=path)
    return found[0] if isinstance(found, tuple) else found


RELATIVE = ["videos/a.mp4", "./videos/b.mp4"]


def test_several_files_with_timestamps(clips, save, monkeypatch, tmp_path):
    path = save(external(RELATIVE, starting_frame=[0, 20], timestamps=TIMES))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # paths count from the NWB file
    video = open_quietly(path, colorspace="G")
    assert video.segment_frame_counts.tolist() == list(COUNTS)
    np.testing.assert_array_equal(video.timestamps, TIMES)
    window = video.slice(TIMES[18], TIMES[23], reset_origin=False)
    assert read_numbers(window.frames).tolist() == [18, 19, 20, 21, 22]
    again = pickle.loads(pickle.dumps(video))
    assert read_numbers(again.frames_at([N - 1])).tolist() == [N - 1]


def test_one_file_with_a_rate(clips, save):
    path = save(external(clips[:1], rate=25.0, starting_time=7.0))
    video = open_quietly(path)
    np.testing.assert_allclose(video.timestamps, 7 + np.arange(20) / 25, rtol=1e-15)


def test_several_files_with_a_rate(clips, save):
    path = save(external(clips, starting_frame=[0, 20], rate=25.0, starting_time=7.0))
    video = open_quietly(path)
    np.testing.assert_allclose(video.timestamps, 7 + np.arange(N) / 25, rtol=1e-15)


def test_a_series_in_memory(clips):
    series = external(clips, starting_frame=[0, 20], timestamps=TIMES.tolist())
    np.testing.assert_array_equal(open_quietly(series).timestamps, TIMES)


def test_timestamps_of_another_series(clips, save):
    first = external(clips, "left", starting_frame=[0, 20], timestamps=TIMES)
    second = external(clips[::-1], "right", starting_frame=[0, 15], timestamps=first)
    path = save(first, second)
    video = open_quietly(path, "right")
    np.testing.assert_array_equal(video.timestamps, TIMES)
    assert read_numbers(video.frames_at([0])).tolist() == [20]
    with pytest.raises(ValueError, match="has 2; the file holds: 'left', 'right'"):
        tv.nwb.open_video(path)
    with pytest.raises(ValueError, match="has 0; the file holds: 'left', 'right'"):
        tv.nwb.open_video(path, "top")


# Sidecars -------------------------------------------------------------------------------


def test_an_index_is_written_and_used(clips, save):
    path = save(external(RELATIVE, starting_frame=[0, 20], timestamps=TIMES))
    tv.nwb.write_index(path)
    video = tv.LazyVideo.from_uri(clips[0])
    np.testing.assert_array_equal(video.timestamps, TIMES)
    assert read_numbers(video.frames_at([25])).tolist() == [25]
    tv.nwb.write_index(path, overwrite=True)
    np.testing.assert_array_equal(tv.nwb.open_video(path).timestamps, TIMES)


def test_a_sidecar_gives_positions_and_nwb_the_times(clips, save):
    tv.write_index(clips[0], segment_uris=clips[1:], progress=False)
    path = save(external(RELATIVE, starting_frame=[0, 20], timestamps=TIMES))
    video = tv.nwb.open_video(path)  # without a warning
    np.testing.assert_array_equal(video.timestamps, TIMES)
    assert read_numbers(video.frames).tolist() == list(range(N))


# There and back -------------------------------------------------------------------------


def test_a_round_trip_that_the_validator_accepts(clips, save, tmp_path):
    tv.write_index(clips[0], segment_uris=clips[1:], timestamps=TIMES, progress=False)
    video = tv.LazyVideo.from_uri(clips[0])
    series = tv.nwb.image_series(
        video, "camera", nwb_path=tmp_path / "rec.nwb", description="a mouse"
    )
    assert list(series.external_file) == ["videos/a.mp4", "videos/b.mp4"]
    assert list(series.starting_frame) == [0, 20]
    path = save(series)
    assert not errors_of(path)
    # The folder moves as a whole.
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.move(path, moved)
    shutil.move(tmp_path / "videos", moved)
    found = tv.nwb.open_video(moved / "rec.nwb", "camera")
    np.testing.assert_array_equal(found.timestamps, TIMES)
    assert read_numbers(found.frames).tolist() == list(range(N))
    assert found.uri == os.fspath(moved / "videos" / "a.mp4")


def test_a_round_trip_with_a_rate(clips, save):
    tv.write_index(clips[0], progress=False)
    series = tv.nwb.image_series(tv.LazyVideo.from_uri(clips[0]), "camera", rate=30)
    assert series.timestamps is None and series.rate == 30.0
    path = save(series)
    assert not errors_of(path)
    found = tv.nwb.open_video(path)
    np.testing.assert_allclose(found.timestamps, np.arange(20) / 30, rtol=1e-15)


def test_a_gap_between_files_is_an_error_with_a_rate(clips):
    times = np.arange(N) / 30
    times[20:] += 2
    tv.write_index(clips[0], segment_uris=clips[1:], timestamps=times, progress=False)
    video = tv.LazyVideo.from_uri(clips[0])
    with pytest.raises(ValueError, match=r"gap of 2 s between .*a.mp4' and .*b.mp4'"):
        tv.nwb.image_series(video, "camera", rate=30)
    series = tv.nwb.image_series(video, "camera")  # timestamps can say it
    np.testing.assert_array_equal(series.timestamps, times)


def test_what_nwb_cannot_express(clips):
    times = np.arange(20) / 30
    times[7] = np.nan
    clock = tv.Clock(times, on_nan="drop")
    tv.write_index(clips[0], timestamps=clock, progress=False)
    with pytest.raises(ValueError, match=r"frame 7 .* have no time"):
        tv.nwb.image_series(tv.LazyVideo.from_uri(clips[0]), "camera")
    tv.write_index(clips[0], timestamps=TIMES[:20], overwrite=True, progress=False)
    video = tv.LazyVideo.from_uri(clips[0])
    with pytest.raises(ValueError, match="window of 5 of 20 frames"):
        tv.nwb.image_series(video.slice(TIMES[5], TIMES[10]), "camera")
    with pytest.raises(ValueError, match="window of 20"):
        tv.nwb.image_series(video.slice(0.5, 99.0), "camera")
    with pytest.raises(ValueError, match=r"frame 1 is .* ms off a rate of 30"):
        tv.nwb.image_series(video, "camera", rate=30)
    with pytest.raises(ValueError, match="rate must be"):
        tv.nwb.image_series(video, "camera", rate=0)


def test_concatenated_videos(clips):
    for path, times in zip(clips, (TIMES[:20], TIMES[20:])):
        tv.write_index(path, timestamps=times, progress=False)
    video = tv.concat([tv.LazyVideo.from_uri(path) for path in clips])
    series = tv.nwb.image_series(video, "camera")
    assert list(series.starting_frame) == [0, 20]
    np.testing.assert_array_equal(series.timestamps, TIMES)


# What makes no sense --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"starting_frame": [0, 19], "timestamps": TIMES}, "a.mp4' has 20 .* 19 in"),
        ({"starting_frame": [0, 20], "timestamps": TIMES[:-1]}, "b.mp4' has 15 .* 14 in"),
        ({"starting_frame": [0, 20], "timestamps": TIMES[::-1]}, "steps back in 34 places"),
        ({"starting_frame": [5, 20], "timestamps": TIMES}, "starting at 0"),
        ({"starting_frame": [0, 0], "timestamps": TIMES}, "increasing"),
        ({"starting_frame": [0, 99], "timestamps": TIMES}, "last file starts at frame 99"),
        ({"starting_frame": [0, 20], "rate": 0.0}, "neither timestamps nor a rate"),
    ],
)
def test_series_that_make_no_sense(clips, fields, says):
    with pytest.raises(ValueError, match=says):
        tv.nwb.open_video(external(clips, **fields))


@pytest.mark.filterwarnings("default::temporaldata_video.VideoWarning")
def test_a_surplus_is_left_out_when_told_so(clips):
    series = external(clips, starting_frame=[0, 18], timestamps=TIMES[:-2])
    with pytest.warns(tv.IndexWarning, match="a.mp4' has 20 frames, and .* counts 18"):
        video = tv.nwb.open_video(series, on_mismatch="trim")
    np.testing.assert_array_equal(video.timestamps, TIMES[:-2])
    assert video.frame_indices.tolist() == [*range(18), *range(20, N)]


def test_files_that_are_no_nwb(tmp_path, clips):
    (tmp_path / "text.nwb").write_text("no")
    for path in (tmp_path / "text.nwb", clips[0]):
        with pytest.raises(ValueError, match="is no NWB file"):
            tv.nwb.open_video(path)
    with pytest.raises(FileNotFoundError):
        tv.nwb.open_video(tmp_path / "none.nwb")
    with pytest.raises(ValueError, match="ImageSeries with external_file"):
        tv.nwb.open_video(42)


def test_a_video_that_is_not_there(save):
    path = save(external(["gone.mp4"], timestamps=TIMES))
    with pytest.raises(tv.SourceNotFoundError, match=r"gone.mp4"):
        tv.nwb.open_video(path)


@pytest.mark.parametrize(
    "option", [{"on_mismatch": "guess"}, {"on_jump": "guess"}, {"threads": 0}]
)
def test_arguments_that_are_unknown(clips, option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} must be"):
        tv.nwb.open_video(external(clips[:1], timestamps=TIMES[:20]), **option)
