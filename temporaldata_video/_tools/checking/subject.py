r"""What is checked: the files of a video as they are now, its index, and its clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..._base.fork_safety import kept_property
from ..._clock.faults import ClockReport
from ..._decode.read_file import VideoFile
from ..._index.packets import SegmentIndex
from ..._index.streams import ContainerFacts
from ...types import Packets


@dataclass(frozen=True)
class Appearance:
    r"""How the first frame of a file looks to its decoder.

    Args:
        pixel_format: FFmpeg's name of it.
        color_space: matrix coefficients, code point of ISO/IEC 23091-2, 2 where the
            stream does not say.
        color_range: 0 where the stream does not say, 1 limited, 2 full.
    """

    pixel_format: str
    color_space: int
    color_range: int


@dataclass(frozen=True, eq=False)
class CheckedFile:
    r"""One file, indexed anew.

    Args:
        name: the file as a user would type it.
        video_file: the file and its index.
        declared: what its header declares.
        appearance: of its first frame; :obj:`None` if that does not decode.
    """

    name: str
    video_file: VideoFile
    declared: ContainerFacts
    appearance: Appearance | None

    @property
    def index(self) -> SegmentIndex:
        r"""The index of the file as it is now."""
        packets = self.video_file.packets
        assert isinstance(packets, SegmentIndex)
        return packets

    @kept_property
    def decoding_order(self) -> Packets:
        r"""All packets of the file, hidden ones included, in the order of decoding."""
        table = Packets.concatenate([self.index.frames, self.index.hidden])
        return table[np.argsort(table.dts, kind="stable")]

    @kept_property
    def interval(self) -> float:
        r"""Median seconds from frame to frame by the container; 0 if there is none."""
        steps = np.diff(self.index.frames.pts)
        steps = steps[steps > 0]
        return float(np.median(steps) * self.index.stream.time_base) if len(steps) else 0.0


@dataclass(frozen=True, eq=False)
class CheckedClock:
    r"""The times of the frames of a video.

    Args:
        origin: ``"container"``, ``"index"``, or ``"given"`` if a user asks how another
            clock would do.
        times: seconds by frame, float64 of shape (n,), NaN where there is none.
        own: the container's own, float64 of shape (m,).
        report: what is wrong with ``times``.
        facts: how they came about, as an index keeps it.
        meaning: what the stamps most likely are instead of seconds; empty if they may be
            seconds.
    """

    origin: str
    times: np.ndarray
    own: np.ndarray
    report: ClockReport
    facts: Mapping[str, Any] = field(default_factory=dict)
    meaning: str = ""
