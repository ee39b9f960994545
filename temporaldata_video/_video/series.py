r"""A lazy video as a series of a host: everything but the host's own classes."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._plugin.place import locate
from ..types import ChannelFormat, Colorspace, FrameIndex, ObjectStore, OnError
from .arguments import (
    check_choice,
    checked_mask,
    checked_output,
    checked_positions,
    checked_threads,
    checked_time,
)
from .display import VideoDisplay
from .lazy_arrays import FromSource, LazyColumn, LazyFrames
from .part import VideoPart
from .recording import VideoSource, merge_sources
from .resample import METHODS, Method, match_times, with_neighbours

if TYPE_CHECKING:
    from typing import Self


class VideoSeries(VideoDisplay):
    r"""What makes an ``IrregularTimeSeries`` of any host a lazy video.

    The host's own methods do the slicing: they find arrays in ``__dict__``, of which
    ``frames``, and ``timestamps`` and ``frame_indices`` of a whole video, are lazy ones.
    """

    _interval_class: ClassVar[Any]
    _series_class: ClassVar[Any]

    _edge: float  # where the window begins, in its own seconds
    _timekeys: list[str]
    _sorted: bool | None

    if TYPE_CHECKING:  # what the host brings
        domain: Any

        def keys(self) -> list[str]: ...

        def materialize(self) -> Self: ...

        def select_by_interval(self, interval: Any) -> Self: ...

    def __init__(
        self,
        uri: str | os.PathLike[str],
        *,
        store: ObjectStore | None = None,
        frame_index: FrameIndex | None = None,
        metadata: Any = None,
        segment_uris: Sequence[str | os.PathLike[str]] | None = None,
        resize: tuple[int, int] | None = None,
        colorspace: Colorspace = "RGB",
        channel_format: ChannelFormat = "NCHW",
        domain: Any = "auto",
    ) -> None:
        output = checked_output(resize, colorspace, channel_format)
        part = VideoPart(locate(uri, segment_uris or (), store=store), frame_index)
        self._init_source(VideoSource((part,), output), metadata, domain)

    @classmethod
    def from_uri(
        cls,
        uri: str | os.PathLike[str],
        *,
        store: ObjectStore | None = None,
        storage_options: Mapping[str, Any] | None = None,
        index_uri: str | os.PathLike[str] | None = None,
        metadata: Any = None,
        resize: tuple[int, int] | None = None,
        colorspace: Colorspace = "RGB",
        channel_format: ChannelFormat = "NCHW",
        on_error: OnError = "raise",
        threads: int | Literal["auto"] = 1,
        domain: Any = "auto",
    ) -> Self:
        r"""Opens a video by its sidecar, without reading a byte of the video itself.

        A video without a sidecar is indexed in memory, with a warning.

        Args:
            uri: a path, ``file://`` or any other uri that the store can read.
            store: reads the video; found by its uri by default.
            storage_options: credentials and the like for the store; never shown.
            index_uri: where the sidecar lies; beside the video by default.
            metadata: anything; handed on to slices as it is.
            resize: ``(height, width)`` in pixels of the frames, or :obj:`None`.
            colorspace: ``"RGB"`` or ``"G"``.
            channel_format: ``"NCHW"`` or ``"NHWC"``.
            on_error: ``"raise"`` if a frame does not decode, or ``"mask"`` for zeros there
                and :obj:`False` in :attr:`valid`.
            threads: groups of pictures to decode side by side, or ``"auto"`` for as many as
                the process may use processors, and 1 in a worker of a ``DataLoader``.
            domain: an ``Interval``, or ``"auto"`` for first to last timestamp.

        Returns:
            A lazy video of the whole recording.

        Raises:
            ValueError: if an argument is none of what is allowed.
            SourceNotFoundError: if there is no video and no index of it.
            FrameIndexError: if the index is damaged.

        Example ::

            >>> import temporaldata_video as tv
            >>> from temporaldata_video.testing import make_clip
            >>> clip = make_clip("clip.mp4", n_frames=60, rate=30, size=(64, 96))
            >>> index = tv.write_index(clip, progress=False)
            >>> video = tv.LazyVideo.from_uri("clip.mp4")
            >>> video.slice(1.0, 1.5).frames.shape
            (15, 3, 64, 96)
        """
        output = checked_output(resize, colorspace, channel_format)
        check_choice("on_error", on_error, ("raise", "mask"))
        place = locate(
            uri, store=store, storage_options=storage_options, index_uri=index_uri
        )
        part = VideoPart(place)
        source = VideoSource((part,), output, on_error, checked_threads(threads))
        part.open_index()
        return cls._from_source(source, metadata, domain)

    @classmethod
    def _from_source(cls, source: VideoSource, metadata: Any, domain: Any) -> Self:
        video = cls.__new__(cls)
        video._init_source(source, metadata, domain)
        return video

    def _init_source(self, source: VideoSource, metadata: Any, domain: Any) -> None:
        self._set_columns(
            source,
            LazyColumn(FromSource(source, "sorted_timestamps")),
            LazyColumn(FromSource(source, "time_order")),
        )
        self._metadata = metadata
        if not (isinstance(domain, str) and domain == "auto"):
            self.domain = domain

    def _set_columns(
        self, source: VideoSource, timestamps: Any, frame_indices: Any
    ) -> None:
        # Written past the host's __setattr__, which takes nothing but loaded arrays.
        self.__dict__.update(
            timestamps=timestamps,
            frame_indices=frame_indices,
            frames=LazyFrames(source, frame_indices),
            _source=source,
            _metadata=None,
            _origin=0.0,
            _edge=0.0,
            _timekeys=["timestamps"],
            _sorted=True,
        )

    # What the host keeps as arrays -------------------------------------------------

    @property
    def timestamps(self) -> NDArray[np.float64]:
        r"""Seconds, sorted, float64 of shape (n,); read-only in a video that was not
        sliced, since its copies share them."""
        return _loaded(self.__dict__["timestamps"])

    @timestamps.setter
    def timestamps(self, value: NDArray[np.float64]) -> None:
        # Times that somebody sets say nothing of the frames beside this window.
        self.__dict__.update(timestamps=value, _origin=float("nan"))

    @property
    def frame_indices(self) -> NDArray[np.int64]:
        r"""Numbers of the frames over all segments, int64 of shape (n,)."""
        return _loaded(self.__dict__["frame_indices"])

    @frame_indices.setter
    def frame_indices(self, value: np.ndarray) -> None:
        raise AttributeError("frame_indices are what the frames are; they cannot be set.")

    @property
    def frames(self) -> NDArray[np.uint8]:
        r"""The pixels, uint8 of :attr:`shape`, decoded at first access and kept.

        Raises:
            DecodeError: if a frame does not decode and ``on_error`` is ``"raise"``.
            StaleIndexError: if the file is not the one that was indexed.
        """
        return self._lazy_frames.pixels

    @frames.setter
    def frames(self, value: np.ndarray) -> None:
        raise AttributeError(
            "frames are read from the video and cannot be set; store processed frames "
            "under another name."
        )

    @property
    def _domain(self) -> Any:
        if "_domain" not in self.__dict__:
            times = self.timestamps
            ends = (times[:1].copy(), times[-1:].copy())
            self.__dict__["_domain"] = self._interval_class(*ends)
        return self.__dict__["_domain"]

    @_domain.setter
    def _domain(self, value: Any) -> None:
        self.__dict__["_domain"] = value

    # Windows ------------------------------------------------------------------------

    def slice(self, start: float, end: float, reset_origin: bool = True) -> Self:
        r"""Returns the frames of the half-open window ``[start, end)``, not yet decoded.

        Args:
            start: seconds.
            end: seconds; not after ``start`` gives an empty video.
            reset_origin: whether times count from ``start`` in the result.

        Raises:
            ValueError: if a bound is NaN or no number.
        """
        start, end = checked_time("start", start), checked_time("end", end)
        out = super().slice(start, end, reset_origin)  # type: ignore[misc]
        self._hand_on(out)
        out._origin += start if reset_origin else 0.0
        out._edge = 0.0 if reset_origin else start
        return out

    def lazy_slice(self, start: float, end: float) -> Self:
        r"""Returns the window ``[start, end)`` in the times of this video.

        Args:
            start: seconds.
            end: seconds.
        """
        return self.slice(start, end, reset_origin=False)

    def select_by_mask(self, mask: NDArray[np.bool_]) -> Self:
        r"""Returns the frames where a mask is true; the domain stays.

        Args:
            mask: bool of shape (n,).

        Raises:
            ValueError: if it is no boolean array of that shape.
        """
        return self._take(checked_mask(mask, len(self)))

    def _take(self, key: np.ndarray) -> Self:
        out = self.__class__.__new__(self.__class__)
        for name in self.keys():
            out.__dict__[name] = self.__dict__[name][key]
        out.__dict__.update(_timekeys=self._timekeys, _sorted=self._sorted)
        out._domain = copy.copy(self._domain)
        self._hand_on(out)
        return out

    def _hand_on(self, out: VideoSeries) -> None:
        for name in ("_source", "_metadata", "_origin", "_edge"):
            out.__dict__[name] = self.__dict__[name]

    @overload
    def frames_at(
        self, indices: ArrayLike, return_valid: Literal[False] = False
    ) -> NDArray[np.uint8]: ...

    @overload
    def frames_at(
        self, indices: ArrayLike, return_valid: Literal[True]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]: ...

    def frames_at(self, indices: ArrayLike, return_valid: bool = False) -> Any:
        r"""Returns frames by their position in this video.

        Args:
            indices: positions in ``[0, n)`` in any order, repeated or not, shape (m,).
            return_valid: also return which of them did decode; with
                ``on_error="mask"`` the others are zeros.

        Returns:
            uint8 of shape (m, \*frame_shape), in the order asked; with ``return_valid``
            a tuple of it and bool of shape (m,).

        Raises:
            IndexError: if a position is out of range.
            TypeError: if positions are no integers.
            DecodeError: if a frame does not decode, unless ``on_error`` is ``"mask"`` and
                the mask is returned.
        """
        chosen = self._lazy_frames[checked_positions(indices, len(self))]
        if return_valid:
            return chosen.pixels, chosen.valid
        return chosen.all_valid()

    def resample(self, times: ArrayLike, method: Method = "previous") -> Self:
        r"""Returns a lazy video with exactly one frame for each of ``times``.

        At the edges of a window the frame may lie outside of it: what was on screen when
        the window began was shown before.

        Args:
            times: seconds in the times of this video, sorted, float64 of shape (m,).
            method: ``"previous"`` for the frame on screen then, ``"next"``, or
                ``"nearest"``.

        Returns:
            A video whose timestamps are ``times``.

        Raises:
            ValueError: if times are not sorted, or there is no such frame.

        Example ::

            >>> import numpy as np, temporaldata_video as tv
            >>> from temporaldata_video.testing import make_clip
            >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
            >>> index = tv.write_index(clip, progress=False)
            >>> video = tv.LazyVideo.from_uri("clip.mp4")
            >>> video.resample(np.arange(0.0, 1.0, 0.25)).frame_indices
            array([ 0,  7, 15, 22])
        """
        check_choice("method", method, METHODS)
        wanted = np.array(times, np.float64)
        if wanted.ndim != 1 or not np.isfinite(wanted).all() or (np.diff(wanted) < 0).any():
            raise ValueError("times must be a one-dimensional, finite and sorted array.")
        known, frames = with_neighbours(
            self._source, self.timestamps, self._numbers, self._origin, self._edge
        )
        positions = match_times(known, wanted, method)
        out = self.__class__.__new__(self.__class__)
        out._set_columns(self._source, wanted, frames[positions])
        self._hand_on(out)
        return out

    @classmethod
    def concat(cls, videos: Sequence[VideoSeries], sort: bool = True) -> Self:
        r"""Returns windows or files of one recording as one lazy video.

        Args:
            videos: at least one.
            sort: put the frames in time order; as given otherwise.

        Raises:
            ValueError: if there is none, or they differ in ``metadata.recording_hash``,
                ``resize``, ``colorspace`` or ``channel_format``.
            TypeError: if one is no video of this class.
        """
        videos = list(videos)
        if not videos:
            raise ValueError("concat needs at least one video, got none.")
        for video in videos:
            if not isinstance(video, cls):
                raise TypeError(
                    f"concat needs {cls.__module__}.{cls.__name__} objects, got "
                    f"{type(video).__module__}.{type(video).__name__}."
                )
        for name in ("recording_hash", "resize", "colorspace", "channel_format"):
            holders = [v.metadata if name == "recording_hash" else v for v in videos]
            values = [getattr(holder, name, None) for holder in holders]
            if any(value != values[0] for value in values):
                raise ValueError(f"videos to concatenate differ in {name}: {values}.")
        source, numbers = merge_sources([video._source for video in videos])
        times = np.concatenate([video.timestamps for video in videos])
        frames = np.concatenate(
            [new[video._numbers] for video, new in zip(videos, numbers)]
        )
        if sort:
            order = np.argsort(times, kind="stable")
            times, frames = times[order], frames[order]
        out = cls.__new__(cls)
        out._set_columns(source, times, frames)
        out._metadata = videos[0].metadata
        # Windows that count from points of their own have no common one.
        origins = {video._origin for video in videos}
        out._origin = origins.pop() if len(origins) == 1 else float("nan")
        out._edge = min(video._edge for video in videos)
        out._sorted = True if sort else None
        domain = videos[0].domain
        for video in videos[1:]:
            domain = domain | video.domain
        out._domain = domain
        return out


def _loaded(column: Any) -> np.ndarray:
    return column.values if isinstance(column, LazyColumn) else column
