r"""A saved recording knows its video: it reads the one it was saved of, or says why not."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.helpers import numbers, right, write_four_columns
from tests.recordings import (
    BY_THE_INDEX,
    CLOCK,
    OTHER_CLOCK,
    SIDECARS,
    USES,
    index_again,
    load,
    replace_by,
    save,
)

in_memory = pytest.mark.filterwarnings("ignore:.*has no frame index.*")


@pytest.fixture
def folder(saved_once, tmp_path) -> Path:
    r"""A copy of a folder with a recording, to be spoilt."""
    return Path(shutil.copytree(saved_once, tmp_path / "saved"))


@in_memory
@pytest.mark.parametrize("n_frames", [299, 150])
@pytest.mark.parametrize("sidecar", SIDECARS)
@pytest.mark.parametrize("use", USES)
def test_a_video_of_other_length_is_refused(folder, n_frames, sidecar, use):
    replace_by(folder, n_frames)
    SIDECARS[sidecar](folder)
    if use == "plot":
        pytest.importorskip("matplotlib")
    with pytest.raises(tv.StaleIndexError) as raised:
        USES[use](load(folder))
    message = str(raised.value)
    assert f"{n_frames} frames" in message and "300" in message
    assert str(folder / "cam.mp4") in message
    if sidecar == "stale":
        assert "index --overwrite" in message
        return
    assert str(folder / "rec.h5") in message and "LazyVideo.from_uri" in message
    told = {"gone": "built in memory", "anew": "written anew"}[sidecar]
    assert told in message


@in_memory
@pytest.mark.parametrize("sidecar", ["gone", "anew"])
@pytest.mark.parametrize("use", BY_THE_INDEX)
def test_nothing_is_told_by_an_index_of_other_length(folder, sidecar, use):
    replace_by(folder, 299)
    SIDECARS[sidecar](folder)
    with pytest.raises(tv.StaleIndexError, match=r"300 frames.*299 frames"):
        BY_THE_INDEX[use](load(folder))


@in_memory
@pytest.mark.parametrize("sidecar", SIDECARS)
def test_another_video_of_the_same_length_is_refused(folder, sidecar):
    replace_by(folder, 300)
    SIDECARS[sidecar](folder)
    expected = "another file" if sidecar == "stale" else "was replaced since the recording"
    with pytest.raises(tv.StaleIndexError, match=expected):
        load(folder).frames_at([0])


@in_memory
@pytest.mark.parametrize("sidecar", SIDECARS)
def test_another_video_of_the_same_size_is_refused(folder, sidecar):
    content = bytearray((folder / "cam.mp4").read_bytes())
    content[-1] ^= 1
    (folder / "cam.mp4").write_bytes(content)
    SIDECARS[sidecar](folder)
    with pytest.raises(tv.StaleIndexError, match=f"{len(content)}|same size"):
        load(folder).frames_at([0])


@in_memory
@pytest.mark.filterwarnings("ignore:.*another clock.*")
@pytest.mark.parametrize("sidecar", SIDECARS)
@pytest.mark.parametrize("change", ["moved", "copied", "touched"])
def test_the_same_video_elsewhere_is_read(folder, tmp_path, sidecar, change):
    if change == "moved":
        folder = Path(shutil.move(folder, tmp_path / "there"))
    elif change == "copied":
        shutil.copytree(folder, tmp_path / "there", copy_function=shutil.copyfile)
        folder = tmp_path / "there"
    else:
        os.utime(folder / "cam.mp4", (1e9, 1e9))
    SIDECARS[sidecar](folder)
    video = load(folder)
    assert np.array_equal(video.timestamps, CLOCK)
    assert right(video.slice(7.0, 7.5))


@in_memory
def test_a_recording_of_an_index_in_memory_knows_it_too(folder):
    shutil.rmtree(folder / "cam.mp4.lance")
    save(folder)
    os.utime(folder / "cam.mp4", (1e9, 1e9))
    assert numbers(load(folder).slice(1.0, 1.2)) == list(range(30, 36))
    replace_by(folder, 300)
    index_again(folder)
    with pytest.raises(tv.StaleIndexError, match="was replaced"):
        load(folder).frames_at([0])


def test_an_index_without_fingerprints(folder):
    # As other writers leave it, which would take any video of these pts.
    pts = tv.LanceFrameIndex.open(folder / "cam.mp4.lance").pts_table(0)
    shutil.rmtree(folder / "cam.mp4.lance")
    write_four_columns(folder / "cam.mp4.lance", [pts], CLOCK)
    save(folder)
    os.utime(folder / "cam.mp4", (1e9, 1e9))
    assert right(load(folder).slice(6.0, 6.2))
    replace_by(folder, 300)
    with pytest.raises(tv.StaleIndexError, match="was replaced"):
        load(folder).frames_at([0])


@pytest.mark.parametrize("lengths", [(30, 20), (29, 20), (20, 30), (30,)])
def test_each_of_several_files_is_compared(tmp_path, lengths):
    files = [tmp_path / name for name in ("cam.mp4", "cam_001.mp4")]

    def write(counts, first_frame=0):
        paths = files[: len(counts)]
        for path, count in zip(paths, counts):
            make_clip(path, count, size=(32, 32), first_frame=first_frame)
        tv.write_index(paths[0], segment_uris=paths[1:], overwrite=True, progress=False)

    write((30, 20))
    save(tmp_path)
    write(lengths, first_frame=500)
    expected = {
        (30, 20): r"cam\.mp4' was replaced",
        (29, 20): "50 frames.*49 frames",
        (20, 30): "30 frames in segment 0.*20 frames",
        (30,): "50 frames in 2 segments.*30 frames in 1 segments",
    }[lengths]
    with pytest.raises(tv.StaleIndexError, match=expected):
        load(tmp_path).frames_at([0])


# Without looking ------------------------------------------------------------------------


def known_by(recording) -> str:
    with h5py.File(recording) as file:
        return file["video"].attrs["parts"]


def test_nothing_is_compared_before_the_index_is_needed(folder):
    for name in ("cam.mp4", "cam.mp4.lance"):
        os.rename(folder / name, folder / f"away {name}")
    data = Data.load(folder / "rec.h5")
    window = data.slice(7.0, 8.0).slice(0.25, 0.5).video
    again = pickle.loads(pickle.dumps(copy.deepcopy(window)))
    inside = np.flatnonzero((CLOCK >= 7.25) & (CLOCK < 7.5))
    assert again.frame_indices.tolist() == window.frame_indices.tolist() == inside.tolist()
    assert data.video.select_by_mask(data.video.timestamps > 10.0).timestamps[0] > 10.0
    # What the recording knows is saved again, too, video or not.
    Data(video=data.video, domain=Interval(0.0, 20.0)).save(folder / "again.h5")
    for name in ("cam.mp4", "cam.mp4.lance"):
        os.rename(folder / f"away {name}", folder / name)
    assert numbers(again) == again.frame_indices.tolist()
    assert known_by(folder / "again.h5") == known_by(folder / "rec.h5")


# The clock ------------------------------------------------------------------------------


def test_the_clock_indexed_again_is_no_matter(folder):
    index_again(folder, CLOCK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        video = load(folder)
        assert right(video.slice(6.0, 7.0))
        assert video.slice(6.0, 7.0).resample([0.0]).frame_indices.tolist() == [30]


def test_another_clock_is_said_and_not_taken(folder):
    index_again(folder, OTHER_CLOCK)
    video = load(folder)
    window = video.slice(6.0, 7.0)
    with pytest.warns(tv.IndexWarning, match="its own timestamps.*LazyVideo.from_uri"):
        assert right(window)
    assert np.array_equal(video.timestamps, CLOCK)
    assert window.frame_indices.tolist() == list(range(30, 60))
    # Neighbours would have times of the other clock: there are none.
    assert np.isnan(window._recording.timestamps).all()
    assert window.resample([0.5]).frame_indices.tolist() == [45]
    assert window.resample([-0.01]).frame_indices.tolist() == [-1]
    # Saved again it goes by the same clock, and says so again.
    save(folder, video)
    with pytest.warns(tv.IndexWarning, match="another clock"):
        assert right(load(folder).slice(6.0, 7.0))
    save(folder, tv.LazyVideo.from_uri(folder / "cam.mp4"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert right(load(folder).slice(6.0, 7.0))
        assert np.array_equal(load(folder).timestamps, OTHER_CLOCK)


@pytest.mark.filterwarnings("ignore:.*another clock.*")
def test_windows_of_two_clocks_are_joined(folder):
    index_again(folder, OTHER_CLOCK)
    old, new = load(folder), tv.LazyVideo.from_uri(folder / "cam.mp4")
    both = tv.concat([old.slice(6.0, 7.0, False), new.slice(9.5, 10.5, False)])
    assert numbers(both) == [*range(30, 60), *range(100, 125)]
    assert both.timestamps.tolist() == [*CLOCK[30:60], *OTHER_CLOCK[100:125]]
    save(folder, both)
    with pytest.warns(tv.IndexWarning, match="another clock"):
        assert numbers(load(folder)) == numbers(both)
    # Those of one clock are of one video, and have its numbers.
    one = tv.concat([old.slice(6.0, 7.0, False), old.slice(8.0, 9.0, False)])
    assert one.frame_indices.tolist() == [*range(30, 60), *range(90, 120)]


def test_both_hosts_know(folder):
    torch_brain = pytest.importorskip("temporaldata_video.hosts.torch_brain")
    video = torch_brain.LazyVideo.from_video(load(folder))
    assert right(video.slice(6.0, 6.2))
    from torch_brain.data import Data as OtherData

    replace_by(folder, 299)
    index_again(folder)
    loaded = OtherData.load(folder / "rec.h5").video
    late = torch_brain.LazyVideo.from_video(load(folder))
    assert isinstance(loaded, torch_brain.LazyVideo)
    for known in (loaded, late.slice(6.0, 6.2), load(folder)):
        with pytest.raises(tv.StaleIndexError, match=r"300 frames.*299 frames"):
            known.frames_at([0])
