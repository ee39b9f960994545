r"""Opens or indexes the video of an ``ImageSeries``, with the times that NWB gives it."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .._base.shell_words import shell_words
from .._base.uris import protocol_of, shown_uri
from .._base.user_warnings import warn_user
from .._build.file_index import build_segment
from .._clock.clock import POLICIES, Clock
from .._clock.fit import fit_clock
from .._clock.read_clock import read_stamps
from .._index.memory_index import MemoryFrameIndex
from .._index.packets import SegmentIndex
from .._plugin.manager import resolve_store
from .._plugin.place import VideoPlace, locate
from .._sidecar.sidecar import LanceFrameIndex
from .._sidecar.sidecar_write import write_sidecar
from .._tools.freshness import fresh_index
from .._video.arguments import check_choice, checked_output, checked_threads
from .._video.part import VideoPart
from .._video.recording import Recording
from ..errors import BackendError, FrameIndexError, IndexWarning, SourceNotFoundError
from ..hosts.temporaldata import LazyVideo
from ..types import (
    ChannelFormat,
    Colorspace,
    ObjectStore,
    OnError,
    PixelType,
    SegmentPackets,
)
from ._image_series import ExternalVideo, read_series


def open_video(
    source: Any,
    name: str | None = None,
    *,
    nwb_path: str | os.PathLike[str] | None = None,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    metadata: Any = None,
    resize: tuple[int, int] | None = None,
    colorspace: Colorspace = "RGB",
    channel_format: ChannelFormat = "NCHW",
    dtype: PixelType = "uint8",
    on_error: OnError = "raise",
    threads: int | Literal["auto"] = 1,
    on_mismatch: str = "raise",
    on_jump: str = "raise",
) -> LazyVideo:
    r"""Returns the video of an ``ImageSeries``, with the times that NWB gives its frames.

    A sidecar beside the first file says where frames lie, if it is of these files.
    Otherwise the files are indexed in memory, with a warning.

    Args:
        source: path or url of an NWB file, a ``pynwb.image.ImageSeries``, or what
            :func:`read_series` returned.
        name: of the series in the file; needed where it has several with external files.
        nwb_path: path or url of the NWB file, for a series of a file that was streamed;
            the series may name its files relative to it.
        store: reads the videos, and an NWB file that is not of this machine; found by
            their uris by default.
        storage_options: credentials and the like for the store; never shown.
        index_uri: where the sidecar lies; beside the first video by default.
        metadata: anything; slices get it as it is.
        resize: as for :meth:`temporaldata_video.LazyVideo.from_uri`.
        colorspace: as there.
        channel_format: as there.
        dtype: as there.
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
        SourceNotFoundError: if a video is neither where NWB says, relative to the NWB
            file, nor beside that file.

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
    output = checked_output(resize, colorspace, channel_format, dtype)
    check_choice("on_error", on_error, ("raise", "mask"))
    checked_threads(threads)
    external = _read(source, name, nwb_path, store, storage_options)
    place = place_of(external, store, storage_options, index_uri)
    started = time.perf_counter()
    found = _by_sidecar(place)
    segments = found or _indexed(place, external)
    seconds = time.perf_counter() - started
    times = _frame_times(external, segments, on_mismatch, on_jump)
    if not found:
        words = [shown_uri(external.nwb_path) or "FILE.nwb", "--series", external.name]
        # Servers of HTTP take no files.
        then = ""
        if place.uri.startswith("http"):
            words += ["--index-uri", "PATH"]
            then = "; then pass index_uri='PATH'"
        warn_user(
            f"the files of {external.name!r} have no frame index; one was built in memory "
            f"in {seconds:.2f} s. To keep it, run: temporaldata-video index-nwb "
            f"{shell_words(words)}{then}",
            IndexWarning,
        )
    index = MemoryFrameIndex(external.uris, segments, times, index_id=uuid.uuid4().hex)
    part = VideoPart(place, index)
    recording = Recording((part,), output, on_error, threads)
    return LazyVideo._from_recording(recording, metadata, "auto")


def write_index(
    source: Any,
    name: str | None = None,
    *,
    nwb_path: str | os.PathLike[str] | None = None,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    on_mismatch: str = "raise",
    on_jump: str = "raise",
    overwrite: bool = False,
) -> LanceFrameIndex:
    r"""Writes the sidecar of the video of an ``ImageSeries``, with the times of NWB.

    A sidecar that is there already stays if it is of these files and times.

    Args:
        source: as for :func:`open_video`.
        name: as there.
        nwb_path: as there.
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
        FrameIndexError: if there is an index of other files or times, or it cannot be
            written.
        BackendError: if it would lie on an HTTP server.
    """
    external = _read(source, name, nwb_path, store, storage_options)
    place = place_of(external, store, storage_options, index_uri)
    return keep_or_write(external, place, on_mismatch, on_jump, overwrite)[0]


def keep_or_write(
    external: ExternalVideo,
    place: VideoPlace,
    on_mismatch: str,
    on_jump: str,
    overwrite: bool,
) -> tuple[LanceFrameIndex, bool]:
    r"""Returns the index of a series, and whether it was there already.

    Args:
        external: what the series says about its files.
        place: where these are, and where the index lies or goes.
        on_mismatch: as for :func:`write_index`.
        on_jump: as there.
        overwrite: as there.
    """
    kept = None if overwrite else _fresh(place, external, on_mismatch, on_jump)
    if kept is not None:
        return kept, True
    target = place.sidecar_uri
    index_store = place.store_of(target)
    segments = _indexed(place, external)
    times = _frame_times(external, segments, on_mismatch, on_jump)
    written = write_sidecar(
        target, place.uris, segments, times, store=index_store, overwrite=overwrite
    )
    return written, False


def _read(
    source: Any,
    name: str | None,
    nwb_path: str | os.PathLike[str] | None,
    store: ObjectStore | None,
    storage_options: Mapping[str, Any] | None,
) -> ExternalVideo:
    if store is None and isinstance(source, str) and protocol_of(source):
        store = resolve_store(source, storage_options)
    return read_series(source, name, nwb_path=nwb_path, store=store)


def place_of(
    external: ExternalVideo,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
) -> VideoPlace:
    r"""Returns where the files of a series are, in the order that NWB says.

    Args:
        external: what the series says about its files.
        store: as for :func:`write_index`.
        storage_options: as there.
        index_uri: as there.
    """
    uri, *further = external.uris
    place = locate(uri, store=store, storage_options=storage_options, index_uri=index_uri)
    return replace(place, uris=(uri, *further), folder="")


def _fresh(
    place: VideoPlace, external: ExternalVideo, on_mismatch: str, on_jump: str
) -> LanceFrameIndex | None:
    found = fresh_index(place)
    if found is None:
        return None
    times = _frame_times(external, found.segments, on_mismatch, on_jump)
    if not np.array_equal(found.timestamps(), times, equal_nan=True):
        raise FrameIndexError(
            f"there is an index at {found.uri!r} already, and its times are not those of "
            f"ImageSeries {external.name!r}. To replace it and its times, pass "
            f"overwrite=True; to keep both, write this one to another place: index_uri=..."
        )
    return found


def _indexed(place: VideoPlace, external: ExternalVideo) -> tuple[SegmentIndex, ...]:
    try:
        return tuple(build_segment(place.reader, uri) for uri in place.uris)
    except SourceNotFoundError as error:
        # A video that is opened by itself would have times that are not NWB's.
        there = f" of {shown_uri(external.nwb_path)!r}" if external.nwb_path else ""
        gone = [shown_uri(uri) for uri in place.uris]
        raise SourceNotFoundError(
            f"ImageSeries {external.name!r}{there} names {', '.join(map(repr, gone))}, of "
            f"which one is not there ({str(error).split('. ')[0]}). Put the videos there, "
            f"or beside the NWB file under the same names."
        ) from error


def _by_sidecar(place: VideoPlace) -> tuple[SegmentIndex, ...]:
    # The files by a sidecar that is of use here; nothing without one.
    try:
        found = fresh_index(place)
    except (FrameIndexError, BackendError):  # of other files, stale, or where none can be
        found = None
    return tuple(
        SegmentIndex(file.stream, file.rows(0, len(file)), file.hidden, file.fingerprint)
        for file in (found.segments if found else ())
    )


def _frame_times(
    external: ExternalVideo,
    segments: Sequence[SegmentPackets],
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
            warn_user(
                f"{message}; the surplus is dropped.",
                IndexWarning,
            )
        own = np.full(len(segment), np.nan)
        own[: stop - start] = times[start:stop][: len(segment)]
        clocks.append(own)
    return np.concatenate(clocks)
