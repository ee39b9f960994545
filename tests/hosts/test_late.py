r"""The package alone imports no host but temporaldata; others are taught in time."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest


def has_series() -> bool:
    try:
        return tuple(map(int, version("torch_brain").split(".")[:2])) >= (0, 2)
    except PackageNotFoundError:
        return False


QUIET = """
import sys
import temporaldata_video as tv
from temporaldata_video.testing import make_clip

tv.write_index(make_clip(sys.argv[1], 30), progress=False)
len(tv.LazyVideo.from_uri(sys.argv[1]).slice(0.0, 0.5).frames)
print([name for name in ("torch", "torch_brain") if name in sys.modules])
"""

OURS = "import temporaldata_video as tv\n"
HOST = "from torch_brain.data import Data, Interval\n"
MODULE = "import temporaldata_video.hosts.torch_brain\n"
ORDERS = {
    "ours first": OURS + HOST,
    "the host first": HOST + OURS,
    "its module first": MODULE + OURS + HOST,
}
LOADED = """
import sys
from temporaldata_video.hosts.torch_brain import LazyVideo

video = tv.LazyVideo.from_uri(sys.argv[1])
try:
    Data(video=video, domain=Interval(0.0, 4.0))
except TypeError as error:
    print("refused")
data = Data(video=LazyVideo.from_video(video), domain=Interval(0.0, 4.0))
data.save(sys.argv[2])
print(type(Data.load(sys.argv[2]).video) is LazyVideo, "torch" in sys.modules)
"""

UNUSABLE = """
import sys, types
import temporaldata_video
import torch_brain.data
print("went on")
"""


def test_importing_and_reading_imports_no_torch(run_python, tmp_path):
    assert run_python(QUIET, tmp_path / "cam.mp4") == "[]\n"


@pytest.mark.skipif(not has_series(), reason="torch_brain 0.2 is not installed")
@pytest.mark.parametrize("order", ORDERS)
def test_in_whatever_order_they_are_imported(run_python, clip, tmp_path, order):
    said = run_python(ORDERS[order] + LOADED, clip, tmp_path / "rec.h5")
    assert said == "refused\nTrue False\n"


@pytest.mark.parametrize(
    ("content", "warns"),
    [("from . import nothing", False), ("", False), ("IrregularTimeSeries = 1", True)],
)
def test_a_host_of_another_kind_is_imported_all_the_same(
    run_python, tmp_path, content, warns
):
    # 0.1 has a module of that name without series; a later one may lack what we need.
    package = tmp_path / "torch_brain" / "data"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "nothing.py").touch()
    (package / "__init__.py").write_text(content)
    said = run_python(UNUSABLE, paths=[tmp_path])
    assert said.startswith("went on\n")
    assert ("PluginWarning" in said) is warns
    assert not warns or "cannot be used with this version of torch_brain.data" in said
