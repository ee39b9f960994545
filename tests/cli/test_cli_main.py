r"""The entry point: help, version, exit statuses, and how errors and warnings look."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from temporaldata_video._cli import index_command
from temporaldata_video._cli.main import main
from temporaldata_video._cli.wording import in_options
from temporaldata_video.testing import make_clip

COMMANDS = [
    "cache",
    "check",
    "demo",
    "disable",
    "enable",
    "index",
    "index-nwb",
    "info",
    "proxy",
    "reencode",
    "relink",
    "sheet",
]


def test_messages_name_options_and_not_arguments():
    said = "pass on_mismatch='trim' or overwrite=True; index_uri=... puts it elsewhere"
    expected = "pass --on-mismatch trim or --overwrite; --index-uri puts it elsewhere"
    assert in_options(said) == expected
    assert in_options("resize=(height, width), on_error='mask'") == (
        "resize=(height, width), on_error='mask'"
    )


def run_process(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "temporaldata_video._cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
    )


def test_the_console_script_is_this_entry_point():
    (script,) = entry_points(group="console_scripts", name="temporaldata-video")
    assert script.load() is main


def test_version(cli):
    done = cli("--version")
    assert done.status == 0
    assert done.out == f"temporaldata-video {version('temporaldata-video')}\n"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_all_commands_in_full_sentences(cli, option, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = cli(option)
    assert done.status == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z].*\.$", done.out, re.MULTILINE)
    assert "..." not in done.out.split("Commands:")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_an_example(cli, command):
    done = cli(command, "--help")
    assert done.status == 0
    assert re.search(rf"^ *Example: temporaldata-video {command}( |$)", done.out, re.M)


def test_a_call_without_a_command_shows_the_help(cli):
    done = cli()
    assert "temporaldata-video demo" in done.out + done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["index"],
        ["index", "a.mp4", "--nonsense"],
        ["index", "a.mp4", "--on-nan", "ignore"],
        ["index", "a.mp4", "--on-mismatch", "pad"],
        ["index", "a.mp4", "--column", "time"],
        ["index", "a.mp4", "--on-mismatch", "trim"],
        ["index", "a.mp4", "b.mp4", "--index-uri", "c.lance"],
        ["sheet"],
        ["sheet", "a.mp4", "one", "two"],
        ["sheet", "a.mp4", "2", "1"],
        ["sheet", "a.mp4", "1", "nan"],
        ["sheet", "a.mp4", "1", "2", "--columns", "0"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(cli, arguments):
    done = cli(*arguments)
    assert done.status == 2
    assert "Error: " in done.err


def test_a_process_says_an_error_in_one_line(tmp_path):
    done = run_process("info", "missing.mp4", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"error: there is no file '.*missing\.mp4'\..*\n", done.stderr)


def test_a_process_says_a_warning_in_one_line(tmp_path):
    make_clip(tmp_path / "cam.mp4", 10)
    done = run_process("info", "cam.mp4", cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"warning: .* has no frame index; .*\n", done.stderr)


def test_an_interrupt_exits_with_130(cli, monkeypatch, clip):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(index_command, "write_index", interrupt)
    done = cli("index", clip, "--overwrite")
    assert done.status == 130
    assert "Traceback" not in done.err


def test_a_fault_of_our_own_is_not_hidden(monkeypatch, clip):
    def fail(*args, **kwargs):
        raise AssertionError("a bug")

    monkeypatch.setattr(index_command, "write_index", fail)
    with pytest.raises(AssertionError, match="a bug"):
        main(["index", str(clip), "--overwrite"])


@pytest.mark.parametrize("command", [["sheet", "cam.mp4", "0", "1"], ["demo", "folder"]])
def test_missing_matplotlib_says_what_to_install(cli, monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = cli(*command)
    assert done.status == 1
    assert "pip install 'temporaldata-video[plot]'" in done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
