r"""Pose tables tell how many frames their video should have."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv

N = 40
DLC = "scorer,net,net,net\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"


def write_sleap(path, n_frames, axes=("track", "xy", "node", "frame"), dims=True):
    sizes = {"track": 2, "xy": 2, "node": 3, "frame": n_frames}
    with h5py.File(path, "w") as file:
        tracks = file.create_dataset("tracks", data=np.zeros([sizes[a] for a in axes]))
        if dims:
            tracks.attrs["dims"] = json.dumps(axes)
        file["node_names"] = [b"a", b"b", b"c"]


def write_dlc_csv(path, n_frames, header=DLC):
    path.write_text(header + "".join(f"{k},1.5,2.5,0.9\n" for k in range(n_frames)))


def write_dlc_hdf5(path, n_frames):
    # As pandas writes a table of the name that DeepLabCut gives it.
    rows = np.zeros(n_frames, [("index", "<i8"), ("values_block_0", "<f8", (3,))])
    with h5py.File(path, "w") as file:
        file["df_with_missing/table"] = rows


def write_dlc_fixed(path, n_frames):
    with h5py.File(path, "w") as file:
        file["df_with_missing/axis1"] = np.arange(n_frames)
        file["df_with_missing/block0_values"] = np.zeros((n_frames, 3))


def write_multi_animal(path, n_frames):
    write_dlc_csv(path, n_frames, DLC.replace("bodyparts", "individuals,m,m,m\nbodyparts"))


TABLES = {
    "sleap.analysis.h5": write_sleap,
    "old.analysis.h5": lambda path, n: write_sleap(path, n, dims=False),
    "python.analysis.h5": lambda path, n: write_sleap(
        path, n, ("frame", "track", "node", "xy")
    ),
    "dlc.csv": write_dlc_csv,
    "many.csv": write_multi_animal,
    "dlc.h5": write_dlc_hdf5,
    "fixed.h5": write_dlc_fixed,
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("n_frames", [0, 1, N])
def test_frames_are_counted(tmp_path, name, n_frames):
    TABLES[name](tmp_path / name, n_frames)
    assert tv.pose_frame_count(tmp_path / name) == n_frames


@pytest.mark.parametrize("name", ["sleap.analysis.h5", "dlc.csv", "dlc.h5"])
def test_a_video_of_another_length_is_refused(tiny_clip, tmp_path, name):
    video, pose = shutil.copy(tiny_clip, tmp_path / "cam.mp4"), tmp_path / name
    TABLES[name](pose, N - 1)
    with pytest.raises(ValueError, match=rf"cam.mp4 has 40 frames.*{name}' has 39 rows"):
        tv.write_index(video, pose=pose, progress=False)
    TABLES[name](pose, N)
    tv.write_index(video, pose=pose, progress=False)
    TABLES[name](pose, N + 1)
    (report,) = tv.index_many([video], pose=pose, progress=False)
    assert report.status == "failed" and "41 rows" in report.reason


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", "a,b\n1,2\n", "rows 'bodyparts' and 'coords'"),
        ("t.csv", DLC + "labeled-data/img001.png,1,2,3\n", "frame 0 should follow"),
        ("t.csv", DLC + "0,1,2,3\n2,1,2,3\n", "frame 1 should follow"),
        ("t.h5", "text", "no pose table"),
    ],
)
def test_what_is_no_pose_table(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=says):
        tv.pose_frame_count(tmp_path / name)


def test_hdf5_that_is_no_pose_table(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["tracks"], file["node_names"] = np.zeros((2, 2, 3)), [b"a"]
    with pytest.raises(ValueError, match="tracks have the shape"):
        tv.pose_frame_count(tmp_path / "t.h5")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["a/b"], file["c"] = 1, 2
    with pytest.raises(ValueError, match="nor a pandas table"):
        tv.pose_frame_count(tmp_path / "t.h5")


@given(st.binary(max_size=300), st.sampled_from([".csv", ".h5"]))
def test_any_bytes_are_counted_or_refused(tmp_path_factory, content, suffix):
    path = tmp_path_factory.getbasetemp() / f"pose{suffix}"
    path.write_bytes(content)
    try:
        assert tv.pose_frame_count(path) >= 0
    except ValueError as error:
        assert "no pose table" in str(error)


def test_a_missing_pose_table(tmp_path):
    with pytest.raises(FileNotFoundError):
        tv.pose_frame_count(tmp_path / "none.h5")
