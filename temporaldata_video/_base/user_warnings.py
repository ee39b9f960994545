r"""Warns at a line of the user's own code, however deep in this package the reason lies."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

# Hosts call this package, and it calls itself through these modules.
_PASSED_OVER = frozenset(
    (
        *("temporaldata_video", "temporaldata", "torch_brain"),
        *("functools", "contextlib", "importlib", "wrapt", "pluggy"),
    )
)


def warn_user(message: str, category: type[Warning]) -> None:
    r"""Warns at the innermost line that belongs neither to this package nor to a host.

    By Python's own rule, the same warning at the same line is shown once.

    Args:
        message: what is wrong, and what to do.
        category: of the warning.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_passed_over(frame):
        frame = frame.f_back
    names = frame.f_globals
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        names.get("__name__", "<unknown>"),
        names.setdefault("__warningregistry__", {}),
    )


def _is_passed_over(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED_OVER
