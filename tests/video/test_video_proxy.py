r"""Videos that read a proxy: the same pixels as without, or the video itself."""

from __future__ import annotations

import copy
import logging
import multiprocessing
import os
import pickle
import shutil
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video._index.display_matrix import display_matrix
from temporaldata_video._index.packets import SegmentIndex
from temporaldata_video._plugin.manager import plugin_manager
from temporaldata_video._sidecar.sidecar_write import write_sidecar
from temporaldata_video._tools.reencoding.track_matrix import turn_track
from temporaldata_video._video import proxies
from temporaldata_video.testing import make_clip
from tests.deep import noisy_frames, write_frames
from tests.helpers import needs_fork

SIZE = (32, 48)
N = 60


def turned(path, rotation, mirrored):
    clip = make_clip(path, N, size=(64, 96))
    turn_track(clip, display_matrix(rotation, mirrored, 96, 64))
    return clip


def uneven(path):
    pts = np.cumsum(np.random.default_rng(0).integers(1, 90, N))
    return make_clip(path, N, pts=pts, time_base=Fraction(1, 1000))


CLIPS = {
    "open groups": lambda p: make_clip(p, N, open_gop=True, gop=15),
    "quarter turn": lambda p: turned(p, 90, False),
    "three quarters, mirrored": lambda p: turned(p, 270, True),
    "odd size": lambda p: make_clip(p, N, size=(51, 83), pixel_format="yuv444p"),
    "uneven times": uneven,
    "10 bits": lambda p: make_clip(p, N, codec="libx265", pixel_format="yuv420p10le"),
}
# Some width is a multiple of 16, the others are not; one size is larger than the clip.
PIXELS = [
    {"resize": (32, 48)},
    {"resize": (33, 47), "channel_format": "NHWC"},
    {"resize": (70, 101), "colorspace": "G"},
    {"resize": (17, 16), "colorspace": "G", "channel_format": "NHWC"},
    {"resize": (24, 32), "dtype": "uint16"},
    {"resize": (24, 31), "dtype": "uint16", "colorspace": "G"},
]


def write(path, pixels, **options):
    return tv.write_proxy(
        path,
        pixels["resize"],
        gray=pixels.get("colorspace") == "G",
        dtype=pixels.get("dtype", "uint8"),
        progress=False,
        **options,
    )


def both(path, **options):
    r"""Returns a video that reads its proxy, and one that does not."""
    video = tv.LazyVideo.from_uri(path, **options)
    original = tv.LazyVideo.from_uri(path, proxy="never", **options)
    assert video.cost().from_proxy == len(video) > 0
    assert original.cost().from_proxy == 0
    return video, original


def assert_equal(video, original) -> None:
    assert np.array_equal(video.timestamps, original.timestamps)
    assert video.frames.dtype == original.frames.dtype
    assert np.array_equal(video.frames, original.frames)
    assert np.array_equal(video.valid, original.valid)


@pytest.fixture(scope="module")
def kept_once(tmp_path_factory):
    path = make_clip(tmp_path_factory.mktemp("kept") / "cam.mp4", N, rate=30)
    tv.write_index(path, timestamps=100 + np.arange(N) / 30, progress=False)
    tv.write_proxy(path, SIZE, progress=False)
    return path


@pytest.fixture
def kept(kept_once, tmp_path):
    r"""A clip with an index and a proxy, to be changed."""
    shutil.copytree(kept_once.parent, tmp_path / "kept")
    return tmp_path / "kept" / "cam.mp4"


@pytest.mark.filterwarnings("ignore::temporaldata_video.errors.PrecisionWarning")
@pytest.mark.parametrize("kind", CLIPS)
def test_pixels_are_those_of_the_video(kind, tmp_path):
    path = CLIPS[kind](tmp_path / "cam.mp4")
    tv.write_index(path, progress=False)
    for pixels in PIXELS:
        assert write(path, pixels).written == 1
        video, original = both(path, **pixels)
        assert_equal(video, original)
        order = [7, 3, 3, 59, 0]
        assert np.array_equal(video.frames_at(order), original.frames_at(order))


@pytest.mark.parametrize("pixel_format", ["gray10le", "gray16le"])
def test_stored_grey_keeps_its_values(pixel_format, tmp_path):
    path = write_frames(tmp_path / "cam.mkv", noisy_frames(6, pixel_format))
    tv.write_index(path, progress=False)
    pixels = {"resize": (24, 33), "colorspace": "G", "dtype": "auto"}
    write(path, pixels)
    video, original = both(path, **pixels)
    assert video.dtype == np.uint16 and video.bit_depth == original.bit_depth
    assert_equal(video, original)


def test_a_video_of_several_files_has_a_proxy_of_each(tmp_path):
    for first, name in ((0, "cam.mp4"), (30, "cam_001.mp4")):
        make_clip(tmp_path / name, 30, first_frame=first)
    files = [tmp_path / "cam.mp4", tmp_path / "cam_001.mp4"]
    tv.write_index(files, timestamps=np.arange(60) / 30, progress=False)
    report = tv.write_proxy(files, SIZE, progress=False)
    assert len(report.uris) == report.written == 2 and report.frames == 60
    video, original = both(files, resize=SIZE)
    assert_equal(video, original)
    # Without one of them, the others are still read.
    os.unlink(report.uris[0])
    video = tv.LazyVideo.from_uri(files, resize=SIZE)
    assert video.cost().from_proxy == 30
    assert np.array_equal(video.frames, original.frames)
    # Proxies are no further files of a folder.
    assert tv.LazyVideo.from_uri(tmp_path).frame_count == 60


def test_what_does_not_decode_is_masked_in_the_proxy_too(tmp_path):
    path = make_clip(tmp_path / "cam.mp4", N, gop=1, b_frames=0)
    index = tv.write_index(path, progress=False)
    content = bytearray(path.read_bytes())
    for frame in (17, 40):
        row = index.segments[0].rows(frame, frame + 1)
        start, size = int(row.pos[0]), int(row.size[0])
        content[start : start + size] = b"\xff" * size
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tv.write_index(path, overwrite=True, progress=False)
        assert tv.write_proxy(path, SIZE, progress=False).lost == 2
        video, original = both(path, resize=SIZE, on_error="mask")
        assert_equal(video, original)
        assert np.flatnonzero(~video.valid).tolist() == [17, 40]
        assert not video.frames[17].any()
    strict, original = both(path, resize=SIZE)
    said = []
    for one in (strict, original):
        assert one.frames_at([16, 18]).any()
        with pytest.raises(tv.DecodeError, match=r"frame 17 of '.*cam.mp4'") as raised:
            one.frames_at([17])
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_windows_pauses_and_copies_stay_as_they_are(kept):
    video, original = both(kept, resize=SIZE)
    assert_equal(video.slice(100.5, 101.2), original.slice(100.5, 101.2))
    times = np.arange(99.0, 103.0, 0.1)
    assert_equal(video.resample(times), original.resample(times))
    joined = tv.LazyVideo.concat([video.slice(101, 101.5), video.slice(100, 100.5)])
    assert joined.cost().from_proxy == len(joined) == 30
    assert np.array_equal(joined.frames, original.frames_at(joined.frame_indices))
    with pytest.raises(ValueError, match="differ in proxy"):
        tv.LazyVideo.concat([video, original])
    for other in (copy.deepcopy(video), pickle.loads(pickle.dumps(video))):
        assert_equal(other, original)
    windows = [video.slice(100, 100.3), original.slice(100, 100.3)]
    assert np.array_equal(*tv.read_many(windows))


def frames_in_a_worker(video, start):
    window = video.slice(start, start + 0.2)
    return window.frames, window.cost().from_proxy


@pytest.mark.parametrize("method", [pytest.param("fork", marks=needs_fork), "spawn"])
def test_workers_read_the_proxy(kept, method):
    video, original = both(kept, resize=SIZE)
    _ = video.frames
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        frames, from_proxy = pool.submit(frames_in_a_worker, video, 101.0).result()
    assert from_proxy == len(frames) == 6
    assert np.array_equal(frames, original.slice(101.0, 101.2).frames)


def test_recordings_say_which_proxies_are_read(kept, tmp_path):
    for use, count in ((None, N), ("lossless", N), ("never", 0)):
        video = tv.LazyVideo.from_uri(kept, resize=SIZE, proxy=use)
        data = Data(cam=video, domain=Interval(100.0, 102.0))
        data.save(str(tmp_path / "rec.h5"))
        loaded = Data.load(str(tmp_path / "rec.h5")).cam
        assert (loaded.proxy, loaded.cost().from_proxy) == (use, count)
        assert_equal(loaded, video)


# Which is read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pixels",
    [
        {},
        {"resize": (32, 47)},
        {"colorspace": "G"},
        {"dtype": "uint16"},
        {"proxy": "never"},
    ],
)
def test_other_pixels_are_read_from_the_video(pixels, kept):
    pixels = {"resize": SIZE, **pixels} if pixels else {}
    assert tv.LazyVideo.from_uri(kept, **pixels).cost().from_proxy == 0


def test_a_lossy_proxy_is_read_where_it_is_asked_for(kept, configure):
    configure(proxy="lossless")
    _, original = both(kept, resize=SIZE)
    report = tv.write_proxy(kept, SIZE, lossless=False, progress=False)
    lossy = tv.LazyVideo.from_uri(kept, resize=SIZE, proxy="lossy")
    assert lossy.cost().bytes < report.bytes_after < both(kept, resize=SIZE)[0].cost().bytes
    error = np.abs(lossy.frames.astype(int) - original.frames)
    assert 0 < error.mean() < 6  # of pixels that are noise and digits
    by_default = tv.LazyVideo.from_uri(kept, resize=SIZE)
    assert np.array_equal(by_default.frames_at(range(N)), original.frames)
    configure(proxy="lossy")  # reaches a video that is open already
    assert np.array_equal(by_default.frames_at(range(N)), lossy.frames)
    configure(proxy="never")
    assert by_default.cost().from_proxy == 0
    # One without loss will do, too.
    os.unlink(report.uris[0])
    assert tv.LazyVideo.from_uri(kept, resize=SIZE, proxy="lossy").cost().from_proxy == N


def test_lossy_grey_has_the_levels_of_the_video(kept):
    tv.write_proxy(kept, SIZE, gray=True, lossless=False, progress=False)
    options = {"resize": SIZE, "colorspace": "G"}
    lossy = tv.LazyVideo.from_uri(kept, proxy="lossy", **options)
    original = tv.LazyVideo.from_uri(kept, **options)
    assert lossy.cost().from_proxy == N
    assert abs(lossy.frames.mean() - original.frames.mean()) < 1
    assert np.abs(lossy.frames.astype(int) - original.frames).mean() < 6


@pytest.mark.parametrize("use", ["lossles", True, ""])
def test_another_use_is_refused(use, kept):
    with pytest.raises(ValueError, match=r"proxy must be one of 'lossless', .*, got"):
        tv.LazyVideo.from_uri(kept, proxy=use)


# Another video, another proxy -----------------------------------------------------------


def assert_not_used(path, caplog, why) -> None:
    caplog.set_level(logging.WARNING)
    video = tv.LazyVideo.from_uri(path, resize=SIZE)
    assert video.cost().from_proxy == 0
    assert any("proxy" in text and why in text for text in caplog.messages)
    original = tv.LazyVideo.from_uri(path, resize=SIZE, proxy="never")
    assert np.array_equal(video.frames, original.frames)


def test_a_proxy_of_another_video_is_not_used(kept, caplog):
    make_clip(kept, N, first_frame=500)
    tv.write_index(kept, overwrite=True, progress=False)
    assert_not_used(kept, caplog, "another version of the video")


def test_a_proxy_of_another_ffmpeg_is_not_exact(kept, caplog, monkeypatch):
    tv.write_proxy(kept, SIZE, lossless=False, progress=False)
    # No other FFmpeg is here, so that this one takes another name.
    monkeypatch.setattr(proxies, "scaler_version", lambda: "0.0.1")
    assert_not_used(kept, caplog, "those of 0.0.1, which is here, may differ")
    lossy = tv.LazyVideo.from_uri(kept, resize=SIZE, proxy="lossy")
    assert lossy.cost().from_proxy == N


def test_a_video_that_was_replaced_is_an_error_as_without_a_proxy(kept):
    video = tv.LazyVideo.from_uri(kept, resize=SIZE)
    assert video.slice(100, 101).frames.any()
    make_clip(kept, N, first_frame=500)
    with pytest.raises(tv.StaleIndexError, match=r"the index of '.*cam.mp4' was made for"):
        video.slice(100, 101).frames  # noqa: B018
    os.unlink(kept)
    with pytest.raises(tv.SourceNotFoundError):
        video.slice(100, 101).frames  # noqa: B018


def test_another_clock_changes_nothing(kept):
    tv.write_index(kept, timestamps=np.arange(N) / 5, overwrite=True, progress=False)
    video, original = both(kept, resize=SIZE)
    assert video.timestamps[-1] == (N - 1) / 5
    assert_equal(video, original)


def test_an_index_with_other_rows_is_of_another_video(kept, caplog):
    segment = tv.LanceFrameIndex.open(f"{kept}.lance").segments[0]
    frames = segment.rows(0, N)
    later = replace(frames, pts=frames.pts + 1)
    parts = segment.stream, later, segment.hidden, segment.fingerprint
    times = np.arange(N) / 30
    write_sidecar(
        f"{kept}.lance", [str(kept)], [SegmentIndex(*parts)], times, overwrite=True
    )
    assert_not_used(kept, caplog, "its frames are others")


def replaced_by_another_video(path):
    os.replace(make_clip(f"{path}.mp4", N, size=SIZE), path)


def made_a_pipe(path):
    os.unlink(path)
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (replaced_by_another_video, "another one than its index says"),
        (lambda p: os.truncate(p, 5000), "another one than its index says"),
        (os.unlink, "there is no file"),
        (made_a_pipe, "no regular file"),
    ],
)
def test_a_proxy_that_is_none_is_not_used(harm, why, kept, caplog):
    harm(f"{kept}.32x48.proxy")
    assert_not_used(kept, caplog, why)


def test_damage_within_a_proxy_is_said_to_be_there(kept):
    (uri,) = tv.write_proxy(kept, (96, 128), progress=False).uris
    row = tv.LanceFrameIndex.open(f"{uri}.lance").segments[0].rows(30, 31)
    start, size = int(row.pos[0]), int(row.size[0])
    content = bytearray(Path(uri).read_bytes())
    assert 65536 < start < len(content) - 65536 - size  # the fingerprint does not see it
    content[start : start + size] = b"\xff" * size
    Path(uri).write_bytes(content)
    video = tv.LazyVideo.from_uri(kept, resize=(96, 128))
    with pytest.raises(tv.DecodeError, match=r"frame 30 of .*cam.mp4'.*: its proxy '.*'"):
        video.frames_at([30])
    assert video.frames_at([29, 31]).any()


def test_a_damaged_index_of_a_proxy_is_not_used(kept, caplog):
    for manifest in (kept.parent / "cam.mp4.32x48.proxy.lance/_versions").glob(
        "*.manifest"
    ):
        manifest.write_bytes(b"nothing")
    assert_not_used(kept, caplog, "is damaged")


def test_a_video_under_the_name_of_a_proxy_is_none(kept, caplog):
    shutil.rmtree(f"{kept}.32x48.proxy.lance")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tv.write_index(f"{kept}.32x48.proxy", progress=False)
    assert_not_used(kept, caplog, "does not say that it is a")


def test_a_proxy_under_another_name_is_none(kept, caplog):
    for ending in ("", ".lance"):
        os.rename(f"{kept}.32x48.proxy{ending}", f"{kept}.32x48-gray.proxy{ending}")
    caplog.set_level(logging.WARNING)
    video = tv.LazyVideo.from_uri(kept, resize=SIZE, colorspace="G")
    assert video.cost().from_proxy == 0
    assert "does not say that it is a 32x48-gray.proxy" in caplog.text


def test_a_proxy_that_is_written_anew_is_noticed(kept):
    video = tv.LazyVideo.from_uri(kept, resize=SIZE)
    assert video.slice(100, 101).frames.any()
    replaced_by_another_video(f"{kept}.32x48.proxy")
    with pytest.raises(tv.StaleIndexError, match=r"proxy .* was written anew"):
        video.slice(100, 101).frames  # noqa: B018
    assert tv.LazyVideo.from_uri(kept, resize=SIZE).slice(100, 101).frames.any()


# What it costs to look ------------------------------------------------------------------


def test_looking_costs_nothing_without_resize_and_little_with(kept, monkeypatch):
    import temporaldata_video._video.proxies as proxies

    looked = []
    found = proxies.resolve_proxy

    def watched(uri, name):
        looked.append(name)
        return found(uri, name)

    monkeypatch.setattr(proxies, "resolve_proxy", watched)
    video = tv.LazyVideo.from_uri(kept)
    _ = video.slice(100, 101).frames, video.cost()
    assert not looked
    video = tv.LazyVideo.from_uri(kept, resize=(10, 10))
    for start in (100.0, 100.5, 101.0):
        _ = video.slice(start, start + 0.5).frames
    assert looked == ["10x10.proxy"]


# Where a plugin says --------------------------------------------------------------------


class Elsewhere:
    r"""A plugin that keeps proxies in a folder of its own."""

    def __init__(self, folder) -> None:
        self.folder = folder

    @tv.hookimpl
    def resolve_proxy(self, uri, name):
        return self.folder / f"{os.path.basename(uri)}.{name}"


@pytest.fixture
def elsewhere(tmp_path):
    plugin = Elsewhere(tmp_path / "fast disk")
    plugin_manager().register(plugin)
    yield plugin.folder
    plugin_manager().unregister(plugin)


def test_a_plugin_says_where_proxies_lie(kept, elsewhere):
    assert tv.LazyVideo.from_uri(kept, resize=SIZE).cost().from_proxy == 0
    (uri,) = tv.write_proxy(kept, SIZE, progress=False).uris
    assert uri == str(elsewhere / "cam.mp4.32x48.proxy")
    assert_equal(*both(kept, resize=SIZE))


def test_a_remote_video_has_a_proxy_where_a_plugin_says(kept, elsewhere):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/lab/cam.mp4", kept.read_bytes())
    uri = "memory://lab/cam.mp4"
    tv.write_index(uri, index_uri=f"{kept}.remote.lance", progress=False)
    options = {"index_uri": f"{kept}.remote.lance"}
    tv.write_proxy(uri, SIZE, progress=False, **options)
    assert_equal(*both(uri, resize=SIZE, **options))


def test_beside_a_remote_video_is_no_place(kept):
    import fsspec

    fsspec.filesystem("memory").pipe("/lab/cam.mp4", kept.read_bytes())
    with (
        pytest.warns(tv.IndexWarning),
        pytest.raises(tv.VideoError, match="no place for a proxy"),
    ):
        tv.write_proxy("memory://lab/cam.mp4", SIZE, progress=False)


def test_a_plugin_that_names_no_place_is_an_error(kept, monkeypatch):
    class Wrong:
        @tv.hookimpl
        def resolve_proxy(self, uri, name):
            return 3

    plugin = Wrong()
    plugin_manager().register(plugin)
    try:
        with pytest.raises(tv.BackendError, match="returned int from resolve_proxy"):
            tv.LazyVideo.from_uri(kept, resize=SIZE).frames  # noqa: B018
    finally:
        plugin_manager().unregister(plugin)
