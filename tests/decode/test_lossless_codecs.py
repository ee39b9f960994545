r"""Lossless codecs of laboratories are read by the position of their packets."""

from __future__ import annotations

import av
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._pixels.convert import OutputFormat
from tests.decode.frames import reference
from tests.deep import decoded, noisy_frames, plane, write_frames

# Container, encoder, pixel format.
BY_PACKET = [
    *(("avi", "ffv1", name) for name in ("gray", "yuv420p", "bgr0", "gray16le")),
    *(("mkv", "ffv1", name) for name in ("gray", "yuv422p10le", "gbrp16le")),
    *(("avi", "huffyuv", name) for name in ("yuv422p", "rgb24", "bgra")),
    *(("avi", "ffvhuff", name) for name in ("gray", "yuv420p", "gray16le", "gbrp")),
    *(("avi", "utvideo", name) for name in ("gbrp", "gbrap", "yuv420p", "yuv422p")),
    *(("avi", "magicyuv", name) for name in ("gbrp", "gray", "yuv420p", "yuv444p")),
    *(("mov", "jpeg2000", name) for name in ("gray", "rgb24", "gray16le", "yuv420p10le")),
    *(("mov", "png", name) for name in ("rgb24", "gray", "gray16be", "rgb48be")),
    *(("avi", "png", name) for name in ("rgb24", "gray16be")),
    *(("mkv", "rawvideo", name) for name in ("gray", "yuv420p", "yuyv422")),
    *(("nut", "rawvideo", name) for name in ("gray16le", "gray10le", "rgb24", "bgra")),
    *(("avi", "rawvideo", name) for name in ("gray", "yuv420p", "uyvy422")),
]
# Their decoders are told more by the container than an index holds.
THROUGH_CONTAINER = [
    ("avi", "rawvideo", "bgr24"),
    ("avi", "rawvideo", "rgb555le"),
    ("mov", "rawvideo", "rgb24"),
]
# Encoder, frames in a group, options.
FFV1 = [(1, {"level": "1"}), (8, {"level": "1"}), (8, {"level": "3"}), (8, {"coder": "1"})]


def assert_right(path) -> tv.LazyVideo:
    tv.write_index(path, progress=False)
    truth = decoded(path)
    for color in ("RGB", "G"):
        video = tv.LazyVideo.from_uri(path, colorspace=color, dtype="auto")
        pixels = OutputFormat(None, color, "NCHW", video.dtype.name)
        expected = np.stack([reference(frame, pixels) for frame in truth])
        assert len(video) == len(truth)
        assert np.array_equal(video.frames, expected)
        for order in ([7, 3], [0, 1, 2, 3, 4], [9, 0, 5, 5]):
            assert np.array_equal(video.frames_at(order), expected[order])
    return video


def by_packet(video) -> bool:
    return video._recording.files[0][0].packets.stream.readable_by_packet


@pytest.mark.parametrize(("container", "codec", "pixel_format"), BY_PACKET)
def test_packets_are_read_by_position(container, codec, pixel_format, tmp_path):
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV has no {codec}")
    path = tmp_path / f"cam.{container}"
    write_frames(path, noisy_frames(10, pixel_format), codec)
    assert by_packet(assert_right(path))


@pytest.mark.parametrize(("container", "codec", "pixel_format"), THROUGH_CONTAINER)
def test_what_only_the_container_knows_is_read_through_it(
    container, codec, pixel_format, tmp_path
):
    path = tmp_path / f"cam.{container}"
    write_frames(path, noisy_frames(10, pixel_format), codec)
    assert not by_packet(assert_right(path))


@pytest.mark.parametrize(("gop", "options"), FFV1)
def test_ffv1_of_all_versions(gop, options, tmp_path):
    path = tmp_path / "cam.avi"
    frames = noisy_frames(20, "gray16le")
    values = [plane(frame) for frame in frames]
    write_frames(path, frames, gop=gop, **options)
    video = assert_right(path)
    assert np.array_equal(video.frames[:, 0], values)
    keys = video._recording.files[0][0].packets.rows(0, 20).keyframe
    assert np.flatnonzero(keys).tolist() == list(range(0, 20, gop))


def test_several_threads_decode_frames_of_ffv1(tmp_path):
    path = write_frames(tmp_path / "cam.mkv", noisy_frames(20, "gray16le"), slices="4")
    tv.write_index(path, progress=False)
    video, truth = (
        tv.LazyVideo.from_uri(path, colorspace="G", dtype="auto", threads=threads)
        for threads in (4, 1)
    )
    assert np.array_equal(video.frames, truth.frames)
