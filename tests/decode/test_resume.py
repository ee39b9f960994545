r"""Decoders that stay are few, bounded in memory, and can be turned off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._decode import decode as pool
from temporaldata_video.testing import make_clip, read_number, read_numbers


@pytest.fixture(autouse=True)
def bounds(configure):
    pool._LIVE.clear()
    configure(decoders=2)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    made = [
        make_clip(folder / f"{k}.mp4", 60, gop=30, b_frames=2, first_frame=100 * k)
        for k in range(4)
    ]
    for path in made:
        tv.write_index(path, progress=False)
    return made


def slide(video, length=6, step=3, stop=60):
    for start in range(0, stop - length, step):
        frames = np.arange(start, start + length)
        numbers = read_numbers(video.frames_at(frames))
        assert (numbers % 100).tolist() == frames.tolist()


def entries():
    return list(pool._LIVE._entries.values())


def test_the_number_of_decoders_is_bounded(paths):
    videos = [tv.LazyVideo.from_uri(path) for path in paths]
    for video in videos:
        slide(video)
        assert len(entries()) <= 2
    assert len(entries()) == 2 and all(live.context is not None for live in entries())


def test_none_is_kept_when_it_is_turned_off(paths, configure):
    slide(tv.LazyVideo.from_uri(paths[0]))
    assert len(entries()) == 1
    configure(decoders=0)
    slide(tv.LazyVideo.from_uri(paths[1]))
    assert entries() == []


@pytest.mark.parametrize("most", [0, 20_000, 100_000, 1 << 30])
def test_the_memory_of_kept_frames_is_bounded(paths, most, configure):
    configure(decoder_memory_bytes=most)
    held = []
    for path in paths[:2]:
        video = tv.LazyVideo.from_uri(path)
        for stop in range(12, 60, 3):
            slide(video, length=10, step=1, stop=stop)
            frames = [f for live in entries() for f in live.recent.values()]
            held.append(sum(plane.buffer_size for f in frames for plane in f.planes))
    assert max(held) <= most
    if most == 1 << 30:
        assert max(held) > 0  # else nothing was bounded


def test_windows_drawn_at_random_keep_no_decoder(paths):
    video = tv.LazyVideo.from_uri(paths[0])
    for start in (40, 3, 35, 10):
        video.frames_at(np.arange(start, start + 5))
    assert all(live.context is None for live in entries())


def test_a_process_with_live_decoders_ends(paths, run_python):
    program = """
import sys
import numpy as np
import temporaldata_video as tv
video = tv.LazyVideo.from_uri(sys.argv[1])
for start in range(10):
    video.frames_at(np.arange(start, start + 5))
print("read")
"""
    assert run_python(program, paths[0]) == "read\n"


def test_a_window_that_follows_goes_on_with_the_decoder_of_the_first(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 60, gop=60, b_frames=0)
    tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(path)
    decoders = []
    # Nothing is held back, so that the first request leaves its decoder too.
    for start in range(0, 50, 5):
        frames = np.arange(start, start + 5)
        assert read_numbers(video.frames_at(frames)).tolist() == frames.tolist()
        (live,) = entries()
        decoders.append(live.context)
        assert not live.pending.intersection(frames.tolist())
    assert decoders[0] is not None
    assert all(decoder is decoders[0] for decoder in decoders)


def test_frames_that_were_left_out_are_not_awaited(paths):
    # Each request wants frames that the one before did not, so that their packets were
    # skipped where no other frame refers to them.
    video = tv.LazyVideo.from_uri(paths[0])
    for first in range(6):
        frames = np.arange(first, first + 16, 3)
        assert read_numbers(video.frames_at(frames)).tolist() == frames.tolist()
        if first:
            (live,) = entries()
            assert live.context is not None


@pytest.fixture(
    scope="module",
    params=[
        {"b_frames": 2},
        {"b_frames": 0},
        {"b_frames": 3, "open_gop": True},
        {"codec": "hevc", "b_frames": 3, "open_gop": True},
        {"codec": "mpeg4", "b_frames": 2},
    ],
    ids=str,
)
def clip(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    path = make_clip(folder / "clip.mp4", 90, gop=30, **request.param)
    tv.write_index(path, progress=False)
    return path


steps = st.tuples(st.booleans(), st.integers(-3, 15), st.integers(1, 30))


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, min_size=1, max_size=8))
def test_whatever_was_read_before_the_frames_are_right(clip, path_steps):
    video = tv.LazyVideo.from_uri(clip)
    end = 0
    for follows, gap, length in path_steps:
        start = min(89, max(0, end + gap if follows else 5 * gap))
        frames = np.arange(start, min(90, start + length))
        end = int(frames[-1])
        assert read_numbers(video.frames_at(frames)).tolist() == frames.tolist()
        if not follows:
            plain = tv.LazyVideo.from_uri(clip, threads=2).frames_at(frames)
            np.testing.assert_array_equal(video.frames_at(frames), plain)


@pytest.mark.parametrize(("gop", "b_frames"), [(12, 2), (60, 3), (60, 7)])
def test_whatever_follows_a_window_is_right(tmp_path, gop, b_frames):
    options = {"g": str(gop), "bf": str(b_frames), "b-pyramid": "normal", "b-adapt": "0"}
    codec = {"preset": "ultrafast", "sc_threshold": "0", "threads": "1", **options}
    path = make_clip(tmp_path / "cam.mp4", 120, size=(32, 32), codec_options=codec)
    tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(path)
    rng = np.random.default_rng(gop + b_frames)
    wrong = []
    for _ in range(60):
        # A window anywhere, and two that overlap it or follow it, dense or sparse.
        stop = int(rng.integers(0, 50))
        for _ in range(3):
            start = max(0, stop + int(rng.integers(-4, 3)))
            stop = min(120, start + int(rng.integers(1, 50)))
            frames = np.arange(start, stop)[:: rng.integers(1, 4)]
            pixels = video.frames_at(frames)
            wrong += frames[[not shows(*pair) for pair in zip(pixels, frames)]].tolist()
    assert wrong == []


def shows(frame, number):
    try:
        return read_number(frame) == number
    except ValueError:
        return False
