r"""Projects of SLEAP are read as SLEAP lays them out: corrections, tracks, skeletons."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

N = 12
NODES = ("nose", "left ear", "right ear", "tail")
USER, PREDICTED = 0, 1
POINT = [("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")]
INSTANCE = [
    ("instance_id", "i8"),
    ("instance_type", "u1"),
    ("frame_id", "u8"),
    ("skeleton", "u4"),
    ("track", "i4"),
    ("from_predicted", "i8"),
    ("score", "f4"),
    ("point_id_start", "u8"),
    ("point_id_end", "u8"),
    ("tracking_score", "f4"),
]
FRAME = [
    ("frame_id", "u8"),
    ("video", "u4"),
    ("frame_idx", "u8"),
    ("instance_id_start", "u8"),
    ("instance_id_end", "u8"),
]


def kind_of(number, first):
    if not first:
        return {"py/id": number}
    return {"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [number]}]}


# The ears are a pair of left and right, and no part of the body's lines.
SKELETON = {
    "nodes": [{"id": number} for number in range(4)],
    "links": [
        {"source": 0, "target": 1, "type": kind_of(1, True)},
        {"source": 1, "target": 2, "type": kind_of(2, True)},
        {"source": 0, "target": 2, "type": kind_of(1, False)},
        {"source": 0, "target": 3, "type": kind_of(1, False)},
    ],
}


def at(instance_id, offset=0.0):
    r"""x and y of the points of an instance, which tell which one it is."""
    return 10.0 * instance_id + np.arange(8.0).reshape(4, 2) + offset


def write_slp(path, labels, videos=("cam.mp4",), format_id=1.2, skeleton=SKELETON):
    r"""Writes a project.

    Args:
        path: of the file.
        labels: per frame a tuple of video, frame and its instances; each of these a tuple
            of kind, track and the number of the instance that it corrects.
        videos: their files.
        format_id: of the layout.
        skeleton: of all animals.
    """
    frames, instances, points, predicted = [], [], [], []
    for frame_id, (video, frame, own) in enumerate(labels):
        first = len(instances)
        for kind, track, corrected in own:
            number = len(instances)
            kept = points if kind == USER else predicted
            start = len(kept)
            score = 0.0 if kind == USER else 0.9
            ends = (start, start + 4, 0.0)
            instances.append((number, kind, frame_id, 0, track, corrected, score, *ends))
            for place, (x, y) in enumerate(at(number)):
                confidence = () if kind == USER else (0.9 if place else 0.2,)
                kept.append((x, y, place != 3 or kind == PREDICTED, True, *confidence))
        frames.append((frame_id, video, frame, first, len(instances)))
    about = {"skeletons": [skeleton], "nodes": [{"name": n, "weight": 1.0} for n in NODES]}
    with h5py.File(path, "w") as file:
        file["frames"] = np.array(frames, FRAME)
        file["instances"] = np.array(instances, INSTANCE)
        file["points"] = np.array(points, POINT)
        file["pred_points"] = np.array(predicted, [*POINT, ("score", "f8")])
        file["videos_json"] = [
            json.dumps({"filename": name, "backend": {"filename": name}}) for name in videos
        ]
        file["tracks_json"] = [json.dumps([0, "a"]), json.dumps([0, "b"])]
        metadata = file.create_group("metadata")
        metadata.attrs["format_id"] = format_id
        metadata.attrs["json"] = np.bytes_(json.dumps(about))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = make_clip(tmp_path_factory.mktemp("sleap") / "cam.mp4", N, size=(32, 32))
    tv.write_index(path, progress=False)
    return tv.LazyVideo.from_uri(path)


def test_predictions_of_single_frames(video, tmp_path):
    labels = [(0, 3, [(PREDICTED, -1, -1)]), (0, 7, [(PREDICTED, -1, -1)])]
    pose = tv.read_pose(write_slp(tmp_path / "a.slp", labels), video)
    assert pose.keys() == ["timestamps", "nose", "left_ear", "right_ear", "tail"]
    assert pose.timestamps.tolist() == video.timestamps.tolist()
    assert np.flatnonzero(np.isfinite(pose.tail[:, 0])).tolist() == [3, 7]
    assert pose.tail[[3, 7]].tolist() == [at(0)[3].tolist(), at(1)[3].tolist()]


def test_labels_replace_what_they_correct(video, tmp_path):
    own = [(PREDICTED, 0, -1), (PREDICTED, 1, -1), (USER, 0, 0)]
    pose = tv.read_pose(write_slp(tmp_path / "a.slp", [(0, 2, own)]), video)
    assert pose.nose.shape == (N, 2, 2)
    assert pose.nose[2].tolist() == [at(2)[0].tolist(), at(1)[0].tolist()]
    assert np.isnan(pose.tail[2, 0]).all()  # it is labelled as not visible


def test_animals_without_tracks_follow_those_with(video, tmp_path):
    labels = [
        (0, 1, [(PREDICTED, -1, -1), (PREDICTED, 1, -1), (PREDICTED, -1, -1)]),
        (0, 2, [(PREDICTED, 0, -1)]),
    ]
    pose = tv.read_pose(write_slp(tmp_path / "a.slp", labels), video)
    nose_x = pose.nose[[1, 2], :, 0]
    np.testing.assert_array_equal(
        nose_x, [[np.nan, 10, 0, 20], [30, np.nan, np.nan, np.nan]]
    )


def test_points_of_little_confidence_are_left_out(video, tmp_path):
    path = write_slp(tmp_path / "a.slp", [(0, 1, [(PREDICTED, -1, -1)])])
    pose = tv.read_pose(path, video, min_confidence=0.5)
    assert np.isnan(pose.nose[1]).all() and np.isfinite(pose.tail[1]).all()


def test_older_projects_count_from_the_corner_of_a_pixel(video, tmp_path):
    path = write_slp(tmp_path / "a.slp", [(0, 1, [(PREDICTED, -1, -1)])], format_id=1.0)
    assert tv.read_pose(path, video).nose[1].tolist() == at(0, -0.5)[0].tolist()


def test_several_videos_are_told_apart_by_name(video, tmp_path):
    labels = [(0, 1, [(PREDICTED, -1, -1)]), (1, 4, [(PREDICTED, -1, -1)])]
    path = tmp_path / "a.slp"
    write_slp(path, labels, videos=("/data/body.mp4", "D:\\videos\\Cam.mp4"))
    assert np.flatnonzero(np.isfinite(tv.read_pose(path, video).nose[:, 0])).tolist() == [4]
    write_slp(path, labels, videos=("a.mp4", "b.mp4"))
    with pytest.raises(ValueError, match=r"2 videos, a\.mp4, b\.mp4, and none of the name"):
        tv.read_pose(path, video)


def test_labels_beyond_the_video(video, tmp_path):
    path = write_slp(tmp_path / "a.slp", [(0, N, [(PREDICTED, -1, -1)])])
    with pytest.raises(ValueError, match=f"labels of frame {N}, and the video has {N}"):
        tv.read_pose(path, video)
    with pytest.raises(ValueError, match=f"has {N} frames, and .*a.slp' has labels of"):
        tv.write_index(video.uri, pose=path, overwrite=True, progress=False)
    with pytest.raises(ValueError, match="does not say how many frames"):
        tv.pose_frame_count(path)


def test_the_skeleton_has_lines_between_left_and_right_of_none(tmp_path):
    path = write_slp(tmp_path / "a.slp", [(0, 1, [(PREDICTED, -1, -1)])])
    pairs = [("nose", "left_ear"), ("nose", "right_ear"), ("nose", "tail")]
    assert tv.read_skeleton(path) == pairs


def lines_of(axes):
    from matplotlib.collections import LineCollection

    pictures = [axes, *axes.child_axes]
    found = [c for one in pictures for c in one.collections]
    return sum(len(c.get_segments()) for c in found if type(c) is LineCollection)


def test_skeletons_are_drawn_as_lines(video, tmp_path):
    own = [(PREDICTED, 0, -1), (PREDICTED, 1, -1)]
    labels = [(0, frame, own) for frame in range(N)]
    path = write_slp(tmp_path / "a.slp", labels)
    pose, pairs = tv.read_pose(path, video), tv.read_skeleton(path)
    bare = lines_of(video.plot(pose=pose, count=2))
    drawn = lines_of(video.plot(pose=pose, skeleton=pairs, count=2))
    assert drawn - bare == 2 * 2 * 3  # of each frame, of each animal
    with pytest.raises(ValueError, match="skeleton names 'paw', and the key points are"):
        video.plot(pose=pose, skeleton=[("nose", "paw")])


def test_a_skeleton_of_another_part_of_the_nodes(video, tmp_path):
    part = {
        "nodes": [{"id": 3}, {"id": 0}, {"id": 2}, {"id": 1}],
        "links": [{"source": 3, "target": 2, "type": kind_of(1, True)}],
    }
    labels = [(0, 1, [(PREDICTED, -1, -1)])]
    path = write_slp(tmp_path / "a.slp", labels, skeleton=part)
    assert tv.read_skeleton(path) == [("tail", "right_ear")]
    assert tv.read_pose(path, video).tail[1].tolist() == at(0)[0].tolist()


@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused(video, tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.slp"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"any\.slp' as a \.slp file of SLEAP"):
        tv.read_pose(path, video)


@pytest.mark.parametrize("name", ["frames", "instances", "pred_points", "videos_json"])
def test_a_part_that_is_missing_or_something_else(video, tmp_path, name):
    path = write_slp(tmp_path / "a.slp", [(0, 1, [(PREDICTED, -1, -1)])])
    for other in (None, np.arange(3)):
        with h5py.File(path, "a") as file:
            del file[name]
            if other is not None:
                file[name] = other
        with pytest.raises(ValueError, match=r"as a \.slp file of SLEAP"):
            tv.read_pose(path, video)
        if other is None:
            with h5py.File(path, "a") as file:
                file[name] = 0


def test_a_missing_project(video, tmp_path):
    with pytest.raises(FileNotFoundError):
        tv.read_pose(tmp_path / "none.slp", video)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("frames", "frame_idx"),
        ("frames", "instance_id_start"),
        ("instances", "point_id_start"),
        ("instances", "point_id_end"),
    ],
)
@pytest.mark.parametrize("value", [2**64 - 1, 2**62, 10**6])
def test_numbers_that_lead_nowhere(video, tmp_path, name, column, value):
    labels = [(0, 1, [(PREDICTED, -1, -1)]), (0, 2, [(PREDICTED, -1, -1)])]
    path = write_slp(tmp_path / "a.slp", labels)
    with h5py.File(path, "a") as file:
        rows = file[name][()]
        rows[column][1] = value
        file[name][...] = rows
    with pytest.raises(ValueError, match=r"as a \.slp file of SLEAP"):
        tv.read_pose(path, video)
