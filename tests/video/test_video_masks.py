r"""Frames that do not decode: an error, or zeros with a mask that nothing loses."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, paint_number, read_numbers

DAMAGED = 17
DECODE_FRAMES = 48

silently = pytest.mark.filterwarnings("ignore::temporaldata_video.errors.DecodeWarning")


opened = tv.LazyVideo.from_uri


def damage(path: Path, index: tv.LanceFrameIndex, frames: list[int]) -> None:
    content = bytearray(path.read_bytes())
    for frame in frames:
        row = index.segments[0].rows(frame, frame + 1)
        start, size = int(row.pos[0]), int(row.size[0])
        content[start : start + size] = b"\xff" * size
    path.write_bytes(content)


def make_damaged(path: Path, frames: list[int]) -> Path:
    r"""A clip of key frames, of which some are overwritten; t = 100 s and on."""
    make_clip(path, DECODE_FRAMES, gop=1, b_frames=0)
    clock = 100.0 + np.arange(DECODE_FRAMES) / 8
    damage(path, tv.write_index(path, timestamps=clock, progress=False), frames)
    # What is damaged is damaged since before it was indexed: the index is fresh.
    tv.write_index(path, timestamps=clock, overwrite=True, progress=False)
    return path


@pytest.fixture(scope="module")
def damaged(tmp_path_factory) -> Path:
    r"""A clip whose frame 17 is overwritten."""
    return make_damaged(tmp_path_factory.mktemp("damaged") / "cam.mp4", [DAMAGED])


# An error, unless masks are asked for ---------------------------------------------------


def test_the_error_names_file_frame_and_time(damaged):
    video = opened(damaged)
    assert len(video) == DECODE_FRAMES
    with pytest.raises(tv.DecodeError) as raised:
        video.slice(101.0, 103.0).frames  # noqa: B018
    message = str(raised.value)
    assert f"frame {DAMAGED} of '{damaged}'" in message
    assert "t = 102.125000 s" in message and "on_error='mask'" in message
    with pytest.raises(tv.DecodeError):
        video.frames_at([3, DAMAGED])


def test_all_other_frames_are_right(damaged):
    video = opened(damaged)
    others = np.delete(np.arange(DECODE_FRAMES), DAMAGED)
    assert read_numbers(video.frames_at(others)).tolist() == others.tolist()
    for k in (DAMAGED - 1, DAMAGED + 1):
        assert read_numbers(video.frames_at([k])).tolist() == [k]


# Zeros and a mask ----------------------------------------------------------------------


def assert_masked(video):
    expected = video.frame_indices != DAMAGED
    assert video.valid.dtype == bool and video.valid.tolist() == expected.tolist()
    assert (video.frames[~expected] == 0).all()
    numbers = read_numbers(video.frames[expected])
    assert numbers.tolist() == video.frame_indices[expected].tolist()


@silently
def test_masked_frames_are_zeros_and_said_to_be(damaged):
    video = opened(damaged, on_error="mask")
    assert_masked(video)
    assert not video.valid.all()
    assert_masked(video.slice(101.0, 103.0))
    assert_masked(video.slice(101.0, 103.0).slice(0.5, 1.5))
    assert_masked(opened(damaged, on_error="mask").slice(101.0, 103.0).slice(0.5, 1.5))
    assert video.slice(0.0, 50.0).valid.shape == (0,)


@silently
@pytest.mark.parametrize("decode_first", [False, True])
def test_masks_go_through_everything(damaged, tmp_path, decode_first):
    video = opened(damaged, on_error="mask").lazy_slice(101.0, 104.0)
    if decode_first:
        video.frames  # noqa: B018
    assert_masked(video.select_by_mask(np.arange(len(video)) % 3 != 1))
    assert_masked(video.select_by_interval(Interval(101.5, 103.0)))
    assert_masked(
        tv.concat([video.lazy_slice(101.0, 102.0), video.lazy_slice(102.0, 103.0)])
    )
    assert_masked(video.resample(np.linspace(101.5, 103.0, 50)))
    assert_masked(pickle.loads(pickle.dumps(video)))
    assert_masked(video.lazy_slice(101.5, 103.0).slice(101.9, 102.5))
    copied = tv.LazyVideo.from_video(video)
    assert_masked(copied)
    Data(video=video, domain=Interval(0.0, 200.0)).save(tmp_path / "rec.h5")
    assert_masked(Data.load(tmp_path / "rec.h5").slice(101.5, 103.0).video)


@silently
def test_masked_frames_in_any_order_and_format(damaged):
    for options in ({"channel_format": "NHWC"}, {"colorspace": "G"}, {"resize": (48, 48)}):
        video = opened(damaged, on_error="mask", **options)
        frames, valid = video.frames_at([20, DAMAGED, 3, DAMAGED, 20], return_valid=True)
        assert valid.tolist() == [True, False, True, False, True]
        assert (frames[[1, 3]] == 0).all()
        assert frames[[0, 2, 4]].reshape(3, -1).max(axis=1).min() > 0
        assert np.array_equal(frames[0], frames[4])


@silently
def test_threads_raise_the_same_error(damaged):
    with pytest.raises(tv.DecodeError, match=f"frame {DAMAGED} "):
        opened(damaged, threads=3).frames  # noqa: B018
    assert_masked(opened(damaged, threads=3, on_error="mask"))


@silently
@pytest.mark.parametrize("decode_first", [False, True])
def test_single_frames_are_never_zeros_without_a_mask(damaged, decode_first):
    video = opened(damaged, on_error="mask")
    if decode_first:
        video.frames  # noqa: B018
    with pytest.raises(tv.DecodeError, match=r"1 of the 3 .*frame 17 .*return_valid=True"):
        video.frames_at([3, DAMAGED, 4])
    assert read_numbers(video.frames_at([3, 4])).tolist() == [3, 4]
    frames, valid = opened(damaged).frames_at([3, 4], return_valid=True)
    assert read_numbers(frames).tolist() == [3, 4] and valid.all()


@silently
def test_joined_videos_mask_only_if_all_of_them_do(damaged):
    masking, raising = opened(damaged, on_error="mask"), opened(damaged)
    halves = [masking.lazy_slice(101.0, 102.0), masking.lazy_slice(102.0, 103.0)]
    assert_masked(tv.concat(halves))
    with pytest.raises(tv.DecodeError):
        tv.concat([halves[0], raising.lazy_slice(102.0, 103.0)]).frames  # noqa: B018


@pytest.fixture(scope="module")
def resized(tmp_path_factory) -> Path:
    r"""A clip whose frames are 64 x 96 pixels, and from number 12 on 96 x 64."""
    import av

    path = tmp_path_factory.mktemp("resized") / "cam.mp4"
    options = {"g": "6", "bf": "0", "preset": "ultrafast"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options=options)
        later = av.CodecContext.create("libx264", "w")
        later.options, later.framerate = options, 30
        for encoder, height, width, numbers in (
            (stream.codec_context, 64, 96, range(12)),
            (later, 96, 64, range(12, 24)),
        ):
            encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
            encoder.thread_count, encoder.time_base = 1, Fraction(1, 30)
            for number in numbers:
                frame = av.VideoFrame.from_ndarray(
                    paint_number(number, height, width), format="rgb24"
                )
                frame.pts, frame.time_base = number, Fraction(1, 30)
                for packet in encoder.encode(frame):
                    packet.stream = stream
                    container.mux(packet)
            for packet in encoder.encode(None):
                packet.stream = stream
                container.mux(packet)
    tv.write_index(path, progress=False)
    return path


@silently
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("on_error", ["raise", "mask"])
def test_a_video_that_changes_its_size_wants_one(resized, on_error, threads):
    video = opened(resized, on_error=on_error, threads=threads)
    names_both = r"frame 1[2-9] of .* is 96 x 64 pixels .* 64 x 96: .*resize="
    for window in (video, video.slice(0.3, 0.6)):
        with pytest.raises(tv.FrameSizeError, match=names_both):
            window.frames  # noqa: B018
    before = video.slice(0.1, 0.3)
    assert read_numbers(before.frames).tolist() == before.frame_indices.tolist()
    whole = opened(resized, resize=(64, 64))
    assert read_numbers(whole.frames).tolist() == list(range(24)) and whole.valid.all()


# One warning a file, and a summary ------------------------------------------------------


def summary_of(path: Path) -> list[tv.MaskedFrames]:
    return [file for file in tv.masked_frames() if file.uri == str(path)]


def test_a_file_is_warned_of_once_and_summed_up(tmp_path):
    path = make_damaged(tmp_path / "cam.mp4", [3, 4, DAMAGED])
    video = opened(path, on_error="mask")
    assert summary_of(path) == []
    with pytest.warns(tv.DecodeWarning, match=r"frame 17 of .*t = 102.125.*masked_frames"):
        video.slice(102.0, 103.0).frames  # noqa: B018
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        video.slice(102.0, 103.0).frames  # noqa: B018
        video.slice(100.0, 101.0).frames  # noqa: B018
    (file,) = summary_of(path)
    assert file.frames.tolist() == [3, 4, DAMAGED]
    assert file.timestamps.tolist() == [100.375, 100.5, 102.125]
    assert len(file.reasons) == 3 and all(file.reasons)
    told = str(file)
    assert told.startswith(
        f"{path}: 3 frames masked: 3 to 4 (100.375000 to 100.500000 s): "
    )
    assert "; 17 (102.125000 s): " in told


def test_a_summary_of_many_frames_is_short():
    frames = np.arange(0, 200, 2)
    file = tv.MaskedFrames("cam.mp4", frames, frames / 10, ("gone",) * 100)
    assert str(file).startswith("cam.mp4: 100 frames masked: 0 (0.000000 s): gone; 2 (")
    assert str(file).endswith("8 (0.800000 s): gone; and 95 more")


def test_frames_are_numbered_by_their_file(tmp_path):
    paths = [make_clip(tmp_path / "a.mp4", 24), make_clip(tmp_path / "b.mp4", 24, gop=1)]
    index = tv.write_index(paths[1], progress=False)
    damage(paths[1], index, [5])
    clock = np.arange(48) / 8
    tv.write_index(paths[0], segment_uris=[paths[1]], timestamps=clock, progress=False)
    video = opened(paths[0], on_error="mask")
    with pytest.warns(tv.DecodeWarning, match=r"frame 5 of .*b.mp4.*t = 3.625000 s"):
        assert np.flatnonzero(~video.valid).tolist() == [29]
    (file,) = summary_of(paths[1])
    assert (file.frames.tolist(), file.timestamps.tolist()) == ([5], [3.625])


WORKERS = """
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

import temporaldata_video as tv


def valid(uri, start):
    return tv.LazyVideo.from_uri(uri, on_error="mask").slice(start, start + 1.0).valid.sum()


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    tv.LazyVideo.from_uri(sys.argv[3])
    for epoch in range(int(sys.argv[2])):
        with ProcessPoolExecutor(2, context) as pool:
            for start in (100.0, 102.0, 100.0, 102.0):
                print(*pool.map(valid, sys.argv[3:], [start] * 2), end=" ")
    print(len(tv.masked_frames()))
    for file in tv.masked_frames():
        print(file.uri, *file.frames)
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_tell_the_process_that_started_them(tmp_path, run_script, method):
    one = make_damaged(tmp_path / "one.mp4", [3, DAMAGED])
    two = make_damaged(tmp_path / "two.mp4", [20])
    said, complaints = run_script(WORKERS, method, 2, one, two)
    counts, *files = said.splitlines()
    assert counts == "7 8 7 7 " * 4 + "2"
    assert files == [f"{one} 3 {DAMAGED}", f"{two} 20"]
    # Two workers may meet with a file at the same moment.
    assert 2 <= complaints.count("DecodeWarning: frame") <= 4


FORK_SERVER_BEFORE = """
import multiprocessing
import sys


def nothing():
    pass


if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    worker = context.Process(target=nothing)
    worker.start()
    worker.join()
"""


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="has no fork server"
)
def test_workers_of_a_fork_server_that_ran_before_tell_as_well(tmp_path, run_script):
    path = make_damaged(tmp_path / "one.mp4", [3])
    said, _ = run_script(f"{FORK_SERVER_BEFORE}\n{WORKERS}", "forkserver", 1, path)
    assert said.splitlines() == ["7 8 7 8 1", f"{path} 3"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs folders with owners")
def test_what_others_can_write_is_not_believed(tmp_path, run_script):
    path = make_damaged(tmp_path / "one.mp4", [3])
    folder = tmp_path / f"temporaldata-video-masked-{os.geteuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    program = f"import tempfile\ntempfile.tempdir = {str(tmp_path)!r}\n{WORKERS}"
    said, _ = run_script(program, "spawn", 1, path)
    assert said.splitlines() == ["7 8 7 8 0"] and not list(folder.iterdir())
    folder.chmod(0o700)
    said, _ = run_script(program, "spawn", 1, path)
    assert said.splitlines() == ["7 8 7 8 1", f"{path} 3"]
    assert not list(folder.iterdir())  # nothing stays behind
