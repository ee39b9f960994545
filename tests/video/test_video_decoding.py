r"""Whatever the codec and container, windows in any order hold the right frames."""

from __future__ import annotations

import os

import av
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import SECOND_VIDEO_OFFSET, make_clip, read_numbers

N = 90

KINDS = {
    "h264.mp4": {},
    "h264 open.mp4": {"open_gop": True, "b_frames": 3},
    "h264 short.mp4": {"gop": 1, "b_frames": 0},
    "h264 one group.mp4": {"gop": 250},
    "h264 fragments.mp4": {
        "container_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    },
    "h264.mkv": {},
    "h264.ts": {},
    "h264.avi": {"b_frames": 0},
    "h264 sound.mp4": {"audio": True},
    "h264 two.mp4": {"second_video": True},
    "h264 10 bit.mp4": {"pixel_format": "yuv420p10le"},
    "h264 444.mp4": {"pixel_format": "yuv444p", "size": (65, 97)},
    "h264 uneven.mp4": {"pts": np.cumsum(np.arange(N) % 7 + 20)},
    "hevc.mp4": {"codec": "libx265"},
    "hevc open.mp4": {"codec": "libx265", "open_gop": True},
    "hevc.mkv": {"codec": "libx265"},
    "mpeg4.mp4": {"codec": "mpeg4", "b_frames": 0},
    "mpeg4 b.mp4": {"codec": "mpeg4"},
    "mpeg4.avi": {"codec": "mpeg4", "b_frames": 0},
    "mjpeg.avi": {"codec": "mjpeg"},
    "vp9.webm": {"codec": "libvpx-vp9", "b_frames": 0},
    "av1.mp4": {"codec": "libsvtav1", "b_frames": 0},
}


@pytest.fixture(scope="module", params=KINDS)
def path(request, tmp_path_factory):
    options = {"gop": 15, **KINDS[request.param]}
    if options.get("codec", "libx264") not in av.codecs_available:
        pytest.skip(f"PyAV has no {options['codec']}")
    name = request.param.replace(" ", "-")
    made = make_clip(tmp_path_factory.mktemp("kinds") / name, N, **options)
    tv.write_index(made, progress=False)
    return made


@pytest.fixture(params=[0, 4], ids=["alone", "sliding"])
def pool(request, configure):
    configure(decoders=request.param)


def sequential(path, pixel_format) -> np.ndarray:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        frames = [f.to_ndarray(format=pixel_format) for f in container.decode(video=0)]
    return np.stack(frames)


def test_all_formats_are_those_of_a_sequential_decode(path):
    rgb, grey = sequential(path, "rgb24"), sequential(path, "gray8")
    assert read_numbers(rgb, "NHWC").tolist() == list(range(N))
    assert np.array_equal(tv.LazyVideo.from_uri(path).frames, rgb.transpose(0, 3, 1, 2))
    rows = tv.LazyVideo.from_uri(path, channel_format="NHWC", threads=2)
    assert np.array_equal(rows.frames, rgb)
    one = tv.LazyVideo.from_uri(path, colorspace="G", channel_format="NHWC")
    assert np.array_equal(one.frames, grey[..., None])


def windows(seed: int) -> list[np.ndarray]:
    r"""Windows that jump, slide, overlap, repeat, go back and skip."""
    rng = np.random.default_rng(seed)
    found = [np.arange(N)[slice(*sorted(rng.integers(0, N, 2)))] for _ in range(6)]
    for step, length in ((3, 5), (4, 4), (7, 3), (1, 2)):
        start = rng.integers(0, N // 2)
        found += [np.arange(k, k + length) for k in range(start, start + 30, step)]
        found.append(found[-1])
        found += [np.arange(k, k + length) for k in range(start + 12, start, -step)]
    found += [np.sort(rng.choice(N, 7, replace=False)) for _ in range(4)]
    found += [np.arange(k, k + 20, 3) for k in range(20, 50, 5)]
    return [frames[frames < N] for frames in found]


@pytest.mark.parametrize("seed", range(2))
def test_windows_in_any_order_hold_the_right_frames(path, pool, seed):
    video = tv.LazyVideo.from_uri(path)
    everything = video.frames
    for frames in windows(seed):
        assert np.array_equal(video.frames_at(frames), everything[frames]), frames


@pytest.mark.parametrize("threads", [2, 3, "auto"])
def test_threads_make_no_difference(path, threads):
    one, many = tv.LazyVideo.from_uri(path), tv.LazyVideo.from_uri(path, threads=threads)
    for frames in windows(2)[:12]:
        assert np.array_equal(many.frames_at(frames), one.frames_at(frames)), frames


def test_several_videos_are_read_side_by_side(path, pool):
    one, two = tv.LazyVideo.from_uri(path), tv.LazyVideo.from_uri(path, colorspace="G")
    for start in range(0, 60, 4):
        frames = np.arange(start, start + 6)
        assert read_numbers(one.frames_at(frames)).tolist() == frames.tolist()
        assert read_numbers(two.frames_at(frames + 2)).tolist() == (frames + 2).tolist()


def test_the_first_of_several_streams_is_read(tmp_path):
    path = make_clip(tmp_path / "two.mp4", 20, second_video=True)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    tv.write_index(path, progress=False)
    assert read_numbers(tv.LazyVideo.from_uri(path).frames).max() < SECOND_VIDEO_OFFSET


@pytest.mark.parametrize("size", [(32, 32), (130, 70), (64, 96)])
def test_resized_frames_still_say_their_number(clip, size):
    for colorspace in ("RGB", "G"):
        video = tv.LazyVideo.from_uri(clip, resize=size, colorspace=colorspace)
        channels = 3 if colorspace == "RGB" else 1
        assert video.shape == (120, channels, *size)
        assert read_numbers(video.slice(1.0, 1.2).frames).tolist() == list(range(30, 36))


def test_making_a_clip_leaves_the_process_as_it_was(tmp_path, run_python):
    # SVT-AV1 makes the process of the administrator a real-time one.
    if "libsvtav1" not in av.codecs_available or not hasattr(os, "sched_getscheduler"):
        pytest.skip("no such encoder or scheduler here")
    program = """
import os, sys
from temporaldata_video.testing import make_clip
before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
make_clip(sys.argv[1], 10, codec="libsvtav1", b_frames=0)
print((os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before)
"""
    assert run_python(program, tmp_path / "clip.mp4").endswith("True\n")
