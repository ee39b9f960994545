r"""What goes wrong says the value, what is wrong with it, and what to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

opened = tv.LazyVideo.from_uri


# Wrong arguments ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("resize", (0, 5), r"\(height, width\)"),
        ("resize", (-1, 5), r"\(height, width\)"),
        ("resize", (4, 4, 3), r"\(height, width\)"),
        ("resize", (4.5, 4), r"\(height, width\)"),
        ("resize", (True, 4), r"\(height, width\)"),
        ("resize", [4], r"\(height, width\)"),
        ("resize", 4, r"\(height, width\)"),
        ("colorspace", "BGR", "'RGB', 'G'"),
        ("colorspace", None, "'RGB', 'G'"),
        ("channel_format", "CHW", "'NCHW', 'NHWC'"),
        ("on_error", "ignore", "'raise', 'mask'"),
        ("threads", 0, "positive integer"),
        ("threads", 1.5, "positive integer"),
        ("threads", True, "positive integer"),
        ("threads", "many", "'auto'"),
    ],
)
def test_an_option_that_is_not_allowed(clip, option, value, allowed):
    with pytest.raises(ValueError, match=f"(?s){option}.*{allowed}") as raised:
        opened(clip, **{option: value})
    assert repr(value) in str(raised.value)


@pytest.mark.parametrize("option", ["resize", "colorspace", "channel_format"])
def test_the_constructor_checks_as_well(clip, option):
    with pytest.raises(ValueError, match=option):
        tv.LazyVideo(clip, **{option: "nonsense"})


@pytest.mark.parametrize(
    ("uri", "error"), [(5, TypeError), (None, TypeError), ("", ValueError)]
)
def test_a_uri_that_is_none(uri, error):
    with pytest.raises(error, match="uri"):
        opened(uri)


@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize("value", [float("nan"), None, "soon"])
def test_a_bound_that_is_no_time(clip, name, value):
    bounds = {"start": 0.0, "end": 1.0, name: value}
    for cut in (opened(clip).slice, opened(clip).lazy_slice):
        with pytest.raises(ValueError, match=f"{name} must be a time in seconds") as raised:
            cut(**bounds)
        assert repr(value) in str(raised.value)


@pytest.mark.parametrize(
    ("indices", "outside"), [([0, 120], 120), ([-1], -1), ([5, 1000], 1000)]
)
def test_positions_out_of_range(clip, indices, outside):
    with pytest.raises(IndexError, match=f"index {outside} .*120 frames"):
        opened(clip).frames_at(indices)
    with pytest.raises(IndexError, match="0 frames"):
        opened(clip).slice(1.0, 1.0).frames_at([0])


@pytest.mark.parametrize("indices", [[0.5], 3, [[1, 2]], ["1"], [True, False]])
def test_positions_that_are_none(clip, indices):
    with pytest.raises(TypeError, match="indices must be"):
        opened(clip).frames_at(indices)


@pytest.mark.parametrize(
    "mask", [np.ones(5, bool), np.ones(120), [True] * 120, np.ones((120, 1), bool)]
)
def test_a_mask_that_does_not_fit(clip, mask):
    with pytest.raises(ValueError, match=r"mask must be .* \(120,\)"):
        opened(clip).select_by_mask(mask)


@pytest.mark.parametrize("times", [[2.0, 1.0], [np.nan], [[0.0, 1.0]], [np.inf], 0.5])
def test_times_to_resample_that_make_no_sense(clip, times):
    with pytest.raises(ValueError, match="times must be"):
        opened(clip).resample(times)


def test_resampling_where_there_is_no_frame(clip):
    with pytest.raises(ValueError, match=r"method must be one of .*'closest'"):
        opened(clip).resample([1.0], "closest")
    for method, far in (("previous", [-1, 119]), ("next", [0, -1]), ("nearest", [0, 119])):
        strict = opened(clip).resample([-1.5, 99.0], method)
        assert strict.frame_indices.tolist() == [-1, -1]
        assert not strict.valid.any() and not strict.frames.any()
        loose = opened(clip).resample([-1.5, 99.0], method, tolerance=np.inf)
        assert loose.frame_indices.tolist() == far
        assert loose.valid.tolist() == [frame >= 0 for frame in far]


# No video there -------------------------------------------------------------------------


def test_a_missing_file(tmp_path):
    path = tmp_path / "nowhere.mp4"
    for attempt in (opened, lambda p: tv.write_index(p, progress=False)):
        with pytest.raises(tv.SourceNotFoundError, match=f"no file '{path}'.*[Cc]heck"):
            attempt(path)
    with pytest.raises(FileNotFoundError):
        opened(path)


def test_a_directory(tmp_path):
    with pytest.raises(tv.SourceError, match=f"'{tmp_path}' is a directory") as raised:
        opened(tmp_path)
    assert not isinstance(raised.value, tv.SourceNotFoundError)


@pytest.mark.parametrize(
    "content", [b"", b"time,frame\n0.0,1\n", b"\0" * 5000, b"RIFF\0\0\0\0AVI "]
)
def test_a_file_that_is_no_video(tmp_path, content):
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(tv.SourceError, match=str(path)) as raised:
        opened(path)
    assert not isinstance(raised.value, tv.SourceNotFoundError)
    with pytest.raises(tv.SourceError):
        tv.write_index(path, progress=False)
    assert not Path(f"{path}.lance").exists()


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "cam.mp4").touch()
    with pytest.raises(tv.SourceError, match="empty"):
        opened(tmp_path / "cam.mp4")


def test_a_playlist_opens_nothing(tmp_path, clip):
    # FFmpeg would follow it to any file or address.
    path = tmp_path / "cam.mp4"
    path.write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:4,\n{clip}\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(tv.SourceError, match="playlist"):
        opened(path)


def test_sound_without_pictures(tmp_path):
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", 48000)
        stream.layout = "mono"
        samples = np.zeros((1, 4800), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(tv.SourceError, match="no video stream"):
        opened(path)


def test_a_recording_whose_video_is_gone(own_clip, tmp_path):
    Data(video=opened(own_clip), domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    own_clip.unlink()
    window = Data.load(tmp_path / "rec.h5").slice(1.0, 2.0).video
    assert window.shape == (30, 3, 64, 96)
    with pytest.raises(tv.SourceNotFoundError, match=f"no file '{own_clip}'.*moved"):
        window.frames  # noqa: B018
    # Without the index the times are still there, and the message is the same.
    shutil.rmtree(f"{own_clip}.lance")
    window = Data.load(tmp_path / "rec.h5").slice(1.0, 2.0).video
    assert len(window) == 30
    with pytest.raises(tv.SourceNotFoundError, match=f"no file '{own_clip}'"):
        window.frames  # noqa: B018


@pytest.mark.parametrize(
    ("name", "value"), [("parts", "[{"), ("metadata", "{"), ("metadata", [1, 2])]
)
def test_a_recording_with_a_damaged_pointer(clip, tmp_path, name, value):
    import h5py

    Data(video=opened(clip), domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    with h5py.File(tmp_path / "rec.h5", "a") as file:
        file["video"].attrs[name] = value
    with pytest.raises(tv.FrameIndexError, match=r"'/video'.*damaged.*save"):
        Data.load(tmp_path / "rec.h5")


def test_an_unknown_protocol():
    with pytest.raises(tv.BackendError, match="nowhere://"):
        opened("nowhere://bucket/cam.mp4")


def test_a_video_is_no_array(clip):
    with pytest.raises(TypeError, match=r"no array: its pixels are \.frames"):
        np.asarray(tv.LazyVideo.from_uri(clip))


def test_strings_where_lists_are_meant(clip, tmp_path):
    (report,) = tv.index_many(str(clip), progress=False)
    assert (report.uri, report.status) == (str(clip), "skipped")
    first, second = (make_clip(tmp_path / f"{name}.mp4", 10) for name in "ab")
    tv.write_index(first, segment_uris=str(second), progress=False)
    video = tv.LazyVideo(first, segment_uris=str(second))
    assert video.segment_frame_counts.tolist() == [10, 10]
    Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    assert not tv.relink(tmp_path / "rec.h5", search=str(tmp_path)).missing
    with pytest.raises(TypeError, match=r"lazy videos, got builtins\.str"):
        tv.read_many("a.mp4")
    with pytest.raises(TypeError, match=r"not their names, got 'a\.mp4'"):
        tv.concat("a.mp4")
    with pytest.raises(ValueError, match=r"a list of names such as \['s3'\]"):
        tv.configure(allowed_schemes="s3")
