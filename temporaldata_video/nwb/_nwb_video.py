r"""Opens or indexes the video of an ``ImageSeries``, with the times that NWB gives it."""

from __future__ import annotations

import os
import time
import uuid
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from .._build.file_index import build_segment
from .._clock.clock import POLICIES, Clock
from .._clock.fit import fit_clock
from .._clock.read_clock import read_stamps
from .._index.memory_index import MemoryFrameIndex
from .._index.packets import SegmentIndex
from .._plugin.place import VideoPlace, locate
from .._sidecar.sidecar import LanceFrameIndex
from .._sidecar.sidecar_write import check_vacant, write_sidecar
from .._tools.freshness import fresh_index
from .._video.arguments import check_choice, checked_output, checked_threads
from .._video.part import VideoPart
from .._video.recording import Recording
from ..errors import FrameIndexError, IndexWarning
from ..hosts.temporaldata import LazyVideo
from ..types import ChannelFormat, Colorspace, ObjectStore, OnError
from ._image_series import ExternalVideo, read_series


def open_video(
    source: Any,
    name: str | None = None,
    *,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    metadata: Any = None,
    resize: tuple[int, int] | None = None,
    colorspace: Colorspace = "RGB",
    channel_format: ChannelFormat = "NCHW",
    on_error: OnError = "raise",
    threads: int | Literal["auto"] = 1,
    on_mismatch: str = "raise",
    on_jump: str = "raise",
) -> LazyVideo:
    r"""Returns the video of an ``ImageSeries``, with the times that NWB gives its frames.

    A sidecar beside the first file says where frames lie, if it is of these files.
    Otherwise the files are indexed in memory, with a warning.

    Args:
        source: path of an NWB file, or a ``pynwb.image.ImageSeries``.
        name: of the series in the file; needed where it has several with external files.
        store: reads the videos; by default the uri of the first one says which.
        storage_options: credentials and the like for the store; never shown.
        metadata: anything; slices get it as it is.
        resize: as for :meth:`temporaldata_video.LazyVideo.from_uri`.
        colorspace: as there.
        channel_format: as there.
        on_error: as there.
        threads: as there.
        on_mismatch: files with more or fewer frames than NWB numbers: ``"raise"``, or
            ``"trim"`` to drop the surplus with a warning.
        on_jump: as for :obj:`temporaldata_video.Clock`.

    Returns:
        A lazy video; each file is a segment.

    Raises:
        ValueError: if there is no such series, it makes no sense, or its files have other
            numbers of frames than it says.
        SourceNotFoundError: if a video is not where NWB says, relative to the NWB file.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, timestamps=[5 + k / 30 for k in range(60)],
        ...                        progress=False)
        >>> series = tv.nwb.image_series(tv.LazyVideo.from_uri(clip), "camera")
        >>> video = tv.nwb.open_video(series)
        >>> video.slice(5.5, 6.0).frames.shape[0]
        15
    """
    output = checked_output(resize, colorspace, channel_format)
    check_choice("on_error", on_error, ("raise", "mask"))
    checked_threads(threads)
    external = read_series(source, name)
    uri, *further = external.uris
    place = locate(uri, further, store=store, storage_options=storage_options)
    started = time.perf_counter()
    segments, was_indexed = _segments_of(place)
    seconds = time.perf_counter() - started
    times = _frame_times(external, segments, on_mismatch, on_jump)
    if not was_indexed:
        warnings.warn(
            f"the files of {external.name!r} have no frame index; one was built in memory "
            f"in {seconds:.2f} s. To keep it, run: temporaldata-video index-nwb FILE.nwb "
            f"--series {external.name}",
            IndexWarning,
            stacklevel=2,
        )
    index = MemoryFrameIndex(external.uris, segments, times, index_id=uuid.uuid4().hex)
    part = VideoPart(place, index)
    recording = Recording((part,), output, on_error, threads)
    return LazyVideo._from_recording(recording, metadata, "auto")


def write_index(
    source: Any,
    name: str | None = None,
    *,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    on_mismatch: str = "raise",
    on_jump: str = "raise",
    overwrite: bool = False,
) -> LanceFrameIndex:
    r"""Writes the sidecar of the video of an ``ImageSeries``, with the times of NWB.

    Args:
        source: as for :func:`open_video`.
        name: as there.
        store: as there.
        storage_options: as there.
        index_uri: where the sidecar goes; beside the first video by default.
        on_mismatch: as there.
        on_jump: as there.
        overwrite: replace an index that is there already.

    Returns:
        The index, opened.

    Raises:
        ValueError: as :func:`open_video`.
        FrameIndexError: if there is an index already, or it cannot be written.
    """
    external = read_series(source, name)
    uri, *further = external.uris
    place = locate(
        uri, further, store=store, storage_options=storage_options, index_uri=index_uri
    )
    target = place.sidecar_uri
    index_store = place.store_of(target)
    if not overwrite:
        check_vacant(target, index_store)
    segments = tuple(build_segment(place.reader, uri) for uri in place.uris)
    times = _frame_times(external, segments, on_mismatch, on_jump)
    return write_sidecar(
        target, place.uris, segments, times, store=index_store, overwrite=overwrite
    )


def _segments_of(place: VideoPlace) -> tuple[tuple[SegmentIndex, ...], bool]:
    try:
        found = fresh_index(place)
    except FrameIndexError:  # of other files, or stale: of no use here
        found = None
    if found is None:
        return tuple(build_segment(place.reader, uri) for uri in place.uris), False
    return tuple(
        SegmentIndex(file.stream, file.rows(0, len(file)), file.hidden, file.fingerprint)
        for file in found.segments
    ), True


def _frame_times(
    external: ExternalVideo,
    segments: Sequence[SegmentIndex],
    on_mismatch: str,
    on_jump: str,
) -> np.ndarray:
    check_choice("on_mismatch", on_mismatch, POLICIES["on_mismatch"])
    check_choice("on_jump", on_jump, POLICIES["on_jump"])
    n_frames = external.frames
    if n_frames is None:
        n_frames = external.starts[-1] + len(segments[-1])
    stops = [*external.starts[1:], n_frames]
    numbers = np.arange(n_frames)
    if external.timestamps is None:
        times = external.starting_time + numbers / (external.rate or 1.0)
    else:
        clock = Clock(external.timestamps, on_jump=on_jump)
        what = f"ImageSeries {external.name!r}"
        times, _ = fit_clock(clock, read_stamps(clock), numbers.astype(float), what)
    clocks = []
    for uri, segment, start, stop in zip(external.uris, segments, external.starts, stops):
        message = (
            f"{uri!r} has {len(segment)} frames, and ImageSeries {external.name!r} counts "
            f"{stop - start} in it"
        )
        if len(segment) != stop - start and on_mismatch == "raise":
            raise ValueError(
                f"{message}. Check starting_frame and timestamps; on_mismatch='trim' drops "
                f"the surplus at the end of each file."
            )
        if len(segment) != stop - start:
            warnings.warn(f"{message}; the surplus is dropped.", IndexWarning, stacklevel=3)
        own = np.full(len(segment), np.nan)
        own[: stop - start] = times[start:stop][: len(segment)]
        clocks.append(own)
    return np.concatenate(clocks)
