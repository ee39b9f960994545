r"""The recording behind a lazy video: its files, their frames and its clock."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from .._base.configuration import PROXY
from .._base.fork_safety import kept_property
from .._base.process_cache import RECORDING_ARRAYS
from .._decode.read_file import VideoFile
from .._pixels.convert import OutputFormat
from .._pixels.depth import bit_depth, warn_of_lost_bits
from ..types import OnError, ProxyUse, Showings
from .part import VideoPart
from .proxies import Source, with_proxies

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Recording:
    r"""Parts of one recording, and the pixels to read from them.

    Args:
        parts: in the order in which their frames are numbered.
        output: the pixels asked for.
        on_error: ``"raise"``, or ``"mask"`` for zeros where a frame does not decode.
        threads: groups of pictures to decode side by side, or ``"auto"``.
        proxy: which proxies are read; by default, those that are configured.
    """

    parts: tuple[VideoPart, ...]
    output: OutputFormat = OutputFormat()
    on_error: OnError = "raise"
    threads: int | Literal["auto"] = 1
    proxy: ProxyUse | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def __deepcopy__(self, memo: dict[int, Any]) -> Recording:
        return self

    @kept_property
    def frame_counts(self) -> np.ndarray:
        r"""Number of frames of each segment, int64 of shape (n_segments,)."""
        return np.concatenate([part.frame_counts for part in self.parts])

    @kept_property
    def frame_offsets(self) -> np.ndarray:
        r"""Number of the first frame of each segment, int64 of shape (n_segments,)."""
        return np.concatenate([[0], np.cumsum(self.frame_counts)[:-1]]).astype(np.int64)

    @property
    def timestamps(self) -> np.ndarray:
        r"""Seconds of each frame by its number, read-only float64 of shape (n,); NaN for
        frames without a time, and for parts whose index has another clock than the saved
        recording."""
        return self._column("timestamps")

    def _make_timestamps(self) -> np.ndarray:
        clocks = []
        for part in self.parts:
            clock = np.full(int(part.frame_counts.sum()), np.nan)
            clocks.append(clock)
            # Times of another clock than the recording's would be wrong here.
            if not part.keeps_clock:
                continue
            times = np.asarray(part.index.timestamps(), np.float64)[: len(clock)]
            clock[: len(times)] = times
        return np.concatenate(clocks)

    @property
    def shown_again(self) -> Showings:
        r"""When frames are shown again, after their time in :attr:`timestamps`."""
        first = np.cumsum([0, *(part.frame_counts.sum() for part in self.parts)])
        found = [part.shown_again for part in self.parts]
        numbers = [again.frames + start for again, start in zip(found, first)]
        times = np.concatenate([again.times for again in found])
        return Showings(times, np.concatenate(numbers))

    def _showings(self) -> Showings:
        # All times at which frames are shown, unsorted; NaN of frames without a time.
        first, again = self.timestamps, self.shown_again
        return Showings(
            np.concatenate([first, again.times]),
            np.concatenate([np.arange(len(first)), again.frames]),
        )

    @property
    def time_order(self) -> np.ndarray:
        r"""Frame numbers sorted by time, read-only int64 of shape (n,). Frames without a
        time are left out; frames that are shown again are there again."""
        return self._column("time_order")

    def _make_time_order(self) -> np.ndarray:
        times, frames = self._showings()
        if (times[1:] >= times[:-1]).all() and not np.isnan(times[:1]).any():
            return frames
        _LOG.info("the clock of %s steps back: frames are sorted by it", self.parts[0].uri)
        order = np.argsort(times, kind="stable")
        return frames[order[: np.count_nonzero(~np.isnan(times))]]

    @property
    def sorted_timestamps(self) -> np.ndarray:
        r"""Seconds in time order, read-only float64 of shape (n,)."""
        return self._column("sorted_timestamps")

    def _make_sorted_timestamps(self) -> np.ndarray:
        times = np.sort(self._showings().times)
        return times[: np.count_nonzero(~np.isnan(times))]

    def tolerances(self, frames: np.ndarray) -> np.ndarray:
        r"""Returns how far in time from itself each frame may be shown at most, seconds,
        float64 of shape (n,).

        Args:
            frames: frame numbers, int64 of shape (n,).
        """
        stops = np.cumsum([part.frame_counts.sum() for part in self.parts])
        of_parts = [max(2 * p.pace.interval, p.pace.max_gap) for p in self.parts]
        return np.array(of_parts)[np.searchsorted(stops, frames, side="right")]

    def _column(self, name: str) -> np.ndarray:
        make = FromRecording(self, name)
        return RECORDING_ARRAYS.get(make, make)

    @kept_property
    def files(self) -> list[tuple[VideoFile, np.ndarray | None]]:
        r"""The file of each segment, as :attr:`VideoPart.files`."""
        return [file for part in self.parts for file in part.files]

    @property
    def sources(self) -> list[Source]:
        r"""What is read for each segment of a video with a ``resize``, as :attr:`files`:
        proxies where there are some that may be used."""
        use = self.proxy or PROXY.read()
        if use == "never":
            return self.files
        return self._exact_sources if use == "lossless" else self._lossy_sources

    @kept_property
    def _exact_sources(self) -> list[Source]:
        return self._with_proxies(True)

    @kept_property
    def _lossy_sources(self) -> list[Source]:
        return self._with_proxies(False, True)

    def _with_proxies(self, *lossless: bool) -> list[Source]:
        output = self.settled_output
        return [s for part in self.parts for s in with_proxies(part, output, lossless)]

    @kept_property
    def bit_depth(self) -> int:
        r"""Bits that a sample of the video has; of several files, the most."""
        return max(bit_depth(file.packets.stream.pixel_format) for file, _ in self.files)

    @kept_property
    def settled_output(self) -> OutputFormat:
        r"""The pixels to read, with the dtype that ``"auto"`` stands for."""
        if self.output.dtype != "auto":
            return self.output
        return self.output.for_depth(self.bit_depth)

    def warn_of_lost_bits(self) -> None:
        r"""Warns of each file whose samples have more bits than the pixels."""
        dtype = self.settled_output.sample_dtype
        for file, _ in self.files:
            warn_of_lost_bits(file.uri, file.packets.stream.pixel_format, dtype)

    @kept_property
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


@dataclass(frozen=True)
class FromRecording:
    r"""Makes a column of a recording's index.

    Args:
        recording: the recording.
        name: ``"timestamps"``, ``"time_order"`` or ``"sorted_timestamps"``.
    """

    recording: Recording
    name: str

    def __call__(self) -> np.ndarray:
        return getattr(self.recording, f"_make_{self.name}")()


def merge_recordings(recordings: Sequence[Recording]) -> tuple[Recording, list[np.ndarray]]:
    r"""Returns one recording of all parts, and the new numbers of each recording's frames.

    Args:
        recordings: they agree in everything but their parts.

    Returns:
        The recording, and per old recording the new numbers by old number, int64.
    """
    parts: dict[Any, VideoPart] = {}
    for recording in recordings:
        for part in recording.parts:
            parts.setdefault(part.identity, part)
    sizes = [int(part.frame_counts.sum()) for part in parts.values()]
    start = dict(zip(parts, np.concatenate([[0], np.cumsum(sizes)[:-1]])))
    first = recordings[0]
    # Masked frames become zeros only if all recordings agree to that.
    on_error: OnError = "mask" if all(s.on_error == "mask" for s in recordings) else "raise"
    merged = replace(first, parts=tuple(parts.values()), on_error=on_error)
    return merged, [
        np.concatenate(
            [
                start[part.identity] + np.arange(int(part.frame_counts.sum()))
                for part in recording.parts
            ]
        ).astype(np.int64)
        for recording in recordings
    ]
