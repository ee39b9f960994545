r"""Holds a frame index in memory, for videos without a sidecar."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..types import Pace, Showings
from .packets import SegmentIndex


@dataclass(frozen=True, eq=False)
class MemoryFrameIndex:
    r"""The index of a video, built on the fly (a
    :obj:`~temporaldata_video.types.PacketIndex`).

    Args:
        uris: the file of each segment.
        segments: the index of each segment.
        clock: seconds, float64 of shape (n,), segment after segment in presentation
            order; NaN for frames without a time.
        index_id: distinguishes this index from others.
        pace: what is a pause; the default rule says by default.
        again: when frames are shown again.
    """

    uris: tuple[str, ...]
    segments: tuple[SegmentIndex, ...]
    clock: NDArray[np.float64]
    index_id: str = ""
    pace: Pace | None = None
    again: Showings = field(default_factory=Showings.none)

    @property
    def uri(self) -> str:
        r"""Where it lies: nowhere."""
        return ""

    @property
    def verified(self) -> bool:
        r"""Whether its key frames were proven by decoding: never."""
        return False

    def segment_frame_counts(self) -> NDArray[np.int64]:
        r"""Returns the number of frames of each segment, int64 of shape (n_segments,)."""
        return np.array([len(segment) for segment in self.segments], np.int64)

    def pts_table(self, segment: int) -> NDArray[np.int64]:
        r"""Returns the pts of a segment in presentation order, int64 of shape (n,).

        Raises:
            ValueError: if there is no such segment.
        """
        if not 0 <= segment < len(self.segments):
            raise ValueError(
                f"segment {segment} is out of range: {self.uris[0]!r} has "
                f"{len(self.segments)} segments."
            )
        return self.segments[segment].frames.pts.copy()

    def timestamps(self) -> NDArray[np.float64]:
        r"""Returns the time of every frame in seconds, float64 of shape (n,)."""
        return self.clock.copy()

    def shown_again(self) -> Showings:
        r"""Returns when frames are shown again, after their time in the clock."""
        return self.again
