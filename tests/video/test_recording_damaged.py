r"""Recordings of other versions and hands: they are read if they fit their video."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import temporaldata_video as tv
from tests.helpers import right
from tests.recordings import (
    BY_THE_INDEX,
    OTHER_CLOCK,
    USES,
    index_again,
    load,
    replace_by,
)


@pytest.fixture
def folder(saved_once, tmp_path) -> Path:
    r"""A copy of a folder with a recording, to be spoilt."""
    return Path(shutil.copytree(saved_once, tmp_path / "saved"))


def change_parts(folder, change) -> None:
    with h5py.File(folder / "rec.h5", "a") as file:
        attributes = file["video"].attrs
        (part,) = json.loads(attributes["parts"])
        attributes["parts"] = json.dumps([change(part)])


def test_an_old_recording_is_still_read(folder):
    old = ("uri", "further_uris", "index_uri", "frames")
    change_parts(folder, lambda part: {name: part[name] for name in old})
    assert right(load(folder).slice(6.0, 7.0))
    index_again(folder, OTHER_CLOCK)
    assert right(load(folder).slice(6.0, 7.0))
    replace_by(folder, 299)
    index_again(folder)
    with pytest.raises(tv.StaleIndexError, match=r"300 frames.*299 frames"):
        load(folder).frames_at([0])


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": [300.0]},
        {"frames": [-1]},
        {"frames": 300},
        {"frames": [True]},
        {"fingerprints": [[1, "a"]]},
        {"fingerprints": [["1", "a", "b"]]},
        {"fingerprints": [[1, 2, "b"]]},
        {"fingerprints": [[1, "a", "b"]] * 2},
        {"clock": 5},
        {"index_id": ["a"]},
    ],
)
def test_damaged_knowledge_is_said(folder, changes):
    change_parts(folder, lambda part: part | changes)
    with pytest.raises(tv.FrameIndexError, match="is damaged"):
        load(folder)


def change_column(folder, name: str, values: np.ndarray) -> None:
    with h5py.File(folder / "rec.h5", "a") as file:
        del file["video"][name]
        file["video"][name] = values


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("frame_indices", np.arange(299)),
        ("frame_indices", np.arange(300.0)),
        ("frame_indices", np.arange(300)[:, None]),
        ("timestamps", np.arange(300)),
        ("timestamps", np.arange(301.0)),
    ],
)
def test_columns_that_do_not_fit_are_said(folder, name, values):
    change_column(folder, name, values)
    with pytest.raises(tv.FrameIndexError, match="is damaged"):
        load(folder)


@pytest.mark.parametrize("wrong", [-1, 300, 10**12, -(2**63), np.uint64(2**64 - 1)])
@pytest.mark.parametrize("use", [*USES, *BY_THE_INDEX, "pose"])
def test_no_number_leads_outside_of_the_index(folder, wrong, use):
    values = np.arange(300).astype(np.asarray(wrong).dtype)
    values[[0, 32, 90, 150]] = wrong  # some of them in every window that is used
    change_column(folder, "frame_indices", values)
    (folder / "pose.csv").write_text(
        "scorer,net,net\nbodyparts,nose,nose\ncoords,x,y\n"
        + "".join(f"{i},{i},{i}\n" for i in range(300))
    )
    uses = USES | BY_THE_INDEX
    uses["pose"] = lambda video: tv.read_pose(folder / "pose.csv", video)
    if use == "plot":
        pytest.importorskip("matplotlib")
        uses["plot"] = lambda video: video.slice(5.0, 5.02).plot(count=1)
    if use in ("shape", "segments"):  # which say nothing of single frames
        uses[use](load(folder))
        return
    with pytest.raises(tv.FrameIndexError, match=f"no frame {int(wrong)}, it has 300"):
        uses[use](load(folder))
