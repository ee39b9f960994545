r"""Tells whether pictures are those that they were copied from, in the same order."""

from __future__ import annotations

import numpy as np

from ...errors import VideoError

# The largest mean differences that an encoder makes, as shares of the range.
_USUAL, _WORST = 0.05, 0.15
# A picture that differs this many times as much as most of them do is another one.
_OUTLIER = 4.0
# Pictures that have nothing to do with one another differ as much as shuffled ones.
_AS_SHUFFLED = 0.7
# Encoders that repeat pictures make a neighbour as near, but not so much nearer.
_CLEARLY = 1.5


def compare_pictures(originals: np.ndarray, copied: np.ndarray, depth: int) -> float:
    r"""Compares samples of the pictures of a copy with those that went into it.

    However coarse the copy is, each picture must be nearer to its own original than to
    others, where pictures differ at all.

    Args:
        originals: luma of the originals, uint16 of shape (n, 64).
        copied: luma of the copies, uint16 of shape (n, 64).
        depth: bits of a sample.

    Returns:
        The peak signal-to-noise ratio in dB, infinite where they are the same.

    Raises:
        VideoError: if a picture is another one, or if pictures are out of step.
    """
    peak = (1 << depth) - 1
    own = _differences(originals, copied)
    if own.mean() > _USUAL * peak:
        shuffled = np.random.default_rng(0).permutation(len(originals))
        if own.mean() > _AS_SHUFFLED * _differences(originals[shuffled], copied).mean():
            raise VideoError("the copy shows other pictures than the original.")
    strange = np.flatnonzero((own > _WORST * peak) & (own > _OUTLIER * np.median(own)))
    if len(strange):
        raise VideoError(f"frame {strange[0]} of the copy shows another picture.")
    for shift in (1, -1):
        first, second = (
            (originals[1:], copied[:-1]) if shift == 1 else (originals[:-1], copied[1:])
        )
        near = _differences(first, second)
        if len(near) and own.mean() > _CLEARLY * near.mean():
            raise VideoError(
                f"the pictures of the copy are shifted by {shift} frame: they differ by "
                f"{own.mean():.2f} levels from the originals of the same number, and by "
                f"{near.mean():.2f} from their neighbours."
            )
    squared = float(np.square(originals.astype(np.float32) - copied).mean())
    return float("inf") if squared == 0 else float(10 * np.log10(peak**2 / squared))


def _differences(originals: np.ndarray, copied: np.ndarray) -> np.ndarray:
    return np.abs(originals.astype(np.float32) - copied).mean(axis=1)
