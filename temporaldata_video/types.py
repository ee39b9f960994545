r"""Value objects and protocols that the whole package shares; imports only NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Colorspace = Literal["RGB", "G"]
ChannelFormat = Literal["NCHW", "NHWC"]
OnError = Literal["raise", "mask"]
PixelType = Literal["uint8", "uint16", "auto"]
ProxyUse = Literal["lossless", "lossy", "never"]

# FFmpeg's names of where chroma samples lie between those of luma; "" is unspecified.
CHROMA_LOCATIONS = ("", "left", "center", "topleft", "top", "bottomleft", "bottom")
# FFmpeg's names of the field that is coded first and the one that is shown first, numbered
# as in AVFieldOrder; "" is unknown.
FIELD_ORDERS = ("", "progressive", "tt", "bb", "tb", "bt")

PACKET_DTYPES = {
    "pts": np.int64,
    "dts": np.int64,
    "pos": np.int64,
    "size": np.int32,
    "keyframe": np.bool_,
}


@dataclass(frozen=True, eq=False)
class Packets:
    r"""The packets of one video stream, one entry per packet.

    Args:
        pts: presentation timestamps in time base units, int64 of shape (n,).
        dts: decoding timestamps in time base units, int64 of shape (n,); no two are
            equal, and sorted by them the packets are in decoding order.
        pos: offset of the first byte in the file, int64 of shape (n,).
        size: length in bytes, int32 of shape (n,).
        keyframe: whether decoding can start there, bool of shape (n,).
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    pos: NDArray[np.int64]
    size: NDArray[np.int32]
    keyframe: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name, dtype in PACKET_DTYPES.items():
            column: np.ndarray = np.asarray(getattr(self, name), dtype=dtype)
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.pts)

    def __getitem__(self, key: Any) -> Packets:
        return Packets(
            self.pts[key], self.dts[key], self.pos[key], self.size[key], self.keyframe[key]
        )

    @classmethod
    def empty(cls) -> Packets:
        r"""Returns a table without packets."""
        return cls(*(np.empty(0, dtype) for dtype in PACKET_DTYPES.values()))

    @classmethod
    def concatenate(cls, tables: list[Packets]) -> Packets:
        r"""Returns the packets of all tables, in the order given."""
        columns = zip(*map(attrgetter(*PACKET_DTYPES), tables))
        return cls(*map(np.concatenate, columns))


class SideData(NamedTuple):
    r"""What a container gives the decoder with a packet: a palette, or parameter sets.

    Args:
        dts: of the packet that it comes with, in time base units; it holds from there on.
        kind: FFmpeg's name of it, ``"palette"`` or ``"new_extradata"``.
        data: as the decoder takes it.
    """

    dts: int
    kind: str
    data: bytes


@dataclass(frozen=True)
class StreamInfo:
    r"""What a decoder must know about a video stream before its first packet.

    Args:
        container: FFmpeg's name of the demuxer, such as ``"mov,mp4,m4a,3gp,3g2,mj2"``.
        stream_index: number of the stream in the container.
        codec: FFmpeg's name of the codec, such as ``"h264"``.
        codec_tag: the container's own four-character code of the codec as a
            little-endian integer; 0 where it has none.
        extradata: the codec's configuration record (``avcC``, ``hvcC``, ...).
        time_base: seconds per unit of pts and dts.
        width: width of a decoded frame in pixels, before any rotation.
        height: height of a decoded frame in pixels, before any rotation.
        pixel_format: FFmpeg's name of the decoded pixel format, or ``""``.
        color_primaries: code point of ISO/IEC 23091-2, 2 where unspecified.
        color_trc: transfer characteristics, code point of ISO/IEC 23091-2.
        color_space: matrix coefficients, code point of ISO/IEC 23091-2.
        color_range: 0 unspecified, 1 limited, 2 full.
        chroma_location: where chroma samples lie between those of luma, one of
            :data:`CHROMA_LOCATIONS`.
        field_order: which of two fields comes first, one of :data:`FIELD_ORDERS`.
        rotation: degrees, counter-clockwise and a multiple of 90, by which a decoded
            frame is turned for display.
        mirrored: whether the display matrix of the container also flips the frame
            left to right, after the turn.
        preamble: bytes to put before the first packet that a decoder gets, since the
            stream holds them only once.
        reorder: how many places a packet moves at most between decoding order and
            presentation order.
        readable_by_packet: whether ``pos`` and ``size`` give the bytes of a packet, so
            that the container need not be opened.
        trailing: how many packets that show no frame may follow the packet of a frame and
            be part of it all the same (the second field of an interlaced frame).
        side_data: what goes to the decoder with packets, by dts.
        decoded_for: why the decoder gives the order of frames, and not the container's
            times; ``""`` where the times give it.
        has_times: whether the container has times; an elementary stream has none, and its
            pts count frames at the stream's frame rate.
        fields: whether a frame may be coded as two fields, of which one may be a reference
            and the other none.
        seekable: whether the packets of the container have dts that grow, so that a packet
            is recognized after a seek.
    """

    container: str
    stream_index: int
    codec: str
    codec_tag: int
    extradata: bytes = field(repr=False)
    time_base: Fraction
    width: int
    height: int
    pixel_format: str = ""
    color_primaries: int = 2
    color_trc: int = 2
    color_space: int = 2
    color_range: int = 0
    chroma_location: str = ""
    field_order: str = ""
    rotation: int = 0
    mirrored: bool = False
    preamble: bytes = field(default=b"", repr=False)
    reorder: int = 0
    readable_by_packet: bool = True
    trailing: int = 0
    side_data: tuple[SideData, ...] = field(default=(), repr=False)
    decoded_for: str = ""
    has_times: bool = True
    fields: bool = False
    seekable: bool = True

    @property
    def display_size(self) -> tuple[int, int]:
        r"""Height and width in pixels of a frame as it is shown."""
        turned = self.rotation % 180 != 0
        return (self.width, self.height) if turned else (self.height, self.width)


@dataclass(frozen=True)
class ObjectMeta:
    r"""Size in bytes of a stored object, and the tag that changes whenever it does.

    Args:
        size: length in bytes.
        etag: opaque tag of this version of the object; ``""`` where the store has none.
    """

    size: int
    etag: str = ""


@dataclass(frozen=True)
class Fingerprint:
    r"""Identifies the contents of a file.

    Args:
        size: length in bytes.
        etag: the store's tag of this version, ``""`` where it has none.
        digest: BLAKE2 of the first and the last 64 KiB, in hexadecimal.
    """

    size: int
    etag: str
    digest: str


class ByteRange(NamedTuple):
    r"""The bytes ``[start, stop)`` of a file."""

    start: int
    stop: int


class Cost(NamedTuple):
    r"""What reading the frames of a window costs.

    Args:
        frames: requested frames.
        decoded: frames that the decoder has to reconstruct for them.
        bytes: bytes to fetch.
        ranges: contiguous ranges of bytes to fetch them in.
        from_proxy: how many of the requested frames are read from a proxy.
    """

    frames: int
    decoded: int
    bytes: int
    ranges: int
    from_proxy: int = 0


class Pace(NamedTuple):
    r"""How fast a camera takes frames, and which steps of its clock are pauses.

    Args:
        interval: median step in seconds from frame to frame; 0 where there is none.
        max_gap: longest step in seconds that is no pause.
    """

    interval: float
    max_gap: float


class Showings(NamedTuple):
    r"""Times at which frames are on screen.

    Args:
        times: seconds, float64 of shape (n,).
        frames: number of the frame that is shown at each of them, int64 of shape (n,).
    """

    times: NDArray[np.float64]
    frames: NDArray[np.int64]

    @classmethod
    def none(cls) -> Showings:
        r"""Returns no showing at all."""
        return cls(np.empty(0), np.empty(0, np.int64))


@runtime_checkable
class ObjectStore(Protocol):
    r"""Reads objects: all that a store must offer.

    A key is the uri of the object as the user wrote it. Instances are pickled into
    worker processes and survive a fork, so they hold no socket, thread or lock.
    """

    def head(self, key: str) -> ObjectMeta:
        r"""Returns size and etag.

        Raises:
            SourceNotFoundError: if there is no such object.
        """
        ...

    def open(self, key: str) -> BinaryIO:
        r"""Returns a seekable binary file that reads the object."""
        ...


@runtime_checkable
class RangeStore(ObjectStore, Protocol):
    r"""A store that reads ranges itself, which saves opening the object for each.

    Caches are given such a store, whatever the user's own store has.
    """

    def read_range(
        self, key: str, start: int, length: int, etag: str | None = None
    ) -> bytes:
        r"""Returns exactly ``length`` bytes from ``start``, of the version ``etag``."""
        ...


@runtime_checkable
class FolderStore(ObjectStore, Protocol):
    r"""A store that also holds indexes: it lists folders, and writes what is not there."""

    def list_objects(self, folder: str) -> dict[str, ObjectMeta]:
        r"""Returns size and etag of all objects below a folder, by their path in it; none
        if there is no such folder."""
        ...

    def create_object(self, key: str, data: bytes) -> bool:
        r"""Stores an object if there is none, in one step, and returns whether it did.

        Of several writers one alone must be told that it did: the last object that a
        writer of an index creates decides whose index counts."""
        ...

    def delete_object(self, key: str) -> None:
        r"""Deletes an object, if it is there."""
        ...


@runtime_checkable
class ByteCache(Protocol):
    r"""Stands between a store and its readers and answers in the store's place.

    Like a store, it is handed to worker processes and survives a fork.
    """

    def read_ranges(
        self, store: RangeStore, key: str, ranges: Sequence[ByteRange], meta: ObjectMeta
    ) -> list[bytes]:
        r"""Returns for each range what ``store.read_range`` would return, of the version
        ``meta``; one call asks for all that a window needs of a file."""
        ...


class SegmentPackets(Protocol):
    r"""The frames of one file as packets: what a reader needs to decode by position.

    A row is a visible frame; rows are in presentation order.
    """

    @property
    def stream(self) -> StreamInfo: ...

    @property
    def fingerprint(self) -> Fingerprint | None: ...

    @property
    def hidden(self) -> Packets:
        r"""Packets that are decoded but not shown, in decoding order."""
        ...

    def __len__(self) -> int: ...

    def rows(self, start: int, stop: int) -> Packets:
        r"""Returns the packets of the frames ``[start, stop)``."""
        ...


@runtime_checkable
class FrameIndex(Protocol):
    r"""The least that an index must know: the frames of all segments and their clock."""

    def segment_frame_counts(self) -> NDArray[np.int64]:
        r"""Returns the number of frames of each segment, int64 of shape (n_segments,)."""
        ...

    def pts_table(self, segment: int) -> NDArray[np.int64]:
        r"""Returns the pts of a segment in presentation order, int64 of shape (n,)."""
        ...

    def timestamps(self) -> NDArray[np.float64]:
        r"""Returns the time of every frame in seconds, float64 of shape (n,), segment
        after segment in presentation order."""
        ...


@runtime_checkable
class ClockIndex(FrameIndex, Protocol):
    r"""An index that says more of its clock than one time for each frame."""

    @property
    def pace(self) -> Pace | None:
        r"""What is a pause; :obj:`None` leaves it to the default rule."""
        ...

    def shown_again(self) -> Showings:
        r"""Returns when frames are shown again, after their time in ``timestamps()``; of
        most videos nothing."""
        ...


@runtime_checkable
class PacketIndex(FrameIndex, Protocol):
    r"""An index that knows its files, too: where the packets of each frame lie, so that the
    container need not be opened, and how each file is known again."""

    @property
    def uri(self) -> str:
        r"""Where the index lies; ``""`` if in memory alone."""
        ...

    @property
    def index_id(self) -> str:
        r"""What tells it from another index of the same video; ``""`` if nothing does."""
        ...

    @property
    def uris(self) -> Sequence[str]:
        r"""The file of each segment; empty if it knows no packets after all."""
        ...

    @property
    def segments(self) -> Sequence[SegmentPackets]:
        r"""The packets of each segment, in the order of ``uris``."""
        ...

    @property
    def verified(self) -> bool:
        r"""Whether its key frames were proven by decoding."""
        ...
