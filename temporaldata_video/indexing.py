r"""Builds frame indexes: in memory and as sidecars."""

from __future__ import annotations

import logging
import os
import time
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from .errors import IndexWarning, SourceError, VideoError
from .index.clock.fit import container_clock, fit_clock
from .index.clock.read import read_stamps
from .index.clock.spec import as_clock
from .index.demux import MOV, Scan, scan_file, scan_header
from .index.memory import MemoryFrameIndex
from .index.order import decode_order, index_by_decoding, index_by_times, why_decode
from .index.packets import SegmentIndex
from .index.pose import check_pose
from .index.sidecar import LanceFrameIndex
from .index.write import check_vacant, write_sidecar
from .layout import frame_index_uri, normalize_uri, shown_uri
from .media.fingerprint import take_fingerprint
from .media.read import Segment
from .media.store import LocalStore
from .media.verify import Proof, prove
from .plugin.manager import resolve_index_store, resolve_store
from .progress import progress_bar
from .readback import ODD_BUDGET, find_fault, plain_budget
from .types import Fingerprint, ObjectStore, SegmentPackets

_LOG = logging.getLogger("temporaldata_video")
_METHODS = ("auto", "header", "demux")
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
    method: Literal["auto", "header", "demux"] = "auto",
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
        method: ``"header"`` to read nothing but the header of an MP4, MOV or 3GP file,
            ``"demux"`` to read any file packet by packet, or ``"auto"`` for the header
            where it serves.
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
    if clock.is_container:
        _warn_of_clocks(uris, segments)
    times, _ = fit_clock(clock, stamps, _container_clock(segments), uris[0])
    checksums = None
    if verify:
        proofs = [_prove(store, u, s, progress) for u, s in zip(uris, segments)]
        segments = [with_proof(s, proof) for s, proof in zip(segments, proofs)]
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


def with_proof(segment: SegmentIndex, proof: Proof) -> SegmentIndex:
    hidden = segment.hidden
    return replace(
        segment,
        frames=replace(segment.frames, keyframe=proof.entries),
        hidden=replace(hidden, keyframe=hidden.keyframe & proof.hidden_entry),
    )


def _warn_of_clocks(uris: Sequence[str], segments: Sequence[SegmentIndex]) -> None:
    for uri, segment in zip(uris, segments):
        if trouble := clock_trouble(segment):
            warnings.warn(
                f"{shown_uri(uri)!r} {trouble} To use the times of a camera, pass "
                f"timestamps (--timestamps).",
                IndexWarning,
                stacklevel=4,
            )


def clock_trouble(segment: SegmentPackets) -> str:
    r"""Returns what a container's own clock is no good for, as a sentence without its
    subject; ``""`` if there is nothing to say.

    Args:
        segment: the index of a file.
    """
    stream, pts = segment.stream, segment.rows(0, len(segment)).pts
    if not stream.has_times:
        interval = float(np.median(np.diff(pts)) * stream.time_base) if len(pts) > 1 else 0
        at = f" at {1 / interval:.6g} frames/s" if interval else ""
        return (
            f"is a {stream.container} stream, which holds no times: its frames are laid "
            f"out{at}, the rate that the stream states or FFmpeg assumes."
        )
    back = int(np.count_nonzero(np.diff(pts) < 0))
    if back:
        return (
            f"has a clock that steps back {back} times: recordings were joined, or a clock "
            f"was set. Its frames are numbered in the order of the file and keep its "
            f"times, so that a window of time may hold frames of several parts."
        )
    return ""


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

    Frames are read back by it, and compared with a sequential decode.

    Args:
        store: reads the file.
        uri: where the file lies.
        method: ``"header"``, ``"demux"`` or ``"auto"``.
        progress: show a progress bar for a long file.
        lasting: whether the index is good for copies of the file, too, for which its edges
            are read.

    Raises:
        ValueError: if the method is none of these.
        SourceError: if the file is no video, cannot be read frame by frame, or its header
            alone does not serve.
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}, got {method!r}.")
    fingerprint = take_fingerprint(store, uri, lasting)
    if fingerprint.size == 0:
        raise SourceError(f"{uri!r} is empty; check that it was copied whole.")
    file = _File(store, uri, fingerprint, progress)
    scan, reason = None, ""
    if method != "demux":
        scan, reason = file.scan_header()
    if method == "header" and (scan is None or reason):
        raise SourceError(
            f"{uri!r} cannot be indexed from its header: "
            f"{reason or 'it is no MP4, MOV or 3GP file'}. Use method='demux'."
        )
    if scan is None or reason:
        scan = file.scan()
        reason = why_decode(scan)
    segment = file.index_by_decoding(scan, reason) if reason else index_by_times(scan)
    if not len(segment) or not segment.stream.width:
        raise SourceError(f"{uri!r} has a video stream in which no frame can be found.")
    segment = file.finished(segment, scan)
    # To open a plain remote file, its header alone is read.
    if lasting or reason or isinstance(store, LocalStore):
        segment = file.tried(segment, scan, bool(reason))
    if segment.missing_packets:
        warnings.warn(
            f"{uri!r} declares {segment.missing_packets} frames more than it holds: it was "
            f"cut off. The {len(segment)} frames that are there are indexed.",
            IndexWarning,
            stacklevel=3,
        )
    return segment


@dataclass(frozen=True)
class _File:
    # A file that is being indexed.
    store: ObjectStore
    uri: str
    fingerprint: Fingerprint
    progress: bool

    def scan_header(self) -> tuple[Scan | None, str]:
        etag = self.fingerprint.etag or None

        def read(start: int, length: int) -> bytes:
            return self.store.read_range(self.uri, start, length, etag)

        scan = scan_header(read, self.fingerprint.size, self.uri)
        if scan is None:
            return None, ""
        if scan.keyframe.all() and len(scan) > 1 and not scan.intra_only:
            return scan, "all frames are said to be key frames"
        return scan, why_decode(scan)

    def scan(self) -> Scan:
        with (
            self.store.open(self.uri) as file,
            self.store.open(self.uri) as check,
            self._bar("", self.fingerprint.size) as advance,
        ):
            return scan_file(file, check, self.uri, advance)

    def index_by_decoding(self, scan: Scan, reason: str) -> SegmentIndex:
        _LOG.info(
            "%s is decoded once to learn the order of its frames: %s", self.uri, reason
        )
        with (
            self.store.open(self.uri) as file,
            self._bar(f" (decoded once: {reason})", len(scan)) as advance,
        ):
            shown = decode_order(file, self.uri, len(scan), advance)
        if not len(shown.packets):
            raise SourceError(
                f"{self.uri!r} has {len(scan)} packets, and none decodes. It is damaged, "
                f"encrypted, or of a kind that this FFmpeg cannot decode."
            )
        segment = index_by_decoding(scan, shown)
        if (scan.keyframe & shown.not_keys)[shown.packets].any():
            segment = self.proven(segment)
        return segment

    def proven(self, segment: SegmentIndex) -> SegmentIndex:
        finished = replace(segment, fingerprint=self.fingerprint)
        return with_proof(segment, _prove(self.store, self.uri, finished, self.progress))

    def finished(self, segment: SegmentIndex, scan: Scan) -> SegmentIndex:
        end = int((scan.pos + scan.size).max())
        cut_off = end >= self.fingerprint.size and scan.stream.container == MOV
        missing = max(0, scan.declared_frames - len(scan)) if cut_off else 0
        return replace(segment, fingerprint=self.fingerprint, missing_packets=missing)

    def tried(self, segment: SegmentIndex, scan: Scan, decoded: bool) -> SegmentIndex:
        # What the next remedy mends costs more than the one before.
        plain = not (decoded or len(segment.hidden) or segment.stream.side_data)
        budget = plain_budget(segment) if plain else ODD_BUDGET
        fault = find_fault(Segment(self.uri, segment, self.store), budget)
        if fault and fault.kind == "order" and not decoded:
            scan = self.scan()
            segment = self.finished(self.index_by_decoding(scan, fault.what), scan)
            fault = find_fault(Segment(self.uri, segment, self.store), ODD_BUDGET)
        if fault:
            segment = self.finished(self.proven(segment), scan)
            fault = find_fault(Segment(self.uri, segment, self.store), ODD_BUDGET)
        if fault and segment.stream.readable_by_packet:
            stream = replace(segment.stream, readable_by_packet=False)
            segment = replace(segment, stream=stream)
            fault = find_fault(Segment(self.uri, segment, self.store), ODD_BUDGET)
        if fault:
            raise SourceError(
                f"{self.uri!r} cannot be read frame by frame: {fault.what}. Re-encode it: "
                f"ffmpeg -i FILE -c:v libx264 -crf 17 copy.mp4"
            )
        return segment

    def _bar(
        self, why: str, total: int
    ) -> AbstractContextManager[Callable[[int], None] | None]:
        label = shown_uri(self.uri).rpartition("/")[2] + why
        shown = self.progress and self.fingerprint.size >= _PROGRESS_FROM_BYTES
        return progress_bar(label, total, shown)


def count_frames(store: ObjectStore, uri: str) -> int | None:
    r"""Returns how many frames a file has by its header, :obj:`None` if that does not say.

    Args:
        store: reads the file.
        uri: where the file lies.
    """
    try:
        fingerprint = take_fingerprint(store, uri, lasting=False)
        scan, reason = _File(store, uri, fingerprint, False).scan_header()
    except (VideoError, OSError):
        return None
    return None if scan is None or reason else int(np.count_nonzero(~scan.discard))


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
    _warn_of_clocks(uris, segments)
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
