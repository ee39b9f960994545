r"""Points are read from tables of SLEAP and DeepLabCut as their makers lay them out."""

from __future__ import annotations

import pickle

import h5py
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._pose.pose_table import read_pose_table

N = 5
# [frame, animal, point, axis]
POINTS = np.random.default_rng(0).uniform(0, 100, (N, 2, 3, 2))
SCORES = np.tile([0.9, 0.9, 0.1], (N, 2, 1))
NAMES = ("nose", "tail base", "ear")


def dlc_columns(animals):
    return [
        ("net", *([animal] if animal else []), name, axis)
        for animal in animals
        for name in NAMES
        for axis in ("x", "y", "likelihood")
    ]


def dlc_values(n_animals):
    table = np.concatenate([POINTS, SCORES[..., None]], axis=-1)[:, :n_animals]
    return table.reshape(N, -1)


def write_dlc_csv(path, animals):
    columns = list(zip(*dlc_columns(animals)))
    levels = ["scorer", *(["individuals"] if animals[0] else []), "bodyparts", "coords"]
    lines = [",".join([level, *names]) for level, names in zip(levels, columns)]
    for k, row in enumerate(dlc_values(len(animals))):
        lines.append(",".join([str(k), *map(repr, row.tolist())]))
    path.write_text("\n".join(lines) + "\n")


def write_dlc_table(path, animals):
    # As pandas does with format="table", names in a pickle of strings.
    values = dlc_values(len(animals))
    rows = np.zeros(N, [("index", "<i8"), ("values_block_0", "<f8", values.shape[1:])])
    rows["values_block_0"] = values
    with h5py.File(path, "w") as file:
        file["df_with_missing/table"] = rows
        axes = pickle.dumps([(1, dlc_columns(animals))], protocol=0)
        file["df_with_missing"].attrs["non_index_axes"] = np.bytes_(axes)


def write_dlc_fixed(path, animals):
    # As pandas does with format="fixed".
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group["axis1"], group["block0_values"] = np.arange(N), dlc_values(len(animals))
        levels = list(zip(*dlc_columns(animals)))
        group.attrs["block0_items_nlevels"] = len(levels)
        for i, names in enumerate(levels):
            unique, codes = np.unique(names, return_inverse=True)
            group[f"block0_items_level{i}"] = unique.astype("S")
            group[f"block0_items_label{i}"] = codes.astype("i1")


def write_sleap(path, animals):
    n = len(animals)
    with h5py.File(path, "w") as file:
        file["tracks"] = POINTS[:, :n].transpose(1, 3, 2, 0)
        file["point_scores"] = SCORES[:, :n].transpose(1, 2, 0)
        file["node_names"] = [name.encode() for name in NAMES]


WRITERS = {
    "dlc.csv": write_dlc_csv,
    "dlc.h5": write_dlc_table,
    "fixed.h5": write_dlc_fixed,
    "sleap.analysis.h5": write_sleap,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("animals", [[""], ["mia", "max"]])
def test_points_are_read(tmp_path, name, animals):
    WRITERS[name](tmp_path / name, animals)
    table = read_pose_table(tmp_path / name)
    assert table.names == NAMES
    np.testing.assert_array_equal(table.points, POINTS[:, : len(animals)])
    sure = read_pose_table(tmp_path / name, min_confidence=0.5).points
    np.testing.assert_array_equal(sure[:, :, :2], POINTS[:, : len(animals), :2])
    assert np.isnan(sure[:, :, 2]).all()


def test_a_pickle_is_read_for_its_names_only(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "made"), "w")

    write_dlc_table(tmp_path / "dlc.h5", [""])
    with h5py.File(tmp_path / "dlc.h5", "a") as file:
        evil = pickle.dumps([(1, Evil())], protocol=0)
        file["df_with_missing"].attrs["non_index_axes"] = np.bytes_(evil)
    with pytest.raises(ValueError, match="column names hold an object"):
        read_pose_table(tmp_path / "dlc.h5")
    assert not (tmp_path / "made").exists()


def test_pose_has_the_times_of_its_frames(tiny_clip, tmp_path):
    place = tmp_path / "index.lance"
    clock = np.arange(40) / 10
    clock[[3, 4]] = clock[[4, 3]]
    tv.write_index(
        tiny_clip,
        timestamps=tv.Clock(clock, on_jump="keep"),
        index_uri=place,
        progress=False,
    )
    video = tv.LazyVideo.from_uri(tiny_clip, index_uri=place)
    path = tmp_path / "pose.csv"
    rows = "".join(f"{k},{k},{k + 0.5}\n" for k in range(40))
    path.write_text(f"scorer,n,n\nbodyparts,left ear,left ear\ncoords,x,y\n{rows}")
    window = video.slice(0.2, 0.6)
    pose = tv.read_pose(path, window)
    assert list(pose.keys()) == ["timestamps", "left_ear"]
    np.testing.assert_array_equal(pose.timestamps, window.timestamps)
    assert pose.left_ear[:, 0].tolist() == window.frame_indices.tolist() == [2, 4, 3, 5]
    path.write_text(f"scorer,n,n\nbodyparts,a,a\ncoords,x,y\n{rows[: rows.index('39')]}")
    with pytest.raises(ValueError, match=r"has 40 frames.*has 39 rows"):
        tv.read_pose(path, video)
