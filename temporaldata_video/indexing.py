r"""Builds frame indexes: in memory and as sidecars."""

from __future__ import annotations

import logging
import os
import time
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .errors import IndexWarning, SourceError, VideoError
from .index.boxes import BoxesUnsupported, scan_boxes
from .index.clock.fit import container_clock, fit_clock
from .index.clock.read import read_stamps
from .index.clock.spec import as_clock
from .index.demux import scan_packets
from .index.memory import MemoryFrameIndex
from .index.packets import SegmentIndex
from .index.pose import check_pose
from .index.preamble import PREAMBLE_SEARCH_BYTES, find_preamble
from .index.sidecar import LanceFrameIndex
from .index.write import check_vacant, write_sidecar
from .layout import frame_index_uri, normalize_uri, shown_uri
from .media.fingerprint import take_fingerprint
from .media.rangefile import reading_ahead
from .media.read import Segment
from .media.verify import Proof, prove
from .plugin.manager import resolve_index_store, resolve_store
from .progress import progress_bar
from .types import ByteRange, Fingerprint, ObjectMeta, ObjectStore, Packets

_LOG = logging.getLogger("temporaldata_video")
_METHODS = ("auto", "boxes", "demux")
# Files below this size are indexed before a progress bar could be read.
_PROGRESS_FROM_BYTES = 64 * 1024 * 1024


def write_index(
    uri: str | os.PathLike[str],
    *,
    timestamps: Any = None,
    column: str | int | None = None,
    segment_uris: Sequence[str | os.PathLike[str]] | None = None,
    store: ObjectStore | None = None,
    storage_options: Mapping[str, Any] | None = None,
    index_uri: str | os.PathLike[str] | None = None,
    on_mismatch: Literal["raise", "trim"] = "raise",
    on_nan: Literal["raise", "drop"] = "raise",
    pose: str | os.PathLike[str] | None = None,
    method: Literal["auto", "boxes", "demux"] = "auto",
    verify: bool = False,
    overwrite: bool = False,
    progress: bool = True,
) -> LanceFrameIndex:
    r"""Indexes a video and writes the sidecar beside it, in one commit.

    Args:
        uri: the video, or its first file.
        timestamps: when each frame was taken: an array of seconds of shape (n,), the path
            of a ``.npy``, text, Parquet or HDF5 file of seconds, or a
            :obj:`~temporaldata_video.Clock` that says more. The container's own clock by
            default. Steps back, and jumps of more than a day, are refused unless a
            ``Clock`` allows them.
        column: name or number of the clock's column in a table.
        segment_uris: the further files of a video that is cut into several.
        store: reads the video; found by its uri by default.
        storage_options: credentials and the like for the store.
        index_uri: where the sidecar goes; beside the video by default.
        on_mismatch: what to do about more frames than timestamps, or the reverse:
            ``"raise"``, or ``"trim"`` to drop the surplus at the end with a warning.
        on_nan: what to do about timestamps that are NaN: ``"raise"``, or ``"drop"`` to
            leave out their frames.
        pose: a pose table of SLEAP (``.analysis.h5``) or DeepLabCut (``.h5``, ``.csv``);
            the video must have as many frames as it has rows.
        method: ``"boxes"`` to read nothing but the header of an MP4 file, ``"demux"`` to
            read any file packet by packet, or ``"auto"`` for boxes where they serve.
        verify: decode everything, in sequence and from each key frame. Only key frames
            from which frames come out as in sequence are then started at, and the index
            keeps a checksum of each frame for ``check --checksums``.
        overwrite: replace an index that is there already.
        progress: show a progress bar for long files.

    Returns:
        The index, opened.

    Raises:
        SourceError: if a file cannot be read or is no video.
        ClockError: if the clock has a fault, or does not fit the frames.
        ValueError: if the clock cannot be read, or the pose table is of another video.
        FrameIndexError: if there is an index already, or it cannot be written.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> clip = make_clip("clip.mp4", n_frames=60, rate=30)
        >>> index = tv.write_index(clip, progress=False)
        >>> index.timestamps()[:3].round(3)
        array([0.   , 0.033, 0.067])
    """
    clock = as_clock(timestamps, column=column, on_mismatch=on_mismatch, on_nan=on_nan)
    uris = [normalize_uri(u) for u in (uri, *(segment_uris or ()))]
    store = store or resolve_store(uris[0], storage_options)
    target = normalize_uri(index_uri) if index_uri else frame_index_uri(uris[0])
    target_store = resolve_index_store(target, uris[0], store)
    if not overwrite:
        check_vacant(target, target_store)
    stamps = read_stamps(clock)
    segments = [build_segment(store, u, method=method, progress=progress) for u in uris]
    if pose is not None:
        check_pose(pose, sum(map(len, segments)), uris[0])
    times, _ = fit_clock(clock, stamps, _container_clock(segments), uris[0])
    checksums = None
    if verify:
        proofs = [_prove(store, u, s, progress) for u, s in zip(uris, segments)]
        segments = [_with_proof(s, proof) for s, proof in zip(segments, proofs)]
        checksums = np.concatenate([proof.checksums for proof in proofs])
    return write_sidecar(
        target,
        uris,
        segments,
        times,
        checksums=checksums,
        store=target_store,
        overwrite=overwrite,
    )


def _prove(store: ObjectStore, uri: str, segment: SegmentIndex, progress: bool) -> Proof:
    label = shown_uri(uri).rpartition("/")[2]
    shown = progress and store.head(uri).size >= _PROGRESS_FROM_BYTES // 16
    with progress_bar(label, 2 * len(segment), shown) as advance:
        return prove(Segment(uri, segment, store), advance)


def _with_proof(segment: SegmentIndex, proof: Proof) -> SegmentIndex:
    hidden = segment.hidden
    return replace(
        segment,
        frames=replace(segment.frames, keyframe=proof.entries),
        hidden=replace(hidden, keyframe=hidden.keyframe & proof.hidden_entry),
    )


def _container_clock(segments: Sequence[SegmentIndex]) -> np.ndarray:
    return container_clock([(s.frames.pts, s.stream.time_base) for s in segments])


def build_segment(
    store: ObjectStore,
    uri: str,
    *,
    method: str = "auto",
    progress: bool = False,
    lasting: bool = True,
) -> SegmentIndex:
    r"""Returns the index of one file, fingerprint included.

    Args:
        store: reads the file.
        uri: where the file lies.
        method: ``"boxes"``, ``"demux"`` or ``"auto"``.
        progress: show a progress bar for a long file.
        lasting: whether the index is good for copies of the file, too, for which its edges
            are read.

    Raises:
        ValueError: if the method is none of these.
        SourceError: if the file is no video, or boxes alone do not serve.
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}, got {method!r}.")
    fingerprint = take_fingerprint(store, uri, lasting)
    if fingerprint.size == 0:
        raise SourceError(f"{uri!r} is empty; check that it was copied whole.")
    segment = None
    if method != "demux":
        segment = _scan_header(store, uri, fingerprint, required=method == "boxes")
    if segment is None:
        segment = _scan_whole(store, uri, fingerprint.size, progress)
    if segment.missing_packets:
        warnings.warn(
            f"{uri!r} declares {segment.missing_packets} frames more than it holds: it was "
            f"cut off. The {len(segment)} frames that are there are indexed.",
            IndexWarning,
            stacklevel=3,
        )
    return replace(segment, fingerprint=fingerprint)


def _scan_header(
    store: ObjectStore, uri: str, fingerprint: Fingerprint, required: bool
) -> SegmentIndex | None:
    meta = ObjectMeta(fingerprint.size, fingerprint.etag)
    read = reading_ahead(store, uri, meta)
    try:
        segment = scan_boxes(read, fingerprint.size)
    except BoxesUnsupported as reason:
        if required:
            raise SourceError(
                f"{uri!r} cannot be indexed from its boxes: {reason}. Use method='demux'."
            ) from reason
        _LOG.info("%s is indexed packet by packet: %s", uri, reason)
        return None
    first = _first_packet(segment)
    head = read(first.start, min(first.stop - first.start, PREAMBLE_SEARCH_BYTES))
    return replace(
        segment,
        stream=replace(segment.stream, preamble=find_preamble(segment.stream, head)),
    )


def count_frames(store: ObjectStore, uri: str) -> int | None:
    r"""Returns how many frames a file has by its header, :obj:`None` if that does not say.

    Args:
        store: reads the file.
        uri: where the file lies.
    """
    try:
        fingerprint = take_fingerprint(store, uri, lasting=False)
        segment = _scan_header(store, uri, fingerprint, required=False)
    except (VideoError, OSError):
        return None
    return None if segment is None else len(segment)


def _first_packet(segment: SegmentIndex) -> ByteRange:
    tables = [table for table in (segment.frames, segment.hidden) if len(table)]
    packets = Packets.concatenate(tables)
    first = int(packets.dts.argmin())
    start = int(packets.pos[first])
    return ByteRange(start, start + int(packets.size[first]))


def _scan_whole(store: ObjectStore, uri: str, size: int, progress: bool) -> SegmentIndex:
    label = uri.rpartition("/")[2]
    shown = progress and size >= _PROGRESS_FROM_BYTES
    with (
        store.open(uri) as file,
        store.open(uri) as check,
        progress_bar(label, size, shown) as advance,
    ):
        return scan_packets(file, check, uri, advance)


def build_memory_index(store: ObjectStore, uris: Sequence[str]) -> MemoryFrameIndex:
    r"""Indexes a video that has no sidecar, with a warning that says how to make one.

    Args:
        store: reads the files.
        uris: the files of the video.
    """
    started = time.perf_counter()
    segments = tuple(build_segment(store, uri, lasting=False) for uri in uris)
    seconds = time.perf_counter() - started
    names = [shown_uri(uri) for uri in uris]
    place = " --index-uri PATH" if uris[0].startswith("http") else ""
    warnings.warn(
        f"{names[0]!r} has no frame index; one was built in memory in {seconds:.2f} s. To "
        f"keep it, run: temporaldata-video index {' '.join(names)}{place}",
        IndexWarning,
        stacklevel=6,
    )
    return MemoryFrameIndex(
        tuple(uris), segments, _container_clock(segments), index_id=uuid.uuid4().hex
    )
