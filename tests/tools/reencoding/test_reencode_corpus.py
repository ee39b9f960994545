r"""Copies of real files, lossless, against an independent sequential decode."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning"),
]

# Edit lists, late starts, fragments, odd sizes, 4:4:4, 10 bits, other codecs, sound.
FILES = (
    "ax_bbb_176x144_128kbps_15fps_h263.3gp",
    "ax_sample.avi",
    "ax_sample_edit_list_only_preroll_sync_sample.mp4",
    "ax_sample_fragmented.mp4",
    "pupil_single_eye0.mp4",
    "tc_discard_first_keyframe.mp4",
    "tc_h264_10bits.mp4",
    "tc_test_non_zero_start.mp4",
    "tc_testsrc2_odd_height_and_width_444.mp4",
)
SOUND = {
    "ax_sample.avi": ("mp3",),
    "ax_sample_edit_list_only_preroll_sync_sample.mp4": ("aac",),
    "ax_sample_fragmented.mp4": ("aac",),
}


def decode_in_sequence(path) -> list[tuple[float, bytes]]:
    r"""Times and pixels as PyAV gives them, opened as its own users would."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        return [
            (frame.pts * frame.time_base, frame.to_ndarray(format="rgb24").tobytes())
            for frame in container.decode(stream)
        ]


@pytest.mark.parametrize("corpus_name", FILES)
def test_lossless_copies_of_real_files(corpus, corpus_name, tmp_path):
    copy = tmp_path / "copy.mp4"
    report = tv.reencode(corpus / corpus_name, copy, gop=8, lossless=True, progress=False)
    assert decode_in_sequence(copy) == decode_in_sequence(corpus / corpus_name)
    assert report.audio == SOUND.get(corpus_name, ())
    keys = np.flatnonzero(build_segment(LocalStore(), str(copy)).frames.keyframe)
    assert np.diff(keys).max(initial=0) <= 8
    assert {*tv.check_video(copy, decode=True).codes} <= {
        "untagged-colour",
        "late-start",
        "clock-gaps",
        "variable-frame-rate",
        "more-than-8-bits",
    }


def test_a_copy_with_short_groups_decodes_a_fraction(corpus, tmp_path):
    name = "fictrac_sample.mp4"
    tv.write_index(corpus / name, index_uri=tmp_path / "before.lance", progress=False)
    before = tv.LazyVideo.from_uri(corpus / name, index_uri=tmp_path / "before.lance")
    report = tv.reencode(
        corpus / name,
        tmp_path / "copy.mp4",
        index_uri=tmp_path / "before.lance",
        progress=False,
    )
    after = tv.LazyVideo.from_uri(tmp_path / "copy.mp4")
    assert np.array_equal(after.timestamps, before.timestamps)
    decoded = {
        name: sum(
            video.select_by_mask(np.arange(300) == k).cost().decoded for k in range(300)
        )
        for name, video in (("before", before), ("after", after))
    }
    assert decoded["before"] >= 4 * decoded["after"]
    assert report.psnr > 40


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_copy_that_is_interrupted_is_none(corpus, tmp_path, sent):
    copy, aside = tmp_path / "copy.mp4", tmp_path / "copy.mp4.part"
    program = [sys.executable, "-m", "temporaldata_video._cli.main", "reencode"]
    process = subprocess.Popen(
        [*program, corpus / "dlc_openfield_m3v1mp4.mp4", "-o", copy, "--quiet"],
        stderr=subprocess.PIPE,
        text=True,
        # Programs in the background may have Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while not (aside.exists() and aside.stat().st_size) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(sent)
        _, said = process.communicate()
    finally:
        process.kill()
    assert process.returncode == (130 if sent == signal.SIGINT else -signal.SIGKILL), said
    assert not copy.exists() and not (tmp_path / "copy.mp4.lance").exists()
    if sent == signal.SIGINT:
        assert not aside.exists()
