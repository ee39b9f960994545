r"""Clips without an index."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from temporaldata_video.testing import make_clip

from .sidecars import N


@pytest.fixture(scope="session")
def bare_clip(tmp_path_factory) -> Path:
    r"""40 frames with B-frames, in groups of 8, without an index."""
    return make_clip(tmp_path_factory.mktemp("bare") / "cam.mp4", N, size=(32, 48), gop=8)


@pytest.fixture
def own_clip(bare_clip, tmp_path) -> Path:
    r"""A copy of :func:`bare_clip`, to be indexed."""
    return Path(shutil.copy(bare_clip, tmp_path / "cam.mp4"))
