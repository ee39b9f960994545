r"""The recording behind a lazy video: its files, its index, and how frames are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._base.process_cache import RECORDING_ARRAYS
from .._base.progress import progress_bar
from .._base.uris import shown_uri
from .._bytes.configured_cache import ConfiguredCache, require_cache
from .._decode.read_file import VideoFile, prefetch_frames, read_cost
from .._pixels.convert import OutputFormat
from ..errors import FrameIndexError
from ..types import Cost, OnError
from .part import VideoPart


@dataclass(frozen=True, eq=False)
class Recording:
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

    def __deepcopy__(self, memo: dict[int, Any]) -> Recording:
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
        frames without a time, and where a recording goes by another clock."""
        return RECORDING_ARRAYS.get((self, "timestamps"), self._read_timestamps)

    def _read_timestamps(self) -> np.ndarray:
        clocks = []
        for part in self.parts:
            clock = np.full(int(part.frame_counts.sum()), np.nan)
            clocks.append(clock)
            # Times of another clock than the recording's would be made up.
            if not part.keeps_clock:
                continue
            known = np.asarray(part.index.timestamps(), np.float64)[: len(clock)]
            clock[: len(known)] = known
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
    def files(self) -> list[tuple[VideoFile, np.ndarray | None]]:
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
            require_cache(n_bytes)
        done = 0
        with progress_bar("fetching", n_bytes, progress) as show:

            def advance(n_more: int) -> None:
                nonlocal done
                done += n_more
                if show is not None:
                    show(done)

            for file, rows in wanted:
                prefetch_frames(file, rows, advance)

    def checked(self, numbers: np.ndarray) -> NDArray[np.int64]:
        r"""Returns frame numbers, all of which the recording has.

        Args:
            numbers: frame numbers in any order, repeated or not, shape (n,).

        Raises:
            FrameIndexError: if one is none of the recording, as in a damaged HDF5 file.
        """
        found = np.asarray(numbers)
        n_frames = int(self.frame_counts.sum())
        if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
            what = f"{found.dtype} of shape {found.shape} are no frame numbers"
        elif len(outside := found[(found < 0) | (found >= n_frames)]):
            what = f"there is no frame {outside[0]}, it has {n_frames}"
        else:
            return found.astype(np.int64, copy=False)
        raise FrameIndexError(
            f"{what}: the frame_indices of the recording do not fit "
            f"{shown_uri(self.parts[0].uri)!r}. The recording is damaged, or of another "
            f"video; open the video with LazyVideo.from_uri and save the recording again."
        )

    def by_file(
        self, numbers: np.ndarray
    ) -> Iterator[tuple[VideoFile, np.ndarray, np.ndarray]]:
        r"""Yields for each segment that is concerned its file, the frames within the
        file, and where in ``numbers`` they stand.

        Args:
            numbers: frame numbers, sorted and unique, int64 of shape (n,).

        Raises:
            FrameIndexError: if one is none of the recording.
        """
        numbers = self.checked(numbers)
        segment = np.searchsorted(self.frame_offsets, numbers, side="right") - 1
        for s in np.unique(segment).tolist():
            wanted = np.flatnonzero(segment == s)
            file, mapping = self.files[s]
            rows = numbers[wanted] - self.frame_offsets[s]
            yield file, rows if mapping is None else mapping[rows], wanted


def merge_recordings(recordings: Sequence[Recording]) -> tuple[Recording, list[np.ndarray]]:
    r"""Returns one recording of all parts, and the new numbers of each recording's frames.

    Args:
        recordings: they agree in everything but their parts.

    Returns:
        The recording, and for each of those given the new number by old number, int64.
    """
    parts: dict[Any, VideoPart] = {}
    for recording in recordings:
        for part in recording.parts:
            parts.setdefault(part.identity, part)
    sizes = [int(part.frame_counts.sum()) for part in parts.values()]
    start = dict(zip(parts, np.concatenate([[0], np.cumsum(sizes)[:-1]])))
    first = recordings[0]
    # Zeros only where all agreed to them.
    on_error: OnError = "mask" if all(s.on_error == "mask" for s in recordings) else "raise"
    merged = Recording(tuple(parts.values()), first.output, on_error, first.threads)
    return merged, [
        np.concatenate(
            [
                start[part.identity] + np.arange(int(part.frame_counts.sum()))
                for part in recording.parts
            ]
        ).astype(np.int64)
        for recording in recordings
    ]
