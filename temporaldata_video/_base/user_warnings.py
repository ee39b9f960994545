r"""Warns at a line of the user's own code, however deep in this package the reason lies."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

# Hosts call this package, and it calls itself through these modules of Python.
_PASSED_OVER = frozenset(
    ("temporaldata_video", "temporaldata", "torch_brain", "functools", "contextlib")
)


def warn_user(message: str, category: type[Warning]) -> None:
    r"""Warns at the innermost line that belongs neither to this package nor to a host.

    Args:
        message: what is wrong, and what to do.
        category: of the warning.
    """
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_passed_over(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level + 1)


def _is_passed_over(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED_OVER
