r"""The sidecar of a video: a Lance dataset with one row for each visible frame."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._base.fork_safety import kept_property
from .._base.process_cache import ProcessCache
from .._base.uris import normalize_uri
from ..errors import FrameIndexError, IndexFormatError, IndexNotFoundError, StaleIndexError
from ..types import (
    PACKET_DTYPES,
    Fingerprint,
    ObjectStore,
    Pace,
    Packets,
    Showings,
    StreamInfo,
)
from .lance_access import Description, LanceError, read_columns
from .proxy_record import ProxyRecord
from .sidecar_header import decode_header, decode_segment
from .sidecar_place import (
    OpenedDataset,
    Place,
    describe_place,
    first_line,
    open_place,
)

CLOCK_COLUMNS = ("segment_idx", "local_frame_idx", "pts", "timestamp")

_CHUNK_ROWS = 4096
# Kinds of NumPy types; integers with a null among them arrive as floats.
_KINDS = dict.fromkeys(("segment_idx", "local_frame_idx", *PACKET_DTYPES), "iu")
_KINDS |= {"timestamp": "f", "keyframe": "b", "checksum": "i"}

_CHUNKS: ProcessCache[Packets] = ProcessCache(128)


@dataclass(frozen=True, eq=False)
class LanceSegment:
    r"""One file in a sidecar (a :obj:`~temporaldata_video.types.SegmentPackets`).

    Args:
        index: the sidecar.
        offset: row of its first frame.
        count: number of its frames.
        uri: where the file lies.
        stream: the facts of the stream.
        hidden: packets that are decoded but not shown.
        fingerprint: identifies the file.
    """

    index: LanceFrameIndex
    offset: int
    count: int
    uri: str
    stream: StreamInfo
    hidden: Packets
    fingerprint: Fingerprint | None

    def __len__(self) -> int:
        return self.count

    def rows(self, start: int, stop: int) -> Packets:
        r"""Returns the packets of the frames ``[start, stop)``."""
        return self.index._packets(self.offset + start, self.offset + stop)


@dataclass(frozen=True, init=False)
class LanceFrameIndex:
    r"""A frame index that is read from its sidecar as it is needed.

    :meth:`open` makes it, or, of a dataset that is open already, this constructor. It
    holds no handle, so that it can be copied, pickled and taken across a fork; each process
    keeps the rows that it has read.

    Args:
        dataset: an open ``lance.LanceDataset``. Its uri, version and storage options are
            taken, and options do not go into pickles.
        uri: the name of the index, from which those of its files count; by default, where
            the dataset lies.

    Attributes:
        uri: where the sidecar lies.
        version: the version of the Lance dataset.
        index_id: unique to one call of ``write_sidecar``; ``""`` if others wrote it.

    Raises:
        IndexFormatError: if it is no frame index, or damaged.
    """

    uri: str
    version: int
    index_id: str
    _counts: tuple[int, ...] = field(repr=False)
    _header: Mapping[str, Any] | None = field(repr=False, compare=False)
    _place: Place = field(repr=False, compare=False)
    _order: np.ndarray | None = field(default=None, repr=False, compare=False)

    def __init__(self, dataset: Any, uri: str | os.PathLike[str] | None = None) -> None:
        there = normalize_uri(dataset.uri)
        options = getattr(dataset, "_storage_options", None) or {}
        store = OpenedDataset(there, tuple(sorted(options.items())))
        place = Place(os.fspath(uri) if uri is not None else there, store)
        self.__dict__.update(_facts_at(place, describe_place(place, dataset.version)))

    @classmethod
    def open(
        cls, index_uri: str | os.PathLike[str], store: ObjectStore | None = None
    ) -> LanceFrameIndex:
        r"""Opens a sidecar, reading no more than its schema.

        Args:
            index_uri: where the sidecar lies.
            store: reads a remote sidecar; without it, fsspec does, with options from
                environment variables.

        Raises:
            IndexNotFoundError: if there is none.
            IndexFormatError: if it is damaged, or of a kind that this version can't read.

        Example ::

            >>> import temporaldata_video as tv
            >>> from temporaldata_video.testing import make_clip
            >>> clip = make_clip("clip.mp4", n_frames=60)
            >>> index = tv.write_index(clip, progress=False)
            >>> tv.LanceFrameIndex.open("clip.mp4.lance").segment_frame_counts()
            array([60])
        """
        index = cls.__new__(cls)
        found = open_place(normalize_uri(index_uri, store), store)
        index.__dict__.update(_facts_at(*found))
        return index

    def __getstate__(self) -> dict[str, Any]:
        # A store may hold credentials; the reader has its own.
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return state | {"_place": self._place.without_secrets}

    def with_store(self, store: ObjectStore) -> LanceFrameIndex:
        r"""Returns the index with a store, if it has none, as after unpickling.

        Args:
            store: reads a remote sidecar.
        """
        if self._place.store is not None:
            return self
        index = copy.copy(self)
        index.__dict__["_place"] = replace(self._place, store=store)
        return index

    @kept_property
    def segments(self) -> tuple[LanceSegment, ...]:
        r"""The packets of each file; empty in sidecars that have no byte positions."""
        if self._header is None:
            return ()
        offsets = np.concatenate([[0], np.cumsum(self._counts)])
        return tuple(
            LanceSegment(self, int(offset), count, **decode_segment(segment, self.uri))
            for segment, offset, count in zip(
                self._header["segments"], offsets, self._counts
            )
        )

    @property
    def uris(self) -> tuple[str, ...]:
        r"""The file of each segment; empty in sidecars that have no byte positions."""
        return tuple(segment.uri for segment in self.segments)

    def segment_frame_counts(self) -> NDArray[np.int64]:
        r"""Returns the number of frames of each segment, int64 of shape (n_segments,)."""
        return np.array(self._counts, np.int64)

    def pts_table(self, segment: int) -> NDArray[np.int64]:
        r"""Returns the pts of a segment in presentation order, int64 of shape (n,).

        Args:
            segment: number of the segment.

        Raises:
            ValueError: if there is no such segment.
        """
        if not 0 <= segment < len(self._counts):
            raise ValueError(
                f"segment {segment} is out of range: {self.uri!r} has "
                f"{len(self._counts)} segments."
            )
        offset = sum(self._counts[:segment])
        return self._column("pts", offset, self._counts[segment]).astype(np.int64)

    def timestamps(self) -> NDArray[np.float64]:
        r"""Returns the time of every frame, float64 seconds of shape (n,); NaN where a
        frame has none."""
        n_frames = sum(self._counts)
        if self._header is not None and n_frames <= _CHUNK_ROWS:
            # Packets are needed next, and come with the same request.
            columns = self._read(("timestamp", *PACKET_DTYPES), 0, n_frames)
            times = columns.pop("timestamp")
            _CHUNKS.put(self._chunk_key(0), self._as_packets(columns))
        else:
            times = self._column("timestamp", 0, n_frames)
        if np.isinf(times).any():
            raise self._impossible("timestamp")
        return times

    @property
    def pace(self) -> Pace | None:
        r"""How fast the camera takes frames, and what is a pause; :obj:`None` in sidecars
        that do not say it."""
        return self._header["pace"] if self._header is not None else None

    def shown_again(self) -> Showings:
        r"""Returns when frames are shown again, after their time in :meth:`timestamps`."""
        return self._header["shown_again"] if self._header is not None else Showings.none()

    @property
    def clock_facts(self) -> Mapping[str, Any]:
        r"""How the times came about.

        It holds ``"match"``, as of a :class:`~temporaldata_video.ClockMatch`, where pulses
        were matched to frames, and ``"sync"`` where pairs of times mapped them; else
        nothing.
        """
        return self._header["clock"] if self._header is not None else {}

    @property
    def proxy(self) -> ProxyRecord | None:
        r"""Whose proxy its file is; :obj:`None` of a video."""
        return self._header["proxy"] if self._header is not None else None

    @property
    def verified(self) -> bool:
        r"""Whether its key frames are proven, and frames have checksums."""
        return self._header is not None and self._header["verified"]

    def checksums(self) -> np.ndarray:
        r"""Returns the checksum of every frame, int64 of shape (n,), as
        :func:`~temporaldata_video._decode.keyframes.checksums` takes them.

        Raises:
            FrameIndexError: if the index was not verified when it was written.
        """
        if not self.verified:
            raise FrameIndexError(
                f"the index {self.uri!r} has no checksums. Make them with: "
                f"temporaldata-video index --verify --overwrite FILE"
            )
        return self._column("checksum", 0, sum(self._counts))

    def _column(self, name: str, offset: int, count: int) -> np.ndarray:
        if self._order is None:
            return self._read((name,), offset, count)[name]
        # Rows that others did not sort can be anywhere.
        values = self._read((name,), 0, len(self._order))[name]
        return values[self._order[offset : offset + count]]

    def _packets(self, start: int, stop: int) -> Packets:
        first, last = start // _CHUNK_ROWS, max(start, stop - 1) // _CHUNK_ROWS
        table = self._chunk(first)
        if last > first:
            further = map(self._chunk, range(first + 1, last + 1))
            table = Packets.concatenate([table, *further])
        return table[start - first * _CHUNK_ROWS : stop - first * _CHUNK_ROWS]

    def _chunk(self, number: int) -> Packets:
        return _CHUNKS.get(self._chunk_key(number), partial(self._read_chunk, number))

    def _read_chunk(self, number: int) -> Packets:
        first = number * _CHUNK_ROWS
        count = min(_CHUNK_ROWS, sum(self._counts) - first)
        return self._as_packets(self._read(tuple(PACKET_DTYPES), first, count))

    def _chunk_key(self, number: int) -> tuple[str, int, str, int]:
        return self.uri, self.version, self.index_id, number

    def _as_packets(self, columns: Mapping[str, np.ndarray]) -> Packets:
        packets = Packets(**columns)
        if packets.size.min(initial=1) < 1:
            raise self._impossible("size")
        return packets

    def _impossible(self, column: str) -> IndexFormatError:
        return IndexFormatError(
            f"the index {self.uri!r} is damaged: its column {column!r} holds what it "
            f"cannot. Index the video again with overwrite=True."
        )

    def _read(self, names: Sequence[str], offset: int, count: int) -> dict[str, np.ndarray]:
        try:
            columns = _read_rows(
                self._place, self.version, self.index_id, names, offset, count
            )
        except IndexFormatError:
            # A copy is of this version and no other.
            if self._place.is_copied or self._is_current():
                raise
            raise StaleIndexError(
                f"the index {self.uri!r} was written anew since it was opened; open the "
                f"video again."
            ) from None
        for name, values in columns.items():
            if values.dtype.kind not in _KINDS[name] or len(values) != count:
                raise self._impossible(name)
        return columns

    def _is_current(self) -> bool:
        try:
            dataset = describe_place(self._place, self.version)
        except IndexNotFoundError:
            return False
        header = decode_header(dataset.metadata, self.uri)
        return (header["index_id"] if header else "") == self.index_id


def _read_rows(
    place: Place, version: int, tag: str, names: Sequence[str], offset: int, count: int
) -> dict[str, np.ndarray]:
    try:
        return place.ask(read_columns, version, tag, names, offset, count)
    except LanceError as error:
        raise IndexFormatError(
            f"cannot read rows {offset} to {offset + count} of the index {place.uri!r} "
            f"({first_line(error)}). Index the video again with overwrite=True."
        ) from error


def _facts_at(place: Place, dataset: Description) -> dict[str, Any]:
    # What a LanceFrameIndex holds.
    check_columns(place.uri, dataset)
    header = decode_header(dataset.metadata, place.uri)
    order = None
    if header:
        counts = tuple(int(segment["frames"]) for segment in header["segments"])
    else:
        counts, order = _count_segments(place, dataset)
    if sum(counts) != dataset.rows:
        raise IndexFormatError(
            f"the index at {place.uri!r} has {sum(counts)} frames by its header, and "
            f"{dataset.rows} rows. Index the video again with overwrite=True."
        )
    return {
        "uri": place.uri,
        "version": dataset.version,
        "index_id": header["index_id"] if header else "",
        "_counts": counts,
        "_header": header,
        "_place": place,
        "_order": order,
    }


def check_columns(uri: str, dataset: Description) -> None:
    r"""Raises :obj:`IndexFormatError` if a dataset is no frame index.

    Args:
        uri: where it lies.
        dataset: what it says of itself.
    """
    missing = [name for name in CLOCK_COLUMNS if name not in dataset.columns]
    if missing:
        raise IndexFormatError(
            f"the dataset at {uri!r} is no frame index: it lacks the columns "
            f"{', '.join(missing)}. Index the video again with overwrite=True, or pass "
            f"index_uri if the dataset is something else."
        )


def _count_segments(
    place: Place, dataset: Description
) -> tuple[tuple[int, ...], np.ndarray | None]:
    # In sidecars without our header, only the rows tell the segments, in any order. Returns
    # the frames of each, and the order of the rows if they are not sorted.
    names = ("segment_idx", "local_frame_idx")
    columns = _read_rows(place, dataset.version, "", names, 0, dataset.rows)
    segment, local = (columns[name] for name in names)
    n_rows = len(segment)
    # This check comes before arrays of the size that the rows claim.
    if all(_can_count(column, n_rows) for column in (segment, local)):
        segment, local = segment.astype(np.int64), local.astype(np.int64)
        order = np.lexsort((local, segment))
        counts = np.bincount(segment) if n_rows else np.zeros(1, int)
        expected = np.concatenate([np.arange(count) for count in counts])
        if np.array_equal(local[order], expected):
            is_sorted = np.array_equal(order, np.arange(n_rows))
            return tuple(counts.tolist()), None if is_sorted else order
    raise IndexFormatError(
        f"the rows of the index at {place.uri!r} do not count segments by segment_idx, and "
        f"frames by local_frame_idx, each from 0 without a gap."
    )


def _can_count(column: np.ndarray, n_rows: int) -> bool:
    # Whether its values can be numbers of that many rows.
    if column.dtype.kind not in "iu":
        return False
    return not n_rows or bool(column.min() >= 0 and column.max() < n_rows)
