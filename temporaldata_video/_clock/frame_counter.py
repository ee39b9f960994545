r"""Reads counters: numbers that a camera or a logger gives to events, which start over."""

from __future__ import annotations

import numpy as np

# Numbers after which counters start over.
_PERIODS = tuple(1 << bits for bits in (8, 10, 12, 14, 16, 20, 24, 32))


def unwrap_counter(numbers: np.ndarray, what: str) -> np.ndarray:
    r"""Returns the numbers of a counter as if it had never started over.

    Args:
        numbers: of shape (n,), as they were counted.
        what: names the counter in messages.

    Returns:
        int64 of shape (n,), which increases.

    Raises:
        ValueError: if they are no whole numbers, or no counter gives them.
    """
    whole = np.asarray(numbers)
    if whole.ndim != 1 or whole.dtype.kind not in "fiu":
        raise ValueError(f"{what} must be whole numbers, one for each event.")
    wrong = ~np.isfinite(whole) | (whole != np.floor(whole)) | (np.abs(whole) > 1 << 52)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{what}[{row}] is {whole[row]}, which is no whole number.")
    counts = whole.astype(np.int64)
    steps = np.diff(counts)
    if (steps < 0).any():
        above = [period for period in _PERIODS if period > counts.max()]
        # A counter that starts over at 1 comes to one number less.
        period = above[0] if above else 0
        row = int(np.flatnonzero(steps < 0)[0]) + 1
        if not period or counts[row] - counts[row - 1] + period >= period // 2:
            raise ValueError(
                f"{what}[{row}] is {counts[row]} after {counts[row - 1]}: no counter of 8 "
                f"to 32 bits starts over there. Are its rows in order?"
            )
        zero = 1 if counts.min() == 1 and (np.diff(counts) == 2 - period).any() else 0
        steps = np.where(steps < 0, steps + period - zero, steps)
    if len(steps) and steps.min() <= 0:
        row = int(np.flatnonzero(steps <= 0)[0]) + 1
        raise ValueError(f"{what}[{row}] is {counts[row]} again; a counter never repeats.")
    return counts[:1].sum() + np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)


def is_counter(values: np.ndarray) -> bool:
    r"""Returns whether values are those of a counter: whole numbers, mostly one apart.

    Args:
        values: of shape (n,).
    """
    if len(values) < 2 or not (values == np.floor(values)).all():
        return False
    steps = np.diff(values)
    return bool(np.median(steps) == 1 and np.mean(steps > 0) > 0.9)
