r"""Runs the command line in this process, as its entry point does."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from temporaldata_video._cli.main import main


class Outcome(NamedTuple):
    r"""Exit status and what was printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def cli(capsys, monkeypatch):
    # Wide enough that no path is folded in a table.
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return Outcome(stop.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def no_videos(tmp_path):
    r"""Things that are no video, and a word that the error about each must say."""
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is no video.\n" * 50)
    words = {
        "missing.mp4": "there is no file",
        "folder.mp4": "directory",
        "empty.mp4": "empty",
        "text.mp4": "no video",
    }
    return {tmp_path / name: word for name, word in words.items()}
