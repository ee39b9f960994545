r"""An index that is of another file or of no use is said to be so, and never rebuilt."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import warnings
from pathlib import Path

import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.helpers import numbers

opened = tv.LazyVideo.from_uri


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
    assert numbers(opened(own_clip)) == list(range(60))


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
    assert numbers(video.slice(1.0, 1.1)) == [30, 31, 32]
    os.utime(own_clip, (2, 2))  # once more, after it was read
    assert numbers(video.slice(2.0, 2.1)) == [60, 61, 62]
    content = own_clip.read_bytes()
    own_clip.unlink()
    own_clip.write_bytes(content)  # uploaded again
    assert numbers(video.slice(3.0, 3.1)) == [90, 91, 92]
    (tmp_path / "there").mkdir()
    shutil.move(own_clip, tmp_path / "there")
    shutil.move(f"{own_clip}.lance", tmp_path / "there")
    moved = opened(tmp_path / "there" / "cam.mp4")
    assert numbers(moved.slice(1.0, 1.1)) == [30, 31, 32]


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
    with pytest.raises(tv.IndexFormatError, match=f"{own_clip}.lance.*overwrite=True"):
        read_all(own_clip)


@pytest.mark.parametrize("damage", [overwrite, cut, remove])
@pytest.mark.parametrize("part", ["_versions", "data"])
def test_a_damaged_index_is_overwritten(own_clip, part, damage):
    damage(files_of(f"{own_clip}.lance", part))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", tv.IndexWarning)
        tv.write_index(own_clip, overwrite=True, progress=False)
    read_all(own_clip)
    # What Lance cannot read may hold a clock that is nowhere else.
    aside = Path(f"{own_clip}.lance.damaged")
    assert aside.is_dir() == bool(warned) == (damage is not remove)
    assert all(str(aside) in str(warning.message) for warning in warned)


def test_an_index_without_its_data(own_clip):
    remove(files_of(f"{own_clip}.lance", "data"))
    with pytest.raises(tv.IndexFormatError, match=f"{own_clip}.lance"):
        read_all(own_clip)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs files with owners")
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
    ("change", "says"),
    [
        (lambda h: json.dumps(h | {"format_version": 99}), "version 99.*Upgrade"),
        (lambda h: json.dumps({"format_version": 1}), "damaged.*overwrite=True"),
        (lambda h: "{", "damaged.*overwrite=True"),
        (lambda h: json.dumps([1, 2]), "damaged.*overwrite=True"),
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
    with pytest.raises(tv.IndexFormatError, match="overwrite=True"):
        read_all(own_clip)


def test_no_index_is_a_warning_with_the_command(own_clip):
    shutil.rmtree(f"{own_clip}.lance")
    command = f"temporaldata-video index {own_clip}"
    with pytest.warns(tv.IndexWarning, match=rf"(?s)in \d+\.\d+ s.*{command}"):
        video = opened(own_clip)
    assert numbers(video.slice(1.0, 1.1)) == [30, 31, 32]
    again = pickle.loads(pickle.dumps(video))  # is not indexed anew
    assert numbers(again.slice(1.0, 1.1)) == [30, 31, 32]


def test_an_index_that_was_named_and_is_missing(own_clip, tmp_path):
    with pytest.raises(tv.IndexNotFoundError, match="temporaldata-video index") as raised:
        opened(own_clip, index_uri=tmp_path / "none.lance")
    assert isinstance(raised.value, FileNotFoundError)
