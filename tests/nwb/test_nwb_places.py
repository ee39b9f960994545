r"""Where the videos of NWB files are: on servers, on other machines, beside the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._cli.main import main
from tests.labs import copy_lab, shown_numbers

pynwb = pytest.importorskip("pynwb")

COUNTS = (60, 40)
TIMES = np.concatenate([start + np.arange(n) / 30 for start, n in zip((5, 15), COUNTS)])
in_memory = pytest.mark.filterwarnings("ignore:.*have no frame index.*")


@pytest.fixture
def folder(tmp_path) -> Path:
    return copy_lab("nwb_paths", tmp_path)


@pytest.fixture
def served(folder, files) -> str:
    r"""The url of a folder that a server has."""
    target = files.folder / f"nwb_{folder.parent.name}"
    shutil.copytree(folder, target)
    return f"{files.url}/{target.name}"


def point_to(path, files) -> None:
    r"""Has a series name other files, as long as its own names or shorter."""
    with h5py.File(path, "r+") as file:
        dataset = file["acquisition/Left/external_file"]
        attributes = dict(dataset.attrs)
        del file["acquisition/Left/external_file"]
        new = file["acquisition/Left"].create_dataset("external_file", data=list(files))
        new.attrs.update(attributes)


def assert_right(video) -> None:
    assert video.segment_frame_counts.tolist() == list(COUNTS)
    assert video.timestamps == pytest.approx(TIMES)
    window = video.slice(6.5, 15.5, reset_origin=False)
    assert shown_numbers(window.frames) == window.frame_indices.tolist()
    assert {59, 60} <= set(window.frame_indices.tolist())


def index_nwb(*arguments) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["index-nwb", *map(str, arguments)])
    return stop.value.code or 0


# Beside the file ------------------------------------------------------------------------


@in_memory
def test_files_that_count_from_the_nwb_file(folder):
    assert_right(tv.nwb.open_video(folder / "relative.nwb"))


@in_memory
def test_windows_paths_of_another_machine(folder):
    with pytest.warns(tv.IndexWarning, match="by its name alone") as warned:
        video = tv.nwb.open_video(folder / "windows.nwb")
    message = str(warned[0].message)
    assert r"C:\\Users\\Anna\\Data\\left_0.mp4' and 1 more" in message
    assert str(folder / "left_0.mp4") in message
    assert_right(video)


@in_memory
@pytest.mark.parametrize("place", ["/home/anna/data", "videos", "videos\\day1"])
def test_other_paths_that_lead_nowhere(folder, place):
    point_to(folder / "relative.nwb", [f"{place}/left_{k}.mp4" for k in (0, 1)])
    with pytest.warns(tv.IndexWarning, match="by its name alone"):
        video = tv.nwb.open_video(folder / "relative.nwb")
    assert_right(video)


def test_a_video_of_that_name_with_other_frames_is_refused(folder):
    shutil.copy(folder / "left_1.mp4", folder / "left_0.mp4")
    with (
        pytest.warns(tv.IndexWarning, match="by its name alone"),
        pytest.raises(ValueError, match=r"left_0.mp4' has 40 frames, .* counts 60 in it"),
    ):
        tv.nwb.open_video(folder / "windows.nwb")


@pytest.mark.parametrize("name", ["windows.nwb", "relative.nwb"])
def test_a_video_that_is_nowhere(folder, name):
    os.unlink(folder / "left_1.mp4")
    tv.write_index(folder / "left_0.mp4", progress=False)
    with pytest.raises(tv.SourceNotFoundError, match="beside the NWB file") as raised:
        tv.nwb.open_video(folder / name) if name == "relative.nwb" else quiet(folder / name)
    # Opened by itself, it would have its container's times.
    assert "from_uri" not in str(raised.value)
    assert "ImageSeries 'Left'" in str(raised.value) and "left_1.mp4" in str(raised.value)


def quiet(path):
    with pytest.warns(tv.IndexWarning, match="by its name alone"):
        tv.nwb.open_video(path)


# On servers -----------------------------------------------------------------------------


@in_memory
def test_files_on_a_server(folder, served, configure, tmp_path):
    path = folder / "url.nwb"
    point_to(path, [f"{served}/left_{k}.mp4" for k in (0, 1)])
    with pytest.raises(tv.SourceError, match=r"configure\(allowed_schemes=\['http'\]\)"):
        tv.nwb.open_video(path)
    configure(allowed_schemes=["http"])
    with pytest.warns(tv.IndexWarning, match="url.nwb --series Left --index-uri PATH"):
        video = tv.nwb.open_video(path)
    assert_right(video)
    with pytest.raises(tv.BackendError, match="pass index_uri="):
        tv.nwb.write_index(path)
    place = tmp_path / "left.lance"
    tv.nwb.write_index(path, index_uri=place)
    assert_right(tv.nwb.open_video(path, index_uri=place))
    assert_right(tv.LazyVideo.from_uri(f"{served}/left_0.mp4", index_uri=place))


@in_memory
def test_an_nwb_file_on_a_server_and_files_beside_it(served, tmp_path):
    url = f"{served}/relative.nwb"
    with pytest.warns(tv.IndexWarning, match="have no frame index"):
        assert_right(tv.nwb.open_video(url, "Left"))
    tv.nwb.write_index(url, index_uri=tmp_path / "left.lance")
    video = tv.nwb.open_video(url, index_uri=tmp_path / "left.lance")
    assert_right(video)
    assert video.uri == f"{served}/left_0.mp4"


@in_memory
def test_windows_paths_in_an_nwb_file_on_a_server(served):
    with pytest.warns(tv.IndexWarning, match="by its name alone"):
        video = tv.nwb.open_video(f"{served}/windows.nwb")
    assert_right(video)


@in_memory
def test_a_series_of_a_file_that_was_streamed(served, folder, files):
    with (
        open(folder / "relative.nwb", "rb") as opened,
        h5py.File(opened, "r") as file,
        pynwb.NWBHDF5IO(file=file, load_namespaces=True) as io,
    ):
        series = io.read().acquisition["Left"]
        with pytest.raises(ValueError, match=r"'./left_0.mp4', which .* pass nwb_path="):
            tv.nwb.open_video(series)
        for place in (f"{served}/relative.nwb?sig=12", folder / "relative.nwb"):
            assert_right(tv.nwb.open_video(series, nwb_path=place))


def test_what_a_server_does_not_have(served):
    with pytest.raises(tv.SourceNotFoundError, match=r"none.nwb"):
        tv.nwb.open_video(f"{served}/none.nwb")
    with pytest.raises(ValueError, match="is no NWB file"):
        tv.nwb.open_video(f"{served}/left_0.mp4")


# Indexing -------------------------------------------------------------------------------


def test_indexing_twice_is_no_error(folder):
    first = tv.nwb.write_index(folder / "relative.nwb")
    again = tv.nwb.write_index(folder / "relative.nwb")
    assert again.index_id == first.index_id
    assert_right(tv.LazyVideo.from_uri(folder / "left_0.mp4"))
    assert tv.nwb.write_index(folder / "relative.nwb", overwrite=True).version == 2


def test_an_index_with_other_times_is_not_replaced(folder):
    tv.write_index([folder / "left_0.mp4", folder / "left_1.mp4"], progress=False)
    with pytest.raises(tv.FrameIndexError, match="not those of ImageSeries 'Left'"):
        tv.nwb.write_index(folder / "relative.nwb")
    tv.nwb.write_index(folder / "relative.nwb", overwrite=True)
    assert_right(tv.LazyVideo.from_uri(folder / "left_0.mp4"))


def test_what_a_series_says_may_be_handed_on(folder):
    external = tv.nwb.read_series(folder / "relative.nwb")
    assert external.nwb_path == str(folder / "relative.nwb")
    tv.nwb.write_index(external)
    assert_right(tv.nwb.open_video(external))


@pytest.fixture
def several(folder) -> Path:
    r"""An NWB file with two cameras, and a third whose file is gone."""
    path = folder / "several.nwb"
    with pynwb.NWBHDF5IO(folder / "relative.nwb", "r", load_namespaces=True) as io:
        start = io.read().session_start_time
    file = pynwb.NWBFile("test", "several", start)
    for name, count in (("left_0", 60), ("left_1", 40), ("gone", 10)):
        file.add_acquisition(
            pynwb.image.ImageSeries(
                name=name,
                external_file=[f"{name}.mp4"],
                format="external",
                starting_frame=[0],
                timestamps=100 + np.arange(count) / 30,
            )
        )
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def test_every_series_of_a_file(several, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert index_nwb(several, "--all") == 1
    said = capsys.readouterr()
    assert "1 of 3 videos could not be indexed" in said.err
    assert (said.out.count(" done "), said.out.count(" failed ")) == (2, 1)
    for name, count in (("left_0", 60), ("left_1", 40)):
        video = tv.LazyVideo.from_uri(several.parent / f"{name}.mp4")
        assert video.timestamps == pytest.approx(100 + np.arange(count) / 30)
    index_nwb(several, "--all")
    assert capsys.readouterr().out.count(" kept ") == 2


def test_where_the_indexes_of_every_series_go(several, capsys):
    assert index_nwb(several, "--all", "--index-uri", "one.lance") == 2
    assert index_nwb(several, "--all", "--index-uri", "there/{stem}.lance", "-q") == 1
    assert (several.parent / "there" / "left_1.lance").is_dir()
    assert capsys.readouterr().out == ""
    assert index_nwb(several, "--all", "--series", "left_0") == 2


def test_one_series_twice_on_the_command_line(folder, capsys):
    assert index_nwb(folder / "relative.nwb") == 0
    assert "was written" in capsys.readouterr().out
    assert index_nwb(folder / "relative.nwb") == 0
    assert "is fresh and was kept" in capsys.readouterr().out


def test_a_file_without_videos(folder):
    path = folder / "relative.nwb"
    with h5py.File(path, "r+") as file:
        del file["acquisition/Left"]
    assert index_nwb(path, "--all") == 1
