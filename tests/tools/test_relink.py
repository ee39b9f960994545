r"""Recordings whose videos moved: found by name and contents, rewritten in one step."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.helpers import numbers, right
from tests.labs import copy_lab, shown_numbers
from tests.recordings import CLOCK, OTHER_CLOCK, index_again, load, replace_by, save

WINDOWS = [
    (r"D:\data\day1\cam.mp4", r"D:\data"),
    (r"D:\data\day1\cam.mp4", "d:/Data/"),
    (r"\\server\share\day1\cam.mp4", r"\\server\share"),
    ("//server/share/day1/cam.mp4", "//server/share"),
    ("s3://lab/day1/cam.mp4", "s3://lab"),
]


@pytest.fixture
def folder(saved_once, tmp_path) -> Path:
    r"""A copy of a folder with a recording, to be spoilt."""
    return Path(shutil.copytree(saved_once, tmp_path / "saved"))


@pytest.fixture
def archive(folder, tmp_path) -> Path:
    r"""A folder to which the video of the recording and its index were moved."""
    place = tmp_path / "archive" / "2026" / "day1"
    place.mkdir(parents=True)
    for name in ("cam.mp4", "cam.mp4.lance"):
        os.rename(folder / name, place / name)
    return place


def point_to(folder, uri) -> None:
    r"""Has the recording name a video as one that was written elsewhere would."""
    with h5py.File(folder / "rec.h5", "r+") as file:
        (part,) = json.loads(file["video"].attrs["parts"])
        file["video"].attrs["uri"] = uri
        file["video"].attrs["parts"] = json.dumps([{**part, "uri": uri}])


def pointer_of(folder) -> str:
    with h5py.File(folder / "rec.h5") as file:
        return json.loads(file["video"].attrs["parts"])[0]["uri"]


def relink(folder, **options) -> tv.RelinkReport:
    return tv.relink(folder / "rec.h5", **options)


def statuses(report) -> list[str]:
    return [file.status for file in report.files]


# Finding --------------------------------------------------------------------------------


def written_at(path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def test_a_recording_whose_video_is_there_stays_as_it_is(folder):
    before = written_at(folder / "rec.h5")
    report = relink(folder)
    (file,) = report.files
    assert (file.status, file.clock, file.note) == ("kept", "same", "")
    assert file.old == file.new == str(folder / "cam.mp4")
    assert not report.written and written_at(folder / "rec.h5") == before


def test_a_video_that_is_found_by_searching(folder, archive, tmp_path):
    with pytest.raises(tv.SourceNotFoundError, match="temporaldata-video relink"):
        load(folder).frames_at([0])
    report = relink(folder, search=[tmp_path / "archive"])
    assert statuses(report) == ["moved"] and report.written
    assert report.files[0].new == str(archive / "cam.mp4")
    assert pointer_of(folder) == "../archive/2026/day1/cam.mp4"
    video = load(folder)
    assert video.timestamps.tolist() == CLOCK.tolist()
    assert right(video.slice(7.0, 7.5))
    assert statuses(relink(folder)) == ["kept"]


@pytest.mark.parametrize("n_frames", [299, 150, 300])
def test_no_video_is_found_by_its_name_alone(folder, archive, tmp_path, n_frames):
    shutil.rmtree(archive)
    other = tmp_path / "archive" / "other"
    other.mkdir()
    replace_by(other, n_frames)
    before = (folder / "rec.h5").read_bytes()
    report = relink(folder, search=[tmp_path / "archive"])
    assert statuses(report) == ["missing"] and report.files[0].new == ""
    assert f"{other / 'cam.mp4'} has other contents" in report.files[0].note
    assert (folder / "rec.h5").read_bytes() == before


def test_a_video_that_was_replaced_is_found_where_it_went(tmp_path):
    folder = copy_lab("replaced_video", tmp_path)
    (folder / "kept").mkdir()
    shutil.copy(folder / "cam_300.mp4", folder / "cam.mp4")
    tv.write_index(folder / "cam.mp4", timestamps=CLOCK, progress=False)
    save(folder)
    shutil.move(folder / "cam.mp4", folder / "kept" / "cam.mp4")
    for name in ("cam_299.mp4", "cam_150.mp4"):
        shutil.copy(folder / name, folder / "cam.mp4")
        with pytest.raises(tv.StaleIndexError):
            load(folder).frames_at([0])
        assert "has other contents" in relink(folder).files[0].note
    report = relink(folder, search=[folder / "kept"])
    assert statuses(report) == ["moved"]
    assert "stayed behind" in report.files[0].note
    assert shown_numbers(load(folder).frames) == list(range(300))


@pytest.mark.parametrize(("uri", "old"), WINDOWS)
def test_folders_that_became_others(folder, archive, tmp_path, uri, old):
    point_to(folder, uri)
    if uri.startswith("s3:"):  # nobody allowed to ask there
        assert statuses(relink(folder, dry_run=True)) == ["missing"]
    new = tmp_path / "archive" / "2026"
    report = relink(folder, moved={"/elsewhere": "/none", old: str(new)})
    assert statuses(report) == ["moved"]
    assert report.files[0].new == str(archive / "cam.mp4")
    assert right(load(folder).slice(7.0, 7.2))


def test_a_folder_of_a_like_name_is_another(folder, archive, tmp_path):
    point_to(folder, r"D:\data\day1\cam.mp4")
    report = relink(folder, moved={r"D:\dat": str(tmp_path / "archive" / "2026")})
    assert statuses(report) == ["missing"]


def test_a_file_that_got_another_name(folder, archive):
    os.rename(archive / "cam.mp4", archive / "renamed.mp4")
    assert statuses(relink(folder, search=[archive])) == ["missing"]
    moved = {str(folder / "cam.mp4"): str(archive / "renamed.mp4")}
    assert statuses(relink(folder, moved=moved)) == ["moved"]
    # Its index has the old name.
    assert right(load(folder).slice(7.0, 7.2))


@pytest.mark.parametrize("name", ["cam.mp4", "CAM.MP4"])
def test_a_windows_name_in_any_case(folder, archive, tmp_path, name):
    point_to(folder, rf"D:\data\{name}")
    assert statuses(relink(folder, search=[tmp_path / "archive"])) == ["moved"]


def test_all_files_of_a_video_are_found(tmp_path):
    names = ["0.mp4", "1.mp4", "2.mp4"]
    for k, name in enumerate(names):
        make_clip(tmp_path / name, 5, size=(32, 32), first_frame=5 * k)
    tv.write_index([tmp_path / name for name in names], progress=False)
    video = tv.LazyVideo.from_uri(tmp_path / "0.mp4")
    Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    for k, name in enumerate(names):  # each to a folder of its own
        (tmp_path / f"away{k}").mkdir()
        os.rename(tmp_path / name, tmp_path / f"away{k}" / name)
    report = tv.relink(tmp_path / "rec.h5", search=[tmp_path / "away0"])
    assert statuses(report) == ["moved", "missing", "missing"]
    report = tv.relink(tmp_path / "rec.h5", search=[tmp_path])
    assert statuses(report) == ["kept", "moved", "moved"]
    assert numbers(Data.load(tmp_path / "rec.h5").video) == list(range(15))


def test_every_video_of_a_recording_is_relinked(folder, archive, tmp_path):
    os.rename(archive / "cam.mp4", folder / "cam.mp4")
    os.rename(archive / "cam.mp4.lance", folder / "cam.mp4.lance")
    video = tv.LazyVideo.from_uri(folder / "cam.mp4")
    domain = Interval(0.0, 20.0)
    spikes = IrregularTimeSeries(timestamps=np.arange(5.0), domain="auto")
    nested = Data(video=video.slice(7.0, 8.0), spikes=spikes, domain=domain)
    data = Data(video=video, behavior=nested, spikes=spikes, domain=domain)
    data.save(folder / "rec.h5")
    os.rename(folder / "cam.mp4", archive / "cam.mp4")
    report = relink(folder, search=[archive])
    assert [file.group for file in report.files] == ["/behavior/video", "/video"]
    loaded = Data.load(folder / "rec.h5")
    assert numbers(loaded.behavior.video) == list(range(60, 90))
    assert loaded.behavior.spikes.timestamps.tolist() == [0, 1, 2, 3, 4]


def test_a_recording_that_knows_no_fingerprint(folder, archive, tmp_path):
    with h5py.File(folder / "rec.h5", "r+") as file:
        (part,) = json.loads(file["video"].attrs["parts"])
        file["video"].attrs["parts"] = json.dumps([{**part, "fingerprints": [None]}])
    report = relink(folder, search=[tmp_path / "archive"])
    assert statuses(report) == ["missing"]
    assert "no fingerprint" in report.files[0].note


def test_what_is_no_recording_with_videos(tmp_path):
    Data(a=np.arange(3), domain=Interval(0.0, 1.0)).save(tmp_path / "plain.h5")
    with pytest.raises(tv.VideoError, match="points to no video"):
        tv.relink(tmp_path / "plain.h5")
    with pytest.raises(FileNotFoundError):
        tv.relink(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(OSError, match="file signature"):
        tv.relink(tmp_path / "text.h5")


def test_a_folder_to_search_that_is_not_there(folder):
    with pytest.raises(tv.SourceError, match=r"no folder '.*none' to search"):
        relink(folder, search=[folder / "none"])


def test_an_index_that_lies_elsewhere_is_found_too(folder, tmp_path):
    (tmp_path / "indexes").mkdir()
    os.rename(folder / "cam.mp4.lance", tmp_path / "indexes" / "day1.lance")
    place = tmp_path / "indexes" / "day1.lance"
    save(folder, tv.LazyVideo.from_uri(folder / "cam.mp4", index_uri=place))
    os.rename(tmp_path / "indexes", tmp_path / "moved")
    with pytest.raises(tv.IndexNotFoundError):
        load(folder).frames_at([0])
    (file,) = relink(folder, search=[tmp_path / "moved"]).files
    assert (file.status, file.clock) == ("kept", "same")
    assert right(load(folder).slice(7.0, 7.2))


# The clock ------------------------------------------------------------------------------


def test_the_clock_is_taken_when_told_so(folder):
    index_again(folder, OTHER_CLOCK)
    report = relink(folder)
    assert [file.clock for file in report.files] == ["other"] and not report.written
    report = relink(folder, take_clock=True)
    assert [file.clock for file in report.files] == ["taken"] and report.written
    video = load(folder)
    assert video.timestamps.tolist() == OTHER_CLOCK.tolist()
    assert video.domain.end[-1] == OTHER_CLOCK[-1]
    assert right(video.slice(6.0, 6.5))
    assert [file.clock for file in relink(folder).files] == ["same"]


@pytest.mark.parametrize("search", [True, False])
def test_a_video_that_moved_and_has_another_clock(folder, archive, search):
    index_again(archive, OTHER_CLOCK)
    options = {"search": [archive]} if search else {"moved": {str(folder): str(archive)}}
    (file,) = relink(folder, take_clock=True, **options).files
    assert (file.status, file.clock) == ("moved", "taken")
    video = load(folder)
    assert video.timestamps.tolist() == OTHER_CLOCK.tolist()
    assert right(video.slice(6.0, 6.5))


def test_a_clock_of_several_joined_videos_is_taken(tmp_path):
    for k in range(2):
        make_clip(tmp_path / f"{k}.mp4", 10, size=(32, 32), first_frame=10 * k)
        clock = tv.Clock(start=100.0 * k)
        tv.write_index(tmp_path / f"{k}.mp4", timestamps=clock, progress=False)
    options = {"colorspace": "G", "metadata": {"rig": 2}}
    videos = [tv.LazyVideo.from_uri(tmp_path / f"{k}.mp4", **options) for k in (0, 1)]
    video = tv.concat(videos)
    Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    again = {"overwrite": True, "progress": False}
    tv.write_index(tmp_path / "1.mp4", timestamps=tv.Clock(start=50.0), **again)
    report = tv.relink(tmp_path / "rec.h5", take_clock=True)
    assert [file.clock for file in report.files] == ["same", "taken"]
    loaded = Data.load(tmp_path / "rec.h5").video
    assert loaded.timestamps[[0, 10]].tolist() == [0.0, 50.0]
    assert loaded.shape == (20, 1, 32, 32) and right(loaded)
    assert loaded.metadata == {"rig": 2}


def test_a_window_keeps_its_times(folder):
    save(folder, tv.LazyVideo.from_uri(folder / "cam.mp4").slice(6.0, 8.0))
    index_again(folder, OTHER_CLOCK)
    before = (folder / "rec.h5").read_bytes()
    with pytest.raises(tv.VideoError, match="holds a window of it"):
        relink(folder, take_clock=True)
    assert (folder / "rec.h5").read_bytes() == before


def test_columns_of_a_users_own_keep_the_times(folder):
    with h5py.File(folder / "rec.h5", "r+") as file:
        file["video"]["lick"] = np.zeros(len(CLOCK))
    index_again(folder, OTHER_CLOCK)
    with pytest.raises(tv.VideoError, match=r"columns of its own \(lick\)"):
        relink(folder, take_clock=True)


def test_an_index_of_another_video_has_no_clock_to_take(folder, archive):
    os.rename(archive / "cam.mp4", archive / "kept.mp4")
    replace_by(archive, 299)
    tv.write_index(archive / "cam.mp4", overwrite=True, progress=False)
    os.rename(archive / "kept.mp4", archive / "cam.mp4")
    (file,) = relink(folder, search=[archive], dry_run=True).files
    assert (file.status, file.clock) == ("moved", "")
    assert "300 frames" in file.note and "299 frames" in file.note


# Writing --------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing(folder, archive):
    before = (folder / "rec.h5").read_bytes()
    report = relink(folder, search=[archive], dry_run=True)
    assert statuses(report) == ["moved"] and not report.written
    assert (folder / "rec.h5").read_bytes() == before
    assert os.listdir(folder) == ["rec.h5"]


def test_all_else_in_the_recording_is_as_before(folder, archive):
    def contents():
        found = {}
        with h5py.File(folder / "rec.h5") as file:
            visit = lambda name, item: found.update({name: (dict(item.attrs), item)})  # noqa: E731
            file.visititems(visit)
            return {
                name: (
                    {k: str(v) for k, v in attrs.items() if k not in ("uri", "parts")},
                    item[()].tolist() if isinstance(item, h5py.Dataset) else None,
                )
                for name, (attrs, item) in found.items()
            }

    os.chmod(folder / "rec.h5", 0o640)
    before = contents()
    relink(folder, search=[archive])
    assert contents() == before
    assert (folder / "rec.h5").stat().st_mode & 0o777 == 0o640


def test_a_link_to_a_recording_stays_one(folder, archive, tmp_path):
    os.symlink(folder / "rec.h5", tmp_path / "link.h5")
    assert tv.relink(tmp_path / "link.h5", search=[archive]).written
    assert (tmp_path / "link.h5").is_symlink()
    assert right(load(folder).slice(7.0, 7.2))


KILLED = """
import os, signal, sys
import h5py
import temporaldata_video as tv

place, name = sys.argv[3].rsplit(".", 1)
holder = {"os": os, "h5py.File": h5py.File}[place]
original = getattr(holder, name)

def killed(*arguments, **options):
    writes = name != "close" or arguments[0].mode == "r+"
    if writes:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)

setattr(holder, name, killed)
tv.relink(sys.argv[1], search=[sys.argv[2]])
"""


@pytest.mark.parametrize("where", ["h5py.File.close", "os.fsync", "os.replace"])
def test_a_process_that_is_killed_leaves_the_old_recording(folder, archive, where):
    before = (folder / "rec.h5").read_bytes()
    command = [sys.executable, "-c", KILLED, folder / "rec.h5", archive, where]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (folder / "rec.h5").read_bytes() == before
    assert statuses(relink(folder, search=[archive])) == ["moved"]


def test_a_recording_that_changes_meanwhile_is_left_alone(folder, archive, monkeypatch):
    copy = shutil.copy2

    def copy_and_change(source, target):
        copy(source, target)
        with h5py.File(source, "r+") as file:
            file.attrs["changed"] = True

    monkeypatch.setattr(shutil, "copy2", copy_and_change)
    with pytest.raises(tv.VideoError, match="changed meanwhile"):
        relink(folder, search=[archive])
    with h5py.File(folder / "rec.h5") as file:
        assert file.attrs["changed"]
    assert os.listdir(folder) == ["rec.h5"]


# Videos that lie beside their recording -------------------------------------------------


@pytest.mark.parametrize("uri", ["/gone/cam.mp4", r"D:\data\cam.mp4", r"\\a\b\cam.mp4"])
def test_a_video_beside_its_recording_is_read_with_a_warning(folder, uri):
    point_to(folder, uri)
    with pytest.warns(tv.IndexWarning, match="has the same contents") as warned:
        video = load(folder)
    (message,) = (str(w.message) for w in warned)
    assert repr(uri) in message and f"relink {folder / 'rec.h5'}" in message
    assert video.timestamps.tolist() == CLOCK.tolist()
    assert right(video.slice(7.0, 7.5))
    assert statuses(relink(folder)) == ["moved"]
    assert pointer_of(folder) == "cam.mp4"
    assert right(load(folder).slice(7.0, 7.5))


def test_another_video_of_that_name_is_not_read(folder):
    point_to(folder, r"D:\data\cam.mp4")
    replace_by(folder, 299)
    with pytest.raises(tv.SourceNotFoundError, match=r"D:\\\\data\\\\cam.mp4"):
        load(folder).frames_at([0])


def test_an_index_that_is_now_of_another_video_is_not_used(folder, tmp_path):
    (tmp_path / "videos").mkdir()
    os.rename(folder / "cam.mp4", tmp_path / "videos" / "cam.mp4")
    # The camera wrote another video to the old place.
    replace_by(folder, 299)
    index_again(folder)
    report = relink(folder, search=[tmp_path / "videos"])
    assert statuses(report) == ["moved"]
    assert report.files[0].note == "it has no index there"
    with pytest.warns(tv.IndexWarning, match="no frame index|another clock"):
        assert right(load(folder).slice(7.0, 7.2))


def test_an_index_that_was_left_behind_is_used(folder, tmp_path):
    (tmp_path / "videos").mkdir()
    for name in ("cam.mp4", "cam.mp4.lance"):
        os.rename(folder / name, tmp_path / "videos" / name)
    save(folder, tv.LazyVideo.from_uri(tmp_path / "videos" / "cam.mp4"))
    os.rename(tmp_path / "videos" / "cam.mp4", folder / "cam.mp4")
    with pytest.warns(tv.IndexWarning, match="has the same contents"):
        video = load(folder)
    assert right(video.slice(7.0, 7.5))
