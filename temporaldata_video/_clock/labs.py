r"""Describes the clocks that well-known tools write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .clock import Clock

# These clocks need a source, since a clock with a unit and no timestamps is an error.
_ANY = np.empty(0)
LABS = {
    # Seconds, one per frame, in camera.times.npy.
    "ibl": Clock(_ANY, unit="s"),
    # Bonsai's CsvWriter: one column of dates among others, with seven digits.
    "bonsai": Clock(_ANY, unit="iso8601", origin="first"),
    # UCLA Miniscope timeStamps.csv: milliseconds from the start of the recording.
    "miniscope": Clock(_ANY, column="Time Stamp (ms)", unit="ms"),
    # FicTrac .dat: column 22 of 25, without a header.
    "fictrac": Clock(_ANY, column=21, unit="ms"),
    # Camera.timestamps.ssv of IBL, and other files of Bonsai for PointGrey cameras.
    "pointgrey": Clock(_ANY, unit="pointgrey"),
}


def lab_clock(lab: str, source: Any, **changes: Any) -> Clock:
    r"""Returns the clock of a well-known tool.

    Args:
        lab: ``"ibl"``, ``"bonsai"``, ``"miniscope"``, ``"fictrac"`` or ``"pointgrey"``.
        source: the file.
        **changes: fields of :obj:`~temporaldata_video.Clock` that differ.

    Raises:
        ValueError: if the tool is none of these.

    Example ::

        >>> import temporaldata_video as tv
        >>> clock = tv.lab_clock("fictrac", "fictrac.dat", on_jump="keep")
        >>> clock.column, clock.unit
        (21, 'ms')
    """
    if lab not in LABS:
        raise ValueError(f"lab must be one of {tuple(LABS)}, got {lab!r}.")
    return replace(LABS[lab], source=source, **changes)
