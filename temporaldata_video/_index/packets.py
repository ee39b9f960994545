r"""Turns packets in decoding order into the rows of an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import SourceError
from ..types import (
    ClockIndex,
    Fingerprint,
    FrameIndex,
    PacketIndex,
    Packets,
    SegmentPackets,
    Showings,
    StreamInfo,
)

# Stands for a time that a packet does not have; FFmpeg's own number for it.
NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class SegmentIndex:
    r"""The index of one file in memory, a :obj:`~temporaldata_video.types.SegmentPackets`.

    Args:
        stream: the facts of the stream.
        frames: the packets of the visible frames in presentation order.
        hidden: the packets that are decoded but not shown, in decoding order.
        fingerprint: identifies the contents of the file.
        missing_packets: packets that the header declares and the file doesn't hold.
        false_keys: packets that the container calls key frames, and that proved to be none.
    """

    stream: StreamInfo
    frames: Packets
    hidden: Packets
    fingerprint: Fingerprint | None = None
    missing_packets: int = 0
    false_keys: int = 0

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, start: int, stop: int) -> Packets:
        r"""Returns the packets of the frames ``[start, stop)``."""
        return self.frames[start:stop]


def segments_of(index: FrameIndex) -> Sequence[SegmentPackets]:
    r"""Returns the packets of each segment, nothing if an index does not know them.

    Args:
        index: the index.
    """
    return index.segments if isinstance(index, PacketIndex) else ()


def shown_again(index: FrameIndex) -> Showings:
    r"""Returns when frames are shown again, nothing if an index does not know it.

    Args:
        index: the index.
    """
    return index.shown_again() if isinstance(index, ClockIndex) else Showings.none()


def increasing_dts(dts: Sequence[int] | np.ndarray) -> np.ndarray:
    r"""Returns decoding timestamps that grow by at least one from packet to packet.

    Containers leave dts out, repeat or decrease them. Decoding order is still the order of
    the packets, and an index keeps nothing but dts to say it.

    Args:
        dts: as demuxed, in decoding order; ``NO_TIME`` where there is none.
    """
    filled = np.asarray(dts, np.int64)
    if len(filled) == 0:
        return filled
    present = filled[filled != NO_TIME]
    if len(present) == 0:
        return np.arange(len(filled), dtype=np.int64)
    # With i subtracted, "at least one more than the last" is "not less than the last".
    steps = np.arange(len(filled), dtype=np.int64)
    floor = present[0] - len(filled)
    return np.maximum.accumulate(np.maximum(filled, floor) - steps) + steps


# Reading looks that far around each frame, so that this bounds what a window costs. Streams
# of this world stay below 20: a decoder has room for 16 pictures.
MOST_REORDERED = 1024


def order_frames(stream: StreamInfo, packets: Packets, rows: np.ndarray) -> SegmentIndex:
    r"""Sorts the packets of a stream into visible frames and hidden packets.

    Args:
        stream: the facts of the stream; its ``reorder`` is filled in.
        packets: all packets in decoding order.
        rows: number of the packet of each frame, in the order in which they are shown,
            int64 of shape (n,).

    Raises:
        SourceError: if packets move further than :data:`MOST_REORDERED` places.
    """
    hidden = np.ones(len(packets), bool)
    hidden[rows] = False
    rank = np.cumsum(~hidden) - 1
    displacement = np.abs(rank[rows] - np.arange(len(rows)))
    reorder = int(displacement.max(initial=0))
    if reorder > MOST_REORDERED:
        raise SourceError(
            f"a packet of this video is decoded {reorder} places from where its frame is "
            f"shown, more than the {MOST_REORDERED} that can be read. Re-encode the video."
        )
    return SegmentIndex(
        stream=replace(stream, reorder=reorder),
        frames=packets[rows],
        hidden=packets[hidden],
    )
