r"""What rerun reads back of a recording is what the recording has, at its times."""

from __future__ import annotations

import sys
from collections import defaultdict

import av
import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video._index.display_matrix import display_matrix
from temporaldata_video._tools.reencoding.track_matrix import turn_track
from temporaldata_video.testing import make_clip, read_numbers
from tests.decode.test_written import edit

rr = pytest.importorskip("rerun", reason="rerun-sdk is not installed")
chunk = pytest.importorskip("rerun.chunk", reason="this rerun-sdk reads no .rrd files")

N_FRAMES = 72
CLOCK = 100.0 + np.arange(N_FRAMES) / 25

pytestmark = [
    pytest.mark.filterwarnings("error::rerun.error_utils.RerunWarning"),
    pytest.mark.filterwarnings("ignore::temporaldata_video.errors.IndexWarning"),
]


def read_back(data, folder, **options) -> dict[tuple[str, str], list]:
    r"""Returns what a file of rerun holds, by entity and component: nanoseconds, or None,
    and the values logged there, in time order."""
    out = tv.to_rerun(data, **options)
    out.save(folder / "rec.rrd")
    out.disconnect()
    found = defaultdict(list)
    for piece in chunk.RrdReader(folder / "rec.rrd").stream():
        batch = piece.to_record_batch()
        times = [None] * piece.num_rows
        if not piece.is_static:
            assert piece.timeline_names == ["time"]
            times = batch.column("time").cast("int64").to_pylist()
        for name in batch.schema.names:
            if ":" in name:
                rows = zip(times, batch.column(name).to_pylist())
                found[piece.entity_path, name.partition(":")[2]] += rows
    return {key: sorted(rows, key=lambda row: row[0] or 0) for key, rows in found.items()}


def as_nanoseconds(times) -> list[int]:
    return np.round(np.asarray(times) * 1e9).astype(np.int64).tolist()


def times_in_file(path) -> np.ndarray:
    r"""Returns nanoseconds from the first picture of a file to each, whatever its edit
    list hides, as FFmpeg demuxes them."""
    with av.open(str(path), options={"ignore_editlist": "1"}) as container:
        stream = container.streams.video[0]
        pts = sorted(p.pts for p in container.demux(stream) if p.size)
        return np.array([round((t - pts[0]) * stream.time_base * 10**9) for t in pts])


def assert_frames(found, entity: str, video, paths) -> None:
    r"""Asserts that each frame refers to the picture whose number it shows."""
    shown = found[entity, "timestamp"]
    assert [time for time, _ in shown] == as_nanoseconds(video.timestamps)
    places = [place for _, (place,) in found[entity, "video_reference"]]
    files = dict(zip(dict.fromkeys(places), paths, strict=True))
    for place, path in files.items():
        assert bytes(found[place, "blob"][0][1][0]) == path.read_bytes()
    pictures = read_numbers(video.frames) % 1000
    for (_, (nanoseconds,)), place, picture in zip(shown, places, pictures, strict=True):
        assert abs(times_in_file(files[place])[picture] - nanoseconds) <= 1


@pytest.mark.parametrize("kept", ["memory", "file"])
def test_a_recording_is_logged_on_its_own_clock(data, cameras, tmp_path, kept):
    if kept == "file":
        data.save(tmp_path / "rec.h5")
        data = Data.load(tmp_path / "rec.h5")
    found = read_back(data, tmp_path)
    for name in ("left", "right"):
        assert_frames(found, f"/{name}", getattr(data, name), [cameras / f"{name}.mp4"])
    scalars = {
        "/spikes": (data.spikes.timestamps, data.spikes.unit_index[:, None]),
        "/lfp": (data.lfp.timestamps, data.lfp.raw),
        "/licks": (data.licks.timestamps, np.zeros((len(data.licks), 1))),
        "/pose": (data.pose.timestamps, data.pose.nose),  # of two cameras, of neither
    }
    for entity, (times, values) in scalars.items():
        logged = found[entity, "scalars"]
        assert [time for time, _ in logged] == as_nanoseconds(times)
        assert np.array_equal([value for _, value in logged], values)
    starts, ends = as_nanoseconds(data.trials.start), as_nanoseconds(data.trials.end)
    states = [(time, [str(i)]) for i, time in enumerate(starts)]
    over = [(time, [""]) for time in ends if time not in starts]
    assert found["/trials", "state"] == sorted(states + over)


def test_no_picture_in_a_pause(data, tmp_path):
    found = read_back(data, tmp_path)
    cleared = np.array([time for time, _ in found["/left", "is_recursive"]]) / 1e9
    assert len(cleared) == 2
    for offset, has_picture in ((-1e-6, True), (1e-6, False)):
        numbers = data.left.resample(cleared + offset).frame_indices
        assert ((numbers >= 0) == has_picture).all()
    resampled = data.left.resample([1.0, 10.0, 13.0], tolerance=0.1)
    found = read_back(resampled, tmp_path)
    assert [time for time, _ in found["/video", "timestamp"]] == [10**9, 13 * 10**9]
    assert (10**10, [False]) in found["/video", "is_recursive"]


def test_a_window_has_its_own_frames_and_seconds(data, cameras, tmp_path):
    for reset_origin in (False, True):
        window = data.slice(13.0, 15.0, reset_origin=reset_origin)
        found = read_back(window, tmp_path)
        assert_frames(found, "/left", window.left, [cameras / "left.mp4"])
        times = [time for time, _ in found["/spikes", "scalars"]]
        assert times == as_nanoseconds(window.spikes.timestamps)


CLIPS = {
    "H.264": {},
    "open groups": {"open_gop": True},
    "HEVC": {"codec": "libx265"},
    "AV1": {"codec": "libsvtav1"},
    "VP9": {"codec": "libvpx-vp9"},
    "no B-frames": {"b_frames": 0},
    "uneven times": {"pts": np.cumsum(np.arange(N_FRAMES) % 7 + 1)},
    "an odd time base": {"rate": 7},
}


@pytest.mark.parametrize("options", CLIPS.values(), ids=CLIPS)
def test_what_rerun_plays_has_the_right_pictures(tmp_path, options):
    path = make_clip(tmp_path / "cam.mp4", N_FRAMES, **options)
    tv.write_index(path, timestamps=CLOCK, progress=False)
    video = tv.LazyVideo.from_uri(path)
    assert_frames(read_back(video, tmp_path), "/video", video, [path])


def test_frames_that_an_edit_list_hides_keep_their_numbers(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", N_FRAMES)
    edit(path, 5, N_FRAMES - 5)
    video = tv.LazyVideo.from_uri(path)
    assert read_numbers(video.frames).tolist() == list(range(5, N_FRAMES))
    assert_frames(read_back(video, tmp_path), "/video", video, [path])


def test_a_video_of_several_files(tmp_path):
    paths = [
        make_clip(tmp_path / f"cam_{i}.mp4", N_FRAMES // 3, first_frame=1000 * i)
        for i in range(3)
    ]
    tv.write_index(paths, timestamps=CLOCK, progress=False)
    video = tv.LazyVideo.from_uri(paths)
    assert_frames(read_back(video, tmp_path), "/video", video, paths)


REFUSED = {
    "AVI": ("cam.avi", {"codec": "mjpeg"}, lambda path: None),
    "Matroska": ("cam.mkv", {}, lambda path: None),
    "MPEG-4 Part 2": ("cam.mp4", {"codec": "mpeg4"}, lambda path: None),
    "turned": (
        "cam.mp4",
        {"size": (64, 96)},
        lambda path: turn_track(path, display_matrix(90, False, 96, 64)),
    ),
    "cut by an edit list": ("cam.mp4", {}, lambda path: edit(path, 12, 24)),
}


@pytest.mark.parametrize(("name", "options", "change"), REFUSED.values(), ids=REFUSED)
def test_what_rerun_would_show_otherwise_is_refused(tmp_path, name, options, change):
    path = make_clip(tmp_path / name, N_FRAMES, **options)
    change(path)
    with pytest.raises(tv.VideoError, match=f"{name}.*as it is.*tv.view"):
        tv.to_rerun(tv.LazyVideo.from_uri(path))


def test_another_file_than_the_indexed_one_is_refused(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", N_FRAMES)
    tv.write_index(path, timestamps=CLOCK, progress=False)
    video = tv.LazyVideo.from_uri(path)
    make_clip(path, N_FRAMES, first_frame=1)
    with pytest.raises(tv.StaleIndexError):
        tv.to_rerun(video)


def test_points_lie_on_the_frames_of_their_camera(data, tmp_path):
    tail = data.pose.nose + 1
    tail[::2] = np.nan
    pose = IrregularTimeSeries(
        timestamps=data.pose.timestamps, nose=data.pose.nose, tail=tail, domain="auto"
    )
    one = Data(left=data.left, pose=pose, domain=data.domain)
    found = read_back(one, tmp_path)
    assert ("/pose", "scalars") not in found
    logged = found["/left/pose", "positions"]
    ids = found["/left/pose", "class_ids"]
    assert [time for time, _ in logged] == as_nanoseconds(pose.timestamps)
    for i, ((_, points), (_, kinds)) in enumerate(zip(logged, ids, strict=True)):
        expected = [pose.nose[i], tail[i]][: 1 + i % 2]
        assert np.allclose(points, np.array(expected) + 0.5, atol=1e-4)
        assert kinds == [0, 1][: 1 + i % 2]
    (names,) = found["/left/pose", "context"][0][1]
    labels = [entry["class_description"]["info"]["label"] for entry in names]
    assert labels == ["nose", "tail"]


def test_intervals_that_overlap_have_lanes(tmp_path):
    kind = np.array(["a", "b", "", "d"])
    trials = Interval(np.array([0.0, 1.0, 2.0, 4.0]), np.array([2.0, 3.0, 4.0, 5.0]))
    trials.kind = kind
    nested = Data(trials=trials, domain=Interval(0.0, 5.0))
    found = read_back(Data(task=nested, domain=Interval(0.0, 5.0)), tmp_path)
    states = {
        entity: [(time / 1e9, state) for time, (state,) in rows]
        for (entity, name), rows in found.items()
        if name == "state"
    }
    assert states == {
        "/task/trials": [(0, "a"), (2, "2"), (4, "d"), (5, "")],
        "/task/trials/lane_1": [(1, "b"), (3, "")],
    }


def test_times_that_are_not_finite_are_refused():
    events = IrregularTimeSeries(
        timestamps=np.array([0.0, np.inf]), domain=Interval(0.0, 1.0)
    )
    with pytest.raises(ValueError, match="'events' has times that are not finite"):
        tv.to_rerun(Data(events=events, domain=Interval(0.0, 1.0)))


def test_a_recording_of_the_user_is_logged_to(data):
    mine = rr.RecordingStream("mine")
    assert tv.to_rerun(data.slice(13.0, 14.0), recording=mine) is mine


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ImportError, match=r"pip install \"temporaldata-video\[rerun\]\""):
        tv.to_rerun(None)
