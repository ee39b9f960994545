r"""``temporaldata-video index`` of one camera in several files."""

from __future__ import annotations

import numpy as np
import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip
from tests.labs import copy_lab, shown_numbers

COUNTS = (12, 9, 15)

# Whole numbers are taken for numbers of frames, if nobody says that they are seconds.
SECONDS = ["--unit", "s", "--timestamps"]


@pytest.fixture
def parts(tmp_path):
    r"""Three files in two folders, each with a clock, and each folder with one, too."""
    paths = [tmp_path / name for name in ("a/0.mp4", "a/1.mp4", "b/0.mp4")]
    first = 0
    for k, (path, count) in enumerate(zip(paths, COUNTS)):
        path.parent.mkdir(exist_ok=True)
        make_clip(path, count, size=(32, 32), first_frame=first)
        np.save(path.with_name(f"{path.stem}_times.npy"), 100.0 * k + np.arange(count))
        first += count
    np.save(tmp_path / "a" / "all.npy", np.arange(21.0))
    np.save(tmp_path / "b" / "all.npy", np.arange(15.0))
    return paths


def times_of(path):
    return tv.LanceFrameIndex.open(f"{path}.lance").timestamps()


def test_a_folder_with_its_clock_in_one_call(cli, tmp_path):
    session = copy_lab("chunks", tmp_path) / "Miniscope"
    done = cli("index", session)
    assert (done.status, done.err) == (0, "")
    assert "12 files, " in done.out and ": 117 frames, -0.024 s to 3.843 s" in done.out
    assert "The times are those that lie in" in done.out
    video = tv.LazyVideo.from_uri(session)
    assert shown_numbers(video.frames) == list(range(117))
    assert "is fresh and was kept" in cli("index", session).out
    assert "117" in cli("info", session).out


@pytest.mark.filterwarnings("default::temporaldata_video.VideoWarning")
def test_the_order_of_a_shell_is_put_right(cli, tmp_path):
    session = copy_lab("chunks", tmp_path) / "Miniscope"
    files = sorted(session.glob("*.avi"))
    assert files[2].name == "10.avi"
    clock = ["--lab", "miniscope", "--timestamps", session / "timeStamps.csv"]
    done = cli("index", "--segments", *files, *clock)
    assert done.status == 0
    assert done.err.count("warning: ") == 1 and "The second order is taken" in done.err
    assert shown_numbers(tv.LazyVideo.from_uri(session).frames) == list(range(117))


def test_a_clock_for_each_file(cli, parts):
    done = cli("index", "--segments", *parts, *SECONDS, "{stem}_times.npy")
    # Files of two folders have one name, and each its own clock.
    assert done.status == 0, done.err
    assert times_of(parts[0])[[0, 12, 21]].tolist() == [0, 100, 200]
    assert "gaps" in done.out


def test_a_clock_for_each_folder(cli, parts):
    clock = [*SECONDS, "{folder}/all.npy"]
    done = cli("index", "--segments", *parts, *clock)
    assert done.status == 1 and "their clocks overlap" in done.err
    done = cli("index", "--segments", *parts, *clock, "--start", "5,1000")
    assert done.status == 0, done.err
    assert times_of(parts[0])[[0, 12, 21]].tolist() == [5, 17, 1000]
    again = cli("index", "--segments", *parts, *clock, "--start", "5,1000")
    assert "is fresh and was kept" in again.out


def test_a_start_for_each_file(cli, parts, tmp_path):
    (tmp_path / "starts.txt").write_text("2\n30\n60\n")
    for starts in ("2,30,60", tmp_path / "starts.txt"):
        options = ["--start", starts, "--overwrite"]
        assert cli("index", "--segments", *parts, *options).status == 0
        assert times_of(parts[0])[[0, 12, 21]].tolist() == [2, 30, 60]


def test_a_start_of_the_containers_clock(cli, parts):
    assert cli("index", parts[0], "--start", "7").status == 0
    assert times_of(parts[0])[0] == 7


def test_more_or_fewer_starts_than_clocks(cli, parts):
    assert cli("index", "--segments", *parts, "--start", "1,2").status == 2
    assert cli("index", *parts, "--start", "1,2,3").status == 2
    assert cli("check", parts[0], "--start", "1,2").status == 2


def test_files_without_a_clock_are_said_to_follow_one_another(cli, parts):
    done = cli("index", "--segments", *parts)
    assert "they follow one another without a pause; --start" in done.out


def test_folders_with_a_clock_each(cli, parts, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    done = cli("index", *folders, *SECONDS, "{folder}/all.npy")
    assert done.status == 0, done.out
    assert times_of(parts[0]).tolist() == list(range(21))
    assert times_of(parts[2]).tolist() == list(range(15))
