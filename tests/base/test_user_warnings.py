r"""Warnings point at the user's line, come once, and none is about what is safe."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from temporaldata import Data

import temporaldata_video as tv
from tests.helpers import needs_fork

PACKAGE = Path(tv.__file__).parent


def test_a_warning_points_at_the_line_that_opened_the_video(tiny_clip):
    with pytest.warns(tv.IndexWarning, match="has no frame index") as caught:
        tv.LazyVideo.from_uri(tiny_clip)  # this line
    line = Path(__file__).read_text().splitlines()[caught[0].lineno - 1]
    assert caught[0].filename == __file__ and line.endswith("# this line")


def test_a_warning_within_the_host_points_at_the_user(clip, tmp_path):
    video = tv.LazyVideo.from_uri(clip, metadata=object())
    with pytest.warns(tv.VideoWarning, match="does not keep all metadata") as caught:
        Data(video=video, domain=video.domain).save(tmp_path / "rec.h5")
    assert caught[0].filename == __file__


def test_the_same_warning_at_the_same_line_comes_once(clip, run_python, tmp_path):
    program = """
import sys
import temporaldata_video as tv
for _ in range(3):
    tv.write_index(sys.argv[1], timestamps=[k / 30 for k in range(121)],
        on_mismatch="trim", index_uri=sys.argv[2], overwrite=True, progress=False)
"""
    assert run_python(program, clip, tmp_path / "cam.lance").count("IndexWarning") == 1


def test_every_warning_goes_this_way():
    calls = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("warn", "warn_explicit")
        and ast.unparse(node.value) == "warnings"
    ]
    # The other one is copied into an environment, where it stands alone.
    assert sorted(calls) == ["_base/user_warnings.py", "hosts/_door.py"]


@needs_fork
def test_a_fork_after_lance_was_used_warns_of_nothing(clip, run_python):
    program = """
import os, sys, warnings
import temporaldata_video as tv
with warnings.catch_warnings():
    video = tv.LazyVideo.from_uri(sys.argv[1])
    assert len(video.timestamps) and "lance" in sys.modules
warnings.simplefilter("default")
child = os.fork()
if child == 0:
    print(video.slice(1.0, 1.1).frames.shape, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
    said = run_python(program, clip)
    # From 3.12 on, Python warns of any fork while there are threads.
    assert said.startswith("(3, 3, 64, 96)\n") and "lance" not in said
