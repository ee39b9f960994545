r"""Says in words from when to when there are frames, and where a camera paused."""

from __future__ import annotations

import numpy as np

from ..types import Pace


def format_extent(seconds: np.ndarray) -> str:
    r"""Returns the first and last of sorted times as text.

    Args:
        seconds: float64 of shape (n,).

    Example ::

        >>> format_extent(np.array([0.0, 0.5, 2.0]))
        '0.000 s to 2.000 s'
    """
    if len(seconds) == 0:
        return "no frame at all"
    return f"{seconds[0]:.3f} s to {seconds[-1]:.3f} s"


def format_pauses(seconds: np.ndarray, pace: Pace | None) -> str:
    r"""Returns the pauses between sorted times as text, ``""`` if there is none.

    Args:
        seconds: float64 of shape (n,).
        pace: which steps are pauses; :obj:`None` if nobody knows.
    """
    if pace is None:
        return ""
    pauses = np.diff(seconds)
    pauses = pauses[pauses > pace.max_gap]
    if not len(pauses):
        return ""
    several = "s" if len(pauses) > 1 else ""
    return (
        f"{len(pauses)} pause{several} of over {pace.max_gap:.3f} s, the longest "
        f"{pauses.max():.3f} s"
    )
