r"""Clips of a video: some frames at equal distances, at random or at regular places."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._video.arguments import check_choice
from .._video.series import VideoSeries

Series = TypeVar("Series", bound=VideoSeries)
Edge = Literal["repeat_last", "wrap", "error"]


def random_clips(
    video: Series,
    n_clips: int,
    n_frames: int,
    *,
    step: int = 1,
    seconds: float | None = None,
    span: tuple[float, float] | None = None,
    edge: Edge = "repeat_last",
    seed: int = 0,
) -> list[Series]:
    r"""Returns clips that begin at random, not yet decoded.

    Args:
        video: a lazy video, or a window of one.
        n_clips: how many clips.
        n_frames: frames of a clip.
        step: from each frame of a clip to its next one, in frames.
        seconds: the same in seconds, in place of ``step``: then the frames are those on
            screen at such times, and no clip begins in a pause of the camera.
        span: where clips begin: positions ``[first, stop)`` in the video, or with
            ``seconds`` times. By default, wherever a clip lies within the video.
        edge: what stands for frames behind the end of the video: ``"repeat_last"`` for the
            last one of the clip, ``"wrap"`` for the clip from its beginning, ``"error"``.
        seed: of the random numbers.

    Returns:
        Lazy videos of ``n_frames`` frames, for :func:`~temporaldata_video.read_many`.

    Raises:
        ValueError: if an argument has a value that is not allowed, there is no place for a
            clip, or one ends behind the video and ``edge`` is ``"error"``.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> clips = tv.training.random_clips(video, 3, 4, step=2, seed=1)
        >>> [clip.frame_indices.tolist() for clip in clips]
        [[7, 9, 11, 13], [27, 29, 31, 33], [51, 53, 55, 57]]
    """
    shares = np.sort(np.random.default_rng(seed).random(n_clips))
    return _clips(video, shares, n_frames, step, seconds, span, edge)


def regular_clips(
    video: Series,
    n_clips: int,
    n_frames: int,
    *,
    step: int = 1,
    seconds: float | None = None,
    span: tuple[float, float] | None = None,
    edge: Edge = "repeat_last",
) -> list[Series]:
    r"""Returns clips that begin at equal distances, not yet decoded.

    Args:
        video: as of :func:`random_clips`, like all other arguments.
        n_clips: how many clips; the first one begins where the span does, and the last one
            at its end.
        n_frames: frames of a clip.
        step: from each frame of a clip to its next one, in frames.
        seconds: the same in seconds, in place of ``step``.
        span: where clips begin, in frames or seconds.
        edge: what stands for frames behind the end of the video.

    Returns:
        Lazy videos of ``n_frames`` frames, for :func:`~temporaldata_video.read_many`.

    Raises:
        ValueError: as :func:`random_clips`.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> video = tv.LazyVideo.from_uri("clip.mp4")
        >>> clips = tv.training.regular_clips(video, 3, 4, span=(0, 59))
        >>> [clip.frame_indices.tolist() for clip in clips]
        [[0, 1, 2, 3], [29, 30, 31, 32], [58, 59, 59, 59]]
    """
    shares = np.linspace(0.0, 1.0, n_clips)
    return _clips(video, shares, n_frames, step, seconds, span, edge)


def _clips(
    video: Series,
    shares: NDArray[np.float64],
    n_frames: int,
    step: int,
    seconds: float | None,
    span: tuple[float, float] | None,
    edge: Edge,
) -> list[Series]:
    # Clips that begin after these shares of the span.
    check_choice("edge", edge, ("repeat_last", "wrap", "error"))
    for name, value in (("n_frames", n_frames), ("step", step), ("seconds", seconds)):
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name} must be positive, got {value}.")
    if seconds is None:
        return _by_position(video, shares, step * np.arange(n_frames), span, edge)
    offsets = seconds * np.arange(n_frames, dtype=np.float64)
    return _by_time(video, shares, offsets, span, edge)


def _by_position(
    video: Series,
    shares: NDArray[np.float64],
    offsets: NDArray[np.int64],
    span: tuple[float, float] | None,
    edge: Edge,
) -> list[Series]:
    n = len(video)
    first, stop = (0, n - int(offsets[-1])) if span is None else map(int, span)
    if not 0 <= first < stop <= n:
        raise _no_place(video, f"frames {first} to {stop} of {n}")
    starts = first + np.minimum(shares * (stop - first), stop - first - 1).astype(np.int64)
    clips = []
    for start in starts.tolist():
        positions = start + offsets
        inside = positions[positions < n]
        clips.append(_take(video, inside[_in_place(len(inside), len(offsets), edge)]))
    return clips


def _by_time(
    video: Series,
    shares: NDArray[np.float64],
    offsets: NDArray[np.float64],
    span: tuple[float, float] | None,
    edge: Edge,
) -> list[Series]:
    # Places for the start of a clip: in one stretch of the camera, or in the span.
    ends = np.asarray(video.domain.end, np.float64)
    first = np.asarray(video.domain.start, np.float64)
    last = ends - offsets[-1]
    if span is not None:
        first, last = np.maximum(first, span[0]), np.minimum(ends, span[1])
    fits = last >= first
    if not fits.any():
        raise _no_place(video, f"{offsets[-1]:g} s of its stretches without a pause")
    first, last, ends = first[fits], last[fits], ends[fits]
    edges = np.concatenate([[0.0], np.cumsum(last - first)])
    at = shares * edges[-1]
    stretch = np.minimum(np.searchsorted(edges, at, side="right") - 1, len(first) - 1)
    clips = []
    for start, end in zip(first[stretch] + at - edges[stretch], ends[stretch]):
        times = start + offsets
        inside = times[times <= end + 1e-9]
        clip = video.resample(inside)
        if len(inside) < len(times):
            clip = _take(clip, _in_place(len(inside), len(times), edge))
        clips.append(clip)
    return clips


def _take(video: Series, positions: NDArray[np.int64]) -> Series:
    clip = video._take(positions)
    clip._sorted = None  # a clip that wraps goes back in time
    return clip


def _in_place(n_inside: int, n: int, edge: Edge) -> NDArray[np.int64]:
    # Which of the frames within the video stands at each place of a clip.
    if n_inside < n and edge == "error":
        raise ValueError(
            f"a clip of {n} frames has {n - n_inside} behind the end of the video; give a "
            f"smaller span, or edge='repeat_last' or 'wrap'."
        )
    places = np.arange(n)
    return np.minimum(places, n_inside - 1) if edge == "repeat_last" else places % n_inside


def _no_place(video: Any, what: str) -> ValueError:
    return ValueError(
        f"no clip can begin in {what} in {video.uri!r}: give a span in which the video has "
        f"frames, or fewer frames at smaller steps."
    )
