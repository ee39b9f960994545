r"""Indexes whose key frames were proven, and what their checksums find later."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._cli.main import app
from temporaldata_video._decode.keyframes import prove
from temporaldata_video._decode.plan import plan_runs
from temporaldata_video._decode.read_file import VideoFile
from temporaldata_video._index.packets import SegmentIndex
from temporaldata_video.testing import make_clip, read_numbers
from temporaldata_video.testing.damage import box_places
from tests.helpers import say_that_some_are_key_frames

CLIPS = {
    "closed": {},
    "open-gop": {"open_gop": True, "b_frames": 3},
    "hevc": {"codec": "libx265", "open_gop": True},
    "mpeg4": {"codec": "mpeg4", "b_frames": 0},
    "fragments": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
}


def say_that_all_are_key_frames(path) -> None:
    r"""Removes the table of key frames: without it every frame is said to be one."""
    data = bytearray(path.read_bytes())
    (stss,) = (place for place in box_places(bytes(data)) if place.kind == b"stss")
    data[stss.start + 4 : stss.start + 8] = b"free"
    path.write_bytes(data)


def keys(index: tv.LanceFrameIndex) -> list[int]:
    segment = index.segments[0]
    return np.flatnonzero(segment.rows(0, len(segment)).keyframe).tolist()


@pytest.mark.parametrize("name", CLIPS)
def test_honest_key_frames_are_kept(tmp_path, name):
    clip = make_clip(tmp_path / "cam.mp4", 48, size=(32, 32), gop=12, **CLIPS[name])
    plain = tv.write_index(clip, progress=False)
    assert not plain.verified
    with pytest.raises(tv.FrameIndexError, match="index --verify --overwrite"):
        plain.checksums()
    verified = tv.write_index(clip, verify=True, overwrite=True, progress=False)
    assert verified.verified and keys(verified) == keys(plain)
    checksums = verified.checksums()
    assert checksums.dtype == np.int64 and len(np.unique(checksums)) == 48
    video = tv.LazyVideo.from_uri(clip)
    assert read_numbers(video.frames_at([47, 13, 0])).tolist() == [47, 13, 0]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_key_frames_that_are_none(tmp_path, b_frames):
    clip = make_clip(tmp_path / "cam.mp4", 48, size=(32, 32), gop=12, b_frames=b_frames)
    with_lies = [3, 18, 42]
    say_that_some_are_key_frames(clip, with_lies)
    plain = tv.write_index(clip, progress=False)
    verified = tv.write_index(clip, verify=True, overwrite=True, progress=False)
    assert keys(plain) == [0]
    # FFmpeg looks into the packets, and does not believe the header.
    assert keys(verified) == [0, 12, 24, 36]
    video = tv.LazyVideo.from_uri(clip)
    for number in (47, 20, 30, 5, 1):
        assert read_numbers(video.frames_at([number])).tolist() == [number]


def test_a_file_that_calls_every_frame_a_key_frame(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 48, size=(32, 32), gop=12, b_frames=0)
    say_that_all_are_key_frames(clip)
    with pytest.raises(tv.SourceError, match=r"its header: it calls every frame a key"):
        tv.write_index(clip, method="header", progress=False)
    assert keys(tv.write_index(clip, progress=False)) == [0, 12, 24, 36]
    verified = tv.write_index(clip, verify=True, overwrite=True, progress=False)
    assert keys(verified) == [0, 12, 24, 36]
    video = tv.LazyVideo.from_uri(clip)
    for number in (47, 20, 30, 5, 1):
        assert read_numbers(video.frames_at([number])).tolist() == [number]


def test_nothing_starts_at_what_was_not_proven(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 48, size=(32, 32), gop=12, b_frames=0)
    say_that_all_are_key_frames(clip)
    index = tv.write_index(clip, verify=True, progress=False)
    for number in range(48):
        (run,) = plan_runs(index.segments[0], np.array([number]))
        assert run.frames[0] == number // 12 * 12


@pytest.mark.corpus
@pytest.mark.parametrize(
    "corpus_name",
    [
        "tc_discard_first_keyframe.mp4",
        "ax_sample_without_stss.mp4",
        "ax_sample_edit_list_only_preroll_sync_sample.mp4",
        "pupil_single_eye0.mp4",
        "ax_sample_with_invalid_nalu.mp4",
        "tc_test_non_zero_start.mp4",
    ],
)
def test_files_of_the_corpus(corpus, corpus_name):
    store, path = LocalStore(), str(corpus / corpus_name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tv.IndexWarning)
        segment = build_segment(store, path)
    assert isinstance(segment, SegmentIndex)
    proof = prove(VideoFile(path, segment, store))
    assert len(proof.checksums) == len(segment) and (proof.entries <= 1).all()
    assert not (proof.entries & ~segment.frames.keyframe).any()


def test_checksums_find_what_changed(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 200, size=(240, 320), gop=20, b_frames=0)
    index = tv.write_index(clip, verify=True, progress=False)
    assert "checksums-differ" not in tv.check_video(clip, checksums=True).codes
    # In the middle of a file of more than 128 KiB, where no fingerprint looks.
    rows = index.segments[0].rows(0, 200)
    inside = (rows.pos > 1 << 16) & (rows.pos + rows.size < clip.stat().st_size - (1 << 16))
    frame = int(np.flatnonzero(inside & ~rows.keyframe)[0])
    data = bytearray(clip.read_bytes())
    start, size = int(rows.pos[frame]), int(rows.size[frame])
    for at in range(start + size // 2, start + size):
        data[at] ^= 0x5A
    clip.write_bytes(data)
    report = tv.check_video(clip, checksums=True)
    (finding,) = (f for f in report.findings if f.code == "checksums-differ")
    assert f"the first is {frame}" in finding.what and finding.severity.name == "ERROR"


def test_checksums_need_a_verified_index(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32))
    tv.write_index(clip, progress=False)
    assert "no-checksums" in tv.check_video(clip, checksums=True).codes


def test_the_commands(tmp_path):
    clip = make_clip(tmp_path / "cam.mp4", 24, size=(32, 32))
    run = CliRunner().invoke
    assert run(app, ["index", str(clip)]).exit_code == 0
    refused = run(app, ["index", "--verify", str(clip)])
    assert refused.exit_code != 0
    assert run(app, ["index", "--verify", "--overwrite", str(clip)]).exit_code == 0
    assert tv.LanceFrameIndex.open(f"{clip}.lance").verified
    assert run(app, ["index", "--verify", str(clip)]).exit_code == 0  # is fresh
    checked = run(app, ["check", "--checksums", str(clip)])
    assert "checksums" not in checked.output
