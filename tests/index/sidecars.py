r"""The clip that sidecars are written for: how long it is, and a clock for it."""

from __future__ import annotations

import numpy as np

import temporaldata_video as tv

N = 40
CLOCK = 10.0 + np.arange(N) / 8


def index(path, **options) -> tv.LanceFrameIndex:
    return tv.write_index(path, progress=False, **options)
