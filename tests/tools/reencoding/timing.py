r"""The clock of the video that is copied; times and groups of pictures of any file."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from temporaldata_video._build.file_index import build_segment
from temporaldata_video._bytes.local import LocalStore

CLOCK = np.sort(np.random.default_rng(0).uniform(100, 110, 120))


def container_times(path) -> list[Fraction]:
    segment = build_segment(LocalStore(), str(path))
    return [pts * segment.stream.time_base for pts in segment.frames.pts.tolist()]


def group_lengths(path) -> np.ndarray:
    frames = build_segment(LocalStore(), str(path)).frames
    return np.diff([*np.flatnonzero(frames.keyframe), len(frames)])
