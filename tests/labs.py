r"""The files behind reports of labs, and the numbers that their frames show."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.test_cases import shared


def copy_lab(name: str, folder: Path) -> Path:
    r"""Returns a copy of a folder of reports that may be written to; skips without it."""
    place = shared() / "cases" / "labs" / name
    if not place.is_dir():
        pytest.skip(f"no files at {place}; set TEMPORALDATA_VIDEO_CASES to their folder")
    target = folder / name
    for path in sorted(place.rglob("*")):
        if path.is_file():
            copy = target / path.relative_to(place)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return target


def shown_numbers(frames: np.ndarray) -> list[int]:
    r"""Returns the numbers in frames of shape (n, 3, height, width): 4 x 4 blocks, the
    lowest bit first."""
    grey = frames[:, 0].astype(float)
    n, height, width = grey.shape
    grey = grey[:, : height // 4 * 4, : width // 4 * 4]
    blocks = grey.reshape(n, 4, height // 4, 4, width // 4).mean((2, 4)).reshape(n, 16)
    return ((blocks > 125) @ (1 << np.arange(16))).tolist()
