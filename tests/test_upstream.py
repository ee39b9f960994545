r"""A host that adopts the registry of backends is told of ours, and nothing is patched.

The change that we propose to each host lies as a patch in ``docs/upstream``. It is applied
here to a copy of the installed host, which comes first on the path of a fresh process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY

HOSTS = {"temporaldata": "0.1.6", "torch_brain": "0.2.1"}
PATCHED = [["temporaldata"], ["torch_brain"], ["temporaldata", "torch_brain"]]

PROGRAM = """
import importlib, json, sys
host = importlib.import_module(sys.argv[1])
Data, Interval = host.Data, host.Interval
names = "from_hdf5", "to_hdf5", "load", "save", "slice", "__init__", "__setattr__"
before = {name: Data.__dict__[name] for name in names}

import temporaldata_video as tv
from temporaldata_video.testing import read_numbers

changed = [name for name in names if Data.__dict__[name] is not before[name]]
module = "temporaldata_video" if sys.argv[1] == "temporaldata" else (
    "temporaldata_video.hosts.torch_brain")
LazyVideo = importlib.import_module(module).LazyVideo

domain = Interval(0.0, 4.0)
video = LazyVideo.from_uri(sys.argv[2])
inner = Data(video=LazyVideo.from_uri(sys.argv[2]), domain=domain)
Data(video=video, inner=inner, domain=domain).save(sys.argv[3])

said = {"changed": changed}
for lazy in (True, False):
    data = Data.load(sys.argv[3], lazy=lazy)
    sample = data.slice(1.0, 1.5)
    said[f"lazy={lazy}"] = {
        "own": type(data.video) is type(data.inner.video) is LazyVideo,
        "numbers": read_numbers(sample.video.frames).tolist(),
        "inner": read_numbers(sample.inner.video.frames).tolist(),
        "times": sample.video.timestamps.tolist(),
    }


# A backend that is registered with us later, and says who called it.
def read_hdf5(group, **options):
    return sys._getframe(1).f_code.co_filename

tv.register_backend(tv.Backend("CALLER", print, read_hdf5))
import h5py
with h5py.File(sys.argv[3], "a") as file:
    file["video"].attrs["backend"] = "CALLER"
said["caller"] = Data.load(sys.argv[3]).video
said["host"] = host.__file__
registry = getattr(host, "backends", None)
said["registered"] = registry and registry.get_backend("MP4_INDEX") is tv.MP4_INDEX
print(json.dumps(said))
"""

UNTOLD = """
import importlib, sys
data = importlib.import_module(sys.argv[1]).Data.load(sys.argv[2])
print(type(data.video).__name__, data.slice(1.0, 1.5).video.frames.shape)
"""


def copy_host(name: str, folder: Path, patch: bool = True) -> None:
    r"""Copies an installed host into a folder, and applies the patch that we propose."""
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "none"
    if found != HOSTS[name]:
        pytest.skip(f"the patch is for {name} {HOSTS[name]}; installed is {found}")
    (package,) = importlib.util.find_spec(name).submodule_search_locations
    shutil.copytree(package, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    if patch:
        file = REPOSITORY / "docs" / "upstream" / f"{name}-{HOSTS[name]}.patch"
        tool = ["git", "apply"] if shutil.which("git") else ["patch", "-p1", "-i"]
        # Within a repository git would go by its root, and pass over the files.
        apart = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent.resolve())}
        subprocess.run([*tool, file], cwd=folder, env=apart, check=True)


def module_of(name: str) -> str:
    return "torch_brain.data" if name == "torch_brain" else name


def check(said: dict, folder: Path) -> None:
    for lazy in (True, False):
        read = said[f"lazy={lazy}"]
        assert read["own"]
        assert read["numbers"] == read["inner"] == list(range(30, 45))
        assert np.allclose(read["times"], np.arange(15) / 30)
    assert Path(said["host"]).is_relative_to(folder)


@pytest.mark.parametrize("names", PATCHED, ids="+".join)
def test_a_host_with_a_registry_dispatches_itself(run_python, clip, tmp_path, names):
    for name in names:
        copy_host(name, tmp_path)
    for name in names:
        said = json.loads(
            run_python(
                PROGRAM, module_of(name), clip, tmp_path / "rec.h5", paths=[tmp_path]
            )
        )
        check(said, tmp_path)
        assert said["registered"]
        assert said["caller"] == str(Path(said["host"]).with_name("data.py"))
        # Two hosts in one process: each still refuses the videos of the other.
        assert said["changed"] == ([] if name == "temporaldata" else ["__setattr__"])


@pytest.mark.parametrize("name", HOSTS)
def test_a_host_without_a_registry_is_taught(run_python, clip, tmp_path, name):
    copy_host(name, tmp_path, patch=False)
    said = json.loads(
        run_python(PROGRAM, module_of(name), clip, tmp_path / "rec.h5", paths=[tmp_path])
    )
    check(said, tmp_path)
    assert said["registered"] is None
    assert said["caller"].endswith("hdf5.py")
    assert "from_hdf5" in said["changed"]


@pytest.mark.parametrize("name", HOSTS)
def test_a_patched_host_finds_us_by_itself(run_python, clip, tmp_path, name):
    r"""The recording is loaded by a program that never imports this package."""
    copy_host(name, tmp_path)
    arguments = module_of(name), clip, tmp_path / "rec.h5"
    run_python(PROGRAM.partition("said = ")[0], *arguments, paths=[tmp_path])
    said = run_python(UNTOLD, *arguments[::2], paths=[tmp_path])
    assert said == "LazyVideo (15, 3, 64, 96)\n"


@pytest.mark.parametrize("name", HOSTS)
def test_the_hosts_own_tests_of_the_patch(tmp_path, name):
    copy_host(name, tmp_path)
    (tests,) = (tmp_path / "tests").rglob("test_*.py")
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path]
    done = subprocess.run(
        [sys.executable, *command, tests],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guide_for_the_hosts_does_what_it_says(run_python, tmp_path):
    copy_host("temporaldata", tmp_path)
    guide = REPOSITORY / "docs" / "upstream" / "custom_backends.rst"
    blocks = re.findall(
        r"^\.\. code-block:: python\n\n((?:    .*\n|\n)+)", guide.read_text(), re.MULTILINE
    )
    program = "\n".join(map(textwrap.dedent, blocks)).replace(
        "data.slice(1.0, 2.0).camera.images.shape",
        "print(data.slice(1.0, 2.0).camera.images.shape)",
    )
    at_home = f"import os\nos.chdir({str(tmp_path)!r})\n"
    assert run_python(at_home + program, paths=[tmp_path]) == "(10, 8, 8)\n"
