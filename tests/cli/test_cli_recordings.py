r"""Commands that are about videos take the recording of these."""

from __future__ import annotations

import shutil

import pytest
from temporaldata import Data

import temporaldata_video as tv


@pytest.fixture
def recording(clip, tmp_path):
    shutil.copytree(f"{clip}.lance", tmp_path / "face.mp4.lance")
    for name in ("face", "body"):
        shutil.copy(clip, tmp_path / f"{name}.mp4")
        tv.write_index(tmp_path / f"{name}.mp4", overwrite=True, progress=False)
    videos = {
        name: tv.LazyVideo.from_uri(tmp_path / f"{name}.mp4") for name in ("face", "body")
    }
    path = tmp_path / "rec.h5"
    Data(**videos, domain=videos["face"].domain).save(path)
    return path


def test_info(cli, recording):
    done = cli("info", recording)
    assert done.status == 0
    assert "face: " in done.out and "body: " in done.out
    assert done.out.count("120") >= 2 and done.out.count("group of pictures") == 2
    assert cli("info", f"{recording}:face").out.count("group of pictures") == 1


def test_check(cli, recording):
    done = cli("check", recording)
    assert "face.mp4: 120 frames" in done.out and "body.mp4: 120 frames" in done.out
    assert "body" not in cli("check", f"{recording}:face").out


def test_sheet(cli, recording, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "sheet.png"
    done = cli("sheet", f"{recording}:body", "--count", "2", "-o", picture)
    assert done.status == 0 and picture.read_bytes()[1:4] == b"PNG"
    done = cli("sheet", recording, "-o", picture)
    assert done.status == 1 and "rec.h5:body or" in done.err


def test_relink(cli, recording):
    assert cli("relink", recording, "--dry-run").status == 0
