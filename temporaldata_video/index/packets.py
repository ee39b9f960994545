r"""From packets in decoding order to the rows of an index."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ..types import Fingerprint, Packets, StreamInfo


@dataclass(frozen=True, eq=False)
class SegmentIndex:
    r"""The index of one file in memory, a :obj:`~temporaldata_video.types.SegmentPackets`.

    Args:
        stream: the facts of the stream.
        frames: the packets of the visible frames in presentation order.
        hidden: the packets that are decoded but not shown, in decoding order.
        fingerprint: by what the file is known again.
        missing_packets: packets that the header declares and the file doesn't hold.
    """

    stream: StreamInfo
    frames: Packets
    hidden: Packets
    fingerprint: Fingerprint | None = None
    missing_packets: int = 0

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, start: int, stop: int) -> Packets:
        r"""Returns the packets of the frames ``[start, stop)``."""
        return self.frames[start:stop]


def increasing_dts(dts: Iterable[int | None]) -> np.ndarray:
    r"""Returns decoding timestamps that grow by at least one from packet to packet.

    Containers leave dts out, repeat or decrease them; decoding order is the order of the
    packets all the same, and an index keeps nothing but dts to tell it.

    Args:
        dts: as demuxed, in decoding order; :obj:`None` where there is none.
    """
    filled = np.array([np.iinfo(np.int64).min if d is None else d for d in dts], np.int64)
    if len(filled) == 0:
        return filled
    known = filled[filled != np.iinfo(np.int64).min]
    if len(known) == 0:
        return np.arange(len(filled), dtype=np.int64)
    # With i subtracted, "at least one more than the last" is "not less than the last".
    steps = np.arange(len(filled), dtype=np.int64)
    floor = known[0] - len(filled)
    return np.maximum.accumulate(np.maximum(filled, floor) - steps) + steps


def order_frames(
    stream: StreamInfo, packets: Packets, shown: np.ndarray, **facts: object
) -> SegmentIndex:
    r"""Sorts the packets of a stream into visible frames and hidden packets.

    Args:
        stream: the facts of the stream; its ``reorder`` is filled in.
        packets: all packets in decoding order.
        shown: whether a packet shows a frame, bool of shape (n,).
        **facts: further fields of :obj:`SegmentIndex`.
    """
    frames = packets[shown]
    order = np.argsort(frames.pts, kind="stable")
    displacement = np.abs(order - np.arange(len(order)))
    return SegmentIndex(
        stream=replace(stream, reorder=int(displacement.max(initial=0))),
        frames=frames[order],
        hidden=packets[~shown],
        **facts,  # type: ignore[arg-type]
    )
