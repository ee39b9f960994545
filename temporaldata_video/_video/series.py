r"""A lazy video as a series of a host: everything but the host's own classes."""

from __future__ import annotations

import copy
import importlib.util
import math
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._base.uris import shown_uri
from .._clock.pauses import check_max_gap, pace_of, stretches
from .._clock.times_in_words import format_extent
from .._index.packets import segments_of
from .._plugin.place import Uris, locate
from ..types import (
    ChannelFormat,
    Colorspace,
    Cost,
    FrameIndex,
    ObjectStore,
    OnError,
    PixelType,
    ProxyUse,
)
from .arguments import (
    check_choice,
    check_tolerance,
    checked_mask,
    checked_output,
    checked_positions,
    checked_threads,
)
from .cost import frames_cost
from .display import plot_video, video_html
from .lazy_arrays import NO_FRAME, LazyColumn, LazyFrames, checked_numbers
from .part import VideoPart
from .pointer import read_pointer, write_pointer
from .prefetch import prefetch_recording
from .recording import FromRecording, Recording, merge_recordings
from .resample import METHODS, Method, frames_on_screen, runs, with_neighbours

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes


class VideoSeries:
    r"""Makes an ``IrregularTimeSeries`` of any host a lazy video.

    The host's own methods do the slicing: they find arrays in ``__dict__``, of which
    ``frames``, and ``timestamps`` and ``frame_indices`` of a whole video, are lazy ones.
    """

    _interval_class: ClassVar[Any]
    _series_class: ClassVar[Any]

    _recording: Recording
    _metadata: Any
    _origin: float  # seconds in the recording at which this window counts from 0
    _edge: float  # where the window begins, in its own seconds
    _timekeys: list[str]
    _sorted: bool | None

    if TYPE_CHECKING:  # these come from the host
        domain: Any

        def __len__(self) -> int: ...

        def is_sorted(self) -> bool: ...

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
        segment_uris: Uris | None = None,
        resize: tuple[int, int] | list[int] | None = None,
        colorspace: Colorspace = "RGB",
        channel_format: ChannelFormat = "NCHW",
        dtype: PixelType = "uint8",
        domain: Any = "auto",
    ) -> None:
        output = checked_output(resize, colorspace, channel_format, dtype)
        part = VideoPart(locate(uri, segment_uris or (), store=store), frame_index)
        if frame_index is not None or segment_uris:
            part.check_index()
        self._init_recording(Recording((part,), output), metadata, domain)

    @classmethod
    def from_uri(
        cls,
        uri: Uris,
        *,
        store: ObjectStore | None = None,
        storage_options: Mapping[str, Any] | None = None,
        index_uri: str | os.PathLike[str] | None = None,
        metadata: Any = None,
        resize: tuple[int, int] | list[int] | None = None,
        colorspace: Colorspace = "RGB",
        channel_format: ChannelFormat = "NCHW",
        dtype: PixelType = "uint8",
        on_error: OnError = "raise",
        threads: int | Literal["auto"] = 1,
        proxy: ProxyUse | None = None,
        max_gap: float | None = None,
        domain: Any = "auto",
    ) -> Self:
        r"""Opens a video by its sidecar, without reading a byte of the video itself.

        A video without a sidecar is indexed in memory, with a warning.

        Args:
            uri: a path, ``file://`` or any other uri that the store can read; the list of
                a video's files; or a folder of them or a pattern, as for
                :func:`write_index`.
            store: reads the video; found by its uri by default.
            storage_options: credentials and the like for the store; never shown.
            index_uri: where the sidecar lies; beside the video by default.
            metadata: anything; handed on to slices as it is.
            resize: ``(height, width)`` in pixels of the frames, or :obj:`None`.
            colorspace: ``"RGB"`` or ``"G"``.
            channel_format: ``"NCHW"`` or ``"NHWC"``.
            dtype: of the pixels, ``"uint8"``, ``"uint16"``, or ``"auto"`` for uint16 where
                samples of the video have more than 8 bits.
            on_error: ``"raise"`` if a frame does not decode, or ``"mask"`` for zeros there
                and :obj:`False` in :attr:`valid`.
            threads: groups of pictures to decode side by side, or ``"auto"`` for as many as
                the process may use processors, and 1 in a worker of a ``DataLoader``.
            proxy: which proxies of :func:`write_proxy` are read in place of the video,
                where they have its ``resize``, ``colorspace`` and dtype: ``"lossless"``
                for those with the same pixels, ``"lossy"`` for the smallest that there
                are, or ``"never"``; by default as :func:`configure` says, ``"lossless"``.
            max_gap: longest step of the clock in seconds that is no pause; by default what
                the index says, or 10 times the median step, and 1 s at least. ``np.inf``
                for a video without pauses.
            domain: an ``Interval``, or ``"auto"`` for the times in which there are frames:
                from the first timestamp to the last, without pauses.

        Returns:
            A lazy video of the whole recording.

        Raises:
            ValueError: if an argument has a value that is not allowed.
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
        output = checked_output(resize, colorspace, channel_format, dtype)
        check_choice("on_error", on_error, ("raise", "mask"))
        if proxy is not None:
            check_choice("proxy", proxy, get_args(ProxyUse))
        check_max_gap(max_gap)
        place = locate(
            uri, store=store, storage_options=storage_options, index_uri=index_uri
        )
        part = VideoPart(place, max_gap=None if max_gap is None else float(max_gap))
        recording = Recording((part,), output, on_error, checked_threads(threads), proxy)
        if segments_of(part.index):
            recording.warn_of_lost_bits()
        return cls._from_recording(recording, metadata, domain)

    @classmethod
    def _from_recording(cls, recording: Recording, metadata: Any, domain: Any) -> Self:
        video = cls.__new__(cls)
        video._init_recording(recording, metadata, domain)
        return video

    def _init_recording(self, recording: Recording, metadata: Any, domain: Any) -> None:
        _require_pyav()
        self._set_columns(
            recording,
            LazyColumn(FromRecording(recording, "sorted_timestamps")),
            LazyColumn(FromRecording(recording, "time_order")),
        )
        self._metadata = metadata
        if not (isinstance(domain, str) and domain == "auto"):
            self.domain = domain

    def _set_columns(
        self,
        recording: Recording,
        timestamps: Any,
        frame_indices: Any,
        has_holes: bool = False,
    ) -> None:
        # Written past the host's __setattr__, which takes nothing but loaded arrays.
        self.__dict__.update(
            timestamps=timestamps,
            frame_indices=frame_indices,
            frames=LazyFrames(recording, frame_indices, has_holes=has_holes),
            _recording=recording,
            _metadata=None,
            _origin=0.0,
            _edge=0.0,
            _timekeys=["timestamps"],
            _sorted=True,
        )

    # In files, and in other hosts ----------------------------------------------------

    def to_hdf5(self, file: Any) -> None:
        r"""Saves timestamps, frame numbers and a pointer to the video, never pixels.

        Of :attr:`metadata`, a mapping, a dataclass, or an object with ``recording_hash`` is
        kept, and comes back as a mapping; a warning names what is no value of JSON.

        Args:
            file: an ``h5py.Group``.
        """
        # A plain series, which any reader can load.
        columns = {key: getattr(self, key) for key in set(self.keys()) - {"frames"}}
        domain = self.domain
        empty = len(domain) == 0
        plain = self._series_class(
            **columns,
            timekeys=list(self._timekeys),
            domain=type(domain)(0.0, 0.0) if empty else domain,
        )
        plain.to_hdf5(file)
        if empty:  # the host cannot write one, and reads it well
            del file["domain"]
            domain.to_hdf5(file.create_group("domain"))
        has_holes = self._lazy_frames.has_holes
        write_pointer(
            file, self._recording, self._origin, self._edge, has_holes, self._metadata
        )

    @classmethod
    def from_hdf5(cls, file: Any, lazy: bool = True) -> Self:
        r"""Returns the video that a group points to, without looking for it yet.

        Args:
            file: an ``h5py.Group``, written by :meth:`to_hdf5`.
            lazy: leave the timestamps in the file until they are needed.

        Raises:
            FrameIndexError: if its attributes make no sense.
            SourceError: if they lead to another scheme than that of the HDF5 file.
        """
        pointer = read_pointer(file, lazy)
        video = cls.__new__(cls)
        video._set_columns(
            pointer.recording, pointer.timestamps, pointer.frame_indices, pointer.has_holes
        )
        video._timekeys = pointer.timekeys
        video._origin, video._edge = pointer.origin, pointer.edge
        video._metadata = pointer.metadata
        video._domain = cls._interval_class.from_hdf5(file["domain"])
        own = {"timestamps", "frame_indices", "timestamp_indices_1s", "domain"}
        for name in set(file) - own:
            setattr(video, name, file[name][:])
        return video

    @classmethod
    def from_video(cls, video: VideoSeries) -> Self:
        r"""Returns a video of another host, or a window of one, as a video of this host.

        Args:
            video: of any host. Nothing is decoded or read; frames that were decoded
                already are copied.

        Raises:
            TypeError: if it is no lazy video.
        """
        if not isinstance(video, VideoSeries):
            raise TypeError(f"video must be a LazyVideo, got {type(video).__name__}.")
        out = cls.__new__(cls)
        own = ("_domain", "_metadata")
        state = {k: v for k, v in video.__dict__.items() if k not in own}
        out.__dict__.update(copy.deepcopy(state), _metadata=video.metadata)
        if "_domain" in video.__dict__:  # otherwise it is computed when needed
            domain = video.domain
            out._domain = cls._interval_class(domain.start.copy(), domain.end.copy())
        return out

    # Columns that the host keeps as arrays -------------------------------------------

    @property
    def timestamps(self) -> NDArray[np.float64]:
        r"""Seconds, sorted, float64 of shape (n,); read-only in a video that was not
        sliced, since its copies share them."""
        column = self.__dict__["timestamps"]
        return column if isinstance(column, np.ndarray) else column.values

    @timestamps.setter
    def timestamps(self, value: NDArray[np.float64]) -> None:
        # Times that somebody sets say nothing about the frames beside this window.
        self.__dict__.update(timestamps=value, _origin=float("nan"))

    @property
    def frame_indices(self) -> NDArray[np.int64]:
        r"""Numbers of the frames over all segments, int64 of shape (n,); -1 where a
        resampled video shows none."""
        column = self.__dict__["frame_indices"]
        return column if isinstance(column, np.ndarray) else column.values

    @frame_indices.setter
    def frame_indices(self, value: np.ndarray) -> None:
        raise AttributeError(
            "frame_indices say which frames these are and cannot be set; take others with "
            "slice or select_by_mask."
        )

    @property
    def frames(self) -> NDArray[Any]:
        r"""The pixels, of :attr:`shape` and :attr:`dtype`, decoded when first asked for.

        With ``dtype="uint16"`` and ``colorspace="G"``, grey of more than 8 bits has the
        values that are stored. All else is as FFmpeg converts it to ``rgb48`` or
        ``gray16``, which stretch any depth to 16 bits.

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
            max_gap = max(part.pace.max_gap for part in self._recording.parts)
            ends = stretches(self.timestamps, max_gap)
            self.__dict__["_domain"] = self._interval_class(*ends)
        return self.__dict__["_domain"]

    @_domain.setter
    def _domain(self, value: Any) -> None:
        self.__dict__["_domain"] = value

    # Facts from the index alone, except `valid` --------------------------------------

    @property
    def _lazy_frames(self) -> LazyFrames:
        return self.__dict__["frames"]

    @property
    def _numbers(self) -> NDArray[np.int64]:
        # Frame numbers for look-ups: all of them checked against the recording.
        has_holes = self._lazy_frames.has_holes
        return checked_numbers(self._recording, self.frame_indices, has_holes)

    @property
    def _numbers_shown(self) -> NDArray[np.int64]:
        numbers = self._numbers
        return numbers[numbers != NO_FRAME]

    @property
    def valid(self) -> NDArray[np.bool_]:
        r"""Which of :attr:`frames` are in the video and decoded, bool of shape (n,)."""
        return self._lazy_frames.valid

    @property
    def uri(self) -> str:
        r"""Path or uri of the video, of its first file if there are several."""
        return self._recording.parts[0].uri

    @property
    def metadata(self) -> Any:
        r"""The ``metadata`` of the constructor, the same object in every slice; of a video
        that was loaded, what the recording keeps of it."""
        return self._metadata

    @property
    def shape(self) -> tuple[int, int, int, int]:
        r"""Shape of :attr:`frames`."""
        return self._lazy_frames.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        r"""The type of :attr:`frames`, uint8 or uint16."""
        return self._lazy_frames.dtype

    @property
    def bit_depth(self) -> int:
        r"""Bits that a stored sample of the video has; of several files, the most."""
        return self._recording.bit_depth

    @property
    def frame_count(self) -> int:
        r"""Number of frames in this window."""
        return len(self)

    @property
    def rate(self) -> float:
        r"""Frames per second: 1 over the median step of :attr:`timestamps`; NaN if no two
        frames follow one another."""
        interval = pace_of(self.timestamps).interval
        return 1 / interval if interval else math.nan

    @property
    def resize(self) -> tuple[int, int] | None:
        r"""Height and width in pixels to which frames are scaled, or :obj:`None`."""
        return self._recording.output.resize

    @property
    def colorspace(self) -> Colorspace:
        r"""``"RGB"`` or ``"G"``."""
        return self._recording.output.colorspace

    @property
    def channel_format(self) -> ChannelFormat:
        r"""``"NCHW"`` or ``"NHWC"``."""
        return self._recording.output.channel_format

    @property
    def proxy(self) -> ProxyUse | None:
        r"""Which proxies are read: ``"lossless"``, ``"lossy"``, ``"never"``, or
        :obj:`None` for what is configured."""
        return self._recording.proxy

    @property
    def segment_frame_counts(self) -> NDArray[np.int64]:
        r"""Frames of each segment of the whole video, int64 of shape (n_segments,)."""
        return self._recording.frame_counts.copy()

    @property
    def segment_frame_offsets(self) -> NDArray[np.int64]:
        r"""Number of the first frame of each segment, int64 of shape (n_segments,)."""
        return self._recording.frame_offsets.copy()

    def cost(self) -> Cost:
        r"""Returns what :attr:`frames` would cost, in frames, bytes and byte ranges, and
        how many of them a proxy holds."""
        return frames_cost(self._recording, self._numbers_shown)

    def prefetch(self, progress: bool = False) -> None:
        r"""Fetches the bytes that :attr:`frames` needs into the cache.

        It does not fetch again what the cache has already, and does nothing for local
        files, which are read in place. It decodes no frames. See :func:`configure`.

        Args:
            progress: show a progress bar.

        Raises:
            CacheError: if there is no cache, or it is too small.
            StaleIndexError: if a file is not the one that was indexed.
        """
        prefetch_recording(self._recording, self._numbers_shown, progress)

    # Windows -------------------------------------------------------------------------

    def slice(self, start: float, end: float, reset_origin: bool = True) -> Self:
        r"""Returns the frames of the half-open window ``[start, end)``, not yet decoded.

        Args:
            start: seconds.
            end: seconds; not after ``start`` gives an empty video.
            reset_origin: whether times count from ``start`` in the result.

        Raises:
            ValueError: if a bound is NaN or no number.
        """
        start, end = _seconds("start", start), _seconds("end", end)
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
        if len(self) and not len(out):  # nothing says which frames lie beside it
            out._origin = float("nan")
        return out

    def _hand_on(self, out: VideoSeries) -> None:
        for name in ("_recording", "_metadata", "_origin", "_edge"):
            out.__dict__[name] = self.__dict__[name]

    @overload
    def frames_at(
        self, indices: ArrayLike, return_valid: Literal[False] = False
    ) -> NDArray[Any]: ...

    @overload
    def frames_at(
        self, indices: ArrayLike, return_valid: Literal[True]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]: ...

    def frames_at(self, indices: ArrayLike, return_valid: bool = False) -> Any:
        r"""Returns frames by their position in this video.

        Args:
            indices: positions in ``[0, n)`` in any order, repeated or not, shape (m,).
            return_valid: also return which of them decoded; with
                ``on_error="mask"`` the others are zeros.

        Returns:
            Pixels of :attr:`dtype` and shape (m, \*frame_shape), in the order of
            ``indices``; with ``return_valid`` a tuple of them and bool of shape (m,).

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

    def resample(
        self,
        times: ArrayLike,
        method: Method = "previous",
        tolerance: float | None = None,
    ) -> Self:
        r"""Returns a lazy video with exactly one frame for each of ``times``.

        At the edges of a window the frame may lie outside of it: when the window begins,
        the screen still shows the frame before. Where there is no frame within the
        tolerance, as in a pause of the camera or before its first frame, pixels are zeros,
        :attr:`valid` is :obj:`False` and ``frame_indices`` is -1.

        Args:
            times: seconds in the times of this video, sorted, float64 of shape (m,).
            method: ``"previous"`` for the frame on screen then, ``"next"``, or
                ``"nearest"``.
            tolerance: seconds by which the frame may be away. By default twice the median
                step of the camera, or the longest step that is no pause of it
                (``max_gap``), whichever is longer; ``np.inf`` for any distance.

        Returns:
            A video whose timestamps are ``times``. Its domain is that in which it shows
            frames.

        Raises:
            ValueError: if times are not sorted, or the tolerance is no distance.

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
        check_tolerance(tolerance)
        targets = np.array(times, np.float64)
        finite = targets.ndim == 1 and np.isfinite(targets).all()
        if not finite or (np.diff(targets) < 0).any():
            raise ValueError("times must be a one-dimensional, finite and sorted array.")
        times_here, numbers_here = self.timestamps, self._numbers
        if not self.is_sorted():
            order = np.argsort(times_here, kind="stable")
            times_here, numbers_here = times_here[order], numbers_here[order]
        known, frames = with_neighbours(
            self._recording,
            times_here,
            numbers_here,
            self._origin,
            self._edge,
            targets,
        )
        numbers = frames_on_screen(
            self._recording, known, frames, targets, method, tolerance
        )
        out = self.__class__.__new__(self.__class__)
        out._set_columns(self._recording, targets, numbers, has_holes=True)
        self._hand_on(out)
        first, last = runs(numbers != NO_FRAME)
        out._domain = self._interval_class(targets[first], targets[last])
        return out

    @classmethod
    def concat(cls, videos: Sequence[VideoSeries], sort: bool = True) -> Self:
        r"""Returns windows or files of one recording as one lazy video.

        Args:
            videos: at least one.
            sort: put the frames in time order; otherwise they keep their order.

        Raises:
            ValueError: if there is none, or they differ in the ``recording_hash`` of their
                metadata, as far as these have one, or in ``resize``, ``colorspace``,
                ``channel_format``, ``dtype`` or ``proxy``.
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
        for name in (
            *("recording_hash", "resize", "colorspace", "channel_format", "dtype"),
            "proxy",
        ):
            if name == "recording_hash":
                found = (_recording_hash(video.metadata) for video in videos)
                values = [value for value in found if value is not None]
            else:
                values = [getattr(video, name) for video in videos]
            if any(value != values[0] for value in values):
                raise ValueError(f"videos to concatenate differ in {name}: {values}.")
        recording, numbers = merge_recordings([video._recording for video in videos])
        times = np.concatenate([video.timestamps for video in videos])
        # Numbers that are none stand for the last entry there, which is none, too.
        frames = np.concatenate(
            [np.append(new, NO_FRAME)[v._numbers] for v, new in zip(videos, numbers)]
        )
        if sort:
            order = np.argsort(times, kind="stable")
            times, frames = times[order], frames[order]
        out = cls.__new__(cls)
        has_holes = any(video._lazy_frames.has_holes for video in videos)
        out._set_columns(recording, times, frames, has_holes)
        out._metadata = videos[0].metadata
        # Windows that count from different points have no common origin.
        origins = {video._origin for video in videos}
        out._origin = origins.pop() if len(origins) == 1 else float("nan")
        out._edge = min(video._edge for video in videos)
        out._sorted = True if sort else None
        domain = videos[0].domain
        for video in videos[1:]:
            domain = domain | video.domain
        out._domain = domain
        return out

    # Pictures ------------------------------------------------------------------------

    def plot(
        self,
        ax: Axes | None = None,
        *,
        pose: Any = None,
        skeleton: Sequence[tuple[str, str]] = (),
        count: int | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> Axes:
        r"""Draws a few frames of this video along time, above a tick for each frame.

        Args:
            ax: axes to draw on, whose x axis becomes time in seconds; new ones by default.
            pose: an ``IrregularTimeSeries`` of key points in pixels of the upright frame
                before any ``resize``. A column of shape (n, 2) is x and y of one point.
                Each frame has the points whose own time is nearest to that of the frame,
                if that is at most half a frame away.
            skeleton: pairs of names of key points to draw a line between, such as
                :func:`read_skeleton` returns.
            count: how many frames; by default, as many as there is room for.
            value_range: the values that are drawn black and white. By default, those of
                the screen for 8 bits, and the 1st and the 99th percentile of what is drawn
                for more; a note above says which.

        Returns:
            The axes.

        Raises:
            ImportError: if matplotlib is missing.
            ValueError: if ``pose`` holds no points, ``skeleton`` names others, or
                ``count`` is not positive.
            VideoError: if the video cannot be read. A frame that does not decode is marked.

        Example ::

            >>> import temporaldata_video as tv
            >>> from temporaldata_video.testing import make_clip
            >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
            >>> index = tv.write_index(clip, progress=False)
            >>> video = tv.LazyVideo.from_uri("clip.mp4")
            >>> axes = video.slice(0.5, 1.5).plot(count=6)
            >>> axes.get_xlabel()
            'time (s)'
        """
        return plot_video(
            self, ax, pose=pose, skeleton=skeleton, count=count, value_range=value_range
        )

    def _repr_html_(self) -> str:
        return video_html(self)

    def __repr__(self) -> str:
        name, _, columns = super().__repr__().partition("(\n")
        facts = (
            f"uri={shown_uri(self.uri)!r}",
            f"segments={len(self.segment_frame_counts)}",
            f"window={format_extent(self.timestamps)}",
        )
        lines = "".join(f"  {fact},\n" for fact in facts)
        return f"{name}(\n{lines}{columns}"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        # Pixels of hours must not be decoded because a function wants an array.
        raise TypeError(
            f"a {type(self).__name__} is no array: its pixels are .frames, its times "
            f".timestamps."
        )


def _require_pyav() -> None:
    # A video without a decoder is noticed when it is opened, and not hours later.
    if sys.modules.get("av", sys) is None or importlib.util.find_spec("av") is None:
        raise ImportError("videos need PyAV, which is missing. Run: pip install av")


def _recording_hash(metadata: Any) -> Any:
    if isinstance(metadata, Mapping):
        return metadata.get("recording_hash")
    return getattr(metadata, "recording_hash", None)


def _seconds(name: str, value: Any) -> float:
    # A bound of a window, as a float.
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if math.isnan(number):
        raise ValueError(f"{name} must be a time in seconds, got {value!r}.")
    return number
