r"""Copies of video with more than 8 bits keep all of them, or are not made."""

from __future__ import annotations

import av
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.deep import depth_frames, noisy_frames, write_frames

# Pixel format, and what a copy without loss and one with loss are: codec, pixel format.
KEPT = [
    ("gray10le", ("hevc", "gray10le"), ("hevc", "gray10le")),
    ("gray12le", ("hevc", "gray12le"), ("hevc", "gray12le")),
    # Files made here do not say where their chroma lies, which HEVC cannot leave open.
    ("yuv420p10le", ("ffv1", "yuv420p10le"), ("hevc", "yuv420p10le")),
    ("yuv422p12le", ("ffv1", "yuv422p12le"), ("hevc", "yuv422p12le")),
    ("gbrp10le", ("hevc", "gbrp10le"), ("hevc", "gbrp10le")),
    ("gray9le", ("ffv1", "gray9le"), ("hevc", "gray10le")),
    ("gray14le", ("ffv1", "gray14le"), None),
    ("gray16le", ("ffv1", "gray16le"), None),
    ("yuv444p16le", ("ffv1", "yuv444p16le"), None),
    ("gbrp16le", ("ffv1", "gbrp16le"), None),
]
FORMATS = [kept[0] for kept in KEPT]


def needs(codec: str) -> None:
    r"""Skips a test if FFmpeg does not write the codec into MP4."""
    formats = av.Codec("libx265" if codec == "hevc" else codec, "w").video_formats or []
    if codec == "hevc" and "gray10le" not in {known.name for known in formats}:
        pytest.skip("this x265 has 8 bits only")
    if codec == "ffv1" and tuple(map(int, av.library_versions["libavformat"])) < (62,):
        pytest.skip("FFmpeg writes FFV1 into MP4 since version 8")


def looks(path) -> tuple[str, str]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.codec_context.name, next(container.decode(stream)).format.name


@pytest.fixture
def noise(request, tmp_path):
    r"""12 frames of noise in the format of the test."""
    path = write_frames(tmp_path / "cam.mkv", noisy_frames(12, request.param))
    tv.write_index(path, progress=False)
    return path


@pytest.mark.parametrize(("noise", "kept", "_lossy"), KEPT, indirect=["noise"], ids=FORMATS)
def test_a_copy_without_loss_is_equal(noise, kept, _lossy, tmp_path):
    needs(kept[0])
    copy = tmp_path / "copy.mp4"
    report = tv.reencode(noise, copy, lossless=True, progress=False)
    assert (report.lossless, report.converted) == (True, None)
    assert looks(copy) == kept
    for color in ("RGB", "G"):
        before, after = (
            tv.LazyVideo.from_uri(path, colorspace=color, dtype="auto")
            for path in (noise, copy)
        )
        assert np.array_equal(before.frames, after.frames)


@pytest.mark.parametrize(("noise", "_kept", "lossy"), KEPT, indirect=["noise"], ids=FORMATS)
def test_a_copy_with_loss_keeps_the_depth_or_is_not_made(noise, _kept, lossy, tmp_path):
    needs("hevc")
    copy = tmp_path / "copy.mp4"
    if lossy is None:
        with pytest.raises(tv.VideoError, match=r"1[46] bits .*libx265 keeps\s+fewer"):
            tv.reencode(noise, copy, crf=10, progress=False)
        assert not copy.exists()
        return
    report = tv.reencode(noise, copy, crf=10, progress=False)
    assert looks(copy) == lossy
    assert 20 < report.psnr < 90


def test_the_peak_is_that_of_the_depth(tmp_path):
    needs("hevc")
    path = write_frames(tmp_path / "cam.mkv", depth_frames(12, "gray10le"))
    tv.write_index(path, progress=False)
    tv.reencode(path, tmp_path / "copy.mp4", crf=30, progress=False)
    before, after = (
        tv.LazyVideo.from_uri(p, colorspace="G", dtype="auto").frames.astype(float)
        for p in (path, tmp_path / "copy.mp4")
    )
    psnr = 10 * np.log10(1023**2 / np.square(before - after).mean())
    report = tv.reencode(path, tmp_path / "same.mp4", crf=30, progress=False)
    assert report.psnr == pytest.approx(psnr, abs=3)  # it samples 64 places


def test_a_copy_of_hevc_says_where_chroma_lies_as_before(tmp_path):
    needs("hevc")
    path = make_clip(
        tmp_path / "cam.mp4", 12, codec="libx265", pixel_format="yuv420p10le", gop=12
    )
    tv.write_index(path, progress=False)
    tv.reencode(path, tmp_path / "copy.mp4", gop=4, lossless=True, progress=False)
    assert looks(tmp_path / "copy.mp4") == ("hevc", "yuv420p10le")
    before, after = (
        tv.LazyVideo.from_uri(p, dtype="auto") for p in (path, tmp_path / "copy.mp4")
    )
    assert np.array_equal(before.frames, after.frames)


@pytest.mark.parametrize("pixel_format", ["gray16be", "rgb48be"])
def test_another_byte_order_is_no_loss(pixel_format, tmp_path):
    needs("ffv1")
    path = write_frames(tmp_path / "cam.mov", noisy_frames(6, pixel_format), "png")
    tv.write_index(path, progress=False)
    copy = tmp_path / "copy.mp4"
    report = tv.reencode(path, copy, lossless=True, progress=False)
    assert report.converted == (pixel_format, looks(copy)[1])
    before, after = (tv.LazyVideo.from_uri(p, dtype="auto") for p in (path, copy))
    assert np.array_equal(before.frames, after.frames)


def test_a_codec_that_keeps_all_says_so(tmp_path):
    with pytest.raises(ValueError, match="codec='ffv1' keeps every pixel"):
        tv.reencode(tmp_path / "cam.mp4", codec="ffv1")
