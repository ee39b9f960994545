r"""The recording behind a lazy video: its files, its index, and how frames are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import IndexFormatError
from .index.match import match_frames
from .index.memory import MemoryFrameIndex
from .index.sidecar import LanceFrameIndex
from .indexing import build_memory_index, build_segment
from .layout import check_scheme, segment_uris
from .media.cache_settings import ConfiguredCache, cache_settings
from .media.convert import OutputFormat
from .media.read import Segment, prefetch_frames, read_cost
from .plugin.manager import (
    resolve_cache,
    resolve_index,
    resolve_index_store,
    resolve_store,
)
from .process import RECORDING_ARRAYS, ProcessCache
from .progress import progress_bar
from .reading import Request, read_together
from .types import Cost, FrameIndex, ObjectStore, OnError

# Files of indexes without byte positions, scanned once in each process.
_SCANS: ProcessCache[Any] = ProcessCache(64)


@dataclass(frozen=True, eq=False)
class VideoPart:
    r"""A video as it was indexed: one file or several, and one index.

    Immutable and free of handles, so that all slices of a video share it.

    Args:
        uri: the video, or its first file.
        further_uris: the further files.
        store: reads the files.
        index_uri: where the sidecar lies, if not beside the video.
        given_index: an index that need not be looked for.
    """

    uri: str
    further_uris: tuple[str, ...] = ()
    store: ObjectStore | None = field(default=None, repr=False)
    index_uri: str | None = None
    given_index: FrameIndex | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # What was looked up is looked up again, but an index that was built is kept.
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if isinstance(self.__dict__.get("index"), MemoryFrameIndex):
            state["given_index"] = self.index
        return state

    @cached_property
    def reader(self) -> ObjectStore:
        r"""The store that reads the files."""
        return self.store or resolve_store(self.uri)

    @cached_property
    def index(self) -> FrameIndex:
        r"""The frame index: the one given, the sidecar, or one that is built now."""
        given = self.given_index
        if isinstance(given, LanceFrameIndex):
            return given.with_store(resolve_index_store(given.uri, self.uri, self.reader))
        if given is not None:
            return given
        if self.index_uri is not None:
            store = resolve_index_store(self.index_uri, self.uri, self.reader)
            return LanceFrameIndex.open(self.index_uri, store)
        found = resolve_index(self.uri, self.reader)
        return found or build_memory_index(self.reader, [self.uri, *self.further_uris])

    def open_index(self) -> None:
        r"""Looks for the index now, so that what is wrong with it is said now."""
        _ = self.index

    @cached_property
    def frame_counts(self) -> np.ndarray:
        r"""Number of frames of each segment, int64 of shape (n_segments,)."""
        return np.asarray(self.index.segment_frame_counts(), np.int64)

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        r"""What two parts have in common if they are the same video."""
        index_id = getattr(self.index, "index_id", "") or (
            getattr(self.index, "uri", None) or id(self.index)
        )
        return self.uri, self.further_uris, index_id

    @cached_property
    def segment_uris(self) -> list[str]:
        r"""The file in which each segment lies."""
        n = len(self.frame_counts)
        if self.further_uris:
            uris = [self.uri, *self.further_uris]
            if len(uris) != n:
                raise self._other_number_of_files(n)
            return uris
        if n > 1:
            uris = segment_uris(self.uri, n)
            if all(self._exists(uri) for uri in uris[1:]):
                return uris
        # Segments may be a matter of the index alone: all of them lie in the one file.
        return [self.uri] * n

    def _other_number_of_files(self, n_segments: int) -> IndexFormatError:
        return IndexFormatError(
            f"the index of {self.uri!r} has {n_segments} segments, and "
            f"{1 + len(self.further_uris)} files are given."
        )

    def _exists(self, uri: str) -> bool:
        try:
            self.reader.head(uri)
        except FileNotFoundError:
            return False
        return True

    @cached_property
    def files(self) -> list[tuple[Segment, np.ndarray | None]]:
        r"""For each segment its file, and which frame of the file each of its rows is
        (:obj:`None` where row and frame are the same)."""
        segments = getattr(self.index, "segments", ())
        if segments:
            uris = [self.uri, *self.further_uris]
            if not self.further_uris:
                uris += [segment.uri for segment in segments[1:]]
            if len(uris) != len(segments):
                raise self._other_number_of_files(len(segments))
            for uri in uris:
                check_scheme(uri, self.uri)
            return [
                (self._file(uri, packets), None)
                for uri, packets in zip(uris, segments, strict=True)
            ]
        return list(self._matched_files())

    def _matched_files(self) -> Iterator[tuple[Segment, np.ndarray]]:
        uris = self.segment_uris
        tables = [np.asarray(self.index.pts_table(i), np.int64) for i in range(len(uris))]
        frames: dict[int, tuple[Segment, np.ndarray]] = {}
        for uri in dict.fromkeys(uris):
            meta = self.reader.head(uri)
            packets = _SCANS.get((uri, meta), partial(build_segment, self.reader, uri))
            mine = [i for i, other in enumerate(uris) if other == uri]
            matched = match_frames([tables[i] for i in mine], packets.frames.pts, uri)
            frames.update(
                (i, (self._file(uri, packets), rows)) for i, rows in zip(mine, matched)
            )
        return (frames[i] for i in range(len(uris)))

    def _file(self, uri: str, packets: Any) -> Segment:
        return Segment(uri, packets, self.reader, resolve_cache(uri, self.reader))


@dataclass(frozen=True, eq=False)
class VideoSource:
    r"""Parts of one recording, and the pixels that are asked of them.

    Args:
        parts: in the order in which their frames are numbered.
        output: the pixels asked for.
        on_error: ``"raise"``, or ``"mask"`` for zeros where a frame does not decode.
        threads: groups of pictures to decode side by side, or ``"auto"``.
    """

    parts: tuple[VideoPart, ...]
    output: OutputFormat = OutputFormat()
    on_error: OnError = "raise"
    threads: int | Literal["auto"] = 1

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def __deepcopy__(self, memo: dict[int, Any]) -> VideoSource:
        return self

    @cached_property
    def frame_counts(self) -> np.ndarray:
        r"""Number of frames of each segment, int64 of shape (n_segments,)."""
        return np.concatenate([part.frame_counts for part in self.parts])

    @cached_property
    def frame_offsets(self) -> np.ndarray:
        r"""Number of the first frame of each segment, int64 of shape (n_segments,)."""
        return np.concatenate([[0], np.cumsum(self.frame_counts)[:-1]]).astype(np.int64)

    @property
    def timestamps(self) -> np.ndarray:
        r"""Seconds of each frame by its number, read-only float64 of shape (n,); NaN for
        frames without a time."""
        return RECORDING_ARRAYS.get((self, "timestamps"), self._read_timestamps)

    def _read_timestamps(self) -> np.ndarray:
        clocks = []
        for part in self.parts:
            clock = np.full(int(part.frame_counts.sum()), np.nan)
            known = np.asarray(part.index.timestamps(), np.float64)[: len(clock)]
            clock[: len(known)] = known
            clocks.append(clock)
        return np.concatenate(clocks)

    @property
    def time_order(self) -> np.ndarray:
        r"""Frame numbers sorted by time, read-only int64 of shape (n,); frames without a
        time are left out."""
        return RECORDING_ARRAYS.get((self, "order"), self._sort)

    def _sort(self) -> np.ndarray:
        times = self.timestamps
        if (times[1:] >= times[:-1]).all() and not np.isnan(times[:1]).any():
            return np.arange(len(times), dtype=np.int64)
        order = np.argsort(times, kind="stable").astype(np.int64)
        return order[: np.count_nonzero(~np.isnan(times))]

    @property
    def sorted_timestamps(self) -> np.ndarray:
        r"""Seconds in time order, read-only float64 of shape (n,)."""
        return RECORDING_ARRAYS.get(
            (self, "sorted"), lambda: self.timestamps[self.time_order]
        )

    @cached_property
    def files(self) -> list[tuple[Segment, np.ndarray | None]]:
        r"""The file of each segment, as :attr:`VideoPart.files`."""
        return [file for part in self.parts for file in part.files]

    @cached_property
    def frame_shape(self) -> tuple[int, int, int]:
        r"""Shape of one frame."""
        shapes = {
            self.output.frame_shape(*file.packets.stream.display_size)
            for file, _ in self.files
        }
        if len(shapes) > 1:
            raise ValueError(
                f"the files of this video have frames of different shapes "
                f"{sorted(shapes)}; pass resize=(height, width)."
            )
        return shapes.pop()

    def read(self, frames: np.ndarray) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        r"""Decodes frames: :func:`~temporaldata_video.reading.read_together` for one
        request.

        Args:
            frames: frame numbers in any order, repeated or not, int64 of shape (n,).
        """
        return read_together([Request(self, frames)])[0]

    def cost(self, frames: np.ndarray) -> Cost:
        r"""Returns what reading frames would cost.

        Args:
            frames: frame numbers, int64 of shape (n,).
        """
        costs = [
            read_cost(file, np.sort(rows))
            for file, rows, _ in self.by_file(np.unique(frames))
        ]
        return Cost(*(sum(column) for column in zip(*costs))) if costs else Cost(0, 0, 0, 0)

    def prefetch(self, frames: np.ndarray, progress: bool = False) -> None:
        r"""Fetches what reading frames would fetch into the cache.

        Args:
            frames: frame numbers, int64 of shape (n,).
            progress: show a progress bar.

        Raises:
            CacheError: if there is no cache, or it is too small.
        """
        wanted = [
            (file, np.sort(rows))
            for file, rows, _ in self.by_file(np.unique(frames))
            if file.cache is not None
        ]
        n_bytes = sum(read_cost(file, rows).bytes for file, rows in wanted)
        if any(isinstance(file.cache, ConfiguredCache) for file, _ in wanted):
            cache_settings().require(n_bytes)
        done = 0
        with progress_bar("fetching", n_bytes, progress) as show:

            def advance(n_more: int) -> None:
                nonlocal done
                done += n_more
                if show is not None:
                    show(done)

            for file, rows in wanted:
                prefetch_frames(file, rows, advance)

    def by_file(
        self, numbers: np.ndarray
    ) -> Iterator[tuple[Segment, np.ndarray, np.ndarray]]:
        r"""Yields for each segment that is concerned its file, the frames within the
        file, and where in ``numbers`` they stand.

        Args:
            numbers: frame numbers, sorted and unique, int64 of shape (n,).
        """
        segment = np.searchsorted(self.frame_offsets, numbers, side="right") - 1
        for s in np.unique(segment).tolist():
            wanted = np.flatnonzero(segment == s)
            file, mapping = self.files[s]
            rows = numbers[wanted] - self.frame_offsets[s]
            yield file, rows if mapping is None else mapping[rows], wanted


def merge_sources(sources: Sequence[VideoSource]) -> tuple[VideoSource, list[np.ndarray]]:
    r"""Returns one source of all parts, and the new numbers of each source's frames.

    Args:
        sources: they agree in everything but their parts.

    Returns:
        The source, and for each of those given the new number by old number, int64.
    """
    parts: dict[Any, VideoPart] = {}
    for source in sources:
        for part in source.parts:
            parts.setdefault(part.identity, part)
    sizes = [int(part.frame_counts.sum()) for part in parts.values()]
    start = dict(zip(parts, np.concatenate([[0], np.cumsum(sizes)[:-1]])))
    first = sources[0]
    # Zeros only where all agreed to them.
    on_error: OnError = "mask" if all(s.on_error == "mask" for s in sources) else "raise"
    merged = VideoSource(tuple(parts.values()), first.output, on_error, first.threads)
    return merged, [
        np.concatenate(
            [
                start[part.identity] + np.arange(int(part.frame_counts.sum()))
                for part in source.parts
            ]
        ).astype(np.int64)
        for source in sources
    ]
