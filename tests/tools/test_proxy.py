r"""Proxies that are written: what is made, kept, refused, and left by writers that die."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._tools.proxies.proxy_file import ProxyFile
from temporaldata_video.testing import make_clip

SIZE = (32, 48)
WRITE = """
import sys
import temporaldata_video as tv
while True:
    for lossless in (True, False):
        tv.write_proxy(sys.argv[1], (32, 48), lossless=lossless, overwrite=True,
                       progress=False)
        print("written", flush=True)
"""


def read(path, **options):
    return tv.LazyVideo.from_uri(path, resize=SIZE, **options)


def beside(path: Path) -> list[str]:
    r"""What lies beside a video, less the indexes."""
    return sorted(p.name for p in path.parent.iterdir() if p.suffix != ".lance")


def test_what_was_made_is_said(own_clip):
    report = tv.write_proxy(own_clip, SIZE, progress=False)
    assert report.uris == (f"{own_clip}.32x48.proxy",)
    assert (report.written, report.frames, report.lost) == (1, 120, 0)
    assert report.bytes_before == own_clip.stat().st_size
    assert report.bytes_after == Path(report.uris[0]).stat().st_size
    assert math.isinf(report.psnr) and report.seconds > 0
    lossy = tv.write_proxy(own_clip, SIZE, lossless=False, progress=False)
    assert 20 < lossy.psnr < 80 and lossy.bytes_after < report.bytes_after / 2
    assert beside(own_clip) == [
        *("cam.mp4", "cam.mp4.32x48-lossy.proxy", "cam.mp4.32x48.proxy")
    ]


def test_a_fresh_proxy_is_kept(own_clip):
    (uri,) = tv.write_proxy(own_clip, SIZE, progress=False).uris
    made = os.stat(uri).st_mtime_ns
    assert tv.write_proxy(own_clip, SIZE, progress=False).written == 0
    assert os.stat(uri).st_mtime_ns == made
    assert tv.write_proxy(own_clip, SIZE, overwrite=True, progress=False).written == 1
    assert os.stat(uri).st_mtime_ns > made


def test_a_stale_proxy_is_made_anew(own_clip):
    tv.write_proxy(own_clip, SIZE, progress=False)
    make_clip(own_clip, 50, first_frame=300)
    tv.write_index(own_clip, overwrite=True, progress=False)
    assert tv.write_proxy(own_clip, SIZE, progress=False).written == 1
    assert read(own_clip).cost().from_proxy == 50
    assert np.array_equal(read(own_clip).frames, read(own_clip, proxy="never").frames)


def test_a_lossy_proxy_of_other_settings_is_not_taken_for_this_one(own_clip):
    options = {"lossless": False, "progress": False}
    tv.write_proxy(own_clip, SIZE, crf=30, gop=20, **options)
    assert tv.write_proxy(own_clip, SIZE, crf=30, gop=20, **options).written == 0
    with pytest.raises(tv.VideoError, match=r"of crf 30, gop 20 already; .*overwrite=True"):
        tv.write_proxy(own_clip, SIZE, **options)
    assert tv.write_proxy(own_clip, SIZE, overwrite=True, **options).written == 1
    index = tv.LanceFrameIndex.open(f"{own_clip}.32x48-lossy.proxy.lance")
    keys = np.flatnonzero(index.segments[0].rows(0, 120).keyframe)
    assert np.diff([*keys, 120]).max() <= 12


def test_a_proxy_has_no_clock_of_its_own(own_clip):
    (uri,) = tv.write_proxy(own_clip, SIZE, progress=False).uris
    index = tv.LanceFrameIndex.open(f"{uri}.lance")
    assert np.isnan(index.timestamps()).all() and len(index.timestamps()) == 120
    assert len(tv.LazyVideo.from_uri(uri)) == 0


def test_a_video_without_an_index_can_have_one(tiny_clip, tmp_path):
    path = Path(tmp_path / "cam.mp4")
    path.write_bytes(tiny_clip.read_bytes())
    with pytest.warns(tv.IndexWarning, match="has no frame index"):
        tv.write_proxy(path, SIZE, progress=False)
    tv.write_index(path, progress=False)
    assert read(path).cost().from_proxy == 40


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        (None, {}, "size must be a tuple"),
        ((32,), {}, "must be None, or"),
        ("32x48", {}, "must be None, or"),
        ((0, 48), {}, "as positive integers"),
        (SIZE, {"dtype": "float32"}, "dtype must be one of"),
        (SIZE, {"crf": 18}, "crf and gop are of lossy proxies"),
        (SIZE, {"gop": 12}, "crf and gop are of lossy proxies"),
        (SIZE, {"lossless": False, "crf": 52}, "crf must be a whole number, 0 to 51"),
        (SIZE, {"lossless": False, "gop": 0}, "gop must be a whole number, 1 or"),
        (SIZE, {"lossless": False, "gop": True}, "gop must be a whole number, 1 or"),
        (SIZE, {"lossless": False, "dtype": "uint16"}, "have 8 bits per sample"),
    ],
)
def test_what_makes_no_sense_is_refused(size, options, message, own_clip):
    before = beside(own_clip)
    with pytest.raises(ValueError, match=message):
        tv.write_proxy(own_clip, size, progress=False, **options)
    assert beside(own_clip) == before


def test_an_index_of_another_video_is_refused(own_clip):
    make_clip(own_clip, 120, first_frame=300)
    with pytest.raises(tv.StaleIndexError, match="was made for another file"):
        tv.write_proxy(own_clip, SIZE, progress=False)
    assert beside(own_clip) == ["cam.mp4"]


def encode_wrongly(wrong):
    write = ProxyFile.write
    count = iter(range(10**6))

    def written(self, picture):
        k = next(count)
        for one in wrong(k, picture):
            write(self, one)

    return written


MISTAKES = {
    "one sample": (lambda k, p: [p ^ (k == 70)], "frame 70 .* has other pixels"),
    "a frame is missing": (lambda k, p: [p] * (k != 70), "has 119 frames"),
    "a frame is there twice": (lambda k, p: [p] * (1 + (k == 70)), "has 121 frames"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_comes_out_is_compared_with_what_went_in(mistake, own_clip, monkeypatch):
    wrong, message = MISTAKES[mistake]
    monkeypatch.setattr(ProxyFile, "write", encode_wrongly(wrong))
    with pytest.raises(tv.VideoError, match=message):
        tv.write_proxy(own_clip, SIZE, progress=False)
    assert beside(own_clip) == ["cam.mp4"]


def test_lossy_pictures_are_compared_too(own_clip, monkeypatch):
    def shifted(k, picture):
        return [] if k == 0 else [picture] * (1 + (k == 119))

    monkeypatch.setattr(ProxyFile, "write", encode_wrongly(shifted))
    with pytest.raises(tv.VideoError, match=r"shifted|another picture|other pictures"):
        tv.write_proxy(own_clip, SIZE, lossless=False, progress=False)
    assert beside(own_clip) == ["cam.mp4"]


@pytest.mark.skipif(os.name != "posix", reason="this system has no SIGKILL")
def test_a_killed_writer_leaves_no_half_proxy(own_clip):
    moments = random.Random(0)
    expected = read(own_clip, proxy="never").frames
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE, own_clip], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.3))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        for use in ("lossless", "lossy"):
            video = read(own_clip, proxy=use)
            error = np.abs(video.frames.astype(int) - expected)
            assert error.max() == 0 if use == "lossless" else error.mean() < 6
    tv.write_proxy(own_clip, SIZE, progress=False)
    assert read(own_clip).cost().from_proxy == 120
    assert np.array_equal(read(own_clip).frames, expected)


def test_many_videos_over_an_executor(tmp_path):
    videos = [make_clip(tmp_path / f"{k}.mp4", 24, first_frame=24 * k) for k in range(4)]
    assert not tv.index_many(videos, progress=False).failed
    tv.write_proxy(videos[2], SIZE, progress=False)
    (tmp_path / "text.mp4").write_text("This is no video.\n" * 50)
    given = [*videos, tmp_path / "text.mp4", videos[0]]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        report = tv.proxy_many(given, SIZE, executor=executor, progress=False)
    statuses = ["done", "done", "skipped", "done", "failed", "done"]
    assert [one.status for one in report] == statuses
    assert [one.frames for one in report] == [24, 24, 24, 24, 0, 24]
    assert "is no video file" in report[4].reason
    for video in videos:
        assert read(video).cost().from_proxy == 24
        assert np.array_equal(read(video).frames, read(video, proxy="never").frames)
    again = tv.proxy_many(videos, SIZE, progress=False)
    assert again.counts() == {"done": 0, "skipped": 4, "failed": 0}
    anew = tv.proxy_many(videos[:1], SIZE, overwrite=True, progress=False)
    assert anew.counts() == {"done": 1, "skipped": 0, "failed": 0}


# Edit lists, rotation, fields, odd sizes, a damaged packet, 10 bits, other codecs.
CORPUS = (
    "ax_hdr10-av1.mp4",
    "ax_pixel7_videoOnly_cleaned.mp4",
    "ax_sample_edit_list.mp4",
    "ax_sample_with_invalid_nalu.mp4",
    "mb_no-initial-keyframe.ts",
    "mma2_demo.mp4",
    "psd_issue-195-aspect-ratio.mp4",
    "tc_testsrc2_odd_height_and_width_444.mp4",
)


@pytest.mark.corpus
@pytest.mark.filterwarnings("ignore::temporaldata_video.errors.VideoWarning")
@pytest.mark.parametrize("corpus_name", CORPUS)
def test_whole_real_videos_are_equal(corpus, corpus_name, tmp_path):
    path = tmp_path / corpus_name
    path.write_bytes((corpus / corpus_name).read_bytes())
    tv.write_index(path, progress=False)
    for pixels in ({}, {"colorspace": "G"}, {"dtype": "auto"}):
        gray, dtype = pixels.get("colorspace") == "G", pixels.get("dtype", "uint8")
        options = {"gray": gray, "dtype": dtype, "overwrite": True, "progress": False}
        tv.write_proxy(path, (112, 112), **options)
        options = {**pixels, "resize": (112, 112), "on_error": "mask"}
        video = tv.LazyVideo.from_uri(path, **options)
        original = tv.LazyVideo.from_uri(path, proxy="never", **options)
        assert video.cost().from_proxy == len(video) > 0
        assert np.array_equal(video.frames, original.frames)
        assert np.array_equal(video.valid, original.valid)
