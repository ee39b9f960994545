r"""Videos of more than 8 bits: every value comes out as it went in, by every way."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import shutil
import subprocess
import warnings
from concurrent.futures import ProcessPoolExecutor

import av
import h5py
import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._base.container import keep_to_one_thread
from temporaldata_video._pixels.convert import OutputFormat
from tests.decode.frames import reference
from tests.deep import decoded, depth_frames, noisy_frames, plane, write_frames
from tests.helpers import needs_fork

N = 20
LEVELS = 55
LOSSLESS = {"ffv1": ".mkv", "ffvhuff": ".avi", "png": ".mov", "jpeg2000": ".mov"}


def deep_formats(codec: str) -> list[str]:
    formats = av.Codec(codec, "w").video_formats or []
    return [
        known.name
        for known in formats
        if any(9 <= part.bits <= 16 for part in known.components)
        # FFmpeg does not convert the one, nor decode what it encodes of the other.
        and "f16" not in known.name
        and not known.name.startswith("yuv440p")
    ]


FORMATS = [(codec, name) for codec in LOSSLESS for name in deep_formats(codec)]


@pytest.fixture(scope="module")
def depth(tmp_path_factory):
    r"""A depth recording of 55 levels between 580 and 650 mm, indexed."""
    folder = tmp_path_factory.mktemp("depth")
    path = write_frames(folder / "depth.mkv", depth_frames(N))
    tv.write_index(path, progress=False)
    return path


@pytest.fixture(scope="module")
def values(depth):
    r"""The values that went in, uint16 of shape (N, 1, h, w)."""
    return np.stack([plane(frame) for frame in depth_frames(N)])[:, None]


def open_depth(path, **options):
    return tv.LazyVideo.from_uri(path, colorspace="G", dtype="auto", **options)


@pytest.mark.parametrize(("codec", "pixel_format"), FORMATS)
def test_frames_are_those_of_a_sequential_decode(codec, pixel_format, tmp_path):
    path = write_frames(
        tmp_path / f"cam{LOSSLESS[codec]}", noisy_frames(6, pixel_format), codec
    )
    tv.write_index(path, progress=False)
    truth = decoded(path)
    for color in ("RGB", "G"):
        video = tv.LazyVideo.from_uri(path, colorspace=color, dtype="auto")
        assert video.dtype == np.uint16
        assert 9 <= video.bit_depth <= 16
        output = OutputFormat(None, color, "NCHW", "uint16")
        expected = np.stack([reference(frame, output) for frame in truth])
        order = [4, 1, 5, 0, 3, 2]
        assert np.array_equal(video.frames_at(order), expected[order])
        if color == "G" and truth[0].format.name.startswith("gray"):
            assert np.array_equal(expected[:, 0], [plane(frame) for frame in truth])


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs FFmpeg's command line")
@pytest.mark.parametrize("pixel_format", ["gray10le", "gray12le", "gray16le"])
def test_stored_grey_is_what_ffmpeg_writes(pixel_format, tmp_path):
    path = write_frames(tmp_path / "cam.mkv", noisy_frames(6, pixel_format))
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True, timeout=300).stdout
    tv.write_index(path, progress=False)
    frames = open_depth(path).frames
    assert np.array_equal(np.frombuffer(raw, "<u2").reshape(frames.shape), frames)


def test_every_level_of_a_depth_recording_is_kept(depth, values, tmp_path):
    video = open_depth(depth)
    assert (video.dtype, video.bit_depth) == (np.uint16, 16)
    assert video.shape == (N, 1, 48, 64)
    assert len(np.unique(values)) == LEVELS
    assert np.array_equal(video.frames, values)

    Data(cam=video, domain=Interval(0.0, 1.0)).save(str(tmp_path / "rec.h5"))
    loaded = Data.load(str(tmp_path / "rec.h5")).cam
    assert (loaded.dtype, loaded.bit_depth) == (np.uint16, 16)
    assert np.array_equal(loaded.frames, values)

    window = loaded.slice(0.2, 0.5)
    assert np.array_equal(window.frames, values[window.frame_indices])
    resampled = window.resample(np.arange(0.0, 0.3, 0.05))
    assert resampled.dtype == np.uint16
    assert np.array_equal(resampled.frames, values[resampled.frame_indices])
    joined = tv.LazyVideo.concat([video.slice(0.4, 0.6), video.slice(0.0, 0.2)])
    assert np.array_equal(joined.frames, values[joined.frame_indices])
    for other in (copy.deepcopy(window), pickle.loads(pickle.dumps(window))):
        assert np.array_equal(other.frames, window.frames)
    both = [open_depth(depth).slice(a, a + 0.2) for a in (0.0, 0.1)]
    for frames, one in zip(tv.read_many(both), both):
        assert np.array_equal(frames, values[one.frame_indices])


def frames_in_a_worker(video, start):
    return video.slice(start, start + 0.2).frames


@pytest.mark.parametrize("method", [pytest.param("fork", marks=needs_fork), "spawn"])
def test_workers_get_every_level(depth, values, method):
    video = open_depth(depth)
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        starts = [0.0, 0.2, 0.4]
        for start, frames in zip(starts, pool.map(frames_in_a_worker, [video] * 3, starts)):
            assert frames.dtype == np.uint16
            window = video.slice(start, start + 0.2)
            assert np.array_equal(frames, values[window.frame_indices])


def test_a_lossless_copy_has_every_level(depth, values, tmp_path):
    try:
        report = tv.reencode(depth, tmp_path / "copy.mp4", lossless=True, progress=False)
    except tv.VideoError as error:
        pytest.skip(str(error))
    assert report.lossless
    assert np.array_equal(open_depth(report.uris[0]).frames, values)


def test_a_lossy_copy_of_16_bits_is_refused(depth, tmp_path):
    with pytest.raises(tv.VideoError, match=r"16 bits .gray16le.*lossless=True"):
        tv.reencode(depth, tmp_path / "copy.mp4", progress=False)
    assert not list(tmp_path.iterdir())


def test_dtype_and_depth_are_known_without_the_video(depth, tmp_path):
    path = shutil.copy(depth, tmp_path / "cam.mkv")
    index = tv.write_index(path, progress=False)
    (tmp_path / "cam.mkv").unlink()
    video = open_depth(path, index_uri=index.uri)
    assert (video.dtype, video.bit_depth, video.shape) == (np.uint16, 16, (N, 1, 48, 64))


@pytest.mark.parametrize("dtype", ["uint16", np.uint16, np.dtype("uint16")], ids=repr)
def test_a_dtype_may_be_numpys(depth, values, dtype):
    video = tv.LazyVideo.from_uri(depth, colorspace="G", dtype=dtype)
    assert np.array_equal(video.frames, values)


@pytest.mark.parametrize("dtype", ["float32", np.int16, "deep", None, 16])
def test_other_dtypes_are_refused(depth, dtype):
    with pytest.raises(ValueError, match="dtype must be one of 'uint8', 'uint16', 'auto'"):
        tv.LazyVideo.from_uri(depth, dtype=dtype)


def test_dtypes_must_agree_to_be_joined(depth):
    deep = open_depth(depth)
    shallow = tv.LazyVideo.from_uri(depth, colorspace="G")
    with pytest.raises(ValueError, match=r"differ in dtype: .*uint16.*uint8"):
        tv.LazyVideo.concat([deep, shallow])
    named = tv.LazyVideo.from_uri(depth, colorspace="G", dtype="uint16")
    assert tv.LazyVideo.concat([deep, named]).dtype == np.uint16


def test_auto_keeps_8_bits_as_they_are(clip):
    video = tv.LazyVideo.from_uri(clip, dtype="auto")
    assert (video.dtype, video.bit_depth) == (np.uint8, 8)
    window = video.slice(0.0, 0.5)
    assert np.array_equal(window.frames, tv.LazyVideo.from_uri(clip).slice(0.0, 0.5).frames)


@pytest.mark.parametrize("color", ["RGB", "G"])
def test_8_bits_become_16_as_ffmpeg_makes_them(clip, color):
    output = OutputFormat(None, color, "NCHW", "uint16")
    expected = [reference(frame, output) for frame in decoded(clip)[:15]]
    video = tv.LazyVideo.from_uri(clip, colorspace=color, dtype="uint16")
    assert np.array_equal(video.slice(0.0, 0.5).frames, expected)


@pytest.mark.parametrize("pixel_format", ["gray10le", "gray16le"])
def test_grey_is_scaled_without_another_range(pixel_format, tmp_path):
    path = write_frames(tmp_path / "cam.mkv", depth_frames(5, pixel_format))
    tv.write_index(path, progress=False)
    small = open_depth(path, resize=(24, 33)).frames
    output = OutputFormat((24, 33), "G", "NCHW", "uint16")
    assert np.array_equal(small, [reference(frame, output) for frame in decoded(path)])
    assert 580 <= small.min() <= small.max() <= 650


def test_8_bits_of_more_are_a_warning_at_the_users_line(depth, tmp_path):
    path = shutil.copy(depth, tmp_path / "cam.mkv")
    tv.write_index(path, progress=False)
    with pytest.warns(tv.PrecisionWarning, match=r"16 bits.*dtype='auto'") as caught:
        videos = [tv.LazyVideo.from_uri(path) for _ in range(2)]
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [video.frames.dtype for video in videos] == [np.uint8, np.uint8]


def test_a_loaded_recording_warns_when_it_decodes(depth, tmp_path):
    path = shutil.copy(depth, tmp_path / "cam.mkv")
    tv.write_index(path, progress=False)
    video = tv.LazyVideo(path, colorspace="G")
    with pytest.warns(tv.PrecisionWarning, match="16 bits"):
        assert set(np.unique(video.frames)) <= {2, 3}


def test_two_bytes_per_sample_count_for_the_bound_of_memory(depth, configure):
    configure(request_memory_bytes=N * 48 * 64 * 2 - 1)
    with pytest.raises(tv.RequestTooLargeError):
        _ = open_depth(depth).frames
    configure(request_memory_bytes=N * 48 * 64 * 2)
    assert len(open_depth(depth).frames) == N


def test_recordings_that_say_nothing_of_dtype_are_uint8(depth, tmp_path):
    Data(cam=open_depth(depth), domain=Interval(0.0, 1.0)).save(str(tmp_path / "rec.h5"))
    with h5py.File(tmp_path / "rec.h5", "r+") as file:
        options = json.loads(file["cam"].attrs["options"])
        del options["dtype"]
        file["cam"].attrs["options"] = json.dumps(options)
    assert Data.load(str(tmp_path / "rec.h5")).cam.dtype == np.uint8


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("corpus_name", "n_frames"),
    [
        ("ax_hdr10-av1.mp4", 127),
        ("ax_sample_edit_list.mp4", 77),
        ("tc_h264_10bits.mp4", 30),
    ],
)
@pytest.mark.filterwarnings("ignore::temporaldata_video.IndexWarning")
def test_real_files_of_10_bits(corpus, corpus_name, n_frames):
    video = tv.LazyVideo.from_uri(corpus / corpus_name, dtype="auto")
    stream = video._recording.files[0][0].packets.stream
    assert (video.dtype, video.bit_depth) == (np.uint16, 10)
    upright = OutputFormat(None, "RGB", "NHWC", "uint16")
    compared = 0
    with av.open(str(corpus / corpus_name)) as container:
        shown = container.streams.video[0]
        keep_to_one_thread(shown.codec_context)
        for frame in container.decode(shown):
            pixels = np.rot90(reference(frame, upright), stream.rotation // 90)
            (found,) = video.frames_at([compared])
            assert np.array_equal(found, pixels.transpose(2, 0, 1))
            compared += 1
    assert compared == len(video) == n_frames
