r"""Arrays of which only the shape is known until somebody needs their values.

They stand in the ``__dict__`` of a series where the host expects NumPy arrays, and have
the methods that its ``slice``, ``select_by_mask``, ``copy`` and ``repr`` use.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, zip_longest
from math import prod
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from .._base.machine import usable_threads
from .._base.memory import check_request, empty_frames
from .._base.process_cache import RECORDING_ARRAYS
from .._base.uris import protocol_of, shown_uri
from .._bytes.fetch import MAX_OBJECTS, side_by_side
from .._decode.plan import Run
from .._decode.read_file import VideoFile, fetch_ahead, plan_frames, read_frames
from .._pixels.convert import OutputFormat
from ..errors import DecodeError, FrameIndexError
from .masks import note_masked
from .proxies import Source
from .recording import Recording

# Stands in frame numbers of a resampled video for times at which no frame is shown.
NO_FRAME = -1


class ColumnLoader(Protocol):
    r"""Makes one column of a series.

    A pickled series includes it, so it holds no open file. It is the key by which the
    process keeps the column, so it is hashable, and equal to loaders of the same column.
    """

    def __call__(self) -> np.ndarray: ...

    def __hash__(self) -> int: ...


class LazyColumn:
    r"""A column that is loaded when somebody needs its values.

    Args:
        load: makes the column, which the process keeps within a bound.
    """

    def __init__(self, load: ColumnLoader) -> None:
        self._load = load

    @property
    def values(self) -> np.ndarray:
        r"""The column, shared by all copies and therefore read-only."""
        return RECORDING_ARRAYS.get(self._load, self._load)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, key: Any) -> np.ndarray:
        return self.values[key]

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.array(self.values, *args, **kwargs)

    def __str__(self) -> str:
        return str(list(self.shape))

    def __deepcopy__(self, memo: dict[int, Any]) -> LazyColumn:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyColumn, (self._load,)


@dataclass(eq=False)
class LazyFrames:
    r"""The pixels of frames, decoded at first access and kept.

    Args:
        recording: the recording of the frames.
        frames: frame numbers, int64 of shape (n,) or a :class:`LazyColumn` of them.
        decoded: pixels and validity, after they were decoded.
        has_holes: whether :data:`NO_FRAME` among the numbers is no mistake.
    """

    recording: Recording
    frames: np.ndarray | LazyColumn
    decoded: tuple[NDArray[Any], NDArray[np.bool_]] | None = field(default=None, repr=False)
    has_holes: bool = False

    ndim = 4

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.recording.settled_output.sample_dtype

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self.frames), *self.recording.frame_shape)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def pixels(self) -> NDArray[Any]:
        r"""The pixels, an array of :attr:`dtype` and :attr:`shape`."""
        return self._decode()[0]

    @property
    def valid(self) -> NDArray[np.bool_]:
        r"""Which frames are what the video holds, bool of shape (n,)."""
        return self._decode()[1]

    def all_valid(self) -> NDArray[Any]:
        r"""Returns :attr:`pixels`, for callers that do not look at :attr:`valid`.

        Raises:
            DecodeError: if some frames are not valid.
        """
        if not self.valid.all():
            lost = np.asarray(self.frames)[~self.valid]
            if NO_FRAME in lost:
                raise DecodeError(
                    f"{np.count_nonzero(lost == NO_FRAME)} of the {len(self)} frames asked "
                    f"for are of times at which the video shows none. Pass "
                    f"return_valid=True to have zeros there and a mask that says where."
                )
            raise DecodeError(
                f"{len(lost)} of the {len(self)} frames asked for do not decode; the first "
                f"is frame {lost[0]} of {self.recording.parts[0].uri!r}. Pass "
                f"return_valid=True to have zeros there and a mask that says where."
            )
        return self.pixels

    def _decode(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        if self.decoded is None:
            read_together([self])
        return cast("tuple[NDArray[Any], NDArray[np.bool_]]", self.decoded)

    def __getitem__(self, key: Any) -> LazyFrames:
        decoded = self.decoded
        if decoded is not None:
            # Slices are copied as the host copies its own: the parent can be freed.
            decoded = decoded[0][key].copy(), decoded[1][key].copy()
        return LazyFrames(self.recording, self.frames[key], decoded, self.has_holes)

    def copy(self) -> LazyFrames:
        r"""Returns the same frames; the host copies what it has sliced."""
        return self

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return np.array(self.pixels, *args, **kwargs)

    def __str__(self) -> str:
        return str(list(self.shape))

    def __deepcopy__(self, memo: dict[int, Any]) -> LazyFrames:
        decoded = self.decoded and (self.decoded[0].copy(), self.decoded[1].copy())
        frames = self.frames if isinstance(self.frames, LazyColumn) else self.frames.copy()
        return LazyFrames(self.recording, frames, decoded, self.has_holes)


@dataclass(eq=False)
class _FileRead:
    # What windows want of one file in one kind of pixels: where each of its frames is
    # decoded to, where else it is copied to, and which window wants it in which slot.
    file: VideoFile
    output: OutputFormat
    threads: int
    targets: dict[int, np.ndarray] = field(default_factory=dict)
    copies: list[tuple[int, np.ndarray]] = field(default_factory=list)
    slots: list[tuple[int, list[int], list[int]]] = field(default_factory=list)

    def plan(self) -> tuple[NDArray[np.int64], list[Run]]:
        r"""Returns its frames, and the packets to decode for them."""
        rows = np.array(sorted(self.targets), np.int64)
        return rows, plan_frames(self.file, rows, self.threads)


class _Pixels(NamedTuple):
    # The array of one window. Where it wants a frame more than once: the slot that each
    # slot is a copy of.
    array: np.ndarray
    origin: np.ndarray | None


def read_together(
    windows: Sequence[LazyFrames], arrays: Sequence[NDArray[Any] | None] = ()
) -> None:
    r"""Decodes the frames of several windows, planned as one; the windows keep them.

    If several windows want the same frames in the same kind of pixels, these are fetched
    and decoded once.

    Args:
        windows: of one recording or several.
        arrays: where the pixels of each window go, of its shape and dtype; new arrays by
            default, and in place of :obj:`None`.

    Raises:
        RequestTooLargeError: if the pixels need more memory than there is.
        DecodeError: if a frame does not decode, unless ``on_error`` of its recording is
            ``"mask"``. No window keeps frames then.
    """
    if len(windows) > 1:
        open_side_by_side([window.recording for window in windows])
    _check_memory(windows)
    reads: dict[Hashable, _FileRead] = {}
    pixels: list[_Pixels] = []
    for window, array in zip_longest(windows, arrays):
        pixels.append(_add_window(window, len(pixels), reads, array))
    if len(reads) > 1 and any(read.file.cache is not None for read in reads.values()):
        # The rows of an index on a store are a request, too.
        plans = side_by_side([read.plan for read in reads.values()], MAX_OBJECTS)
    else:
        plans = [read.plan() for read in reads.values()]
    files = fetch_ahead(
        [(read.file, runs) for read, (_, runs) in zip(reads.values(), plans)]
    )
    missing: dict[int, dict[int, str]] = {}
    for read, file, (rows, runs) in zip(reads.values(), files, plans):
        target = read.targets.__getitem__
        failed = read_frames(file, rows, read.output, target, read.threads, runs)
        for row, copy in read.copies:
            copy[...] = read.targets[row]
        for number, its_rows, slots in read.slots if failed else ():
            for row, slot in zip(its_rows, slots):
                if row in failed:
                    missing.setdefault(number, {})[slot] = failed[row]
    decoded = [
        _fill_in(window, *one, missing.get(number, {}))
        for number, (window, one) in enumerate(zip(windows, pixels))
    ]
    for window, done in zip(windows, decoded):
        window.decoded = done


def open_side_by_side(recordings: Iterable[Recording]) -> None:
    r"""Opens the indexes of recordings on stores, which would wait for one another.

    Args:
        recordings: any; those that are open, or on this machine, are left alone.
    """
    closed = {
        id(recording): recording
        for recording in recordings
        if "files" not in recording.__dict__ and protocol_of(recording.parts[0].uri)
    }
    jobs = [partial(getattr, recording, "files") for recording in closed.values()]
    side_by_side(jobs, MAX_OBJECTS)


def _check_memory(windows: Sequence[LazyFrames]) -> None:
    size = frames = largest = 0
    shape: list[int] = []
    for window in windows:
        n, *its_shape = window.shape
        its_size = n * prod(its_shape) * window.dtype.itemsize
        if its_size >= largest:
            largest, shape = its_size, its_shape
        size, frames = size + its_size, frames + n
    check_request(size, f"{frames} frames of {' x '.join(map(str, shape))}")


def _add_window(
    window: LazyFrames,
    number: int,
    reads: dict[Hashable, _FileRead],
    array: NDArray[Any] | None,
) -> _Pixels:
    # Gives a window its array, and adds its frames to those that will be read.
    recording, frames = window.recording, np.asarray(window.frames)
    if array is None:
        array = empty_frames((len(frames), *recording.frame_shape), window.dtype)
    first = origin = None
    if not (frames[1:] > frames[:-1]).all():
        frames, first, inverse = np.unique(frames, return_index=True, return_inverse=True)
        origin = first[inverse]
    threads = recording.threads
    threads = usable_threads() if threads == "auto" else int(threads)
    # Sorted, frames that are none come first, and are there once.
    n_holes = int(window.has_holes and NO_FRAME in frames[:1])
    for file, rows, wanted in rows_by_file(recording, frames[n_holes:]):
        wanted = wanted + n_holes
        # Each copy of a video has its own index; what they say of the same file is equal.
        known_by = file.packets.fingerprint or id(file.packets)
        output = recording.settled_output
        if file.proxy is not None:  # its frames have the size already
            output = replace(output, resize=None)
        key = (file.uri, known_by, output, threads)
        if key not in reads:
            reads[key] = _FileRead(file, output, threads)
        read, row_numbers = reads[key], rows.tolist()
        slots = (wanted if first is None else first[wanted]).tolist()
        read.slots.append((number, row_numbers, slots))
        for row, slot in zip(row_numbers, slots):
            if row in read.targets:
                read.copies.append((row, array[slot]))
            else:
                read.targets[row] = array[slot]
    return _Pixels(array, origin)


def rows_by_file(
    recording: Recording, numbers: np.ndarray, files: Sequence[Source] | None = None
) -> Iterator[tuple[VideoFile, np.ndarray, np.ndarray]]:
    r"""Yields the file of each segment that has some of the frames, the frames within the
    file, and their places in ``numbers``.

    Args:
        recording: the recording of the frames.
        numbers: frame numbers, sorted and unique, int64 of shape (n,).
        files: of all segments; by default those that are read, proxies among them.

    Raises:
        FrameIndexError: if the recording lacks one of them.
    """
    numbers = checked_numbers(recording, numbers)
    offsets = recording.frame_offsets
    if files is None:
        # No proxy has the video's own size, whose path is to stay short.
        files = recording.files if recording.output.resize is None else recording.sources
    segment_of = np.searchsorted(offsets, numbers, side="right") - 1
    edges = np.flatnonzero(segment_of[1:] > segment_of[:-1]) + 1
    for start, stop in pairwise((0, *edges.tolist(), len(numbers))):
        if start == stop:
            return
        segment = segment_of[start]
        file, mapping = files[segment]
        rows = numbers[start:stop] - offsets[segment]
        yield file, rows if mapping is None else mapping[rows], np.arange(start, stop)


def checked_numbers(
    recording: Recording, numbers: np.ndarray, has_holes: bool = False
) -> NDArray[np.int64]:
    r"""Returns frame numbers, all of which the recording has.

    Args:
        recording: the recording of the frames.
        numbers: frame numbers in any order, repeated or not, shape (n,).
        has_holes: whether :data:`NO_FRAME` may be among them.

    Raises:
        FrameIndexError: if the recording lacks one, as with a damaged HDF5 file.
    """
    found = np.asarray(numbers)
    n_frames = int(recording.frame_counts.sum())
    if found.ndim != 1 or (len(found) and found.dtype.kind not in "iu"):
        what = f"{found.dtype} of shape {found.shape} are no frame numbers"
    elif len(outside := found[_outside(found, n_frames, has_holes)]):
        what = f"there is no frame {outside[0]}, it has {n_frames}"
    else:
        return found.astype(np.int64, copy=False)
    raise FrameIndexError(
        f"{what}: the frame_indices of the recording do not fit "
        f"{shown_uri(recording.parts[0].uri)!r}. The recording is damaged, or of another "
        f"video; open the video with LazyVideo.from_uri and save the recording again."
    )


def _outside(numbers: np.ndarray, n_frames: int, has_holes: bool) -> np.ndarray:
    outside = (numbers < 0) | (numbers >= n_frames)
    return outside & (numbers != NO_FRAME) if has_holes else outside


def _fill_in(
    window: LazyFrames,
    pixels: np.ndarray,
    origin: np.ndarray | None,
    missing: dict[int, str],
) -> tuple[np.ndarray, np.ndarray]:
    # A frame that did not decode raises an error or becomes zeros. A frame that the window
    # wants more than once is copied. Returns pixels, and which frames are valid.
    valid = np.ones(len(pixels), bool)
    if missing:
        recording, frames = window.recording, np.asarray(window.frames)
        if recording.on_error == "raise":
            slot, why = min(missing.items())
            raise _decode_error(recording, int(frames[slot]), why)
        reasons = {int(frames[slot]): why for slot, why in missing.items()}
        _note_masked(recording, reasons)
        lost = list(missing)
        pixels[lost], valid[lost] = 0, False
    if origin is not None:
        for slot in np.flatnonzero(origin != np.arange(len(origin))).tolist():
            pixels[slot] = pixels[origin[slot]]
        valid = valid[origin]
    if window.has_holes:
        holes = np.asarray(window.frames) == NO_FRAME
        pixels[holes], valid[holes] = 0, False
    return pixels, valid


def _note_masked(recording: Recording, reasons: dict[int, str]) -> None:
    frames = np.array(sorted(reasons), np.int64)
    for file, rows, wanted in rows_by_file(recording, frames, recording.files):
        numbers = frames[wanted].tolist()
        details = [(float(recording.timestamps[n]), reasons[n]) for n in numbers]
        note_masked(file.uri, dict(zip(rows.tolist(), details)))


def _decode_error(recording: Recording, frame: int, why: str) -> DecodeError:
    segment = int(np.searchsorted(recording.frame_offsets, frame, side="right")) - 1
    file, _ = recording.files[segment]
    return DecodeError(
        f"frame {frame} of {file.uri!r} (t = {recording.timestamps[frame]:.6f} s) does not "
        f"decode: {why}. Open the video with on_error='mask' to have zeros there, and "
        f"False in .valid."
    )
