r"""Memory that is handed out was written: a slot is exactly right, or masked zeros."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import av
import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore
from temporaldata_video._decode.plan import plan_runs
from temporaldata_video._decode.read_file import VideoFile, read_frames
from temporaldata_video._pixels.convert import OutputFormat
from temporaldata_video._video import lazy_arrays as reading
from temporaldata_video.testing import make_clip
from temporaldata_video.testing.damage import box_places

POISON = 0xAB
N_FRAMES = 72

pytestmark = pytest.mark.filterwarnings(
    "ignore::temporaldata_video.errors.DecodeWarning",
    "ignore::temporaldata_video.errors.IndexWarning",
)


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    r"""Has pixels read into memory that shows where nobody wrote."""
    monkeypatch.setattr(
        reading, "empty_frames", lambda shape, dtype: np.full(shape, POISON, dtype)
    )


def decoded_in_sequence(path) -> dict[int, np.ndarray]:
    r"""Returns what FFmpeg shows of a file from end to end, by pts."""
    shown = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "NONE"
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            shown |= {frame.pts: frame.to_ndarray(format="rgb24") for frame in frames}
    return shown


def edit(path, skip: int, keep: int) -> list[int]:
    r"""Has the edit list show some frames in the middle alone; damages none."""
    content = bytearray(path.read_bytes())
    (place,) = (p for p in box_places(bytes(content)) if p.kind == b"elst")
    at = place.start + 12
    assert content[place.start + 8] == 0, "an edit list with fields of 4 bytes"
    (count,) = struct.unpack_from(">I", content, at)
    entry = at + 4 + 12 * (count - 1)
    duration, start = struct.unpack_from(">Ii", content, entry)
    ticks = duration / N_FRAMES
    with av.open(str(path)) as container:
        per_frame = 1 / 30 / container.streams.video[0].time_base
    struct.pack_into(
        ">Ii", content, entry, round(keep * ticks), start + round(skip * per_frame)
    )
    path.write_bytes(content)
    return []


def overwrite_packets(path, rows: list[int], fill) -> list[int]:
    packets = build_segment(LocalStore(), str(path)).frames
    content = bytearray(path.read_bytes())
    for row in rows:
        start, size = int(packets.pos[row]), int(packets.size[row])
        content[start : start + size] = fill(size)
    path.write_bytes(content)
    return rows


NOISE = random.Random(0)
SPOILERS = {
    "edit list": lambda path: edit(path, 5, 40),
    "edit list from a key frame": lambda path: edit(path, 12, 24),
    "ones": lambda path: overwrite_packets(path, [17, 40], lambda n: b"\xff" * n),
    "zeros": lambda path: overwrite_packets(path, [0, 30, 31], bytes),
    "noise": lambda path: overwrite_packets(path, [9, 50, 71], NOISE.randbytes),
    "cut off": lambda path: overwrite_packets(path, list(range(36, N_FRAMES)), bytes),
}
ENCODINGS = {
    "key frames": {"gop": 1, "b_frames": 0},
    "groups": {"gop": 12, "b_frames": 2},
    "open groups": {"gop": 12, "b_frames": 2, "open_gop": True},
}


@pytest.fixture(params=SPOILERS)
def spoilt(request, tmp_path):
    return SPOILERS[request.param]


def assert_right_or_masked(video, shown, concealed, windows) -> set[int]:
    r"""Asserts it of all windows, and returns which frames were masked.

    Args:
        video: what is read.
        shown: each frame as FFmpeg shows it in sequence, None where it does not.
        concealed: frames that refer to damage. A decoder makes them up, of what it had
            before; that they were written is all that can be asked for.
        windows: positions in the video.
    """
    masked = set()
    for window in windows:
        pixels, valid = video.frames_at(window, return_valid=True)
        for number, picture, good in zip(window, pixels, valid):
            if not good:
                masked.add(number)
                assert not picture.any(), f"frame {number} is masked and no zeros"
            elif number in concealed:
                assert not (picture == POISON).all(axis=(1, 2)).any(), f"frame {number}"
            else:
                assert shown[number] is not None, f"no decoder shows frame {number}"
                assert np.array_equal(picture, shown[number]), f"frame {number}"
    return masked


def windows_of(n: int) -> list[list[int]]:
    chance = random.Random(1)
    sliding = [list(range(first, min(first + 8, n))) for first in range(0, n, 5)]
    scattered = [[chance.randrange(n) for _ in range(6)] for _ in range(12)]
    return [*sliding, *scattered, list(range(n)), *sliding[::-1]]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_slot_is_right_or_masked(tmp_path, spoilt, encoding, threads):
    path = make_clip(tmp_path / "cam.mp4", N_FRAMES, size=(32, 48), **ENCODINGS[encoding])
    damaged = spoilt(path)
    index = tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(
        path, channel_format="NHWC", on_error="mask", threads=threads
    )
    by_pts = decoded_in_sequence(path)
    shown = [by_pts.get(pts) for pts in index.pts_table(0).tolist()]
    alone = encoding == "key frames"
    near = () if alone else {near for row in damaged for near in range(row - 13, row + 13)}
    masked = assert_right_or_masked(video, shown, near, windows_of(len(video)))
    if alone:  # what does decode is not masked, either
        assert masked == {number for number, picture in enumerate(shown) if picture is None}


def test_batches_have_no_other_memory(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", N_FRAMES, size=(32, 48), gop=1, b_frames=0)
    overwrite_packets(path, [10], lambda n: b"\xff" * n)
    tv.write_index(path, progress=False)
    video = tv.LazyVideo.from_uri(path, channel_format="NHWC", on_error="mask")
    by_pts = decoded_in_sequence(path)
    shown = [by_pts[pts] for pts in sorted(by_pts)]
    windows = [video.slice(a / 30, (a + 6) / 30) for a in (8, 5, 9, 40)]
    for window, pixels in zip(windows, tv.read_many(windows)):
        for number, picture, good in zip(window.frame_indices, pixels, window.valid):
            assert good == (number != 10)
            truth = shown[number - (number > 10)] if good else np.zeros_like(picture)
            assert np.array_equal(picture, truth)


def a_file(tmp_path, **options) -> VideoFile:
    path = make_clip(tmp_path / "cam.mp4", 24, size=(32, 48), **options)
    store = LocalStore()
    return VideoFile(str(path), build_segment(store, str(path)), store)


def test_a_frame_that_no_plan_holds_is_missing(tmp_path):
    file = a_file(tmp_path)
    room = np.full((300, 32, 48, 3), POISON, np.uint8)
    output = OutputFormat(None, "RGB", "NHWC")
    missing = read_frames(file, np.array([-3, 4, 24, 299]), output, room.__getitem__)
    assert missing.keys() == {-3, 24, 299} and all(missing.values())
    assert (room[4] != POISON).any()
    assert (np.delete(room, 4, axis=0) == POISON).all()
    assert read_frames(file, np.array([500, 9000]), output, room.__getitem__).keys() == {
        500,
        9000,
    }


@pytest.mark.parametrize("threads", [1, 2])
def test_a_key_frame_that_is_decoded_late(tmp_path, threads):
    # Row 10 is decoded after the rows that it is the key frame of: nothing lies between.
    whole = a_file(tmp_path, gop=1, b_frames=0)
    frames = whole.packets.frames
    dts, keyframe = frames.dts.copy(), np.zeros(24, bool)
    dts[[10, 12]], keyframe[[0, 10]] = dts[[12, 10]], True
    odd = replace(frames, dts=dts, keyframe=keyframe)
    file = replace(whole, packets=replace(whole.packets, frames=odd))
    assert all(len(run.frames) for run in plan_runs(file.packets, np.array([11])))
    shown = list(decoded_in_sequence(file.uri).values())
    output = OutputFormat(None, "RGB", "NHWC")
    for wanted in ([11], [10, 11, 12], list(range(24))):
        room = np.full((24, 32, 48, 3), POISON, np.uint8)
        missing = read_frames(file, np.array(wanted), output, room.__getitem__, threads)
        assert not missing
        assert all(np.array_equal(room[row], shown[row]) for row in wanted)
