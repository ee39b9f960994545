r"""Files of one video: in the order of their numbers, or refused by name."""

from __future__ import annotations

import os
import random

import pytest

import temporaldata_video as tv
from temporaldata_video._base.numbered_files import find_files, in_order

MINISCOPE = [f"{k}.avi" for k in range(12)]
GOPRO = ["GX010123.MP4", "GX020123.MP4", "GX030123.MP4"]


def make(folder, names):
    for name in names:
        (folder / name).write_bytes(b"")
    return os.fspath(folder)


def names_of(uris):
    return [os.path.basename(uri) for uri in uris]


@pytest.mark.parametrize(
    "names",
    [
        MINISCOPE,
        [f"msCam{k}.avi" for k in range(1, 14)],
        [f"{k:06d}.mp4" for k in range(3)],
        GOPRO,
        ["GOPR0123.MP4", "GP010123.MP4", "GP020123.MP4"],
        ["cam.mp4", "cam_001.mp4", "cam_002.mp4"],
        ["cam [1] part 9.mp4", "cam [1] part 10.mp4"],
        ["only.mkv"],
        [f"frames_{k}.mp4" for k in (0, 500, 1000, 1500)],
    ],
    ids=str,
)
def test_a_folder_of_one_series(tmp_path, names):
    others = ["timeStamps.csv", "metadata.yaml", "GX010123.THM", "._0.avi", "notes.txt"]
    folder = make(tmp_path, [*names, *others])
    os.mkdir(tmp_path / f"{names[0]}.lance")
    os.mkdir(tmp_path / "folder.mp4")
    assert names_of(find_files(folder)) == names
    assert names_of(find_files(f"{folder}/")) == names


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["left_0.mp4", "left_1.mp4", "right_0.mp4"], ["left_*.mp4", "right_0.mp4"]),
        (["left_0.mp4", "left_1.mp4", "left_0_gop30.mp4"], ["left_*.mp4", "left_0_gop"]),
        (["cam1_0.avi", "cam1_1.avi", "cam2_0.avi", "cam2_1.avi"], ["cam1_*.avi, cam2_*"]),
        ([*GOPRO, "GX010124.MP4"], ["GX*0123.MP4", "GX010124.MP4"]),
        (["GX010123.MP4", "GX010124.MP4"], ["GX010123.MP4, GX010124.MP4"]),
        (["0.avi", "0.mp4"], ["0.avi, 0.mp4"]),
    ],
)
def test_a_folder_of_several_series_is_refused(tmp_path, names, named):
    with pytest.raises(tv.SourceError, match="no single series") as raised:
        find_files(make(tmp_path, names))
    for text in named:
        assert text in str(raised.value)


def test_a_pattern_chooses_among_them(tmp_path):
    folder = make(tmp_path, [*GOPRO, "GX010124.MP4", "cam [1].mp4", "cam [2].mp4"])
    assert names_of(find_files(f"{folder}/GX??0123.MP4")) == GOPRO
    # Brackets are letters of names, and what is a file is no pattern.
    assert names_of(find_files(f"{folder}/cam [1]*")) == ["cam [1].mp4"]
    assert find_files(f"{folder}/cam [1].mp4") is None
    with pytest.raises(tv.SourceNotFoundError, match=r"no video at .*none_\*'"):
        find_files(f"{folder}/none_*")


def test_what_is_neither_folder_nor_pattern(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (f"{tmp_path}/empty", f"{tmp_path}/none.mp4", "s3://lab/*.mp4"):
        assert find_files(path) is None


def test_a_missing_number_is_told(tmp_path):
    folder = make(tmp_path, [name for name in MINISCOPE if name != "3.avi"])
    with pytest.warns(tv.IndexWarning, match=r"4.avi' follows .*2.avi', a step of 2"):
        assert len(find_files(folder)) == 11


def test_the_order_of_a_shell_becomes_that_of_the_numbers():
    with pytest.warns(tv.IndexWarning) as warned:
        assert in_order(sorted(MINISCOPE)) == tuple(MINISCOPE)
    (message,) = (str(w.message) for w in warned)
    assert "0.avi, 1.avi, 10.avi, 11.avi, 2.avi" in message
    assert "0.avi, 1.avi, 2.avi, 3.avi" in message


@pytest.mark.filterwarnings("ignore::temporaldata_video.VideoWarning")
def test_any_order_of_one_number_becomes_that_of_the_numbers():
    for seed in range(20):
        given = random.Random(seed).sample(MINISCOPE, 12)
        assert in_order(given) == tuple(MINISCOPE)


@pytest.mark.parametrize(
    "uris",
    [
        MINISCOPE,
        ["b.mp4", "a.mp4"],
        ["cam.mp4", "cam_001.mp4"],
        ["cam_2026-01-02_10-00-00.avi", "cam_2026-01-02_10-05-00.avi"],
        ["s3://lab/9.mp4", "s3://lab/10.mp4"],
        ["one.mp4"],
    ],
    ids=str,
)
def test_an_order_that_is_right_or_none_stays(uris):
    assert in_order(uris) == tuple(uris)


def test_chapters_go_by_file_and_then_by_chapter():
    given = ["/a/GX010123.MP4", "/a/GX010124.MP4", "/a/GX020123.MP4"]
    with pytest.warns(tv.IndexWarning, match="second order"):
        ordered = in_order(given)
    assert ordered == ("/a/GX010123.MP4", "/a/GX020123.MP4", "/a/GX010124.MP4")


def test_sessions_in_folders():
    given = [f"s{s}/{k}.avi" for s in (1, 2) for k in (0, 1, 10, 2)]
    with pytest.warns(tv.IndexWarning, match="s1/0.avi, s1/1.avi, s1/10.avi"):
        ordered = in_order(given)
    assert ordered == tuple(f"s{s}/{k}.avi" for s in (1, 2) for k in (0, 1, 2, 10))


def test_dates_in_their_order_are_not_sorted_by_number():
    given = ["cam_31-1-2026.avi", "cam_1-2-2026.avi"]
    with pytest.warns(tv.IndexWarning, match="The first order is taken"):
        assert in_order(given) == tuple(given)
