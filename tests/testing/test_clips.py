r"""Clips prove which frame is which, whatever codec, container or size they go through."""

from __future__ import annotations

import os
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporaldata_video.testing import (
    LFP_RATE,
    N_NUMBERS,
    SECOND_VIDEO_OFFSET,
    make_clip,
    make_recording,
    paint_number,
    read_number,
    read_numbers,
)

SUFFIXES_OF_CODEC = {
    "libx264": [".mp4", ".mov", ".mkv", ".avi", ".ts", ".3gp"],
    "libx265": [".mp4", ".mov", ".mkv", ".ts"],
    "mpeg4": [".mp4", ".mov", ".mkv", ".avi", ".ts", ".3gp"],
    "mjpeg": [".mp4", ".mov", ".mkv", ".avi"],
    "libvpx-vp9": [".mp4", ".mkv", ".webm"],
    "libaom-av1": [".mp4", ".webm"],
    "libsvtav1": [".mp4", ".webm"],
}
CODECS_AND_SUFFIXES = [
    pytest.param(
        codec,
        suffix,
        marks=pytest.mark.skipif(
            codec not in av.codecs_available, reason=f"PyAV has no {codec}"
        ),
        id=f"{codec}{suffix}",
    )
    for codec, suffixes in SUFFIXES_OF_CODEC.items()
    for suffix in suffixes
]


def decoded(path, stream=0, **reformat):
    r"""Decodes a whole stream into (n, H, W, C), through FFmpeg's own scaler."""
    with av.open(str(path)) as container:
        container.streams.video[stream].thread_type = "NONE"
        frames = [f.to_ndarray(**reformat) for f in container.decode(video=stream)]
    return np.stack(frames).reshape(len(frames), *frames[0].shape[:2], -1)


def demuxed(path):
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


def keyframe_positions(path):
    packets = demuxed(path)
    in_order = sorted(packet.pts for packet in packets)
    return [in_order.index(packet.pts) for packet in packets if packet.is_keyframe]


@given(
    number=st.integers(0, N_NUMBERS - 1),
    height=st.integers(32, 300),
    width=st.integers(32, 300),
    channel_format=st.sampled_from(["NCHW", "NHWC"]),
    grey=st.booleans(),
)
def test_a_painted_number_is_read_back(number, height, width, channel_format, grey):
    frame = paint_number(number, height, width)
    if grey:
        frame = frame.mean(axis=2, keepdims=True).astype(np.uint8)
    if channel_format == "NCHW":
        frame = np.moveaxis(frame, 2, 0)
    assert read_number(frame) == number
    assert read_number(frame, channel_format) == number


@given(
    number=st.integers(0, N_NUMBERS - 1),
    height=st.integers(64, 300),
    width=st.integers(64, 300),
    level=st.integers(0, 255),
)
def test_a_number_on_a_background_is_read_back(number, height, width, level):
    background = np.full((height, width, 3), level, np.uint8)
    frame = paint_number(number, height, width, background)
    np.testing.assert_array_equal(frame[: height * 7 // 8], level)
    assert read_number(frame) == number


@given(
    number=st.integers(0, N_NUMBERS - 1),
    flipped=st.sets(st.integers(0, 35), min_size=1, max_size=3),
)
def test_damaged_cells_never_give_another_number(number, flipped):
    frame = paint_number(number, 96, 96)
    cells = frame[6:90, 6:90].reshape(6, 14, 6, 14, 3)
    for cell in flipped:
        cells[cell // 6, :, cell % 6] = 255 - cells[cell // 6, :, cell % 6]
    with pytest.raises(ValueError, match="no readable number"):
        read_number(frame)


@given(level=st.integers(0, 255), number=st.integers(0, N_NUMBERS - 1))
def test_a_frame_without_a_number_is_refused(level, number):
    noise = np.random.default_rng(number).integers(0, 256, (64, 96, 3), np.uint8)
    painted, next_one = (paint_number(k % N_NUMBERS, 64, 96) for k in (number, number + 1))
    blend = painted // 2 + next_one // 2
    for frame in (np.full((64, 96, 3), level, np.uint8), noise, blend, painted[::-1]):
        with pytest.raises(ValueError, match="no readable number"):
            read_number(frame)


def test_the_error_says_which_frames_are_bad():
    frames = np.stack([paint_number(k, 64, 96) for k in range(5)])
    frames[[2, 4]] = 0
    with pytest.raises(ValueError, match=r"2 of 5 frames .* first at position 2"):
        read_numbers(frames, "NHWC")


def test_no_frames_have_no_numbers():
    numbers = read_numbers(np.empty((0, 3, 64, 96), np.uint8))
    assert numbers.shape == (0,) and numbers.dtype == np.int64


def test_frames_far_apart_look_different_between_the_cells():
    border = [paint_number(number, 64, 96)[0].astype(int) for number in (0, 1, 20)]
    assert 0 < np.abs(border[1] - border[0]).mean() < np.abs(border[2] - border[0]).mean()


def test_swapped_colors_do_not_go_unseen():
    frame = paint_number(5, 64, 96)
    assert np.abs(frame[..., ::-1].astype(int) - frame).mean() > 5


@pytest.mark.parametrize("number", [-1, N_NUMBERS])
def test_a_number_out_of_range_is_refused(number):
    with pytest.raises(ValueError, match=f"number={number}"):
        paint_number(number, 64, 96)


@pytest.mark.parametrize(
    ("background", "message"),
    [(None, "too small"), (np.zeros((64, 90, 3), np.uint8), "background has shape")],
)
def test_a_frame_that_does_not_fit_the_code_is_refused(background, message):
    with pytest.raises(ValueError, match=message):
        paint_number(0, 31 if background is None else 64, 96, background)


def test_an_unknown_channel_format_is_refused():
    with pytest.raises(ValueError, match="channel_format='CHW'"):
        read_number(paint_number(0, 64, 96), "CHW")


@pytest.mark.parametrize(("codec", "suffix"), CODECS_AND_SUFFIXES)
def test_every_decoded_frame_carries_its_number(tmp_path, codec, suffix):
    path = make_clip(tmp_path / f"clip{suffix}", codec=codec, first_frame=70_000)
    rgb = decoded(path, format="rgb24")
    grey = decoded(path, format="gray")
    half = decoded(path, format="rgb24", height=32, width=48)
    expected = 70_000 + np.arange(60)
    assert rgb.shape == (60, 64, 96, 3)
    np.testing.assert_array_equal(read_numbers(rgb, "NHWC"), expected)
    np.testing.assert_array_equal(read_numbers(np.moveaxis(rgb, 3, 1)), expected)
    np.testing.assert_array_equal(read_numbers(grey, "NHWC"), expected)
    np.testing.assert_array_equal(read_numbers(half, "NHWC"), expected)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
@pytest.mark.parametrize("gop", [1, 7, 12, 100])
def test_key_frames_are_where_they_were_asked_for(tmp_path, codec, gop):
    path = make_clip(tmp_path / "clip.mp4", codec=codec, gop=gop)
    assert keyframe_positions(path) == list(range(0, 60, gop))


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_b_frames_are_there_when_asked_for(tmp_path, codec, b_frames):
    path = make_clip(tmp_path / "clip.mp4", codec=codec, b_frames=b_frames)
    pts = [packet.pts for packet in demuxed(path)]
    assert (pts != sorted(pts)) == (b_frames > 0)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("open_gop", [False, True])
def test_only_an_open_gop_has_leading_pictures(tmp_path, codec, open_gop):
    path = make_clip(tmp_path / "clip.mp4", codec=codec, open_gop=open_gop)
    packets = demuxed(path)
    keyframes = [i for i, packet in enumerate(packets) if packet.is_keyframe]
    leading = [i for i in keyframes if packets[i + 1].pts < packets[i].pts]
    assert keyframe_positions(path) == list(range(0, 60, 12))
    assert leading == (keyframes[1:] if open_gop else [])
    numbers = read_numbers(decoded(path, format="rgb24"), "NHWC")
    np.testing.assert_array_equal(numbers, np.arange(60))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".ts", ".webm"])
def test_audio_is_interleaved(tmp_path, suffix):
    codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
    path = make_clip(tmp_path / f"clip{suffix}", codec=codec, audio=True)
    with av.open(str(path)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    with av.open(str(path)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert kinds.count("video") == 60
    assert "audio" in kinds[: len(kinds) // 4] and "video" in kinds[-len(kinds) // 4 :]
    assert heard / 48_000 == pytest.approx(2.0, abs=0.1)


def test_one_frame_is_a_clip(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 1, first_frame=9, audio=True)
    assert read_numbers(decoded(path, format="rgb24"), "NHWC").tolist() == [9]


def test_a_second_video_stream_has_numbers_of_its_own(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", n_frames=10, second_video=True)
    for stream, offset in enumerate([0, SECOND_VIDEO_OFFSET]):
        numbers = read_numbers(decoded(path, stream, format="rgb24"), "NHWC")
        np.testing.assert_array_equal(numbers, offset + np.arange(10))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("audio", [False, True])
def test_frames_are_shown_at_the_pts_asked_for(tmp_path, suffix, audio):
    pts = np.cumsum(np.random.default_rng(0).integers(5, 200, 60))
    path = make_clip(tmp_path / f"clip{suffix}", pts=pts, audio=audio)
    packets = demuxed(path)
    shown = np.array(sorted(float(packet.pts * packet.time_base) for packet in packets))
    np.testing.assert_allclose(np.diff(shown), np.diff(pts) / 1000, atol=1e-3)
    numbers = read_numbers(decoded(path, format="rgb24"), "NHWC")
    np.testing.assert_array_equal(numbers, np.arange(60))


def test_a_time_base_scales_the_pts(tmp_path):
    pts, time_base = 3003 * np.arange(20), Fraction(1, 90_000)
    path = make_clip(tmp_path / "clip.ts", 20, pts=pts, time_base=time_base)
    shown = sorted(packet.pts for packet in demuxed(path))
    np.testing.assert_array_equal(np.diff(shown), 3003)


@pytest.mark.parametrize("pts", [[0, 1], [0, 2, 2], [0, 2, 1]])
def test_pts_that_do_not_increase_frame_by_frame_are_refused(tmp_path, pts):
    with pytest.raises(ValueError, match="pts must be 3 increasing integers"):
        make_clip(tmp_path / "clip.mp4", 3, pts=np.array(pts))


@pytest.mark.parametrize("rate", [30, 60, Fraction(30_000, 1001)])
def test_the_rate_is_the_one_asked_for(tmp_path, rate):
    with av.open(str(make_clip(tmp_path / "clip.mp4", rate=rate))) as container:
        assert container.streams.video[0].average_rate == rate


@pytest.mark.parametrize("pixel_format", ["yuv422p", "yuv444p"])
def test_the_pixel_format_is_the_one_asked_for(tmp_path, pixel_format):
    path = make_clip(tmp_path / "clip.mp4", 12, pixel_format=pixel_format)
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == pixel_format
    numbers = read_numbers(decoded(path, format="rgb24"), "NHWC")
    np.testing.assert_array_equal(numbers, np.arange(12))


def test_options_reach_muxer_and_encoder(tmp_path):
    plain = make_clip(tmp_path / "plain.mp4")
    fragmented = make_clip(
        tmp_path / "fragmented.mp4",
        container_options={"movflags": "frag_keyframe+empty_moov"},
    )
    coarse = make_clip(tmp_path / "coarse.mp4", codec_options={"crf": "40"})
    assert b"moof" in fragmented.read_bytes() and b"moof" not in plain.read_bytes()
    assert coarse.stat().st_size < plain.stat().st_size


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_same_arguments_give_the_same_bytes(tmp_path, suffix):
    once = make_clip(tmp_path / f"once{suffix}", audio=True).read_bytes()
    again = make_clip(tmp_path / f"again{suffix}", audio=True).read_bytes()
    assert once == again


def test_an_unknown_codec_is_named(tmp_path):
    with pytest.raises(ValueError, match="codec='libnope' is no encoder"):
        make_clip(tmp_path / "clip.mp4", codec="libnope")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("codec", "suffix"), CODECS_AND_SUFFIXES)
def test_encoding_is_silent(tmp_path, codec, suffix, capfd, run_python):
    path = str(tmp_path / f"clip{suffix}")
    if codec == "libsvtav1":
        # It decides once a process, at its first encoder, whether it talks.
        code = (
            "import sys; from temporaldata_video.testing import make_clip; "
            "make_clip(sys.argv[1], 12, codec='libsvtav1')"
        )
        assert run_python(code, path) == ""
        return
    make_clip(path, 12, codec=codec)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc")
def test_encoding_leaves_no_threads_behind(tmp_path):
    make_clip(tmp_path / "first.mp4")
    before = len(os.listdir("/proc/self/task"))
    make_clip(tmp_path / "second.mp4")
    assert len(os.listdir("/proc/self/task")) == before


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return make_recording(tmp_path_factory.mktemp("recording"), seconds=10.0)


def test_the_camera_of_a_recording_has_a_clock_of_its_own(recording):
    camera_times = np.load(recording.camera_times)
    assert camera_times.dtype == np.float64 and camera_times.shape == (300,)
    assert camera_times[0] == 0.013
    assert np.diff(camera_times).min() > 0
    assert np.diff(camera_times).std() > 1e-3
    assert np.diff(camera_times).mean() == pytest.approx(1 / 30, rel=0.01)


@pytest.mark.parametrize("resize", [{}, {"height": 60, "width": 80}])
def test_the_video_of_a_recording_carries_its_numbers(recording, resize):
    frames = decoded(recording.video, format="rgb24", **resize)
    np.testing.assert_array_equal(read_numbers(frames, "NHWC"), np.arange(300))


def test_the_other_modalities_of_a_recording_fit_together(recording):
    spikes = recording.spike_timestamps
    assert spikes.shape == recording.spike_unit_index.shape and len(spikes) > 100
    assert np.diff(spikes).min() >= 0 and spikes[0] >= 0 and spikes[-1] < 10.0
    assert recording.lfp.shape == (2500, 2) and recording.lfp.dtype == np.float32
    assert (recording.trial_start < recording.trial_end).all()
    assert recording.trial_end.max() <= 10.0


def test_spikes_and_theta_follow_the_moving_mouse(recording):
    bins = np.arange(0.0, 10.1, 0.5)
    spikes = np.histogram(recording.spike_timestamps, bins)[0]
    samples = recording.lfp[:, 0].reshape(-1, int(0.5 * LFP_RATE))
    assert np.corrcoef(spikes, samples.std(axis=1))[0, 1] > 0.5


def test_a_recording_is_known_by_its_seed(recording, tmp_path):
    again = make_recording(tmp_path, seconds=10.0)
    other = make_recording(tmp_path, seconds=10.0, seed=1)
    np.testing.assert_array_equal(again.spike_timestamps, recording.spike_timestamps)
    assert len(other.lfp) == len(again.lfp) and (other.lfp != again.lfp).any()
