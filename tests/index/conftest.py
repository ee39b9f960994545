r"""Clips without an index, and what a track of HEVC says of itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from temporaldata_video.testing import make_clip

from .boxmaking import noise_clip, sample_entry
from .sidecars import N


@pytest.fixture(scope="session")
def bare_clip(tmp_path_factory) -> Path:
    r"""40 frames with B-frames, in groups of 8, without an index."""
    return make_clip(tmp_path_factory.mktemp("bare") / "cam.mp4", N, size=(32, 48), gop=8)


@pytest.fixture
def own_clip(bare_clip, tmp_path) -> Path:
    r"""A copy of :func:`bare_clip`, to be indexed."""
    return Path(shutil.copy(bare_clip, tmp_path / "cam.mp4"))


@pytest.fixture(scope="session")
def hevc_entry(tmp_path_factory) -> bytes:
    # FFmpeg doesn't look into the media of HEVC to tell times and key frames. Of clips of
    # two frames, x265 makes some that FFmpeg refuses, as the memory was before.
    path = tmp_path_factory.mktemp("hevc") / "clip.mp4"
    options = {"x265-params": "log-level=none"}
    return sample_entry(noise_clip(path, codec="libx265", frames=12, **options))
