r"""Windows read together: the same frames as one by one, decoded once, and faster."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import temporaldata_video as tv
from temporaldata_video._decode import decode
from temporaldata_video.testing import make_clip, read_numbers

N = 90
OPTIONS = [
    {},
    {"resize": (20, 30)},
    {"colorspace": "G", "channel_format": "NHWC"},
    {"threads": 2},
    {"threads": "auto", "on_error": "mask"},
]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    r"""Two videos of one shape, one of another and with open groups of pictures."""
    folder = tmp_path_factory.mktemp("batch")
    made = [
        make_clip(folder / "a.mp4", N, gop=30, b_frames=2),
        make_clip(folder / "b.mp4", N, gop=1, codec="mjpeg", first_frame=1000),
        make_clip(folder / "c.mp4", N, size=(48, 64), gop=20, open_gop=True, rate=25),
    ]
    tv.index_many(made, progress=False)
    return made


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    r"""A video in whose second group of pictures nothing decodes."""
    path = make_clip(tmp_path_factory.mktemp("damaged") / "d.mp4", 60, gop=20)
    index = tv.write_index(path, progress=False)
    packets = index.segments[0].rows(20, 40)
    with open(path, "r+b") as file:
        for start, size in zip(packets.pos.tolist(), packets.size.tolist()):
            file.seek(start)
            file.write(b"\x00" * size)
    tv.write_index(path, overwrite=True, progress=False)
    return path


windows = st.tuples(
    st.integers(0, 2),
    st.integers(0, len(OPTIONS) - 1),
    st.floats(-0.5, 3.5),
    st.floats(0.0, 1.5),
    st.booleans(),
)


@given(st.lists(windows, max_size=6))
def test_equal_to_one_by_one(paths, drawn):
    def cut(which, options, start, length, resampled):
        video = tv.LazyVideo.from_uri(paths[which], **OPTIONS[options])
        window = video.slice(start, start + length)
        if resampled and len(window):  # frames that repeat
            window = window.resample(np.repeat(window.timestamps, 2))
        return window

    together = [cut(*window) for window in drawn]
    found = tv.read_many(together)
    assert len(found) == len(drawn)
    for window, pixels, again in zip(together, found, (cut(*w) for w in drawn)):
        assert pixels is window.frames
        assert pixels.shape == window.shape and pixels.flags.writeable
        assert pixels.flags.c_contiguous
        assert not any(np.shares_memory(pixels, o) for o in found if o is not pixels)
        np.testing.assert_array_equal(pixels, again.frames)
        np.testing.assert_array_equal(window.valid, again.valid)


def test_windows_of_one_video_are_in_the_order_asked(paths):
    video = tv.LazyVideo.from_uri(paths[0])
    starts = [2.0, 0.0, 1.0, 0.05, 2.0]
    found = tv.read_many(video.slice(start, start + 0.2) for start in starts)
    for start, frames in zip(starts, found):
        assert read_numbers(frames).tolist() == list(range(*_edges(start, start + 0.2)))


def _edges(start, end, rate=30):
    return int(np.ceil(round(start * rate, 6))), int(np.ceil(round(end * rate, 6)))


@pytest.fixture
def fed(monkeypatch):
    r"""How many packets of frames are given to decoders."""
    counted = []
    cut = decode._cut

    def counting(*arguments):
        for packet in cut(*arguments):
            counted.append(packet)
            yield packet

    monkeypatch.setattr(decode, "_cut", counting)
    return counted


def test_a_shared_group_is_decoded_once(paths, fed):
    starts = np.random.default_rng(0).uniform(1.0, 1.7, 12)
    # Opened anew for each window, as samples that were unpickled are.
    windows = [tv.LazyVideo.from_uri(paths[0]).slice(s, s + 0.2) for s in starts]
    tv.read_many(windows)
    assert 0 < len(fed) <= 30
    for window in windows:
        assert np.ptp(window.frames) > 0
    assert len(fed) <= 30, "frames are kept"
    tv.read_many(windows)
    assert len(fed) <= 30


def test_bytes_of_a_file_are_fetched_in_one_go(paths, monkeypatch):
    from temporaldata_video._bytes.local import LocalStore

    ranges = []
    read_range = LocalStore.read_range

    def spy(self, key, start, length, etag=None):
        ranges.append((key, start, length))
        return read_range(self, key, start, length, etag)

    video = tv.LazyVideo.from_uri(paths[0])
    assert len(video.slice(0, 0.1).frames) == 3  # the file is known from here on
    monkeypatch.setattr(LocalStore, "read_range", spy)
    tv.read_many([video.slice(start, start + 0.3) for start in (0.2, 2.5, 0.1, 1.5)])
    assert len(ranges) == 1


def test_frames_that_do_not_decode(damaged, paths):
    masked = tv.LazyVideo.from_uri(damaged, on_error="mask")
    strict = tv.LazyVideo.from_uri(damaged)
    other = tv.LazyVideo.from_uri(paths[0])
    # One file in two kinds: masked and not.
    windows = [masked.slice(0.5, 1.0), strict.slice(0.0, 0.5), other.slice(0.0, 0.5)]
    with pytest.warns(tv.DecodeWarning, match="frame 20"):
        tv.read_many(windows)
    assert windows[0].valid.tolist() == [True] * 5 + [False] * 10
    assert not windows[0].frames[5:].any() and windows[0].frames[:5].any()
    assert windows[1].valid.all()
    assert read_numbers(windows[2].frames).tolist() == list(range(15))

    windows = [other.slice(1.0, 1.5), strict.slice(0.5, 1.0)]
    with pytest.raises(tv.DecodeError, match=r"frame 20 of .*d\.mp4.*t = 0\.66"):
        tv.read_many(windows)
    # The others can still be had.
    assert read_numbers(windows[0].frames).tolist() == list(range(30, 45))


def test_segments_and_windows_joined(paths):
    a, b = map(tv.LazyVideo.from_uri, paths[:2])
    joined = tv.concat([a.slice(0.0, 0.2), a.slice(2.0, 2.2)], sort=False)
    several = tv.concat([a, b], sort=False)
    at = several.select_by_mask(np.isin(several.frame_indices, [3, N + 3]))
    found = tv.read_many([joined, at, a.slice(0.1, 0.1)])
    assert read_numbers(found[0]).tolist() == [*range(6), *range(60, 66)]
    assert read_numbers(found[1]).tolist() == [3, 1003]
    assert found[2].shape == (0, 3, 64, 96)


def test_what_is_no_window():
    assert tv.read_many([]) == []
    with pytest.raises(TypeError, match=r"lazy videos, got numpy\.ndarray"):
        tv.read_many([np.zeros(3)])
