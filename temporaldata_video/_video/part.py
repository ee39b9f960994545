r"""A video as it was indexed; a recording has one or several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .._base.fork_safety import kept_property
from .._base.process_cache import ProcessCache
from .._base.uris import followed, segment_uris, shown_uri
from .._base.user_warnings import warn_user
from .._build.file_index import build_segment, count_frames
from .._build.memory_build import build_memory_index
from .._bytes.fetch import ranged
from .._clock.pauses import pace_of
from .._decode.read_file import VideoFile
from .._index.match import match_frames
from .._index.memory_index import MemoryFrameIndex
from .._index.packets import segments_of, shown_again
from .._plugin.manager import (
    resolve_cache,
)
from .._plugin.place import VideoPlace
from .._sidecar.sidecar import LanceFrameIndex
from ..errors import IndexFormatError, IndexWarning
from ..types import ClockIndex, FrameIndex, ObjectStore, Pace, PacketIndex, Showings
from .saved import SavedVideo, clock_digest, index_id_of, saved_fingerprint

# Files of indexes without byte positions, scanned once in each process.
_SCANS: ProcessCache[Any] = ProcessCache(64)


@dataclass(frozen=True, eq=False)
class VideoPart:
    r"""A video as it was indexed: one file or several, and one index.

    Immutable and free of handles, so that all slices of a video share it.

    Args:
        place: where its files and its index are.
        given_index: an index; without it, the index is looked for.
        saved: what a recording says about the video, and what must still hold.
        max_gap: longest step in seconds that is no pause, if the user says it.
    """

    place: VideoPlace
    given_index: FrameIndex | None = field(default=None, repr=False)
    saved: SavedVideo | None = field(default=None, repr=False)
    max_gap: float | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Unpickling looks an index up again, but keeps an index that was built.
        state = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if "_opened" in self.__dict__ and isinstance(self.index, MemoryFrameIndex):
            state["given_index"] = self.index
        return state

    @property
    def uri(self) -> str:
        r"""The video, or its first file."""
        return self.place.uri

    @property
    def further_uris(self) -> tuple[str, ...]:
        r"""The further files, if the user named them."""
        return self.place.uris[1:]

    @kept_property
    def reader(self) -> ObjectStore:
        r"""The store that reads the files."""
        return self.place.reader

    @property
    def index(self) -> FrameIndex:
        r"""The frame index: ``given_index``, the sidecar, or one that is built now.

        Raises:
            StaleIndexError: if it is of another video than the recording was saved with.
        """
        return self._opened[0]

    @property
    def keeps_clock(self) -> bool:
        r"""Whether the index has the clock that the recording was saved with."""
        return self._opened[1]

    @kept_property
    def _opened(self) -> tuple[FrameIndex, bool]:
        index = self._find_index()
        if self.saved is None:
            return index, True
        self.saved.check_counts(index, self.uri)
        self.saved.check_files(index, self._named_uris(index), self.reader)
        same_clock = self.saved.has_clock_of(index)
        if not same_clock:
            recording = shown_uri(self.saved.recording)
            # What an index in memory has is the container's clock, which nobody chose.
            remedy = (
                f" To use the clock of the index, run: temporaldata-video relink "
                f"--take-clock {recording}; or open the video with LazyVideo.from_uri and "
                f"save the recording again."
            )
            warn_user(
                f"the index of {shown_uri(self.uri)!r} has another clock than it had when "
                f"the recording {recording!r} was saved. The recording keeps its own "
                f"timestamps, which were saved with it."
                f"{'' if isinstance(index, MemoryFrameIndex) else remedy}",
                IndexWarning,
            )
        return index, same_clock

    def _find_index(self) -> FrameIndex:
        index = self.given_index
        if isinstance(index, LanceFrameIndex):
            return index.with_store(self.place.store_of(index.uri))
        if index is not None:
            return index
        place = self.place
        return place.find_index() or build_memory_index(
            self.reader, place.uris, place.kept_clock, place.folder
        )

    @kept_property
    def frame_counts(self) -> np.ndarray:
        r"""Number of frames of each segment, int64 of shape (n_segments,)."""
        return np.asarray(self.index.segment_frame_counts(), np.int64)

    @property
    def shown_again(self) -> Showings:
        r"""When frames are shown again, after their time in the index; their numbers are
        those in this part."""
        return shown_again(self.index) if self.keeps_clock else Showings.none()

    @kept_property
    def pace(self) -> Pace:
        r"""How fast the camera takes frames, and which steps of its clock are pauses."""
        pace = self.saved.pace if self.saved is not None else None
        if pace is None and isinstance(self.index, ClockIndex):
            pace = self.index.pace
        if pace is None:
            times = np.asarray(self.index.timestamps(), np.float64)
            pace = pace_of(np.concatenate([times, self.shown_again.times]))
        return pace if self.max_gap is None else pace._replace(max_gap=self.max_gap)

    @kept_property
    def identity(self) -> tuple[Any, ...]:
        r"""Equal for two parts if they are the same video."""
        index = self.index
        identity = (index.index_id or index.uri) if isinstance(index, PacketIndex) else ""
        clock = self.saved.clock if self.saved and not self.keeps_clock else ""
        return self.uri, identity or (id(index), self.further_uris), clock

    def check_index(self) -> None:
        r"""Refuses an index whose numbers do not fit the files that the user named.

        Raises:
            IndexFormatError: if it has another number of segments than there are files, or
                more times than frames.
        """
        if self.further_uris:
            _ = self._uris_by_segment
        n_frames, n_times = int(self.frame_counts.sum()), len(self.index.timestamps())
        if n_times > n_frames:
            raise IndexFormatError(
                f"the index of {self.uri!r} has {n_times} timestamps and {n_frames} "
                f"frames. Pass an index with one timestamp for each frame."
            )

    @kept_property
    def segment_uris(self) -> list[str]:
        r"""The file in which each segment lies."""
        n = len(self.frame_counts)
        if self.further_uris:
            if len(self.place.uris) != n:
                raise self._other_number_of_files(n)
            return [*self.place.uris]
        if n > 1:
            uris = segment_uris(self.uri, n)
            if all(self._exists(uri) for uri in uris[1:]) and not self._holds_all():
                return uris
        # Only the index may know segments: then all of them lie in the one file.
        return [self.uri] * n

    def _holds_all(self) -> bool:
        # Whether the one file has the frames of all segments, so that a file of the next
        # number beside it is another video.
        n_frames = count_frames(self.reader, self.uri)
        return n_frames != self.frame_counts[0] and n_frames == self.frame_counts.sum()

    def _other_number_of_files(self, n_segments: int) -> IndexFormatError:
        return IndexFormatError(
            f"the index of {self.uri!r} has {n_segments} segments, and "
            f"the video has {len(self.place.uris)} files. Pass those after the first as "
            f"segment_uris=..., all of them."
        )

    def _exists(self, uri: str) -> bool:
        try:
            self.reader.head(uri)
        except FileNotFoundError:
            return False
        return True

    @kept_property
    def files(self) -> list[tuple[VideoFile, np.ndarray | None]]:
        r"""The file of each segment, and the frame of the file for each of its rows
        (:obj:`None` where row and frame are the same)."""
        segments = segments_of(self.index)
        if segments:
            uris = self._named_uris(self.index)
            return [
                (self._file(uri, packets), None)
                for uri, packets in zip(uris, segments, strict=True)
            ]
        return list(self._matched_files())

    def _named_uris(self, index: FrameIndex) -> list[str]:
        # The files that an index names, in their order; none if it names no files.
        indexed = index.uris if isinstance(index, PacketIndex) else ()
        if not indexed:
            return []
        uris = [self.uri, *(self.further_uris or followed(indexed[1:], self.uri))]
        if len(uris) != len(indexed):
            raise self._other_number_of_files(len(indexed))
        return uris

    def _matched_files(self) -> Iterator[tuple[VideoFile, np.ndarray]]:
        uris = self.segment_uris
        tables = [np.asarray(self.index.pts_table(i), np.int64) for i in range(len(uris))]
        for segment, (table, count) in enumerate(zip(tables, self.frame_counts.tolist())):
            if len(table) != count:
                raise IndexFormatError(
                    f"the index of {self.uri!r} has {count} frames in segment {segment}, "
                    f"and pts of {len(table)}. Make it anew: temporaldata-video index "
                    f"--overwrite {self.uri}"
                )
        frames: dict[int, tuple[VideoFile, np.ndarray]] = {}
        for uri in dict.fromkeys(uris):
            meta = self.reader.head(uri)
            packets = _SCANS.get((uri, meta), partial(build_segment, self.reader, uri))
            numbers = [i for i, other in enumerate(uris) if other == uri]
            if self.saved is not None and self.saved.fingerprints:
                was = self.saved.fingerprints[numbers[0]]
                self.saved.check_file(uri, was, packets.fingerprint, self.reader)
            matched = match_frames([tables[i] for i in numbers], packets.frames.pts, uri)
            frames.update(
                (i, (self._file(uri, packets), rows)) for i, rows in zip(numbers, matched)
            )
        return (frames[i] for i in range(len(uris)))

    def _file(self, uri: str, packets: Any) -> VideoFile:
        cache, count = resolve_cache(uri, self.reader), partial(count_frames, self.reader)
        return VideoFile(uri, packets, ranged(self.reader), cache, count)

    @property
    def _uris_by_segment(self) -> list[str]:
        return self._named_uris(self.index) or self.segment_uris

    @property
    def file_uris(self) -> tuple[str, ...]:
        r"""All files, as a recording names them: the one alone that holds all segments."""
        if self.saved is not None:
            return self.place.uris
        uris = self._uris_by_segment
        return (self.uri,) if set(uris) == {self.uri} else tuple(uris)

    @kept_property
    def to_save(self) -> SavedVideo:
        r"""What a recording must save to recognize the video later."""
        if self.saved is not None:
            return self.saved
        uris = self._uris_by_segment
        segments = segments_of(self.index)
        fingerprints = [segment.fingerprint for segment in segments] or [None] * len(uris)
        taken = {
            uri: saved_fingerprint(self.reader, uri, fingerprint)
            for uri, fingerprint in zip(uris, fingerprints)
        }
        return SavedVideo(
            "",
            tuple(self.frame_counts.tolist()),
            tuple(taken[uri] for uri in uris),
            index_id_of(self.index),
            clock_digest(self.index.timestamps(), shown_again(self.index)),
            self.pace,
        )
