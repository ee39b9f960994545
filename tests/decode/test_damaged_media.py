r"""Frames of damaged videos are those of a sequential decode, wherever a window begins."""

from __future__ import annotations

import random

import pytest

from stress.damage import compare, damage_media
from temporaldata_video.testing import make_clip

# Damage that changed what the decoder put in its place, when frames were left out.
SEEDS = {"closed": [4, 6, 7, 11], "open": [10, 11]}


@pytest.mark.parametrize("group", SEEDS)
def test_concealment_does_not_depend_on_the_window(tmp_path, group):
    options = {"b_frames": 3, "open_gop": group == "open"}
    path = make_clip(tmp_path / "cam.mp4", 72, size=(64, 96), gop=12, **options)
    whole = path.read_bytes()
    for seed in SEEDS[group]:
        chance = random.Random(seed)
        path.write_bytes(damage_media(whole, "overwritten", chance))
        found = compare(path, chance)
        assert found["equal"] > 50 and found["different"] == 0
        assert found["masked alone"] == found["sequential decoding shows none"] == 0
