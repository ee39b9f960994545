r"""Finds the clock that a tool keeps in the folder of its numbered videos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ClockError
from .clock import Clock
from .labs import lab_clock


def clock_of_folder(folder: str, uris: Sequence[str]) -> Any:
    r"""Returns the times that a tool keeps beside its videos, as ``timestamps`` of
    :func:`~temporaldata_video.write_index`; :obj:`None` if there are none.

    Args:
        folder: ``timeStamps.csv`` in it is of the UCLA Miniscope, and serves all files;
            ``metadata.yaml`` of an imgstore, each of whose files has a ``.npz``.
        uris: the videos in it.

    Raises:
        ClockError: if a file of an imgstore has no times.
    """
    table = Path(folder, "timeStamps.csv")
    if table.is_file():
        return lab_clock("miniscope", os.fspath(table))
    about = Path(folder, "metadata.yaml")
    if about.is_file() and b"__store:" in about.read_bytes():
        return [_of_chunk(Path(uri)) for uri in uris]
    return None


def _of_chunk(video: Path) -> Clock:
    kept = video.with_suffix(".npz")
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            return Clock(arrays["frame_time"])
    except (OSError, KeyError, ValueError) as error:
        raise ClockError(
            f"{os.fspath(video)!r} is of an imgstore, and {os.fspath(kept)!r}, which "
            f"should hold the times of its frames, cannot be read ({error}). Copy it "
            f"whole, or pass the times of all files as timestamps=..."
        ) from error
