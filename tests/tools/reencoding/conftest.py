r"""A video that is slow to read at random, of which copies are made."""

from __future__ import annotations

import pytest

import temporaldata_video as tv
from temporaldata_video.testing import make_clip

from .timing import CLOCK


@pytest.fixture
def slow(tmp_path):
    r"""120 frames in one group of pictures, on a clock of its own."""
    path = make_clip(tmp_path / "cam.mp4", 120, gop=250)
    tv.write_index(path, timestamps=CLOCK, progress=False)
    return path
