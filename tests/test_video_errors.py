r"""What goes wrong says the value, what is wrong with it, and what to do."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from temporaldata import Data, Interval

import temporaldata_video as tv
from temporaldata_video.testing import make_clip, read_numbers


@pytest.fixture
def own_clip(clip, tmp_path) -> Path:
    r"""A copy of the clip and its index that may be damaged."""
    shutil.copy(clip, tmp_path / "cam.mp4")
    shutil.copytree(f"{clip}.lance", tmp_path / "cam.mp4.lance")
    return tmp_path / "cam.mp4"


def opened(path, **options) -> tv.LazyVideo:
    return tv.LazyVideo.from_uri(path, **options)


# Wrong arguments ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "option, value, allowed",
    [
        ("resize", (0, 5), r"\(height, width\)"),
        ("resize", (-1, 5), r"\(height, width\)"),
        ("resize", [4, 4], r"\(height, width\)"),
        ("resize", (4, 4, 3), r"\(height, width\)"),
        ("resize", (4.5, 4), r"\(height, width\)"),
        ("resize", (True, 4), r"\(height, width\)"),
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
    "uri, error", [(5, TypeError), (None, TypeError), ("", ValueError)]
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
    "indices, outside", [([0, 120], 120), ([-1], -1), ([5, 1000], 1000)]
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
    with pytest.raises(ValueError, match=r"no previous frame at -1 s.*method='nearest'"):
        opened(clip).resample([-1.0])
    with pytest.raises(ValueError, match="no next frame at 99 s"):
        opened(clip).resample([99.0], "next")
    assert opened(clip).resample([-1.0, 99.0], "nearest").frame_indices.tolist() == [0, 119]


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


def test_a_recording_with_a_damaged_pointer(clip, tmp_path):
    import h5py

    Data(video=opened(clip), domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    with h5py.File(tmp_path / "rec.h5", "a") as file:
        file["video"].attrs["parts"] = "[{"
    with pytest.raises(tv.FrameIndexError, match=r"'/video'.*damaged.*save"):
        Data.load(tmp_path / "rec.h5")


def test_an_unknown_protocol():
    with pytest.raises(tv.BackendError, match="nowhere://"):
        opened("nowhere://bucket/cam.mp4")


# The index is of another file -----------------------------------------------------------


def replace_by_another(path):
    make_clip(path, 60)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def change_the_beginning(path):
    content = bytearray(path.read_bytes())
    content[500:600] = bytes(100)
    path.write_bytes(content)


def change_the_end(path):
    content = bytearray(path.read_bytes())
    content[-600:-500] = bytes(100)
    path.write_bytes(content)


CHANGES = [replace_by_another, truncate, change_the_beginning, change_the_end]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("read_before", [False, True])
def test_a_changed_file_is_no_longer_read(own_clip, change, read_before):
    video = opened(own_clip)
    if read_before:
        video.slice(0.0, 1.0).frames  # noqa: B018
    change(own_clip)
    with pytest.raises(tv.StaleIndexError) as raised:
        video.slice(1.0, 2.0).frames  # noqa: B018
    assert str(own_clip) in str(raised.value)
    assert "temporaldata-video index --overwrite" in str(raised.value)


def test_a_replaced_file_is_indexed_anew(own_clip):
    replace_by_another(own_clip)
    tv.write_index(own_clip, overwrite=True, progress=False)
    assert read_numbers(opened(own_clip).frames).tolist() == list(range(60))


def test_masking_does_not_hide_a_changed_file(own_clip):
    video = opened(own_clip, on_error="mask")
    replace_by_another(own_clip)
    with pytest.raises(tv.StaleIndexError):
        video.slice(1.0, 2.0).frames  # noqa: B018


def test_the_message_says_how_the_file_differs(own_clip):
    before = own_clip.stat().st_size
    truncate(own_clip)
    sizes = f"{own_clip.stat().st_size} bytes where the index says {before}"
    with pytest.raises(tv.StaleIndexError, match=sizes):
        opened(own_clip).frames  # noqa: B018


def test_a_copied_moved_or_touched_file_stays_valid(own_clip, tmp_path):
    video = opened(own_clip)
    os.utime(own_clip, (1, 1))
    assert read_numbers(video.slice(1.0, 1.1).frames).tolist() == [30, 31, 32]
    os.utime(own_clip, (2, 2))  # once more, after it was read
    assert read_numbers(video.slice(2.0, 2.1).frames).tolist() == [60, 61, 62]
    content = own_clip.read_bytes()
    own_clip.unlink()
    own_clip.write_bytes(content)  # uploaded again
    assert read_numbers(video.slice(3.0, 3.1).frames).tolist() == [90, 91, 92]
    (tmp_path / "there").mkdir()
    shutil.move(own_clip, tmp_path / "there")
    shutil.move(f"{own_clip}.lance", tmp_path / "there")
    moved = opened(tmp_path / "there" / "cam.mp4")
    assert read_numbers(moved.slice(1.0, 1.1).frames).tolist() == [30, 31, 32]


def test_an_index_written_anew_while_a_video_is_open(own_clip, tmp_path):
    video = opened(own_clip)
    copied = pickle.dumps(video)
    expected = video.slice(1.0, 1.1).frames
    shutil.rmtree(f"{own_clip}.lance")
    make_clip(own_clip, 60)
    tv.write_index(own_clip, progress=False)
    with pytest.raises(tv.StaleIndexError):
        video.slice(2.0, 2.1).frames  # noqa: B018
    assert len(expected) == 3
    # A pickle looks its index up anew, and is then a video of what is there.
    assert len(pickle.loads(copied)) == 60


# The index is of no use -----------------------------------------------------------------


def files_of(index: str, *parts: str) -> list[Path]:
    return [path for path in Path(index, *parts).rglob("*") if path.is_file()]


def overwrite(paths):
    for path in paths:
        path.write_bytes(b"\0" * path.stat().st_size)


def cut(paths):
    for path in paths:
        os.truncate(path, path.stat().st_size // 2)


def remove(paths):
    for path in paths:
        path.unlink()


def read_all(path):
    video = opened(path)
    video.slice(1.0, 2.0).frames  # noqa: B018


@pytest.mark.parametrize("damage", [overwrite, cut])
@pytest.mark.parametrize("part", ["_versions", "data"])
def test_a_damaged_index_is_an_error_and_not_rebuilt(own_clip, part, damage):
    damage(files_of(f"{own_clip}.lance", part))
    with pytest.raises(tv.IndexFormatError, match=f"{own_clip}.lance.*--overwrite"):
        read_all(own_clip)


@pytest.mark.parametrize("damage", [overwrite, cut, remove])
@pytest.mark.parametrize("part", ["_versions", "data"])
def test_a_damaged_index_is_overwritten(own_clip, part, damage):
    damage(files_of(f"{own_clip}.lance", part))
    tv.write_index(own_clip, overwrite=True, progress=False)
    read_all(own_clip)


def test_an_index_without_its_data(own_clip):
    remove(files_of(f"{own_clip}.lance", "data"))
    with pytest.raises(tv.IndexFormatError, match=f"{own_clip}.lance"):
        read_all(own_clip)


def test_an_index_that_may_not_be_read(own_clip):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    os.chmod(f"{own_clip}.lance", 0)
    try:
        with pytest.raises(tv.FrameIndexError):
            opened(own_clip)
    finally:
        os.chmod(f"{own_clip}.lance", 0o700)


def test_a_dataset_that_is_no_index(own_clip):
    import lance
    import pyarrow as pa

    shutil.rmtree(f"{own_clip}.lance")
    lance.write_dataset(pa.table({"pts": [1, 2]}), f"{own_clip}.lance")
    with pytest.raises(tv.IndexFormatError, match=r"no frame index.*segment_idx"):
        opened(own_clip)


def test_a_file_where_the_index_should_be(own_clip):
    shutil.rmtree(f"{own_clip}.lance")
    Path(f"{own_clip}.lance").write_text("not a dataset")
    with pytest.raises(tv.IndexFormatError, match=r"is a file.*index_uri"):
        opened(own_clip)
    with pytest.raises(tv.FrameIndexError, match="is a file"):
        tv.write_index(own_clip, overwrite=True, progress=False)


def rewrite_header(index: str, change) -> None:
    import lance

    table = lance.dataset(index).to_table()
    metadata = dict(table.schema.metadata)
    (key,) = (key for key in metadata if key.startswith(b"temporaldata_video"))
    header = json.loads(metadata[key])
    metadata[key] = change(header).encode()
    shutil.rmtree(index)
    lance.write_dataset(table.replace_schema_metadata(metadata), index)


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda h: json.dumps(h | {"format_version": 99}), "version 99.*Upgrade"),
        (lambda h: json.dumps({"format_version": 1}), "damaged.*--overwrite"),
        (lambda h: "{", "damaged.*--overwrite"),
        (lambda h: json.dumps([1, 2]), "damaged.*--overwrite"),
    ],
)
def test_a_header_that_makes_no_sense(own_clip, change, says):
    rewrite_header(f"{own_clip}.lance", change)
    with pytest.raises(tv.IndexFormatError, match=says):
        opened(own_clip)


@pytest.mark.parametrize(
    "change",
    [
        lambda segment: segment.pop("stream"),
        lambda segment: segment["stream"].update(time_base=[1, 0]),
        lambda segment: segment["stream"].update(unheard_of=1),
        lambda segment: segment.update(hidden={"pts": []}),
        lambda segment: segment.update(frames=7),
    ],
)
def test_a_segment_that_makes_no_sense(own_clip, change):
    def changed(header):
        change(header["segments"][0])
        return json.dumps(header)

    rewrite_header(f"{own_clip}.lance", changed)
    with pytest.raises(tv.IndexFormatError, match="--overwrite"):
        read_all(own_clip)


def test_no_index_is_a_warning_with_the_command(own_clip):
    shutil.rmtree(f"{own_clip}.lance")
    command = f"temporaldata-video index {own_clip}"
    with pytest.warns(tv.IndexWarning, match=rf"(?s)in \d+\.\d+ s.*{command}"):
        video = opened(own_clip)
    assert read_numbers(video.slice(1.0, 1.1).frames).tolist() == [30, 31, 32]
    again = pickle.loads(pickle.dumps(video))  # is not indexed anew
    assert read_numbers(again.slice(1.0, 1.1).frames).tolist() == [30, 31, 32]


def test_an_index_that_was_named_and_is_missing(own_clip, tmp_path):
    with pytest.raises(tv.IndexNotFoundError, match="temporaldata-video index") as raised:
        opened(own_clip, index_uri=tmp_path / "none.lance")
    assert isinstance(raised.value, FileNotFoundError)


def test_an_index_that_is_there_is_not_overwritten(own_clip):
    with pytest.raises(tv.FrameIndexError, match=r"already.*overwrite=True"):
        tv.write_index(own_clip, progress=False)


# Secrets --------------------------------------------------------------------------------

SECRET = "hunter2-very-secret"


@pytest.fixture
def secret_options(clip):
    import fsspec

    fsspec.filesystem("memory").pipe("/lab/cam.mp4", clip.read_bytes())
    yield {"token": SECRET}
    fsspec.filesystem("memory").rm("/lab", recursive=True)


def test_storage_options_are_shown_nowhere(secret_options, tmp_path, capfd):
    uri, index_uri = "memory://lab/cam.mp4", tmp_path / "cam.lance"
    index = tv.write_index(
        uri, storage_options=secret_options, index_uri=index_uri, progress=False
    )
    video = tv.LazyVideo.from_uri(uri, storage_options=secret_options, index_uri=index_uri)
    window = video.slice(1.0, 1.1)
    assert read_numbers(window.frames).tolist() == [30, 31, 32]
    source = video._source
    shown = [repr(index), repr(video), str(window), repr(source), repr(source.parts)]
    shown += [repr(source.parts[0].reader), repr(source.files), str(video.metadata)]
    Data(video=video, domain=Interval(0.0, 4.0)).save(tmp_path / "rec.h5")
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert SECRET.encode() not in path.read_bytes(), path
    shown += capfd.readouterr()
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize(
    "uri", ["memory://lab/none.mp4", "memory://lab", "nowhere://cam.mp4"]
)
def test_errors_do_not_tell_secrets(secret_options, uri):
    import traceback

    with pytest.raises(tv.VideoError) as raised:
        tv.LazyVideo.from_uri(uri, storage_options=secret_options)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_a_damaged_remote_video_does_not_tell_secrets(secret_options, tmp_path):
    import fsspec

    uri, options = "memory://lab/cam.mp4", {"storage_options": secret_options}
    index_uri = tmp_path / "cam.lance"
    tv.write_index(uri, index_uri=index_uri, progress=False, **options)
    video = tv.LazyVideo.from_uri(uri, index_uri=index_uri, **options)
    fsspec.filesystem("memory").pipe("/lab/cam.mp4", b"short")
    with pytest.raises(tv.StaleIndexError) as raised:
        video.frames  # noqa: B018
    assert SECRET not in str(raised.value) and uri in str(raised.value)
