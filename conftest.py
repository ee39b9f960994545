r"""Doctests write their files into a folder of their own."""

import pytest


@pytest.fixture(autouse=True)
def _doctest_folder(request, tmp_path, monkeypatch):
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)
