r"""``temporaldata-video relink``: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.helpers import right
from tests.recordings import OTHER_CLOCK, index_again, load


@pytest.fixture
def folder(saved_once, tmp_path):
    r"""A recording whose video and index were moved to a folder beside it."""
    folder = tmp_path / "saved"
    shutil.copytree(saved_once, folder)
    (tmp_path / "videos").mkdir()
    for name in ("cam.mp4", "cam.mp4.lance"):
        os.rename(folder / name, tmp_path / "videos" / name)
    return folder


def test_a_table_and_an_exit_status(cli, folder, tmp_path):
    done = cli("relink", folder / "rec.h5")
    assert done.status == 1
    assert "missing" in done.out and "was not changed" in done.out
    assert "1 of 1 files were not found" in done.err and "--search" in done.err
    search = ["--search", tmp_path / "videos"]
    done = cli("relink", folder / "rec.h5", *search, "--dry-run")
    assert done.status == 0 and "would be changed" in done.out
    done = cli("relink", folder / "rec.h5", *search)
    assert (done.status, done.err) == (0, "")
    assert "moved" in done.out and "rec.h5 was changed." in done.out
    assert right(load(folder).slice(7.0, 7.2))
    assert "kept" in cli("relink", folder / "rec.h5").out


def test_folders_that_became_others(cli, folder, tmp_path):
    where = f"{folder}={tmp_path / 'videos'}"
    assert cli("relink", folder / "rec.h5", "--map", where, "--quiet") == (0, "", "")
    assert right(load(folder).slice(7.0, 7.2))
    done = cli("relink", folder / "rec.h5", "--map", "nowhere")
    assert done.status == 2 and "OLD=NEW" in done.err


def test_json_is_one_line_a_recording(cli, folder, tmp_path):
    shutil.copy(folder / "rec.h5", folder / "two.h5")
    files = [folder / "rec.h5", folder / "two.h5"]
    done = cli("relink", "--json", *files, "--search", tmp_path)
    first, second = map(json.loads, done.out.splitlines())
    assert first["recording"] == str(folder / "rec.h5") and first["written"]
    (file,) = second["files"]
    assert file["status"] == "moved" and file["group"] == "/video"
    assert file["new"] == str(tmp_path / "videos" / "cam.mp4")


def test_a_recording_that_cannot_be_read_does_not_stop_the_others(cli, folder, tmp_path):
    (folder / "a.h5").write_text("no")
    done = cli("relink", folder / "a.h5", folder / "rec.h5", "--search", tmp_path)
    assert done.status == 1
    assert "a.h5: " in done.err and "1 of 2 recordings" in done.err
    assert right(load(folder).slice(7.0, 7.2))


def test_the_clock_is_taken(cli, folder, tmp_path):
    cli("relink", folder / "rec.h5", "--search", tmp_path)
    index_again(tmp_path / "videos", OTHER_CLOCK)
    done = cli("relink", folder / "rec.h5", "--take-clock")
    assert done.status == 0 and "taken" in done.out
    assert load(folder).timestamps.tolist() == OTHER_CLOCK.tolist()
