r"""Indexes that are wrong in one way each: reading back finds it, and indexing mends it."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._build.readback import (
    ODD_BUDGET,
    find_disorder,
    find_fault,
    is_damaged,
    plain_budget,
)
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._decode.read_file import VideoFile
from temporaldata_video._index.packets import SegmentIndex
from temporaldata_video.testing import make_clip, read_numbers

from ..helpers import say_that_some_are_key_frames

N = 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "cam.mp4", N, size=(64, 96), gop=12)


@pytest.fixture(scope="module")
def index(clip) -> SegmentIndex:
    return build_segment(LocalStore(), str(clip))


def fault_of(clip: Path, index: SegmentIndex, budget: int = ODD_BUDGET):
    return find_fault(VideoFile(str(clip), index, LocalStore()), budget)


def with_frames(index: SegmentIndex, **columns) -> SegmentIndex:
    return replace(index, frames=replace(index.frames, **columns))


# The third one is for all but some packets, so that groups are followed across their ends.
@pytest.mark.parametrize("budget", [1, 100_000, 57 * 64 * 96, ODD_BUDGET])
def test_a_right_index_has_no_fault(clip, index, budget):
    assert fault_of(clip, index, budget) is None
    assert find_disorder(VideoFile(str(clip), index, LocalStore())) is None


def test_frames_in_the_order_of_the_file(clip, index):
    by_dts = np.argsort(index.frames.dts)
    wrong = replace(index, frames=index.frames[by_dts])
    fault = fault_of(clip, wrong)
    assert fault.kind == "order" and "the index has frame" in fault.what
    assert find_disorder(VideoFile(str(clip), wrong, LocalStore())) == fault


@pytest.mark.parametrize("key", [0, 24, 48])
def test_the_beginning_the_middle_and_the_end_are_looked_at(clip, index, key):
    # With the least budget there is. A seek goes by pts, whatever frames are reordered.
    assert index.frames.keyframe[[0, 24, 48]].all() and index.stream.reorder
    rows = np.arange(N)
    rows[[key + 1, key + 2]] = key + 2, key + 1
    fault = fault_of(clip, replace(index, frames=index.frames[rows]), budget=1)
    assert fault.kind == "order" and f"has frame {key + 1}" in fault.what
    pos, size = index.frames.pos.copy(), index.frames.size.copy()
    pos[key + 1], size[key + 1] = pos[key + 2], size[key + 2]
    wrong = with_frames(index, pos=pos, size=size)
    assert fault_of(clip, wrong, budget=1) is not None


def test_a_frame_too_few(clip, index):
    last = index.frames[-1:]
    wrong = replace(index, frames=index.frames[:-1], hidden=last)
    assert fault_of(clip, wrong).kind == "order"


def test_frames_too_many(clip, index, tmp_path):
    # An index of a file of which the last group is gone.
    stop = int(np.flatnonzero(index.frames.keyframe)[-1])
    shorter = remuxed(clip, tmp_path / "cam.mp4", lambda pts, dts: (pts, dts), stop)
    for fault in (
        fault_of(shorter, index),
        find_disorder(VideoFile(str(shorter), index, LocalStore())),
    ):
        assert fault.kind == "order"
        assert f"shows {stop} frames and the index has {N}" in fault.what


@pytest.mark.parametrize("budget", [1, ODD_BUDGET])
def test_key_frames_that_are_none(clip, index, budget):
    # A group whose first frame is no key frame gives other pictures, or none.
    first = int(np.flatnonzero(index.frames.keyframe)[1])
    keys = index.frames.keyframe.copy()
    keys[first], keys[first + 3] = False, True
    keys[first + 12 :: 12] = True
    fault = fault_of(clip, with_frames(index, keyframe=keys), budget)
    assert fault is None or fault.kind in ("keys", "pixels")
    # Two of them in a row are not made good by starting one key frame earlier.
    keys[first + 2] = True
    assert fault_of(clip, with_frames(index, keyframe=keys)).kind in ("keys", "pixels")


def test_a_key_frame_that_is_none_is_named(clip, index):
    keys = index.frames.keyframe.copy()
    keys[np.argsort(index.frames.dts)[5]] = True
    wrong = VideoFile(str(clip), with_frames(index, keyframe=keys), LocalStore())
    assert find_fault(wrong, ODD_BUDGET).what == "packet 5 is no key frame"
    fault = find_fault(wrong, ODD_BUDGET, proven=True)
    assert fault is None or fault.kind == "pixels"


def test_bytes_of_another_frame(clip, index):
    pos, size = index.frames.pos.copy(), index.frames.size.copy()
    pos[[20, 32]], size[[20, 32]] = pos[[32, 20]], size[[32, 20]]
    assert fault_of(clip, with_frames(index, pos=pos, size=size)) is not None


def test_where_nothing_is_seen_at_first_more_is_decoded(clip, index, tmp_path):
    # A file without its first packet shows nothing before the second key frame.
    cut = Path(shutil.copy(clip, tmp_path))
    data, at = bytearray(cut.read_bytes()), int(index.frames.pos[0])
    data[at : at + int(index.frames.size[0])] = bytes(int(index.frames.size[0]))
    cut.write_bytes(data)
    no_keys = with_frames(index, keyframe=np.zeros(N, bool))
    assert find_fault(VideoFile(str(cut), no_keys, LocalStore()), 1).kind != "nothing"


@pytest.mark.parametrize("row", [0, 30, 55, N - 1])
def test_bytes_that_the_file_does_not_have(clip, index, row):
    pos = index.frames.pos.copy()
    pos[row] = 1 << 40
    fault = fault_of(clip, with_frames(index, pos=pos))
    assert fault.kind == "pixels" and "cannot be read" in fault.what
    assert f"frame {fault.row} " in fault.what


@pytest.mark.parametrize("row", range(25, 36))
def test_all_frames_of_a_short_file_are_compared(clip, index, row):
    pos = index.frames.pos.copy()
    pos[row] += 1  # the decoder makes something else of it, or nothing
    fault = fault_of(clip, with_frames(index, pos=pos))
    assert fault.kind == "pixels" and fault.row >= 24
    assert f"frame {fault.row} " in fault.what


def test_colours_that_the_decoder_is_not_told_of(clip, index):
    other = replace(index, stream=replace(index.stream, color_space=9, color_range=2))
    assert fault_of(clip, other).kind == "pixels"


def test_a_short_file_is_read_as_a_whole(index):
    assert plain_budget(index) > N * 64 * 96


def test_damage_is_told_from_a_wrong_index(clip, index, tmp_path):
    whole = VideoFile(str(clip), index, LocalStore())
    assert not any(is_damaged(whole, row) for row in (0, 20, 30, N - 1))
    harmed = Path(shutil.copy(clip, tmp_path))
    data = bytearray(harmed.read_bytes())
    at = int(index.frames.pos[30])
    data[at + 20 : at + 60] = bytes(40)
    harmed.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tv.IndexWarning)
        found = build_segment(LocalStore(), str(harmed))
    assert len(found) == N
    segment = VideoFile(str(harmed), found, LocalStore())
    assert is_damaged(segment, 30) and not is_damaged(segment, 5)


# What becomes of it when a file is indexed -----------------------------------------------


def remuxed(source: Path, target: Path, change, stop: int | None = None) -> Path:
    r"""Copies the packets of a clip, or the first of them, with other times."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0], opaque=True)
        for packet in islice(given.demux(video=0), stop):
            if packet.size:
                packet.pts, packet.dts = change(packet.pts, packet.dts)
                packet.stream = stream
                made.mux(packet)
    return target


def test_a_lie_that_only_the_decoder_sees(clip, index, tmp_path):
    # Two neighbours have each other's pts: all are known, and no two are equal.
    early, late = index.frames.pts[5:7].tolist()
    swap = {early: late, late: early}
    liar = remuxed(clip, tmp_path / "cam.mkv", lambda pts, dts: (swap.get(pts, pts), dts))
    with pytest.warns(tv.IndexWarning, match="clock that steps back 1 times"):
        index = tv.write_index(liar, progress=False)
    assert "sequential decode shows packet" in index.segments[0].stream.decoded_for
    video = tv.LazyVideo.from_uri(liar)
    assert read_numbers(video.frames).tolist() == video.frame_indices.tolist()
    assert sorted(video.frame_indices.tolist()) == list(range(N))


def test_pts_that_equal_dts(clip, tmp_path):
    late = 10_000
    liar = remuxed(clip, tmp_path / "cam.mp4", lambda pts, dts: (dts + late, dts + late))
    tv.write_index(liar, progress=False)
    video = tv.LazyVideo.from_uri(liar)
    assert read_numbers(video.frames).tolist() == list(range(N))
    assert (np.diff(video.timestamps) > 0).all()


def test_false_key_frames_are_mended_and_counted(tmp_path):
    # Decoders of MPEG-4 begin at any packet, and show what they have no reference for.
    path = make_clip(tmp_path / "cam.mp4", 48, size=(32, 48), gop=12, codec="mpeg4")
    say_that_some_are_key_frames(path, [3, 18, 42])
    found = build_segment(LocalStore(), str(path))
    keys = np.flatnonzero(found.frames.keyframe).tolist()
    assert 18 not in keys and 42 not in keys and found.false_keys >= 2
    tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(path)
    for k in (47, 19, 43, 5, 1):
        assert read_numbers(video.frames_at([k])).tolist() == [k]


def test_an_elementary_stream_says_that_it_has_no_clock(tmp_path):
    path = make_clip(tmp_path / "cam.h264", 30, size=(32, 48), gop=10)
    with pytest.warns(tv.IndexWarning, match=r"holds no times.*25 frames/s.*timestamps="):
        tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(path)
    assert read_numbers(video.frames).tolist() == list(range(30))
    assert np.allclose(np.diff(video.timestamps), np.diff(video.timestamps)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tv.write_index(path, timestamps=np.arange(30) / 20, overwrite=True, progress=False)
