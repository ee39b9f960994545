r"""In an environment that says so, programs that import a host alone load videos."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

LIBRARIES = sysconfig.get_path("purelib")
LOAD = """
import sys
from {host} import Data
print("temporaldata_video" in sys.modules)
data = Data.load(sys.argv[1], lazy=sys.argv[2:] != ["whole"])
print(type(data.video).__name__, type(data.inner.video).__name__)
sample = data.slice(1.0, 1.5).inner.video
print(sample.frames.shape if hasattr(sample, "frames") else len(sample))
"""
SAVE = """
import importlib, sys
import numpy as np
host, ours = map(importlib.import_module, sys.argv[1:3])
domain = host.Interval(0.0, 4.0)
inner = host.Data(video=ours.LazyVideo.from_uri(sys.argv[3]), domain=domain)
video = ours.LazyVideo.from_uri(sys.argv[3])
spikes = host.IrregularTimeSeries(timestamps=np.array([0.5]), domain=domain)
host.Data(video=video, inner=inner, domain=domain).save(sys.argv[4])
host.Data(spikes=spikes, domain=domain).save(sys.argv[5])
"""
VIDEOS = "False\nLazyVideo LazyVideo\n(15, 3, 64, 96)\n"


class Environment:
    r"""A Python of its own, with what is installed here and none of its .pth files."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder)}))
        self.python = scripts / Path(sys.executable).name
        self.folder = Path(
            sysconfig.get_path("purelib", "venv", {"base": str(folder)})
        ).resolve()

    def run(self, *arguments, package: bool = True) -> subprocess.CompletedProcess[str]:
        paths = [LIBRARIES, *([str(REPOSITORY)] if package else [])]
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
        )

    def command(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "temporaldata_video._cli.main", name)

    def files(self) -> list[str]:
        found = [p for p in self.folder.rglob("*") if p.is_file()]
        return sorted(p.name for p in found)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment") / "env")


@pytest.fixture(scope="module")
def enabled(tmp_path_factory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("enabled") / "env")
    assert environment.command("enable").returncode == 0
    return environment


@pytest.fixture(scope="module", params=["temporaldata", "torch_brain.data"])
def host(request):
    if request.param != "temporaldata":
        try:
            has_series = version("torch_brain") >= "0.2"
        except PackageNotFoundError:
            has_series = False
        if not has_series:
            pytest.skip("torch_brain 0.2 is not installed")
    return request.param


@pytest.fixture(scope="module")
def recordings(environment, host, clip, tmp_path_factory):
    r"""A recording with videos, and one without."""
    folder = tmp_path_factory.mktemp("recordings")
    ours = "temporaldata_video" + ("" if host == "temporaldata" else ".hosts.torch_brain")
    paths = folder / "rec.h5", folder / "spikes.h5"
    done = environment.run("-c", SAVE, host, ours, clip, *paths)
    assert done.returncode == 0, done.stderr
    return paths


@pytest.mark.parametrize("how", ["lazy", "whole"])
def test_a_program_that_imports_a_host_alone_gets_videos(enabled, recordings, host, how):
    done = enabled.run("-c", LOAD.format(host=host), recordings[0], how)
    assert (done.stdout, done.stderr) == (VIDEOS, "")


def test_a_program_that_imports_this_package_gets_them_as_before(enabled, recordings, host):
    for first in (f"import {host}", "import temporaldata_video"):
        program = f"{first}\nimport temporaldata_video\n{LOAD.format(host=host)}"
        done = enabled.run("-c", program, recordings[0])
        assert (done.stdout, done.stderr) == (VIDEOS.replace("False", "True"), "")


def test_without_a_video_nothing_of_this_package_is_imported(enabled, recordings, host):
    program = f"""
import sys
from {host} import Data
print(len(Data.load(sys.argv[1]).spikes), "temporaldata_video" in sys.modules)
"""
    done = enabled.run("-c", program, recordings[1])
    assert (done.stdout, done.stderr) == ("1 False\n", "")


def test_a_start_of_python_imports_nothing_else(enabled, environment):
    program = "import sys; print(*sorted(sys.modules))"
    before = enabled.run("-I", "-S", "-c", program).stdout.split()
    plain = set(enabled.run("-c", program).stdout.split()) - set(before)
    without = set(environment.run("-c", program).stdout.split()) - set(before)
    # From 3.13 on, Python needs a codec of its own to read any .pth file.
    assert plain - without - {"encodings.utf_8_sig"} == {"temporaldata_video_door"}


def test_an_environment_is_as_it_was_before(environment):
    before = environment.files()
    done = [environment.command(name) for name in ("enable", "enable")]
    assert done[0].stdout == done[1].stdout
    places = [Path(line.strip()) for line in done[0].stdout.splitlines()[1:]]
    assert [p.name for p in places] == [
        "temporaldata_video_door.py",
        "temporaldata_video_door.pth",
    ]
    assert all(place.parent.resolve() == environment.folder for place in places)
    environment.run("-c", "")
    removed = environment.command("disable").stdout
    assert removed.startswith("disabled in ") and all(str(p) in removed for p in places)
    assert environment.files() == before
    assert environment.command("disable").stdout.startswith("was not enabled in ")


@pytest.mark.skipif(
    Path(LIBRARIES, "temporaldata_video").exists(), reason="it is installed"
)
def test_what_is_left_of_an_uninstalled_package_does_no_harm(enabled, recordings, host):
    assert enabled.run("-c", "", package=False).stderr == ""
    done = enabled.run("-c", LOAD.format(host=host), recordings[0], package=False)
    assert done.returncode == 0 and done.stdout.endswith("\n15\n")
    assert "LazyVideo" not in done.stdout
    assert "video of " in done.stderr and "Install temporaldata-video" in done.stderr
    assert str(enabled.folder / "temporaldata_video_door.py") in done.stderr


def test_a_place_that_cannot_be_written(environment):
    (environment.folder / "temporaldata_video_door.py").mkdir()
    try:
        done = environment.command("enable")
        assert done.returncode == 1
        assert "temporaldata_video_door.py' cannot be changed" in done.stderr
        assert "python -m venv ENV" in done.stderr
    finally:
        (environment.folder / "temporaldata_video_door.py").rmdir()
    assert environment.files() == []


def test_a_plain_series_says_in_the_file_what_it_would_be(environment, recordings, host):
    program = f"""
import sys
from {host} import Data
data = Data.load(sys.argv[1])
attributes = data.file["video"].attrs
print(type(data.video).__name__, attributes["backend"], attributes["uri"])
"""
    done = environment.run("-c", program, recordings[0])
    kind, backend, uri = done.stdout.split()
    assert kind != "LazyVideo" and backend == "MP4_INDEX" and Path(uri).name == "cam.mp4"
