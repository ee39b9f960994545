r"""Doctests write their files into a folder of their own, and leave no setting behind."""

import os
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import pytest

from temporaldata_video._base.configuration import SETTINGS

collect_ignore = []
# Programs that tests run hold no doctests, and import what may be missing, or take it away.
collect_ignore_glob = ["tests/*_program.py", "tests/**/*_program.py", "tests/portable/*"]
try:
    _has_series = tuple(map(int, version("torch_brain").split(".")[:2])) >= (0, 2)
except PackageNotFoundError:
    _has_series = False
if not _has_series:
    collect_ignore.append("temporaldata_video/hosts/torch_brain.py")
if not find_spec("bokeh"):
    collect_ignore.append("temporaldata_video/_view/view.py")


@pytest.fixture(autouse=True)
def _doctest_folder(request, tmp_path, monkeypatch):
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)
        for setting in SETTINGS.values():
            monkeypatch.setenv(setting.variable, os.environ.get(setting.variable, ""))
