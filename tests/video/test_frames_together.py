r"""Several cameras, each with its own clock and number of frames, at the same times."""

from __future__ import annotations

import types

import numpy as np
import pytest
from temporaldata import Data, Interval, IrregularTimeSeries

import temporaldata_video as tv
from temporaldata_video._video import read_many as reading
from temporaldata_video.testing import make_clip, read_numbers

# temporaldata 0.1.4 needs the argument that 0.1.6 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:The .domain. argument:DeprecationWarning")

# A camera of 60 Hz that lost frames, one of 25 Hz that began late and ended early, and one
# that paused.
CLOCKS = {
    "face": np.delete(np.arange(240) / 60, [7, 8, 90]),
    "body": 0.31 + np.arange(60) / 25 * 1.0002,
    "pupil": np.r_[np.arange(30) / 30, 3 + np.arange(30) / 30],
}
TIMES = np.arange(-0.5, 5.0, 0.11)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cameras")
    made = {}
    for number, (name, clock) in enumerate(CLOCKS.items()):
        path = make_clip(
            folder / f"{name}.mp4",
            len(clock),
            size=(32 + 8 * number, 48),
            first_frame=1000 * number,
        )
        tv.write_index(path, timestamps=clock, progress=False)
        made[name] = tv.LazyVideo.from_uri(path)
    return made


@pytest.fixture
def data(videos):
    domain = Interval(0.0, 4.0)
    spikes = IrregularTimeSeries(timestamps=np.arange(4.0), domain=domain)
    rig = Data(body=videos["body"], spikes=spikes, domain=domain)
    return Data(
        session="day1",
        face=videos["face"],
        spikes=spikes,
        rig=rig,
        pupil=videos["pupil"],
        domain=domain,
    )


def expected(name: str, times: np.ndarray, tolerance: float = 1.0) -> list[int]:
    # The frame on screen, by the clock that was written.
    clock = CLOCKS[name]
    shown = [np.flatnonzero(clock <= time)[-1:] for time in times]
    return [
        int(k[0]) if len(k) and time - clock[k[0]] <= tolerance else -1
        for time, k in zip(times, shown)
    ]


def assert_shown(video, name: str, times: np.ndarray, tolerance: float = 1.0) -> None:
    frames = np.array(expected(name, times, tolerance))
    assert video.timestamps.tolist() == times.tolist()
    assert video.frame_indices.tolist() == frames.tolist()
    assert video.valid.tolist() == (frames >= 0).tolist()
    assert not video.frames[frames < 0].any()
    first = 1000 * list(CLOCKS).index(name)
    numbers = read_numbers(video.frames[frames >= 0]) - first
    assert numbers.tolist() == frames[frames >= 0].tolist()


def test_each_camera_shows_its_frame_of_the_time(videos):
    shown = tv.frames_together(videos, TIMES)
    assert list(shown) == list(CLOCKS)
    for name, video in shown.items():
        assert_shown(video, name, TIMES)
    assert {len(video) for video in shown.values()} == {len(TIMES)}


def test_tolerance_and_method_are_those_of_resample(videos):
    strict = tv.frames_together(videos, TIMES, tolerance=0.02)
    for name, video in strict.items():
        assert_shown(video, name, TIMES, 0.02)
    nearest = tv.frames_together(videos, TIMES, "nearest", np.inf)
    for name, video in nearest.items():
        away = np.abs(CLOCKS[name][:, None] - TIMES)
        assert video.valid.all()
        found = np.abs(CLOCKS[name][video.frame_indices] - TIMES)
        assert np.array_equal(found, away.min(axis=0))
    with pytest.raises(ValueError, match="method must be one of"):
        tv.frames_together(videos, TIMES, "last")


def test_videos_of_a_recording_and_of_a_window_of_it(data):
    shown = tv.frames_together(data, TIMES)
    assert list(shown) == ["face", "rig.body", "pupil"]
    for name, video in shown.items():
        assert_shown(video, name.removeprefix("rig."), TIMES)
    window = data.slice(1.5, 3.5)
    times = np.array([0.0, 0.2, 0.9, 1.6])
    for name, video in tv.frames_together(window, times).items():
        assert video.frame_indices.tolist() == expected(
            name.removeprefix("rig."), times + 1.5
        )


def test_they_are_read_as_one_request(videos, monkeypatch):
    requests = []
    read_together = reading.read_together

    def counting(windows):
        requests.append(len(windows))
        read_together(windows)

    monkeypatch.setattr(reading, "read_together", counting)
    shown = tv.frames_together(videos, TIMES)
    assert requests == [3]
    assert all(video._lazy_frames.decoded is not None for video in shown.values())


def test_what_has_no_camera(data):
    with pytest.raises(ValueError, match="no lazy video in Data"):
        tv.frames_together(Data(domain=Interval(0.0, 1.0)), TIMES)
    with pytest.raises(ValueError, match="no lazy video in dict"):
        tv.frames_together({}, TIMES)
    with pytest.raises(TypeError, match=r"IrregularTimeSeries as 'spikes'"):
        tv.frames_together({"face": data.face, "spikes": data.spikes}, TIMES)


def test_the_other_host(videos):
    host = pytest.importorskip("torch_brain.data")
    ours = pytest.importorskip("temporaldata_video.hosts.torch_brain")
    cameras = {name: ours.LazyVideo.from_video(video) for name, video in videos.items()}
    inner = host.Data(pupil=cameras.pop("pupil"), domain=host.Interval(0.0, 4.0))
    data = host.Data(**cameras, inner=inner, domain=host.Interval(0.0, 4.0))
    assert isinstance(host, types.ModuleType)
    for name, video in tv.frames_together(data, TIMES).items():
        assert type(video) is ours.LazyVideo
        assert_shown(video, name.removeprefix("inner."), TIMES)
