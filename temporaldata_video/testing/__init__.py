r"""Clips that carry their frame numbers in the pixels, and suites that test plugins.

Authors of plugins run the suites against what they wrote. The suites need pytest, which is
imported with the first of them.
"""

from typing import TYPE_CHECKING, Any

from ._clips import SECOND_VIDEO_OFFSET, make_clip
from ._made_recording import LFP_RATE, Recording, make_recording
from ._numbers import N_NUMBERS, paint_number, read_number, read_numbers

if TYPE_CHECKING:
    from ._contracts import (
        BackendContract,
        CacheContract,
        FrameIndexContract,
        ObjectStoreContract,
    )

__all__ = [
    "LFP_RATE",
    "N_NUMBERS",
    "SECOND_VIDEO_OFFSET",
    "BackendContract",
    "CacheContract",
    "FrameIndexContract",
    "ObjectStoreContract",
    "Recording",
    "make_clip",
    "make_recording",
    "paint_number",
    "read_number",
    "read_numbers",
]


def __getattr__(name: str) -> Any:
    if name.endswith("Contract") and name in __all__:
        from . import _contracts as contracts

        return getattr(contracts, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
