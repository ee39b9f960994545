r"""Checks whether samples have more bits than frames have by default."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..._decode.read_file import read_frames
from ..._pixels.convert import OutputFormat
from ..._pixels.depth import bit_depth, is_stored_grey
from .finding import Finding, Severity, counted
from .subject import CheckedFile

_FRAMES_READ = 5
_GREY = OutputFormat(None, "G", "NHWC", "uint16")


def check_depth(file: CheckedFile) -> Iterator[Finding]:
    r"""Finds what 8 bits would lose of samples that have more.

    Args:
        file: the file.
    """
    if file.appearance is None:
        return
    pixel_format = file.appearance.pixel_format
    bits = bit_depth(pixel_format)
    if bits <= 8:
        return
    # Grey of so many bits is a measurement; colour is mostly looked at.
    is_measured = is_stored_grey(pixel_format)
    frames = _some_frames(file)
    levels = np.unique(frames)
    left = np.unique(levels >> (bits - 8 if is_measured else 8))
    yield Finding(
        Severity.WARNING if is_measured else Severity.INFO,
        "more-than-8-bits",
        f"samples have {bits} bits ({pixel_format}): of {len(levels):,} grey levels in "
        f"{counted(len(frames), 'frame')}, 8 bits keep {len(left)}",
        "Frames are uint8 by default, here as in other readers.",
        "read it with LazyVideo.from_uri(uri, dtype='auto'), as uint16",
        file.video_file.uri,
    )


def _some_frames(file: CheckedFile) -> np.ndarray:
    r"""Returns frames that decode, uint16 of shape (n, h, w, 1); key frames are cheap."""
    keys = np.flatnonzero(file.index.frames.keyframe)
    places = np.linspace(0, len(keys) - 1, _FRAMES_READ).round().astype(np.int64)
    rows = np.unique(keys[places]) if len(keys) else np.arange(1)
    size = file.index.stream.display_size
    pixels = {row: np.zeros((*size, 1), np.uint16) for row in rows.tolist()}
    missing = read_frames(file.video_file, rows, _GREY, pixels.__getitem__)
    read = [frame for row, frame in pixels.items() if row not in missing]
    return np.stack(read) if read else np.zeros((0, *size, 1), np.uint16)
