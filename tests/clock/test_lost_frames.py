r"""Frames that a camera was triggered for and did not deliver: their times are left out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import read_numbers

N = 40
LOST = [0, 3, 4, 5, 6, 20, 44]
PULSES = 5 + np.arange(N + len(LOST)) / 32
KEPT = np.delete(PULSES, LOST)
REPORT = {"RecordingReport": {"FramesLostCount": 7, "LostFrames": ["1,4-7", "21,45"]}}


@pytest.fixture
def video(tiny_clip, tmp_path):
    return shutil.copy(tiny_clip, tmp_path / "cam.mp4")


def times_of(video, clock, **options):
    return tv.write_index(video, timestamps=clock, progress=False, **options).timestamps()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lost.txt", "0,3-6,20, 44"),
        ("lost.txt", "\n0\n3 - 6\n\n20\n44\n"),
        ("lost.csv", "lost_frame\n0\n3\n4\n5\n6\n20\n44\n"),
        ("lost.csv", "44;20;6;5;4;3;0\n"),
        ("report.json", json.dumps(REPORT)),
    ],
)
def test_lists_as_rigs_give_them(video, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    clock = tv.Clock(PULSES, lost_frames=tmp_path / name)
    np.testing.assert_array_equal(times_of(video, clock), KEPT)


def test_arrays_and_other_files(video, tmp_path):
    np.save(tmp_path / "lost.npy", np.array(LOST, np.uint16))
    for lost in (LOST, tuple(LOST[::-1]), np.array(LOST), str(tmp_path / "lost.npy")):
        found = times_of(video, tv.Clock(PULSES, lost_frames=lost), overwrite=True)
        np.testing.assert_array_equal(found, KEPT)
    counted_from_one = tv.Clock(PULSES, lost_frames=np.add(LOST, 1), first_frame=1)
    np.testing.assert_array_equal(times_of(video, counted_from_one, overwrite=True), KEPT)


@pytest.mark.parametrize("text", ["", "\n \n", "lost\n", None])
def test_nothing_lost(video, tmp_path, text):
    lost = []
    if text is not None:
        lost = tmp_path / "lost.txt"
        lost.write_text(text)
    clock = tv.Clock(PULSES[:N], lost_frames=lost)
    np.testing.assert_array_equal(times_of(video, clock), PULSES[:N])
    none = {"RecordingReport": {"FramesLostCount": 0, "LostFrames": []}}
    (tmp_path / "none.json").write_text(json.dumps(none))
    clock = tv.Clock(PULSES[:N], lost_frames=tmp_path / "none.json")
    np.testing.assert_array_equal(times_of(video, clock, overwrite=True), PULSES[:N])


@pytest.mark.parametrize("lost", [LOST, [*LOST, 900]])
def test_triggers_at_a_constant_rate(video, lost):
    clock = tv.Clock(rate=32.0, start=5.0, lost_frames=lost)
    np.testing.assert_array_equal(times_of(video, clock), KEPT)


def test_counters_that_wrap_where_frames_were_lost():
    counts = (np.arange(20) * 1000 + 60_000) % 2**16
    clock = tv.Clock(
        counts, unit="ticks", frequency=1000, bits=16, origin="first", lost_frames=[2, 6]
    )
    assert tv.read_timestamps(clock).tolist() == np.delete(np.arange(20.0), [2, 6]).tolist()
    assert tv.examine_clock(clock).wraps.tolist() == [5]


def test_each_time_has_its_frame(video):
    times_of(video, tv.Clock(PULSES, lost_frames=LOST))
    window = tv.LazyVideo.from_uri(video).lazy_slice(PULSES[2], PULSES[9])
    assert window.timestamps.tolist() == PULSES[[2, 7, 8]].tolist()
    assert read_numbers(window.frames).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        ([47], r"names frame 47, and there are 47 timestamps"),
        ([1, 2, 1], "names frame 1 twice"),
        ([-1], "names frame -1, before the first frame, 0"),
        ([0.5], "whole numbers"),
        ([[1, 2], [3, 4]], "one-dimensional"),
    ],
)
def test_numbers_that_make_no_sense(video, lost, says):
    with pytest.raises(ValueError, match=says):
        times_of(video, tv.Clock(PULSES, lost_frames=lost))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("lost.txt", "5-3", "'5-3', which are no numbers"),
        ("lost.txt", "0-99999999999", "'0-99999999999', which are no numbers"),
        ("lost.txt", "9" * 30, "which are no numbers"),
        ("lost.txt", "1 2\n3 4\n", "columns"),
        ("lost.csv", "frame,lost\n1,0\n3,1\n", "columns"),
        ("lost.txt", "none were lost", "no number|columns"),
        ("a.json", "[]", "no RecordingReport"),
        ("a.json", '{"RecordingReport": {"FramesLostCount": 0}}', "no RecordingReport"),
        ("a.json", json.dumps(REPORT).replace("45", "450-"), "counts 7 lost frames"),
        ("a.json", json.dumps(REPORT).replace(": 7", ": 6"), "counts 6 .* lists 7"),
    ],
)
def test_files_that_make_no_sense(video, tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=says):
        times_of(video, tv.Clock(PULSES, lost_frames=tmp_path / name))


def test_a_file_that_is_not_there(video, tmp_path):
    with pytest.raises(FileNotFoundError):
        times_of(video, tv.Clock(PULSES, lost_frames=tmp_path / "lost.txt"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"source": PULSES, "lost_frames": [1], "frame_index": [0]}, "one of the two"),
        ({"lost_frames": [1]}, "there are none"),
        ({"source": PULSES, "first_frame": 1}, "frame_index or lost_frames"),
    ],
)
def test_descriptions_that_contradict_themselves(fields, says):
    with pytest.raises(ValueError, match=says):
        tv.Clock(**fields)
