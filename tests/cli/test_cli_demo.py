r"""``temporaldata-video demo``: what it leaves behind, says, and refuses."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from temporaldata import Data

from temporaldata_video.testing import read_numbers

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    r"""A demo in a fresh process: its folder, and what it printed."""
    parent = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "temporaldata_video._cli.main", "demo"],
        capture_output=True,
        text=True,
        cwd=parent,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return parent / "temporaldata-video-demo", done.stdout


def test_it_says_what_each_modality_holds(demo):
    rows = {line.split()[0]: line for line in demo[1].splitlines() if line.strip()}
    assert "LazyVideo " in rows["video"]
    assert "x3x120x160 " in rows["video"]
    assert "IrregularTimeSeries " in rows["spikes"]
    assert "RegularTimeSeries " in rows["lfp"]
    assert "250x2 " in rows["lfp"]
    assert "Interval " in rows["trials"]


def test_the_recording_is_what_it_says(demo):
    folder, out = demo
    clock = np.load(folder / "cam_times.npy")
    with Data.load(folder / "rec.h5") as data:
        sample = data.slice(12.0, 13.0)
        expected = np.flatnonzero((clock >= 12) & (clock < 13))
        np.testing.assert_array_equal(read_numbers(sample.video.frames), expected)
        assert set(data.keys()) >= {"video", "spikes", "lfp", "trials"}
    (row,) = (line for line in out.splitlines() if line.startswith("video "))
    assert row.split()[2] == str(len(expected))


def test_it_proves_its_frames(demo):
    words = demo[1][demo[1].index("Proof:") :].split()
    assert words[words.index("windows,") - 1] == "21"
    assert int(words[words.index("all") + 1]) > 500


def test_the_picture_is_worth_looking_at(demo):
    from matplotlib.image import imread

    picture = imread(demo[0] / "demo.png")[..., :3]
    height, width, _ = picture.shape
    assert width == 1200
    assert 400 < height < 900
    # Frames above, a raster and traces below: none of the bands is blank.
    for band in np.array_split(picture, 6):
        assert band.std() > 0.03
    assert f"Picture: {demo[0].name}/demo.png" in demo[1]


def test_the_next_step_runs_as_printed(demo):
    folder, out = demo
    program = textwrap.dedent(out[out.index("    import temporaldata_video") :])
    assert len(program.strip().splitlines()) == 4
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=folder.parent,
    )
    assert done.returncode == 0, done.stderr
    assert ", 3, 120, 160)" in done.stdout


def test_it_can_be_run_again(demo, cli):
    folder, _ = demo
    (folder / "demo.png").unlink()
    done = cli("demo", folder)
    assert (done.status, done.err) == (0, "")
    assert (folder / "demo.png").exists()


def test_it_does_not_write_over_the_files_of_others(cli, tmp_path):
    (tmp_path / "cam.mp4").write_text("precious")
    done = cli("demo", tmp_path)
    assert done.status == 1
    assert "holds other files" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["cam.mp4"]
    assert (tmp_path / "cam.mp4").read_text() == "precious"


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_said(cli, tmp_path, name):
    (tmp_path / "file").touch()
    done = cli("demo", tmp_path / name)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: cannot write to")
    assert "Give another folder" in done.err
