r"""The benchmark program runs on a file and says what it measured."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from temporaldata_video.testing import make_clip

REPOSITORY = Path(__file__).resolve().parents[1]


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


def test_benchmark_of_copies_compares_all_frames(tmp_path):
    clip = make_clip(tmp_path / "tiny.mp4", 300, size=(64, 96), gop=250)
    arguments = [str(clip), "--out", str(tmp_path / "out"), "--reads", "10"]
    done = run("benchmarks.reencoding", *arguments)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    (row,) = results["rows"]
    assert row["frames"] == 300 and row["different"] is False
    assert row["decoded_before"] > 4 * row["decoded_after"]
    # Of so small a picture reading one frame takes as long as the rest.
    assert done.returncode == (0 if row["gain"] >= 4 else 1), done.stderr


def test_benchmark_of_one_clip_counts_no_wrong_frame_of_ours(tmp_path):
    clip = make_clip(tmp_path / "tiny.mp4", 90, size=(64, 96), gop=12)
    arguments = [str(clip), "--out", str(tmp_path / "out"), "--repeats", "1", "--quick"]
    done = run("benchmarks", *arguments)
    assert done.returncode == 0, done.stderr

    results = json.loads((tmp_path / "out" / "results.json").read_text())
    cells = results["cells"]
    of_reader = {
        name: [c for c in cells if c["reader"] == name] for name in ("ours", "floor")
    }
    for mine in of_reader.values():
        assert len(mine) == 9 and all(cell["seconds"] for cell in mine)
    assert sum(cell["checked"] for cell in of_reader["ours"]) > 100
    assert sum(cell["wrong"] for cell in of_reader["ours"]) == 0
    assert results["machine"]["versions"]["av"]
    assert "wrong frames of ours" in done.stdout
    for name in results["missing"]:
        assert f"missing: {name}" in done.stdout


def test_benchmark_of_peculiar_files_counts_what_readers_give(tmp_path):
    clip = make_clip(tmp_path / "open.mp4", 60, gop=12, open_gop=True)
    arguments = [str(clip), "--out", str(tmp_path / "out"), "--frames", "20"]
    done = run("benchmarks.peculiar", *arguments)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert row["readers"]["ours"] == {"right": 20, "wrong": 0, "refused": 0}
    assert all(sum(counts.values()) == 20 for counts in row["readers"].values())
    assert "all right" in done.stdout


def test_the_path_of_a_window_is_short():
    done = run("benchmarks.path")
    assert done.returncode == 0, done.stderr
    kinds = re.findall(r"(\w+) window of 15 frames: (\d+) files, (\d+) calls", done.stdout)
    assert [kind for kind, _, _ in kinds] == ["random", "sliding"]
    assert all(int(files) <= 13 and int(calls) <= 255 for _, files, calls in kinds)
    assert done.stdout.count("plans: 1") == 2
