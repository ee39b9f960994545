r"""Where clips begin, and what stands for frames behind the end."""

from __future__ import annotations

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from temporaldata_video.training import random_clips, regular_clips
from tests.helpers import numbers, right


def shown(clips) -> list[list[int]]:
    return [clip.frame_indices.tolist() for clip in clips]


@pytest.fixture
def video(clip):
    return tv.LazyVideo.from_uri(clip)


@pytest.fixture
def paused(tmp_path):
    r"""A video of 60 frames at 10 per second, with a pause of 94 s in its middle."""
    clip = make_clip(tmp_path / "cam.mp4", 60, size=(64, 64))
    times = [*(n / 10 for n in range(30)), *(97 + n / 10 for n in range(30))]
    tv.write_index(clip, timestamps=times, progress=False)
    return tv.LazyVideo.from_uri(clip)


def test_clips_hold_their_frames(video):
    clips = random_clips(video, 20, 4, step=3)
    tv.read_many(clips)
    for clip in clips:
        first = int(clip.frame_indices[0])
        assert numbers(clip) == [first, first + 3, first + 6, first + 9]
    assert shown(clips) == shown(random_clips(video, 20, 4, step=3))
    assert shown(clips) != shown(random_clips(video, 20, 4, step=3, seed=1))


def test_random_clips_begin_everywhere(video):
    starts = {numbers[0] for numbers in shown(random_clips(video, 3000, 10))}
    assert starts == set(range(111))
    starts = {numbers[0] for numbers in shown(random_clips(video, 300, 2, span=(50, 60)))}
    assert starts == set(range(50, 60))


def test_regular_clips_begin_at_both_ends(video):
    assert shown(regular_clips(video, 3, 2)) == [[0, 1], [59, 60], [118, 119]]
    assert shown(regular_clips(video, 1, 2)) == [[0, 1]]
    window = video.slice(1.0, 2.0)
    assert shown(regular_clips(window, 2, 2, step=2)) == [[30, 32], [57, 59]]


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        ("repeat_last", [118, 119, 119, 119, 119]),
        ("wrap", [118, 119, 118, 119, 118]),
    ],
)
@pytest.mark.parametrize("step", [{}, {"seconds": 1 / 30}], ids=["frames", "seconds"])
def test_frames_behind_the_end(video, edge, expected, step):
    span = (118, 119)
    if step:  # the domain ends with the time of the last frame
        span, expected = (117.5 / 30, 117.6 / 30), [n - 1 for n in expected]
    (clip,) = regular_clips(video, 1, 5, span=span, edge=edge, **step)
    assert clip.frame_indices.tolist() == expected
    assert numbers(clip) == expected
    assert clip.valid.all()
    assert clip.is_sorted() is (edge == "repeat_last")
    with pytest.raises(ValueError, match="has 3 behind the end of the video"):
        regular_clips(video, 1, 5, span=span, edge="error", **step)


def test_clips_by_time_have_the_frames_on_screen(video):
    clips = random_clips(video, 50, 4, seconds=0.25)
    for clip in clips:
        start = clip.timestamps[0]
        assert np.allclose(clip.timestamps, start + 0.25 * np.arange(4))
        on_screen = np.floor(clip.timestamps * 30 + 1e-9).astype(int)
        assert clip.frame_indices.tolist() == on_screen.tolist()
    assert right(clips[0])


def test_no_clip_by_time_is_in_a_pause(paused):
    for clip in random_clips(paused, 200, 5, seconds=0.3):
        assert clip.frame_indices.min() >= 0
        assert np.ptp(clip.frame_indices) <= 12
    (clip,) = random_clips(paused, 1, 5, seconds=0.3, span=(2.75, 2.76))
    assert clip.frame_indices.tolist() == [27, 27, 27, 27, 27]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"edge": "black"}, "edge must be one of"),
        ({"n_frames": 0}, "n_frames must be positive"),
        ({"step": 0}, "step must be positive"),
        ({"seconds": 0.0}, "seconds must be positive"),
        ({"n_frames": 121}, "no clip can begin in frames 0 to 0 of 120"),
        ({"span": (100, 130)}, "no clip can begin in frames 100 to 130 of 120"),
        ({"seconds": 2.0}, "no clip can begin in 6 s of its stretches"),
        ({"seconds": 0.1, "span": (50, 60)}, "no clip can begin"),
    ],
    ids=str,
)
def test_clips_that_make_no_sense(video, wrong, message):
    with pytest.raises(ValueError, match=message):
        random_clips(video, **{"n_clips": 3, "n_frames": 4, **wrong})
