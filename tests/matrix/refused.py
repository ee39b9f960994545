r"""The files that may be refused, and why; all others must be read right."""

from __future__ import annotations

import av

from .clips import Clip
from .muxing import Container, Variant

UNREADABLE = "FFmpeg itself shows no frame of what it wrote"
_NO_PALETTES = "PyAV before 16 does not hand on palettes beside packets"
# By codec or clip, container and variant, ``*`` being all of them.
REASONS = {
    ("mpeg4", "*", "headless"): "without its first key frame, a packet shows two frames",
}
if not hasattr(av.Packet, "iter_sidedata"):
    REASONS |= {
        ("rawvideo palette", "mov", "*"): _NO_PALETTES,
        ("rawvideo palette", "avi", "*"): _NO_PALETTES,
        ("smc", "mov", "*"): _NO_PALETTES,
    }


def reason_to_refuse(
    clip: Clip, container: Container, variant: Variant, n_shown: int
) -> str:
    r"""Returns why a file may be refused, ``""`` if it may not.

    Args:
        clip: what is in the file.
        container: what it is in.
        variant: how it was written.
        n_shown: number of frames that a sequential decode shows, -1 if it opens nothing.
    """
    if n_shown <= 0:
        return UNREADABLE
    for what in (clip.name, clip.codec, "*"):
        for where in (container.name, "*"):
            for how in (variant.name, "*"):
                if (what, where, how) in REASONS:
                    return REASONS[what, where, how]
    return ""
