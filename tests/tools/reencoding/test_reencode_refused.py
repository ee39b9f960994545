r"""Copies that are not made, or do not take their place, and what is said of them."""

from __future__ import annotations

import os

import pytest

import temporaldata_video as tv
from temporaldata_video._index.display_matrix import display_matrix
from temporaldata_video._tools.reencoding import reencode as module
from temporaldata_video._tools.reencoding.track_matrix import turn_track
from temporaldata_video.testing import make_clip
from tests.helpers import numbers

from .timing import group_lengths


def test_a_damaged_video_is_refused_and_nothing_left_behind(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 60, codec="mjpeg")
    packets = tv.write_index(path, progress=False).segments[0].rows(0, 60)
    data = bytearray(path.read_bytes())
    pos, size = int(packets.pos[40]), int(packets.size[40])
    data[pos : pos + size] = bytes(size)
    path.write_bytes(data)
    tv.write_index(path, overwrite=True, progress=False)
    with pytest.raises(tv.DecodeError, match=r"frame 40 of .* none was made"):
        tv.reencode(path, progress=False)
    assert {p.name for p in tmp_path.iterdir()} == {"cam.mp4", "cam.mp4.lance"}


def test_a_stale_index_is_refused(slow):
    slow.write_bytes(slow.read_bytes() + b"\0" * 8)
    with pytest.raises(tv.StaleIndexError):
        tv.reencode(slow, progress=False)
    assert not list(slow.parent.glob("*gop30*"))


def test_nothing_is_replaced_unasked(slow, tmp_path):
    there = tmp_path / "cam_gop30.mp4"
    there.write_text("something else")
    with pytest.raises(tv.VideoError, match=r"there is a file .*overwrite"):
        tv.reencode(slow, progress=False)
    assert there.read_text() == "something else"
    tv.reencode(slow, overwrite=True, progress=False)
    tv.reencode(slow, gop=5, output=there, overwrite=True, progress=False)
    assert group_lengths(there).max() <= 5
    there.unlink()
    with pytest.raises(tv.FrameIndexError, match="there is an index"):
        tv.reencode(slow, progress=False)
    assert not there.exists()


@pytest.mark.parametrize("link", [False, True])
def test_the_original_is_never_the_copy(slow, tmp_path, link):
    before = slow.read_bytes()
    output = slow
    if link:
        output = tmp_path / "link.mp4"
        os.link(slow, output)
    with pytest.raises(ValueError, match="the video itself"):
        tv.reencode(slow, output, overwrite=True, progress=False)
    assert slow.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gop": 0}, "gop must be a whole number, 1 or more, got 0"),
        ({"gop": 2.5}, "gop must be a whole number"),
        ({"crf": 52}, "crf must be a whole number, 0 to 51, got 52"),
        ({"crf": 20, "lossless": True}, "either crf or lossless"),
        ({"codec": "av1"}, "codec must be one of 'h264', 'hevc', 'ffv1', got 'av1'"),
        ({"output": "copy.mkv"}, "ending in .mp4"),
        ({"output": "s3://lab/copy.mp4"}, "must be a local path"),
    ],
)
def test_wrong_arguments_are_named(slow, options, message):
    with pytest.raises(ValueError, match=message):
        tv.reencode(slow, progress=False, **options)


@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_pixels_that_an_encoder_cannot_hold(tmp_path):
    path = make_clip(tmp_path / "cam.mov", 12, codec="png", pixel_format="rgb24")
    with pytest.raises(tv.VideoError, match="cannot hold rgb24 pixels without loss"):
        tv.reencode(path, tmp_path / "copy.mp4", lossless=True, progress=False)
    report = tv.reencode(path, tmp_path / "copy.mp4", progress=False)
    assert report.converted == ("rgb24", "yuv444p")
    copy = tv.LazyVideo.from_uri(tmp_path / "copy.mp4")
    assert numbers(copy) == list(range(12))


# The comparison -------------------------------------------------------------------------


@pytest.fixture
def meddle(monkeypatch):
    r"""Has something happen to a copy between writing and checking it."""

    def arrange(change):
        real = module.transcode

        def transcode(job, *others):
            seen = real(job, *others)
            change(job, seen)
            return seen

        monkeypatch.setattr(module, "transcode", transcode)

    return arrange


def another_video(job, seen) -> None:
    other = make_clip(job.path.with_name("other.mp4"), 120, first_frame=900)
    os.replace(other, job.aside)


def too_short(job, seen) -> None:
    os.replace(make_clip(job.path.with_name("other.mp4"), 119), job.aside)


def too_slow(job, seen) -> None:
    os.replace(make_clip(job.path.with_name("other.mp4"), 120, rate=29), job.aside)


def with_sound(job, seen) -> None:
    os.replace(make_clip(job.path.with_name("other.mp4"), 120, audio=True), job.aside)


def turned(job, seen) -> None:
    turn_track(job.aside, display_matrix(90, False, 96, 64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (another_video, "the copy shows other pictures"),
        (too_short, "the copy has 119 frames and should have 120"),
        (too_slow, "frame 1 of the copy is at 0.034482759 s and should be at 0.0333"),
        (with_sound, "audio stream 0 of the copy has other packets"),
        (turned, "turned by 90 degrees instead of 0"),
    ],
)
def test_a_copy_that_is_not_exact_does_not_take_its_place(slow, meddle, change, message):
    meddle(change)
    with pytest.raises(tv.VideoError, match=message):
        tv.reencode(slow, progress=False)
    assert {p.name for p in slow.parent.iterdir()} == {"cam.mp4", "cam.mp4.lance"}


def test_a_copy_of_the_worst_quality_is_still_in_order(slow):
    assert tv.reencode(slow, crf=51, progress=False).psnr < 40


def test_one_wrong_pixel_of_a_lossless_copy_is_found(slow, meddle):
    def change(job, seen):
        seen.digests[70] = bytes(16)

    meddle(change)
    with pytest.raises(tv.VideoError, match="frame 70 of the copy has other pixels"):
        tv.reencode(slow, lossless=True, progress=False)
