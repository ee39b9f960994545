r"""Clips that carry their frame numbers in the pixels, for tests and demonstrations."""

from .clips import SECOND_VIDEO_OFFSET, make_clip
from .numbers import N_NUMBERS, paint_number, read_number, read_numbers
from .recording import LFP_RATE, Recording, make_recording

__all__ = [
    "LFP_RATE",
    "N_NUMBERS",
    "SECOND_VIDEO_OFFSET",
    "Recording",
    "make_clip",
    "make_recording",
    "paint_number",
    "read_number",
    "read_numbers",
]
