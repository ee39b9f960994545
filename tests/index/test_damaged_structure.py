r"""MP4 files whose boxes lie: indexed right, or refused with an error of ours.

``python -m stress structure`` goes on from here, in a child with little memory.
"""

from __future__ import annotations

import random

import pytest

from stress.outcomes import RIGHT, outcome
from stress.structure import CLIPS, FINE, damaged_file, handle, originals
from temporaldata_video.testing.damage import box_places, damaged_boxes

N_FILES = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return originals(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("name", CLIPS)
def test_what_is_whole_is_read_right(whole, name, tmp_path):
    path = tmp_path / "cam.mp4"
    path.write_bytes(whole[name])
    assert outcome(path).what == RIGHT


def test_the_originals_have_what_they_are_named_for(whole):
    kinds = {name: [p.kind for p in box_places(data)] for name, data in whole.items()}
    assert b"moof" in kinds["fragmented"] and b"moof" not in kinds["plain"]
    assert b"ctts" in kinds["B-frames"] and b"ctts" not in kinds["plain"]
    assert b"co64" in kinds["co64"] and b"stco" not in kinds["co64"]
    assert kinds["several tracks"].count(b"trak") == 3
    at = whole["edit list"].index(b"elst")
    assert int.from_bytes(whole["edit list"][at + 16 : at + 20], "big") > 0


def test_damage_is_the_same_for_one_number(whole):
    files = [damaged_file(whole, number) for number in range(N_FILES)]
    assert files == [damaged_file(whole, number) for number in range(N_FILES)]
    assert sum(data != whole[name] for name, data in files) >= N_FILES - 6


def test_boxes_within_boxes_without_end(whole):
    # What was put into others before may be put into others again.
    for seed in range(20):
        chance, data = random.Random(seed), whole["plain"]
        for _ in range(6):
            data = damaged_boxes(data, chance)
        assert isinstance(box_places(data), list)


@pytest.mark.parametrize("number", range(N_FILES))
def test_a_file_whose_boxes_lie(whole, number, tmp_path):
    found = handle(whole, number, tmp_path)
    assert found.what in FINE, found
