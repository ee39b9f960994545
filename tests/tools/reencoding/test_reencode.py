r"""Copies have the frames of the original: every number, every time, and how they look."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._index.display_matrix import display_matrix
from temporaldata_video._tools.reencoding.track_matrix import turn_track
from temporaldata_video.testing import make_clip
from tests.helpers import numbers, write_four_columns

from .timing import CLOCK, container_times, group_lengths


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("lossless", [False, True])
def test_a_copy_has_the_same_frames_at_the_same_times(slow, codec, lossless):
    report = tv.reencode(slow, gop=10, codec=codec, lossless=lossless, progress=False)
    copy = slow.with_name("cam_gop10.mp4")
    assert report.uris == (str(copy),) and report.frames == 120
    before, after = tv.LazyVideo.from_uri(slow), tv.LazyVideo.from_uri(copy)
    assert np.array_equal(after.timestamps, CLOCK)
    assert numbers(after) == list(range(120))
    assert container_times(copy) == container_times(slow)
    assert group_lengths(copy).max() <= 10
    assert build_segment(LocalStore(), str(copy)).stream.codec == codec
    assert np.array_equal(before.frames, after.frames) == lossless == report.lossless
    assert np.isinf(report.psnr) == lossless
    assert lossless or report.psnr > 25


def test_what_a_copy_saves_is_said(slow):
    report = tv.reencode(slow, gop=10, progress=False)
    assert report.before.window_frames == report.after.window_frames > 10
    assert report.before.single_decoded > 40 > 10 > report.after.single_decoded
    assert report.bytes_before == slow.stat().st_size
    assert report.bytes_after == slow.with_name("cam_gop10.mp4").stat().st_size


def test_the_original_is_not_touched(slow):
    def state():
        entries = sorted(slow.parent.rglob("*"))
        return {p: (p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in entries}

    before = state()
    tv.reencode(slow, progress=False)
    after = state()
    assert {path: after[path] for path in before if path.is_file()} == {
        path: told for path, told in before.items() if path.is_file()
    }
    made = {p.relative_to(slow.parent).parts[0] for p in after.keys() - before.keys()}
    assert made == {"cam_gop30.mp4", "cam_gop30.mp4.lance"}


@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_a_video_without_an_index_keeps_the_clock_of_its_container(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 30, pts=np.arange(30) * 40 + 5000)
    tv.reencode(path, progress=False)
    copy = tv.LazyVideo.from_uri(tmp_path / "cam_gop30.mp4")
    assert np.allclose(copy.timestamps, 5 + np.arange(30) * 0.04)
    assert container_times(tmp_path / "cam_gop30.mp4") == container_times(path)


@pytest.mark.parametrize("open_gop", [False, True])
@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_uneven_times_are_kept_or_evened_out(tmp_path, open_gop):
    pts = np.cumsum(np.random.default_rng(1).integers(30, 37, 60))
    pts[30:] += 500
    path = make_clip(tmp_path / "cam.mp4", 60, pts=pts, open_gop=open_gop)
    times = container_times(path)
    tv.reencode(path, tmp_path / "kept.mp4", progress=False)
    assert container_times(tmp_path / "kept.mp4") == times
    tv.reencode(path, tmp_path / "even.mp4", fps_keep=False, progress=False)
    steps = set(np.diff(container_times(tmp_path / "even.mp4")))
    assert len(steps) == 1 and 25 < 1 / steps.pop() < 35
    # The index knows better.
    even = tv.LazyVideo.from_uri(tmp_path / "even.mp4")
    assert np.allclose(even.timestamps, [float(t) for t in times])
    assert numbers(even) == list(range(60))


def test_frames_without_a_time_stay_without(slow):
    clock = CLOCK.copy()
    clock[[3, 50]] = np.nan
    tv.write_index(slow, timestamps=clock, on_nan="drop", overwrite=True, progress=False)
    report = tv.reencode(slow, progress=False)
    copied = tv.LanceFrameIndex.open(report.index_uri).timestamps()
    assert np.array_equal(copied, clock, equal_nan=True)
    assert 50 not in tv.LazyVideo.from_uri(report.uris[0]).frame_indices


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_rotation_and_mirror_are_carried(tmp_path, rotation, mirrored):
    path = make_clip(tmp_path / "cam.mp4", 8, size=(64, 96))
    turn_track(path, display_matrix(rotation, mirrored, 96, 64))
    report = tv.reencode(path, lossless=True, progress=False)
    before, after = tv.LazyVideo.from_uri(path), tv.LazyVideo.from_uri(report.uris[0])
    assert before.shape[2:] == ((96, 64) if rotation % 180 else (64, 96))
    assert np.array_equal(before.frames, after.frames)
    # FFmpeg, which reads the file packet by packet, agrees.
    for uri in (path, report.uris[0]):
        stream = build_segment(LocalStore(), str(uri), method="demux").stream
        assert (stream.rotation, stream.mirrored) == (rotation, mirrored)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_colour_tags_are_carried(tmp_path, full):
    tags = {
        "colorspace": "bt709",
        "color_primaries": "bt709",
        "color_trc": "bt709",
        "color_range": "pc" if full else "tv",
    }
    path = make_clip(tmp_path / "cam.mp4", 12, codec_options=tags)
    report = tv.reencode(path, crf=1, progress=False)
    streams = [
        build_segment(LocalStore(), str(uri), method="demux").stream
        for uri in (path, report.uris[0])
    ]
    told = [(s.color_primaries, s.color_trc, s.color_space, s.color_range) for s in streams]
    assert told[0] == told[1] and told[0][2:] == (1, 2 if full else 1)


def sound_of(path) -> list[tuple[str, list]]:
    import av

    with av.open(str(path)) as container:
        streams = container.streams.audio
        return [
            (
                s.codec_context.name,
                [
                    (p.pts * p.time_base, hashlib.md5(bytes(p)).hexdigest())
                    for p in container.demux(s)
                    if p.size
                ],
            )
            for s in streams
        ]


@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_sound_is_copied_or_left_out_and_said_so(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 60, audio=True, second_video=True)
    report = tv.reencode(path, progress=False)
    assert report.audio == ("aac",) and report.left_out == ("1 of 2 video streams",)
    assert sound_of(report.uris[0]) == sound_of(path)
    report = tv.reencode(path, audio=False, overwrite=True, progress=False)
    assert report.audio == () and "the sound (aac)" in report.left_out
    assert sound_of(report.uris[0]) == []
    with pytest.raises(tv.VideoError, match="would not follow frames"):
        tv.reencode(path, tmp_path / "even.mp4", fps_keep=False, progress=False)


@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_sound_that_mp4_cannot_hold_is_refused(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 20, codec="mpeg4", b_frames=0)
    with_sound = tmp_path / "sound.avi"
    add_speech(path, with_sound)
    with pytest.raises(
        tv.VideoError, match=r"pcm_u8.* cannot be copied into MP4.*audio=False"
    ):
        tv.reencode(with_sound, tmp_path / "copy.mp4", progress=False)
    assert not list(tmp_path.glob("copy*"))
    report = tv.reencode(with_sound, tmp_path / "copy.mp4", audio=False, progress=False)
    assert report.left_out == ("the sound (pcm_u8)",)


def add_speech(path, target) -> None:
    r"""Adds sound of a codec that no MP4 file holds."""
    import av

    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        video = source.streams.video[0]
        copy = container.add_stream_from_template(video)
        sound = container.add_stream("pcm_u8", 8000)
        sound.layout = "mono"
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 8000), np.uint8), format="u8", layout="mono"
        )
        frame.sample_rate, frame.pts = 8000, 0
        for packet in source.demux(video):
            if packet.size:
                packet.stream = copy
                container.mux(packet)
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def test_each_file_of_a_video_becomes_one(tmp_path):
    first = make_clip(tmp_path / "a.mp4", 30, gop=250)
    second = make_clip(tmp_path / "b.mp4", 20, gop=250, first_frame=30)
    clock = np.arange(50) * 0.1
    tv.write_index(first, segment_uris=[second], timestamps=clock, progress=False)
    report = tv.reencode(first, tmp_path / "copy.mp4", gop=5, progress=False)
    assert report.uris == (
        str(tmp_path / "copy.mp4"),
        str(tmp_path / "copy_001.mp4"),
    )
    video = tv.LazyVideo.from_uri(tmp_path / "copy.mp4")
    assert video.segment_frame_counts.tolist() == [30, 20]
    assert np.array_equal(video.timestamps, clock)
    assert numbers(video) == list(range(50))


def test_segments_that_share_a_file_become_files_of_their_own(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", 50, gop=250)
    pts = np.arange(30) * 512
    write_four_columns(f"{path}.lance", [pts, pts[:20]], np.arange(50) / 30)
    tv.reencode(path, tmp_path / "copy.mp4", gop=5, progress=False)
    video = tv.LazyVideo.from_uri(tmp_path / "copy.mp4")
    assert video.segment_frame_counts.tolist() == [30, 20]
    assert numbers(video) == list(range(50))


@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_a_video_that_is_not_on_this_machine(slow, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("memory://lab/cam.mp4", slow.read_bytes())
    try:
        with pytest.raises(ValueError, match="output must be given for 'memory://lab"):
            tv.reencode("memory://lab/cam.mp4", progress=False)
        report = tv.reencode(
            "memory://lab/cam.mp4",
            tmp_path / "copy.mp4",
            index_uri=f"{slow}.lance",
            progress=False,
        )
    finally:
        memory.rm("memory://lab", recursive=True)
    assert report.bytes_before == slow.stat().st_size
    assert np.array_equal(tv.LazyVideo.from_uri(tmp_path / "copy.mp4").timestamps, CLOCK)
