r"""A lazy video in a recording that is saved, moved, and loaded with and without us."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from tests.helpers import SECONDS, assert_window, make_data

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")


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
    assert loaded.video._recording.threads == "auto"
    assert loaded.video._recording.on_error == "mask"
    assert loaded.video.shape == (len(sample.video), 32, 48, 1)
    assert loaded.video.timestamps.tobytes() == sample.video.timestamps.tobytes()
    assert np.array_equal(
        loaded.slice(0.5, 1.0).video.frames, sample.slice(0.5, 1.0).video.frames
    )
    # What was on screen when the window began was shown before it.
    before = int(np.flatnonzero(clock <= 1.0)[-1])
    assert loaded.video.resample([0.0]).frame_indices.tolist() == [before]


@pytest.mark.parametrize(("start", "end"), [(1.0, 1.0), (2.0, 1.0), (100.0, 101.0)])
@pytest.mark.parametrize("lazy", [True, False])
def test_empty_windows_are_saved_and_loaded(data, tmp_path, start, end, lazy):
    empty = data.video.slice(start, end)
    assert empty.frames.shape == (0, 3, 64, 96)
    Data(video=empty, domain=Interval(0.0, 1.0)).save(tmp_path / "empty.h5")
    loaded = Data.load(tmp_path / "empty.h5", lazy=lazy).video
    assert type(loaded) is tv.LazyVideo and len(loaded) == 0
    assert loaded.frames.shape == (0, 3, 64, 96)
    assert len(loaded.slice(0.0, 1.0)) == 0


@pytest.mark.parametrize("reset_origin", [True, False])
def test_an_empty_window_that_was_saved_knows_where_it_lies(
    data, clock, tmp_path, reset_origin
):
    start = (clock[40] + clock[41]) / 2
    empty = data.video.slice(start, start + 1e-6, reset_origin)
    assert len(empty) == 0
    Data(video=empty, domain=Interval(0.0, 1.0)).save(tmp_path / "empty.h5")
    loaded = Data.load(tmp_path / "empty.h5").video
    here = 0.0 if reset_origin else start
    assert loaded.resample([here]).frame_indices.tolist() == [40]


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


@dataclass
class Session:
    recording_hash: str
    cameras: tuple[str, ...]
    gain: np.float64


MAPPING = {"recording_hash": "a1", "cameras": ["left", "right"], "gain": 1.5}


def reloaded(path, metadata, folder):
    video = tv.LazyVideo.from_uri(path, metadata=metadata)
    assert video.slice(0.0, 1.0).metadata is metadata
    Data(video=video.slice(0.0, 2.0), domain=video.domain).save(folder / "rec.h5")
    return Data.load(folder / "rec.h5").video.slice(0.0, 1.0).metadata


@pytest.mark.parametrize(
    "metadata",
    [
        MAPPING,
        Session("a1", ("left", "right"), np.float64(1.5)),
        SimpleNamespace(**MAPPING, _file=open),
    ],
    ids=["mapping", "dataclass", "object"],
)
def test_metadata_comes_back_as_a_mapping(clip, tmp_path, metadata):
    assert reloaded(clip, metadata, tmp_path) == MAPPING


def test_no_metadata_stays_none(clip, tmp_path):
    assert reloaded(clip, None, tmp_path) is None


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"day": date(2026, 11, 28)}, r"metadata\['day'\] \(date\)"),
        ({"of": {"mask": np.zeros(3)}}, r"metadata\['of'\]\['mask'\] \(ndarray\)"),
        ({"all": ["a", b"b"]}, r"metadata\['all'\]\[1\] \(bytes\)"),
        ({7: "a"}, r"metadata\[7\] \(a key of type int\)"),
    ],
)
def test_metadata_that_cannot_be_kept_is_named(clip, tmp_path, more, named):
    with pytest.warns(tv.VideoWarning, match=f"cam.mp4.*: {named}") as caught:
        kept = reloaded(clip, {**MAPPING, **more}, tmp_path)
    assert kept == {**MAPPING, **({"of": {}} if "of" in more else {})}
    assert caught[0].filename.endswith("test_video_saving.py")


@pytest.mark.parametrize(
    "metadata", [object(), {"notes": "a" * 70_000}], ids=["kind", "size"]
)
def test_metadata_of_which_nothing_is_kept(clip, tmp_path, metadata):
    with pytest.warns(tv.VideoWarning, match="does not keep all metadata"):
        assert reloaded(clip, metadata, tmp_path) is None


def test_metadata_that_contains_itself(clip, tmp_path):
    metadata = {}
    metadata["self"] = metadata
    with pytest.warns(tv.VideoWarning, match="it contains itself"):
        assert reloaded(clip, metadata, tmp_path) is None
