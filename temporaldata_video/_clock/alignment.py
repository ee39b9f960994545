r"""Aligns two trains of events by their intervals: says which event of each is the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

# An event that lies further from where it should be, in median intervals, is another one.
_GATE = 0.4
# Events of a block by which positions are compared, and how many of these are looked at
# first, to leave out the positions that fit badly.
_BLOCK, _FIRST_LOOK = 64, 12
# References for which all positions are tried: any one may lack its partner.
_N_REFERENCES, _MANY = 9, 100_000
# Events that are followed at a time, how many later on, and chunks that say where the next
# one lies.
_CHUNK, _LONG_CHUNK, _CHUNKS_FITTED = 32, 256, 16
# A clock that is faster or slower is not followed.
_STEEPEST = 0.02
# Positions of each reference that are followed over a part of the train, how long that is,
# and how many of all are followed further, and how far before they are compared.
_N_FOLLOWED, _PART, _N_FINALISTS, _LONG_PART = 4, 2_000, 6, 40_000
# Positions beside the best one that are always compared with it.
_NEIGHBOURS = (-4, -3, -2, -1, 1, 2, 3, 4)
# Intervals that differ more from the median, in medians, are not of the usual ones.
_REGULAR = 0.2
# Intervals that differ less, in median intervals, tell nothing.
_LEAST_JITTER = 1e-4
# How far events may scatter, in median intervals, where counts alone say which is which.
_TIGHT, _LOOSE = 0.02, 0.15


@dataclass(frozen=True, eq=False)
class Alignment:
    r"""Which events of two trains are the same.

    Args:
        first: numbers of the matched events of the first train, int64 of shape (k,).
        second: numbers of their partners in the second train, int64 of shape (k,).
        spread: how far partners scatter around a smooth map between the clocks, in
            seconds; no smaller than the resolution of the times.
        score: the larger, the more likely it is; comparable among the alignments of the
            same two trains.
    """

    first: np.ndarray
    second: np.ndarray
    spread: float
    score: float

    def __len__(self) -> int:
        return len(self.first)

    @property
    def middle(self) -> tuple[int, int]:
        r"""The match in the middle."""
        at = len(self) // 2
        return int(self.first[at]), int(self.second[at])

    def is_same(self, other: Alignment) -> bool:
        r"""Returns whether another alignment has the same partners for most events."""
        _, here, there = np.intersect1d(self.first, other.first, return_indices=True)
        if 2 * len(here) < min(len(self), len(other)):
            return False
        return bool(np.mean(self.second[here] == other.second[there]) > 0.5)


@dataclass(frozen=True, eq=False)
class Choice:
    r"""What two trains say of one another.

    Args:
        found: all alignments that may be right, the most likely first.
        evidence: ``"intervals"`` if the lengths of intervals leave the first one alone,
            ``"counts"`` if it alone leaves none of a train over, and ``""`` if nothing
            tells it from others.
    """

    found: tuple[Alignment, ...]
    evidence: str


def align(a: np.ndarray, b: np.ndarray, *, loose: bool = False) -> Choice:
    r"""Finds which events of two trains are the same.

    Every position of one train against the other is scored by how well intervals agree.
    The best are followed to both ends: the next events lie where those before them say.
    The best one is evident if all others fit much worse.

    Args:
        a: times of the first train, in seconds, increasing; float64 of shape (n,), n > 1.
        b: times of the second, up to a shift and a drift; float64 of shape (m,), m > 1.
        loose: whether the first train counts and has no times of its own, so that the
            jitter of the second is no reason for doubt.
    """
    step = min(_median_step(a), _median_step(b))
    least = _least_spread(a, b, step)
    tried = _follow_all(a, b, _positions(a, b, step, least), step, least, _PART)
    ends = [(0, 0), (len(a) - 1, len(b) - 1)]
    likely = [*(one.middle for one in tried[:_N_FINALISTS]), *ends]
    found = _follow_all(a, b, likely, step, least, _LONG_PART)
    if found:
        at, partner = found[0].middle
        beside = [(at, partner + k) for k in _NEIGHBOURS if 0 <= partner + k < len(b)]
        found += _follow_all(a, b, beside, step, least, _LONG_PART)
        found = _distinct(found)
    if len(a) > _LONG_PART // 2:
        # Over so long a part, what fits worse is out.
        rivals = [one for one in found[1:] if not _fits_worse(one, found[0], least)]
        likely = [one.middle for one in [*found[:1], *rivals[:_N_FINALISTS]]]
        found = _follow_all(a, b, likely, step, least)
    choice = _choose(found, len(a), len(b), step, least, loose)
    # Where both lack events within, both may lack those at their ends, too.
    doubtful = len(a) != len(b) and not (loose or is_constant(a) or is_constant(b))
    if choice.evidence == "counts" and doubtful:
        return Choice(choice.found, "")
    return choice


def align_at(a: np.ndarray, b: np.ndarray, anchor: tuple[int, int]) -> Alignment:
    r"""Returns the alignment in which two events are the same.

    Args:
        a: as for :func:`align`.
        b: as there.
        anchor: number of the event in ``a``, and in ``b``.
    """
    step = min(_median_step(a), _median_step(b))
    least = _least_spread(a, b, step)
    return _follow_from(a, b, anchor, step, least)


def resolution(times: np.ndarray) -> float:
    r"""Returns the unit in seconds of which intervals are multiples, as far as it shows.

    Args:
        times: increasing, float64 of shape (n,).
    """
    smallest = 4 * float(np.spacing(np.abs(times).max(initial=0.0)))
    lengths = np.sort(np.diff(times))
    if not len(lengths):
        return smallest
    # Others are those of events that are missing or too many.
    usual = float(np.median(lengths))
    between = np.diff(lengths[np.abs(lengths - usual) < _REGULAR * usual])
    between = between[between > 2 * smallest]
    if not len(between):
        return smallest
    return max(smallest, float(between.min()))


def is_constant(times: np.ndarray) -> bool:
    r"""Returns whether all intervals are the same, up to the resolution of the times.

    Args:
        times: increasing, float64 of shape (n,).
    """
    steps = np.diff(times)
    if not len(steps):
        return True
    step = float(np.median(steps))
    allowed = max(1.01 * resolution(times), _LEAST_JITTER * step)
    # A rounded clock may be off by its unit at both ends of an interval.
    allowed = allowed if allowed < 0.2 * step else _LEAST_JITTER * step
    return bool(np.abs(steps - step).max() <= 2 * allowed)


def fit_line(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray]:
    r"""Returns the slope of the line that fits most pairs, and how far each is off it.

    Args:
        a: float64 of shape (n,).
        b: float64 of shape (n,).
    """
    # Times are centred: those that count from 1970 would leave no digits for the slope.
    x, y = a - a.mean(), b - b.mean()
    used = np.ones(len(x), np.bool_)
    slope, off = 1.0, y - x
    for _ in range(5):
        spread = x[used] - x[used].mean()
        if spread @ spread > 0:
            slope = float(spread @ (y[used] - y[used].mean()) / (spread @ spread))
        off = y - slope * x
        off = off - np.mean(off[used])
        width = 4 * 1.4826 * float(np.median(np.abs(off)))
        again = np.abs(off) <= width
        if np.count_nonzero(again) < 2 or np.array_equal(again, used):
            break
        used = again
    return slope, off


def _median_step(times: np.ndarray) -> float:
    return float(np.median(np.diff(times)))


def _least_spread(a: np.ndarray, b: np.ndarray, step: float) -> float:
    # Rounding moves a time by half a unit. Less than that is no jitter: where intervals are
    # constant, rounded times fit one another in some positions better than in others.
    return max(resolution(a) / 2, resolution(b) / 2, _LEAST_JITTER * step)


def _median(values: np.ndarray) -> float:
    # Of the few values of a chunk, np.median takes four times as long.
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle])


def _nearest(b: np.ndarray, times: np.ndarray) -> np.ndarray:
    r"""Returns the number of the event that lies nearest to each time."""
    after = np.clip(np.searchsorted(b, times), 1, len(b) - 1)
    return after - (times - b[after - 1] < b[after] - times)


def _positions(
    a: np.ndarray, b: np.ndarray, step: float, least: float
) -> Iterator[tuple[int, int]]:
    r"""Yields pairs of events that may be the same, by the intervals around them."""
    size = min(_BLOCK, len(a))
    n_references = _N_REFERENCES if len(b) < _MANY else _N_REFERENCES // 2
    for reference in np.unique(np.linspace(0, len(a) - 1, n_references).astype(int)):
        start = int(np.clip(reference - size // 2, 0, len(a) - size))
        ahead = a[start : start + size] - a[reference]
        order = np.argsort(np.abs(ahead), kind="stable")
        near = ahead[np.sort(order[:_FIRST_LOOK])]
        partners = np.arange(len(b))
        most = max(128, len(b) // 8)
        if len(b) > most:
            costs = _block_costs(b, partners, near, step, least)
            partners = np.sort(np.argpartition(costs, most)[:most])
        costs = _block_costs(b, partners, ahead, step, least)
        n_best = min(_N_FOLLOWED, len(partners))
        best = partners[np.argsort(costs, kind="stable")[:n_best]]
        yield from ((int(reference), int(partner)) for partner in best)


def _block_costs(
    b: np.ndarray, partners: np.ndarray, ahead: np.ndarray, step: float, least: float
) -> np.ndarray:
    r"""Returns how badly intervals agree if an event is that of each partner."""
    gate = _GATE * step
    costs = np.zeros(len(partners))
    before = np.zeros(len(partners))
    was_there = np.zeros(len(partners), np.bool_)
    here = b[partners]
    for time in ahead:
        expected = here + time
        off = b[_nearest(b, expected)] - expected
        is_there = np.abs(off) < gate
        change = np.where(is_there & was_there, off - before, gate)
        costs += np.log1p((change / least) ** 2)
        before, was_there = off, is_there
    return costs


def _follow_all(
    a: np.ndarray,
    b: np.ndarray,
    positions: Iterable[tuple[int, int]],
    step: float,
    least: float,
    most: int | None = None,
) -> list[Alignment]:
    followed = (_follow_from(a, b, position, step, least, most) for position in positions)
    return _distinct([alignment for alignment in followed if len(alignment) > 1])


def _distinct(found: list[Alignment]) -> list[Alignment]:
    kept: list[Alignment] = []
    for alignment in sorted(found, key=lambda one: -one.score):
        if not any(alignment.is_same(other) for other in kept):
            kept.append(alignment)
    return kept


def _follow_from(
    a: np.ndarray,
    b: np.ndarray,
    position: tuple[int, int],
    step: float,
    least: float,
    most: int | None = None,
) -> Alignment:
    r"""Returns the alignment in which two events are the same, over a part of the train."""
    at, partner = position
    reach = len(a) if most is None else most // 2
    low, high = max(0, at - reach), min(len(a), at + reach + 1)
    shift = b[partner] - a[at]
    expected = np.empty(high - low)
    gate = _GATE * step
    expected[at - low :] = _follow(a[at:high], b, shift, gate)
    # Backwards in time, the train is followed as its mirror image.
    mirrored = _follow(-a[low : at + 1][::-1], -b[::-1], -shift, gate)
    expected[: at - low + 1] = -mirrored[::-1]
    first, second, _ = _partners(expected, b, gate)
    spread = least
    if len(first) > 3:
        here = a[low:high]
        expected = _smooth_map(here, here[first], b[second])
        spread = max(least, 1.4826 * _median(np.abs(b[second] - expected[first])))
        # Those that lie far off their neighbours, as these scatter, are other events.
        gate = min(gate, max(8 * spread, 4 * least))
        first, second, _ = _partners(expected, b, gate)
    score = len(first) * float(np.log(max(step / spread, 1.0)))
    return Alignment(first + low, second, spread, score)


def _smooth_map(times: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    r"""Returns where times of one clock lie in the other, by pairs of both."""
    slope, _ = fit_line(a, b)
    centre, mean = float(a.mean()), float(b.mean())
    off = b - mean - slope * (a - centre)
    whole = max(len(a) // _CHUNK, 1)
    chunks = np.array_split(np.arange(len(a)), whole)
    knots = [_median(a[chunk]) for chunk in chunks]
    bends = [_median(off[chunk]) for chunk in chunks]
    if len(knots) > 1:  # straight on to both ends
        for end, inner, edge in ((0, 1, a[0]), (-1, -2, a[-1])):
            rise = (bends[end] - bends[inner]) / (knots[end] - knots[inner])
            bends[end] += rise * (edge - knots[end])
            knots[end] = edge
    return mean + slope * (times - centre) + np.interp(times, knots, bends)


def _follow(a: np.ndarray, b: np.ndarray, shift: float, gate: float) -> np.ndarray:
    r"""Returns where the events of a train should lie in the other one's time."""
    expected = np.empty(len(a))
    places: list[float] = []
    shifts: list[float] = []
    here, slope = float(a[0]), 0.0
    start = 0
    while start < len(a):
        size = _CHUNK if len(places) < 4 * _CHUNKS_FITTED else _LONG_CHUNK
        chunk = a[start : start + size]
        guess = chunk + shift + slope * (chunk - here)
        off = b[_nearest(b, guess)] - guess
        off = off[np.abs(off) < gate]
        centre = float(chunk.mean())
        if 4 * len(off) > len(chunk):
            found = shift + slope * (centre - here) + _median(off)
            places.append(centre)
            shifts.append(found)
            if len(places) > 1:
                x = np.array(places[-_CHUNKS_FITTED:])
                y = np.array(shifts[-_CHUNKS_FITTED:])
                x, y = x - x.mean(), y - y.mean()
                slope = float(np.clip(x @ y / (x @ x), -_STEEPEST, _STEEPEST))
            shift, here = found, centre
        expected[start : start + size] = chunk + shift + slope * (chunk - here)
        start += size
    return expected


def _partners(
    expected: np.ndarray, b: np.ndarray, gate: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""Returns the events that are nearest to one another, and how far apart they lie."""
    if len(expected) < 2:
        expected = np.append(expected, np.inf)
    there = _nearest(b, expected)
    back = _nearest(np.maximum.accumulate(expected), b[there])
    off = b[there] - expected
    matched = (back == np.arange(len(expected))) & (np.abs(off) < gate)
    return np.flatnonzero(matched), there[matched], off[matched]


def _fits_worse(one: Alignment, best: Alignment, least: float) -> bool:
    # What scatters by chance varies less between alignments.
    ratio = max(1.15, 1 + 6 / np.sqrt(len(best)))
    clearly = one.spread >= ratio * best.spread and one.spread >= 2 * least
    return bool(clearly or 2 * len(one) <= len(best))


def _choose(
    found: list[Alignment], n: int, m: int, step: float, least: float, loose: bool
) -> Choice:
    if not found or len(found[0]) < 2:
        return Choice((), "")
    best, *others = found
    rivals = [other for other in others if not _fits_worse(other, best, least)]
    if len(best) > 3 and not rivals:
        return Choice(tuple(found), "intervals")
    # Where scatter tells nothing, one alignment alone may leave none of a train over.
    complete = [one for one in [best, *rivals] if len(one) in (n, m)]
    if len(complete) == 1:
        only = complete[0]
        limit = _LOOSE if loose or len(only) == n == m else _TIGHT
        if only.spread <= limit * step:
            return Choice((only, *(one for one in found if one is not only)), "counts")
    return Choice(tuple(found), "")
