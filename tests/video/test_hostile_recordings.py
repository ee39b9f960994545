r"""Recordings that name anything but a video lead to an error of ours, and nowhere else."""

from __future__ import annotations

import os

import pytest

from stress.recordings import load_all


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_recordings_lead_to_videos_alone():
    found = load_all(120)
    assert found.pop("connected") == 0
    assert sum(found.values()) > 240
    assert not [name for name in found if name.startswith(("wrong", "late"))]
